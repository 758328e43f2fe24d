//! The slices that scans have to read: each is one due date of one step of a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::planner::due_dates_of;
use super::{Horizon, Policy, Rule, RulesMatch};
use crate::domain::Step;

/// How far back a scan after a downtime looks for steps that nobody planned in time.
const LOOK_BACK: TimeDelta = TimeDelta::days(60);

/// How far scans have come with one step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The step.
    pub step: Step,
    /// A fingerprint of all settings that affect the step: if it changes, scans read its slices again.
    pub fingerprint: String,
    /// The first due date in view: what changes before it is of no use to the step any more.
    pub first: NaiveDate,
    /// The last due date in view.
    pub last: NaiveDate,
    /// The due date through which everything was planned; `None` before the first pass.
    pub passed: Option<NaiveDate>,
}

/// The slices in view, as marks of which nothing was passed yet. `start_from` is the setting of that name: another
/// value requires another pass.
#[must_use]
pub fn in_view(policy: &Policy, horizon: Horizon, start_from: Option<DateTime<Utc>>) -> Vec<Mark> {
    // The line of a rule in the file has no effect.
    let placeless = |rule: &Rule| Rule { line: 0, ..rule.clone() };
    let before: Vec<_> = match policy.rules_match {
        RulesMatch::All => Vec::new(),
        RulesMatch::First => policy.rules.iter().map(placeless).collect(),
    };
    // A release may bring other hours of a jurisdiction.
    let hours: Vec<_> = policy.merchants.values().map(|merchant| policy.hours_of(merchant)).collect();
    let common = hash(&format!("{:?} {:?} {hours:?} {before:?} {start_from:?}", policy.merchants, policy.terms));
    let marks = policy.rules.iter().flat_map(|rule| {
        let fingerprint = hash(&format!("{common} {:?}", placeless(rule)));
        rule.days.offsets().into_iter().filter_map(move |offset| {
            let (first, last) = due_dates_of(policy, rule, offset..=offset, horizon)?.into_inner();
            let step = Step::Rule { rule: rule.name.clone(), offset };
            Some(Mark { step, fingerprint: fingerprint.clone(), first, last, passed: None })
        })
    });
    let mut marks: Vec<_> = marks.collect();
    // As the stores give them.
    marks.sort_by_key(|mark| mark.step.to_string());
    marks
}

/// The known marks, updated to these slices in view: `passed` stays while the fingerprint does, the view of a step
/// never shrinks at its end, and a step that is gone has no mark.
#[must_use]
pub fn announced(known: &[Mark], in_view: &[Mark]) -> Vec<Mark> {
    let same =
        |mark: &Mark| known.iter().find(|known| (&known.step, &known.fingerprint) == (&mark.step, &mark.fingerprint));
    let announced = in_view.iter().map(|mark| match same(mark) {
        Some(known) => Mark { last: mark.last.max(known.last), passed: known.passed, ..mark.clone() },
        None => mark.clone(),
    });
    announced.collect()
}

/// One fingerprint for all steps, which reveals a daemon that plans by other rules.
#[must_use]
pub fn rules_of(marks: &[Mark]) -> String {
    hash(&marks.iter().map(|mark| format!("{} {}\n", mark.step, mark.fingerprint)).collect::<String>())
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Due dates that a scan has to go through, and for which steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPass {
    /// The due dates.
    pub dates: RangeInclusive<NaiveDate>,
    /// The steps, each with an instant: a reminder that expires after it is recorded even if it is too late now.
    pub steps: BTreeMap<Step, DateTime<Utc>>,
}

/// The due dates that a scan has to go through so that everything in view is planned: the slices that came into view
/// since the last pass. If a step had no pass before, its reminders missed before `now` are nobody's fault and leave no
/// record.
#[must_use]
pub fn passes(marks: &[Mark], now: DateTime<Utc>) -> Vec<ScanPass> {
    let news = marks.iter().map(|mark| match mark.passed {
        Some(passed) => {
            let missed = mark.first.checked_sub_signed(LOOK_BACK).unwrap_or(mark.first);
            (&mark.step, day_after(passed).max(missed)..=mark.last, now - LOOK_BACK)
        }
        None => (&mark.step, mark.first..=mark.last, now),
    });
    split(news.collect())
}

/// A pass over everything in view, for what is still of use.
#[must_use]
pub fn full_pass(marks: &[Mark], now: DateTime<Utc>) -> Vec<ScanPass> {
    split(marks.iter().map(|mark| (&mark.step, mark.first..=mark.last, now)).collect())
}

/// Cuts the steps' dates where one begins or ends, so that each due date is read once for all its steps.
fn split(steps: Vec<(&Step, RangeInclusive<NaiveDate>, DateTime<Utc>)>) -> Vec<ScanPass> {
    let filled = steps.iter().filter(|(_, dates, _)| !dates.is_empty());
    let cuts: BTreeSet<_> = filled.flat_map(|(_, dates, _)| [*dates.start(), day_after(*dates.end())]).collect();
    let starts = cuts.iter().zip(cuts.iter().skip(1));
    let passes = starts.map(|(start, end)| ScanPass {
        dates: *start..=end.pred_opt().unwrap_or(*end),
        steps: steps
            .iter()
            .filter(|(_, dates, _)| dates.contains(start))
            .map(|(step, _, since)| ((*step).clone(), *since))
            .collect(),
    });
    passes.filter(|pass| !pass.steps.is_empty()).collect()
}

fn day_after(date: NaiveDate) -> NaiveDate {
    date.checked_add_days(Days::new(1)).unwrap_or(date)
}
