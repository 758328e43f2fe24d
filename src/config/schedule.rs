use std::time::Duration;

use super::reading::Section;
use super::value::{duration, text, time_zone, word};
use crate::plan::{RulesMatch, Schedule};

/// `[schedule]`: when the ledger is scanned for what falls due.
#[derive(Debug, Clone)]
pub struct Scans {
    /// When.
    pub schedule: Schedule,
    /// How far ahead a scan plans.
    pub horizon: Duration,
}

/// Reads `[schedule]`: when is scanned, and which of the rules that match count.
pub(super) fn read(mut section: Section<'_, '_, '_>) -> Option<(Scans, RulesMatch)> {
    let zone = section.required("time_zone", r#""Asia/Shanghai""#, time_zone);
    // A cron expression is checked even where the zone is mistaken.
    let any_zone = zone.unwrap_or(chrono_tz::UTC);
    let read =
        |value: &super::value::Value<'_>| Schedule::new(&text(value)?, any_zone).map_err(|error| error.to_string());
    let schedule = section.required("cron", r#""*/15 * * * *""#, read);
    let horizon = section.or("horizon", Duration::from_secs(2 * 24 * 60 * 60), duration);
    let words = [("all", RulesMatch::All), ("first", RulesMatch::First)];
    let rules_match = section.or("rules_match", RulesMatch::All, |value| word(value, &words));
    section.finish();
    zone?;
    Some((Scans { schedule: schedule?, horizon: horizon? }, rules_match?))
}
