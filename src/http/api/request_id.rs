//! The id of a request: taken from the caller if it is sane, else made; in the answer and in the log.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use super::caller::CallerName;
use super::problem::{Problem, ProblemKind};
use crate::clock::{Clock, entropy};
use crate::http::REQUEST_TIMEOUT;

/// The header that carries it.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters that are taken over.
const MAX_CHARS: usize = 64;

/// How long a request may take: a little less than the server allows, so that the answer is a problem.
const PATIENCE: Duration = REQUEST_TIMEOUT.saturating_sub(Duration::from_secs(1));

/// The id of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestId(Arc<str>);

impl RequestId {
    /// The id that the caller gave, or a new one.
    fn of(request: &Request) -> Self {
        let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
        let is_sane = |id: &&str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
            (1..=MAX_CHARS).contains(&id.len()) && id.bytes().all(is_plain)
        };
        match given.filter(is_sane) {
            Some(id) => Self(id.into()),
            // Without chance all requests get one id, and are answered nevertheless.
            None => {
                let bytes: [u8; 12] = entropy().unwrap_or_default();
                Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives each request an id and a bounded time, and writes the body of a problem.
pub(super) async fn with_request_id(State(clock): State<Arc<dyn Clock>>, mut request: Request, next: Next) -> Response {
    let id = RequestId::of(&request);
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("api", request_id = id.as_str());
    let mut response = async {
        let response = tokio::select! {
            response = next.run(request) => response,
            () = clock.sleep(PATIENCE) => {
                Problem::new(ProblemKind::Unavailable, "the request took too long; try again").after(PATIENCE).into_response()
            }
        };
        log(&response, method.as_str(), path.as_ref().map_or("", |path| path.as_str()));
        response
    }
    .instrument(span)
    .await;
    if let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() {
        *response.body_mut() = Body::from(problem.body(&id));
    }
    // It has ASCII letters, digits and three marks only.
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Logs a request: its path as the router knows it, without the ids in it.
fn log(response: &Response, method: &str, path: &str) {
    let extensions = response.extensions();
    let token = extensions.get::<CallerName>().map_or("", |CallerName(name)| name);
    let status = response.status().as_u16();
    match extensions.get::<Arc<Problem>>().and_then(|problem| problem.cause()) {
        Some(error) => tracing::error!(method, path, token, status, error, "API request failed"),
        None => tracing::debug!(method, path, token, status, "API request"),
    }
}
