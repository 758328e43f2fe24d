//! Why nothing is planned, not now, or at another time, in words: one that stays the same, for programs, and a text as
//! a colleague would say it.

use chrono::{DateTime, NaiveDate, Utc};

use super::preferences::time_of_day;
use super::{DeferReason, NotPlannedReason, Policy, Rule, to_utc};
use crate::domain::{Borrower, Merchant};

impl DeferReason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::ContactHours, Self::Holiday, Self::OnHold, Self::Capped, Self::NotYet, Self::OtherGateway];

    /// The reason as a colleague would say it.
    #[must_use]
    pub fn explained(self) -> &'static str {
        match self {
            Self::ContactHours => "it is outside the borrower's contact hours",
            Self::Holiday => "it is a day off, and the rule sends on working days only",
            Self::OnHold => "the borrower is on hold until then",
            Self::Capped => "a frequency cap is reached that day",
            Self::NotYet => "its time was moved, and is yet to come",
            Self::OtherGateway => "another gateway carries its merchant's messages, and it waits for that one",
        }
    }
}

/// A step in words: `3 days before`.
#[must_use]
pub fn step_in_words(offset: i32) -> String {
    let days = |count: u32| if count == 1 { "1 day".to_owned() } else { format!("{count} days") };
    match offset {
        0 => "on the due date".to_owned(),
        before @ ..0 => format!("{} before", days(before.unsigned_abs())),
        after => format!("{} after", days(after.unsigned_abs())),
    }
}

impl NotPlannedReason {
    /// The word for programs.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::UnknownMerchant => "unknown_merchant",
            Self::Merchant => "merchant",
            Self::Filter(mismatch) => mismatch.as_str(),
            Self::EarlierRule(_) => "earlier_rule",
            Self::OverdueDays => "overdue_days",
            Self::StoppedAfter(_) => "stop_after",
            Self::NotYet { .. } => "not_yet",
            Self::Expired { .. } => "expired",
            Self::BeforeStart { .. } => "before_start",
            Self::Superseded { .. } => "superseded",
            Self::NoCommonHour => "no_common_hour",
        }
    }

    /// The local date that it is about, where it is about one.
    #[must_use]
    pub fn day(&self) -> Option<NaiveDate> {
        match self {
            Self::NotYet { day } | Self::Expired { day } | Self::BeforeStart { day } => Some(*day),
            _ => None,
        }
    }

    /// The reason as a colleague would say it, given the rule that it is about.
    #[must_use]
    pub fn explained(&self, rule: &Rule) -> String {
        match self {
            Self::UnknownMerchant => "the merchant is not in the config".to_owned(),
            Self::Merchant => {
                let merchants: Vec<_> = rule.merchants.iter().map(|merchant| merchant.as_str()).collect();
                format!("it is for {} only", merchants.join(" and "))
            }
            Self::Filter(mismatch) => mismatch.explained(&rule.filters),
            Self::EarlierRule(name) => format!("rule {name} matched before it, and only the first reminds"),
            Self::OverdueDays => match &rule.overdue_days {
                Some(days) => {
                    format!("the rule reminds {} to {} days after the due date only", days.start(), days.end())
                }
                None => "the rule does not remind on that day".to_owned(),
            },
            Self::StoppedAfter(last) => format!("the rule stops {}", step_in_words(*last)),
            Self::NotYet { .. } => "its day is yet to come".to_owned(),
            Self::Expired { .. } => "nothing was planned when its time came, and it is too late now".to_owned(),
            Self::BeforeStart { .. } => {
                "its time is before start_from, or before the day of the first scan, and is never planned".to_owned()
            }
            Self::Superseded { by } => {
                format!("the step {} goes out on the same day and takes its place", step_in_words(*by))
            }
            Self::NoCommonHour => "no hour is allowed in every zone in which the borrower may live".to_owned(),
        }
    }
}

/// Why a step goes out at another time than its rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeShift {
    /// Its day is off.
    Holiday,
    /// Its time is outside the hours in which the borrower may be contacted, or likes to be.
    Hours,
}

impl TimeShift {
    /// The cause that moved a step of a rule, whose day is `day`, to `not_before`; `None` if nothing did, or something
    /// else.
    #[must_use]
    pub fn why(
        policy: &Policy,
        rule: &Rule,
        merchant: &Merchant,
        borrower: &Borrower,
        day: NaiveDate,
        not_before: DateTime<Utc>,
    ) -> Option<Self> {
        let hours = policy.contact_hours(merchant, borrower, Some(rule));
        let (home, at) = (hours.zones.home(), rule.at.of(&borrower.key));
        let working = rule.shifted(day, policy.calendar_of(rule, merchant));
        let liked = to_utc(home, working.and_time(time_of_day(at, hours.hours.on(working), borrower.preferred_hours)));
        if hours.next_allowed(liked) != Some(not_before) || to_utc(home, day.and_time(at)) == not_before {
            return None;
        }
        Some(if working == day { Self::Hours } else { Self::Holiday })
    }

    /// The word for programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Holiday => "holiday",
            Self::Hours => "hours",
        }
    }

    /// The reason as a colleague would say it.
    #[must_use]
    pub fn explained(self, day: NaiveDate) -> String {
        match self {
            Self::Holiday => format!("moved: {} is a day off", day.format("%a %F")),
            Self::Hours => "moved into the borrower's hours".to_owned(),
        }
    }
}
