//! Webhooks of a store with faults; the simulation has no endpoint.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dueherald::domain::{
    BorrowerId, EndpointKey, EndpointState, ManualChange, MerchantId, RecordEnds, RecordPosition, WaitingBorrower,
    WebhookEvent,
};
use dueherald::store::{EndpointProgress, RecordPage, StoreError, WebhookStore};

use crate::store::FaultyStore;

#[async_trait]
impl WebhookStore for FaultyStore {
    async fn record_ends(&self) -> Result<RecordEnds, StoreError> {
        self.inner().record_ends().await
    }

    async fn record_page(
        &self,
        merchants: &[MerchantId],
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<RecordPage, StoreError> {
        self.inner().record_page(merchants, after, through).await
    }

    async fn records_of(
        &self,
        merchant: &MerchantId,
        borrower: Option<&BorrowerId>,
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<Vec<WebhookEvent>, StoreError> {
        self.inner().records_of(merchant, borrower, after, through).await
    }

    async fn webhook_endpoints(&self) -> Result<Vec<EndpointState>, StoreError> {
        self.inner().webhook_endpoints().await
    }

    async fn add_webhook_endpoint(&self, key: &EndpointKey, at: RecordPosition) -> Result<(), StoreError> {
        self.inner().add_webhook_endpoint(key, at).await
    }

    async fn webhook_waiting(&self, key: &EndpointKey) -> Result<Vec<WaitingBorrower>, StoreError> {
        self.inner().webhook_waiting(key).await
    }

    async fn save_webhook_progress(&self, progress: &EndpointProgress) -> Result<bool, StoreError> {
        self.inner().save_webhook_progress(progress).await
    }

    async fn replay_webhook(
        &self,
        key: &EndpointKey,
        from: DateTime<Utc>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        self.inner().replay_webhook(key, from, by).await
    }

    async fn enable_webhook(&self, key: &EndpointKey, by: &ManualChange) -> Result<bool, StoreError> {
        self.inner().enable_webhook(key, by).await
    }
}
