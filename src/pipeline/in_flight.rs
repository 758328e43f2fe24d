//! The messages that one shift of a lane has in flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Tally;
use crate::domain::Settlement;

/// The messages in flight of one shift of a lane, and its outcomes that are not recorded yet.
pub(super) struct InFlight {
    /// Counted from 0.
    pub(super) shift: usize,
    /// Whether another shift keeps the gateway busy meanwhile.
    pub(super) has_sibling: bool,
    pub(super) sending: JoinSet<Settlement>,
    /// How many of it may be on their way to the gateway at once.
    pub(super) slots: usize,
    /// One for each slot; what was claimed ahead waits for a permit.
    pub(super) permits: Arc<Semaphore>,
    pub(super) outcomes: Vec<Settlement>,
    /// How many outcomes recently came in the time for which e-mail is claimed ahead.
    pub(super) pace: usize,
    /// When outcomes were last collected, on the clock's elapsed time.
    pub(super) collected_at: Duration,
    pub(super) tally: Tally,
    /// Outcomes are recorded with the next claim, unless the last one failed.
    pub(super) claim_failed: bool,
    /// With which of the lists that name the gateway the next claim begins.
    pub(super) turn: usize,
    /// Since when the rate has allowed nothing, on the clock's elapsed time.
    pub(super) rate_limited_since: Option<Duration>,
}

impl InFlight {
    /// Nothing yet; `now` is on the clock's elapsed time.
    pub(super) fn new(shift: usize, has_sibling: bool, slots: usize, now: Duration) -> Self {
        Self {
            shift,
            has_sibling,
            sending: JoinSet::new(),
            slots,
            permits: Arc::new(Semaphore::new(slots)),
            outcomes: Vec::new(),
            pace: 0,
            collected_at: now,
            tally: Tally::default(),
            claim_failed: false,
            turn: 0,
            rate_limited_since: None,
        }
    }
}
