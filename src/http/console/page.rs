//! Templates, style sheet, script and headers of the console's pages.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, State, UndefinedBehavior, Value};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::texts::{ConsoleLanguage, text_of_tag};
use crate::http::page::{Strictness, fill, lang, missing_text, set_headers};

const CSS: &str = include_str!("../../../templates/console/style.css");
const SCRIPT: &str = include_str!("../../../templates/console/script.js");

/// Every file of `templates/console/`, by the name under which `{% extends %}` finds it.
const TEMPLATES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/console.rs"));

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = pages.syntax().to_builder().trim_blocks(true).lstrip_blocks(true).build();
    pages.set_syntax(syntax.expect("jinja's own delimiters are sound"));
    // The digest in the address lets a browser keep the file until another version has another one.
    pages.add_global("style", format!("/console/style.css?{}", digest(CSS)));
    pages.add_global("script", format!("/console/script.js?{}", digest(SCRIPT)));
    pages.add_function("say", say);
    for (name, source) in TEMPLATES.iter().filter(|(name, _)| name.ends_with(".html")) {
        pages.add_template(name, source).expect("the compiled-in templates parse: tests render every one");
    }
    pages
});

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// `{{ say("key", name=value) }}`: a text of the console in the page's language, `lang`.
fn say(state: &State<'_, '_>, key: &str, values: Kwargs) -> Result<Value, Error> {
    let lang = lang(state);
    let text = text_of_tag(&lang, key).ok_or_else(|| missing_text(key, &lang))?;
    fill(state, text, &values)
}

/// The part of a page around its content.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Frame {
    /// The language of the texts.
    pub(super) lang: &'static str,
    /// The person who is logged in; `None` on the pages before that.
    pub(super) person: Option<FramePerson>,
}

/// The person who is logged in, for the head of a page and for its forms.
#[derive(Debug, Clone, Serialize)]
pub(super) struct FramePerson {
    /// The name.
    pub(super) name: String,
    /// The word of the role.
    pub(super) role: &'static str,
    /// The hidden field `csrf` of every form.
    pub(super) csrf: String,
}

impl Frame {
    /// The frame of pages before the login.
    pub(super) fn open(language: ConsoleLanguage) -> Self {
        Self { lang: language.tag(), person: None }
    }
}

#[derive(Serialize)]
struct FramedPage<'a, T> {
    #[serde(flatten)]
    frame: &'a Frame,
    page: T,
}

/// Renders a template; it sees the frame's fields, and its context as `page`. One that does not render is logged,
/// without the values, and gives a plain 500.
pub(super) fn page(status: StatusCode, template: &str, frame: &Frame, context: impl Serialize) -> Response {
    let context = FramedPage { frame, page: context };
    let mut response = match PAGES.get_template(template).and_then(|found| found.render(Serde(context))) {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(template, kind = ?error.kind(), line = error.line(), "a page does not render");
            (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n").into_response()
        }
    };
    set_page_headers(response.headers_mut());
    response
}

/// Styles and scripts come from files of the console, forms go back to it; nothing is inline, framed or remote.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; frame-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

fn set_page_headers(headers: &mut HeaderMap) {
    set_headers(headers, Strictness::HasForm);
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
}

/// `/console/style.css`
pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", CSS)
}

/// `/console/script.js`
pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

/// A file that holds nothing of anybody, and has another address when it changes.
fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
    ];
    (headers, text).into_response()
}
