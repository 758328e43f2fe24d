//! The tables `mark`, `scan` and `changed`.

use chrono::NaiveDate;
use sqlx::FromRow;

use super::borrower::read;
use super::installment::{DueRow, due_rows};
use super::value::Moment;
use crate::plan::Mark;
use crate::store::StoreError;

/// All marks.
pub(in crate::store) const MARKS: &str = "select step, fingerprint, first, last, passed from mark order by step";

/// When scans began, if they did.
pub(in crate::store) const START: &str = "select start from scan";

/// Remembers it, the first time. Binds: start.
pub(in crate::store) const BEGIN: &str = "insert into scan (start) values ($1) on conflict do nothing";

/// Takes out all marks, for others that follow from them.
pub(in crate::store) const FORGET: &str = "delete from mark";

/// Puts a mark in. Binds: the columns.
pub(in crate::store) const REMEMBER: &str =
    "insert into mark (step, fingerprint, first, last, passed) values ($1, $2, $3, $4, $5)";

/// Moves a mark on, if it is still the same and not further by now. Binds: step, fingerprint, due date.
pub(in crate::store) const PASS: &str = r#"
    update mark set passed = $3
    where step = $1 and fingerprint = $2 and last >= $3 and coalesce(passed < $3, true)"#;

/// Changes in the order of their numbers. Binds: number of the last one read, limit.
pub(in crate::store) const CHANGES: &str = "select id from ledger_change where id > $1 order by id limit $2";

/// The open instalments at the changed places. Binds: first number (excluded), last number, now.
pub(in crate::store) const DUE_CHANGED: &str = due_rows!(
    r#"
        select due_date, merchant, borrower_id, min(at) as since from ledger_change where id > $1 and id <= $2
        group by due_date, merchant, borrower_id"#,
    "$3",
    ", page.since"
);

#[derive(FromRow)]
pub(in crate::store) struct MarkRow {
    step: String,
    fingerprint: String,
    first: NaiveDate,
    last: NaiveDate,
    passed: Option<NaiveDate>,
}

impl MarkRow {
    pub(in crate::store) fn mark(self) -> Result<Mark, StoreError> {
        let step = read(&self.step, "mark.step", str::parse)?;
        let Self { fingerprint, first, last, passed, .. } = self;
        Ok(Mark { step, fingerprint, first, last, passed })
    }
}

/// A row of [`DUE_CHANGED`].
#[derive(FromRow)]
pub(in crate::store) struct DueDateChangeRow {
    pub(in crate::store) since: Moment,
    #[sqlx(flatten)]
    pub(in crate::store) due: DueRow,
}
