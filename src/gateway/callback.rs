//! Callbacks: what a provider tells us on its own, at `/callbacks/{gateway}/{secret}`. Reading one is a pure function
//! of the request.

use std::fmt;

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};

use crate::domain::{GatewayName, Report};

/// Where the callbacks of one gateway come in: `https://pay.mall.example/callbacks/kannel/SECRET`. `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct CallbackAddress(String);

impl CallbackAddress {
    /// `base` is `links.base` of the config; the secret holds letters, digits, `-` and `_` only, as the config has
    /// checked.
    #[must_use]
    pub fn new(base: &str, gateway: &GatewayName, secret: &SecretString) -> Self {
        Self(format!("{base}/callbacks/{gateway}/{}", secret.expose_secret()))
    }

    /// The whole address, with the secret in it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same with a query, in which a provider that gives no number to a message brings back ours.
    #[must_use]
    pub fn about(&self, reference: &str) -> String {
        let reference: String = form_urlencoded::byte_serialize(reference.as_bytes()).collect();
        format!("{}?reference={reference}", self.0)
    }
}

impl fmt::Debug for CallbackAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackAddress(…)")
    }
}

/// A request that came in for a gateway; the secret in its path was right.
#[derive(Clone, Copy)]
pub struct Callback<'a> {
    /// The address as the provider calls it, made from `links.base` in the config and never from the request's `Host`,
    /// which anybody can write. With the query, percent-encoded as it came.
    pub url: &'a str,
    /// The query after the `?`, percent-encoded as it came.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

impl fmt::Debug for Callback<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Address, headers and body hold secrets and phones.
        write!(f, "Callback({} bytes)", self.body.len())
    }
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

/// The reply that a provider expects once its callback is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallbackReply {
    /// The type of `body`.
    pub content_type: &'static str,
    /// The body of the reply, which has status 200.
    pub body: &'static str,
}

/// Reads the callbacks of one gateway.
pub trait Callbacks: Send + Sync {
    /// Verifies the signature, where the provider has one, and gives what it reports: receipts, replies, both or
    /// nothing.
    ///
    /// # Errors
    /// When it is not signed as it should be, or is no callback of this provider. Nothing of it counts then.
    fn read(&self, callback: &Callback<'_>) -> Result<Vec<Report>, CallbackError>;

    /// The reply that the provider expects once all of its reports are stored.
    fn answer(&self) -> CallbackReply;

    /// Whether a report proves what it says: its signature was verified. What is not proven is a hint where the gateway
    /// can be asked, and is then confirmed by asking.
    fn is_proof(&self) -> bool;

    /// Whether the provider itself answers who opts out.
    fn confirms_opt_outs(&self) -> bool {
        false
    }
}
