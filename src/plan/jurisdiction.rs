//! The clauses of each jurisdiction, with their sources and the days on which they hold, read from `jurisdictions/`.

use std::sync::LazyLock;

use chrono::NaiveDate;
use serde::Deserialize;

use super::{DailyHours, DayHours};
use crate::domain::{Jurisdiction, RequiredText, RequiredTexts};

/// A jurisdiction's rules of contact. Defaults that follow the sources; not legal advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// Its name in English.
    pub name: String,
    /// Its clauses, in the order of its file.
    pub clauses: Vec<Clause>,
    /// The local hours in which a debtor may be contacted, by the debtor's date.
    pub contact_hours: DailyHours,
}

/// One rule with its source, and the days on which it holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// The rule in a sentence.
    pub rule: String,
    /// The hours that it sets. They change at midnight where the debtor is.
    pub contact_hours: Option<DayHours>,
    /// One last SMS confirms an opt-out, at most so many minutes after it: later it would be a message to somebody who
    /// opted out. Holds by the date at the merchant.
    pub confirm_opt_out_within_minutes: Option<u16>,
    /// The texts that it demands of every message.
    #[serde(default)]
    pub in_messages: Vec<RequiredText>,
    /// Where the rule is written: act and number.
    pub citation: String,
    /// Where to read it.
    pub source: String,
    /// The first day on which it holds; `None` if that day does not matter any more.
    pub effective_from: Option<NaiveDate>,
    /// The first day on which it does not hold any more.
    pub effective_until: Option<NaiveDate>,
    /// How sure it is.
    pub basis: Basis,
}

/// How sure a clause is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Its text was compared with the source.
    Confirmed,
    /// It was not.
    NotConfirmed,
    /// The law leaves it open, and this is what we do.
    Default,
}

/// Whether a clause holds on some day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClauseState {
    /// It begins on a later day.
    Later,
    /// It holds.
    InForce,
    /// It does not hold any more.
    Ended,
}

impl Clause {
    /// Whether it holds on a day.
    #[must_use]
    pub fn state(&self, date: NaiveDate) -> ClauseState {
        match (self.effective_from, self.effective_until) {
            (Some(from), _) if date < from => ClauseState::Later,
            (_, Some(until)) if until <= date => ClauseState::Ended,
            _ => ClauseState::InForce,
        }
    }

    /// The kind of the rule, in a word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match (self.contact_hours, self.confirm_opt_out_within_minutes) {
            (Some(_), _) => "hours",
            (None, Some(_)) => "opt-out",
            (None, None) => "duty",
        }
    }

    /// Its days and how sure it is, as a reader sees it on a day.
    #[must_use]
    pub fn state_in_words(&self, date: NaiveDate) -> String {
        let state = match (self.state(date), self.effective_from, self.effective_until) {
            (ClauseState::Later, Some(from), _) => format!("applies from {from}"),
            (ClauseState::Ended, _, Some(until)) => format!("ended on {until}"),
            (_, Some(from), None) => format!("in force since {from}"),
            (_, None, Some(until)) => format!("in force, ends on {until}"),
            (_, Some(from), Some(until)) => format!("in force since {from}, ends on {until}"),
            (_, None, None) => "in force".to_owned(),
        };
        match self.basis {
            Basis::Confirmed => state,
            Basis::NotConfirmed => format!("{state}, not confirmed"),
            Basis::Default => "a default, not a rule of law".to_owned(),
        }
    }
}

/// Why a pack cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is no TOML of this form.
    #[error(transparent)]
    Form(#[from] toml::de::Error),
    /// No clause names hours.
    #[error("no clause has contact_hours; write those that hold by default")]
    NoHours,
    /// There is a day without hours, or one with two.
    #[error(
        "the clauses with contact_hours are to follow one another: \
         the effective_until of each is the effective_from of the next, the last has none"
    )]
    Gap,
    /// A clause ends before it begins.
    #[error("the clause {0:?} ends before it begins")]
    Reversed(String),
}

/// A file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackFile {
    name: String,
    clauses: Vec<Clause>,
}

impl Pack {
    /// Reads a pack.
    ///
    /// # Errors
    /// When it has no hours, or not exactly one for each day, or a clause that never holds.
    pub fn from_toml(text: &str) -> Result<Self, PackError> {
        let PackFile { name, clauses } = toml::from_str(text)?;
        let reversed = |clause: &&Clause| match (clause.effective_from, clause.effective_until) {
            (Some(from), Some(until)) => until <= from,
            _ => false,
        };
        if let Some(clause) = clauses.iter().find(reversed) {
            return Err(PackError::Reversed(clause.rule.clone()));
        }
        let contact_hours = contact_hours(&clauses)?;
        Ok(Self { name, clauses, contact_hours })
    }

    /// The clause that holds on a day and sets the hours of contact.
    #[must_use]
    pub fn hours_clause(&self, date: NaiveDate) -> Option<&Clause> {
        let mut hours = self.clauses.iter().filter(|clause| clause.contact_hours.is_some());
        // Before the first begins, its hours hold all the same.
        hours.clone().find(|clause| clause.state(date) == ClauseState::InForce).or_else(|| hours.next())
    }

    /// The texts that messages of a day need.
    #[must_use]
    pub fn required_texts(&self, date: NaiveDate) -> RequiredTexts {
        let in_force = self.clauses.iter().filter(|clause| clause.state(date) == ClauseState::InForce);
        in_force.flat_map(|clause| clause.in_messages.iter().copied()).collect()
    }

    /// How soon after an opt-out by SMS it is confirmed at the latest; `None` if it is not confirmed on that day.
    #[must_use]
    pub fn confirm_opt_out_within_minutes(&self, date: NaiveDate) -> Option<u16> {
        let in_force = |clause: &&Clause| clause.state(date) == ClauseState::InForce;
        self.clauses.iter().filter(in_force).find_map(|clause| clause.confirm_opt_out_within_minutes)
    }
}

/// The hours of each day: the first clause holds before it begins as well, as nothing is sent in the past.
fn contact_hours(clauses: &[Clause]) -> Result<DailyHours, PackError> {
    let mut hours = clauses.iter().filter_map(|clause| Some((clause, clause.contact_hours?)));
    let (mut last, first) = hours.next().ok_or(PackError::NoHours)?;
    let mut daily = DailyHours::from(first);
    for (clause, hours) in hours {
        let from = clause.effective_from.filter(|from| last.effective_until == Some(*from)).ok_or(PackError::Gap)?;
        daily = daily.then(from, hours);
        last = clause;
    }
    if last.effective_until.is_some() { Err(PackError::Gap) } else { Ok(daily) }
}

/// The pack of a jurisdiction; the data are the files in `jurisdictions/`.
#[must_use]
pub fn pack(jurisdiction: Jurisdiction) -> &'static Pack {
    static PACKS: LazyLock<Vec<Pack>> = LazyLock::new(|| Jurisdiction::all().map(read).collect());
    &PACKS[jurisdiction.index()]
}

#[expect(clippy::expect_used, reason = "the files are compiled in, and a test reads each")]
fn read(jurisdiction: Jurisdiction) -> Pack {
    Pack::from_toml(jurisdiction.pack_text()).expect("a compiled-in pack is sound")
}

#[cfg(test)]
mod tests {
    use super::{Basis, Pack, PackError, pack};
    use crate::domain::Jurisdiction;
    use rstest::rstest;

    #[test]
    fn every_pack_names_a_source_for_each_clause() {
        for jurisdiction in Jurisdiction::all() {
            let pack = Pack::from_toml(jurisdiction.pack_text()).unwrap_or_else(|why| panic!("{jurisdiction}: {why}"));
            for clause in &pack.clauses {
                assert!(clause.source.starts_with("https://"), "{jurisdiction}: {clause:?}");
                assert!(!clause.rule.is_empty() && !clause.citation.is_empty(), "{jurisdiction}: {clause:?}");
                let is_confirmed = clause.basis == Basis::Confirmed;
                let says_otherwise = clause.rule.contains("not confirmed");
                assert!(!(is_confirmed && says_otherwise), "{jurisdiction}: {clause:?}");
            }
        }
    }

    #[rstest]
    #[case("cn", "08:00-22:00")]
    #[case("us", "08:00-21:00")]
    #[case("in", "08:00-19:00")]
    #[case("uk", "08:00-20:00")]
    fn the_hours_are_those_of_the_sources(#[case] code: Jurisdiction, #[case] hours: &str) {
        assert_eq!(pack(code).contact_hours.to_string(), hours);
    }

    const CLAUSE: &str = "[[clauses]]\nrule='r'\ncitation='c'\nsource='https://example.com'\nbasis='confirmed'\n";

    #[rstest]
    #[case::none(&["rule='r'"], "no clause has contact_hours")]
    #[case::ends(&["contact_hours='08:00-20:00'\neffective_until='2027-01-01'"], "are to follow one another")]
    #[case::gap(
        &["contact_hours='08:00-20:00'\neffective_until='2027-01-01'",
          "contact_hours='08:00-21:00'\neffective_from='2027-01-02'"],
        "are to follow one another"
    )]
    #[case::both(&["contact_hours='08:00-20:00'", "contact_hours='08:00-21:00'"], "are to follow one another")]
    #[case::reversed(
        &["contact_hours='08:00-20:00'", "effective_from='2027-01-02'\neffective_until='2027-01-02'"],
        "ends before it begins"
    )]
    fn a_pack_without_hours_for_each_day_is_refused(#[case] clauses: &[&str], #[case] why: &str) {
        let of = |more: &&str| format!("{CLAUSE}{}\n", if more.starts_with("rule") { "" } else { more });
        let text = format!("name='x'\n{}", clauses.iter().map(of).collect::<String>());
        let refused = Pack::from_toml(&text).map_err(|why: PackError| why.to_string());
        assert!(refused.as_ref().is_err_and(|told| told.contains(why)), "{refused:?}");
    }
}
