//! Local times and what happens to them when clocks change.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

/// The instant of a local time. In a daylight-saving gap, where that time does not exist, the first instant after the
/// gap; in a fold, where it comes twice, the first of the two.
#[must_use]
pub fn to_utc(zone: Tz, local: NaiveDateTime) -> DateTime<Utc> {
    // No zone of the IANA data has ever skipped more than a day (Samoa left out 2011-12-30).
    const STEPS_OF_A_MINUTE: i64 = 25 * 60;
    // Gaps end on a whole minute, so that is where the steps fall.
    let minute =
        local - TimeDelta::seconds(i64::from(local.second())) - TimeDelta::nanoseconds(i64::from(local.nanosecond()));
    let steps = (1..STEPS_OF_A_MINUTE).map(|minutes| minute + TimeDelta::minutes(minutes));
    for candidate in std::iter::once(local).chain(steps) {
        match zone.from_local_datetime(&candidate) {
            LocalResult::Single(instant) => return instant.with_timezone(&Utc),
            LocalResult::Ambiguous(first, _) => return first.with_timezone(&Utc),
            LocalResult::None => {}
        }
    }
    local.and_utc()
}

/// The local date in the zone.
#[must_use]
pub fn local_date(zone: Tz, instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

#[cfg(test)]
mod tests {
    use super::to_utc;
    use chrono::NaiveDateTime;
    use chrono_tz::Tz;
    use rstest::rstest;

    #[rstest]
    #[case::plain("Asia/Shanghai", "2026-11-22T10:00:00", "2026-11-22T02:00:00Z")]
    #[case::gap("Europe/Berlin", "2027-03-28T02:30:00", "2027-03-28T01:00:00Z")]
    #[case::gap_between_minutes("Europe/Berlin", "2027-03-28T02:00:01", "2027-03-28T01:00:00Z")]
    #[case::fold("Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z")]
    #[case::gap_at_midnight("America/Santiago", "2026-09-06T00:15:00", "2026-09-06T04:00:00Z")]
    #[case::a_day_that_never_was("Pacific/Apia", "2011-12-30T10:00:00", "2011-12-30T10:00:00Z")]
    fn local_times_have_one_instant(#[case] zone: Tz, #[case] local: NaiveDateTime, #[case] utc: &str) {
        assert_eq!(to_utc(zone, local).to_rfc3339_opts(chrono::SecondsFormat::Secs, true), utc);
    }
}
