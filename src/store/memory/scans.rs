//! Scan progress of the memory store.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::Tables;
use crate::domain::{BorrowerKey, HoldReason};
use crate::plan::{Mark, announced, rules_of};
use crate::store::{DueCursor, ScanState};

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
