//! Compares the rules of two configs on the same ledger.

use std::collections::{BTreeMap, BTreeSet};

use super::play::{ForecastOutcome, Prospect, play};
use super::{ForecastSpan, walk_of};
use crate::domain::{Channel, ReminderKey, Step};
use crate::plan::Policy;
use crate::store::{LedgerStore, StoreError};

/// The result of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// By step and channel, only those that send anything by either config.
    pub steps: BTreeMap<(Step, Channel), StepDifference>,
    /// Which reminders only one of both would send, as many as were asked for; in the order of the ledger, each
    /// borrower's by key.
    pub changed: Vec<ReminderDifference>,
}

/// How many reminders of one step there are by each config.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepDifference {
    /// Sent by the one in use.
    pub now: u64,
    /// Sent by the other.
    pub then: u64,
    /// Of those, not sent by the one in use.
    pub gained: u64,
    /// Sent by the one in use only.
    pub lost: u64,
}

/// A reminder that only one config would send. Holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReminderDifference {
    /// Which.
    pub key: ReminderKey,
    /// Whether it is the other config that would send it.
    pub gained: bool,
}

/// Plays the days of `span` by both policies, and names up to `most` of the reminders in which they differ. A reminder
/// that both send at different times is none of them.
///
/// # Errors
/// When the store fails.
pub async fn compare(
    store: &dyn LedgerStore,
    ours: &Policy,
    other: &Policy,
    span: ForecastSpan,
    most: usize,
) -> Result<Comparison, StoreError> {
    let mut comparison = Comparison::default();
    let Some(walk) = walk_of(store, &[ours, other], None, span) else { return Ok(comparison) };
    walk.run(&mut |prospects| {
        let now = sent(ours, 0, prospects, span);
        let then = sent(other, 1, prospects, span);
        comparison.add(&now, &then, most);
    })
    .await?;
    Ok(comparison)
}

fn sent(policy: &Policy, number: usize, prospects: &mut [Prospect], span: ForecastSpan) -> BTreeSet<ReminderKey> {
    let mut keys = BTreeSet::new();
    play(policy, number, prospects, span.until, &mut |at, reminder, fate| {
        if at >= span.from && matches!(fate, ForecastOutcome::Sent { .. }) {
            keys.insert(reminder.key.clone());
        }
    });
    keys
}

impl Comparison {
    fn add(&mut self, now: &BTreeSet<ReminderKey>, then: &BTreeSet<ReminderKey>, most: usize) {
        for key in now.union(then) {
            let moved = self.steps.entry((key.step.clone(), key.channel)).or_default();
            let (is_now, is_then) = (now.contains(key), then.contains(key));
            moved.now += u64::from(is_now);
            moved.then += u64::from(is_then);
            moved.gained += u64::from(is_then && !is_now);
            moved.lost += u64::from(is_now && !is_then);
            if is_now != is_then && self.changed.len() < most {
                self.changed.push(ReminderDifference { key: key.clone(), gained: is_then });
            }
        }
    }

    /// Over all steps.
    #[must_use]
    pub fn total(&self) -> StepDifference {
        let add = |a: StepDifference, b: &StepDifference| StepDifference {
            now: a.now + b.now,
            then: a.then + b.then,
            gained: a.gained + b.gained,
            lost: a.lost + b.lost,
        };
        self.steps.values().fold(StepDifference::default(), add)
    }
}
