//! `dueherald audit list`.

use std::io::Write;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::Args;
use serde::Serialize;

use super::super::borrower::{BorrowerNames, BorrowerSearchPlace};
use super::super::reveal::RevealArgs;
use super::super::table::{self, ListFormat, LocalTimes, Row};
use super::super::{CliError, Exit};
use crate::app::App;
use crate::domain::{AuditAction, AuditEntry, AuditPersonal, AuditSubject, AuditValues, NewAuditEntry};
use crate::pipeline::{AuditNote, masked_address_text};
use crate::store::AuditFilter;

/// A personal value that is not shown.
const MASK: &str = "…";

#[derive(Debug, Args)]
pub(super) struct AuditListArgs {
    #[command(flatten)]
    whom: BorrowerNames,
    /// Only entries by this person or system
    #[arg(long)]
    actor: Option<String>,
    /// Only entries of this action, for example resend
    #[arg(long)]
    action: Option<AuditAction>,
    /// Only entries from then on (YYYY-MM-DD in UTC, or an instant)
    #[arg(long, value_parser = instant)]
    since: Option<DateTime<Utc>>,
    /// Only entries before then (YYYY-MM-DD in UTC, or an instant)
    #[arg(long, value_parser = instant)]
    until: Option<DateTime<Utc>>,
    /// Only those with a smaller number: the next page
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    reveal: RevealArgs,
    #[command(flatten)]
    format: ListFormat,
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let day = || Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN).and_utc());
    let at = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()).ok().or_else(day);
    at.ok_or_else(|| "is no day such as 2026-11-25 and no instant such as 2026-11-25T08:00:00Z".to_owned())
}

pub(super) async fn run(args: AuditListArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let note = args.reveal.note()?;
    let is_revealed = note.is_some();
    if let Some(note) = note {
        let looked = entry(AuditAction::AuditReveal, AuditSubject::default(), note, app.clock.now());
        app.store.append(&super::super::origin::command(), &[looked]).await?;
    }
    let (borrower, merchant) = args.whom.filter(&BorrowerSearchPlace::of(app)).await?;
    let filter = AuditFilter {
        merchant,
        borrower,
        actor: args.actor,
        action: args.action,
        since: args.since,
        until: args.until,
        before: args.before,
        limit: args.limit,
    };
    let entries = app.store.audit_entries(&filter).await?;
    let rows: Vec<_> = entries.iter().map(|entry| EntryRow::of(entry, is_revealed)).collect();
    table::print(out, args.format, &args.format.times(&app.policy.merchants), &rows)?;
    Ok(Exit::Done)
}

/// The entry of a look at the log itself.
pub(super) fn entry(action: AuditAction, subject: AuditSubject, note: AuditNote, at: DateTime<Utc>) -> NewAuditEntry {
    NewAuditEntry { at, actor: Some(note.actor), action, subject, values: AuditValues::because(&note.reason) }
}

/// An entry as it is listed.
#[derive(Debug, Serialize)]
struct EntryRow {
    number: i64,
    at: DateTime<Utc>,
    actor: String,
    door: String,
    signer: String,
    place: String,
    action: String,
    merchant: Option<String>,
    borrower: Option<String>,
    reminder: Option<i64>,
    object: Option<String>,
    /// `shown`, `masked`, `erased`, or `sealed` where no key of the config opens them.
    personal: &'static str,
    #[serde(flatten)]
    values: AuditValues,
}

impl EntryRow {
    fn of(entry: &AuditEntry, reveal: bool) -> Self {
        let record = entry.record.clone();
        let values = entry.personal.values().unwrap_or_default();
        let (personal, values) = match &entry.personal {
            AuditPersonal::Erased => ("erased", values),
            AuditPersonal::Sealed => ("sealed", values),
            AuditPersonal::Text { .. } if reveal => ("shown", values),
            AuditPersonal::Text { .. } => ("masked", masked(&values)),
        };
        Self {
            number: record.number,
            at: record.at,
            actor: record.actor,
            door: record.door,
            signer: record.signer,
            place: record.place,
            action: record.action,
            merchant: record.merchant,
            borrower: record.borrower,
            reminder: record.reminder,
            object: record.object,
            personal,
            values,
        }
    }
}

fn masked(values: &AuditValues) -> AuditValues {
    let mask = |value: &Option<String>| value.as_ref().map(|_| MASK.to_owned());
    AuditValues {
        reason: mask(&values.reason),
        address: values.address.as_deref().map(masked_address_text),
        client: mask(&values.client),
        before: mask(&values.before),
        after: mask(&values.after),
    }
}

impl Row for EntryRow {
    const TITLES: &'static [&'static str] = &["NUMBER", "AT", "BY", "FROM", "ACTION", "ABOUT", "DETAILS"];
    const WIDE_ONLY: &'static [&'static str] = &["FROM"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        let about = [
            self.merchant.clone(),
            self.borrower.clone(),
            self.reminder.map(|id| format!("reminder {id}")),
            self.object.clone(),
            self.values.address.clone(),
        ];
        let AuditValues { reason, before, after, client, .. } = &self.values;
        let change = match (before, after) {
            (Some(before), Some(after)) => Some(format!("{before} → {after}")),
            (None, Some(after)) => Some(after.clone()),
            (Some(before), None) => Some(before.clone()),
            (None, None) => None,
        };
        let details = match self.personal {
            "shown" => [reason.clone(), change, client.clone()].into_iter().flatten().collect::<Vec<_>>().join("; "),
            "masked" => String::new(),
            other => other.to_owned(),
        };
        vec![
            self.number.to_string(),
            times.at(self.merchant.as_deref(), self.at),
            self.actor.clone(),
            format!("{} {}@{}", self.door, self.signer, self.place),
            self.action.clone(),
            about.into_iter().flatten().collect::<Vec<_>>().join(" "),
            details,
        ]
    }
}
