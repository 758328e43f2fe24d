//! What goes into and comes out of the scan operations of [`Store`](super::Store).

use chrono::{DateTime, Utc};

use crate::domain::ReminderId;
use crate::plan::{Due, Mark};

/// How far scans have come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScanState {
    /// The beginning of the day of the first scan; `None` before it.
    pub start: Option<DateTime<Utc>>,
    /// A mark for each step, by step.
    pub marks: Vec<Mark>,
}

/// Borrowers and due dates in view about which the ledger has changed since they were planned for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The changes that were read; empty when there are no more.
    pub ids: Vec<i64>,
    /// What is open there now, each with the time of its first change. What is no longer open has none.
    pub due: Vec<(DateTime<Utc>, Due)>,
}

/// What was put into the outbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanResult {
    /// Planned.
    pub planned: Vec<ReminderId>,
    /// Put in as skipped, to be on record.
    pub skipped: Vec<ReminderId>,
    /// Skipped before because of what the books said, and planned again, because they do not any more.
    pub revived: Vec<ReminderId>,
    /// Of what waits: what goes out at another time now.
    pub moved: Vec<ReminderId>,
    /// Put in, or planned again, in the place of what waited on another channel.
    pub switched: Vec<ReminderId>,
}
