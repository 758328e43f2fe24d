//! No page imports; figures count what was rejected.

use async_trait::async_trait;
use dueherald::domain::{InstallmentId, LedgerRow, MerchantId, RejectedRecord, SoundRecord};
use dueherald::store::{
    Change, DropOrder, DroppedRecord, KeptRecord, RejectCounts, RejectFilter, RejectStore, StoreError, WriteMode,
};

use super::fake::FakeStore;

#[async_trait]
impl RejectStore for FakeStore {
    async fn import_batch(
        &self,
        _: &[LedgerRow],
        _: &[RejectedRecord],
        _: WriteMode,
    ) -> Result<Vec<Change>, StoreError> {
        unreachable!("no page imports")
    }

    async fn rejects(&self, _: &RejectFilter) -> Result<Vec<KeptRecord>, StoreError> {
        unreachable!("no page lists records")
    }

    async fn rejected_installments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        unreachable!("no page releases reminders")
    }

    async fn reject_counts(&self) -> Result<RejectCounts, StoreError> {
        self.answer(self.rejects).await
    }

    async fn retry_reject(&self, _: &KeptRecord, _: &SoundRecord) -> Result<bool, StoreError> {
        unreachable!("no page imports")
    }

    async fn drop_rejects(&self, _: &[i64], _: &DropOrder) -> Result<Vec<i64>, StoreError> {
        unreachable!("no page drops records")
    }

    async fn dropped_rejects(&self, _: u32) -> Result<Vec<DroppedRecord>, StoreError> {
        unreachable!("no page lists records")
    }
}
