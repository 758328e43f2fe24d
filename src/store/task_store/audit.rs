//! The audit log.

use std::sync::Arc;

use async_trait::async_trait;

use super::TaskStore;
use crate::domain::{AuditCheckpoint, AuditEntry, AuditHead, AuditOrigin, NewAuditEntry};
use crate::store::{AuditFilter, AuditStore, Store, StoreError};

#[async_trait]
impl AuditStore for TaskStore {
    fn signed(&self, origin: AuditOrigin) -> Arc<dyn Store> {
        Arc::new(Self { store: self.store.signed(origin), ..self.clone() })
    }

    async fn append(&self, origin: &AuditOrigin, entries: &[NewAuditEntry]) -> Result<AuditHead, StoreError> {
        let (origin, entries) = (origin.clone(), entries.to_vec());
        self.run(|store| async move { store.append(&origin, &entries).await }).await
    }

    async fn audit_entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let filter = filter.clone();
        self.run(|store| async move { store.audit_entries(&filter).await }).await
    }

    async fn audit_chain(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.run(move |store| async move { store.audit_chain(after, limit).await }).await
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        self.run(|store| async move { store.audit_head().await }).await
    }

    async fn add_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<bool, StoreError> {
        let checkpoint = checkpoint.clone();
        self.run(|store| async move { store.add_checkpoint(&checkpoint).await }).await
    }

    async fn checkpoints(&self, after: i64, limit: u32) -> Result<Vec<AuditCheckpoint>, StoreError> {
        self.run(move |store| async move { store.checkpoints(after, limit).await }).await
    }

    async fn last_checkpoint(&self) -> Result<i64, StoreError> {
        self.run(|store| async move { store.last_checkpoint().await }).await
    }
}
