//! `/callbacks/{gateway}/{secret}`: providers report the fate of messages, and the answers of borrowers.
//!
//! | answer | when |
//! |---|---|
//! | 200, with what the provider wants to read | all of it is stored |
//! | 404, the page of every other path | no such gateway, or a wrong secret: the answer does not reveal which |
//! | 429 | the same, too often from one client |
//! | 403 | its signature is missing or wrong |
//! | 400 | it is not what this provider sends |
//! | 413 | its body is larger than [`MAX_BODY`] |
//! | 503 | the store failed or did not answer in time; providers try again |
//!
//! Nothing of a callback is logged, not even its path, because that contains the secret.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use super::limit::{Limits, misses_limited};
use super::public::{not_found, with_headers};
use super::refusals::count_of_program;
use super::{Fingerprint, MAX_BODY, fingerprint, within_patience};
use crate::app::App;
use crate::clock::Clock;
use crate::domain::GatewayName;
use crate::gateway::{Callback, CallbackAddress, CallbackError, Gateway};
use crate::pipeline::figures::CALLBACKS_REFUSED;
use crate::pipeline::{Intake, Trust};

/// Compared with where there is no such gateway, so that the time taken does not tell.
static NOBODYS: LazyLock<Fingerprint> = LazyLock::new(|| fingerprint("no gateway has this secret"));

/// The dependencies of the callback pages, and the endpoint of each gateway.
#[derive(Debug, Clone)]
pub struct Inbox {
    /// Records what is reported.
    pub intake: Intake,
    /// Bounds the wait for the store.
    pub clock: Arc<dyn Clock>,
    doors: Arc<BTreeMap<GatewayName, CallbackEndpoint>>,
}

/// Where the callbacks of one gateway come in.
#[derive(Debug)]
struct CallbackEndpoint {
    gateway: Arc<dyn Gateway>,
    /// Each with the secret in it.
    addresses: Vec<(CallbackAddress, Fingerprint)>,
}

impl Inbox {
    /// The inbox of this process: an endpoint for each gateway with a `callback_secret`.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let doors = app.config.callback_secrets.keys().filter_map(|name| {
            let gateway = Arc::clone(app.gateways.get(name)?);
            let addresses = app.config.callback_addresses(name).into_iter();
            let addresses = addresses.map(|(address, secret)| (address, fingerprint(secret.expose_secret())));
            Some((name.clone(), CallbackEndpoint { gateway, addresses: addresses.collect() }))
        });
        Self {
            intake: Intake { store: Arc::clone(&app.public_store), ..app.intake() },
            clock: Arc::clone(&app.clock),
            doors: Arc::new(doors.collect()),
        }
    }

    /// An address more, for a gateway that no config knows.
    #[doc(hidden)]
    #[must_use]
    pub fn with(mut self, gateway: Arc<dyn Gateway>, address: CallbackAddress, secret: &str) -> Self {
        let mut doors: BTreeMap<_, _> = Arc::try_unwrap(self.doors).unwrap_or_default();
        let name = gateway.name().clone();
        let door = doors.entry(name).or_insert_with(|| CallbackEndpoint { gateway, addresses: Vec::new() });
        door.addresses.push((address, fingerprint(secret)));
        self.doors = Arc::new(doors);
        self
    }

    /// One that knows no gateway yet.
    #[doc(hidden)]
    #[must_use]
    pub fn empty(intake: Intake) -> Self {
        Self { clock: Arc::clone(&intake.clock), intake, doors: Arc::default() }
    }

    /// The door and the address that was called, if there is one and the secret is right. The time taken tells neither.
    fn door(&self, gateway: &str, secret: &str) -> Option<(&CallbackEndpoint, &CallbackAddress)> {
        let (door, shown) = (self.doors.get(gateway), fingerprint(secret));
        _ = bool::from(shown.ct_eq(&*NOBODYS));
        let called = door.iter().flat_map(|door| &door.addresses).fold(None, |called, (address, expected)| {
            if bool::from(shown.ct_eq(expected)) { Some(address) } else { called }
        });
        door.zip(called)
    }
}

/// Serves `/callbacks/{gateway}/{secret}`. Who guesses secrets is limited; a provider who has the right one never is.
pub fn router(inbox: Inbox, limits: &Limits) -> Router {
    Router::new()
        .route("/callbacks/{gateway}/{secret}", any(callback))
        .layer(from_fn_with_state(Arc::clone(&limits.pages), misses_limited))
        .layer(map_response(with_headers))
        .layer(map_response(count_of_program))
        .with_state(inbox)
}

async fn callback(
    State(inbox): State<Inbox>,
    path: Result<Path<(String, String)>, PathRejection>,
    request: Request<Body>,
) -> Response {
    let door = path.ok().and_then(|Path((gateway, secret))| inbox.door(&gateway, &secret));
    let Some((door, address)) = door.filter(|_| matches!(*request.method(), Method::GET | Method::POST)) else {
        return not_found();
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return refused(door, "too_large", StatusCode::PAYLOAD_TOO_LARGE);
    };
    let query = parts.uri.query().unwrap_or_default();
    let separator = if query.is_empty() { "" } else { "?" };
    let url = format!("{}{separator}{query}", address.as_str());
    take_in(&inbox, door, &Callback { url: &url, query, headers: &parts.headers, body: &body }).await
}

async fn take_in(inbox: &Inbox, door: &CallbackEndpoint, callback: &Callback<'_>) -> Response {
    let Some(callbacks) = door.gateway.callbacks() else { return not_found() };
    let reports = match callbacks.read(callback) {
        Ok(reports) => reports,
        Err(CallbackError::Unsigned) => return refused(door, "unsigned", StatusCode::FORBIDDEN),
        Err(CallbackError::Unreadable) => return refused(door, "unreadable", StatusCode::BAD_REQUEST),
    };
    let is_hint = !callbacks.is_proof() && door.gateway.can_be_asked();
    let trust = if is_hint { Trust::Hint } else { Trust::Counts };
    let taken = inbox.intake.take_in(door.gateway.name(), reports, trust);
    if let Err(error) = within_patience(&*inbox.clock, taken).await {
        tracing::error!(gateway = %door.gateway.name(), %error, "a callback could not be stored; the provider comes \
            again");
        let mut response = refused(door, "store", StatusCode::SERVICE_UNAVAILABLE);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
        return response;
    }
    let answer = callbacks.answer();
    ([(CONTENT_TYPE, answer.content_type)], answer.body).into_response()
}

fn refused(door: &CallbackEndpoint, reason: &'static str, status: StatusCode) -> Response {
    let gateway = door.gateway.name().to_string();
    if reason != "store" {
        tracing::warn!(gateway, reason, "a callback was refused");
    }
    metrics::counter!(CALLBACKS_REFUSED, "gateway" => gateway, "reason" => reason).increment(1);
    status.into_response()
}
