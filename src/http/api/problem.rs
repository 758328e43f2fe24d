//! Refusals of the API as RFC 9457 problems.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::request_id::RequestId;
use crate::http::HttpError;
use crate::store::{KeptAnswer, StoreError};

/// How long a client waits before it tries again when the database does not answer.
const PAUSE: Duration = Duration::from_secs(60);

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The query, a header or the JSON of the body cannot be read.
    BadRequest,
    /// No valid token.
    Unauthorized,
    /// The token does not allow the action.
    Forbidden,
    /// Nothing is there, or nothing that the token may see.
    NotFound,
    /// The path has no such method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    SlowBody,
    /// The facts forbid it.
    Conflict,
    /// The first request with the same key still runs.
    StillRunning,
    /// The body is larger than allowed.
    TooLarge,
    /// The body is not JSON, or is compressed otherwise than by gzip.
    UnsupportedMediaType,
    /// A field of the body is missing or wrong.
    Invalid,
    /// The key was used for another request.
    KeyReused,
    /// The token asks too often.
    TooManyRequests,
    /// The program failed.
    Failed,
    /// The database does not answer.
    Unavailable,
}

impl ProblemKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::BadRequest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::SlowBody,
        Self::Conflict,
        Self::StillRunning,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::KeyReused,
        Self::TooManyRequests,
        Self::Failed,
        Self::Unavailable,
    ];

    /// The status, the word at the end of the type, and the title.
    #[must_use]
    pub fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "A valid token is needed"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The token does not allow this"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Nothing is here"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The path does not have this method")
            }
            Self::SlowBody => (StatusCode::REQUEST_TIMEOUT, "slow-body", "The body did not arrive in time"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "The facts do not allow this now"),
            Self::StillRunning => (StatusCode::CONFLICT, "still-running", "The first request still runs"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The form of the body is not supported")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "The body has mistakes"),
            Self::KeyReused => (StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "The key belongs to another request"),
            Self::TooManyRequests => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
            Self::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "failed", "The request failed"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service is not available"),
        }
    }
}

/// A mistake in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct FieldFault {
    /// The field of the body as a JSON pointer (RFC 6901), or the name of the parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parameter: Option<String>,
    /// The mistake, and what to write instead.
    pub(super) detail: String,
}

/// Why a request is refused, for the person who wrote it.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) kind: ProblemKind,
    detail: String,
    faults: Vec<FieldFault>,
    reason: Option<String>,
    retry_after: Option<Duration>,
    /// For the log: it may name what is not for the client.
    cause: Option<String>,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), faults: Vec::new(), reason: None, retry_after: None, cause: None }
    }

    /// The same for a client that is to wait for so long.
    pub(super) fn after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// Mistakes in fields.
    pub(super) fn of_faults(kind: ProblemKind, faults: Vec<FieldFault>) -> Self {
        let details: Vec<_> = faults.iter().map(|fault| fault.detail.as_str()).collect();
        Self { faults: faults.clone(), ..Self::new(kind, details.join("; ")) }
    }

    /// The one answer for what is not there and for what the token may not see.
    pub(super) fn not_found(what: &str) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no such {what} at the merchants of this token"))
    }

    /// A body that lacks something, where no mistake says what.
    pub(super) fn incomplete() -> Self {
        Self::new(ProblemKind::Invalid, "the body has mistakes")
    }

    /// The body, with the id of the request.
    pub(super) fn body(&self, request: &RequestId) -> Vec<u8> {
        let (status, word, title) = self.kind.parts();
        let body = ProblemBody {
            kind: format!("{}/docs#{word}", super::PREFIX),
            title,
            status: status.as_u16(),
            detail: self.detail.clone(),
            instance: format!("urn:dueherald:request:{}", request.as_str()),
            request_id: request.as_str().to_owned(),
            reason: self.reason.clone(),
            errors: self.faults.clone(),
        };
        // Texts and numbers always make JSON.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The same with the word for the reason, which stays the same for programs.
    pub(super) fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    /// The answer to be given again; `None` where the next try may do better.
    pub(super) fn kept(&self) -> Option<KeptAnswer> {
        let (status, word, _) = self.kind.parts();
        if status.is_server_error() {
            return None;
        }
        let Self { detail, faults, reason, .. } = self;
        let kept = KeptProblem {
            kind: word.to_owned(),
            detail: detail.clone(),
            faults: faults.clone(),
            reason: reason.clone(),
        };
        // Texts always make JSON.
        Some(KeptAnswer { status: status.as_u16(), body: serde_json::to_string(&kept).unwrap_or_default() })
    }

    /// The cause for the log.
    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

/// Why a request is refused (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// The kind of problem; see the page of the API.
    #[serde(rename = "type")]
    kind: String,
    /// The same in words.
    title: &'static str,
    /// The status of HTTP.
    status: u16,
    /// The mistake, and what to do.
    detail: String,
    /// This occurrence.
    instance: String,
    /// The id of the request, as in the header X-Request-Id.
    request_id: String,
    /// The reason as a word that stays the same, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Every mistake in the body or the query.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldFault>,
}

/// A problem as it is kept, without what differs from one answer to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeptProblem {
    kind: String,
    detail: String,
    faults: Vec<FieldFault>,
    reason: Option<String>,
}

impl KeptProblem {
    /// The problem of a kept answer.
    pub(super) fn restore(body: &str) -> Problem {
        let Ok(Self { kind, detail, faults, reason }) = serde_json::from_str(body) else {
            let text = "the first answer to this request cannot be read any more";
            return Problem::new(ProblemKind::Failed, text);
        };
        let kind = ProblemKind::ALL.into_iter().find(|one| one.parts().1 == kind).unwrap_or(ProblemKind::Failed);
        Problem { faults, reason, ..Problem::new(kind, detail) }
    }
}

impl From<HttpError> for Problem {
    fn from(error: HttpError) -> Self {
        let text = "the database does not answer; try again soon";
        Self { cause: Some(error.to_string()), ..Self::new(ProblemKind::Unavailable, text).after(PAUSE) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        HttpError::from(error).into()
    }
}

impl IntoResponse for Problem {
    /// Without a body: [`super::request_id`] writes it, since it knows the id of the request.
    fn into_response(self) -> Response {
        let mut response = self.kind.parts().0.into_response();
        set_headers(&self, response.headers_mut());
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

fn set_headers(problem: &Problem, headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(wait) = problem.retry_after {
        headers.insert(RETRY_AFTER, (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).into());
    }
    match problem.kind {
        ProblemKind::Unauthorized => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"dueherald\""));
        }
        ProblemKind::UnsupportedMediaType => {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        _ => {}
    }
}
