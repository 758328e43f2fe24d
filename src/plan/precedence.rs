//! Which of the messages to one person goes first where a cap does not let all go.
//!
//! The higher priority wins, whenever its time comes. Between equals the earlier time wins, then the earlier rule of
//! the config, the earlier due date, and last the channel: the borrower's preferred one, then the rule's `order`. So
//! the answer is the same whichever lane asks first.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};

use super::Policy;
use super::preferences::preferred_first;
use crate::domain::{Borrower, BorrowerKey, ReminderKey, Step};

/// A message that still waits so long after the time of another one of its priority keeps no place before that one: its
/// gateway has trouble, and both would be lost.
const KEEPS_ITS_PLACE: TimeDelta = TimeDelta::hours(1);

/// Where a message stands among those to one person: the smaller goes first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Precedence<'k> {
    priority: Reverse<i64>,
    /// When it is to leave.
    at: DateTime<Utc>,
    /// The rule's place in the config.
    rule: usize,
    due_date: chrono::NaiveDate,
    borrower: &'k BorrowerKey,
    step: &'k Step,
    /// The channel's place in the rule's order.
    channel: usize,
}

impl<'k> Precedence<'k> {
    /// Of a message that leaves at `at`; `None` for a step that belongs to no rule any more. `borrower` is whom the
    /// facts are about, and need not be the message's own.
    #[must_use]
    pub fn of(policy: &Policy, key: &'k ReminderKey, at: DateTime<Utc>, borrower: Option<&Borrower>) -> Option<Self> {
        let place = policy
            .rules
            .iter()
            .position(|rule| matches!(&key.step, Step::Rule { rule: name, .. } if rule.name == *name));
        let rule = place.and_then(|place| policy.rules.get(place));
        let preferred = borrower.filter(|borrower| borrower.key == key.borrower).and_then(|one| one.preferred_channel);
        let channel = match rule {
            Some(rule) => {
                let order = preferred_first(&rule.channels.order, preferred);
                order.iter().position(|channel| *channel == key.channel).unwrap_or(order.len())
            }
            None => usize::from(preferred != Some(key.channel)),
        };
        Some(Self {
            priority: Reverse(priority(policy, &key.step)?),
            at,
            rule: place.unwrap_or_default(),
            due_date: key.due_date,
            borrower: &key.borrower,
            step: &key.step,
            channel,
        })
    }

    /// Whether a message that waits keeps its place before `other`, which is about to leave.
    pub(super) fn goes_before(&self, other: &Self) -> bool {
        self.priority < other.priority
            || self.priority == other.priority && self < other && other.at - self.at <= KEEPS_ITS_PLACE
    }
}

/// The priority of a step: messages that a person asked for or that answer a person come before notices, and these
/// before every rule. A step whose rule is gone has none.
fn priority(policy: &Policy, step: &Step) -> Option<i64> {
    match step {
        Step::Manual { .. } | Step::Confirmation { .. } => Some(i64::MAX),
        Step::Notice { .. } => Some(i64::MAX - 1),
        Step::Rule { .. } => policy.rule_of(step).map(|rule| i64::from(rule.priority)),
    }
}
