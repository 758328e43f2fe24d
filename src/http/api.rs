//! `/api/v1/…`: what the lender's own systems ask for and say, as JSON, at an address of its own.
//!
//! | request | what it does |
//! |---|---|
//! | `GET /api/v1/borrowers/{merchant}/{borrower}/preferences` | the borrower's hold, language, channel and hours |
//! | `PATCH` of the same | changes those that the body names (RFC 7396): `null` takes one back, what is left out stays |
//!
//! Every request needs `Authorization: Bearer TOKEN` with a token of `[[api.tokens]]`; its name is on record for what
//! it does. It is for the merchants and the actions that the config names for it.
//!
//! | answer | when |
//! |---|---|
//! | 200, how it is now | done |
//! | 401 | no token or a wrong one, whatever the path |
//! | 403 | the token is not for that merchant, or not for that action |
//! | 404 | the ledger does not know the borrower |
//! | 413, 422 | the body is too large, or is not what can be wished for: `error` says why; nothing is changed |
//! | 503 | the store failed or did not answer in time; try again |

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Deserializer, Serialize};
use subtle::ConstantTimeEq;

use super::public::with_headers;
use super::refusals::count_of_program;
use super::{Fingerprint, HttpError, fingerprint, within_patience};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{ApiAction, ApiToken};
use crate::domain::{
    Borrower, BorrowerId, BorrowerKey, Channel, ContactPreferences, FieldUpdate, Locale, ManualPreferences, Merchant,
    MerchantId,
};
use crate::pipeline::{AuditNote, hold};
use crate::plan::{Policy, local_date};
use crate::store::Store;

/// The largest body of a request, in bytes.
const MAX_WISHES: usize = 16 * 1024;

/// The dependencies of the API.
#[derive(Clone)]
pub struct Api {
    /// The ledger.
    pub store: Arc<dyn Store>,
    /// The merchants.
    pub policy: Arc<Policy>,
    /// Tells now, and bounds the wait for the store.
    pub clock: Arc<dyn Clock>,
    tokens: Arc<[(Caller, Fingerprint)]>,
}

/// The token that authenticated a request.
#[derive(Debug, Clone)]
struct Caller(Arc<ApiToken>);

impl Api {
    /// The API of this process.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let tokens = app.config.api.tokens.clone();
        Self::with(Arc::clone(&app.public_store), Arc::clone(&app.policy), Arc::clone(&app.clock), tokens)
    }

    /// For callers with these tokens.
    #[must_use]
    pub fn with(store: Arc<dyn Store>, policy: Arc<Policy>, clock: Arc<dyn Clock>, tokens: Vec<ApiToken>) -> Self {
        let tokens = tokens.into_iter().flat_map(|token| {
            let prints: Vec<_> = token.tokens.iter().map(|shown| fingerprint(shown.expose_secret())).collect();
            let caller = Caller(Arc::new(token));
            prints.into_iter().map(move |print| (caller.clone(), print))
        });
        Self { store, policy, clock, tokens: tokens.collect() }
    }

    /// The caller whose token the headers show. Every known token is compared, so that the time taken reveals nothing.
    fn caller(&self, headers: &HeaderMap) -> Option<Caller> {
        let shown = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = shown.split_once(' ')?;
        let token = fingerprint(token.trim());
        let owner = self.tokens.iter().fold(
            None,
            |found, (caller, known)| {
                if bool::from(token.ct_eq(known)) { Some(caller) } else { found }
            },
        );
        owner.filter(|_| scheme.eq_ignore_ascii_case("bearer")).cloned()
    }

    fn merchant(&self, borrower: &BorrowerKey) -> Result<&Merchant, ApiError> {
        self.policy.merchants.get(&borrower.merchant).ok_or(ApiError::Unknown)
    }

    /// The borrower as the ledger has it now.
    async fn borrower(&self, key: &BorrowerKey) -> Result<Borrower, ApiError> {
        let merchant = self.merchant(key)?;
        // The borrower in an account is the same for every day and channel, so any will do.
        let today = local_date(merchant.time_zone, self.clock.now());
        let account = within_patience(&*self.clock, self.store.account(key, today, Channel::Sms)).await?;
        account.borrower.ok_or(ApiError::Unknown)
    }

    async fn set_preferences(
        &self,
        borrower: BorrowerKey,
        asked: PreferencesUpdate,
        caller: &Caller,
    ) -> Result<Borrower, ApiError> {
        let now = self.clock.now();
        let caller = &caller.0.name;
        let actor = asked.by.as_ref().map_or_else(|| caller.clone(), |person| format!("{person} by {caller}"));
        let AuditNote { actor, .. } = AuditNote::new(&actor, "-").map_err(ApiError::body)?;
        let preferences = asked.preferences(self.merchant(&borrower)?, now)?;
        let said = ManualPreferences { borrower, preferences, actor, at: now };
        if !within_patience(&*self.clock, self.store.set_preferences(&said)).await? {
            return Err(ApiError::Unknown);
        }
        self.borrower(&said.borrower).await
    }
}

/// Serves `/api/v1/…`; every other path is a 404.
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/api/v1/borrowers/{merchant}/{borrower}/preferences", get(show).patch(change))
        .fallback(async || ApiError::NoPath)
        .layer(DefaultBodyLimit::max(MAX_WISHES))
        .layer(from_fn_with_state(api.clone(), authorised))
        .layer(map_response(with_headers))
        .layer(map_response(count_of_program))
        .with_state(api)
}

async fn authorised(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let Some(caller) = api.caller(request.headers()) else { return ApiError::Unauthorised.into_response() };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

/// The merchant and the borrower in a path.
type BorrowerPath = Result<Path<(String, String)>, PathRejection>;

async fn show(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    path: BorrowerPath,
) -> Result<Json<PreferencesView>, ApiError> {
    let key = key(path, &caller, ApiAction::ReadPreferences)?;
    Ok(Json(PreferencesView::of(api.borrower(&key).await?)))
}

async fn change(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    path: BorrowerPath,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<PreferencesView>, ApiError> {
    let key = key(path, &caller, ApiAction::ChangePreferences)?;
    let body = body.map_err(|_| ApiError::TooLarge)?;
    let asked = serde_json::from_slice(&body).map_err(ApiError::body)?;
    Ok(Json(PreferencesView::of(api.set_preferences(key, asked, &caller).await?)))
}

/// The borrower that the path names, if the caller may do that for the merchant.
fn key(path: BorrowerPath, caller: &Caller, action: ApiAction) -> Result<BorrowerKey, ApiError> {
    let Path((merchant, borrower)) = path.map_err(|_| ApiError::Unknown)?;
    let merchant = MerchantId::new(&merchant).map_err(|_| ApiError::Unknown)?;
    if !caller.0.may(action, &merchant) {
        return Err(ApiError::Forbidden);
    }
    let id = BorrowerId::new(&borrower).map_err(|_| ApiError::Unknown)?;
    Ok(BorrowerKey { merchant, id })
}

/// The body of a change.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PreferencesUpdate {
    #[serde(default, deserialize_with = "said")]
    hold: FieldUpdate<HoldUpdate>,
    #[serde(default, deserialize_with = "said")]
    language: FieldUpdate<String>,
    #[serde(default, deserialize_with = "said")]
    channel: FieldUpdate<String>,
    #[serde(default, deserialize_with = "said")]
    hours: FieldUpdate<String>,
    /// The person at the caller's end, for the record.
    by: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldUpdate {
    reason: String,
    until: Option<String>,
}

/// Reads a present field as an update, even `null`; an absent field keeps its default.
fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<FieldUpdate<T>, D::Error> {
    Option::deserialize(deserializer).map(FieldUpdate::Set)
}

impl PreferencesUpdate {
    fn preferences(self, merchant: &Merchant, now: DateTime<Utc>) -> Result<ContactPreferences, ApiError> {
        let preferences = ContactPreferences {
            hold: read(self.hold, |asked| {
                hold(&asked.reason, asked.until.as_deref(), merchant.time_zone, now).map_err(ApiError::body)
            })?,
            locale: read(self.language, |text| {
                Locale::new(&text).map_err(|_| ApiError::body("language is no language tag such as zh-CN or en"))
            })?,
            preferred_channel: read(self.channel, |text| {
                text.parse().map_err(|_| ApiError::body("channel is not sms or email"))
            })?,
            preferred_hours: read(self.hours, |text| {
                text.parse().map_err(|error| ApiError::body(format!("hours: the text {error}")))
            })?,
        };
        if preferences == ContactPreferences::default() {
            return Err(ApiError::body("empty update: set at least one of hold, language, channel, hours"));
        }
        Ok(preferences)
    }
}

fn read<T, W>(said: FieldUpdate<T>, read: impl FnOnce(T) -> Result<W, ApiError>) -> Result<FieldUpdate<W>, ApiError> {
    Ok(match said {
        FieldUpdate::Keep => FieldUpdate::Keep,
        FieldUpdate::Set(value) => FieldUpdate::Set(value.map(read).transpose()?),
    })
}

/// The response with a borrower's preferences. It contains no name and no address.
#[derive(Debug, Serialize)]
struct PreferencesView {
    merchant: String,
    borrower: String,
    hold: Option<HoldView>,
    language: Option<String>,
    channel: Option<Channel>,
    hours: Option<String>,
}

#[derive(Debug, Serialize)]
struct HoldView {
    reason: String,
    until: Option<DateTime<Utc>>,
}

impl PreferencesView {
    fn of(borrower: Borrower) -> Self {
        Self {
            merchant: borrower.key.merchant.to_string(),
            borrower: borrower.key.id.to_string(),
            hold: borrower.hold.map(|hold| HoldView { reason: hold.reason, until: hold.until }),
            language: borrower.locale.map(|locale| locale.to_string()),
            channel: borrower.preferred_channel,
            hours: borrower.preferred_hours.map(|hours| hours.to_string()),
        }
    }
}

/// Why a request is not done.
#[derive(Debug)]
enum ApiError {
    Unauthorised,
    Forbidden,
    NoPath,
    Unknown,
    TooLarge,
    Body(String),
    Failed(HttpError),
}

impl ApiError {
    fn body(why: impl ToString) -> Self {
        Self::Body(why.to_string())
    }
}

impl From<HttpError> for ApiError {
    fn from(error: HttpError) -> Self {
        Self::Failed(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Unauthorised => {
                (StatusCode::UNAUTHORIZED, "show a token of [[api.tokens]] as Authorization: Bearer TOKEN".to_owned())
            }
            Self::Forbidden => {
                let error = "this token may not do that for that merchant; see merchants and actions of [[api.tokens]]";
                (StatusCode::FORBIDDEN, error.to_owned())
            }
            Self::NoPath => (StatusCode::NOT_FOUND, "there is nothing at this path".to_owned()),
            Self::Unknown => {
                let error = "the ledger knows no such borrower of that merchant; check both, or import first";
                (StatusCode::NOT_FOUND, error.to_owned())
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, format!("the body is larger than {MAX_WISHES} bytes")),
            Self::Body(why) => (StatusCode::UNPROCESSABLE_ENTITY, why),
            Self::Failed(error) => {
                tracing::error!(%error, "a request of the API could not be done");
                (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer; try again soon".to_owned())
            }
        };
        let mut response = (status, Json(serde_json::json!({ "error": error }))).into_response();
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            StatusCode::SERVICE_UNAVAILABLE => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("60"))),
            _ => {}
        }
        response
    }
}
