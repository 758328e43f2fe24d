//! The effect of a borrower's wishes on a rule.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::{DayHours, to_utc};
use crate::domain::{Channel, PreferredHours};

/// The contact hours as far as the borrower likes them; all of them where the two have nothing in common.
pub(super) fn narrowed(hours: DayHours, wished: Option<PreferredHours>) -> DayHours {
    wished.and_then(|wished| hours.between(wished.from(), wished.to())).unwrap_or(hours)
}

/// A rule's time of day, moved into the preferred hours of the same day.
pub(super) fn time_of_day(at: NaiveTime, hours: DayHours, wished: Option<PreferredHours>) -> NaiveTime {
    let liked = narrowed(hours, wished);
    if liked == hours || liked.contain(at) { at } else { liked.from() }
}

/// A rule's channels with the preferred one first.
pub(super) fn preferred_first(order: &[Channel], preferred: Option<Channel>) -> Vec<Channel> {
    let mut order = order.to_vec();
    order.sort_by_key(|channel| Some(*channel) != preferred);
    order
}

/// An end that cannot be understood, or that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a day to come such as 2026-12-31, nor an instant to come such as 2026-12-31T18:00:00+08:00")]
pub struct InvalidEnd;

/// The result of [`hold_end`], if it is in the future.
///
/// # Errors
/// When it is not, or is no end at all.
pub fn end_to_come(text: &str, zone: Tz, now: DateTime<Utc>) -> Result<DateTime<Utc>, InvalidEnd> {
    hold_end(text, zone).filter(|end| *end > now).ok_or(InvalidEnd)
}

/// When a hold ends that is said to hold until `text`: an instant (RFC 3339), or a date, which is held to its end in
/// `zone`.
#[must_use]
pub fn hold_end(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let end_of =
        |date: NaiveDate| Some(to_utc(zone, date.checked_add_signed(TimeDelta::days(1))?.and_time(NaiveTime::MIN)));
    let instant = || DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc());
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().and_then(end_of).or_else(instant)
}
