//! Where each lane's next due row lies. A row version that was claimed stays in the index until nobody can see it any
//! more: under a long transaction, of a backup for example, each claim would walk over all that were claimed since it
//! began.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::Channel;
use crate::store::sql::value::Moment;

/// How long a claim may pass over rows that were put in behind it meanwhile, or that others have given back.
const LOOKS_BACK: TimeDelta = TimeDelta::seconds(1);

/// A channel and a place.
pub(super) type QueueLane = (Channel, u16);

/// A place in a lane: due since when, and the number. What lies behind it is due later.
pub(super) type ClaimPosition = (Moment, i64);

/// Before every row there can be.
pub(super) const BEGINNING: ClaimPosition = (Moment(DateTime::UNIX_EPOCH), 0);

/// How far this process has claimed. Only a hint: whoever finds too little from there looks from the beginning.
#[derive(Debug, Default)]
pub(super) struct ClaimPositions(Mutex<BTreeMap<QueueLane, Hint>>);

#[derive(Debug, Clone, Copy)]
struct Hint {
    head: ClaimPosition,
    /// When a claim last looked from the beginning, and when one last looked at all, by the database's clock.
    looked_back: DateTime<Utc>,
    looked: DateTime<Utc>,
}

impl ClaimPositions {
    /// From where the next claim looks.
    pub(super) fn of(&self, lane: QueueLane) -> ClaimPosition {
        let hint = self.lock().get(&lane).copied();
        // A clock may be set back.
        let holds = |hint: &Hint| (hint.looked - hint.looked_back).abs() < LOOKS_BACK;
        hint.filter(holds).map_or(BEGINNING, |hint| hint.head)
    }

    /// After a claim at `now` that looked from `from` and found as much as it wanted, up to `last`.
    pub(super) fn found(&self, lane: QueueLane, from: ClaimPosition, last: ClaimPosition, Moment(now): Moment) {
        let mut hints = self.lock();
        let looked_back = hints.get(&lane).map(|hint| hint.looked_back).filter(|_| from != BEGINNING).unwrap_or(now);
        hints.insert(lane, Hint { head: last, looked_back, looked: now });
    }

    /// After a claim that found less than it wanted.
    pub(super) fn exhausted(&self, lane: QueueLane) {
        self.lock().remove(&lane);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<QueueLane, Hint>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
