//! Cron schedules in a time zone.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use chrono::{
    DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, SubsecRound, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

use super::to_utc;

/// Why a text is no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Too few or too many fields.
    #[error(
        "has {0} fields; write five, minute hour day month weekday, for example \"*/15 * * * *\", or six with seconds \
         before them"
    )]
    Fields(usize),
    /// A field that is not understood.
    #[error("the {field} field {text:?} {problem}")]
    Field {
        /// The name of the field.
        field: &'static str,
        /// Its text.
        text: String,
        /// The problem, and the remedy.
        problem: String,
    },
    /// A day that no year has, such as 31 February.
    #[error("never comes: no year has such a day; write another day or month")]
    Never,
}

/// When something recurs, by a cron expression in a time zone.
///
/// Five fields (minute, hour, day of month, month, weekday) or six (seconds before them); `*`, lists, ranges, `/` steps
/// after `*` or a range, and English names of months and weekdays. Weekdays are the standard ones: 0 and 7 are Sunday,
/// 1 is Monday. Where day of month **and** weekday are restricted, both must hold: `0 9 1-7 * MON` is the first Monday
/// of the month.
///
/// A local time that a change of clocks leaves out comes at the first instant after the gap. One that a change of
/// clocks repeats comes the first time only, if the hour field names hours; a schedule for all hours of the day (`*`,
/// `*/2`, `0-23`) is an interval, goes by real time, and comes both times: else nothing would happen for an hour.
#[derive(Debug, Clone)]
pub struct Schedule {
    expression: String,
    zone: Tz,
    /// Asked in local time that is passed off as UTC: the crate loses or repeats hours where clocks change.
    local_times: cron::Schedule,
    /// Whether repeated local times come both times.
    is_interval: bool,
}

impl Schedule {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`ScheduleError`], also for what never comes.
    pub fn new(expression: &str, zone: Tz) -> Result<Self, ScheduleError> {
        let mut texts: Vec<_> = expression.split_whitespace().collect();
        match texts.len() {
            5 => texts.insert(0, "0"),
            6 => {}
            count => return Err(ScheduleError::Fields(count)),
        }
        let fields = texts.iter().zip(&FIELDS).map(|(text, field)| field.read(text)).collect::<Result<Vec<_>, _>>()?;
        let local_times = fields.join(" ").parse::<cron::Schedule>().map_err(|_| ScheduleError::Never)?;
        // From a fixed day, so that an expression is sound or not whatever the date.
        let some_day = NaiveDate::default().and_time(NaiveTime::MIN).and_utc();
        if local_times.after(&some_day).next().is_none() {
            return Err(ScheduleError::Never);
        }
        Ok(Self { expression: expression.to_owned(), zone, local_times, is_interval: goes_round_the_clock(texts[2]) })
    }

    /// The first time after `instant`; `None` when there is none until the year 2100.
    #[must_use]
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = instant.with_timezone(&self.zone).naive_local();
        // Local times come in the order of their instants, so those before `local` are past. Of those after it, the
        // ones that a change of clocks repeats may be past as well.
        let later = self.local_times.after(&local.and_utc()).map(|time| to_utc(self.zone, time.naive_utc()));
        let next = later.into_iter().find(|time| *time > instant);
        match self.next_repeated(instant, local) {
            Some(repeated) => Some(next.map_or(repeated, |next| next.min(repeated))),
            None => next,
        }
    }

    /// The first time after `instant`, which reads `local`, that is the second of a repeated local time. Only while
    /// clocks repeat an hour: of one that lies ahead as a whole, the first of each two comes before.
    fn next_repeated(&self, instant: DateTime<Utc>, local: NaiveDateTime) -> Option<DateTime<Utc>> {
        let LocalResult::Ambiguous(first, second) = self.zone.from_local_datetime(&local) else { return None };
        if !self.is_interval {
            return None;
        }
        // Where the search begins: right after a reading of the second pass, which starts anew at the change.
        let read = if instant < second.with_timezone(&Utc) {
            let change = change_of_clocks(self.zone, first.with_timezone(&Utc), second.with_timezone(&Utc));
            change.with_timezone(&self.zone).naive_local() - TimeDelta::seconds(1)
        } else {
            local
        };
        let time = self.local_times.after(&read.and_utc()).next()?.naive_utc();
        let latest = self.zone.from_local_datetime(&time).latest().map(|time| time.with_timezone(&Utc));
        latest.filter(|time| *time > instant)
    }

    /// The expression as it was written.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Where its times hold.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }
}

/// Whether an hour field means all hours of the day or every so many of them.
fn goes_round_the_clock(hours: &str) -> bool {
    let range = |item: &'static str| move |text: &str| text == item || text.starts_with(&format!("{item}/"));
    let whole_day = [range("*"), range("0-23"), range("00-23")];
    let items: Vec<_> = hours.split(',').collect();
    let covered: BTreeSet<u32> = items.iter().filter_map(|item| FIELDS[2].item(item).ok()).flatten().collect();
    covered.len() == 24 || items.iter().any(|item| whole_day.iter().any(|is| is(item)))
}

/// The first instant after `before` at which clocks read as they do at `after`. One change lies between the two.
fn change_of_clocks(zone: Tz, before: DateTime<Utc>, after: DateTime<Utc>) -> DateTime<Utc> {
    let offset = |instant: DateTime<Utc>| zone.offset_from_utc_datetime(&instant.naive_utc()).fix();
    let (mut before, mut changed) = (before.trunc_subsecs(0), after);
    while changed - before > TimeDelta::seconds(1) {
        let middle = (before + (changed - before) / 2).trunc_subsecs(0);
        if offset(middle) == offset(after) { changed = middle } else { before = middle }
    }
    changed
}

/// The possible values of one field of an expression.
struct Field {
    name: &'static str,
    values: RangeInclusive<u32>,
    /// Names, the first of which stands for the first of `values`.
    names: &'static [&'static str],
    /// Converts a value to the crate's numbering.
    for_crate: fn(u32) -> u32,
}

const FIELDS: [Field; 6] = [
    Field { name: "second", values: 0..=59, names: &[], for_crate: same },
    Field { name: "minute", values: 0..=59, names: &[], for_crate: same },
    Field { name: "hour", values: 0..=23, names: &[], for_crate: same },
    Field { name: "day", values: 1..=31, names: &[], for_crate: same },
    Field {
        name: "month",
        values: 1..=12,
        names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        for_crate: same,
    },
    Field {
        name: "weekday",
        values: 0..=7,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        for_crate: counted_from_sunday,
    },
];

fn same(value: u32) -> u32 {
    value
}

/// For the crate 1 is Sunday and 7 is Saturday.
fn counted_from_sunday(weekday: u32) -> u32 {
    weekday % 7 + 1
}

impl Field {
    /// The field as the crate takes it: every value by itself.
    fn read(&self, text: &str) -> Result<String, ScheduleError> {
        let wrong = |problem| ScheduleError::Field { field: self.name, text: text.to_owned(), problem };
        if text == "*" || (text == "?" && matches!(self.name, "day" | "weekday")) {
            return Ok("*".to_owned());
        }
        let mut values = BTreeSet::new();
        for item in text.split(',') {
            values.extend(self.item(item).map_err(wrong)?.into_iter().map(self.for_crate));
        }
        let values: Vec<_> = values.into_iter().map(|value| value.to_string()).collect();
        Ok(values.join(","))
    }

    /// `*`, `a`, `a-b`, `*/n` or `a-b/n`.
    fn item(&self, item: &str) -> Result<Vec<u32>, String> {
        let (range, step) = match item.split_once('/') {
            None => (item, None),
            Some((range, step)) => (range, Some(self.step(step)?)),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (*self.values.start(), *self.values.end()),
            None if step.is_some() => {
                return Err(format!("steps from a single value; write {range}-{}/…", self.values.end()));
            }
            None => {
                let value = self.value(range)?;
                (value, value)
            }
            Some((first, last)) => (self.value(first)?, self.value(last)?),
        };
        // Sunday ends a week as well as it begins one.
        let last = if self.name == "weekday" && last == 0 && first > 0 { 7 } else { last };
        if last < first {
            return Err("runs backwards; write two ranges with a comma between them".to_owned());
        }
        Ok((first..=last).step_by(step.unwrap_or(1)).collect())
    }

    fn step(&self, text: &str) -> Result<usize, String> {
        let longest = self.values.end() - self.values.start();
        let step = number(text).filter(|step| (1..=longest).contains(step));
        let step = step.ok_or_else(|| format!("steps by what is no number from 1 to {longest}"))?;
        Ok(usize::try_from(step).unwrap_or(usize::MAX))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let named = self.names.iter().zip(self.values.clone()).find(|(name, _)| name.eq_ignore_ascii_case(text));
        let value = named.map(|(_, value)| value).or_else(|| number(text)).filter(|value| self.values.contains(value));
        value.ok_or_else(|| {
            let names = match self.names {
                [first, .., last] => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            let (first, last) = (self.values.start(), self.values.end());
            format!(
                "is not understood; write {first} to {last}{names}, with , - * and / (L, W and # are not known here)"
            )
        })
    }
}

/// Digits only: `parse` alone would take "+5".
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::{Schedule, ScheduleError};
    use chrono::{DateTime, TimeDelta, Utc};
    use chrono_tz::Tz;
    use croner::parser::{CronParser, Seconds, Year};
    use proptest::prelude::*;
    use rstest::rstest;

    fn times(expression: &str, zone: Tz, after: &str, count: usize) -> Vec<String> {
        let schedule = Schedule::new(expression, zone).expect("the expression is sound");
        let after: DateTime<Utc> = after.parse().expect("the time is one");
        let next = |time: &DateTime<Utc>| schedule.next_after(*time);
        let found = std::iter::successors(schedule.next_after(after), next).take(count);
        found.map(|time| time.with_timezone(&zone).format("%F %T %:z").to_string()).collect()
    }

    #[rstest]
    #[case::five_fields("30 9 * * *", "2026-11-22T01:30:00Z", "2026-11-23 09:30:00")]
    #[case::six_fields("15 30 9 * * *", "2026-11-22T01:30:00Z", "2026-11-22 09:30:15")]
    #[case::within_a_second("0 * * * * *", "2026-11-22T00:00:59.999999Z", "2026-11-22 08:01:00")]
    #[case::monday_is_1("0 9 * * 1", "2026-11-22T12:00:00Z", "2026-11-23 09:00:00")]
    #[case::sunday_is_0("0 9 * * 0", "2026-11-22T12:00:00Z", "2026-11-29 09:00:00")]
    #[case::sunday_is_7("0 9 * * 7", "2026-11-22T12:00:00Z", "2026-11-29 09:00:00")]
    #[case::a_week_may_end_on_sunday("0 9 * * sat-sun", "2026-11-22T12:00:00Z", "2026-11-28 09:00:00")]
    #[case::names("0 9 * JAN Mon-Fri", "2026-11-22T12:00:00Z", "2027-01-01 09:00:00")]
    #[case::both_days_must_hold("0 9 1-7 * MON", "2026-11-22T12:00:00Z", "2026-12-07 09:00:00")]
    #[case::lists_and_steps("5,50-58/4 * * * ?", "2026-11-22T12:06:00Z", "2026-11-22 20:50:00")]
    #[case::leap_day("0 9 29 2 *", "2026-11-22T12:00:00Z", "2028-02-29 09:00:00")]
    fn an_expression_means_what_the_standard_says(#[case] cron: &str, #[case] after: &str, #[case] next: &str) {
        assert_eq!(times(cron, Tz::Asia__Shanghai, after, 1), [format!("{next} +08:00")]);
    }

    #[rstest]
    #[case::too_few("* * * *", "has 4 fields")]
    #[case::years("0 0 9 * * * 2027", "has 7 fields")]
    #[case::nickname("@daily", "has 1 fields")]
    #[case::last_day("0 9 L * *", r#"the day field "L" is not understood; write 1 to 31, with , - * and /"#)]
    #[case::nearest_weekday("0 9 15W * *", "the day field")]
    #[case::second_friday(
        "0 9 * * FRI#2",
        r#"the weekday field "FRI#2" is not understood; write 0 to 7 or SUN to SAT"#
    )]
    #[case::out_of_range("60 9 * * *", r#"the minute field "60" is not understood; write 0 to 59"#)]
    #[case::eighth_day("0 9 * * 8", "the weekday field")]
    #[case::backwards("0 22-6 * * *", "runs backwards")]
    #[case::step_of_nothing("*/0 * * * *", "steps by what is no number from 1 to 59")]
    #[case::step_too_far("*/90 * * * *", "steps by what is no number from 1 to 59")]
    #[case::step_from_one("5/15 * * * *", "steps from a single value; write 5-59/")]
    #[case::sign("+5 * * * *", "the minute field")]
    #[case::nothing_in_a_list("5, * * * *", "the minute field")]
    #[case::no_such_day("0 0 31 2 *", "never comes")]
    #[case::no_such_day_of_four_months("0 0 31 2,4,6,9,11 *", "never comes")]
    fn what_is_no_schedule_is_refused_and_says_why(#[case] expression: &str, #[case] told: &str) {
        let error = Schedule::new(expression, Tz::UTC).expect_err("it is no schedule");
        assert!(error.to_string().contains(told), "{error}");
        assert_eq!(error == ScheduleError::Never, told == "never comes");
    }

    #[rstest]
    #[case::gap_daily("30 2 * * *", "Europe/Berlin", "2027-03-27T02:00:00Z",
        &["2027-03-28 03:00:00 +02:00", "2027-03-29 02:30:00 +02:00"])]
    #[case::gap_collapses("*/20 2-3 * * *", "Europe/Berlin", "2027-03-28T00:00:00Z",
        &["2027-03-28 03:00:00 +02:00", "2027-03-28 03:20:00 +02:00"])]
    #[case::gap_at_midnight("0 0 * * *", "America/Santiago", "2026-09-05T12:00:00Z",
        &["2026-09-06 01:00:00 -03:00", "2026-09-07 00:00:00 -03:00"])]
    #[case::gap_of_a_day("0 10 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z",
        &["2011-12-29 10:00:00 -10:00", "2011-12-31 00:00:00 +14:00", "2011-12-31 10:00:00 +14:00"])]
    #[case::fold_daily("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z",
        &["2026-10-25 02:30:00 +02:00", "2026-10-26 02:30:00 +01:00"])]
    #[case::fold_from_between("30 2 * * *", "Europe/Berlin", "2026-10-25T01:15:00Z", &["2026-10-26 02:30:00 +01:00"])]
    #[case::fold_of_some_hours("*/30 1-2 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z",
        &["2026-10-25 02:30:00 +02:00", "2026-10-26 01:00:00 +01:00"])]
    #[case::fold_of_listed_hours("0 2,14 * * *", "Europe/Berlin", "2026-10-24T13:00:00Z",
        &["2026-10-25 02:00:00 +02:00", "2026-10-25 14:00:00 +01:00"])]
    #[case::fold_of_half_an_hour("45 1 * * *", "Australia/Lord_Howe", "2027-04-03T00:00:00Z",
        &["2027-04-04 01:45:00 +11:00", "2027-04-05 01:45:00 +10:30"])]
    fn a_change_of_clocks_neither_drops_nor_repeats(
        #[case] expression: &str,
        #[case] zone: Tz,
        #[case] after: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(times(expression, zone, after, expected.len()), expected);
    }

    #[rstest]
    #[case::quarters("*/15 * * * *", "America/New_York", "2027-11-07T05:50:00Z",
        &["01:00:00 -05:00", "01:15:00 -05:00", "01:30:00 -05:00", "01:45:00 -05:00", "02:00:00 -05:00"])]
    #[case::before_it("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z",
        &["02:00:00 +02:00", "02:30:00 +02:00", "02:00:00 +01:00", "02:30:00 +01:00", "03:00:00 +01:00"])]
    #[case::once_an_hour("5 * * * *", "America/New_York", "2027-11-07T04:59:00Z",
        &["01:05:00 -04:00", "01:05:00 -05:00", "02:05:00 -05:00"])]
    #[case::from_within_the_first("50 * * * *", "Europe/Berlin", "2026-10-25T00:55:00.5Z", &["02:50:00 +01:00"])]
    #[case::from_within_the_second("50 * * * *", "Europe/Berlin", "2026-10-25T01:49:59.5Z",
        &["02:50:00 +01:00", "03:50:00 +01:00"])]
    #[case::half_an_hour("*/15 * * * *", "Australia/Lord_Howe", "2027-04-03T14:20:00Z",
        &["01:30:00 +11:00", "01:45:00 +11:00", "01:30:00 +10:30", "01:45:00 +10:30", "02:00:00 +10:30"])]
    #[case::the_half_hour_that_is_not_repeated("10 * * * *", "Australia/Lord_Howe", "2027-04-03T14:00:00Z",
        &["01:10:00 +11:00", "02:10:00 +10:30"])]
    #[case::ramadan("*/30 * * * *", "Africa/Casablanca", "2026-02-15T01:20:00Z",
        &["02:30:00 +01:00", "02:00:00 +00:00", "02:30:00 +00:00", "03:00:00 +00:00"])]
    #[case::two_hours("0 * * * *", "Antarctica/Troll", "2026-10-24T23:30:00Z",
        &["02:00:00 +02:00", "01:00:00 +00:00", "02:00:00 +00:00", "03:00:00 +00:00"])]
    #[case::every_second_hour("0 */2 * * *", "Europe/Berlin", "2026-10-24T23:00:00Z",
        &["02:00:00 +02:00", "02:00:00 +01:00", "04:00:00 +01:00"])]
    #[case::a_range_for_a_star("0 0-23 * * \
        *", "Europe/Berlin", "2026-10-25T00:00:00Z", &["02:00:00 +01:00", "03:00:00 +01:00"])]
    #[case::seconds("*/20 59 * * * *", "Europe/Berlin", "2026-10-25T00:59:40Z",
        &["02:59:00 +01:00", "02:59:20 +01:00", "02:59:40 +01:00", "03:59:00 +01:00"])]
    fn an_interval_comes_in_both_of_the_hours_that_clocks_repeat(
        #[case] expression: &str,
        #[case] zone: Tz,
        #[case] after: &str,
        #[case] expected: &[&str],
    ) {
        let found = times(expression, zone, after, expected.len());
        let found: Vec<_> = found.iter().filter_map(|time| time.split_once(' ')).map(|(_, time)| time).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn after_the_calendar_of_the_crate_there_is_none() {
        let schedule = Schedule::new("0 9 * * *", Tz::UTC).expect("the expression is sound");
        assert_eq!(schedule.next_after(DateTime::<Utc>::MAX_UTC - TimeDelta::days(2)), None);
    }

    /// A field: single values, ranges, steps and lists within `first..=last`.
    fn field(first: u32, last: u32) -> impl Strategy<Value = String> {
        let value = first..=last;
        let range = (value.clone(), value.clone()).prop_map(|(a, b)| (a.min(b), a.max(b)));
        let item = prop_oneof![
            3 => value.prop_map(|value| value.to_string()),
            1 => range.clone().prop_map(|(a, b)| format!("{a}-{b}")),
            1 => (range, 1..=last - first).prop_map(|((a, b), step)| format!("{a}-{b}/{step}")),
            1 => (1..=last - first).prop_map(|step| format!("*/{step}")),
        ];
        prop_oneof![1 => Just("*".to_owned()), 2 => prop::collection::vec(item, 1..3).prop_map(|items| items.join(","))]
    }

    fn expression(
        minute: impl Strategy<Value = String>,
        hour: impl Strategy<Value = String>,
    ) -> impl Strategy<Value = String> {
        (field(0, 59), minute, hour, field(1, 31), field(1, 12), field(0, 7)).prop_map(
            |(second, minute, hour, day, month, weekday)| format!("{second} {minute} {hour} {day} {month} {weekday}"),
        )
    }

    /// From 2000 to 2040.
    fn instant() -> impl Strategy<Value = DateTime<Utc>> {
        (946_684_800_i64..2_208_988_800).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap_or_default())
    }

    fn oracle(expression: &str, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).dom_and_dow(true).build();
        let cron = parser.parse(expression).expect("croner takes what we take");
        cron.find_next_occurrence(&after.with_timezone(&zone), false).ok().map(|time| time.with_timezone(&Utc))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

        /// Where clocks never change, every expression agrees with the oracle.
        #[test]
        fn without_changes_of_clocks_it_agrees_with_croner(
            expression in expression(field(0, 59), field(0, 23)),
            after in instant(),
        ) {
            for zone in [Tz::UTC, Tz::Asia__Shanghai, Tz::Asia__Kathmandu] {
                match Schedule::new(&expression, zone) {
                    Ok(schedule) => prop_assert_eq!(schedule.next_after(after), oracle(&expression, zone, after)),
                    Err(error) => {
                        prop_assert_eq!(error, ScheduleError::Never);
                        prop_assert_eq!(oracle(&expression, zone, after), None);
                    }
                }
            }
        }

        /// Where clocks are put back, croner has the same rule for schedules of all hours.
        #[test]
        fn when_clocks_are_put_back_it_agrees_with_croner_on_intervals(
            (second, minute) in (field(0, 59), field(0, 59)),
            hour in prop::sample::select(vec!["*", "*/2", "*/3"]),
            (change, zone) in prop::sample::select(vec![
                ("2026-10-25T01:00:00Z", Tz::Europe__Berlin),
                ("2027-11-07T06:00:00Z", Tz::America__New_York),
                ("2027-04-03T15:00:00Z", Tz::Australia__Lord_Howe),
                ("2026-02-15T02:00:00Z", Tz::Africa__Casablanca),
            ]),
            milliseconds in -7_200_000_i64..7_200_000,
        ) {
            let after = change.parse::<DateTime<Utc>>().expect("an instant") + TimeDelta::milliseconds(milliseconds);
            let expression = format!("{second} {minute} {hour} * * *");
            let schedule = Schedule::new(&expression, zone).expect("the expression is sound");
            prop_assert_eq!(schedule.next_after(after), oracle(&expression, zone, after), "{} in {}", expression, zone);
        }

        /// Where clocks change, croner has the same rules for expressions that name one time of day.
        #[test]
        fn with_changes_of_clocks_it_agrees_with_croner_on_times_of_day(
            (second, minute, hour) in (0_u32..60, 0_u32..60, 0_u32..24),
            weekday in field(0, 7),
            after in instant(),
            near_a_change in prop::sample::select(vec![None, Some("2026-10-25T00:00:00Z"), Some("2027-03-28T00:00:00Z")]),
        ) {
            let change = near_a_change.and_then(|change| change.parse::<DateTime<Utc>>().ok());
            let after = change.map_or(after, |change| change + TimeDelta::seconds(after.timestamp() % 7200));
            let expression = format!("{second} {minute} {hour} * * {weekday}");
            for zone in [Tz::Europe__Berlin, Tz::Australia__Sydney] {
                let schedule = Schedule::new(&expression, zone).expect("the expression is sound");
                prop_assert_eq!(schedule.next_after(after), oracle(&expression, zone, after), "{} in \
                    {}", expression, zone);
            }
        }
    }
}
