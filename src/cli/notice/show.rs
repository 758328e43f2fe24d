//! How far notices have come.

use std::io::Write;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::cli::CliError;
use crate::cli::table::{self, ListFormat, LocalTimes, Row};
use crate::domain::{NoticeChange, State};
use crate::pipeline::NoticeView;
use crate::store::NoticeCount;

/// Prints notices.
pub(super) fn list(
    views: &[NoticeView],
    format: ListFormat,
    times: &LocalTimes,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let rows: Vec<_> = views.iter().map(NoticeRow::of).collect();
    Ok(table::print(out, format, times, &rows)?)
}

/// Prints one with its progress and its history.
pub(super) fn one(
    view: &NoticeView,
    format: ListFormat,
    times: &LocalTimes,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let row = NoticeRow::of(view);
    let progress: Vec<_> = view.counts.iter().map(ProgressRow::of).collect();
    let changes: Vec<_> = view.changes.iter().map(ChangeRow::of).collect();
    if format.is_json() {
        let all = serde_json::json!({ "notice": row, "progress": progress, "changes": changes });
        serde_json::to_writer_pretty(&mut *out, &all)?;
        writeln!(out)?;
        return Ok(());
    }
    writeln!(out, "notice      {}  ({})", row.name, row.status)?;
    writeln!(out, "template    {}", row.template)?;
    writeln!(out, "for         {}", row.selection)?;
    writeln!(out, "made by     {}: {}, {}", row.actor, row.reason, times.at(None, row.at))?;
    writeln!(out, "recipients  {}, of which {} to do\n", row.recipients, row.to_do)?;
    table::print(out, format, times, &progress)?;
    writeln!(out)?;
    Ok(table::print(out, format, times, &changes)?)
}

/// A notice as it is listed.
#[derive(Debug, Serialize)]
struct NoticeRow {
    name: String,
    status: &'static str,
    template: String,
    selection: String,
    recipients: u64,
    /// Taken over by a gateway, or known to have arrived or not.
    sent: u64,
    delivered: u64,
    skipped: u64,
    to_do: u64,
    at: DateTime<Utc>,
    actor: String,
    reason: String,
}

impl NoticeRow {
    fn of(view: &NoticeView) -> Self {
        let count = |states: &[State]| {
            let counted = view.counts.iter().filter(|one| one.state.is_some_and(|state| states.contains(&state)));
            counted.map(|one| one.count).sum()
        };
        Self {
            name: view.notice.name.to_string(),
            status: view.status(),
            template: view.notice.template.to_string(),
            selection: view.notice.selection.clone(),
            recipients: view.recipients(),
            sent: count(&[State::Accepted, State::Delivered, State::Undelivered]),
            delivered: count(&[State::Delivered]),
            skipped: count(&[State::Skipped]),
            to_do: view.to_do(),
            at: view.notice.at,
            actor: view.notice.actor.clone(),
            reason: view.notice.reason.clone(),
        }
    }
}

impl Row for NoticeRow {
    const TITLES: &'static [&'static str] =
        &["NOTICE", "STATUS", "TEMPLATE", "RECIPIENTS", "SENT", "DELIVERED", "SKIPPED", "TO DO", "MADE", "BY", "WHY"];
    const WIDE_ONLY: &'static [&'static str] = &["DELIVERED", "SKIPPED", "MADE", "WHY"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            self.name.clone(),
            self.status.to_owned(),
            self.template.clone(),
            self.recipients.to_string(),
            self.sent.to_string(),
            self.delivered.to_string(),
            self.skipped.to_string(),
            self.to_do.to_string(),
            times.at(None, self.at),
            self.actor.clone(),
            self.reason.clone(),
        ]
    }
}

/// How many messages have come how far.
#[derive(Debug, Serialize)]
struct ProgressRow {
    channel: &'static str,
    /// `waiting` while it is not in the outbox.
    state: &'static str,
    why: Option<String>,
    count: u64,
}

impl ProgressRow {
    fn of(count: &NoticeCount) -> Self {
        let state = count.state.map_or("waiting", State::as_str);
        Self { channel: count.channel.as_str(), state, why: count.reason.clone(), count: count.count }
    }
}

impl Row for ProgressRow {
    const TITLES: &'static [&'static str] = &["CHANNEL", "STATE", "WHY", "MESSAGES"];

    fn cells(&self, _: &LocalTimes) -> Vec<String> {
        let why = self.why.clone().unwrap_or_default();
        vec![self.channel.to_owned(), self.state.to_owned(), why, self.count.to_string()]
    }
}

/// A change of a notice's state, and the person who made it.
#[derive(Debug, Serialize)]
struct ChangeRow {
    at: DateTime<Utc>,
    state: &'static str,
    actor: String,
    reason: String,
}

impl ChangeRow {
    fn of(change: &NoticeChange) -> Self {
        let NoticeChange { state, at, actor, reason } = change.clone();
        Self { at, state: state.as_str(), actor, reason }
    }
}

impl Row for ChangeRow {
    const TITLES: &'static [&'static str] = &["SINCE", "STATE", "BY", "WHY"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![times.at(None, self.at), self.state.to_owned(), self.actor.clone(), self.reason.clone()]
    }
}
