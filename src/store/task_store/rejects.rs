//! Records that cannot be applied.

use async_trait::async_trait;

use super::TaskStore;
use crate::domain::{InstallmentId, LedgerRow, MerchantId, RejectedRecord, SoundRecord};
use crate::store::{
    Change, DropOrder, DroppedRecord, KeptRecord, RejectCounts, RejectFilter, RejectStore, StoreError, WriteMode,
};

#[async_trait]
impl RejectStore for TaskStore {
    async fn import_batch(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError> {
        let (rows, rejected) = (rows.to_vec(), rejected.to_vec());
        self.run(|store| async move { store.import_batch(&rows, &rejected, mode).await }).await
    }

    async fn rejects(&self, filter: &RejectFilter) -> Result<Vec<KeptRecord>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.rejects(&filter).await }).await
    }

    async fn rejected_installments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        self.run(|store| async move { store.rejected_installments().await }).await
    }

    async fn reject_counts(&self) -> Result<RejectCounts, StoreError> {
        self.run(|store| async move { store.reject_counts().await }).await
    }

    async fn retry_reject(&self, kept: &KeptRecord, sound: &SoundRecord) -> Result<bool, StoreError> {
        let (kept, sound) = (kept.clone(), sound.clone());
        self.run(|store| async move { store.retry_reject(&kept, &sound).await }).await
    }

    async fn drop_rejects(&self, ids: &[i64], order: &DropOrder) -> Result<Vec<i64>, StoreError> {
        let (ids, order) = (ids.to_vec(), order.clone());
        self.run(|store| async move { store.drop_rejects(&ids, &order).await }).await
    }

    async fn dropped_rejects(&self, limit: u32) -> Result<Vec<DroppedRecord>, StoreError> {
        self.run(|store| async move { store.dropped_rejects(limit).await }).await
    }
}
