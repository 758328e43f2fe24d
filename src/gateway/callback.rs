//! Callbacks: what a provider tells us on its own, at `/callbacks/{gateway}/{secret}`. Reading one is a pure function of the
//! request.

use http::HeaderMap;

use crate::domain::Report;

/// A request that came in for a gateway; the secret in its path was right.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    /// The address as the provider calls it, made from `links.base` in the config and never from the request's `Host`, which
    /// anybody can write. With the query, percent-encoded as it came.
    pub url: &'a str,
    /// What stands behind the `?`, percent-encoded as it came.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

/// Why a callback is refused. Quotes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    /// The signature is missing or wrong.
    #[error("its signature is missing or wrong")]
    Unsigned,
    /// It is not what this provider sends.
    #[error("it is not what this provider sends")]
    Unreadable,
}

/// What a provider wants to read when its callback was taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The type of `body`.
    pub content_type: &'static str,
    /// What is sent with status 200.
    pub body: &'static str,
}

/// Reads the callbacks of one gateway.
pub trait Callbacks: Send + Sync {
    /// Verifies the signature, where the provider has one, and gives what it reports: receipts, replies, both or nothing.
    ///
    /// # Errors
    /// When it is not signed as it should be, or is no callback of this provider. Nothing of it counts then.
    fn read(&self, callback: &Callback<'_>) -> Result<Vec<Report>, CallbackError>;

    /// What the provider wants to read when all of it was stored.
    fn answer(&self) -> Answer;

    /// Whether a report proves what it says: its signature was verified. What is not proven is a hint where the gateway can be
    /// asked, and is then confirmed by asking.
    fn is_proof(&self) -> bool;
}
