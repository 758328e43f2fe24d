//! Records that cannot be applied, in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{MemoryStore, Tables};
use crate::domain::{
    Amendment, AmendmentResult, AuditOrigin, HoldCause, HoldReason, Installment, InstallmentId, LedgerRow, MerchantId,
    RecordKind, RejectedRecord, SoundRecord, SourceName,
};
use crate::store::audit_entries;
use crate::store::reject::{RejectKey, key_of};
use crate::store::{
    Change, DropOrder, DroppedRecord, KeptRecord, RELEASED_AT_ONCE, RejectCounts, RejectFilter, RejectStore,
    StoreError, WriteMode,
};

/// The kept records by key, and the dropped ones.
#[derive(Debug, Default, Clone)]
pub(super) struct Rejects {
    kept: BTreeMap<RejectKey, KeptRecord>,
    last_id: i64,
    dropped: Vec<DroppedRecord>,
}

impl Rejects {
    pub(super) fn keep(&mut self, record: RejectedRecord, at: DateTime<Utc>) {
        match self.kept.get_mut(&key_of(&record)) {
            Some(kept) if kept.record == record => {}
            Some(kept) => *kept = KeptRecord { id: kept.id, at, record },
            None => {
                self.last_id += 1;
                self.kept.insert(key_of(&record), KeptRecord { id: self.last_id, at, record });
            }
        }
    }

    /// Whether the instalment is held as its source has it no longer.
    pub(super) fn has_vanished(&self, installment: &Installment) -> bool {
        self.of(&installment.merchant, &installment.id).any(|kept| kept.record.kind == RecordKind::Vanished)
    }

    /// Ends the records of an instalment that its source has no longer.
    pub(super) fn end_vanished(&mut self, merchant: &MerchantId, id: &InstallmentId, source: &SourceName) {
        self.kept.retain(|_, KeptRecord { record, .. }| {
            record.key() != Some((merchant, id))
                || record.source.as_ref() != Some(source)
                || record.kind != RecordKind::Vanished
        });
    }

    /// Keeps an instalment that its source has no longer, unless a record of that source holds it already.
    pub(super) fn hold_vanished(
        &mut self,
        merchant: &MerchantId,
        id: &InstallmentId,
        source: &SourceName,
        at: DateTime<Utc>,
    ) {
        if !self.of(merchant, id).any(|kept| kept.record.source.as_ref() == Some(source)) {
            self.keep(RejectedRecord::vanished(merchant, id, source), at);
        }
    }

    /// Whether a record of this instalment is kept.
    pub(super) fn holds(&self, installment: &Installment) -> bool {
        self.of(&installment.merchant, &installment.id).next().is_some()
    }

    /// Lets a row answer for what is kept of its instalment, and applies the payments that waited for it.
    pub(super) fn answer(&mut self, row: &LedgerRow, installment: &mut Installment, now: DateTime<Utc>) {
        let mut kept: Vec<_> = self.of(&row.borrower.merchant, &row.installment).cloned().collect();
        kept.sort_by_key(|kept| (kept.at, kept.id));
        for KeptRecord { record, .. } in kept {
            let key = key_of(&record);
            if record.waits {
                let applied = record.apply(installment);
                if applied.is_some_and(|amended| amended.problem().is_none()) {
                    self.kept.remove(&key);
                }
                continue;
            }
            match record.left_by(row) {
                None => drop(self.kept.remove(&key)),
                Some(left) => self.keep(left, now),
            }
        }
    }

    /// Keeps the payments that could not be applied; those that were end what the same source left of their
    /// instalments.
    pub(super) fn after_amendments<'a>(
        &mut self,
        amended: impl Iterator<Item = (&'a Amendment, AmendmentResult)>,
        source: Option<&SourceName>,
        now: DateTime<Utc>,
    ) {
        for (one, amended) in amended {
            if amended.problem().is_some() {
                self.keep(RejectedRecord::waiting(one, source, amended), now);
                continue;
            }
            self.kept.retain(|_, KeptRecord { record, .. }| {
                record.key() != Some((&one.merchant, &one.installment))
                    || record.source.as_ref() != source
                    || record.kind != RecordKind::Amendment
            });
        }
    }

    fn of<'a>(&'a self, merchant: &'a MerchantId, id: &'a InstallmentId) -> impl Iterator<Item = &'a KeptRecord> {
        let first = (id.to_string(), merchant.to_string(), String::new(), String::new());
        self.kept
            .range(first..)
            .map(|(_, kept)| kept)
            .take_while(move |kept| kept.record.installment.as_ref() == Some(id))
            .filter(move |kept| kept.record.key() == Some((merchant, id)))
    }
}

impl Tables {
    /// Releases the reminders of instalments of which nothing is kept any more.
    pub(super) fn release_not_rejected(&mut self, now: DateTime<Utc>) {
        let keys = self.ledger.rejects.kept.values().filter_map(|kept| kept.record.key());
        let both = |(merchant, id)| [HoldCause::rejected(merchant, id), HoldCause::vanished(merchant, id)];
        let causes: BTreeSet<_> = keys.flat_map(both).collect();
        let is_free = |cause: &HoldCause, _, _: &_| {
            matches!(cause.reason, HoldReason::RejectedRecord | HoldReason::Vanished) && !causes.contains(cause)
        };
        self.outbox.release(now, RELEASED_AT_ONCE, is_free);
    }

    /// Takes records out, on record; of one merchant only, if it is named. Gives their numbers.
    pub(super) fn drop_rejects(
        &mut self,
        origin: Option<&AuditOrigin>,
        ids: &[i64],
        merchant: Option<&MerchantId>,
        order: &DropOrder,
        now: DateTime<Utc>,
    ) -> Vec<i64> {
        let rejects = &mut self.ledger.rejects;
        let is_of = |kept: &KeptRecord| merchant.is_none_or(|merchant| kept.record.merchant.as_ref() == Some(merchant));
        let is_meant = |kept: &KeptRecord| ids.contains(&kept.id) && is_of(kept);
        let mut dropped: Vec<_> = rejects.kept.values().filter(|kept| is_meant(kept)).cloned().collect();
        dropped.sort_by_key(|kept| kept.id);
        rejects.kept.retain(|_, kept| !is_meant(kept));
        for KeptRecord { id, record, .. } in &dropped {
            rejects.dropped.push(DroppedRecord {
                id: *id,
                merchant: record.merchant.clone(),
                installment: record.installment.clone(),
                fault: record.reason.clone(),
                order: order.clone(),
            });
        }
        self.release_not_rejected(now);
        let entries: Vec<_> = dropped.iter().map(|kept| audit_entries::drop_reject(kept, order)).collect();
        self.note(origin, &entries);
        dropped.into_iter().map(|kept| kept.id).collect()
    }
}

#[async_trait]
impl RejectStore for MemoryStore {
    async fn import_batch(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let mut draft;
        let ledger = match mode {
            WriteMode::Commit => &mut tables.ledger,
            WriteMode::DryRun => {
                draft = tables.ledger.clone();
                &mut draft
            }
        };
        let changes: Vec<_> = rows.iter().cloned().map(|row| ledger.import(row, now)).collect();
        rejected.iter().cloned().for_each(|record| ledger.rejects.keep(record, now));
        tables.release_not_rejected(now);
        if mode == WriteMode::Commit {
            tables.note(self.origin.as_ref(), audit_entries::import(rows, &changes, rejected, now).as_slice());
        }
        Ok(changes)
    }

    async fn rejects(&self, filter: &RejectFilter) -> Result<Vec<KeptRecord>, StoreError> {
        let tables = self.tables();
        let matches = |kept: &&KeptRecord| {
            let record = &kept.record;
            filter.merchant.as_ref().is_none_or(|merchant| record.merchant.as_ref() == Some(merchant))
                && filter.installment.as_ref().is_none_or(|id| record.installment.as_ref() == Some(id))
                && filter.waits.is_none_or(|waits| record.waits == waits)
                && filter.after.is_none_or(|after| kept.id > after)
                && filter
                    .vanished_from
                    .as_ref()
                    .is_none_or(|source| record.kind == RecordKind::Vanished && record.source.as_ref() == Some(source))
        };
        let mut found: Vec<_> = tables.ledger.rejects.kept.values().filter(matches).cloned().collect();
        found.sort_by_key(|kept| kept.id);
        found.truncate(filter.limit as usize);
        Ok(found)
    }

    async fn rejected_installments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        let tables = self.tables();
        let keys = tables.ledger.rejects.kept.values().filter_map(|kept| kept.record.key());
        let keys: BTreeSet<_> = keys.map(|(merchant, id)| (merchant.clone(), id.clone())).collect();
        Ok(keys.into_iter().collect())
    }

    async fn reject_counts(&self) -> Result<RejectCounts, StoreError> {
        let tables = self.tables();
        let mut counts = RejectCounts::default();
        for KeptRecord { record, .. } in tables.ledger.rejects.kept.values() {
            match (record.waits, record.key()) {
                _ if record.kind == RecordKind::Vanished => counts.vanished += 1,
                (true, _) => counts.waiting += 1,
                (false, Some(_)) => counts.faulty += 1,
                (false, None) => counts.unreadable += 1,
            }
        }
        Ok(counts)
    }

    async fn retry_reject(&self, kept: &KeptRecord, sound: &SoundRecord) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let ledger = &mut tables.ledger;
        if !ledger.rejects.kept.values().any(|one| one.id == kept.id && one.record == kept.record) {
            return Ok(false);
        }
        let source = kept.record.source.as_ref();
        let waits = match sound {
            SoundRecord::Row(row) => {
                ledger.import((**row).clone(), now);
                false
            }
            SoundRecord::Amendment(amendment) => {
                let amended = ledger.amend(std::slice::from_ref(amendment), source, WriteMode::Commit, now);
                amended.iter().any(|amended| amended.problem().is_some())
            }
        };
        if !waits || kept.record.key().is_none() {
            ledger.rejects.kept.retain(|_, one| one.id != kept.id);
        }
        tables.release_not_rejected(now);
        if !waits {
            tables.note(self.origin.as_ref(), &[audit_entries::retry_reject(kept, now)]);
        }
        Ok(true)
    }

    async fn drop_rejects(&self, ids: &[i64], order: &DropOrder) -> Result<Vec<i64>, StoreError> {
        let now = self.clock.now();
        Ok(self.tables().drop_rejects(self.origin.as_ref(), ids, None, order, now))
    }

    async fn dropped_rejects(&self, limit: u32) -> Result<Vec<DroppedRecord>, StoreError> {
        let tables = self.tables();
        let mut dropped = tables.ledger.rejects.dropped.clone();
        dropped.sort_by_key(|one| std::cmp::Reverse((one.order.at, one.id)));
        dropped.truncate(limit as usize);
        Ok(dropped)
    }
}
