//! The rounds of a lane take turns at the database, on one connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::head::QueueLane;

/// The turns of the lanes of this process: one round per lane at a time. Two rounds at once would only share the same
/// processors; one after the other, the first one sends while the second one is at the database.
#[derive(Debug, Default)]
pub(super) struct LaneTurns(Mutex<BTreeMap<QueueLane, Arc<tokio::sync::Mutex<()>>>>);

impl LaneTurns {
    /// Waits for one's turn, which ends when the guard is dropped.
    pub(super) async fn of(&self, lane: QueueLane) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(lane).or_default());
        turn.lock_owned().await
    }
}
