//! Reconciliation, in memory.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::MemoryStore;
use crate::domain::{Channel, NewReminder, Reminder, ReminderId};
use crate::store::{NextLook, ReconcileStore, StoreError, UnknownReminder};

#[async_trait]
impl ReconcileStore for MemoryStore {
    async fn unknown(
        &self,
        channel: Channel,
        after: Option<ReminderId>,
        limit: u32,
    ) -> Result<Vec<UnknownReminder>, StoreError> {
        Ok(self.tables().outbox.unknown(channel, after, limit))
    }

    async fn unknown_due(&self, channel: Channel, limit: u32) -> Result<Vec<UnknownReminder>, StoreError> {
        let now = self.clock.now();
        Ok(self.tables().outbox.unknown_due(channel, now, limit))
    }

    async fn look_again(&self, looks: &[NextLook]) -> Result<(), StoreError> {
        let mut tables = self.tables();
        looks.iter().for_each(|look| tables.outbox.look_again(look));
        Ok(())
    }

    async fn fallbacks_due(&self, limit: u32) -> Result<Vec<Reminder>, StoreError> {
        Ok(self.tables().outbox.fallbacks_due(self.clock.now(), limit))
    }

    async fn fall_back(
        &self,
        pairs: &[(ReminderId, Option<NewReminder>)],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        pairs.iter().for_each(|(id, next)| tables.outbox.fall_back(*id, next.as_ref(), at));
        Ok(())
    }

    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
        Ok(self.tables().outbox.reap(self.clock.now(), limit))
    }
}
