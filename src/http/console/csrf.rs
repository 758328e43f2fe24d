//! POSTs come from the console's own forms: the browser names the site that they come from, and each carries a token
//! that no other site can read. A session cookie alone changes nothing.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use minijinja::context;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::cookie::Cookie;
use super::page::page;
use super::staff::{Staff, frame_of};
use super::{Console, hex};
use crate::config::ConsoleUrl;

/// The largest form, in bytes.
const MAX_FORM: usize = 64 * 1024;

const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Refuses a POST that does not come from a form of the console; of other methods, all but GET and HEAD.
pub(super) async fn from_own_form(State(console): State<Console>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let frame = frame_of(&request);
    let refused = || page(StatusCode::FORBIDDEN, "stale-form.html", &frame, context! {});
    let (parts, body) = request.into_parts();
    if parts.method != Method::POST || !is_own_site(console.url(), &parts.headers) || !is_form(&parts.headers) {
        return refused();
    }
    let expected = match parts.extensions.get::<Staff>() {
        Some(staff) => Some(staff.csrf_token().to_owned()),
        None => Cookie::Form.read(console.url(), &parts.headers).map(form_token),
    };
    let Ok(body) = to_bytes(body, MAX_FORM).await else {
        return page(StatusCode::PAYLOAD_TOO_LARGE, "stale-form.html", &frame, context! {});
    };
    let is_known = expected
        .is_some_and(|expected| token(&body).is_some_and(|shown| shown.as_bytes().ct_eq(expected.as_bytes()).into()));
    if !is_known {
        return refused();
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

/// The token of the login form: only who reads the form's cookie knows it.
pub(super) fn form_token(cookie: &str) -> String {
    hex(&Sha256::digest(format!("form {cookie}")))
}

fn token(body: &Bytes) -> Option<String> {
    form_urlencoded::parse(body).find(|(key, _)| key == "csrf").map(|(_, value)| value.into_owned())
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Whether the browser says that the request comes from a page of the console. A browser that does not know
/// `Sec-Fetch-Site` names at least the origin. Pages have the referrer policy `no-referrer`, with which a browser
/// writes `null` there: it counts only beside a `Sec-Fetch-Site`.
fn is_own_site(url: &ConsoleUrl, headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    let mut origins = headers.get_all(ORIGIN).iter();
    match (sites.next(), origins.next()) {
        _ if sites.next().is_some() || origins.next().is_some() => false,
        (Some(site), origin) => {
            site == "same-origin" && origin.is_none_or(|origin| *origin == url.origin || origin == "null")
        }
        (None, Some(origin)) => *origin == url.origin,
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use rstest::rstest;

    use super::is_own_site;
    use crate::config::ConsoleUrl;

    #[rstest]
    #[case::of_a_browser(&[("sec-fetch-site", "same-origin"), ("origin", "https://desk.example")], true)]
    #[case::without_referrer(&[("sec-fetch-site", "same-origin"), ("origin", "null")], true)]
    #[case::of_an_old_browser(&[("origin", "https://desk.example")], true)]
    #[case::of_a_foreign_site(&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")], false)]
    #[case::of_a_neighbour(&[("sec-fetch-site", "same-site"), ("origin", "https://pay.example")], false)]
    #[case::typed(&[("sec-fetch-site", "none")], false)]
    #[case::of_another_port(&[("origin", "https://desk.example:8443")], false)]
    #[case::of_another_scheme(&[("origin", "http://desk.example")], false)]
    #[case::of_a_sandbox(&[("origin", "null")], false)]
    #[case::of_two_minds(&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], false)]
    #[case::said_twice(&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], false)]
    #[case::of_no_browser(&[], false)]
    fn a_form_comes_from_the_console_itself(#[case] lines: &[(&'static str, &str)], #[case] expected: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().expect("ASCII"));
        }
        let url = ConsoleUrl { origin: "https://desk.example".to_owned(), is_https: true };
        assert_eq!(is_own_site(&url, &headers), expected);
    }
}
