//! `dueherald audit list|verify|export`: who did what, and whether the record of it is whole.

mod export;
mod list;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CliError, Exit};
use crate::app::App;
use crate::pipeline::{AuditVerdict, verify_audit};

/// Look at the audit log, verify it, and write it into a file.
#[derive(Debug, Args)]
pub(super) struct AuditLogArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List who did what to whom, newest first
    List(list::AuditListArgs),
    /// Find an entry that was changed, removed, moved or cut off
    Verify {
        /// Compare with the signed last line of an earlier export
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Write all entries into a file, one JSON object a line, and the signed head last
    Export(export::ExportArgs),
}

/// Runs it.
pub(super) async fn run(args: AuditLogArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    match args.command {
        AuditCommand::List(args) => list::run(args, app, out).await,
        AuditCommand::Verify { checkpoint } => {
            let kept = checkpoint.map(|file| export::read_checkpoint(&file, &app.composer.links)).transpose()?;
            show(&verify_audit(&*app.store, &app.composer.links, kept.as_ref()).await?, out)
        }
        AuditCommand::Export(args) => export::run(&args, app, out).await,
    }
}

fn show(verdict: &AuditVerdict, out: &mut dyn Write) -> Result<Exit, CliError> {
    let AuditVerdict { fault, last, signed, erased, sealed, unproven } = verdict;
    if let Some(fault) = fault {
        writeln!(out, "the audit log is wrong from entry {} on: {fault}", fault.number())?;
        writeln!(out, "what is before it is right; signed up to entry {signed}")?;
        return Ok(Exit::Unwell);
    }
    writeln!(out, "{} entries are right; signed up to entry {signed}", last.number)?;
    for (count, words) in [
        (*erased, "have no personal values any more: they were erased"),
        (*sealed, "have personal values that do not open with the keys of [encryption]: not compared"),
    ] {
        if count > 0 {
            writeln!(out, "{count} entries {words}")?;
        }
    }
    if *unproven > 0 {
        writeln!(out, "{unproven} checkpoints are of link keys that the config does not have: not compared")?;
    }
    Ok(Exit::Done)
}
