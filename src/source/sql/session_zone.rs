//! The time zone of a session of MySQL.

use std::fmt;

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

use super::field::instant_of_local;

/// The zone of a session of MySQL. A zone whose clocks stand still is set by its distance from UTC, which every server
/// knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionZone {
    Fixed(FixedOffset),
    Named(Tz),
}

impl SessionZone {
    pub(super) fn of(zone: Tz) -> Self {
        // From the first due date that a ledger has to the last that anybody plans: no rule changes between the middles
        // of two quarters.
        let days = (2000..=2099).flat_map(|year| [1, 4, 7, 10].map(|month| NaiveDate::from_ymd_opt(year, month, 1)));
        let mut offsets = days.flatten().map(|day| zone.offset_from_utc_datetime(&day.and_time(NaiveTime::MIN)).fix());
        match offsets.next() {
            Some(first) if offsets.all(|offset| offset == first) => Self::Fixed(first),
            _ => Self::Named(zone),
        }
    }

    pub(super) fn of_minutes(minutes: i64) -> Self {
        let seconds = i32::try_from(minutes * 60).unwrap_or(0);
        Self::Fixed(FixedOffset::east_opt(seconds).unwrap_or(Utc.fix()))
    }

    /// The instant of a local time; the first of two.
    pub(super) fn instant(self, local: NaiveDateTime) -> DateTime<Utc> {
        match self {
            Self::Fixed(offset) => (local - offset).and_utc(),
            Self::Named(zone) => instant_of_local(local, zone),
        }
    }

    /// The local time of an instant; where it comes twice, one before both, as the server would take it for either:
    /// what is read twice changes nothing.
    pub(super) fn local_not_after(self, instant: DateTime<Utc>) -> NaiveDateTime {
        match self {
            Self::Fixed(offset) => instant.naive_utc() + offset,
            Self::Named(zone) => {
                let local = instant.with_timezone(&zone).naive_local();
                match zone.from_local_datetime(&local) {
                    LocalResult::Ambiguous(..) => local - self.repeated(),
                    _ => local,
                }
            }
        }
    }

    /// Whether the local time of an instant comes twice.
    pub(super) fn is_repeated(self, instant: DateTime<Utc>) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Named(zone) => {
                let local = instant.with_timezone(&zone).naive_local();
                matches!(zone.from_local_datetime(&local), LocalResult::Ambiguous(..))
            }
        }
    }

    /// How long the time is that comes twice when clocks go back.
    pub(super) fn repeated(self) -> TimeDelta {
        match self {
            Self::Fixed(_) => TimeDelta::zero(),
            Self::Named(_) => TimeDelta::hours(1),
        }
    }
}

impl fmt::Display for SessionZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(offset) => write!(f, "{offset}"),
            Self::Named(zone) => f.write_str(zone.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SessionZone;

    #[test]
    fn a_zone_whose_clocks_stand_still_goes_by_its_distance() {
        for (zone, expected) in [
            (chrono_tz::Asia::Shanghai, "+08:00"),
            (chrono_tz::Asia::Kolkata, "+05:30"),
            (chrono_tz::UTC, "+00:00"),
            (chrono_tz::America::New_York, "America/New_York"),
        ] {
            assert_eq!(SessionZone::of(zone).to_string(), expected);
        }
    }

    #[test]
    fn a_time_that_comes_twice_is_asked_for_from_before_both() {
        let zone = SessionZone::of(chrono_tz::America::New_York);
        let second = "2026-11-01T06:30:00Z".parse().unwrap();
        assert_eq!(zone.local_not_after(second).to_string(), "2026-11-01 00:30:00");
        let after = "2026-11-01T07:30:00Z".parse().unwrap();
        assert_eq!(zone.local_not_after(after).to_string(), "2026-11-01 02:30:00");
        assert_eq!(zone.instant(zone.local_not_after(after)), after);
    }
}
