//! Webhooks.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::TaskStore;
use crate::domain::{
    BorrowerId, EndpointKey, EndpointState, ManualChange, MerchantId, RecordEnds, RecordPosition, WaitingBorrower,
    WebhookEvent,
};
use crate::store::{EndpointProgress, RecordPage, StoreError, WebhookStore};

#[async_trait]
impl WebhookStore for TaskStore {
    async fn record_ends(&self) -> Result<RecordEnds, StoreError> {
        self.run(|store| async move { store.record_ends().await }).await
    }

    async fn record_page(
        &self,
        merchants: &[MerchantId],
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<RecordPage, StoreError> {
        let merchants = merchants.to_vec();
        self.run(|store| async move { store.record_page(&merchants, after, through).await }).await
    }

    async fn records_of(
        &self,
        merchant: &MerchantId,
        borrower: Option<&BorrowerId>,
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<Vec<WebhookEvent>, StoreError> {
        let (merchant, borrower) = (merchant.clone(), borrower.cloned());
        self.run(|store| async move { store.records_of(&merchant, borrower.as_ref(), after, through).await }).await
    }

    async fn webhook_endpoints(&self) -> Result<Vec<EndpointState>, StoreError> {
        self.run(|store| async move { store.webhook_endpoints().await }).await
    }

    async fn add_webhook_endpoint(&self, key: &EndpointKey, at: RecordPosition) -> Result<(), StoreError> {
        let key = key.clone();
        self.run(|store| async move { store.add_webhook_endpoint(&key, at).await }).await
    }

    async fn webhook_waiting(&self, key: &EndpointKey) -> Result<Vec<WaitingBorrower>, StoreError> {
        let key = key.clone();
        self.run(|store| async move { store.webhook_waiting(&key).await }).await
    }

    async fn save_webhook_progress(&self, progress: &EndpointProgress) -> Result<bool, StoreError> {
        let progress = progress.clone();
        self.run(|store| async move { store.save_webhook_progress(&progress).await }).await
    }

    async fn replay_webhook(
        &self,
        key: &EndpointKey,
        from: DateTime<Utc>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let (key, by) = (key.clone(), by.clone());
        self.run(|store| async move { store.replay_webhook(&key, from, &by).await }).await
    }

    async fn enable_webhook(&self, key: &EndpointKey, by: &ManualChange) -> Result<bool, StoreError> {
        let (key, by) = (key.clone(), by.clone());
        self.run(|store| async move { store.enable_webhook(&key, &by).await }).await
    }
}
