//! Log in by an OIDC provider: the code flow with PKCE.
//!
//! A random secret in a cookie that lasts ten minutes binds a login to its browser: `state`, `nonce` and the PKCE
//! verifier are digests of it, so that this process keeps nothing meanwhile.
//!
//! | file | content |
//! |---|---|
//! | `provider` | endpoints and keys of the provider, and the exchange of the code |
//! | `id_token` | the ID token's signature and claims; pure |

mod id_token;
mod provider;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Extension, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use self::id_token::Claims;
use self::provider::{OidcProvider, ProviderError};
use super::cookie::Cookie;
use super::login::{LoginFault, own_path};
use super::staff::see_other;
use super::{Console, hex, random};
use crate::clock::Clock;
use crate::config::{Oidc, OidcGrants, OidcMerchants};
use crate::domain::{
    AuditOrigin, Credential, DeviceKey, ManualChange, MerchantId, OidcSubject, StaffRole, User, UserGrant, UserName,
};
use crate::http::HttpError;
use crate::http::limit::Client;
use crate::store::{UserChange, UserRecord};

/// How long a person may take to log in at the provider, in seconds.
const FLOW_SECONDS: i64 = 10 * 60;

const CALLBACK: &str = "/console/oidc/callback";

/// The author of changes that the provider decides, on record.
const ACTOR: &str = "oidc";

/// Logins by one provider.
#[derive(Debug, Clone)]
pub(super) struct OidcLogin(Arc<OidcProvider>);

impl OidcLogin {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// When this machine trusts no certificate authority.
    pub(super) fn new(settings: &Oidc, clock: &Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        Ok(Self(Arc::new(OidcProvider::new(settings.clone(), Arc::clone(clock))?)))
    }

    pub(super) fn settings(&self) -> &Oidc {
        self.0.settings()
    }
}

/// A login under way: the content of the cookie.
#[derive(Debug, PartialEq, Eq)]
struct LoginFlow {
    secret: String,
    began_at: i64,
    next: String,
}

impl LoginFlow {
    fn read(cookie: &str) -> Option<Self> {
        let (secret, rest) = cookie.split_once('.')?;
        let (began_at, next) = rest.split_once('.')?;
        let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
        Some(Self { secret: secret.to_owned(), began_at: began_at.parse().ok()?, next })
    }

    fn cookie(&self) -> String {
        format!("{}.{}.{}", self.secret, self.began_at, URL_SAFE_NO_PAD.encode(&self.next))
    }

    fn derive(&self, purpose: &str) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{purpose} {} {}", self.secret, self.began_at)))
    }

    /// Whether the provider's answer is the one to this login, in time.
    fn is_answered_by(&self, state: &str, now: DateTime<Utc>) -> bool {
        let is_fresh = (0..=FLOW_SECONDS).contains(&(now.timestamp() - self.began_at));
        is_fresh && bool::from(self.derive("state").as_bytes().ct_eq(state.as_bytes()))
    }
}

/// The query of the page that begins a login.
#[derive(Debug, Deserialize)]
pub(super) struct StartQuery {
    next: Option<String>,
}

/// `GET /console/oidc/start`
pub(super) async fn start(
    State(console): State<Console>,
    headers: HeaderMap,
    query: Result<Query<StartQuery>, QueryRejection>,
) -> Response {
    let next = query.ok().and_then(|Query(query)| query.next);
    let next = own_path(next.as_deref());
    let (Some(oidc), Ok(secret)) = (&console.oidc, random::<32>()) else {
        return console.login_page(&headers, next, Some(LoginFault::Broken));
    };
    let flow = LoginFlow { secret: hex(&secret), began_at: console.app.clock.now().timestamp(), next: next.to_owned() };
    let (state, nonce) = (flow.derive("state"), flow.derive("nonce"));
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(flow.derive("verifier")));
    let redirect = format!("{}{CALLBACK}", console.url().origin);
    let scopes = std::iter::once("openid").chain(oidc.settings().scopes.iter().map(String::as_str));
    let scopes = scopes.collect::<Vec<_>>().join(" ");
    let parameters = [
        ("response_type", "code"),
        ("client_id", &oidc.settings().client_id),
        ("redirect_uri", &redirect),
        ("scope", &scopes),
        ("state", &state),
        ("nonce", &nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    match oidc.0.authorization(&parameters).await {
        Ok(url) => {
            let mut response = see_other(url.as_str());
            Cookie::Flow.set(console.url(), response.headers_mut(), &flow.cookie(), Some(FLOW_SECONDS));
            response
        }
        Err(error) => console.provider_failed(&error, &headers, next),
    }
}

/// The provider's answer.
#[derive(Debug, Deserialize)]
pub(super) struct CallbackQuery {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
}

/// `GET /console/oidc/callback`
pub(super) async fn callback(
    State(console): State<Console>,
    client: Option<Extension<Client>>,
    headers: HeaderMap,
    query: Result<Query<CallbackQuery>, QueryRejection>,
) -> Response {
    let client = client.as_ref().map(|Extension(client)| client);
    let mut response = answer(&console, client, &headers, query.ok().map(|Query(query)| query)).await;
    // One login, one answer.
    Cookie::Flow.clear(console.url(), response.headers_mut());
    response
}

async fn answer(
    console: &Console,
    client: Option<&Client>,
    headers: &HeaderMap,
    query: Option<CallbackQuery>,
) -> Response {
    let flow = Cookie::Flow.read(console.url(), headers).and_then(LoginFlow::read);
    let (Some(oidc), Some(flow), Some(query)) = (&console.oidc, flow, query) else {
        return console.login_page(headers, own_path(None), Some(LoginFault::Broken));
    };
    let next = own_path(Some(&flow.next));
    let is_ours = query.state.is_some_and(|state| flow.is_answered_by(&state, console.app.clock.now()))
        // RFC 9207: a provider that names itself keeps answers of several apart.
        && query.iss.is_none_or(|issuer| issuer == oidc.settings().issuer);
    let Some(code) = query.code.filter(|_| is_ours) else {
        return console.login_page(headers, next, Some(LoginFault::Broken));
    };
    let redirect = format!("{}{CALLBACK}", console.url().origin);
    let claims = oidc.0.redeem(&code, &flow.derive("verifier"), &redirect, &flow.derive("nonce")).await;
    let claims = match claims {
        Ok(claims) => claims,
        Err(error @ ProviderError::Token(_)) => {
            return match console.note_failure(None, client, "the token of the provider was refused").await {
                Ok(()) => console.provider_failed(&error, headers, next),
                Err(error) => console.unavailable(&error, headers),
            };
        }
        Err(error) => return console.provider_failed(&error, headers, next),
    };
    match console.user_of(oidc.settings(), &claims, client).await {
        Ok(Ok(known)) => console.let_in(&known, headers, client, next).await,
        Ok(Err(user)) => {
            match console.note_failure(user.as_ref(), client, "the provider's user may not log in").await {
                Ok(()) => console.login_page(headers, next, Some(LoginFault::Stranger)),
                Err(error) => console.unavailable(&error, headers),
            }
        }
        Err(error) => console.unavailable(&error, headers),
    }
}

impl Console {
    fn provider_failed(&self, error: &ProviderError, headers: &HeaderMap, next: &str) -> Response {
        tracing::warn!(%error, "login by OIDC failed");
        self.login_page(headers, next, Some(LoginFault::Provider))
    }

    /// The user of these claims: one that somebody added, or, where the provider decides about roles, a new one.
    /// Otherwise the name of a user who may not log in, if it is one.
    async fn user_of(
        &self,
        settings: &Oidc,
        claims: &Claims,
        client: Option<&Client>,
    ) -> Result<Result<UserRecord, Option<UserName>>, HttpError> {
        let subject = claims.text("sub").and_then(|subject| OidcSubject::new(&settings.issuer, subject).ok());
        let Some(subject) = subject else { return Ok(Err(None)) };
        let known = self.patiently(self.store().user_of_subject(&subject)).await?;
        let grant = match &settings.grants {
            Some(grants) => match grant_of(grants, claims, &self.merchants()) {
                Some(grant) => Some(grant),
                None => return Ok(Err(known.map(|known| known.user.name))),
            },
            None => None,
        };
        let by = ManualChange { actor: ACTOR.to_owned(), reason: "login".to_owned(), at: self.app.clock.now() };
        let client = client.map(ToString::to_string);
        let store = self.store().signed(AuditOrigin::desk(ACTOR, "login", client.as_deref()));
        match (known, grant) {
            (Some(known), _) if known.disabled_at.is_some() => Ok(Err(Some(known.user.name))),
            (Some(mut known), Some(grant)) => {
                // The last admin stays one, whatever the provider says: nobody could give the role back.
                if known.user.grant != grant
                    && self.patiently(store.change_grant(&known.user.name, &grant, &by)).await? == UserChange::Made
                {
                    known.user.grant = grant;
                }
                Ok(Ok(known))
            }
            (Some(known), None) => Ok(Ok(known)),
            (None, None) => Ok(Err(None)),
            (None, Some(grant)) => {
                let Some(user) = new_user(settings, claims, subject.clone(), grant) else { return Ok(Err(None)) };
                // A name that somebody else has is never theirs, whatever the provider says.
                self.patiently(store.add_user(&user, &by)).await?;
                Ok(self.patiently(store.user_of_subject(&subject)).await?.ok_or(None))
            }
        }
    }

    fn merchants(&self) -> BTreeSet<MerchantId> {
        self.app.policy.merchants.keys().cloned().collect()
    }
}

/// The grant that the claims give: the highest role of several, and merchants that the config has.
fn grant_of(grants: &OidcGrants, claims: &Claims, known: &BTreeSet<MerchantId>) -> Option<UserGrant> {
    let roles = claims.texts(&grants.role_claim);
    let role: StaffRole = roles.into_iter().filter_map(|value| grants.roles.get(value).copied()).max()?;
    let merchants: BTreeSet<_> = match &grants.merchants {
        OidcMerchants::Fixed(merchants) => merchants.clone(),
        OidcMerchants::Claim(claim) => {
            claims.texts(claim).into_iter().filter_map(|id| known.get(id).cloned()).collect()
        }
    };
    (!merchants.is_empty()).then_some(UserGrant { role, merchants })
}

fn new_user(settings: &Oidc, claims: &Claims, subject: OidcSubject, grant: UserGrant) -> Option<User> {
    let names = [settings.name_claim.as_str(), "email", "sub"];
    let name = names.into_iter().find_map(|claim| UserName::new(claims.text(claim)?).ok())?;
    let device_key = DeviceKey(random().ok()?);
    Some(User { name, grant, locale: None, time_zone: None, credential: Credential::Subject(subject), device_key })
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::{FLOW_SECONDS, LoginFlow};

    #[test]
    fn a_login_is_answered_by_its_own_state_in_time() {
        let flow = LoginFlow { secret: "5a".to_owned(), began_at: 1_000, next: "/console/x.y".to_owned() };
        assert_eq!(LoginFlow::read(&flow.cookie()), Some(LoginFlow { secret: "5a".to_owned(), ..flow_at(1_000) }));
        let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("a moment");
        let state = flow.derive("state");
        assert!(flow.is_answered_by(&state, at(1_000)) && flow.is_answered_by(&state, at(1_000 + FLOW_SECONDS)));
        assert!(!flow.is_answered_by(&state, at(1_001 + FLOW_SECONDS)) && !flow.is_answered_by(&state, at(999)));
        assert!(!flow.is_answered_by(&flow.derive("nonce"), at(1_000)) && !flow.is_answered_by("", at(1_000)));
        assert_ne!(flow_at(1_001).derive("state"), state, "the time cannot be changed");
        for cookie in ["", ".", "a.b.c", "a.1.*"] {
            assert_eq!(LoginFlow::read(cookie), None, "{cookie}");
        }
    }

    fn flow_at(began_at: i64) -> LoginFlow {
        LoginFlow { secret: "5a".to_owned(), began_at, next: "/console/x.y".to_owned() }
    }
}
