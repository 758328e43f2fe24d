//! `POST /api/v1/hooks/{source}`: webhooks of the lender's systems, at the address of the API.
//!
//! | answer | when |
//! |---|---|
//! | 202 | the body is kept, or was before |
//! | 401 | no such source, or a wrong signature or secret: the answer does not reveal which |
//! | 400 | the body is no JSON object or array |
//! | 413 | the body is larger than [`MAX_HOOK_BODY`] |
//! | 503 | the store failed or did not answer in time; senders try again |
//!
//! What arrives is kept before it is acknowledged, and applied by a task (`hooks`). Nothing of it is logged.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::public::with_headers;
use super::refusals::count_of_program;
use super::{fingerprint, within_patience};
use crate::app::App;
use crate::config::{HookProof, HookSource, SignatureEncoding, SourceKind};
use crate::domain::SourceName;
use crate::store::NewDelivery;

/// The largest body of a webhook, in bytes.
pub const MAX_HOOK_BODY: usize = 1024 * 1024;

/// How many bodies are taken in at once; others wait.
const AT_ONCE: usize = 8;

/// Checked where there is no such source, so that the time taken does not tell.
const NOBODYS: &str = "no source has this secret, and nobody may know that";

/// The dependencies of the endpoint.
#[derive(Clone)]
pub struct Hooks {
    app: Arc<App>,
    endpoints: Arc<BTreeMap<String, HookEndpoint>>,
    nobody: Arc<HookEndpoint>,
    places: Arc<Semaphore>,
}

struct HookEndpoint {
    source: Option<SourceName>,
    proof: HookProof,
    secrets: Vec<SecretString>,
    is_signal: bool,
}

impl Hooks {
    /// The endpoint of this process; `None` if the config has no source of `kind = "hook"`.
    #[must_use]
    pub fn of(app: &App) -> Option<Self> {
        let hooks = app.config.sources.iter().filter_map(|source| match &source.kind {
            SourceKind::Hook(hook) => Some((source.name.to_string(), HookEndpoint::new(&source.name, hook))),
            _ => None,
        });
        let endpoints: BTreeMap<_, _> = hooks.collect();
        if endpoints.is_empty() {
            return None;
        }
        let nobody =
            HookEndpoint { source: None, proof: HookProof::Bearer, secrets: vec![NOBODYS.into()], is_signal: false };
        Some(Self {
            app: Arc::new(app.for_visitors()),
            endpoints: Arc::new(endpoints),
            nobody: Arc::new(nobody),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        })
    }
}

/// Serves the endpoint.
pub fn router(hooks: Hooks) -> Router {
    Router::new()
        .route("/api/v1/hooks/{source}", post(receive))
        .layer(map_response(with_headers))
        .layer(map_response(count_of_program))
        .with_state(hooks)
}

async fn receive(
    State(hooks): State<Hooks>,
    path: Result<Path<String>, PathRejection>,
    request: Request<Body>,
) -> Response {
    let known = path.ok().and_then(|Path(source)| hooks.endpoints.get(&source));
    let endpoint = known.unwrap_or(&hooks.nobody);
    let (parts, body) = request.into_parts();
    // Whoever shows a secret needs none of the body; a signature does.
    if !endpoint.admits_head(&parts.headers, parts.uri.query().unwrap_or_default()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if parts.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let Ok(_place) = hooks.places.acquire().await else { return unavailable() };
    let Ok(body) = to_bytes(body, MAX_HOOK_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (true, Some(source)) = (endpoint.admits_body(&parts.headers, &body), &endpoint.source) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let text = str::from_utf8(&body).map(str::trim).unwrap_or_default();
    // PostgreSQL keeps no NUL; in JSON it can only be escaped.
    if !matches!(serde_json::from_str(text), Ok(Value::Object(_) | Value::Array(_))) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let delivery = NewDelivery {
        source: source.clone(),
        digest: Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect(),
        body: Some(text.to_owned()),
        is_signal: endpoint.is_signal,
    };
    match within_patience(&*hooks.app.clock, hooks.app.store.keep_delivery(&delivery)).await {
        Ok(_) => StatusCode::ACCEPTED.into_response(),
        Err(error) => {
            tracing::error!(%source, %error, "a webhook could not be kept; the sender comes again");
            unavailable()
        }
    }
}

fn unavailable() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, HeaderValue::from_static("60"))]).into_response()
}

impl HookEndpoint {
    fn new(name: &SourceName, hook: &HookSource) -> Self {
        Self {
            source: Some(name.clone()),
            proof: hook.proof.clone(),
            secrets: hook.secrets.clone(),
            is_signal: !hook.map.has_values(),
        }
    }

    fn is_secret(&self, shown: &str) -> bool {
        let shown = fingerprint(shown);
        // All are compared, so that the time taken reveals nothing.
        self.secrets
            .iter()
            .fold(false, |is_one, secret| is_one | bool::from(shown.ct_eq(&fingerprint(secret.expose_secret()))))
    }

    fn admits_head(&self, headers: &HeaderMap, query: &str) -> bool {
        match &self.proof {
            HookProof::Signature { .. } => true,
            HookProof::Bearer => {
                let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
                let token = shown.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                self.is_secret(token.map_or("", |(_, token)| token.trim()))
            }
            HookProof::Address => {
                let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == "secret");
                self.is_secret(&values.next().map(|(_, value)| value).unwrap_or_default())
            }
        }
    }

    fn admits_body(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let HookProof::Signature { header, prefix, encoding } = &self.proof else { return true };
        let shown = headers.get(header.as_str()).and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
        let shown = shown.strip_prefix(prefix.as_str()).unwrap_or_default();
        let signature = match encoding {
            SignatureEncoding::Hex => from_hex(shown),
            SignatureEncoding::Base64 => STANDARD.decode(shown).ok(),
        };
        let signature = signature.unwrap_or_default();
        self.secrets.iter().fold(false, |is_valid, secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
                .expect("HMAC takes a key of any length");
            mac.update(body);
            is_valid | mac.verify_slice(&signature).is_ok()
        })
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| {
        let [high, low] = pair else { return None };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        u8::try_from(digit(high)? * 16 + digit(low)?).ok()
    });
    digits.collect()
}

#[cfg(test)]
mod tests {
    use super::from_hex;

    #[test]
    fn hexadecimal_digits_are_read_in_either_case() {
        assert_eq!(from_hex("00fFa0"), Some(vec![0, 255, 160]));
        for wrong in ["0", "0g", "+1", "é"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
