//! Hours of contact that change on a date, at midnight by the clock on the borrower's wall.

use std::fmt;

use chrono::{DateTime, DurationRound, NaiveDate, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::DayHours;
use super::local_time::{local_date, to_utc};

/// The hours of each day. A change takes effect with the local date, in each time zone by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DailyHours {
    first: DayHours,
    /// The first day of other hours and these hours, in ascending order.
    changes: Vec<(NaiveDate, DayHours)>,
}

impl From<DayHours> for DailyHours {
    fn from(hours: DayHours) -> Self {
        Self { first: hours, changes: Vec::new() }
    }
}

impl fmt::Display for DailyHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.changes.iter().try_for_each(|(from, hours)| write!(f, ", from {from} {hours}"))
    }
}

impl DailyHours {
    /// The same hours up to `from`, and `hours` from that day on, which is later than all changes so far.
    #[must_use]
    pub fn then(mut self, from: NaiveDate, hours: DayHours) -> Self {
        self.changes.push((from, hours));
        self
    }

    /// The hours of a day.
    #[must_use]
    pub fn on(&self, date: NaiveDate) -> DayHours {
        self.changes.iter().rev().find(|(from, _)| *from <= date).map_or(self.first, |(_, hours)| *hours)
    }

    /// Whether `check` holds for the hours of any day.
    pub fn any(&self, check: impl Fn(&DayHours) -> bool) -> bool {
        check(&self.first) || self.changes.iter().any(|(_, hours)| check(hours))
    }

    /// Other hours in the place of those of each day.
    #[must_use]
    pub fn map(mut self, other: impl Fn(DayHours) -> DayHours) -> Self {
        self.first = other(self.first);
        self.changes.iter_mut().for_each(|(_, hours)| *hours = other(*hours));
        self
    }

    pub(super) fn allow(&self, zone: Tz, instant: DateTime<Utc>) -> bool {
        let local = instant.with_timezone(&zone);
        self.on(local.date_naive()).contain(local.time())
    }

    pub(super) fn next_allowed(&self, zone: Tz, instant: DateTime<Utc>) -> DateTime<Utc> {
        if self.allow(zone, instant) {
            return instant;
        }
        let today = local_date(zone, instant);
        // A day whose opening hour fell into a clock change may open late, have passed, or be left out altogether.
        let opening = (0..4)
            .map(|days| today + TimeDelta::days(days))
            .map(|day| to_utc(zone, day.and_time(self.on(day).from())))
            .find(|opening| *opening >= instant && self.allow(zone, *opening))
            .unwrap_or(instant + TimeDelta::days(4));
        minutes_around_a_change(zone, instant, opening).find(|minute| self.allow(zone, *minute)).unwrap_or(opening)
    }

    pub(super) fn closing(&self, zone: Tz, instant: DateTime<Utc>) -> DateTime<Utc> {
        let today = local_date(zone, instant);
        let end = today.and_time(self.on(today).to());
        let (first, second) = (to_utc(zone, end), zone.from_local_datetime(&end).latest());
        // An end that comes twice may be behind the first time.
        let closing = if first > instant { first } else { second.map_or(first, |second| second.to_utc()) };
        minutes_around_a_change(zone, instant, closing).find(|minute| !self.allow(zone, *minute)).unwrap_or(closing)
    }
}

/// The whole minutes after `from` and before `to`, if the clocks change between the two or changed on the day before,
/// so that an hour may come twice; else nothing, as then the clock on the wall tells all. Clocks change on whole
/// minutes.
fn minutes_around_a_change(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
    let offset = |instant: DateTime<Utc>| zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
    let first = from.duration_trunc(TimeDelta::minutes(1)).unwrap_or(from) + TimeDelta::minutes(1);
    let changes = offset(from - TimeDelta::days(1)) != offset(to);
    std::iter::successors(changes.then_some(first), |minute| Some(*minute + TimeDelta::minutes(1)))
        .take_while(move |minute| *minute < to)
}
