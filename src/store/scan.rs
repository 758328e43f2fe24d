//! Scans.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{StoreError, WriteMode};
use crate::domain::ReminderId;
use crate::plan::{Due, Mark, PlanItem};

/// Scans: what they have to look at, and what they put into the outbox.
#[async_trait]
pub trait ScanStore: Debug + Send + Sync {
    /// How far scans have come.
    async fn scan_state(&self) -> Result<ScanState, StoreError>;

    /// Says what is in view, so that imports from now on write down what they change there; gives the state that
    /// follows, see [`announced`](crate::plan::announced). `first_day` is remembered as the start if this is the first
    /// time.
    async fn announce(&self, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError>;

    /// Records that every slice of these marks was passed over, for those that still have the same fingerprint.
    async fn passed(&self, marks: &[Mark]) -> Result<(), StoreError>;

    /// Changes within the view after the number `after`, and what is open there; of at most `limit` changes.
    async fn changes(&self, after: Option<i64>, limit: u32) -> Result<Changes, StoreError>;

    /// Puts what a scan found into the outbox: what is not there yet, and again what was skipped because the books said
    /// so and is still of use. With [`WriteMode::DryRun`] nothing is kept. What was put in may be lost in a crash of
    /// the database until [`ScanStore::passed`] or [`ScanStore::done_with`] has returned.
    async fn put_in(&self, planned: &[PlanItem], at: DateTime<Utc>, mode: WriteMode) -> Result<PlanResult, StoreError>;

    /// Takes out changes when all that they call for is in the outbox, and releases what is held there for its route or
    /// its template: the books may have mended it. `rules` are those that was planned by, see
    /// [`rules_of`](crate::plan::rules_of): `false`, and nothing is taken out, if scanners plan by others now.
    async fn done_with(&self, changes: &[i64], rules: &str) -> Result<bool, StoreError>;

    /// Has the database look at what is in the queue now: it plans its statements for the size that the queue had when
    /// it last looked, and after a scan that is a wrong one. Does nothing where plans do not depend on that.
    async fn refresh_statistics(&self) -> Result<(), StoreError>;
}

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
    /// The open instalments at these places, each with the time of its first change. A due date with none open is
    /// absent.
    pub due: Vec<(DateTime<Utc>, Due)>,
}

/// The changes that a scan made to the outbox.
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
