//! Payments that are reported one by one.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::TaskStore;
use crate::domain::{InstallmentId, MerchantId, Payment, PaymentReport, PaymentResult, SourceName};
use crate::store::{PaymentSettlement, PaymentStore, StoreError};

#[async_trait]
impl PaymentStore for TaskStore {
    async fn report_payments(
        &self,
        reports: &[PaymentReport],
        lasts: TimeDelta,
    ) -> Result<Vec<PaymentResult>, StoreError> {
        let reports = reports.to_vec();
        self.run(move |store| async move { store.report_payments(&reports, lasts).await }).await
    }

    async fn payments(&self, merchant: &MerchantId, id: &InstallmentId) -> Result<Vec<Payment>, StoreError> {
        let (merchant, id) = (merchant.clone(), id.clone());
        self.run(|store| async move { store.payments(&merchant, &id).await }).await
    }

    async fn pending_payments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        self.run(|store| async move { store.pending_payments().await }).await
    }

    async fn settle_payments(&self, telling: &[SourceName]) -> Result<PaymentSettlement, StoreError> {
        let telling = telling.to_vec();
        self.run(|store| async move { store.settle_payments(&telling).await }).await
    }
}
