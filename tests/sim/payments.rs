//! Payments are kept by the store behind; what is asked is answered without faults.

use async_trait::async_trait;
use chrono::TimeDelta;
use dueherald::domain::{InstallmentId, MerchantId, Payment, PaymentReport, PaymentResult, SourceName};
use dueherald::store::{PaymentSettlement, PaymentStore, StoreError};

use crate::store::FaultyStore;

#[async_trait]
impl PaymentStore for FaultyStore {
    async fn report_payments(
        &self,
        reports: &[PaymentReport],
        lasts: TimeDelta,
    ) -> Result<Vec<PaymentResult>, StoreError> {
        self.inner().report_payments(reports, lasts).await
    }

    async fn payments(&self, merchant: &MerchantId, id: &InstallmentId) -> Result<Vec<Payment>, StoreError> {
        self.inner().payments(merchant, id).await
    }

    async fn pending_payments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        self.inner().pending_payments().await
    }

    async fn settle_payments(&self, telling: &[SourceName]) -> Result<PaymentSettlement, StoreError> {
        self.inner().settle_payments(telling).await
    }
}
