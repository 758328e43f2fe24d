//! Level 6: the HTTP servers: pages for borrowers, callbacks, the API, health, metrics, the demo page.
//!
//! | file | content |
//! |---|---|
//! | `public` | `/r/{token}`: the pages behind the links in messages |
//! | `unsubscribe` | `/u/{token}`: the page on which the recipient of an e-mail unsubscribes |
//! | `callbacks` | `/callbacks/{gateway}/{secret}`: reports and answers from providers |
//! | `api` | `/api/v1/…`: requests of the lender's own systems |
//! | `hooks` | `/api/v1/hooks/{source}`: webhooks of the lender's own systems |
//! | `console` | `/console/…`: the desk of the staff |
//! | `landing` | the content of a landing page, derived from the facts; pure |
//! | `ways` | the ways to repay that it offers, and the target of each; pure |
//! | `second_factor` | name, order and amount for a visitor who answers the page's question |
//! | `go` | the redirect from the page to the target of a route, which counts the click |
//! | `verify` | `/verify`: whether a message is genuine, by its check code |
//! | `hosts` | the hosts under which pages are served |
//! | `limit` | how often one client may ask, and how much one link may write |
//! | `refusals` | counts refused requests of visitors |
//! | `serve` | a router behind a listener: time-outs, shutdown |
//! | `connections` | how many connections may be open, and which is closed when there are too many |
//! | `health` | the state of the daemon apart from its store: failed tasks, a database that cannot be used yet |
//! | `ops` | `/healthz`, `/readyz`, `/metrics`, at an address of their own |
//! | `demo` | the page of `dueherald demo` |
//! | `preferences` | the preferences on the page of `/u/{token}`; pure |
//! | `page` | templates, the style sheet and the headers of every page |
//!
//! Each file gives a router; [`serve`] puts one behind a listener. No page has a script or loads anything from
//! elsewhere. Only a POST changes anything: callbacks, opt-outs, tries to answer a question, and clicks on a way to
//! repay; of the API, a PATCH.

pub mod api;
pub mod callbacks;
mod connections;
pub mod console;
pub mod demo;
mod go;
pub mod health;
pub mod hooks;
pub mod hosts;
mod landing;
pub mod limit;
pub mod ops;
mod page;
mod preferences;
pub mod public;
mod question;
mod refusals;
mod second_factor;
mod serve;
mod unsubscribe;
mod verify;
mod ways;

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::clock::Clock;
use crate::store::StoreError;

pub use connections::ConnectionLimits;
pub use landing::LinkStatus;
pub use serve::{serve, serve_bounded};

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

/// How long a new connection may take to send the head of its first request.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a connection may take from an answer to the head of the next request: longer than browsers and front
/// servers usually leave between two requests of one visit.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a request may take with the way of its answer: a slow phone gets as much again for reading.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection lives in all.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// The largest head of a request, in bytes; it is also how much is read ahead.
pub const MAX_HEAD: usize = 16 * 1024;

/// How long requests in flight may go on after the stop.
pub const DRAIN: Duration = Duration::from_secs(5);

/// The digest of a secret, kept for comparisons.
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
