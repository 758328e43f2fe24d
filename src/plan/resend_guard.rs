//! The guards of a resend: one answer for the desk, the API and the command.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Account, Decision, DeferReason, Policy};
use crate::domain::{HoldReason, NewReminder, ReminderId, SkipReason, State, Step, duration};

/// How long after a resend was sent another one is refused: a message may take minutes to arrive.
pub const COOL_DOWN: TimeDelta = TimeDelta::minutes(10);

/// A message about the same due date on the same channel, as far as the guards care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierMessage {
    /// Its number.
    pub id: ReminderId,
    /// Its step.
    pub step: Step,
    /// Its state.
    pub state: State,
    /// When it came into this state; `None` if nothing has happened to it yet.
    pub since: Option<DateTime<Utc>>,
    /// When it is of no use any more.
    pub expires_at: DateTime<Utc>,
}

/// The facts that the guards judge.
#[derive(Debug, Clone)]
pub struct ResendFacts<'f> {
    /// The time.
    pub now: DateTime<Utc>,
    /// The decision about the resend as about any reminder, that of the routes included.
    pub decision: &'f Decision,
    /// The messages about the same due date on the same channel, newest first.
    pub earlier: &'f [EarlierMessage],
    /// Whether the person has had as many messages as a cap allows.
    pub is_capped: bool,
    /// Whether a rule reminds of what is open.
    pub is_reminded: bool,
}

/// Why nothing is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResendRefusal {
    /// It would be held.
    Held(HoldReason),
    /// It would be skipped.
    Skip(SkipReason),
    /// It would be put off: the borrower may not be contacted before then.
    ContactHours {
        /// The next allowed moment.
        until: DateTime<Utc>,
    },
    /// Nobody knows whether a message about the same was sent.
    UnknownBefore(ReminderId),
    /// An earlier resend of the same has not ended.
    OnItsWay {
        /// Its number.
        id: ReminderId,
        /// Its state.
        state: State,
    },
    /// An earlier resend of the same has just gone.
    CoolDown {
        /// Its number.
        id: ReminderId,
        /// How long ago.
        ago: TimeDelta,
        /// How long until another one may go.
        wait: TimeDelta,
    },
    /// A frequency cap is reached.
    Capped,
    /// The borrower got notices about that due date only, and no rule reminds of it.
    NoticeOnly,
}

impl ResendRefusal {
    /// The word in the API and in tests.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Held(reason) => reason.as_str(),
            Self::Skip(reason) => reason.as_str(),
            Self::ContactHours { .. } => "contact_hours",
            Self::UnknownBefore(_) => "unknown_before",
            Self::OnItsWay { .. } => "on_its_way",
            Self::CoolDown { .. } => "cool_down",
            Self::Capped => "capped",
            Self::NoticeOnly => "notice_only",
        }
    }

    /// Whether a supervisor may send all the same, with a reason.
    #[must_use]
    pub fn may_be_overridden(&self) -> bool {
        matches!(self, Self::CoolDown { .. } | Self::Capped)
    }
}

impl fmt::Display for ResendRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContactHours { until } => {
                write!(f, "it is outside the borrower's contact hours; try again after {}", until.format("%F %R UTC"))
            }
            Self::Held(reason) => write!(f, "{}; try again when that is over", reason.explained()),
            Self::Skip(reason) => f.write_str(reason.explained()),
            Self::UnknownBefore(id) => {
                write!(f, "reminder {id} is about the same and may have been sent; resolve its outcome first")
            }
            Self::OnItsWay { id, state } => {
                let now = match state {
                    State::Held => "is held",
                    State::Sending => "is being sent",
                    _ => "waits to be sent",
                };
                write!(f, "reminder {id} is an earlier resend of the same and {now}")
            }
            Self::CoolDown { id, ago, wait } => {
                let (ago, wait) = (words(*ago), words(*wait));
                write!(f, "reminder {id} is an earlier resend of the same and was sent {ago} ago; try again in {wait}")
            }
            Self::Capped => f.write_str("the borrower has had as many messages as [caps] allows"),
            Self::NoticeOnly => f.write_str(
                "the borrower got only notices about that due date, and no rule reminds of it: a resend would be the \
                 first reminder of the debt",
            ),
        }
    }
}

fn words(span: TimeDelta) -> String {
    duration::format(TimeDelta::seconds(span.num_seconds()).to_std().unwrap_or_default())
}

/// The reasons against a resend; none: it may be sent. `overrides_limits`: a supervisor wants it in spite of a cap and
/// the cool-down, and of nothing else.
#[must_use]
pub fn resend_refusals(facts: &ResendFacts<'_>, overrides_limits: bool) -> Vec<ResendRefusal> {
    let mut refusals = Vec::new();
    refusals.extend(of_decision(facts.decision));
    let unknown = facts.earlier.iter().find(|one| one.state == State::Unknown);
    refusals.extend(unknown.map(|one| ResendRefusal::UnknownBefore(one.id)));
    refusals.extend(facts.earlier.iter().filter(|one| is_resend(one)).find_map(|one| of_resend(one, facts.now)));
    if facts.is_capped {
        refusals.push(ResendRefusal::Capped);
    }
    let is_notice = |one: &EarlierMessage| matches!(one.step, Step::Notice { .. });
    let mut others = facts.earlier.iter().filter(|one| !is_resend(one)).peekable();
    if !facts.is_reminded && others.peek().is_some() && others.all(is_notice) {
        refusals.push(ResendRefusal::NoticeOnly);
    }
    refusals.retain(|refusal| !(overrides_limits && refusal.may_be_overridden()));
    refusals
}

fn of_decision(decision: &Decision) -> Option<ResendRefusal> {
    match decision {
        Decision::Send(_) | Decision::PassOn { .. } => None,
        // Whoever asks is at the telephone: a message that leaves when the hold is over would come out of the blue.
        Decision::Defer { reason: DeferReason::OnHold, .. } => Some(ResendRefusal::Skip(SkipReason::OnHold)),
        Decision::Defer { until, .. } => Some(ResendRefusal::ContactHours { until: *until }),
        Decision::Hold(cause) => Some(ResendRefusal::Held(cause.reason)),
        Decision::Skip(reason) | Decision::Switch { reason, .. } => Some(ResendRefusal::Skip(*reason)),
    }
}

fn is_resend(one: &EarlierMessage) -> bool {
    matches!(one.step, Step::Manual { .. })
}

/// Why a further resend has to wait for an earlier one; `None` if that will not be sent, or was sent long ago.
fn of_resend(one: &EarlierMessage, now: DateTime<Utc>) -> Option<ResendRefusal> {
    let EarlierMessage { id, state, since, expires_at, .. } = *one;
    match state {
        State::Planned | State::Held if expires_at <= now => None,
        State::Planned | State::Held | State::Sending => Some(ResendRefusal::OnItsWay { id, state }),
        State::Accepted | State::Delivered => {
            let ago = since.map_or(TimeDelta::zero(), |since| now - since);
            (ago < COOL_DOWN).then(|| ResendRefusal::CoolDown { id, ago, wait: COOL_DOWN - ago })
        }
        // The unknown one has a refusal of its own.
        State::Unknown | State::Undelivered | State::Failed | State::Skipped => None,
    }
}

/// Whether a rule of the policy reminds of what is open on the day of a resend.
#[must_use]
pub fn is_reminded(policy: &Policy, reminder: &NewReminder, account: &Account) -> bool {
    let merchant = &reminder.key.borrower.merchant;
    let open: Vec<_> = account.installments.iter().filter(|one| one.is_due()).cloned().collect();
    policy.rules.iter().any(|rule| super::planner::is_reminded_by(policy, rule, merchant, &open))
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use proptest::prelude::*;
    use rstest::rstest;

    use super::{COOL_DOWN, EarlierMessage, ResendFacts, ResendRefusal, resend_refusals};
    use crate::domain::{Channel, HoldCause, HoldReason, ReminderId, SkipReason, State, Step};
    use crate::plan::{Decision, DeferReason};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).expect("an instant")
    }

    fn sends() -> Decision {
        Decision::PassOn { gateway_index: 0 }
    }

    fn later(reason: DeferReason) -> Decision {
        Decision::Defer { until: now() + TimeDelta::hours(9), reason }
    }

    /// `manual/1 accepted 9`: a step, a state, and for how many minutes.
    fn message(text: &str) -> EarlierMessage {
        let words: Vec<_> = text.split(' ').collect();
        EarlierMessage {
            id: ReminderId(7),
            step: words[0].parse().expect("a step"),
            state: words[1].parse().expect("a state"),
            since: Some(now() - TimeDelta::minutes(words[2].parse().expect("minutes"))),
            expires_at: now() + TimeDelta::minutes(60 - words[2].parse::<i64>().expect("minutes")),
        }
    }

    #[rstest]
    #[case::nothing_against_it(sends(), "", "")]
    #[case::paid(Decision::Skip(SkipReason::Paid), "", "paid")]
    #[case::suppressed(Decision::Skip(SkipReason::Suppressed), "", "suppressed")]
    #[case::opted_out(Decision::Skip(SkipReason::OptedOut), "", "opted_out")]
    #[case::on_hold(Decision::Skip(SkipReason::OnHold), "", "on_hold")]
    #[case::on_hold_for_some_minutes(later(DeferReason::OnHold), "", "on_hold")]
    #[case::no_address(
        Decision::Switch { reason: SkipReason::NoContact, to: Channel::Email }, "", "no_contact"
    )]
    #[case::at_night(later(DeferReason::ContactHours), "", "contact_hours")]
    #[case::on_a_holiday(later(DeferReason::Holiday), "", "contact_hours")]
    #[case::route_closed(Decision::Hold(HoldCause::new(HoldReason::NoRoute, "")), "", "no_route")]
    #[case::stopped(Decision::Hold(HoldCause::new(HoldReason::Stopped, "")), "", "stopped")]
    #[case::unknown_reply(Decision::Hold(HoldCause::new(HoldReason::UnreadReply, 7)), "", "unread_reply")]
    #[case::a_reminder_may_have_gone(sends(), "late/3 unknown 900", "unknown_before")]
    #[case::a_resend_may_have_gone(sends(), "manual/1 unknown 900", "unknown_before")]
    #[case::a_resend_waits(sends(), "manual/1 planned 3", "on_its_way")]
    #[case::a_resend_waited_too_long(sends(), "manual/1 planned 60", "")]
    #[case::a_resend_is_held(sends(), "manual/1 held 3", "on_its_way")]
    #[case::a_resend_is_being_sent(sends(), "manual/1 sending 900", "on_its_way")]
    #[case::a_resend_has_just_gone(sends(), "manual/1 accepted 9", "cool_down")]
    #[case::a_resend_has_just_arrived(sends(), "manual/1 delivered 9", "cool_down")]
    #[case::a_resend_has_gone(sends(), "manual/1 accepted 10", "")]
    #[case::a_resend_failed(sends(), "manual/1 failed 0, manual/2 skipped 0, manual/3 undelivered 0", "")]
    #[case::a_reminder_has_just_gone(sends(), "late/3 accepted 1", "")]
    #[case::a_notice_and_a_reminder(sends(), "notice/moved accepted 900, late/3 accepted 900", "")]
    #[case::all_that_is_wrong_is_said(
        Decision::Skip(SkipReason::Paid),
        "manual/1 accepted 1, late/3 unknown 9",
        "paid unknown_before cool_down"
    )]
    fn every_guard(#[case] decision: Decision, #[case] earlier: &str, #[case] expected: &str) {
        let earlier: Vec<_> = earlier.split(", ").filter(|text| !text.is_empty()).map(message).collect();
        let facts =
            ResendFacts { now: now(), decision: &decision, earlier: &earlier, is_capped: false, is_reminded: true };
        let words: Vec<_> = resend_refusals(&facts, false).iter().map(ResendRefusal::word).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn caps_and_notices_are_guards_too() {
        let (decision, notice) = (sends(), [message("notice/moved accepted 900")]);
        let facts = |earlier, is_capped, is_reminded| ResendFacts {
            now: now(),
            decision: &decision,
            earlier,
            is_capped,
            is_reminded,
        };
        assert_eq!(resend_refusals(&facts(&[], true, true), false), [ResendRefusal::Capped]);
        assert_eq!(resend_refusals(&facts(&[], true, true), true), []);
        assert_eq!(resend_refusals(&facts(&notice, false, false), true), [ResendRefusal::NoticeOnly]);
        assert_eq!(resend_refusals(&facts(&notice, false, true), false), [], "a rule reminds as well");
        assert_eq!(resend_refusals(&facts(&[], false, false), false), [], "nothing was sent so far");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let cool_down = ResendRefusal::CoolDown {
            id: ReminderId(7),
            ago: TimeDelta::minutes(3),
            wait: COOL_DOWN - TimeDelta::minutes(3),
        };
        let cases = [
            (ResendRefusal::UnknownBefore(ReminderId(7)), "resolve its outcome first"),
            (cool_down, "was sent 3m ago; try again in 7m"),
            (ResendRefusal::OnItsWay { id: ReminderId(7), state: State::Sending }, "is being sent"),
            (ResendRefusal::ContactHours { until: now() }, "try again after 2027-01-15 08:00 UTC"),
        ];
        for (refusal, words) in cases {
            assert!(refusal.to_string().contains(words), "{refusal}");
        }
    }

    fn any_decision() -> impl Strategy<Value = Decision> {
        let skip = proptest::sample::select(SkipReason::ALL).prop_map(Decision::Skip);
        let hold =
            proptest::sample::select(HoldReason::ALL).prop_map(|reason| Decision::Hold(HoldCause::new(reason, "x")));
        let defer = proptest::sample::select(&DeferReason::ALL[..]).prop_map(later);
        prop_oneof![Just(sends()), skip, hold, defer]
    }

    fn any_message() -> impl Strategy<Value = EarlierMessage> {
        let step = proptest::sample::select(vec!["manual/1", "late/3", "notice/moved", "confirmation/7"]);
        (step, proptest::sample::select(State::ALL), 0_i64..120).prop_map(|(step, state, minutes)| EarlierMessage {
            id: ReminderId(7),
            step: step.parse::<Step>().expect("a step"),
            state,
            since: Some(now() - TimeDelta::minutes(minutes)),
            expires_at: now() + TimeDelta::minutes(60 - minutes),
        })
    }

    proptest! {
        #[test]
        fn an_override_passes_caps_and_the_cool_down_and_nothing_else(
            decision in any_decision(),
            earlier in proptest::collection::vec(any_message(), 0..5),
            is_capped: bool,
            is_reminded: bool,
        ) {
            let facts = ResendFacts { now: now(), decision: &decision, earlier: &earlier, is_capped, is_reminded };
            let (all, left) = (resend_refusals(&facts, false), resend_refusals(&facts, true));
            let passed: Vec<_> = all.iter().filter(|refusal| !left.contains(refusal)).collect();
            let is_limit = |one: &&ResendRefusal| matches!(one, ResendRefusal::Capped | ResendRefusal::CoolDown { .. });
            prop_assert!(passed.iter().all(is_limit), "{:?}", passed);
            prop_assert!(left.iter().all(|one| all.contains(one)), "an override adds nothing");
            let would_leave = matches!(decision, Decision::Send(_) | Decision::PassOn { .. });
            prop_assert!(would_leave || !left.is_empty(), "what the decision refuses stays refused");
        }
    }
}
