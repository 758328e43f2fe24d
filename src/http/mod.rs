//! Level 6: what is served: pages for borrowers, callbacks, the API, health, metrics, the demo page.
//!
//! | file | what it holds |
//! |---|---|
//! | `public` | `/r/{token}`: what borrowers reach through the links in their messages |
//! | `unsubscribe` | `/u/{token}`: where the recipient of an e-mail unsubscribes |
//! | `callbacks` | `/callbacks/{gateway}/{secret}`: what providers report |
//! | `api` | `/api/v1/…`: what the lender's own systems ask for and say |
//! | `landing` | what a landing page says, worked out from the facts; pure |
//! | `ways` | the ways to repay that it offers, and where each leads; pure |
//! | `second_factor` | name, order and amount for who knows the last digits of the phone number |
//! | `go` | the way from the page to the target of a route, which is counted |
//! | `verify` | `/verify`: whether a message is genuine, by its check code |
//! | `limit` | how often one client may ask |
//! | `health` | what the daemon knows about itself: failed tasks, a database that is not there yet |
//! | `ops` | `/healthz`, `/readyz`, `/metrics`, at an address of their own |
//! | `demo` | the page of `dueherald demo` |
//! | `preferences` | what a borrower may wish for on the page of `/u/{token}`; pure |
//! | `page` | templates, the style sheet and the headers of every page |
//!
//! Each file gives a [`Router`]; [`serve`] puts one behind a listener. No page has a script or loads anything from elsewhere, and
//! only a POST changes anything: callbacks, who unsubscribes, who tries digits, and who goes to repay; of the API, a PATCH.

pub mod api;
pub mod callbacks;
pub mod demo;
mod go;
pub mod health;
mod landing;
pub mod limit;
pub mod ops;
mod page;
mod preferences;
pub mod public;
mod second_factor;
mod unsubscribe;
mod verify;
mod ways;

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};

use crate::clock::Clock;
use crate::store::StoreError;

pub use landing::Standing;

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The store failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The store took longer than [`STORE_PATIENCE`].
    #[error("the database did not answer within {} seconds", STORE_PATIENCE.as_secs())]
    Slow,
    /// There is no store yet; the text says what is waited for.
    #[error("{0}")]
    NoStore(String),
}

/// How long a page waits for the store before it says that it cannot: a borrower on a phone does not wait longer.
pub const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// How long one request may take in all; every page gives up earlier by itself.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The largest body that a request may carry, in bytes: a callback with some hundred reports. Pages take none.
pub const MAX_BODY: usize = 256 * 1024;

/// How long requests in flight may go on after the stop.
pub const DRAIN: Duration = Duration::from_secs(5);

/// Serves `router` on `listener` until `stop` is cancelled, then lets requests in flight finish, for [`DRAIN`] at most.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) -> io::Result<()> {
    // Small answers leave at once; a socket that is already gone is found out by the first read.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let service = guarded(router).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone().cancelled_owned());
    let drained = async {
        stop.cancelled().await;
        clock.sleep(DRAIN).await;
    };
    tokio::select! {
        ended = server => ended,
        () = drained => {
            tracing::warn!(seconds = DRAIN.as_secs(), "stopped with requests still open");
            Ok(())
        }
    }
}

/// What holds for every page: bounded time, bounded bodies, and a panic ends one request only.
fn guarded(router: Router) -> Router {
    router
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .layer(RequestBodyTimeoutLayer::new(REQUEST_TIMEOUT))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::custom(after_panic))
}

// By value, because that is how the layer hands it over. What the panic says is not logged: it may quote anything.
fn after_panic(_payload: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request ended in a panic; the lines before on stderr say where");
    (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n").into_response()
}

/// What is kept of a secret to compare with.
type Fingerprint = [u8; 32];

/// Digests have one length, so that a comparison does not tell that of the secret.
fn fingerprint(secret: &str) -> Fingerprint {
    Sha256::digest(secret).into()
}

/// Waits for an answer of the store for [`STORE_PATIENCE`] at most.
async fn within_patience<T>(
    clock: &dyn Clock,
    answer: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, HttpError> {
    tokio::select! {
        answer = answer => Ok(answer?),
        () = clock.sleep(STORE_PATIENCE) => Err(HttpError::Slow),
    }
}
