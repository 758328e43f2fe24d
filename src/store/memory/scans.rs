use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::BorrowerKey;
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
