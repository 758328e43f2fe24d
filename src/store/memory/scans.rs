//! Scan progress of the memory store.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::{MemoryStore, Tables};
use crate::domain::{BorrowerKey, HoldReason};
use crate::plan::{Mark, PlanItem, announced, rules_of};
use crate::store::{Changes, DueCursor, PlanResult, ScanState, ScanStore, StoreError, WriteMode};

#[async_trait]
impl ScanStore for MemoryStore {
    async fn scan_state(&self) -> Result<ScanState, StoreError> {
        Ok(self.tables().ledger.scans.state.clone())
    }

    async fn announce(&self, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError> {
        Ok(self.tables().ledger.scans.announce(in_view, first_day))
    }

    async fn passed(&self, marks: &[Mark]) -> Result<(), StoreError> {
        self.tables().ledger.scans.passed(marks);
        Ok(())
    }

    async fn changes(&self, after: Option<i64>, limit: u32) -> Result<Changes, StoreError> {
        Ok(self.tables().ledger.changes(after, limit, self.clock.now()))
    }

    async fn put_in(&self, planned: &[PlanItem], at: DateTime<Utc>, mode: WriteMode) -> Result<PlanResult, StoreError> {
        Ok(self.tables().outbox.put_in_all(planned, at, mode))
    }

    async fn done_with(&self, changes: &[i64], rules: &str) -> Result<bool, StoreError> {
        Ok(self.tables().done_with(changes, rules, self.clock.now()))
    }

    async fn refresh_statistics(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// How far scans have come, and what has changed within their view.
#[derive(Debug, Default, Clone)]
pub(super) struct Scans {
    pub(super) state: ScanState,
    pub(super) changed: BTreeMap<i64, (DueCursor, DateTime<Utc>)>,
    last_change: i64,
}

impl Scans {
    pub(super) fn write_down(&mut self, (borrower, due_date): (BorrowerKey, NaiveDate), at: DateTime<Utc>) {
        if self.state.marks.iter().any(|mark| (mark.first..=mark.last).contains(&due_date)) {
            self.last_change += 1;
            self.changed.insert(self.last_change, (DueCursor { due_date, borrower }, at));
        }
    }

    pub(super) fn announce(&mut self, in_view: &[Mark], first_day: DateTime<Utc>) -> ScanState {
        self.state.marks = announced(&self.state.marks, in_view);
        self.state.marks.sort_by_key(|mark| mark.step.to_string());
        self.state.start.get_or_insert(first_day);
        self.state.clone()
    }

    pub(super) fn passed(&mut self, marks: &[Mark]) {
        for done in marks {
            let same = |mark: &&mut Mark| (&mark.step, &mark.fingerprint) == (&done.step, &done.fingerprint);
            for mark in self.state.marks.iter_mut().filter(same) {
                mark.passed = mark.passed.max(Some(done.last));
            }
        }
    }

    pub(super) fn rules(&self) -> String {
        rules_of(&self.state.marks)
    }
}

impl Tables {
    /// Takes out changes, and releases what is held of their due dates for what the books have a part in.
    pub(super) fn done_with(&mut self, changes: &[i64], rules: &str, now: DateTime<Utc>) -> bool {
        let scans = &mut self.ledger.scans;
        if scans.rules() != rules {
            return false;
        }
        let changed: BTreeSet<_> =
            changes.iter().filter_map(|id| scans.changed.remove(id)).map(|(due, _)| due).collect();
        self.outbox.release(now, u32::MAX, |cause, _, reminder| {
            let key = &reminder.plan.key;
            let due = DueCursor { due_date: key.due_date, borrower: key.borrower.clone() };
            matches!(cause.reason, HoldReason::NoRoute | HoldReason::BadTemplate) && changed.contains(&due)
        });
        true
    }
}
