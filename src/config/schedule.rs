//! The section `[schedule]`: when the ledger is scanned, and how far ahead.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::reading::Section;
use super::value::{date, duration, integer, text, time_zone, word};
use crate::plan::{RulesMatch, Schedule, VolumeGuard, VolumeLimits, local_date, to_utc};

/// `[schedule]`: when the ledger is scanned for what falls due.
#[derive(Debug, Clone)]
pub struct Scans {
    /// When.
    pub schedule: Schedule,
    /// When everything in view is checked as well; in the zone of `schedule`.
    pub full_check: Schedule,
    /// How far ahead a scan plans.
    pub horizon: Duration,
    /// Nothing whose time lies before this day is planned; the day of the first scan, if it is not set.
    pub start_from: Option<NaiveDate>,
    /// How much a day may plan for a merchant without a person.
    pub volume: VolumeLimits,
}

impl Scans {
    /// When a day of the schedule begins.
    #[must_use]
    pub fn start_of(&self, day: NaiveDate) -> DateTime<Utc> {
        to_utc(self.schedule.zone(), day.and_time(NaiveTime::MIN))
    }

    /// The volume guard of a scan.
    #[must_use]
    pub fn guard(&self, now: DateTime<Utc>) -> VolumeGuard {
        VolumeGuard { limits: self.volume, day: local_date(self.schedule.zone(), now) }
    }

    /// When the schedule's day of `now` begins.
    #[must_use]
    pub fn today(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.start_of(local_date(self.schedule.zone(), now))
    }
}

/// Reads `[schedule]`: when is scanned, and which of the rules that match count.
pub(super) fn read(mut section: Section<'_, '_, '_>) -> Option<(Scans, RulesMatch)> {
    let zone = section.required("time_zone", r#""Asia/Shanghai""#, time_zone);
    // A cron expression is checked even where the zone is mistaken.
    let any_zone = zone.unwrap_or(chrono_tz::UTC);
    let read =
        |value: &super::value::Value<'_>| Schedule::new(&text(value)?, any_zone).map_err(|error| error.to_string());
    let schedule = section.required("cron", r#""*/15 * * * *""#, read);
    let nightly = Schedule::new("30 3 * * *", any_zone).ok();
    let full_check = section.optional("full_check", read).map(|set| set.or(nightly));
    let horizon = section.or("horizon", Duration::from_secs(2 * 24 * 60 * 60), duration);
    let start_from = section.optional("start_from", date);
    let volume = volume(section.section("volume"));
    let words = [("all", RulesMatch::All), ("first", RulesMatch::First)];
    let rules_match = section.or("rules_match", RulesMatch::All, |value| word(value, &words));
    section.finish();
    zone?;
    let scans = Scans {
        schedule: schedule?,
        full_check: full_check??,
        horizon: horizon?,
        start_from: start_from?,
        volume: volume?,
    };
    Some((scans, rules_match?))
}

/// Reads `[schedule.volume]`: how much is far more than usual.
fn volume(mut section: Section<'_, '_, '_>) -> Option<VolumeLimits> {
    let usual = VolumeLimits::default();
    let factor = section.or("factor", usual.factor, |value| integer(value, 1..=1000));
    let least = section.or("least", usual.least, |value| integer(value, 1..=1_000_000_000));
    let first_month = section.or("first_month", usual.first_month, |value| integer(value, 1..=1_000_000_000));
    section.finish();
    Some(VolumeLimits { factor: factor?, least: least?, first_month: first_month? })
}
