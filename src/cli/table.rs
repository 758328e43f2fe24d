//! Lists: a table for people, JSON for programs.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde::Serialize;

/// How a list is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs: JSON, of a list one array.
    Json,
}

/// A row of a list: its cells for the table, itself for JSON.
pub(super) trait Row: Serialize {
    /// The column titles.
    const TITLES: &'static [&'static str];

    /// The cells, in the order of the titles.
    fn cells(&self) -> Vec<String>;
}

/// Prints rows.
pub(super) fn print<R: Row>(out: &mut dyn Write, format: Format, rows: &[R]) -> io::Result<()> {
    match format {
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, rows)?;
            writeln!(out)
        }
        Format::Table if rows.is_empty() => writeln!(out, "nothing to show"),
        Format::Table => {
            let mut table = table(R::TITLES);
            table.add_rows(rows.iter().map(Row::cells));
            writeln!(out, "{table}")
        }
    }
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
