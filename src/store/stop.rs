//! Stops.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{Stop, StoreError};
use crate::domain::{Channel, ManualChange, MerchantId};

/// Stops: a merchant, a channel, or everything sends nothing.
#[async_trait]
pub trait StopStore: Debug + Send + Sync {
    /// Stops sending, on record; the same scope is replaced. Effective at the next claim.
    async fn stop(&self, stop: &Stop) -> Result<(), StoreError>;

    /// Lifts a stop, on record, and releases what no other stop holds. `false`, and nothing is recorded, if there was
    /// none of that scope.
    async fn lift_stop(
        &self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
    ) -> Result<bool, StoreError>;

    /// The active stops, oldest first.
    async fn stops(&self) -> Result<Vec<Stop>, StoreError>;
}
