//! Suppressions: addresses that must not be contacted.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};

use super::reminder::words;
use super::{AddressKey, ManualChange, MerchantId, SkipReason, UnknownWord};

/// Why an address must not be contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SuppressionReason {
    /// The borrower asked for it.
    OptedOut,
    /// The address does not exist or refuses for good.
    Bounced,
    /// The recipient reported the message.
    Complained,
    /// Staff entered it.
    Manual,
}
words!(SuppressionReason {
    OptedOut => "opted_out", Bounced => "bounced", Complained => "complained", Manual => "manual",
});

impl SuppressionReason {
    /// Whether the recipient wants it: to end it takes two persons of the staff.
    #[must_use]
    pub fn is_opt_out(self) -> bool {
        matches!(self, Self::OptedOut | Self::Complained)
    }

    /// The reason that a skipped reminder shows.
    #[must_use]
    pub fn skip_reason(self) -> SkipReason {
        match self {
            Self::OptedOut => SkipReason::OptedOut,
            Self::Bounced | Self::Complained | Self::Manual => SkipReason::Suppressed,
        }
    }
}

/// The prefix of [`Suppression::source`], before the gateway's name, where a person opted out by a reply: a reply can
/// lift only such a suppression.
pub const BY_REPLY: &str = "reply:";

/// An address that must not be contacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// By this merchant only, or by none at all.
    pub merchant: Option<MerchantId>,
    /// The address, in any spelling; its kind is the channel.
    pub address: AddressKey,
    /// Why.
    pub reason: SuppressionReason,
    /// Where it came from: a command, an import, a gateway.
    pub source: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; `None` is for good.
    pub until: Option<DateTime<Utc>>,
}

/// How long a request to end an opt-out waits for the second person.
const LIFT_WAITS: TimeDelta = TimeDelta::days(7);

/// A request of one person to end an opt-out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiftRequest {
    /// The person.
    pub actor: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A suppression, and the rule for its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionRecord {
    /// The suppression.
    pub suppression: Suppression,
    /// Whether its end takes two persons: it is an opt-out, or took the place of one.
    pub is_opt_out: bool,
    /// The last request to end it; [`Self::open_request`] says whether it still counts.
    pub asked: Option<LiftRequest>,
}

impl SuppressionRecord {
    /// The request that waits for a second person.
    #[must_use]
    pub fn open_request(&self, now: DateTime<Utc>) -> Option<&LiftRequest> {
        self.asked.as_ref().filter(|asked| self.is_opt_out && is_waiting(asked.at, self.suppression.since, now))
    }
}

/// Whether a request still counts: it is no older than the opt-out, and its time is not over.
fn is_waiting(asked_at: DateTime<Utc>, since: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    asked_at >= since && now - asked_at < LIFT_WAITS
}

/// The rights of whoever takes a suppression out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifter {
    /// The borrower, who ends an opt-out of their own.
    Borrower,
    /// A person of the staff who may ask for the end of an opt-out, and not confirm it.
    Asks,
    /// A person of the staff who may confirm what another one asked for.
    Confirms,
}

/// The result of an order to take a suppression out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiftResult {
    /// There is none of that address.
    NotSuppressed,
    /// It is out.
    Lifted,
    /// It is an opt-out, and another person has to confirm its end.
    OnePersonMore,
}

/// The decision on such an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiftDecision {
    /// It is taken out.
    Lift,
    /// The person is the first who asks: that is recorded.
    Ask,
    /// The request that is recorded goes on waiting for another person.
    Wait,
}

impl Lifter {
    /// Decides on an order. `asked` is the person who asked before, and when; a request from before the opt-out does
    /// not count.
    #[must_use]
    pub fn decide(
        self,
        by: &ManualChange,
        is_opt_out: bool,
        since: DateTime<Utc>,
        asked: Option<(&str, DateTime<Utc>)>,
    ) -> LiftDecision {
        if self == Self::Borrower || !is_opt_out {
            return LiftDecision::Lift;
        }
        match asked.filter(|(_, at)| is_waiting(*at, since, by.at)) {
            None => LiftDecision::Ask,
            Some((actor, _)) if self == Self::Confirms && !is_same_person(actor, &by.actor) => LiftDecision::Lift,
            Some(_) => LiftDecision::Wait,
        }
    }
}

/// Whether two names on record are of one person. Names that differ in case are one; a request of the API names the
/// person before its token, `wang by crm`.
#[must_use]
pub fn is_same_person(one: &str, other: &str) -> bool {
    let person = |name: &str| name.split(" by ").next().unwrap_or_default().trim().to_lowercase();
    person(one) == person(other)
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use rstest::rstest;

    use super::{LiftDecision, Lifter};
    use crate::domain::ManualChange;

    #[rstest]
    #[case::no_opt_out(Lifter::Asks, false, None, LiftDecision::Lift)]
    #[case::the_borrower(Lifter::Borrower, true, None, LiftDecision::Lift)]
    #[case::the_first(Lifter::Confirms, true, None, LiftDecision::Ask)]
    #[case::the_first_who_may_only_ask(Lifter::Asks, true, None, LiftDecision::Ask)]
    #[case::the_same_person(Lifter::Confirms, true, Some(("LI", 1)), LiftDecision::Wait)]
    #[case::the_same_person_by_a_token(Lifter::Confirms, true, Some(("li by crm", 1)), LiftDecision::Wait)]
    #[case::another_person(Lifter::Confirms, true, Some(("wang", 1)), LiftDecision::Lift)]
    #[case::another_person_who_may_only_ask(Lifter::Asks, true, Some(("wang", 1)), LiftDecision::Wait)]
    #[case::too_late(Lifter::Confirms, true, Some(("wang", -160)), LiftDecision::Ask)]
    #[case::before_the_opt_out(Lifter::Confirms, true, Some(("wang", -1)), LiftDecision::Ask)]
    fn an_opt_out_ends_by_two_persons(
        #[case] lifter: Lifter,
        #[case] is_opt_out: bool,
        #[case] asked: Option<(&str, i64)>,
        #[case] expected: LiftDecision,
    ) {
        let since = DateTime::<Utc>::UNIX_EPOCH;
        let hours = TimeDelta::hours;
        let by = ManualChange { actor: "li".to_owned(), reason: "test".to_owned(), at: since + hours(9) };
        // Of a request that is too old, the opt-out is older still.
        let opted_out_at = if asked.is_some_and(|(_, at)| at < -100) { since - hours(200) } else { since };
        let asked = asked.map(|(actor, at)| (actor, since + hours(at)));
        assert_eq!(lifter.decide(&by, is_opt_out, opted_out_at, asked), expected);
    }
}
