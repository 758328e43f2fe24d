//! Lists: a table for people, JSON for programs.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::local_zone::local_zone;
use crate::domain::{Merchant, MerchantId};

/// The width of a table, in characters.
const WIDTH: u16 = 80;

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: JSON, of a list one array.
    Json,
}

/// The options of every list.
#[derive(Debug, Clone, Copy, Args)]
pub struct ListFormat {
    /// Print a table or JSON
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    /// Show all columns, and times to the second, in lines as long as they get [default: 80 characters]
    #[arg(long)]
    pub(super) wide: bool,
}

impl ListFormat {
    /// A table of 80 characters.
    pub(super) const TABLE: Self = Self { format: Format::Table, wide: false };

    /// Whether JSON is asked for.
    pub(super) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// The times of a list, each in its merchant's zone.
    pub(super) fn times(self, merchants: &BTreeMap<MerchantId, Merchant>) -> LocalTimes {
        let zones = merchants.iter().map(|(id, merchant)| (id.to_string(), merchant.time_zone)).collect();
        LocalTimes { zones, operator: local_zone(), is_wide: self.wide }
    }
}

/// Times as people read them: in the zone of their merchant, or else of this machine, which is always named.
#[derive(Debug)]
pub(super) struct LocalTimes {
    zones: BTreeMap<String, Tz>,
    operator: Tz,
    is_wide: bool,
}

impl LocalTimes {
    /// Of a merchant, or of none.
    pub(super) fn at(&self, merchant: Option<&str>, at: DateTime<Utc>) -> String {
        let zone = merchant.and_then(|merchant| self.zones.get(merchant)).unwrap_or(&self.operator);
        let form = if self.is_wide { "%F %T %:z" } else { "%F %R %:z" };
        at.with_timezone(zone).format(form).to_string()
    }

    /// A time that a row may have.
    pub(super) fn maybe(&self, merchant: Option<&str>, at: Option<DateTime<Utc>>) -> String {
        at.map(|at| self.at(merchant, at)).unwrap_or_default()
    }
}

/// A row of a list: its cells for the table, itself for JSON.
pub(super) trait Row: Serialize {
    /// The column titles.
    const TITLES: &'static [&'static str];

    /// The titles of columns that only a wide table has.
    const WIDE_ONLY: &'static [&'static str] = &[];

    /// The cells, in the order of the titles.
    fn cells(&self, times: &LocalTimes) -> Vec<String>;
}

/// Prints rows.
pub(super) fn print<R: Row>(out: &mut dyn Write, format: ListFormat, times: &LocalTimes, rows: &[R]) -> io::Result<()> {
    match format.format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, rows)?;
            writeln!(out)
        }
        Format::Table if rows.is_empty() => writeln!(out, "nothing to show"),
        Format::Table => {
            let is_shown = |title: &&'static str| format.wide || !R::WIDE_ONLY.contains(title);
            let shown: Vec<_> = R::TITLES.iter().map(&is_shown).collect();
            let titles: Vec<_> = R::TITLES.iter().copied().filter(is_shown).collect();
            let mut table = fit(table(&titles), format.wide);
            let cells = |row: &R| {
                let cells = row.cells(times).into_iter().zip(&shown);
                cells.filter(|(_, is_shown)| **is_shown).map(|(cell, _)| cell).collect::<Vec<_>>()
            };
            table.add_rows(rows.iter().map(cells));
            writeln!(out, "{table}")
        }
    }
}

/// A table that fits 80 characters, unless it may be wide.
pub(super) fn fit(mut table: Table, is_wide: bool) -> Table {
    if !is_wide {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    }
    table
}

/// An empty table without lines: it can be piped on.
pub(super) fn table(titles: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles.iter().copied());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory};

    use super::super::Cli;

    /// Every command with none below it, by its words.
    fn leaves(command: &Command, path: &str, found: &mut Vec<(String, Command)>) {
        if !command.has_subcommands() || command.get_arguments().any(|one| one.get_id() == "reason") {
            found.push((path.to_owned(), command.clone()));
        }
        for below in command.get_subcommands() {
            leaves(below, format!("{path} {}", below.get_name()).trim(), found);
        }
    }

    fn all() -> Vec<(String, Command)> {
        let (mut cli, mut found) = (Cli::command(), Vec::new());
        cli.build();
        leaves(&cli, "", &mut found);
        found.retain(|(path, _)| !path.split(' ').any(|word| word == "help"));
        found
    }

    fn has(command: &Command, argument: &str) -> bool {
        command.get_arguments().any(|one| one.get_id() == argument)
    }

    #[test]
    fn whatever_lists_or_shows_something_prints_json_too() {
        const WORDS: [&str; 10] =
            ["list", "show", "history", "stops", "status", "find", "explain", "funnel", "probe", "forecast"];
        let shows = |path: &str| path.rsplit(' ').next().is_some_and(|word| WORDS.contains(&word));
        let all = all();
        let without: Vec<_> = all.iter().filter(|(path, one)| shows(path) && !has(one, "format")).collect();
        assert!(all.iter().filter(|(path, _)| shows(path)).count() > 20, "the tree is walked");
        assert!(without.is_empty(), "{:?}", without.iter().map(|(path, _)| path).collect::<Vec<_>>());
    }

    #[test]
    fn whatever_takes_a_borrower_takes_what_the_caller_says() {
        let all = all();
        let takes: Vec<_> = all.iter().filter(|(_, one)| has(one, "borrower")).collect();
        assert!(takes.len() >= 8, "{:?}", takes.iter().map(|(path, _)| path).collect::<Vec<_>>());
        for (path, command) in takes {
            for option in ["phone", "order", "email", "link", "merchant"] {
                assert!(has(command, option), "{path} lacks --{option}");
            }
        }
    }
}
