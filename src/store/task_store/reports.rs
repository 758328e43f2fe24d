//! Reports and replies.

use async_trait::async_trait;

use super::TaskStore;
use crate::domain::Receipt;
use crate::store::{
    KeptReport, ReplyFilter, ReplyReading, ReplyRecord, ReplyStore, ReportAction, ReportBatch, ReportCounts,
    ReportStore, StoreError,
};

#[async_trait]
impl ReplyStore for TaskStore {
    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.replies(&filter).await }).await
    }

    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError> {
        let reading = reading.clone();
        self.run(|store| async move { store.read_reply(&reading).await }).await
    }
}

#[async_trait]
impl ReportStore for TaskStore {
    async fn record(&self, receipts: &[Receipt]) -> Result<usize, StoreError> {
        let receipts = receipts.to_vec();
        self.run(|store| async move { store.record(&receipts).await }).await
    }

    async fn take_in(&self, told: &ReportBatch) -> Result<ReportCounts, StoreError> {
        let told = told.clone();
        self.run(|store| async move { store.take_in(&told).await }).await
    }

    async fn kept_reports(&self, limit: u32) -> Result<Vec<KeptReport>, StoreError> {
        self.run(|store| async move { store.kept_reports(limit).await }).await
    }

    async fn review_kept(&self, reviewed: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError> {
        let reviewed = reviewed.to_vec();
        self.run(|store| async move { store.review_kept(&reviewed).await }).await
    }
}
