//! Contact hours: when a borrower may be contacted, per jurisdiction and zone.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Deserializer, de};

use super::local_time::{local_date, to_utc};
use super::{Calendar, DailyHours, Zones};

/// Hours of a day by the clock on the wall, from `from` (included) to `to` (excluded), which is later.
///
/// When clocks go back, an hour that comes twice counts both times. When they go forward over the beginning, the day
/// opens where the clock goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayHours {
    from: NaiveTime,
    to: NaiveTime,
}

/// A text that names no hours of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no span of a day from an earlier to a later time, such as \"08:00-20:00\"")]
pub struct NoDayHours;

impl FromStr for DayHours {
    type Err = NoDayHours;
    fn from_str(text: &str) -> Result<Self, NoDayHours> {
        let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").map_err(|_| NoDayHours);
        let (from, to) = text.split_once(['-', '–']).ok_or(NoDayHours)?;
        let (from, to) = (time(from)?, time(to)?);
        if from < to { Ok(Self { from, to }) } else { Err(NoDayHours) }
    }
}

impl fmt::Display for DayHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.from.format("%H:%M"), self.to.format("%H:%M"))
    }
}

impl<'de> Deserialize<'de> for DayHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl DayHours {
    /// First moment of the day.
    #[must_use]
    pub fn from(&self) -> NaiveTime {
        self.from
    }

    /// First moment that is too late.
    #[must_use]
    pub fn to(&self) -> NaiveTime {
        self.to
    }

    /// Whether that time of day is one of them.
    #[must_use]
    pub fn contain(&self, time: NaiveTime) -> bool {
        self.from <= time && time < self.to
    }

    /// Whether none of them lies outside `other`.
    #[must_use]
    pub fn lie_within(&self, other: &Self) -> bool {
        other.from <= self.from && self.to <= other.to
    }

    /// Those of them that lie from `from` (included) to `to` (excluded), if any.
    #[must_use]
    pub fn between(&self, from: NaiveTime, to: NaiveTime) -> Option<Self> {
        let both = Self { from: self.from.max(from), to: self.to.min(to) };
        (both.from < both.to).then_some(both)
    }
}

/// When a borrower may be contacted: the hours of the day that are allowed in every zone that it could be there, and
/// for some rules working days only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactHours<'c> {
    /// Hours of each day.
    pub hours: DailyHours,
    /// Where the borrower may be.
    pub zones: Zones,
    /// On working days of this calendar only, by the date at home; on every day if `None`.
    pub working_days: Option<&'c Calendar>,
}

impl ContactHours<'_> {
    /// Whether the borrower may be contacted at `instant`.
    #[must_use]
    pub fn allow(&self, instant: DateTime<Utc>) -> bool {
        !self.is_day_off(instant) && self.zones.iter().all(|zone| self.hours.allow(zone, instant))
    }

    /// Whether `instant` lies on a day on which nothing may leave, whatever the hour.
    #[must_use]
    pub fn is_day_off(&self, instant: DateTime<Utc>) -> bool {
        self.working_days.is_some_and(|days| !days.is_working_day(local_date(self.zones.home(), instant)))
    }

    /// The first allowed moment at or after `instant`; `None` if within two working days there is no hour that is
    /// allowed in every zone: then there is none on any day.
    #[must_use]
    pub fn next_allowed(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        const FURTHEST: TimeDelta = TimeDelta::days(2);
        let (mut moment, mut last) = (instant, instant + FURTHEST);
        while moment < last {
            let day = self.next_day(moment);
            if day > moment {
                (moment, last) = (day, day + FURTHEST);
            }
            // No zone allows anything before its own next moment, so the latest of them is the earliest for all; then
            // again.
            let next = self.zones.iter().fold(moment, |moment, zone| self.hours.next_allowed(zone, moment));
            if next == moment {
                return Some(moment);
            }
            moment = next;
        }
        None
    }

    /// The first moment after `instant`, which must be allowed, that is not: nothing may leave then.
    #[must_use]
    pub fn closing(&self, instant: DateTime<Utc>) -> DateTime<Utc> {
        let home = self.hours.closing(self.zones.home(), instant);
        self.zones.iter().fold(home, |closing, zone| closing.min(self.hours.closing(zone, instant)))
    }

    /// That moment, or the beginning of the next working day if it lies on a day off.
    fn next_day(&self, moment: DateTime<Utc>) -> DateTime<Utc> {
        let (home, Some(days)) = (self.zones.home(), self.working_days) else { return moment };
        let today = local_date(home, moment);
        match days.next_working_day(today) {
            day if day > today => to_utc(home, day.and_time(NaiveTime::MIN)),
            _ => moment,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Zones, pack};
    use super::ContactHours;
    use crate::domain::Jurisdiction;
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;
    use rstest::rstest;

    #[rstest]
    #[case::open("cn", "Asia/Shanghai", "2026-11-22T13:59:59Z", "2026-11-22T13:59:59Z")]
    #[case::closes_at_22("cn", "Asia/Shanghai", "2026-11-22T14:00:00Z", "2026-11-23T00:00:00Z")]
    #[case::three_at_night("cn", "Asia/Shanghai", "2026-11-22T19:00:00Z", "2026-11-23T00:00:00Z")]
    #[case::opens_at_8("cn", "Asia/Shanghai", "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z")]
    #[case::india_ends_early("in", "Asia/Kolkata", "2026-11-22T13:30:00Z", "2026-11-23T02:30:00Z")]
    #[case::clocks_go_forward("us", "America/New_York", "2027-03-14T06:30:00Z", "2027-03-14T12:00:00Z")]
    #[case::clocks_go_back("uk", "Europe/London", "2026-10-24T20:00:00Z", "2026-10-25T08:00:00Z")]
    fn contact_waits_for_a_decent_hour(
        #[case] pack_of: Jurisdiction,
        #[case] zone: Tz,
        #[case] asked: DateTime<Utc>,
        #[case] allowed: DateTime<Utc>,
    ) {
        let hours =
            ContactHours { hours: pack(pack_of).contact_hours.clone(), zones: Zones::one(zone), working_days: None };
        assert_eq!(hours.next_allowed(asked), Some(allowed));
        assert!(hours.allow(allowed));
    }
}
