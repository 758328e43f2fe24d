//! The audit log, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{MemoryStore, Tables};
use crate::domain::{
    AuditCheckpoint, AuditEntry, AuditHash, AuditHead, AuditOrigin, AuditPersonal, CHAIN_START, NewAuditEntry,
    NewReminder, ReminderId, audit_salt,
};
use crate::store::audit_entries;
use crate::store::{AuditFilter, AuditStore, Store, StoreError, WriteMode};

/// The chain and its checkpoints.
#[derive(Debug, Default, Clone)]
pub(super) struct AuditTables {
    entries: Vec<AuditEntry>,
    checkpoints: Vec<AuditCheckpoint>,
}

impl AuditTables {
    fn head(&self) -> AuditHead {
        self.entries.last().map_or(AuditHead { number: 0, hash: CHAIN_START }, |last| AuditHead {
            number: last.record.number,
            hash: last.hash,
        })
    }
}

impl Tables {
    /// Puts a reminder in. One that a person wants has an entry.
    pub(super) fn plan(
        &mut self,
        origin: Option<&AuditOrigin>,
        reminder: &NewReminder,
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Option<ReminderId> {
        let id = self.outbox.plan(reminder, at, mode)?;
        self.note(origin, audit_entries::resend(reminder, id, at).as_slice());
        Some(id)
    }

    /// Appends entries of a change, if the store was signed.
    pub(super) fn note(&mut self, origin: Option<&AuditOrigin>, entries: &[NewAuditEntry]) {
        let Some(origin) = origin else { return };
        for entry in entries {
            let head = self.audit.head();
            let record = entry.numbered(head.number + 1, origin);
            let (text, salt) = (entry.personal_text(origin), audit_salt(b"memory", record.number));
            let personal_hash = AuditHash::of_personal(&salt, &text);
            let hash = head.hash.next(&record, personal_hash);
            let personal = AuditPersonal::Text { salt, text };
            self.audit.entries.push(AuditEntry { record, personal_hash, hash, personal });
        }
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    fn signed(&self, origin: AuditOrigin) -> Arc<dyn Store> {
        Arc::new(Self { clock: Arc::clone(&self.clock), tables: Arc::clone(&self.tables), origin: Some(origin) })
    }

    async fn append(&self, origin: &AuditOrigin, entries: &[NewAuditEntry]) -> Result<AuditHead, StoreError> {
        let mut tables = self.tables();
        tables.note(Some(origin), entries);
        Ok(tables.audit.head())
    }

    async fn audit_entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let is = |wanted: Option<&str>, value: Option<&str>| wanted.is_none_or(|wanted| value == Some(wanted));
        let matches = |entry: &&AuditEntry| {
            let record = &entry.record;
            is(filter.merchant.as_ref().map(|id| id.as_str()), record.merchant.as_deref())
                && is(filter.borrower.as_ref().map(|id| id.as_str()), record.borrower.as_deref())
                && is(filter.actor.as_deref(), Some(&record.actor))
                && is(filter.action.map(|action| action.as_str()), Some(&record.action))
                && filter.since.is_none_or(|since| record.at >= since)
                && filter.until.is_none_or(|until| record.at < until)
                && filter.before.is_none_or(|before| record.number < before)
        };
        let tables = self.tables();
        Ok(tables.audit.entries.iter().rev().filter(matches).take(filter.limit as usize).cloned().collect())
    }

    async fn audit_chain(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let tables = self.tables();
        let following = tables.audit.entries.iter().filter(|entry| entry.record.number > after);
        Ok(following.take(limit as usize).cloned().collect())
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        Ok(self.tables().audit.head())
    }

    async fn add_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<bool, StoreError> {
        let checkpoints = &mut self.tables().audit.checkpoints;
        let is_new = checkpoints.iter().all(|known| known.head.number != checkpoint.head.number);
        if is_new {
            checkpoints.push(checkpoint.clone());
            checkpoints.sort_by_key(|known| known.head.number);
        }
        Ok(is_new)
    }

    async fn checkpoints(&self, after: i64, limit: u32) -> Result<Vec<AuditCheckpoint>, StoreError> {
        let tables = self.tables();
        let following = tables.audit.checkpoints.iter().filter(|checkpoint| checkpoint.head.number > after);
        Ok(following.take(limit as usize).cloned().collect())
    }

    async fn last_checkpoint(&self) -> Result<i64, StoreError> {
        Ok(self.tables().audit.checkpoints.last().map_or(0, |last| last.head.number))
    }
}
