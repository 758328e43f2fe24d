//! Pages of borrowers leave the audit log alone.

use std::sync::Arc;

use async_trait::async_trait;
use dueherald::domain::{AuditCheckpoint, AuditEntry, AuditHead, AuditOrigin, NewAuditEntry};
use dueherald::store::{AuditFilter, AuditStore, Store, StoreError};

use super::fake::FakeStore;

#[async_trait]
impl AuditStore for FakeStore {
    fn signed(&self, _: AuditOrigin) -> Arc<dyn Store> {
        unreachable!("no page signs")
    }

    async fn append(&self, _: &AuditOrigin, _: &[NewAuditEntry]) -> Result<AuditHead, StoreError> {
        unreachable!("no page appends to the audit log")
    }

    async fn audit_entries(&self, _: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        unreachable!("no page reads the audit log")
    }

    async fn audit_chain(&self, _: i64, _: u32) -> Result<Vec<AuditEntry>, StoreError> {
        unreachable!("no page reads the audit log")
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        unreachable!("no page reads the audit log")
    }

    async fn add_checkpoint(&self, _: &AuditCheckpoint) -> Result<bool, StoreError> {
        unreachable!("no page signs")
    }

    async fn checkpoints(&self, _: i64, _: u32) -> Result<Vec<AuditCheckpoint>, StoreError> {
        unreachable!("no page reads the audit log")
    }

    async fn last_checkpoint(&self) -> Result<i64, StoreError> {
        unreachable!("no page reads the audit log")
    }
}
