//! The pages, driven in process: what a borrower, a monitor and somebody at the demo see.

mod api;
mod bounds;
mod callbacks;
mod connections;
mod console;
mod demo;
mod expiry;
mod fake;
mod fake_api;
mod fake_audit;
mod fake_deliveries;
mod fake_encryption;
mod fake_holds;
mod fake_incarnation;
mod fake_notices;
mod fake_outbox;
mod fake_payments;
mod fake_rejects;
mod fake_search;
mod fake_users;
mod fake_webhooks;
mod fuzz;
mod going;
mod hooks;
mod hostile;
mod landing;
mod ops;
mod refusals;
mod sample;
mod server;
mod unsubscribe;
mod verify;

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use tower::ServiceExt;

/// An answer as a browser gets it.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
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

/// As a form of a page posts.
pub(crate) async fn post_form(router: Router, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    answered(router, request.body(body.into()).expect("a request")).await
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

/// The log of that work at every level. The work must not move between threads.
async fn logged(work: impl Future<Output = ()>) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    work.await;
    drop(guard);
    String::from_utf8(log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("UTF-8")
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
