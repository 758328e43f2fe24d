//! The rounds of a lane take turns at the database, on one connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OwnedMutexGuard;

use super::head::QueueLane;

/// Whose turn it is in each lane of this process. Two rounds at once would only share the same processors; one after
/// the other, the first of them sends while the second is at the database.
#[derive(Debug, Default)]
pub(super) struct LaneTurns(Mutex<BTreeMap<QueueLane, Arc<tokio::sync::Mutex<()>>>>);

impl LaneTurns {
    /// Waits for one's turn, which ends when the guard is dropped.
    pub(super) async fn of(&self, lane: QueueLane) -> OwnedMutexGuard<()> {
        let turn = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(lane).or_default());
        turn.lock_owned().await
    }
}
