//! `dueherald source accept`: instalments that a source has no longer.

use std::io::Write;

use clap::{Args, Subcommand};

use super::{CliError, Exit};
use crate::app::App;
use crate::domain::{ManualChange, SourceName};
use crate::pipeline::{AuditNote, accept_vanished};

/// Look at the sources of the ledger.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    #[command(subcommand)]
    command: SourceCommand,
}

#[derive(Debug, Subcommand)]
enum SourceCommand {
    /// Cancel the instalments that are held because their source has them no longer
    Accept(AcceptArgs),
}

/// When far more instalments vanish from a source than usual (max_vanishing), none is cancelled and their reminders are
/// held. This cancels them. If the source is at fault, mend it instead: their next rows release them, which `dueherald
/// import --source NAME --from-start` reads at once.
#[derive(Debug, Args)]
struct AcceptArgs {
    /// The source
    name: SourceName,
    /// Reason (recorded)
    #[arg(long)]
    reason: String,
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
}

/// Runs it.
pub(super) async fn run(args: SourceArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let SourceCommand::Accept(AcceptArgs { name, reason, actor }) = args.command;
    let note = AuditNote::new(&actor, &reason).map_err(|error| CliError::Use(error.to_string()))?;
    let by = ManualChange { actor: note.actor, reason: note.reason, at: app.clock.now() };
    let accepted = accept_vanished(&*app.store, &name, &by).await?;
    if accepted == 0 && !app.config.sources.iter().any(|source| source.name == name) {
        writeln!(out, "the config has no source {name}, and none of its instalments is held")?;
        return Ok(Exit::Unwell);
    }
    writeln!(out, "{accepted} cancelled")?;
    Ok(Exit::Done)
}
