//! When customer service answers: days of the week, spans of the day, and the time zone that all are in.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveTime, Timelike, Weekday};
use chrono_tz::Tz;

/// Advice for hours that were not understood.
pub const SUPPORT_HOURS_FORM: &str = "mon-fri 09:00-21:00 Asia/Shanghai";

/// When customer service answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportHours {
    /// The spans, at least one, in the order in which a message lists them.
    pub spans: Vec<OpenSpan>,
    /// The time zone of all of them.
    pub zone: Tz,
}

/// A span of the day on some days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSpan {
    /// On which days.
    pub days: SupportDays,
    /// From when.
    pub from: NaiveTime,
    /// Until when; 00:00 is the end of the day.
    pub to: NaiveTime,
}

/// Days of the week, one at least.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SupportDays(u8);

/// A text that does not name hours or days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("names no hours, or some twice; write for example {SUPPORT_HOURS_FORM}")]
pub struct SupportHoursError;

const DAYS: [(Weekday, &str); 7] = [
    (Weekday::Mon, "mon"),
    (Weekday::Tue, "tue"),
    (Weekday::Wed, "wed"),
    (Weekday::Thu, "thu"),
    (Weekday::Fri, "fri"),
    (Weekday::Sat, "sat"),
    (Weekday::Sun, "sun"),
];

impl SupportDays {
    /// Every day of the week.
    pub const ALL: Self = Self(0b111_1111);

    /// The spans of days that follow one another, each from its first to its last day; Monday is 0.
    #[must_use]
    pub fn spans(self) -> Vec<(usize, usize)> {
        let mut spans: Vec<(usize, usize)> = Vec::new();
        for day in (0..DAYS.len()).filter(|day| self.0 & (1 << day) != 0) {
            match spans.last_mut() {
                Some((_, last)) if *last + 1 == day => *last = day,
                _ => spans.push((day, day)),
            }
        }
        spans
    }
}

impl FromStr for SupportDays {
    type Err = SupportHoursError;

    /// `daily`, or days and spans of days with commas between: `mon-fri,sun`.
    fn from_str(text: &str) -> Result<Self, SupportHoursError> {
        if text.eq_ignore_ascii_case("daily") {
            return Ok(Self::ALL);
        }
        let day = |name: &str| DAYS.iter().position(|(_, known)| known.eq_ignore_ascii_case(name.trim()));
        let mut days = 0;
        for span in text.split(',') {
            let (first, last) = span.split_once('-').unwrap_or((span, span));
            let (Some(first), Some(last)) = (day(first), day(last)) else { return Err(SupportHoursError) };
            if last < first {
                return Err(SupportHoursError);
            }
            days |= (first..=last).map(|day| 1 << day).sum::<u8>();
        }
        Ok(Self(days))
    }
}

impl fmt::Display for SupportDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("daily");
        }
        for (at, (first, last)) in self.spans().into_iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let (first, last) = (DAYS[first].1, DAYS[last].1);
            if first == last { write!(f, "{comma}{first}")? } else { write!(f, "{comma}{first}-{last}")? }
        }
        Ok(())
    }
}

impl fmt::Debug for SupportDays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SupportDays({self})")
    }
}

impl FromStr for SupportHours {
    type Err = SupportHoursError;

    /// Spans with semicolons between, and the time zone: `mon-fri 09:00-18:00; sat 10:00-14:00 Asia/Shanghai`.
    fn from_str(text: &str) -> Result<Self, SupportHoursError> {
        let (spans, zone) = text.trim().rsplit_once(char::is_whitespace).ok_or(SupportHoursError)?;
        let zone = zone.parse().map_err(|_| SupportHoursError)?;
        let spans: Vec<OpenSpan> = spans.split(';').map(str::parse).collect::<Result<_, _>>()?;
        match overlap(&spans) {
            None => Ok(Self { spans, zone }),
            Some(_) => Err(SupportHoursError),
        }
    }
}

impl FromStr for OpenSpan {
    type Err = SupportHoursError;

    /// Days and a span of the day with a space between: `mon-fri 09:00-18:00`.
    fn from_str(text: &str) -> Result<Self, SupportHoursError> {
        let [days, span] = text.split_whitespace().collect::<Vec<_>>()[..] else { return Err(SupportHoursError) };
        let (from, to) = span.split_once('-').ok_or(SupportHoursError)?;
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| SupportHoursError);
        let to = if to == END_OF_DAY { NaiveTime::MIN } else { time(to)? };
        let span = Self { days: days.parse()?, from: time(from)?, to };
        if span.is_a_span() { Ok(span) } else { Err(SupportHoursError) }
    }
}

/// How people write the end of a day, besides 00:00.
pub const END_OF_DAY: &str = "24:00";

impl OpenSpan {
    /// Whether it ends after it begins.
    #[must_use]
    pub fn is_a_span(&self) -> bool {
        self.from < self.to || self.ends_with_the_day()
    }

    /// Whether it is a whole day.
    #[must_use]
    pub fn is_around_the_clock(&self) -> bool {
        self.from == NaiveTime::MIN && self.ends_with_the_day()
    }

    fn ends_with_the_day(&self) -> bool {
        self.to.num_seconds_from_midnight() == 0
    }

    fn overlaps(&self, other: &Self) -> bool {
        let begins_within = |one: &Self, other: &Self| one.from < other.to || other.ends_with_the_day();
        self.days.0 & other.days.0 != 0 && begins_within(self, other) && begins_within(other, self)
    }
}

/// The places in the list of two spans that share some time, the earlier first; `None` if no two do.
#[must_use]
pub fn overlap(spans: &[OpenSpan]) -> Option<(usize, usize)> {
    let before = |(later, span): (usize, &OpenSpan)| {
        spans[..later].iter().position(|earlier| earlier.overlaps(span)).map(|earlier| (earlier, later))
    };
    spans.iter().enumerate().find_map(before)
}

impl fmt::Display for SupportHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, OpenSpan { days, from, to }) in self.spans.iter().enumerate() {
            let semicolon = if at > 0 { "; " } else { "" };
            write!(f, "{semicolon}{days} {}-{}", from.format("%H:%M"), to.format("%H:%M"))?;
        }
        write!(f, " {}", self.zone)
    }
}

#[cfg(test)]
mod tests {
    use super::{SupportDays, SupportHours};
    use rstest::rstest;

    #[rstest]
    #[case("mon-fri 09:00-21:00 Asia/Shanghai")]
    #[case("daily 00:00-00:00 Europe/London")]
    #[case("mon-fri,sun 08:30-17:00 America/New_York")]
    #[case("sat 10:00-12:00 UTC")]
    #[case("mon-fri 09:00-18:00; sat-sun 10:00-14:00 Asia/Taipei")]
    #[case("mon-fri 09:00-12:00; mon-fri 12:00-18:00; sat 17:00-20:00 UTC")]
    fn hours_are_read_as_they_are_written(#[case] text: &str) {
        assert_eq!(text.parse::<SupportHours>().map(|hours| hours.to_string()).as_deref(), Ok(text));
    }

    #[rstest]
    #[case::free_text("9:00–21:00")]
    #[case::no_zone("mon-fri 09:00-21:00")]
    #[case::backwards("mon-fri 21:00-09:00 UTC")]
    #[case::days_backwards("sat-mon 09:00-21:00 UTC")]
    #[case::no_day("every 09:00-21:00 UTC")]
    #[case::nothing_between("mon 09:00-21:00;; tue 09:00-21:00 UTC")]
    #[case::twice("mon-fri 09:00-18:00; fri 17:00-20:00 UTC")]
    #[case::within_a_day("daily 00:00-24:00; sun 10:00-12:00 UTC")]
    #[case::seconds("mon-fri 09:00:30-18:00 UTC")]
    #[case::two_zones("mon 09:00-21:00 UTC; tue 09:00-21:00 Asia/Taipei")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert!(text.parse::<SupportHours>().is_err(), "{text}");
    }

    #[test]
    fn a_day_ends_at_24_as_well() {
        let hours: SupportHours = "daily 09:00-24:00 UTC".parse().expect("hours");
        assert_eq!(hours.to_string(), "daily 09:00-00:00 UTC");
    }

    #[test]
    fn all_days_are_daily() {
        assert_eq!("mon-sun".parse::<SupportDays>(), Ok(SupportDays::ALL));
    }
}
