//! Calendars: days off, and workdays that make up for them.

use std::collections::BTreeSet;

use chrono::{Datelike, Days, NaiveDate, Weekday, WeekdaySet};

/// No run of days off is longer; also where every day would be off.
const LONGEST_BREAK: u32 = 400;

/// Which days are working days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    weekend: WeekdaySet,
    holidays: BTreeSet<NaiveDate>,
    working_days: BTreeSet<NaiveDate>,
    longest_break: u32,
}

/// Saturday and Sunday off, and no holiday.
pub(super) static WEEKENDS: Calendar = Calendar {
    weekend: WeekdaySet::from_array([Weekday::Sat, Weekday::Sun]),
    holidays: BTreeSet::new(),
    working_days: BTreeSet::new(),
    longest_break: 2,
};

impl Calendar {
    /// Off are the weekend, at most six days of the week, and the holidays, but for `working_days`: days on which a
    /// holiday is made up for (调休).
    #[must_use]
    pub fn new(weekend: WeekdaySet, holidays: BTreeSet<NaiveDate>, working_days: BTreeSet<NaiveDate>) -> Self {
        let mut calendar = Self { weekend, holidays, working_days, longest_break: 0 };
        let any_week = (0..7).filter_map(|days| NaiveDate::default().checked_add_days(Days::new(days)));
        let starts = calendar.holidays.iter().copied().chain(any_week).filter(|day| !calendar.is_working_day(*day));
        let lengths = starts.map(|day| {
            (calendar.next_working_day(day) - calendar.previous_working_day(day)).num_days().unsigned_abs() - 1
        });
        calendar.longest_break = lengths.max().and_then(|longest| u32::try_from(longest).ok()).unwrap_or_default();
        calendar
    }

    /// Whether people work that day.
    #[must_use]
    pub fn is_working_day(&self, day: NaiveDate) -> bool {
        let off = self.weekend.contains(day.weekday()) || self.holidays.contains(&day);
        !off || self.working_days.contains(&day)
    }

    /// That day, or the first working day after it.
    #[must_use]
    pub fn next_working_day(&self, day: NaiveDate) -> NaiveDate {
        day.iter_days().take(LONGEST_BREAK as usize).find(|day| self.is_working_day(*day)).unwrap_or(day)
    }

    /// That day, or the last working day before it.
    #[must_use]
    pub fn previous_working_day(&self, day: NaiveDate) -> NaiveDate {
        let back = std::iter::successors(Some(day), NaiveDate::pred_opt);
        back.take(LONGEST_BREAK as usize).find(|day| self.is_working_day(*day)).unwrap_or(day)
    }

    /// The most days off in a row.
    #[must_use]
    pub fn longest_break(&self) -> u32 {
        self.longest_break
    }

    /// The last day that it names; `None` if it knows weekends only.
    #[must_use]
    pub fn last_named(&self) -> Option<NaiveDate> {
        self.holidays.last().max(self.working_days.last()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::{Calendar, WEEKENDS};
    use chrono::{NaiveDate, Weekday, WeekdaySet};
    use rstest::rstest;

    /// The Chinese National Day of 2026 as announced: off from 1 to 7 October, made up for on 20 September and 10
    /// October.
    fn china() -> Calendar {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let holidays = day("2026-10-01").iter_days().take(7).collect();
        let weekend = WeekdaySet::from_array([Weekday::Sat, Weekday::Sun]);
        Calendar::new(weekend, holidays, [day("2026-09-20"), day("2026-10-10")].into())
    }

    #[rstest]
    #[case::a_plain_day("2026-09-23", "2026-09-23", "2026-09-23")]
    #[case::a_plain_weekend("2026-09-26", "2026-09-28", "2026-09-25")]
    #[case::a_sunday_that_is_worked("2026-09-20", "2026-09-20", "2026-09-20")]
    #[case::the_holiday("2026-10-03", "2026-10-08", "2026-09-30")]
    #[case::a_saturday_that_is_worked("2026-10-10", "2026-10-10", "2026-10-10")]
    fn days_off_move_to_working_days(#[case] day: NaiveDate, #[case] next: NaiveDate, #[case] previous: NaiveDate) {
        assert_eq!((china().next_working_day(day), china().previous_working_day(day)), (next, previous));
    }

    #[test]
    fn the_longest_break_is_known() {
        assert_eq!(china().longest_break(), 7);
        let plain = Calendar::new(WeekdaySet::from_array([Weekday::Sat, Weekday::Sun]), [].into(), [].into());
        assert_eq!(plain, WEEKENDS);
    }
}
