//! `Idempotency-Key`: a request that counts once, however often it is sent (draft-ietf-httpapi-idempotency-key-header).
//!
//! The effect and the first answer are one transaction of the store. So whoever dies between the commit and the answer
//! has left the answer, which the next try gets; and whoever dies before the commit has changed nothing. A lease keeps
//! two tries from running at once, and a number of the attempt keeps the slower one from counting.

use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::Api;
use super::body::JsonBody;
use super::caller::Caller;
use super::fields::Fields;
use super::problem::{KeptProblem, Problem, ProblemKind};
use crate::http::Fingerprint;
use crate::store::{KeptAnswer, KeyedRequest, RequestClaim, RequestEnd, RequestStart};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// On an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The most characters of a key.
const MAX_KEY: usize = 255;

/// How long a request may take before another one takes over. A request that takes longer and is still alive does no
/// harm: its effect is undone.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(10);

/// The key under which a request counts once, with what tells the request from others.
#[derive(Debug)]
pub(super) struct RequestKey {
    key: String,
    fingerprint: Sha256,
}

impl RequestKey {
    /// The key of a request whose body has not been read yet.
    pub(super) fn of(request: &Request) -> Result<Self, Problem> {
        let key = key(request.headers())?;
        let caller: Option<&Caller> = request.extensions().get();
        let target = format!("{} {}", request.method(), request.uri());
        // Keyed by the token, so that nobody who reads the database finds the body by trying.
        let seal = caller.map_or(&[][..], |caller| caller.seal());
        let fingerprint = Sha256::new().chain_update(seal).chain_update(target).chain_update([0]);
        Ok(Self { key, fingerprint })
    }

    /// The same with the body.
    pub(super) fn sealed(self, body: &[u8]) -> Self {
        Self { fingerprint: self.fingerprint.chain_update(body), ..self }
    }
}

/// The body of a POST, with the key under which it counts once.
#[derive(Debug)]
pub(super) struct KeyedBody {
    key: RequestKey,
    body: JsonBody,
}

impl KeyedBody {
    /// The fields of the body.
    pub(super) fn fields(&self) -> Result<Fields, Problem> {
        self.body.fields()
    }
}

impl FromRequest<Api> for KeyedBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let key = RequestKey::of(&request)?;
        let body = JsonBody::from_request(request, api).await?;
        Ok(Self { key: key.sealed(&body.bytes), body })
    }
}

/// The key of a request: a string of RFC 8941, in quotes, or the same without them.
fn key(headers: &HeaderMap) -> Result<String, Problem> {
    let bad = |text: String| Problem::new(ProblemKind::BadRequest, text);
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let text = "send one header Idempotency-Key with a text that no other request has, for example a UUID";
        return Err(bad(text.to_owned()));
    };
    let text = value.to_str().unwrap_or_default().trim();
    let inner = text.strip_prefix('"').map_or(Some(text), |rest| rest.strip_suffix('"'));
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b',' | b';');
    let key = inner.filter(|key| (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(is_plain));
    key.map(str::to_owned).ok_or_else(|| {
        bad(format!("the header Idempotency-Key is no text of 1 to {MAX_KEY} letters, digits and marks in quotes"))
    })
}

/// Does what a request asks for, once: `act` prepares its end, and the store makes it so.
pub(super) async fn once(
    api: &Api,
    caller: &Caller,
    body: &KeyedBody,
    act: impl Future<Output = Result<RequestEnd, Problem>>,
) -> Result<Response, Problem> {
    match begin(api, caller, &body.key).await? {
        Beginning::Answered(answer) => Ok(replayed(respond(&answer))),
        Beginning::Begun(claim) => Ok(respond(&finish(api, caller, &claim, act.await).await?)),
    }
}

/// How a request begins.
pub(super) enum Beginning {
    /// It is the first, or takes over.
    Begun(RequestClaim),
    /// It was answered before.
    Answered(KeptAnswer),
}

/// Begins a request under its key.
pub(super) async fn begin(api: &Api, caller: &Caller, key: &RequestKey) -> Result<Beginning, Problem> {
    let RequestKey { key, fingerprint } = key;
    let fingerprint: Fingerprint = fingerprint.clone().finalize().into();
    let request = KeyedRequest { token: caller.id().to_owned(), key: key.clone(), fingerprint, lease: LEASE };
    match api.patiently(api.store().begin_request(&request)).await? {
        RequestStart::Begun(claim) => Ok(Beginning::Begun(claim)),
        RequestStart::Answered(answer) => Ok(Beginning::Answered(answer)),
        RequestStart::Running => Err(still_running()),
        RequestStart::Different => {
            let text = "another request had this Idempotency-Key; a changed request needs a new key";
            Err(Problem::new(ProblemKind::KeyReused, text))
        }
    }
}

/// Ends a request with what was prepared for it.
pub(super) async fn finish(
    api: &Api,
    caller: &Caller,
    claim: &RequestClaim,
    end: Result<RequestEnd, Problem>,
) -> Result<KeptAnswer, Problem> {
    let end = match end {
        Ok(end) => Ok(end),
        Err(problem) => problem.kept().map(RequestEnd::Answer).ok_or(problem),
    };
    let ended = match end {
        Ok(end) => api.patiently(caller.store(api).end_request(claim, &end)).await.map_err(Problem::from),
        Err(problem) => Err(problem),
    };
    match ended {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(still_running()),
        Err(problem) => {
            // Where this fails as well, the lease runs out by itself. What was committed after all stays.
            _ = api.patiently(api.store().release_request(claim)).await;
            Err(problem)
        }
    }
}

/// Marks an answer as one that was given before.
pub(super) fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

pub(super) fn still_running() -> Problem {
    let text = "the first request with this Idempotency-Key still runs; ask again for its answer";
    let wait = LEASE.to_std().unwrap_or_default();
    Problem::new(ProblemKind::StillRunning, text).after(wait)
}

/// An answer of success.
pub(super) fn kept(status: StatusCode, body: &impl serde::Serialize) -> KeptAnswer {
    // Texts and numbers always make JSON.
    KeptAnswer { status: status.as_u16(), body: serde_json::to_string(body).unwrap_or_default() }
}

/// The response of a kept answer.
pub(super) fn respond(answer: &KeptAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_success() {
        let kind = HeaderValue::from_static("application/json");
        let mut response = (status, [(CONTENT_TYPE, kind)], answer.body.clone()).into_response();
        let location = location(&answer.body).filter(|_| status == StatusCode::CREATED);
        if let Some(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        return response;
    }
    KeptProblem::restore(&answer.body).into_response()
}

/// Where what was made is.
fn location(body: &str) -> Option<HeaderValue> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    body.get("href")?.as_str()?.parse().ok()
}
