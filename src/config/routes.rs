//! `[routes.*]`: ways to repay.

use std::collections::BTreeMap;

use super::merchants::{email, support_hours};
use super::probe;
use super::reading::Section;
use super::value::{flag, instant, text, word};
use crate::domain::{AppGuide, AppSteps, MerchantId, Route, RouteKey, RouteKind, Support, check_form};
use crate::pipeline::ProbeExpectation;
use crate::render::page_languages;

/// A parsed entry of `[routes.*]`.
pub(super) struct ReadRoute {
    /// Its key from the root.
    pub(super) path: String,
    /// The merchant it names.
    pub(super) merchant: Option<MerchantId>,
    /// The results that its probes expect.
    pub(super) expected: Option<ProbeExpectation>,
    /// The whole of it, if it is without mistakes.
    pub(super) route: Option<Route>,
}

/// Reads `[routes.*]`, in the order of the file.
pub(super) fn read(root: &mut Section<'_, '_, '_>) -> Vec<ReadRoute> {
    root.named("routes").into_iter().map(|(name, section)| route(&name, section)).collect()
}

fn route(name: &str, mut section: Section<'_, '_, '_>) -> ReadRoute {
    let path = section.path.clone();
    let key = RouteKey::new(name).map_err(|problem| {
        section.reading.note(&section.span, section.path.as_str(), format!("the name {problem}; choose another"));
    });
    let merchant = section.required("merchant", r#""mall""#, |value| {
        MerchantId::new(text(value)?).map_err(|problem| format!("{problem}; write the name of a merchant"))
    });
    let kind = kind(&mut section);
    let product = section.optional("product", text);
    let valid_from = section.optional("valid_from", instant);
    let valid_until = section.optional("valid_until", instant);
    let closed = section.or("closed", false, flag);
    let replaced_by = section.optional("replaced_by", |value| {
        RouteKey::new(text(value)?).map_err(|problem| format!("{problem}; write the name of another route"))
    });
    let expected = probe::read_expected(&mut section);
    section.finish();
    let named = merchant.clone();
    let whole = || {
        Some(Route {
            key: key.ok()?,
            merchant: merchant?,
            product: product?,
            kind: kind?,
            valid_from: valid_from?,
            valid_until: valid_until?,
            closed: closed?,
            replaced_by: replaced_by?,
        })
    };
    ReadRoute { path, merchant: named, expected, route: whole() }
}

#[derive(Clone, Copy)]
enum Word {
    Web,
    App,
    Support,
}

fn kind(section: &mut Section<'_, '_, '_>) -> Option<RouteKind> {
    let words = [("web", Word::Web), ("app", Word::App), ("support", Word::Support)];
    let word = section.required("kind", r#""web""#, |value| word(value, &words));
    match word {
        Some(Word::Support) => contact(section).map(|contact| RouteKind::Support { contact }),
        Some(Word::App) => {
            let guide = guide(section);
            Some(RouteKind::App { url: address(section, app)?, guide: guide? })
        }
        Some(Word::Web) => Some(RouteKind::Web { url: address(section, |url| RouteKind::Web { url })? }),
        // A value that both kinds refuse is a mistake in any case. Reading the keys of both keeps them from being
        // reported as unknown.
        None => {
            drop(guide(section));
            drop(address(section, app));
            None
        }
    }
}

fn app(url: String) -> RouteKind {
    RouteKind::App { url, guide: AppGuide::default() }
}

fn address(section: &mut Section<'_, '_, '_>, kind: impl Fn(String) -> RouteKind) -> Option<String> {
    section.required("url", r#""https://pay.example.com/""#, |value| {
        let url = text(value)?;
        check_form(&kind(url.clone())).map(|()| url).map_err(|refusal| refusal.to_string())
    })
}

fn guide(section: &mut Section<'_, '_, '_>) -> Option<AppGuide> {
    let stores = section.list("stores", text);
    let mut steps = section.section("steps");
    let read = page_languages().map(|tag| Some((tag.to_owned(), steps.list(tag, text)?.unwrap_or_default())));
    let by_language: Vec<_> = read.collect();
    steps.finish();
    let by_language: BTreeMap<_, _> = by_language.into_iter().collect::<Option<_>>()?;
    Some(AppGuide { stores: stores?.unwrap_or_default(), steps: AppSteps::from(by_language) })
}

/// The contact of a support route, if it is not the merchant's own customer service.
fn contact(section: &mut Section<'_, '_, '_>) -> Option<Option<Support>> {
    let phone = section.optional("phone", text);
    let email = section.optional("email", email);
    let hours = support_hours(section, None);
    let (phone, email, hours) = (phone?, email?, hours?);
    if phone.is_none() && email.is_none() {
        if hours.is_some() {
            let text =
                "are of nobody; write phone or email as well, or leave it out for the merchant's customer service";
            section.reading.note_at(&section.key("hours"), text);
            return None;
        }
        return Some(None);
    }
    Some(Some(Support { phone, email, hours }))
}
