//! Webhooks of the fake store.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use dueherald::domain::{
    BorrowerId, EndpointKey, EndpointState, ManualChange, MerchantId, RecordEnds, RecordPosition, WaitingBorrower,
    WebhookEvent,
};
use dueherald::store::{EndpointProgress, RecordPage, StoreError, WebhookStore};

use super::fake::FakeStore;

#[async_trait]
impl WebhookStore for FakeStore {
    async fn record_ends(&self) -> Result<RecordEnds, StoreError> {
        unreachable!("no page tells endpoints")
    }

    async fn record_page(
        &self,
        _: &[MerchantId],
        _: RecordPosition,
        _: RecordPosition,
    ) -> Result<RecordPage, StoreError> {
        unreachable!("no page tells endpoints")
    }

    async fn records_of(
        &self,
        _: &MerchantId,
        _: Option<&BorrowerId>,
        _: RecordPosition,
        _: RecordPosition,
    ) -> Result<Vec<WebhookEvent>, StoreError> {
        unreachable!("no page tells endpoints")
    }

    async fn webhook_endpoints(&self) -> Result<Vec<EndpointState>, StoreError> {
        unreachable!("no page tells endpoints")
    }

    async fn add_webhook_endpoint(&self, _: &EndpointKey, _: RecordPosition) -> Result<(), StoreError> {
        unreachable!("no page tells endpoints")
    }

    async fn webhook_waiting(&self, _: &EndpointKey) -> Result<Vec<WaitingBorrower>, StoreError> {
        unreachable!("no page tells endpoints")
    }

    async fn save_webhook_progress(&self, _: &EndpointProgress) -> Result<bool, StoreError> {
        unreachable!("no page tells endpoints")
    }

    async fn replay_webhook(&self, _: &EndpointKey, _: DateTime<Utc>, _: &ManualChange) -> Result<bool, StoreError> {
        unreachable!("no page tells endpoints")
    }

    async fn enable_webhook(&self, _: &EndpointKey, _: &ManualChange) -> Result<bool, StoreError> {
        unreachable!("no page tells endpoints")
    }
}
