//! Reconciliation.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{NextLook, StoreError, UnknownReminder};
use crate::domain::{Channel, NewReminder, Reminder, ReminderId};

/// Reminders whose outcome is in doubt, and second channels.
#[async_trait]
pub trait ReconcileStore: Debug + Send + Sync {
    /// Unknown reminders of a channel, oldest first, at most `limit`, after the number `after`.
    async fn unknown(
        &self,
        channel: Channel,
        after: Option<ReminderId>,
        limit: u32,
    ) -> Result<Vec<UnknownReminder>, StoreError>;

    /// Unknown reminders of a channel that are due for a check, the longest waiting first, at most `limit`. The first
    /// check is due as soon as a reminder becomes unknown, each later one at the time passed to
    /// [`ReconcileStore::look_again`].
    async fn unknown_due(&self, channel: Channel, limit: u32) -> Result<Vec<UnknownReminder>, StoreError>;

    /// Sets the times at which unknown reminders are due again. Ignores a reminder that is no longer unknown, or
    /// unknown by another attempt.
    async fn look_again(&self, looks: &[NextLook]) -> Result<(), StoreError>;

    /// Reminders for which another channel is to be tried now, the longest waiting first: no receipt came in time, or
    /// it said that they did not arrive.
    async fn fallbacks_due(&self, limit: u32) -> Result<Vec<Reminder>, StoreError>;

    /// Puts the second reminder of each pair into the outbox, if there is one, and lets the first rest, in one
    /// transaction.
    async fn fall_back(&self, pairs: &[(ReminderId, Option<NewReminder>)], at: DateTime<Utc>)
    -> Result<(), StoreError>;

    /// Moves up to `limit` reminders whose lease ran out from `sending` to `unknown`, never back to `planned`; one of
    /// which a receipt has said that it did not arrive is done, and stays `undelivered`. Gives their numbers.
    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError>;
}
