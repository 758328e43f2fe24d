use super::reading::Section;
use super::value::{app_link, flag, text, web_address, word};
use crate::domain::{MerchantId, Route, RouteKey, RouteKind};

/// What an entry of `[routes.*]` came to.
pub(super) struct ReadRoute {
    /// Its key from the root.
    pub(super) path: String,
    /// The merchant it names.
    pub(super) merchant: Option<MerchantId>,
    /// The whole of it, if it is without mistakes.
    pub(super) route: Option<Route>,
}

/// Reads `[routes.*]`, in the order of the file.
pub(super) fn read(root: &mut Section<'_, '_, '_>) -> Vec<ReadRoute> {
    root.named("routes").into_iter().map(|(name, section)| route(&name, section)).collect()
}

#[derive(Clone, Copy)]
enum Kind {
    Web,
    App,
}

fn route(name: &str, mut section: Section<'_, '_, '_>) -> ReadRoute {
    let path = section.path.clone();
    let key = RouteKey::new(name).map_err(|problem| {
        section.reading.note(&section.span, section.path.as_str(), format!("the name {problem}; choose another"));
    });
    let kind = section.required("kind", r#""web""#, |value| word(value, &[("web", Kind::Web), ("app", Kind::App)]));
    let merchant = section.required("merchant", r#""mall""#, |value| {
        MerchantId::new(text(value)?).map_err(|problem| format!("{problem}; write the name of a merchant"))
    });
    let url = section.required("url", r#""https://pay.example.com/""#, |value| match kind {
        Some(Kind::App) => app_link(value),
        // Where the kind is mistaken, what both kinds refuse is a mistake anyway.
        Some(Kind::Web) => web_address(value),
        None => app_link(value),
    });
    let product = section.optional("product", text);
    let closed = section.or("closed", false, flag);
    section.finish();
    let named = merchant.clone();
    let whole = || {
        let url = url?;
        let kind = match kind? {
            Kind::Web => RouteKind::Web { url },
            Kind::App => RouteKind::App { url },
        };
        Some(Route { key: key.ok()?, merchant: merchant?, product: product?, kind, closed: closed? })
    };
    ReadRoute { path, merchant: named, route: whole() }
}
