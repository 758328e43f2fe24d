use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::calendar::{local_date, to_utc};

/// Local hours in which a borrower may be contacted, from `from` (included) to `to` (excluded) of the same day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContactHours {
    /// First moment of the day.
    pub from: NaiveTime,
    /// First moment that is too late.
    pub to: NaiveTime,
}

impl ContactHours {
    /// Whether a borrower in `zone` may be contacted at `instant`.
    #[must_use]
    pub fn allow(&self, zone: Tz, instant: DateTime<Utc>) -> bool {
        let time = instant.with_timezone(&zone).time();
        self.from <= time && time < self.to
    }

    /// The first allowed moment at or after `instant`.
    #[must_use]
    pub fn next_allowed(&self, zone: Tz, instant: DateTime<Utc>) -> DateTime<Utc> {
        if self.allow(zone, instant) {
            return instant;
        }
        let today = local_date(zone, instant);
        // A day whose opening hour fell into a clock change may open late or have passed: so look at three days.
        (0..3)
            .map(|days| to_utc(zone, (today + TimeDelta::days(days)).and_time(self.from)))
            .find(|opening| *opening >= instant && self.allow(zone, *opening))
            .unwrap_or(instant + TimeDelta::days(1))
    }

    /// The first moment after `instant`, which must be allowed, that is not: nothing may leave then or later that day.
    #[must_use]
    pub fn closing(&self, zone: Tz, instant: DateTime<Utc>) -> DateTime<Utc> {
        to_utc(zone, local_date(zone, instant).and_time(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::super::contact_hours;
    use crate::domain::Jurisdiction;
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;
    use rstest::rstest;

    #[rstest]
    #[case::open(Jurisdiction::Cn, "Asia/Shanghai", "2026-11-22T13:59:59Z", "2026-11-22T13:59:59Z")]
    #[case::closes_at_22(Jurisdiction::Cn, "Asia/Shanghai", "2026-11-22T14:00:00Z", "2026-11-23T00:00:00Z")]
    #[case::three_at_night(Jurisdiction::Cn, "Asia/Shanghai", "2026-11-22T19:00:00Z", "2026-11-23T00:00:00Z")]
    #[case::opens_at_8(Jurisdiction::Cn, "Asia/Shanghai", "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z")]
    #[case::india_ends_early(Jurisdiction::In, "Asia/Kolkata", "2026-11-22T13:30:00Z", "2026-11-23T02:30:00Z")]
    #[case::clocks_go_forward(Jurisdiction::Us, "America/New_York", "2027-03-14T06:30:00Z", "2027-03-14T12:00:00Z")]
    #[case::clocks_go_back(Jurisdiction::Uk, "Europe/London", "2026-10-24T20:00:00Z", "2026-10-25T08:00:00Z")]
    fn contact_waits_for_a_decent_hour(
        #[case] pack: Jurisdiction,
        #[case] zone: Tz,
        #[case] asked: DateTime<Utc>,
        #[case] allowed: DateTime<Utc>,
    ) {
        let hours = contact_hours(pack);
        assert_eq!(hours.next_allowed(zone, asked), allowed);
        assert!(hours.allow(zone, allowed));
    }
}
