//! Level 2: posts events to the lender's systems, signed as Standard Webhooks has it
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>).
//!
//! | file | what it holds |
//! |---|---|
//! | `secret` | the secrets and the signature |
//! | `message` | the id and the body of an event |
//! | `https` | the HTTP client |

mod https;
mod message;
mod secret;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use crate::domain::{EndpointKey, Network, WebhookType};
pub use https::{HttpsWebhooks, WebhookClientError};
pub use message::WebhookMessage;
pub use secret::{WebhookSecret, WebhookSecretError, signatures};

/// An endpoint of a lender's system, as the config has it. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct WebhookEndpoint {
    /// Its merchant and name.
    pub key: EndpointKey,
    /// Its address.
    pub url: Url,
    /// The secrets that sign: the current one, and older ones while they are replaced.
    pub secrets: Vec<WebhookSecret>,
    /// The types that it asks for.
    pub types: BTreeSet<WebhookType>,
    /// Private networks in which it may be.
    pub allowed_networks: Vec<Network>,
    /// The certificates that it may be of, in PEM; those of the machine without.
    pub ca_pem: Option<String>,
}

/// The result of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryResult {
    /// The endpoint took the event: a status of 2xx.
    Delivered,
    /// The endpoint wants no further event: status 410.
    Gone,
    /// Anything else; the event is delivered again later.
    Failed {
        /// A code without any text of the endpoint.
        code: String,
        /// The pause that the endpoint asks for.
        retry_after: Option<Duration>,
    },
}

/// Delivers messages.
#[async_trait]
pub trait WebhookSender: fmt::Debug + Send + Sync {
    /// Posts one message once.
    async fn deliver(&self, endpoint: &WebhookEndpoint, message: &WebhookMessage) -> DeliveryResult;
}
