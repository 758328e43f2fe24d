//! Days off from a file in the iCalendar form (RFC 5545): the part of it that holiday calendars use. What is not
//! understood is a mistake: a holiday that is passed over would be a message on that day.
//!
//! Own code: the crate `icalendar` (0.17) accepts a repeat rule that it does not know and a date that it cannot read,
//! and names no line.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};

/// A yearly event without an end goes on until then.
const LAST_YEAR: i32 = 2100;

/// Longer than any holiday: who writes so has slipped.
const LONGEST_EVENT: usize = 100;

/// The days that a file names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NamedDays {
    pub(super) holidays: BTreeSet<NaiveDate>,
    pub(super) working_days: BTreeSet<NaiveDate>,
}

/// A line number, from 1, and the mistake on that line.
pub(super) type CalendarFlaw = (usize, String);

/// A line of content: its number, and name, parameters and value in it.
struct Property<'t> {
    line: usize,
    name: String,
    parameters: &'t str,
    value: &'t str,
}

/// An event as far as it was read.
#[derive(Default)]
struct CalendarEvent {
    line: usize,
    first: Option<NaiveDate>,
    /// The day after the last.
    end: Option<NaiveDate>,
    yearly: Option<YearlyRepeat>,
    is_working_day: bool,
    is_cancelled: bool,
    /// A line of it was not understood.
    is_flawed: bool,
}

#[derive(Clone, Copy)]
enum YearlyRepeat {
    Forever,
    Until(NaiveDate),
    Times(usize),
}

/// Reads a file. Every event is of whole days; it names days off, or a day that is worked to make up for one (调休) if
/// its SUMMARY has 班 in it, as in 春节（班）, its CATEGORIES have WORKDAY, or X-APPLE-SPECIAL-DAY is ALTERNATE-WORKDAY.
pub(super) fn read(text: &str) -> Result<NamedDays, Vec<CalendarFlaw>> {
    let (mut days, mut flaws) = (NamedDays::default(), Vec::new());
    let mut open: Option<CalendarEvent> = None;
    // Alarms and the like within an event are not about its days.
    let mut inner = 0;
    let lines = unfolded(text);
    if lines.first().is_none_or(|(_, first)| !first.trim().eq_ignore_ascii_case("BEGIN:VCALENDAR")) {
        return Err(vec![(1, "is no iCalendar file: it does not begin with BEGIN:VCALENDAR".into())]);
    }
    for (line, content) in &lines {
        let Some(property) = property(*line, content) else {
            flaws.push((*line, "is no line of an iCalendar file: it has no colon".into()));
            continue;
        };
        let value = property.value.trim().to_ascii_uppercase();
        match (property.name.as_str(), &mut open) {
            ("BEGIN", None) if value == "VEVENT" => {
                open = Some(CalendarEvent { line: *line, ..CalendarEvent::default() })
            }
            ("BEGIN", Some(_)) => inner += 1,
            ("END", Some(_)) if inner > 0 => inner -= 1,
            ("END", Some(_)) => {
                let event = open.take().unwrap_or_default();
                event.add_to(&mut days).unwrap_or_else(|text| flaws.push((event.line, text)));
            }
            (_, Some(event)) if inner == 0 => {
                event.take(&property).unwrap_or_else(|text| {
                    event.is_flawed = true;
                    flaws.push((property.line, text));
                });
            }
            _ => {}
        }
    }
    let ends_whole = |(_, last): &(usize, String)| last.trim().eq_ignore_ascii_case("END:VCALENDAR");
    if open.is_none() && !lines.iter().rev().find(|(_, line)| !line.trim().is_empty()).is_some_and(ends_whole) {
        flaws.push((lines.len(), "does not end with END:VCALENDAR, so the file may be cut off".into()));
    }
    if let Some(event) = open {
        flaws.push((event.line, "is an event without END:VEVENT".into()));
    }
    if flaws.is_empty() { Ok(days) } else { Err(flaws) }
}

impl CalendarEvent {
    fn take(&mut self, property: &Property<'_>) -> Result<(), String> {
        let value = property.value.trim();
        match property.name.as_str() {
            "DTSTART" => self.first = Some(whole_day(property)?),
            "DTEND" => self.end = Some(whole_day(property)?),
            "RRULE" => self.yearly = Some(yearly(value)?),
            "SUMMARY" => self.is_working_day |= value.contains('班'),
            "CATEGORIES" => {
                self.is_working_day |= value.split(',').any(|one| one.trim().eq_ignore_ascii_case("WORKDAY"));
            }
            "X-APPLE-SPECIAL-DAY" => self.is_working_day |= value.eq_ignore_ascii_case("ALTERNATE-WORKDAY"),
            "STATUS" => self.is_cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            name @ ("DURATION" | "RDATE" | "EXDATE" | "EXRULE" | "RECURRENCE-ID") => {
                return Err(format!("has {name}, which is not understood; write an event of its own for each holiday"));
            }
            _ => {}
        }
        Ok(())
    }

    fn add_to(&self, days: &mut NamedDays) -> Result<(), String> {
        if self.is_flawed {
            return Ok(());
        }
        let first = self.first.ok_or("is an event without DTSTART")?;
        let end = self.end.unwrap_or_else(|| first.succ_opt().unwrap_or(first));
        let length = usize::try_from((end - first).num_days()).unwrap_or_default();
        if !(1..=LONGEST_EVENT).contains(&length) {
            return Err(format!(
                "is an event that does not end 1 to {LONGEST_EVENT} days after it begins (DTEND is the day after its \
                 last)"
            ));
        }
        if self.is_cancelled {
            return Ok(());
        }
        let (years, times) = match self.yearly {
            None => (first.year(), 1),
            Some(YearlyRepeat::Forever) => (LAST_YEAR, usize::MAX),
            Some(YearlyRepeat::Until(last)) => (last.year(), usize::MAX),
            Some(YearlyRepeat::Times(times)) => (LAST_YEAR, times),
        };
        let is_in_time = |day: &NaiveDate| !matches!(self.yearly, Some(YearlyRepeat::Until(last)) if *day > last);
        // The 29th of February comes in leap years.
        let firsts = (first.year()..=years).filter_map(|year| first.with_year(year)).filter(is_in_time).take(times);
        let named = if self.is_working_day { &mut days.working_days } else { &mut days.holidays };
        named.extend(firsts.flat_map(|first| first.iter_days().take(length)));
        Ok(())
    }
}

fn whole_day(property: &Property<'_>) -> Result<NaiveDate, String> {
    let name = &property.name;
    let is_date = property.parameters.to_ascii_uppercase().split(';').any(|one| one == "VALUE=DATE");
    let date =
        NaiveDate::parse_from_str(property.value.trim(), "%Y%m%d").ok().filter(|_| property.value.trim().len() == 8);
    match date {
        Some(date) => Ok(date),
        None if is_date => Err(format!("{name} is no date; write for example {name};VALUE=DATE:20270101")),
        None => {
            Err(format!("{name} has a time, and holidays are whole days; write for example {name};VALUE=DATE:20270101"))
        }
    }
}

/// `FREQ=YEARLY`, plain or with an end.
fn yearly(value: &str) -> Result<YearlyRepeat, String> {
    const WRONG: &str = "is a repetition that is not understood; write FREQ=YEARLY, with COUNT or UNTIL if it ends, \
        or an event of its own for each holiday";
    let (mut is_yearly, mut end) = (false, YearlyRepeat::Forever);
    for part in value.split(';') {
        match part.split_once('=') {
            Some(("FREQ", "YEARLY")) => is_yearly = true,
            Some(("INTERVAL", "1") | ("WKST", _)) => {}
            Some(("COUNT", times)) => end = YearlyRepeat::Times(times.parse().map_err(|_| WRONG)?),
            Some(("UNTIL", until)) => {
                let date = until.get(..8).and_then(|date| NaiveDate::parse_from_str(date, "%Y%m%d").ok());
                end = YearlyRepeat::Until(date.ok_or(WRONG)?);
            }
            _ => return Err(WRONG.into()),
        }
    }
    if is_yearly { Ok(end) } else { Err(WRONG.into()) }
}

/// The lines of content with their numbers: one that begins with white space goes on with the one before.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (place, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        match (line.strip_prefix([' ', '\t']), lines.last_mut()) {
            (Some(rest), Some((_, last))) => last.push_str(rest),
            _ if line.is_empty() => {}
            _ => lines.push((place + 1, line.to_owned())),
        }
    }
    lines
}

fn property(line: usize, content: &str) -> Option<Property<'_>> {
    let mut quoted = false;
    let colon = content.find(|letter| {
        quoted ^= letter == '"';
        letter == ':' && !quoted
    })?;
    let (head, value) = (&content[..colon], &content[colon + 1..]);
    let (name, parameters) = head.split_once(';').unwrap_or((head, ""));
    Some(Property { line, name: name.trim().to_ascii_uppercase(), parameters, value })
}
