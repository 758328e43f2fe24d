//! `dueherald reminders resolve`: what a person or a provider's report says of unknown reminders.

use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};

use super::super::{CliError, Exit};
use crate::domain::ReminderId;
use crate::pipeline::{AuditNote, Finding, ResolveError, resolve};
use crate::source::{Encoding, TextInput, TextOptions};
use crate::store::Store;

/// The columns of a report.
const COLUMNS: [&str; 2] = ["reminder", "outcome"];

#[derive(Debug, Args)]
pub(super) struct ResolveArgs {
    /// Number of the reminder, from `list --state unknown`
    #[arg(required_unless_present = "file")]
    id: Option<ReminderId>,
    /// sent: it went out. resend: it did not, and is to be sent again
    #[arg(long = "as", value_enum, value_name = "FINDING", required_unless_present = "file")]
    finding: Option<Resolution>,
    /// Settle many from a CSV file with the columns reminder (its number) and outcome (sent, delivered, undelivered or
    /// not_sent)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "finding"])]
    file: Option<PathBuf>,
    /// Its encoding, such as gb18030 or utf-16 [default: UTF-8, or UTF-16 if it is that]
    #[arg(long, value_name = "NAME", requires = "file", conflicts_with = "id")]
    encoding: Option<Encoding>,
    /// Evidence for the outcome (recorded)
    #[arg(long)]
    reason: String,
    /// Person who checked it (recorded)
    #[arg(long)]
    actor: String,
}

/// How a person settles an unknown message.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Resolution {
    /// It went out
    Sent,
    /// It did not, and is to be sent again
    Resend,
}

/// Runs it.
pub(super) async fn run(
    args: &ResolveArgs,
    store: &dyn Store,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let audit_note = AuditNote::new(&args.actor, &args.reason).map_err(|error| CliError::Use(error.to_string()))?;
    match (&args.file, args.id, args.finding) {
        (Some(file), ..) => settle_file(file, args.encoding, store, &audit_note, now, out).await,
        (None, Some(id), Some(found)) => settle_one(id, found, store, &audit_note, now, out).await,
        _ => Err(CliError::Use("name a reminder and --as FINDING, or --file FILE".to_owned())),
    }
}

async fn settle_one(
    id: ReminderId,
    found: Resolution,
    store: &dyn Store,
    audit_note: &AuditNote,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let (finding, said) = match found {
        Resolution::Sent => (Finding::Sent, "counts as sent"),
        Resolution::Resend => (Finding::Resend, "is due again, and is decided afresh"),
    };
    resolve(store, id, finding, audit_note, now).await.map_err(|error| match error {
        ResolveError::Store(error) => CliError::Store(error),
        ResolveError::Unsigned(_) => CliError::Use(error.to_string()),
        ResolveError::NotUnknown(_) => CliError::Failed(error.to_string()),
    })?;
    writeln!(out, "reminder {id} {said}")?;
    Ok(Exit::Done)
}

/// Settles line by line, so that a line that cannot be settled keeps no other from it.
async fn settle_file(
    file: &Path,
    encoding: Option<Encoding>,
    store: &dyn Store,
    audit_note: &AuditNote,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let name = file.display();
    let options = TextOptions { encoding, strict: false };
    let input = TextInput::open(file, options).map_err(|error| CliError::Failed(format!("{name}: {error}")))?;
    let mut lines = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(input);
    let places = places(&mut lines).map_err(|reason| CliError::Use(format!("{name}: {reason}")))?;
    let (mut settled, mut left) = (0_u64, 0_u64);
    for record in lines.records() {
        let record = record.map_err(|error| CliError::Failed(format!("{name}: {error}")))?;
        let line = record.position().map_or(0, csv::Position::line);
        let problem = match read(&record, places) {
            Err(reason) => reason,
            Ok((id, finding)) => match resolve(store, id, finding, audit_note, now).await {
                Ok(()) => {
                    settled += 1;
                    continue;
                }
                Err(ResolveError::Store(error)) => return Err(CliError::Store(error)),
                Err(other) => other.to_string(),
            },
        };
        left += 1;
        writeln!(out, "line {line}: {problem}")?;
    }
    writeln!(out, "{settled} settled, {left} not")?;
    Ok(match (settled, left) {
        (_, 0) => Exit::Done,
        (0, _) => Exit::Unwell,
        _ => Exit::Partly,
    })
}

/// Where the columns stand.
fn places(lines: &mut csv::Reader<TextInput>) -> Result<[usize; 2], String> {
    let header = lines.headers().map_err(|error| error.to_string())?;
    let place = |column: &str| {
        let is_it = |cell: &str| cell.trim_start_matches('\u{feff}').eq_ignore_ascii_case(column);
        header.iter().position(is_it).ok_or_else(|| {
            format!("there is no column {column}; the first line must name the columns {}", COLUMNS.join(" and "))
        })
    };
    Ok([place(COLUMNS[0])?, place(COLUMNS[1])?])
}

fn read(record: &csv::StringRecord, [reminder, outcome]: [usize; 2]) -> Result<(ReminderId, Finding), String> {
    let number = record.get(reminder).unwrap_or_default();
    let id = number.parse().map_err(|_| "the column reminder holds no number of a reminder".to_owned())?;
    let finding = match record.get(outcome).unwrap_or_default().to_ascii_lowercase().as_str() {
        "sent" => Finding::Sent,
        "delivered" => Finding::Delivered,
        "undelivered" => Finding::Undelivered,
        "not_sent" => Finding::Resend,
        _ => return Err("the column outcome is none of sent, delivered, undelivered, not_sent".to_owned()),
    };
    Ok((id, finding))
}
