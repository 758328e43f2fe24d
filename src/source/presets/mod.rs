//! Presets: the queries for loan systems whose tables are known. A preset is data: for each database that the system
//! runs on, one query for each thing that changes, the parts that the queries share, and a statement for the age of the
//! data. The files name what they know from where; `docs/ledgers/` has a page for each system.
//!
//! Names in braces are replaced: `{part}` by the file of that name, `{option}` by the option's value, `{only OPTION
//! COLUMN}` by `and COLUMN in (…)` if the option names something, `{by OPTION PART}` by the file `VALUE_PART.sql`.

mod catalog;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use chrono_tz::Tz;

use super::sql::Dialect;

/// A loan system whose tables are known.
#[derive(Debug)]
pub struct Preset {
    /// Its name in a config.
    pub name: &'static str,
    /// The settings that its queries have.
    pub options: &'static [PresetOption],
    /// The zone in which the system keeps its times; `None` if each installation has its own.
    pub zone: Option<Tz>,
    /// How far before the cursor to read again: the system writes the time at which a request began.
    pub overlap: Duration,
    databases: &'static [PresetDatabase],
}

/// A setting of a preset.
#[derive(Debug)]
pub struct PresetOption {
    /// Its key in `[sources.options]`.
    pub name: &'static str,
    /// Its values.
    pub kind: OptionKind,
}

/// The values of an option, with the default.
#[derive(Debug)]
pub enum OptionKind {
    /// A whole number.
    Number(i64, RangeInclusive<i64>),
    /// Whole numbers, such as the numbers of companies.
    Numbers(&'static [i64]),
    /// Names, such as those of companies; none by default.
    Names,
    /// One of these words; the first is the default.
    Word(&'static [&'static str]),
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionValue {
    /// Of [`OptionKind::Number`].
    Number(i64),
    /// Of [`OptionKind::Numbers`].
    Numbers(Vec<i64>),
    /// Of [`OptionKind::Names`].
    Names(Vec<String>),
    /// Of [`OptionKind::Word`].
    Word(&'static str),
}

/// The queries of a preset on one kind of database.
#[derive(Debug)]
struct PresetDatabase {
    dialect: Dialect,
    branches: &'static [PresetBranch],
    /// The files that queries share, by name; `freshness` is one of them.
    parts: &'static [(&'static str, &'static str)],
}

/// A query of a preset.
#[derive(Debug)]
struct PresetBranch {
    name: &'static str,
    text: &'static str,
    has_whole_orders: bool,
}

/// The queries of a preset, with the values of its options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresetQueries {
    /// The branches, in the order in which they are pulled.
    pub branches: Vec<ExpandedBranch>,
    /// The statement for the age of the data.
    pub freshness: String,
}

/// A query of a preset, ready to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpandedBranch {
    /// Its name.
    pub name: &'static str,
    /// The query, with the parameters of every query of a source.
    pub text: String,
    /// Whether it yields all that there is of an order, with the order's time.
    pub has_whole_orders: bool,
}

impl Preset {
    /// All presets.
    #[must_use]
    pub fn all() -> &'static [Self] {
        catalog::PRESETS
    }

    /// The preset with that name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|preset| preset.name == name)
    }

    /// The kinds of databases that the system runs on.
    pub fn dialects(&self) -> impl Iterator<Item = Dialect> {
        self.databases.iter().map(|database| database.dialect)
    }

    /// The queries for a database; `None` if the system does not run on it. Options that `values` lacks have their
    /// defaults.
    #[must_use]
    pub fn queries(&self, dialect: Dialect, values: &BTreeMap<&'static str, OptionValue>) -> Option<PresetQueries> {
        let database = self.databases.iter().find(|database| database.dialect == dialect)?;
        let expand = |text: &str| self.expanded(database, text, values);
        let branches = database.branches.iter().map(|branch| ExpandedBranch {
            name: branch.name,
            text: expand(branch.text),
            has_whole_orders: branch.has_whole_orders,
        });
        Some(PresetQueries { branches: branches.collect(), freshness: expand("{freshness}") })
    }

    fn expanded(&self, database: &PresetDatabase, text: &str, values: &BTreeMap<&'static str, OptionValue>) -> String {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, (name, after))) =
            rest.split_once('{').and_then(|(before, opened)| Some((before, opened.split_once('}')?)))
        {
            expanded.push_str(before);
            match name.split(' ').collect::<Vec<_>>().as_slice() {
                ["only", option, column] => match self.value(option, values).listed() {
                    // A line that held nothing else is left out.
                    None => {
                        let kept = expanded.trim_end_matches(' ').len();
                        expanded.truncate(kept);
                        if expanded.ends_with('\n') && after.starts_with('\n') {
                            expanded.pop();
                        }
                    }
                    Some(list) => expanded.extend(["and ", column, " in (", &list, ")"]),
                },
                ["by", option, part] => {
                    let part = format!("{}_{part}", self.value(option, values).listed().unwrap_or_default());
                    expanded.push_str(&self.expanded(database, database.part(&part), values));
                }
                [name] if self.options.iter().any(|option| option.name == *name) => {
                    expanded.push_str(&self.value(name, values).listed().unwrap_or_default());
                }
                _ => expanded.push_str(&self.expanded(database, database.part(name), values)),
            }
            rest = after;
        }
        expanded.push_str(rest);
        expanded
    }

    fn value(&self, name: &str, values: &BTreeMap<&'static str, OptionValue>) -> OptionValue {
        let default = || self.options.iter().find(|option| option.name == name).map(|option| option.kind.default());
        values.get(name).cloned().or_else(default).unwrap_or(OptionValue::Names(Vec::new()))
    }
}

impl OptionKind {
    fn default(&self) -> OptionValue {
        match self {
            Self::Number(number, _) => OptionValue::Number(*number),
            Self::Numbers(numbers) => OptionValue::Numbers(numbers.to_vec()),
            Self::Names => OptionValue::Names(Vec::new()),
            Self::Word(words) => OptionValue::Word(words.first().copied().unwrap_or_default()),
        }
    }
}

impl OptionValue {
    /// The value as a query writes it; `None` for an empty list.
    fn listed(&self) -> Option<String> {
        let joined = |items: Vec<String>| (!items.is_empty()).then(|| items.join(", "));
        match self {
            Self::Number(number) => Some(number.to_string()),
            Self::Word(word) => Some((*word).to_owned()),
            Self::Numbers(numbers) => joined(numbers.iter().map(ToString::to_string).collect()),
            // MySQL reads a backslash as the begin of an escape.
            Self::Names(names) => joined(
                names.iter().map(|name| format!("'{}'", name.replace('\\', "\\\\").replace('\'', "''"))).collect(),
            ),
        }
    }
}

impl PresetDatabase {
    fn part(&self, name: &str) -> &'static str {
        let found = self.parts.iter().find(|(part, _)| *part == name);
        found.map_or("", |(_, text)| text.trim_end())
    }
}

#[cfg(test)]
mod tests;
