//! No page reports payments.

use async_trait::async_trait;
use chrono::TimeDelta;
use dueherald::domain::{InstallmentId, MerchantId, Payment, PaymentReport, PaymentResult, SourceName};
use dueherald::store::{PaymentSettlement, PaymentStore, StoreError};

use super::fake::FakeStore;

#[async_trait]
impl PaymentStore for FakeStore {
    async fn report_payments(&self, _: &[PaymentReport], _: TimeDelta) -> Result<Vec<PaymentResult>, StoreError> {
        unreachable!("no page reports payments")
    }

    async fn payments(&self, _: &MerchantId, _: &InstallmentId) -> Result<Vec<Payment>, StoreError> {
        unreachable!("no page lists payments")
    }

    async fn pending_payments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        unreachable!("no page releases reminders")
    }

    async fn settle_payments(&self, _: &[SourceName]) -> Result<PaymentSettlement, StoreError> {
        unreachable!("no page ends payments")
    }
}
