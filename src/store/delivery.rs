//! Deliveries of the lender's systems: bodies of webhooks, and files.

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::domain::SourceName;

/// Deliveries, each of which counts once.
#[async_trait]
pub trait DeliveryStore: fmt::Debug + Send + Sync {
    /// Keeps a delivery until it is applied. The same content of one source is the same delivery.
    async fn keep_delivery(&self, delivery: &NewDelivery) -> Result<KeptDelivery, StoreError>;

    /// The deliveries of a source that wait to be applied, in the order in which they came.
    async fn waiting_deliveries(&self, source: &SourceName, limit: u32) -> Result<Vec<Delivery>, StoreError>;

    /// Notes that a delivery is applied. Its body is kept no longer, and its digest for good.
    async fn end_delivery(&self, id: i64) -> Result<(), StoreError>;
}

/// A delivery that arrives.
#[derive(Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its source.
    pub source: SourceName,
    /// The SHA-256 of its content, in hexadecimal digits.
    pub digest: String,
    /// The body of a webhook, a JSON object or array; `None` for a file, which stays where it is.
    pub body: Option<String>,
    /// Whether the same content may come again as news: it carries no values, and says only that something happened.
    pub is_signal: bool,
}

impl fmt::Debug for NewDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewDelivery({}, …)", self.source)
    }
}

/// The state of a delivery that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptDelivery {
    /// It is to be applied: it is new, is news again, or was not applied to its end.
    Waiting(i64),
    /// It was applied before.
    Done,
}

/// A delivery that waits to be applied.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// When it arrived.
    pub at: DateTime<Utc>,
    /// The body of a webhook.
    pub body: Option<String>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({}, …)", self.id)
    }
}
