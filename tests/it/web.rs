//! The pages, driven in process: what a borrower, a monitor and somebody at the demo see.

mod api;
mod callbacks;
mod demo;
mod fake;
mod fake_notices;
mod landing;
mod ops;
mod server;
mod unsubscribe;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use tower::ServiceExt;

/// An answer as a browser gets it.
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }
}

async fn ask(router: Router, method: Method, path: &str) -> Answer {
    answered(router, Request::builder().method(method).uri(path).body(Body::empty()).expect("a request")).await
}

async fn answered(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("a router never fails");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).expect("pages are UTF-8"),
    }
}

pub(crate) async fn get(router: Router, path: &str) -> Answer {
    ask(router, Method::GET, path).await
}

/// A page without its style sheet: what a snapshot is about.
fn without_style(body: &str) -> String {
    let (before, rest) = body.split_once("<style>").expect("every page has the style sheet");
    let (_, after) = rest.split_once("</style>").expect("and it ends");
    format!("{before}<style>…</style>{after}")
}
