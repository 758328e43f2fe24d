//! Records that could not be applied are kept by the store behind; what is asked is answered without faults.

use async_trait::async_trait;
use dueherald::domain::{InstallmentId, LedgerRow, MerchantId, RejectedRecord, SoundRecord};
use dueherald::store::{
    Change, DropOrder, DroppedRecord, KeptRecord, RejectCounts, RejectFilter, RejectStore, StoreError, WriteMode,
};

use crate::store::FaultyStore;

#[async_trait]
impl RejectStore for FaultyStore {
    async fn import_batch(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError> {
        self.inner().import_batch(rows, rejected, mode).await
    }

    async fn rejects(&self, filter: &RejectFilter) -> Result<Vec<KeptRecord>, StoreError> {
        self.inner().rejects(filter).await
    }

    async fn rejected_installments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        self.inner().rejected_installments().await
    }

    async fn reject_counts(&self) -> Result<RejectCounts, StoreError> {
        self.inner().reject_counts().await
    }

    async fn retry_reject(&self, kept: &KeptRecord, sound: &SoundRecord) -> Result<bool, StoreError> {
        self.inner().retry_reject(kept, sound).await
    }

    async fn drop_rejects(&self, ids: &[i64], order: &DropOrder) -> Result<Vec<i64>, StoreError> {
        self.inner().drop_rejects(ids, order).await
    }

    async fn dropped_rejects(&self, limit: u32) -> Result<Vec<DroppedRecord>, StoreError> {
        self.inner().dropped_rejects(limit).await
    }
}
