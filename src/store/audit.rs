//! The audit log.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Store, StoreError};
use crate::domain::{
    AuditAction, AuditCheckpoint, AuditEntry, AuditHead, AuditOrigin, BorrowerId, MerchantId, NewAuditEntry,
};

/// The audit log: a chain that is only appended to.
///
/// A store that was [`signed`](AuditStore::signed) appends an entry in the transaction of each change that a person or
/// a token makes. A store that was not signed appends none: a daemon's own work and borrowers' pages have records of
/// their own.
#[async_trait]
pub trait AuditStore: Debug + Send + Sync {
    /// The same database for changes that come from there. Each door signs its store once, so that no operation behind
    /// it can be forgotten.
    fn signed(&self, origin: AuditOrigin) -> Arc<dyn Store>;

    /// Appends entries of actions that change nothing else: a login, a look at personal values. Gives the new head.
    async fn append(&self, origin: &AuditOrigin, entries: &[NewAuditEntry]) -> Result<AuditHead, StoreError>;

    /// The entries that match, newest first.
    async fn audit_entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError>;

    /// All entries after a number, oldest first, `limit` at most.
    async fn audit_chain(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// The head of the chain.
    async fn audit_head(&self) -> Result<AuditHead, StoreError>;

    /// Keeps a signed head. `false` if there is one of that number.
    async fn add_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<bool, StoreError>;

    /// The checkpoints after a number, oldest first, `limit` at most.
    async fn checkpoints(&self, after: i64, limit: u32) -> Result<Vec<AuditCheckpoint>, StoreError>;

    /// The number of the last checkpoint; 0 if there is none.
    async fn last_checkpoint(&self) -> Result<i64, StoreError>;
}

/// Which entries to list. What is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// About this merchant.
    pub merchant: Option<MerchantId>,
    /// About this borrower.
    pub borrower: Option<BorrowerId>,
    /// By this person or system.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<AuditAction>,
    /// At this instant or later.
    pub since: Option<DateTime<Utc>>,
    /// Before this instant.
    pub until: Option<DateTime<Utc>>,
    /// Older than this one: the last of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}
