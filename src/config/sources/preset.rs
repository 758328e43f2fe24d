//! `preset` and `[sources.options]`: the queries of a loan system whose tables are known.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use chrono_tz::Tz;

use crate::config::reading::Section;
use crate::config::value::{Value, integer, text, word};
use crate::domain::BranchName;
use crate::source::presets::{OptionKind, OptionValue, Preset};
use crate::source::sql::{Dialect, Query, SqlBranch, checked_statement};

/// A preset, with its queries for the database of the source.
pub(super) struct ReadPreset {
    pub(super) branches: Vec<SqlBranch>,
    pub(super) freshness: String,
    pub(super) zone: Option<Tz>,
    pub(super) overlap: TimeDelta,
}

/// Reads `preset` and its options; `Some(None)` if there is no preset.
pub(super) fn read(section: &mut Section<'_, '_, '_>, dialect: Option<Dialect>) -> Option<Option<ReadPreset>> {
    if !section.entries.contains_key("preset") {
        return Some(None);
    }
    let names: Vec<_> = Preset::all().iter().map(|preset| (preset.name, preset)).collect();
    let preset = section.required("preset", r#""fineract""#, |value| word(value, &names));
    for key in ["query", "branches"] {
        if section.entries.contains_key(key) {
            let text = "stands beside preset, which has queries of its own; leave one out (`dueherald source show` \
                        prints the queries of a preset, to begin with)";
            section.reading.note_at(&section.key(key), text);
        }
    }
    let is_alone = !["query", "branches"].iter().any(|key| section.entries.contains_key(*key));
    section.list("branches", |_| Ok(()));
    section.optional("query", |_| Ok(()));
    let options = section.optional_section("options");
    let values = match (preset, options?) {
        (Some(preset), Some(options)) => read_options(preset, options),
        (None, Some(options)) => {
            options.give_up();
            None
        }
        (_, None) => Some(BTreeMap::new()),
    };
    let preset = preset?;
    let dialect = dialect?;
    let Some(queries) = preset.queries(dialect, &values?) else {
        let known: Vec<_> = preset.dialects().map(name_of).collect();
        let known = known.join(" or ");
        section.reading.note_at(
            &section.key("preset"),
            format!("is of a system that does not run on this database; give a url of {known}, or write the query"),
        );
        return None;
    };
    let parsed = |text: &str| Query::new(text, dialect).ok();
    let branches = queries.branches.iter().map(|branch| {
        Some(SqlBranch {
            name: Some(BranchName::new(branch.name).ok()?),
            query: parsed(&branch.text)?,
            has_whole_orders: branch.has_whole_orders,
        })
    });
    let branches = branches.collect::<Option<Vec<_>>>().filter(|_| is_alone)?;
    let freshness = checked_statement(&queries.freshness, dialect).ok()?;
    let overlap = TimeDelta::from_std(preset.overlap).unwrap_or(TimeDelta::MAX);
    Some(Some(ReadPreset { branches, freshness, zone: preset.zone, overlap }))
}

fn read_options(preset: &Preset, mut section: Section<'_, '_, '_>) -> Option<BTreeMap<&'static str, OptionValue>> {
    let read = preset.options.iter().map(|option| {
        let value = match &option.kind {
            OptionKind::Number(_, range) => section
                .optional(option.name, |value| integer(value, range.clone()))
                .map(|found| found.map(OptionValue::Number)),
            OptionKind::Numbers(_) => {
                let found = section.list(option.name, |value| integer(value, 0..=i64::MAX));
                found.map(|found| found.map(OptionValue::Numbers))
            }
            OptionKind::Names => section.list(option.name, text).map(|found| found.map(OptionValue::Names)),
            OptionKind::Word(words) => {
                let words: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
                let read = |value: &Value<'_>| word(value, &words);
                section.optional(option.name, read).map(|found| found.map(OptionValue::Word))
            }
        };
        Some((option.name, value?))
    });
    let read: Vec<_> = read.collect();
    section.finish();
    let read = read.into_iter().collect::<Option<Vec<_>>>()?;
    Some(read.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

fn name_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "PostgreSQL",
        Dialect::MySql => "MariaDB",
        Dialect::Sqlite => "SQLite",
    }
}
