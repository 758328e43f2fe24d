//! Reconciliation.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{SqlStore, fallback, outbox, views};
use crate::domain::{Channel, NewReminder, Reminder, ReminderId};
use crate::store::{NextLook, ReconcileStore, StoreError, UnknownReminder};

#[async_trait]
impl ReconcileStore for SqlStore {
    async fn unknown(
        &self,
        channel: Channel,
        after: Option<ReminderId>,
        limit: u32,
    ) -> Result<Vec<UnknownReminder>, StoreError> {
        let mut tx = self.read().await?;
        let read = views::unknown(&mut tx, channel, after, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn unknown_due(&self, channel: Channel, limit: u32) -> Result<Vec<UnknownReminder>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = views::unknown_due(&mut tx, now, channel, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn look_again(&self, looks: &[NextLook]) -> Result<(), StoreError> {
        let mut alone = self.write_alone().await?;
        outbox::look_again(&mut alone, looks).await?;
        self.commit_alone(alone).await
    }

    async fn fallbacks_due(&self, limit: u32) -> Result<Vec<Reminder>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = fallback::due(&mut tx, now, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn fall_back(
        &self,
        pairs: &[(ReminderId, Option<NewReminder>)],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        fallback::fall_back(&mut tx, pairs, at).await?;
        Ok(tx.commit().await?)
    }

    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let reaped = outbox::reap(&mut tx, now, limit).await?;
        tx.commit().await?;
        Ok(reaped)
    }
}
