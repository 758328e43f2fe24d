//! The rounds of a lane take turns at the database, on one connection.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::connect::IDLE;
use super::head::Lane;
use super::{End, StoreError};
use crate::clock::{Clock, SystemClock};

/// One of so many connections may be kept: others want some as well.
const KEPT: u32 = 4;

/// Whose turn it is in each lane of this process. Two rounds at once would only share the same processors; one after the other,
/// the first of them sends while the second is at the database.
pub(super) struct Turns {
    lanes: Mutex<BTreeMap<Lane, Arc<tokio::sync::Mutex<Option<Kept>>>>>,
    room: Arc<Semaphore>,
}

/// A connection that is kept out of the pool while rounds come without a pause: the pool asks each one that comes back whether it
/// still lives, which is a round trip, and gives out another next time, whose backend has nothing in its caches.
struct Kept {
    connection: PoolConnection<Postgres>,
    since: Duration,
    _room: OwnedSemaphorePermit,
}

/// The right to be at the database; it ends when this is dropped.
pub(super) struct Turn {
    kept: OwnedMutexGuard<Option<Kept>>,
    room: Arc<Semaphore>,
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Turns {
    /// With a pool of so many connections.
    pub(super) fn new(max_connections: u32) -> Self {
        let room = usize::try_from(max_connections / KEPT).unwrap_or_default();
        Self { lanes: Mutex::default(), room: Arc::new(Semaphore::new(room)) }
    }

    /// Waits for one's turn.
    pub(super) async fn of(&self, lane: Lane) -> Turn {
        let kept = Arc::clone(self.lanes.lock().unwrap_or_else(PoisonError::into_inner).entry(lane).or_default());
        Turn { kept: kept.lock_owned().await, room: Arc::clone(&self.room) }
    }
}

impl Turn {
    /// The connection of the round before, if that was just now, or else one of the pool.
    pub(super) async fn connection(&mut self, end: &End) -> Result<PoolConnection<Postgres>, StoreError> {
        match self.kept.take() {
            Some(kept) if SystemClock.elapsed().saturating_sub(kept.since) < IDLE => Ok(kept.connection),
            _ => end.write_alone().await,
        }
    }

    /// Ends the turn, and leaves the connection to the next round, which comes at once.
    pub(super) fn pass_on(mut self, connection: PoolConnection<Postgres>) {
        if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            *self.kept = Some(Kept { connection, since: SystemClock.elapsed(), _room: room });
        }
    }
}
