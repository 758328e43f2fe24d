//! Scans.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::TaskStore;
use crate::plan::{Mark, PlanItem};
use crate::store::{Changes, PlanResult, ScanState, ScanStore, StoreError, WriteMode};

#[async_trait]
impl ScanStore for TaskStore {
    async fn scan_state(&self) -> Result<ScanState, StoreError> {
        self.run(|store| async move { store.scan_state().await }).await
    }

    async fn announce(&self, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError> {
        let in_view = in_view.to_vec();
        self.run(|store| async move { store.announce(&in_view, first_day).await }).await
    }

    async fn passed(&self, marks: &[Mark]) -> Result<(), StoreError> {
        let marks = marks.to_vec();
        self.run(|store| async move { store.passed(&marks).await }).await
    }

    async fn changes(&self, after: Option<i64>, limit: u32) -> Result<Changes, StoreError> {
        self.run(|store| async move { store.changes(after, limit).await }).await
    }

    async fn put_in(&self, planned: &[PlanItem], at: DateTime<Utc>, mode: WriteMode) -> Result<PlanResult, StoreError> {
        let planned = planned.to_vec();
        self.run(|store| async move { store.put_in(&planned, at, mode).await }).await
    }

    async fn done_with(&self, changes: &[i64], rules: &str) -> Result<bool, StoreError> {
        let changes = changes.to_vec();
        let rules = rules.to_owned();
        self.run(|store| async move { store.done_with(&changes, &rules).await }).await
    }

    async fn refresh_statistics(&self) -> Result<(), StoreError> {
        self.run(|store| async move { store.refresh_statistics().await }).await
    }
}
