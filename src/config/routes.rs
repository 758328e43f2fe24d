use super::probe;
use super::reading::Section;
use super::value::{flag, instant, text, word};
use crate::domain::{MerchantId, Route, RouteKey, RouteKind, check_form};
use crate::pipeline::Expected;

/// What an entry of `[routes.*]` came to.
pub(super) struct ReadRoute {
    /// Its key from the root.
    pub(super) path: String,
    /// The merchant it names.
    pub(super) merchant: Option<MerchantId>,
    /// What its probes are to find.
    pub(super) expected: Option<Expected>,
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
    let kind = section.required("kind", r#""web""#, |value| word(value, &[("web", "web"), ("app", "app")]));
    let merchant = section.required("merchant", r#""mall""#, |value| {
        MerchantId::new(text(value)?).map_err(|problem| format!("{problem}; write the name of a merchant"))
    });
    let kind = section.required("url", r#""https://pay.example.com/""#, |value| {
        // Where the kind is mistaken, what both kinds refuse is a mistake anyway.
        let kind = RouteKind::of(kind.unwrap_or("app"), text(value)?);
        kind.map_or(Ok(None), |kind| check_form(&kind).map(|()| Some(kind)).map_err(|refusal| refusal.to_string()))
    });
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
            kind: kind??,
            valid_from: valid_from?,
            valid_until: valid_until?,
            closed: closed?,
            replaced_by: replaced_by?,
        })
    };
    ReadRoute { path, merchant: named, expected, route: whole() }
}
