//! Holds.

use async_trait::async_trait;

use super::TaskStore;
use crate::domain::{Channel, HoldCause};
use crate::store::{HoldStore, StoreError};

#[async_trait]
impl HoldStore for TaskStore {
    async fn holds(&self) -> Result<Vec<(HoldCause, Channel)>, StoreError> {
        self.run(|store| async move { store.holds().await }).await
    }

    async fn release(&self, cause: &HoldCause, channel: Channel, limit: u32) -> Result<usize, StoreError> {
        let cause = cause.clone();
        self.run(|store| async move { store.release(&cause, channel, limit).await }).await
    }

    async fn release_expired(&self, limit: u32) -> Result<usize, StoreError> {
        self.run(|store| async move { store.release_expired(limit).await }).await
    }
}
