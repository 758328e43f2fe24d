//! The volume guard: how much a merchant's scans plan on a day, and when that is far more than usual.
//!
//! A ledger that arrives twice under other numbers, a rule for the wrong days, a due date shifted by a script: each
//! plans reminders for people who owe nothing that day. Nobody can tell that from one reminder, but from their number.

use chrono::{Days, NaiveDate};

/// How long a day counts as usual, and how long a merchant is new.
pub const USUAL_DAYS: u64 = 30;

/// The limits above which a day has far more reminders than usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeLimits {
    /// The multiple of the greatest day of the last 30.
    pub factor: u32,
    /// Fewer on a day are never too many.
    pub least: u64,
    /// The most on a day of a merchant's first 30 days, when nothing is usual yet.
    pub first_month: u64,
}

impl Default for VolumeLimits {
    fn default() -> Self {
        Self { factor: 3, least: 1_000, first_month: 100_000 }
    }
}

/// A merchant's day beside the days before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DayVolume {
    /// How many reminders scans planned on it.
    pub planned: u64,
    /// The greatest of the 30 days before. Days of which the volume was held count once a person has approved them.
    pub most: u64,
    /// The merchant's first day, if this is not it.
    pub since: Option<NaiveDate>,
    /// A person has approved it.
    pub is_approved: bool,
}

impl VolumeLimits {
    /// The most that is planned on a day without a person.
    #[must_use]
    pub fn limit(&self, volume: &DayVolume, day: NaiveDate) -> u64 {
        let is_new =
            volume.since.and_then(|since| since.checked_add_days(Days::new(USUAL_DAYS))).is_none_or(|old| day < old);
        if is_new {
            return self.first_month.max(self.least);
        }
        volume.most.saturating_mul(u64::from(self.factor)).max(self.least)
    }

    /// Whether a person must approve the day.
    #[must_use]
    pub fn are_exceeded(&self, volume: &DayVolume, day: NaiveDate) -> bool {
        !volume.is_approved && volume.planned > self.limit(volume, day)
    }
}

/// The limits on the day of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeGuard {
    /// The limits.
    pub limits: VolumeLimits,
    /// The day, in the zone of the schedule.
    pub day: NaiveDate,
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use rstest::rstest;

    use super::{DayVolume, VolumeLimits};

    #[rstest]
    #[case::a_small_day(DayVolume { planned: 1_000, most: 10, ..old() }, false)]
    #[case::three_times(DayVolume { planned: 3_000, most: 1_000, ..old() }, false)]
    #[case::more(DayVolume { planned: 3_001, most: 1_000, ..old() }, true)]
    #[case::approved(DayVolume { planned: 3_001, most: 1_000, is_approved: true, ..old() }, false)]
    #[case::the_first_day(DayVolume { planned: 100_000, since: None, ..old() }, false)]
    #[case::too_much_on_it(DayVolume { planned: 100_001, since: None, ..old() }, true)]
    #[case::the_thirtieth_day(DayVolume { planned: 5_000, since: day(2), ..old() }, false)]
    #[case::the_day_after(DayVolume { planned: 5_000, since: day(1), ..old() }, true)]
    fn far_more_than_usual_is_too_much(#[case] volume: DayVolume, #[case] is_exceeded: bool) {
        let today = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        assert_eq!(VolumeLimits::default().are_exceeded(&volume, today), is_exceeded);
    }

    fn day(day: u32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(2026, 12, day)
    }

    fn old() -> DayVolume {
        DayVolume { since: NaiveDate::from_ymd_opt(2026, 1, 1), ..DayVolume::default() }
    }
}
