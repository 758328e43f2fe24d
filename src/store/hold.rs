//! The store's operations for holds.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Channel, HoldCause};

/// Holds: reminders that wait until a cause goes away. A claim that decides [`Hold`](crate::plan::Decision::Hold)
/// begins one; no claim looks at a held reminder. The operation that takes a cause away releases what it held, up to a
/// bound; the rest, and what a claim held at that very moment, is released by whoever asks for [`HoldStore::holds`].
#[async_trait]
pub trait HoldStore: Debug + Send + Sync {
    /// The causes that hold reminders now, each with its channel, in order. Costs one lookup per cause, not per
    /// reminder.
    async fn holds(&self) -> Result<Vec<(HoldCause, Channel)>, StoreError>;

    /// Gives up to `limit` reminders that a cause holds on a channel back to be decided, due now. Gives how many.
    async fn release(&self, cause: &HoldCause, channel: Channel, limit: u32) -> Result<usize, StoreError>;

    /// The same for held reminders that have expired, whatever holds them.
    async fn release_expired(&self, limit: u32) -> Result<usize, StoreError>;
}
