//! `[calendars.*]`: days off and make-up workdays, written out or from an iCalendar file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{NaiveDate, Weekday, WeekdaySet};
use toml::de::DeValue;

use super::ics::{self, NamedDays};
use super::mistake::{Location, Mistake, any_of, nearest};
use super::reading::Section;
use super::secret::ReadFile;
use super::value::{Value, text, weekday};
use crate::plan::Calendar;

/// The calendars of `[calendars.*]`, by name; `None` for one with a mistake.
pub(super) struct Calendars(BTreeMap<String, Option<Arc<Calendar>>>);

impl Calendars {
    /// The calendar that a key names; `None` for one that is there but mistaken.
    pub(super) fn named(&self, value: &Value<'_>) -> Result<Option<Arc<Calendar>>, String> {
        let name = text(value)?;
        let known = || self.0.keys().map(String::as_str);
        self.0.get(&name).cloned().ok_or_else(|| match nearest(&name, known()) {
            Some(meant) => format!("there is no calendar {name:?}; did you mean {meant:?}?"),
            None if self.0.is_empty() => format!("there is no calendar {name:?}; write a section [calendars.{name}]"),
            None => format!("there is no calendar {name:?}; write {}", any_of(known())),
        })
    }
}

/// Reads `[calendars.*]`. Files are relative to `folder`.
pub(super) fn read(root: &mut Section<'_, '_, '_>, folder: &Path, read_file: ReadFile<'_>) -> Calendars {
    let sections = root.named("calendars").into_iter();
    Calendars(sections.map(|(name, section)| (name, calendar(section, folder, read_file))).collect())
}

fn calendar(mut section: Section<'_, '_, '_>, folder: &Path, read_file: ReadFile<'_>) -> Option<Arc<Calendar>> {
    let file = section.optional("file", text);
    let holidays = section.list("holidays", date);
    let working_days = section.list("working_days", date);
    let weekend = section.list("weekend", weekday);
    let mut named = NamedDays::default();
    if let Some(Some(file)) = &file {
        named = days_of(&section, &folder.join(file), read_file)?;
    }
    named.holidays.extend(holidays.clone()?.unwrap_or_default());
    named.working_days.extend(working_days.clone()?.unwrap_or_default());
    let weekend: WeekdaySet = weekend?.unwrap_or_else(|| vec![Weekday::Sat, Weekday::Sun]).into_iter().collect();
    if weekend == WeekdaySet::ALL {
        section.reading.note_at(&section.key("weekend"), "leaves no day to work on; leave one out");
        return None;
    }
    if let (Some(Some(off)), Some(Some(worked))) = (&holidays, &working_days) {
        let both: BTreeSet<_> = off.iter().filter(|day| worked.contains(day)).collect();
        if let Some(day) = both.first() {
            let text = format!("has {day}, which is a holiday too; leave it out of one of the two");
            section.reading.note_at(&section.key("working_days"), text);
        }
    }
    section.finish();
    file?;
    Some(Arc::new(Calendar::new(weekend, named.holidays, named.working_days)))
}

/// The days that a file names; notes every mistake in it with its line.
fn days_of(section: &Section<'_, '_, '_>, file: &Path, read_file: ReadFile<'_>) -> Option<NamedDays> {
    let shown = file.display().to_string();
    let key = section.key("file");
    let text = read_file(file).map_err(|error| {
        section.reading.note_at(&key, format!("the file {shown} cannot be read ({error}); make it, or name another"));
    });
    let flaws = match ics::read(&text.ok()?) {
        Ok(days) => return Some(days),
        Err(flaws) => flaws,
    };
    for (line, text) in flaws {
        let place = Location::Line { file: shown.clone(), line, column: None };
        section.reading.note_elsewhere(Mistake { place, key: key.clone(), text });
    }
    None
}

fn date(value: &Value<'_>) -> Result<NaiveDate, String> {
    let wrong = || format!("{} is no date; write for example 2027-01-01", value.shown());
    match value.node {
        // TOML knows dates of its own, without quotes.
        DeValue::Datetime(date) => date.to_string().parse().map_err(|_| wrong()),
        _ => text(value)?.parse().map_err(|_| wrong()),
    }
}
