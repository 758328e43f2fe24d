//! The audit log: verification, signed heads.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::domain::{AuditCheckpoint, AuditFault, AuditHead, ChainCheck};
use crate::render::{CheckpointTrust, LinkKeys};
use crate::store::{AuditStore, StoreError};

/// How many entries a verification reads at once.
const PAGE: u32 = 1_000;

/// The result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditVerdict {
    /// The first fault, if there is one.
    pub fault: Option<AuditFault>,
    /// The last entry that was read and is right.
    pub last: AuditHead,
    /// The last entry that a checkpoint agrees with; 0 if there is none.
    pub signed: i64,
    /// How many entries have no personal values any more.
    pub erased: u64,
    /// How many have personal values that do not open with the keys of the config.
    pub sealed: u64,
    /// How many checkpoints are of link keys that the config does not have: they prove nothing here.
    pub unproven: u64,
}

/// Reads the whole log in pages, and compares it with its checkpoints and with one that was kept elsewhere.
///
/// # Errors
/// When the store fails.
pub async fn verify_audit(
    store: &(impl AuditStore + ?Sized),
    keys: &LinkKeys,
    kept: Option<&AuditCheckpoint>,
) -> Result<AuditVerdict, StoreError> {
    // In this order, so that what others append meanwhile is behind the head and no fault.
    let last_signed = store.last_checkpoint().await?;
    let head = store.audit_head().await?;
    let mut checkpoints = Checkpoints { pages: VecDeque::new(), read: 0, is_read: false, kept };
    let (mut check, mut unproven) = (ChainCheck::default(), 0);
    let fault = match walk(store, keys, head, &mut check, &mut checkpoints, &mut unproven).await? {
        Some(fault) => Some(fault),
        None => check.end(head, last_signed.max(kept.map_or(0, |kept| kept.head.number))).err(),
    };
    let (last, signed, erased, sealed) = (check.last(), check.signed(), check.erased, check.sealed);
    Ok(AuditVerdict { fault, last, signed, erased, sealed, unproven })
}

/// The checkpoints of the store, a page at a time, with the one that was kept elsewhere.
struct Checkpoints<'k> {
    pages: VecDeque<AuditCheckpoint>,
    read: i64,
    is_read: bool,
    kept: Option<&'k AuditCheckpoint>,
}

impl Checkpoints<'_> {
    /// Those of one entry.
    async fn of(
        &mut self,
        store: &(impl AuditStore + ?Sized),
        number: i64,
    ) -> Result<Vec<AuditCheckpoint>, StoreError> {
        let mut found: Vec<_> = self.kept.filter(|kept| kept.head.number == number).cloned().into_iter().collect();
        if self.pages.is_empty() && !self.is_read {
            let page = store.checkpoints(self.read, PAGE).await?;
            self.is_read = page.len() < PAGE as usize;
            self.read = page.last().map_or(self.read, |last| last.head.number);
            self.pages = page.into();
        }
        found.extend(self.pages.pop_front_if(|next| next.head.number == number));
        Ok(found)
    }
}

async fn walk(
    store: &(impl AuditStore + ?Sized),
    keys: &LinkKeys,
    head: AuditHead,
    check: &mut ChainCheck,
    checkpoints: &mut Checkpoints<'_>,
    unproven: &mut u64,
) -> Result<Option<AuditFault>, StoreError> {
    let mut limit = PAGE;
    loop {
        let after = check.last().number;
        let page = match store.audit_chain(after, limit).await {
            Ok(page) => page,
            // A value that cannot even be read: one by one, to tell in which entry.
            Err(error) if error.is_unreadable() => {
                if limit == 1 {
                    return Ok(Some(AuditFault::Changed(after + 1)));
                }
                limit = 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        let is_last = page.len() < limit as usize;
        for entry in page {
            if entry.record.number > head.number {
                return Ok(None);
            }
            if let Err(fault) = check.read(&entry) {
                return Ok(Some(fault));
            }
            for checkpoint in checkpoints.of(store, entry.record.number).await? {
                let compared = match keys.trust(&checkpoint) {
                    CheckpointTrust::Proven => check.compare(&checkpoint),
                    CheckpointTrust::Forged => Err(AuditFault::Forged(checkpoint.head.number)),
                    CheckpointTrust::UnknownKey => {
                        *unproven += 1;
                        Ok(())
                    }
                };
                if let Err(fault) = compared {
                    return Ok(Some(fault));
                }
            }
        }
        if is_last {
            return Ok(None);
        }
    }
}

/// Signs the head, and keeps it, if entries were appended since the last checkpoint.
///
/// # Errors
/// When the store fails.
pub async fn keep_checkpoint(
    store: &(impl AuditStore + ?Sized),
    keys: &LinkKeys,
    now: DateTime<Utc>,
) -> Result<Option<AuditCheckpoint>, StoreError> {
    let last = store.last_checkpoint().await?;
    let head = store.audit_head().await?;
    if head.number <= last {
        return Ok(None);
    }
    let checkpoint = keys.sign_head(head, now);
    Ok(store.add_checkpoint(&checkpoint).await?.then_some(checkpoint))
}
