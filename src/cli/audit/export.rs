//! `dueherald audit export`: the log in a file that can be kept elsewhere, with the signed head as its last line.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::Args;
use serde::{Deserialize, Serialize};

use super::super::{CliError, Exit, origin};
use super::list;
use crate::app::App;
use crate::domain::{AuditAction, AuditCheckpoint, AuditEntry, AuditHead, AuditPersonal, AuditSubject};
use crate::pipeline::AuditNote;
use crate::private_file;
use crate::render::{CheckpointTrust, LinkKeys};

/// How many entries are read at once.
const PAGE: u32 = 1_000;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The file, readable by its owner alone
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Person who exports (recorded)
    #[arg(long)]
    actor: String,
    /// Reason (recorded)
    #[arg(long)]
    reason: String,
    /// Write reasons, addresses and what changed as well
    #[arg(long)]
    reveal: bool,
}

/// An entry as it is exported: all that its hash is made of.
#[derive(Debug, Serialize)]
struct AuditLine<'e> {
    number: i64,
    at: DateTime<Utc>,
    actor: &'e str,
    door: &'e str,
    signer: &'e str,
    place: &'e str,
    action: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    borrower: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reminder: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    /// The text that is hashed with the salt.
    #[serde(skip_serializing_if = "Option::is_none")]
    personal: Option<&'e str>,
    personal_hash: String,
    hash: String,
}

impl<'e> AuditLine<'e> {
    fn of(entry: &'e AuditEntry, reveal: bool) -> Self {
        let record = &entry.record;
        let (salt, personal) = match &entry.personal {
            AuditPersonal::Text { salt, text } if reveal => {
                (Some(crate::domain::AuditHash(*salt).to_string()), Some(&**text))
            }
            _ => (None, None),
        };
        Self {
            number: record.number,
            at: record.at,
            actor: &record.actor,
            door: &record.door,
            signer: &record.signer,
            place: &record.place,
            action: &record.action,
            merchant: record.merchant.as_deref(),
            borrower: record.borrower.as_deref(),
            reminder: record.reminder,
            object: record.object.as_deref(),
            salt,
            personal,
            personal_hash: entry.personal_hash.to_string(),
            hash: entry.hash.to_string(),
        }
    }
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
struct HeadLine {
    head: SignedHead,
}

/// A checkpoint in a file.
#[derive(Debug, Serialize, Deserialize)]
struct SignedHead {
    number: i64,
    hash: String,
    at: DateTime<Utc>,
    key: u8,
    signature: String,
}

/// Writes the file. The entry of the export is the last in it.
pub(super) async fn run(args: &ExportArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let note = AuditNote::new(&args.actor, &args.reason).map_err(|error| CliError::Use(error.to_string()))?;
    let refused = |error: std::io::Error| CliError::Failed(format!("{}: {error}", args.to.display()));
    let mut file = BufWriter::new(private_file::create(&args.to).map_err(refused)?);
    let subject = AuditSubject::object("personal values", if args.reveal { "included" } else { "left out" });
    let exported = list::entry(AuditAction::AuditExport, subject, note, app.clock.now());
    let head = app.store.append(&origin::command(), &[exported]).await?;
    let mut last = AuditHead { number: 0, ..head };
    while last.number < head.number {
        let page = app.store.audit_chain(last.number, PAGE).await?;
        let Some(end) = page.last() else { break };
        for entry in page.iter().filter(|entry| entry.record.number <= head.number) {
            serde_json::to_writer(&mut file, &AuditLine::of(entry, args.reveal))?;
            file.write_all(b"\n").map_err(refused)?;
            last = AuditHead { number: entry.record.number, hash: entry.hash };
        }
        if end.record.number > head.number {
            break;
        }
    }
    if last != head {
        let text = "the audit log is not whole; nothing was signed: run `dueherald audit verify`";
        return Err(CliError::Failed(text.to_owned()));
    }
    let signed = app.composer.links.sign_head(head, app.clock.now());
    app.store.add_checkpoint(&signed).await?;
    serde_json::to_writer(&mut file, &HeadLine { head: SignedHead::of(&signed) })?;
    file.write_all(b"\n").and_then(|()| file.flush()).map_err(refused)?;
    file.get_ref().sync_all().map_err(refused)?;
    writeln!(
        out,
        "{} entries written to {}; keep it where this database's administrators cannot change it",
        head.number,
        args.to.display()
    )?;
    Ok(Exit::Done)
}

impl SignedHead {
    fn of(signed: &AuditCheckpoint) -> Self {
        Self {
            number: signed.head.number,
            hash: signed.head.hash.to_string(),
            at: signed.at,
            key: signed.key,
            signature: signed.signature.to_string(),
        }
    }
}

/// The signed head in the last line of an export.
pub(super) fn read_checkpoint(path: &Path, keys: &LinkKeys) -> Result<AuditCheckpoint, CliError> {
    let failed = |text: &str| CliError::Failed(format!("{}: {text}", path.display()));
    let file = File::open(path).map_err(|error| failed(&error.to_string()))?;
    let mut last = String::new();
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|error| failed(&error.to_string()))?;
        if !line.trim().is_empty() {
            last = line;
        }
    }
    let none = || failed("its last line is no signed head of the audit log, as `dueherald audit export` writes it");
    let HeadLine { head } = serde_json::from_str(&last).map_err(|_| none())?;
    let checkpoint = AuditCheckpoint {
        head: AuditHead { number: head.number, hash: head.hash.parse().map_err(|_| none())? },
        at: head.at,
        key: head.key,
        signature: head.signature.parse().map_err(|_| none())?,
    };
    match keys.trust(&checkpoint) {
        CheckpointTrust::Proven => Ok(checkpoint),
        CheckpointTrust::Forged => Err(failed("its signature is not that of the link key: the file was changed")),
        CheckpointTrust::UnknownKey => {
            Err(failed(&format!("it is signed with link key {}, which [links] does not have; put it back", head.key)))
        }
    }
}
