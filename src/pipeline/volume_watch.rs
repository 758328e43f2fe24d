//! The volume guard of a scan: counts what it plans for each merchant, and holds it once that is far more than usual.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use tokio::sync::Mutex;

use crate::domain::{MerchantId, ReminderId};
use crate::plan::{PlanItem, VolumeGuard};
use crate::store::{PlanResult, StoreError, VolumeStore};

/// How many reminders are held at once.
const BATCH: usize = 1_000;

/// Reminders that were planned, each with its end.
type PlannedEnds = Vec<(ReminderId, DateTime<Utc>)>;

/// The reminders that a scan has planned so far. Those up to the limit are not held before the limit is passed: they
/// are no more than on a busy day. Then those of them that still wait are held, with everything that follows.
#[derive(Debug)]
pub(super) struct VolumeWatch<'a, S: ?Sized> {
    store: &'a S,
    guard: Option<VolumeGuard>,
    /// By merchant.
    planned: Mutex<BTreeMap<MerchantId, PlannedEnds>>,
    /// The merchants of which something was held: one line of the log for each says so.
    held: Mutex<BTreeSet<MerchantId>>,
}

impl<'a, S: VolumeStore + ?Sized> VolumeWatch<'a, S> {
    pub(super) fn new(store: &'a S, guard: Option<VolumeGuard>) -> Self {
        Self { store, guard, planned: Mutex::default(), held: Mutex::default() }
    }

    /// Whether two can be put in together and still be counted.
    pub(super) fn counts_alike(&self, one: &PlanItem, other: &PlanItem) -> bool {
        self.guard.is_none() || one.reminder.key.borrower.merchant == other.reminder.key.borrower.merchant
    }

    /// Counts what was put in of `chunk`, which is of one merchant. Gives how many reminders it held.
    pub(super) async fn note(
        &self,
        chunk: &[PlanItem],
        put: &PlanResult,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let (Some(guard), Some(first)) = (self.guard, chunk.first()) else { return Ok(0) };
        // Reminders that are revived or change their channel were counted when they were first planned.
        let (merchant, count) = (&first.reminder.key.borrower.merchant, put.planned.len() as u64);
        if count == 0 {
            return Ok(0);
        }
        let until = chunk.iter().map(|one| one.reminder.expires_at).max().unwrap_or(now);
        let volume = self.store.note_volume(merchant, guard.day, count).await?;
        let mut planned = self.planned.lock().await;
        let waiting = planned.entry(merchant.clone()).or_default();
        waiting.extend(put.planned.iter().map(|id| (*id, until)));
        if volume.is_approved || !guard.limits.are_exceeded(&volume, guard.day) {
            return Ok(0);
        }
        let waiting = std::mem::take(waiting);
        drop(planned);
        let mut held = 0;
        for batch in waiting.chunks(BATCH) {
            held += self.store.hold_volume(merchant, guard.day, batch, now).await? as u64;
        }
        let (planned, limit) = (volume.planned, guard.limits.limit(&volume, guard.day));
        if self.held.lock().await.insert(merchant.clone()) {
            tracing::error!(%merchant, day = %guard.day, planned, limit, "far more is planned than usual; it waits \
                for a person");
        }
        Ok(held)
    }
}
