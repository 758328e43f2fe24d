//! Templates, the style sheet and the headers of every page.

use std::sync::LazyLock;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The one style sheet, put inline into every page: a page loads nothing further.
const CSS: &str = include_str!("../../templates/web/style.css");

/// Every file of `templates/web/`, by the name under which `{% extends %}` finds it.
const TEMPLATES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = pages.syntax().to_builder().trim_blocks(true).lstrip_blocks(true).build();
    pages.set_syntax(syntax.expect("jinja's own delimiters are sound"));
    pages.add_global("css", Value::from_safe_string(CSS.to_owned()));
    for (name, source) in TEMPLATES.iter().filter(|(name, _)| name.ends_with(".html")) {
        pages.add_template(name, source).expect("the compiled-in templates parse: tests render every one");
    }
    pages
});

/// Nothing but the one style sheet, which is named by its hash: no script, no image, no frame, nothing remote.
static STRICT_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| strict_policy("'none'"));

static FORM_POLICY: LazyLock<HeaderValue> = LazyLock::new(|| strict_policy("'self'"));

/// The strict policy of a page whose forms lead there.
pub(super) fn strict_policy(form_action: &str) -> HeaderValue {
    let hash = STANDARD.encode(Sha256::digest(CSS.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action {form_action}; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("base64, fixed words, and hosts and schemes of sound addresses are ASCII")
}

/// What the headers of a page allow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// The style sheet and nothing else.
    Strict,
    /// Also a form that goes back to where the page came from.
    HasForm,
    /// Also the inline styles and embedded images of an e-mail shown in a frame: a frame's `srcdoc` inherits the policy
    /// of the page around it. Scripts stay off, in the page and in the frame.
    ShowsMail,
}

/// Renders a template. One that does not render is logged, without the values, and gives a plain 500.
pub(super) fn page(status: StatusCode, template: &str, context: impl Serialize) -> Response {
    match PAGES.get_template(template).and_then(|found| found.render(Serde(context))) {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(template, kind = ?error.kind(), line = error.line(), "a page does not render");
            (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n").into_response()
        }
    }
}

/// Sets the headers that keep a page private: not stored, not indexed, not framed, and its address not passed on.
pub(super) fn set_headers(headers: &mut HeaderMap, strictness: Strictness) {
    let policy = match strictness {
        Strictness::Strict => STRICT_POLICY.clone(),
        Strictness::HasForm => FORM_POLICY.clone(),
        Strictness::ShowsMail => HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ),
    };
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow"));
}

#[cfg(test)]
mod tests {
    use super::TEMPLATES;
    use crate::render::page_languages;

    #[test]
    fn each_language_of_pages_has_its_landing_page() {
        for tag in page_languages() {
            let name = format!("landing.{tag}.html");
            assert!(TEMPLATES.iter().any(|(known, _)| *known == name), "templates/web/{name} is missing");
        }
    }
}
