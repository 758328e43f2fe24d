//! The changes that a scan makes to a step that is already in the outbox.
//!
//! Only a reminder that waits for its time and was never handed to a gateway changes: it is moved to another time, or
//! its step goes out on another channel. A reminder that was tried keeps the time of its next try, and the claim checks
//! it against the rule as it is then. A reminder that a scan no longer calls for stays in the outbox until its time,
//! and the claim skips it: so it is still there if the change is undone.

use chrono::{DateTime, Utc};

use super::PlanItem;
use crate::domain::{Channel, EventKind, ReminderId, SkipReason};

/// A reminder of the outbox, on any channel of a step that a scan calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownReminder {
    /// Its number.
    pub id: ReminderId,
    /// Its channel.
    pub channel: Channel,
    /// Not to be sent before, as planned.
    pub not_before: DateTime<Utc>,
    /// Not to be sent at or after, as planned.
    pub expires_at: DateTime<Utc>,
    /// How far it has come.
    pub progress: KnownProgress,
}

/// How far a [`KnownReminder`] has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownProgress {
    /// It waits, and was never handed to a gateway.
    Untouched,
    /// It was skipped for this reason.
    Skipped {
        /// Why.
        reason: SkipReason,
        /// How often it was claimed for sending before that.
        attempts: u32,
    },
    /// It was tried, is under way, or came to another end.
    Other,
}

impl KnownProgress {
    /// Of a reminder with which nothing more is to be done, by its last event.
    #[must_use]
    pub fn ended(kind: EventKind, detail: Option<&str>, attempts: u32) -> Self {
        let reason = detail.and_then(|word| word.parse().ok()).filter(|_| kind == EventKind::Skipped);
        reason.map_or(Self::Other, |reason| Self::Skipped { reason, attempts })
    }
}

/// The changes of a scan: first the reminders on other channels end, then the action on the called-for reminder
/// follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replan {
    /// The reminders to end, as another takes their place. The action follows only if all of them have ended.
    pub end: Vec<ReminderId>,
    /// The action on the reminder that is called for.
    pub then: ReplanAction,
}

/// An action on the reminder that is called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplanAction {
    /// It waits already, for its time.
    Keep,
    /// It waits already, and gets the time called for.
    Move(ReminderId),
    /// It was skipped, and is planned again.
    Revive {
        /// The reminder.
        id: ReminderId,
        /// How often it was claimed for sending.
        attempts: u32,
    },
    /// It is put in.
    PutIn,
}

impl ReplanAction {
    /// The reminder of the outbox that gets the time called for.
    #[must_use]
    pub fn id(self) -> Option<ReminderId> {
        match self {
            Self::Move(id) | Self::Revive { id, .. } => Some(id),
            Self::Keep | Self::PutIn => None,
        }
    }
}

/// The changes to a step that is called for, given its reminders in the outbox on any channel; `None` if nothing
/// changes.
#[must_use]
pub fn replan(called: &PlanItem, known: &[KnownReminder]) -> Option<Replan> {
    let reminder = &called.reminder;
    let (this, others): (Vec<_>, Vec<_>) = known.iter().partition(|one| one.channel == reminder.key.channel);
    let others: Vec<_> = others.into_iter().filter(|_| called.is_sole).collect();
    // One that was tried on another channel may have arrived: the next channel is for the fallback to choose.
    if others.iter().any(|one| one.progress == KnownProgress::Other) {
        return None;
    }
    let waiting = others.iter().filter(|one| one.progress == KnownProgress::Untouched);
    let end: Vec<_> = waiting.map(|one| one.id).collect();
    let then = match this.first().map(|one| (one, one.progress)) {
        Some((one, KnownProgress::Untouched)) => {
            let same = (one.not_before, one.expires_at) == (reminder.not_before, reminder.expires_at);
            if same { ReplanAction::Keep } else { ReplanAction::Move(one.id) }
        }
        Some((one, KnownProgress::Skipped { reason, attempts })) => {
            // A reminder that gave way to another channel comes back when that one ends.
            let gave_way = reason == SkipReason::Superseded && attempts == 0 && !end.is_empty();
            if !gave_way && !reason.may_be_unsaid() {
                return None;
            }
            ReplanAction::Revive { id: one.id, attempts }
        }
        Some((_, KnownProgress::Other)) => return None,
        None => {
            let taken_back = |one: &&KnownReminder| match one.progress {
                KnownProgress::Skipped { reason, .. } => reason.may_be_unsaid(),
                KnownProgress::Untouched | KnownProgress::Other => false,
            };
            // A step that was skipped on another channel because of the ledger comes back on this one; a step that was
            // skipped for another reason stays skipped.
            if end.is_empty() && !others.iter().copied().all(|one| taken_back(&one)) {
                return None;
            }
            ReplanAction::PutIn
        }
    };
    (!end.is_empty() || then != ReplanAction::Keep).then_some(Replan { end, then })
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use rstest::rstest;

    use super::{KnownProgress, KnownReminder, Replan, ReplanAction, replan};
    use crate::domain::{BorrowerKey, Channel, NewReminder, Origin, ReminderId, ReminderKey, SkipReason, Step};
    use crate::plan::PlanItem;

    const WAITS: KnownProgress = KnownProgress::Untouched;
    const TRIED: KnownProgress = KnownProgress::Other;

    fn skipped(reason: SkipReason) -> KnownProgress {
        KnownProgress::Skipped { reason, attempts: 0 }
    }

    /// The changes of a scan that calls for the e-mail of a step, given these reminders in the outbox.
    fn changes(email: Option<KnownProgress>, sms: Option<KnownProgress>, is_sole: bool) -> Option<Replan> {
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let key = ReminderKey {
            borrower: BorrowerKey { merchant: "mall".parse().unwrap(), id: "b1".parse().unwrap() },
            due_date: start.date_naive(),
            step: Step::Rule { rule: "due".parse().unwrap(), offset: 0 },
            channel: Channel::Email,
        };
        let (not_before, expires_at) = (start, start + TimeDelta::days(1));
        let called = PlanItem {
            reminder: NewReminder { key, origin: Origin::Schedule, not_before, expires_at },
            is_sole,
            skip: None,
        };
        let known =
            [(1, Channel::Email, email), (2, Channel::Sms, sms)].into_iter().filter_map(|(id, channel, progress)| {
                Some(KnownReminder { id: ReminderId(id), channel, not_before, expires_at, progress: progress? })
            });
        replan(&called, &Vec::from_iter(known))
    }

    #[rstest]
    #[case::waits_already(Some(WAITS), None, None)]
    #[case::was_sent(Some(TRIED), None, None)]
    #[case::was_sent_on_the_other_channel(None, Some(TRIED), None)]
    #[case::is_the_fallback_of_the_other(Some(WAITS), Some(TRIED), None)]
    #[case::the_other_waits(None, Some(WAITS), Some((true, ReplanAction::PutIn)))]
    #[case::both_wait(Some(WAITS), Some(WAITS), Some((true, ReplanAction::Keep)))]
    #[case::gave_way_before(
        Some(skipped(SkipReason::Superseded)),
        Some(WAITS),
        Some((true, ReplanAction::Revive { id: ReminderId(1), attempts: 0 }))
    )]
    #[case::was_paid_meanwhile(
        Some(skipped(SkipReason::Paid)), None, Some((false, ReplanAction::Revive { id: ReminderId(1), attempts: 0 }))
    )]
    #[case::was_paid_meanwhile_on_the_other(None, Some(skipped(SkipReason::Paid)), Some((false, ReplanAction::PutIn)))]
    #[case::was_paid_meanwhile_and_the_other_was_tried(Some(skipped(SkipReason::Paid)), Some(TRIED), None)]
    #[case::was_superseded(Some(skipped(SkipReason::Superseded)), None, None)]
    #[case::was_capped_on_the_other(None, Some(skipped(SkipReason::Capped)), None)]
    #[case::opted_out_here(Some(skipped(SkipReason::OptedOut)), Some(WAITS), None)]
    fn one_message_of_a_step_waits(
        #[case] email: Option<KnownProgress>,
        #[case] sms: Option<KnownProgress>,
        #[case] expected: Option<(bool, ReplanAction)>,
    ) {
        let expected =
            expected.map(|(ends, then)| Replan { end: if ends { vec![ReminderId(2)] } else { Vec::new() }, then });
        assert_eq!(changes(email, sms, true), expected);
    }

    #[test]
    fn a_rule_for_all_channels_leaves_the_other_alone() {
        assert_eq!(changes(Some(WAITS), Some(WAITS), false), None);
        assert_eq!(changes(None, Some(WAITS), false), Some(Replan { end: Vec::new(), then: ReplanAction::PutIn }));
    }
}
