//! The audit log: nobody but daemons acts in the simulation, and their work is not in it.

use std::sync::Arc;

use async_trait::async_trait;
use dueherald::domain::{AuditCheckpoint, AuditEntry, AuditHead, AuditOrigin, NewAuditEntry};
use dueherald::store::{AuditFilter, AuditStore, Store, StoreError};

use crate::store::FaultyStore;

#[async_trait]
impl AuditStore for FaultyStore {
    fn signed(&self, _: AuditOrigin) -> Arc<dyn Store> {
        unreachable!("no person acts")
    }

    async fn append(&self, origin: &AuditOrigin, entries: &[NewAuditEntry]) -> Result<AuditHead, StoreError> {
        self.inner().append(origin, entries).await
    }

    async fn audit_entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        self.inner().audit_entries(filter).await
    }

    async fn audit_chain(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.inner().audit_chain(after, limit).await
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        self.inner().audit_head().await
    }

    async fn add_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<bool, StoreError> {
        self.inner().add_checkpoint(checkpoint).await
    }

    async fn checkpoints(&self, after: i64, limit: u32) -> Result<Vec<AuditCheckpoint>, StoreError> {
        self.inner().checkpoints(after, limit).await
    }

    async fn last_checkpoint(&self) -> Result<i64, StoreError> {
        self.inner().last_checkpoint().await
    }
}
