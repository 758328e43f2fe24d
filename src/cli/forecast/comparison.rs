//! A comparison of two configs as tables and as JSON.

use std::io::{self, Write};

use chrono::NaiveDate;
use serde::Serialize;
use serde_json::json;

use super::super::table::{self, ListFormat, LocalTimes, Row};
use super::show::numbers;
use crate::pipeline::{Comparison, ForecastSpan, ReminderDifference, StepDifference};

/// Prints it for people.
pub(super) fn tables(
    compared: &Comparison,
    span: ForecastSpan,
    format: ListFormat,
    other: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let local = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&span.zone).format("%F %H:%M").to_string();
    writeln!(
        out,
        "What leaves from {} to {}, {}, by the rules of {other}\n",
        local(span.from),
        local(span.until),
        span.zone
    )?;
    let mut steps = numbers(&["STEP", "CHANNEL", "NOW", "THEN", "GAINED", "LOST"], 2);
    let row = |step: String, channel: String, StepDifference { now, then, gained, lost }: StepDifference| {
        [step, channel, now.to_string(), then.to_string(), gained.to_string(), lost.to_string()]
    };
    for ((step, channel), moved) in &compared.steps {
        steps.add_row(row(step.to_string(), channel.to_string(), *moved));
    }
    let total = compared.total();
    steps.add_row(row("in all".into(), String::new(), total));
    writeln!(out, "{steps}\n")?;
    let changed = total.gained + total.lost;
    if changed == 0 {
        return writeln!(out, "nobody gains or loses a reminder");
    }
    let times = format.times(&std::collections::BTreeMap::new());
    table::print(out, format, &times, &rows(compared))?;
    let unnamed = changed - compared.changed.len() as u64;
    if unnamed > 0 {
        writeln!(out, "\n… and {unnamed} more; --format json names all")?;
    }
    Ok(())
}

/// Prints it for programs.
pub(super) fn json(compared: &Comparison, span: ForecastSpan, out: &mut dyn Write) -> io::Result<()> {
    let StepDifference { now, then, gained, lost } = compared.total();
    let steps = compared.steps.iter().map(|((step, channel), moved)| {
        json!({
            "step": step.to_string(), "channel": channel,
            "now": moved.now, "then": moved.then, "gained": moved.gained, "lost": moved.lost,
        })
    });
    let whole = json!({
        "from": span.from,
        "until": span.until,
        "total": { "now": now, "then": then, "gained": gained, "lost": lost },
        "steps": steps.collect::<Vec<_>>(),
        "changed": rows(compared),
    });
    serde_json::to_writer_pretty(&mut *out, &whole)?;
    writeln!(out)
}

fn rows(compared: &Comparison) -> Vec<DifferenceRow> {
    compared.changed.iter().map(DifferenceRow::of).collect()
}

/// One reminder that somebody gains or loses.
#[derive(Debug, Serialize)]
struct DifferenceRow {
    change: &'static str,
    merchant: String,
    borrower: String,
    due_date: NaiveDate,
    step: String,
    channel: &'static str,
}

impl DifferenceRow {
    fn of(changed: &ReminderDifference) -> Self {
        let key = &changed.key;
        Self {
            change: if changed.gained { "gained" } else { "lost" },
            merchant: key.borrower.merchant.to_string(),
            borrower: key.borrower.id.to_string(),
            due_date: key.due_date,
            step: key.step.to_string(),
            channel: key.channel.as_str(),
        }
    }
}

impl Row for DifferenceRow {
    const TITLES: &'static [&'static str] = &["CHANGE", "MERCHANT", "BORROWER", "DUE", "STEP", "CHANNEL"];

    fn cells(&self, _: &LocalTimes) -> Vec<String> {
        let Self { change, merchant, borrower, due_date, step, channel } = self;
        let due_date = due_date.to_string();
        vec![(*change).to_owned(), merchant.clone(), borrower.clone(), due_date, step.clone(), (*channel).to_owned()]
    }
}
