//! `/console/…`: the desk of the staff, at an address of its own.
//!
//! | file | content |
//! |---|---|
//! | `page` | templates, style sheet, script and headers of its pages |
//! | `texts` | the texts of its pages, in the languages of the staff |
//!
//! Pages are made on the server and work without the script, which only saves clicks. Every form is a POST.

mod page;
mod texts;

use axum::Router;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;

use self::page::Frame;
use self::texts::ConsoleLanguage;

/// The files that pages load, and the page for every path that is none.
pub fn open_router() -> Router {
    Router::new()
        .route("/console/style.css", get(page::style))
        .route("/console/script.js", get(page::script))
        .fallback(not_found)
}

async fn not_found(headers: HeaderMap) -> Response {
    let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let frame = Frame::open(ConsoleLanguage::accepted(accepted));
    page::page(StatusCode::NOT_FOUND, "not-found.html", &frame, ())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_SECURITY_POLICY};
    use axum::http::{Request, StatusCode};
    use tower::ServiceExt;

    use super::open_router;

    #[tokio::test]
    async fn a_path_that_is_none_gets_a_page_in_the_language_of_the_browser() {
        for (language, text) in [("zh-CN", "没有这个页面"), ("en", "There is no such page")] {
            let request = Request::get("/console/nowhere").header(ACCEPT_LANGUAGE, language);
            let request = request.body(Body::empty()).expect("a request");
            let response = open_router().oneshot(request).await.expect("answered");
            assert_eq!(response.status(), StatusCode::NOT_FOUND);
            let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().expect("a text").to_owned();
            assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
            let body = to_bytes(response.into_body(), 100_000).await.expect("read");
            let body = String::from_utf8(body.to_vec()).expect("a text");
            assert!(body.contains(text), "{body}");
        }
    }
}
