//! Counts of what a dispatch did.

use std::collections::BTreeMap;

use super::figures::SKIPPED;
use crate::domain::{Next, Settlement, SkipReason};
use crate::plan::{Decision, GatewayLists};

/// Counts of a lane's outcomes and decisions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken over by the gateway.
    pub accepted: u64,
    /// To be tried again after a pause.
    pub retried: u64,
    /// Not taken over, and handed on to the channel's next gateway.
    pub passed_on: u64,
    /// Finally refused.
    pub failed: u64,
    /// Nobody knows.
    pub unknown: u64,
    /// Put off to a decent hour, or to another day.
    pub deferred: u64,
    /// Held until a stop is lifted, say.
    pub held: u64,
    /// Of what was not sent: what goes out on another channel instead.
    pub switched: u64,
    /// Not sent, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
}

impl Tally {
    /// Adds what another lane did.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.retried += other.retried;
        self.passed_on += other.passed_on;
        self.failed += other.failed;
        self.unknown += other.unknown;
        self.deferred += other.deferred;
        self.held += other.held;
        self.switched += other.switched;
        for (reason, count) in &other.skipped {
            *self.skipped.entry(*reason).or_default() += count;
        }
    }

    pub(super) fn count_not_sent(&mut self, decision: &Decision) {
        self.switched += u64::from(matches!(decision, Decision::Switch { .. }));
        match decision {
            Decision::Skip(reason) | Decision::Switch { reason, .. } => {
                *self.skipped.entry(*reason).or_default() += 1;
                metrics::counter!(SKIPPED, "reason" => reason.as_str()).increment(1);
            }
            Decision::Defer { .. } => self.deferred += 1,
            Decision::Hold(_) => self.held += 1,
            Decision::PassOn { .. } => self.passed_on += 1,
            Decision::Send(_) => {}
        }
    }

    pub(super) fn settled(&mut self, settlement: &Settlement) {
        match settlement.next() {
            Next::Accepted => self.accepted += 1,
            Next::Retry { gateway_index, .. } if GatewayLists::is_first(*gateway_index) => self.retried += 1,
            Next::Retry { .. } => self.passed_on += 1,
            Next::Hold { .. } => self.held += 1,
            Next::Failed => self.failed += 1,
            Next::Unknown => self.unknown += 1,
        }
    }
}
