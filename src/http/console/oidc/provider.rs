//! The OIDC provider: its endpoints and keys, and the exchange of a code for an ID token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Client, RequestBuilder, Url};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::id_token::{Claims, IdTokenError, Jwk, TokenExpectation, verify};
use crate::clock::Clock;
use crate::config::Oidc;
use crate::tls;

/// How long one request to the provider may take. A page gives up after 15 s.
const PATIENCE: Duration = Duration::from_secs(4);

/// The largest answer of the provider, in bytes.
const MAX_ANSWER: usize = 512 * 1024;

/// How long endpoints and keys are good for.
const KEPT: TimeDelta = TimeDelta::hours(1);

/// How long the keys are not fetched again, whatever key a token names.
const KEYS_REST: TimeDelta = TimeDelta::minutes(1);

/// The reason why a login by the provider failed. Names no person and no secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProviderError {
    #[error("the provider does not answer ({0})")]
    Unreachable(&'static str),
    #[error("the provider answered {what} with status {status}")]
    Status { what: &'static str, status: u16 },
    #[error("the answer of the provider to {0} cannot be read")]
    Answer(&'static str),
    #[error("the provider calls itself another issuer than [console.oidc] issuer")]
    Issuer,
    #[error(transparent)]
    Token(#[from] IdTokenError),
}

/// The endpoints of a provider, and its keys.
#[derive(Debug)]
struct Metadata {
    authorization: Url,
    token: Url,
    keys_at: Url,
    /// Whether the client's secret goes into the body: the provider does not take it in a header.
    has_secret_in_body: bool,
    keys: Vec<Jwk>,
    fetched_at: DateTime<Utc>,
}

/// A provider.
#[derive(Debug)]
pub(super) struct OidcProvider {
    settings: Oidc,
    client: Client,
    clock: Arc<dyn Clock>,
    metadata: Mutex<Option<Arc<Metadata>>>,
}

impl OidcProvider {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When no certificate authority is trusted here and the provider needs one.
    pub(super) fn new(settings: Oidc, clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config(tls::machine_authorities()))
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .user_agent(concat!("dueherald/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { settings, client, clock, metadata: Mutex::default() })
    }

    pub(super) fn settings(&self) -> &Oidc {
        &self.settings
    }

    /// Where the browser logs in.
    pub(super) async fn authorization(&self, parameters: &[(&str, &str)]) -> Result<Url, ProviderError> {
        let mut url = self.metadata().await?.authorization.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        Ok(url)
    }

    /// Exchanges a code, and gives the claims of the ID token that comes for it.
    pub(super) async fn redeem(
        &self,
        code: &str,
        verifier: &str,
        redirect: &str,
        nonce: &str,
    ) -> Result<Claims, ProviderError> {
        let metadata = self.metadata().await?;
        let (id, secret) = (&*self.settings.client_id, self.settings.client_secret.expose_secret());
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ];
        let mut request = self.client.post(metadata.token.clone());
        if metadata.has_secret_in_body {
            form.extend([("client_id", id), ("client_secret", secret)]);
        } else {
            // RFC 6749, 2.3.1: both are encoded as in a form first.
            let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encoded(id), Some(encoded(secret)));
        }
        let answer = self.ask(request.form(&form), "the code").await?;
        let token = answer.get("id_token").and_then(Value::as_str).ok_or(ProviderError::Answer("the code"))?;
        let expected = TokenExpectation { issuer: &self.settings.issuer, client_id: id, nonce };
        let now = self.clock.now();
        match verify(token, &metadata.keys, expected, now) {
            // It may have made new keys since.
            Err(IdTokenError::UnknownKey) if now - metadata.fetched_at >= KEYS_REST => {
                let metadata = self.fetch().await?;
                Ok(verify(token, &metadata.keys, expected, now)?)
            }
            verdict => Ok(verdict?),
        }
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        let known = self.metadata.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known.filter(|known| self.clock.now() - known.fetched_at < KEPT) {
            Some(known) => Ok(known),
            None => self.fetch().await,
        }
    }

    async fn fetch(&self) -> Result<Arc<Metadata>, ProviderError> {
        const DOCUMENT: &str = "its discovery document";
        let issuer = self.settings.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let document = self.ask(self.client.get(url), DOCUMENT).await?;
        let text = |key: &str| document.get(key).and_then(Value::as_str);
        if text("issuer") != Some(&self.settings.issuer) {
            return Err(ProviderError::Issuer);
        }
        let is_local = self.settings.issuer.starts_with("http:");
        let endpoint = |key: &str| {
            let url = text(key).and_then(|text| Url::parse(text).ok());
            url.filter(|url| url.scheme() == "https" || is_local).ok_or(ProviderError::Answer(DOCUMENT))
        };
        let methods = document.get("token_endpoint_auth_methods_supported").and_then(Value::as_array);
        let takes = |method: &str| methods.is_some_and(|methods| methods.iter().any(|one| one == method));
        let mut metadata = Metadata {
            authorization: endpoint("authorization_endpoint")?,
            token: endpoint("token_endpoint")?,
            keys_at: endpoint("jwks_uri")?,
            has_secret_in_body: takes("client_secret_post") && !takes("client_secret_basic"),
            keys: Vec::new(),
            fetched_at: self.clock.now(),
        };
        let keys = self.ask(self.client.get(metadata.keys_at.clone()), "its keys").await?;
        metadata.keys = Jwk::read_set(&keys);
        let metadata = Arc::new(metadata);
        *self.metadata.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&metadata));
        Ok(metadata)
    }

    /// The JSON of an answer, within bounds.
    async fn ask(&self, request: RequestBuilder, what: &'static str) -> Result<Value, ProviderError> {
        let sent = request.header("accept", "application/json").send().await;
        let mut response = sent.map_err(|error| ProviderError::Unreachable(kind_of(&error)))?;
        if !response.status().is_success() {
            return Err(ProviderError::Status { what, status: response.status().as_u16() });
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| ProviderError::Unreachable(kind_of(&error)))? {
            if body.len() + part.len() > MAX_ANSWER {
                return Err(ProviderError::Answer(what));
            }
            body.extend_from_slice(&part);
        }
        serde_json::from_slice(&body).map_err(|_| ProviderError::Answer(what))
    }
}

/// The kind of a failure in our own words: reqwest's text names addresses, and with them codes.
fn kind_of(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "timeout"
    } else if error.is_connect() {
        "connect"
    } else {
        "connection lost"
    }
}
