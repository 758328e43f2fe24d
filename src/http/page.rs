//! Templates, the style sheet and the headers of every page.

use std::sync::LazyLock;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, ErrorKind, HtmlEscape, State, UndefinedBehavior, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::render::{main_page_languages, page_text};

/// The one style sheet, put inline into every page: a page loads nothing further.
pub(super) const CSS: &str = include_str!("../../templates/web/style.css");

/// Every file of `templates/web/`, by the name under which `{% extends %}` finds it.
const TEMPLATES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = pages.syntax().to_builder().trim_blocks(true).lstrip_blocks(true).build();
    pages.set_syntax(syntax.expect("jinja's own delimiters are sound"));
    pages.add_global("css", Value::from_safe_string(CSS.to_owned()));
    pages.add_global("languages", Value::from_iter(main_page_languages()));
    pages.add_function("say", say);
    for (name, source) in TEMPLATES.iter().filter(|(name, _)| name.ends_with(".html")) {
        pages.add_template(name, source).expect("the compiled-in templates parse: tests render every one");
    }
    pages
});

/// `{{ say("key", name=value) }}`: a text of the page's language, `lang`.
fn say(state: &State<'_, '_>, key: &str, values: Kwargs) -> Result<Value, Error> {
    let lang = lang(state);
    let text = page_text(&lang, key).ok_or_else(|| missing_text(key, &lang))?;
    fill(state, text, &values)
}

/// The language of a page.
pub(super) fn lang(state: &State<'_, '_>) -> String {
    state.lookup("lang").and_then(|lang| lang.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The error for a text, or a value in it, that a page lacks.
pub(super) fn missing_text(what: &str, lang: &str) -> Error {
    Error::new(ErrorKind::UndefinedError, format!("{what} of a page text in {lang}"))
}

/// A text with values in its places: those given, or else those of the page. Texts are HTML; values are escaped.
pub(super) fn fill(state: &State<'_, '_>, text: &str, values: &Kwargs) -> Result<Value, Error> {
    let mut rest = text;
    let mut html = String::with_capacity(2 * rest.len());
    while let Some((before, (place, after))) =
        rest.split_once('{').and_then(|(before, place)| Some((before, place.split_once('}')?)))
    {
        html.push_str(before);
        let given: Option<Value> = values.get(place)?;
        let value = given.or_else(|| state.lookup(place)).filter(|value| !value.is_undefined() && !value.is_none());
        let value = value.ok_or_else(|| missing_text(place, &lang(state)))?.to_string();
        let (first, last) = (value.chars().next(), value.chars().next_back());
        html.push_str(space_between(before.chars().next_back(), first));
        html.push_str(&HtmlEscape(&value).to_string());
        html.push_str(space_between(after.chars().next(), last));
        rest = after;
    }
    values.assert_all_used()?;
    html.push_str(rest);
    Ok(Value::from_safe_string(html))
}

/// Chinese puts a space between its characters and a Latin name among them.
fn space_between(around: Option<char>, edge: Option<char>) -> &'static str {
    let is_chinese = around.is_some_and(|around| ('\u{4e00}'..='\u{9fff}').contains(&around));
    if is_chinese && edge.is_some_and(|edge| edge.is_ascii_alphabetic()) { " " } else { "" }
}

/// Allows only the style sheet, by its hash: no script, no image, no frame, nothing remote.
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

/// The content that a page's headers permit.
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
