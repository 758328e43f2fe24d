//! The hours of customer service, as a language writes them.

use std::collections::BTreeMap;

use chrono::{NaiveDate, NaiveTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use serde::Deserialize;

use super::LocaleFile;
use crate::domain::{Locale, OpenSpan, SupportDays, SupportHours};

/// How a language writes opening hours.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoursForm {
    /// Spans of the same days: `{days}`, `{times}`.
    form: String,
    /// A span of a day: `{from}`, `{to}`.
    times: String,
    /// A whole day.
    around_the_clock: String,
    /// The whole with the time zone, for readers in another one: `{hours}`, `{zone}`.
    with_zone: String,
    /// The days of the week, from Monday.
    days: [String; 7],
    /// All days of the week.
    daily: String,
    /// Days that follow one another: `{first}`, `{last}`.
    span: String,
    /// Between spans of days, and between spans of hours.
    comma: String,
    /// A time: `{hour}` (0 to 23), `{hour12}` (12, 1 to 11), `{minute}`, `{half}`.
    time: String,
    /// A time on the hour.
    time_on_the_hour: String,
    /// The two halves of a day: what `{half}` stands for.
    halves: [String; 2],
    /// The names of time zones. One that has none is written as UTC+8.
    zones: BTreeMap<String, String>,
}

/// Opening hours as a page or message in that language writes them to a reader in `reader_zone`.
#[must_use]
pub fn hours_text(locale: &Locale, hours: &SupportHours, reader_zone: Tz, today: NaiveDate) -> String {
    LocaleFile::of(locale).hours.text(hours, reader_zone, today)
}

impl HoursForm {
    pub(super) fn text(&self, hours: &SupportHours, reader_zone: Tz, today: NaiveDate) -> String {
        // The spans of each choice of days, in the order in which they are first named.
        let mut groups: Vec<(SupportDays, Vec<&OpenSpan>)> = Vec::new();
        for span in &hours.spans {
            match groups.iter_mut().find(|(days, _)| *days == span.days) {
                Some((_, spans)) => spans.push(span),
                None => groups.push((span.days, vec![span])),
            }
        }
        if let [(SupportDays::ALL, spans)] = &*groups
            && spans.iter().all(|span| span.is_around_the_clock())
        {
            return self.around_the_clock.clone();
        }
        let group = |(days, spans): &(SupportDays, Vec<&OpenSpan>)| {
            let times = spans.iter().map(|span| self.times(span)).collect::<Vec<_>>().join(&self.comma);
            self.form.replace("{days}", &self.days(*days)).replace("{times}", &times)
        };
        let text = groups.iter().map(group).collect::<Vec<_>>().join(&self.comma);
        if utc_offset(hours.zone, today) == utc_offset(reader_zone, today) {
            return text;
        }
        self.with_zone.replace("{hours}", &text).replace("{zone}", &self.zone(hours.zone, today))
    }

    fn times(&self, span: &OpenSpan) -> String {
        if span.is_around_the_clock() {
            return self.around_the_clock.clone();
        }
        let (from, to) = (self.time(span.from, span.from.hour()), self.time(span.to, end_hour(span.to)));
        // "1-6 PM"; but "12 AM-6 AM" and "9 PM-12 AM", whose noon or midnight the half tells.
        let half = &self.halves[usize::from(span.from.hour12().0)];
        let is_of_one_half = span.from.hour12().0 == span.to.hour12().0 && span.from < span.to;
        let from = match from.strip_suffix(half.as_str()) {
            Some(bare) if is_of_one_half && span.from.hour12().1 != 12 => bare.trim_end().to_owned(),
            _ => from,
        };
        self.times.replace("{from}", &from).replace("{to}", &to)
    }

    fn days(&self, days: SupportDays) -> String {
        if days == SupportDays::ALL {
            return self.daily.clone();
        }
        let span = |(first, last): (usize, usize)| {
            if first == last {
                return self.days[first].clone();
            }
            self.span.replace("{first}", &self.days[first]).replace("{last}", &self.days[last])
        };
        days.spans().into_iter().map(span).collect::<Vec<_>>().join(&self.comma)
    }

    /// A time whose hour is written so where there are 24.
    fn time(&self, time: NaiveTime, hour: u32) -> String {
        let form = if time.minute() == 0 { &self.time_on_the_hour } else { &self.time };
        let (is_pm, hour12) = time.hour12();
        form.replace("{hour}", &hour.to_string())
            .replace("{hour12}", &hour12.to_string())
            .replace("{minute}", &format!("{:02}", time.minute()))
            .replace("{half}", &self.halves[usize::from(is_pm)])
    }

    fn zone(&self, zone: Tz, today: NaiveDate) -> String {
        if let Some(name) = self.zones.get(zone.name()) {
            return name.clone();
        }
        let minutes = utc_offset(zone, today) / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        match (minutes.abs() / 60, minutes.abs() % 60) {
            (hours, 0) => format!("UTC{sign}{hours}"),
            (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
        }
    }
}

/// The hour of the end of a span, 1 to 24.
fn end_hour(time: NaiveTime) -> u32 {
    if time == NaiveTime::MIN { 24 } else { time.hour() }
}

/// Seconds east of UTC at noon of a day.
fn utc_offset(zone: Tz, day: NaiveDate) -> i32 {
    let noon = day.and_time(NaiveTime::MIN) + chrono::TimeDelta::hours(12);
    zone.offset_from_utc_datetime(&noon).fix().local_minus_utc()
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use chrono_tz::Tz;
    use rstest::rstest;

    use super::hours_text;
    use crate::domain::Locale;

    #[rstest]
    #[case::every_day("zh-CN", "daily 09:00-21:00 Asia/Shanghai", "Asia/Shanghai", "每天9:00–21:00")]
    #[case::days("zh-CN", "mon-fri 09:00-18:30 Asia/Shanghai", "Asia/Singapore", "周一至周五9:00–18:30")]
    #[case::elsewhere(
        "zh-CN",
        "mon-fri 09:00-17:00 America/New_York",
        "Asia/Shanghai",
        "周一至周五9:00–17:00，美东时间"
    )]
    #[case::spans("en-US", "mon-fri,sun 09:00-17:30 America/New_York", "America/New_York", "Mon-Fri, Sun 9 AM-5:30 PM")]
    #[case::two(
        "zh-CN",
        "mon-fri 09:00-18:00; sat 10:00-14:00 Asia/Shanghai",
        "Asia/Shanghai",
        "周一至周五9:00–18:00、周六10:00–14:00"
    )]
    #[case::around_the_clock("en-US", "daily 00:00-24:00 America/New_York", "Asia/Shanghai", "24 hours")]
    #[case::around_the_clock("en-GB", "mon-fri 00:00-24:00 Europe/London", "Europe/London", "Mon-Fri 24 hours")]
    #[case::around_the_clock("zh-CN", "daily 00:00-24:00 Asia/Shanghai", "Asia/Shanghai", "全天")]
    #[case::around_the_clock("zh-TW", "mon-fri 00:00-24:00 Asia/Taipei", "Asia/Taipei", "週一至週五全天")]
    #[case::lunch(
        "en-US",
        "mon-fri 09:00-12:00; mon-fri 13:00-18:00 America/New_York",
        "America/New_York",
        "Mon-Fri 9 AM-12 PM, 1-6 PM"
    )]
    #[case::lunch(
        "en-GB",
        "mon-fri 09:00-11:30; sat 10:00-11:00; mon-fri 12:00-18:00 Europe/London",
        "Europe/London",
        "Mon-Fri 9-11:30am, 12pm-6pm, Sat 10-11am"
    )]
    #[case::lunch(
        "zh-CN",
        "mon-fri 09:00-12:00; mon-fri 13:00-18:00 Asia/Shanghai",
        "America/New_York",
        "周一至周五9:00–12:00、13:00–18:00，北京时间"
    )]
    #[case::lunch(
        "zh-TW",
        "daily 09:00-12:00; daily 13:30-24:00 Asia/Taipei",
        "Asia/Taipei",
        "每日9:00–12:00、13:30–24:00"
    )]
    #[case::us("en-US", "daily 09:00-00:00 America/New_York", "America/Chicago", "daily 9 AM-12 AM Eastern Time")]
    #[case::britain("en-GB", "mon-sat 08:30-20:00 Europe/London", "Europe/London", "Mon-Sat 8:30am-8pm")]
    #[case::no_name("en-GB", "daily 09:00-20:00 Asia/Kathmandu", "Europe/London", "daily 9am-8pm UTC+5:45")]
    fn hours_read_as_in_the_language(#[case] tag: &str, #[case] hours: &str, #[case] reader: Tz, #[case] text: &str) {
        let today = NaiveDate::from_ymd_opt(2026, 11, 25).expect("a date");
        let locale = Locale::new(tag).expect("a tag");
        assert_eq!(hours_text(&locale, &hours.parse().expect("hours"), reader, today), text);
    }
}
