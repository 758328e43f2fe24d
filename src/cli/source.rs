//! `dueherald source show|accept`: the queries of a source or preset, and instalments that a source has no longer.

use std::collections::BTreeMap;
use std::io::Write;

use clap::{Args, Subcommand};

use super::{CliError, Exit};
use crate::app::App;
use crate::config::{Config, SourceKind};
use crate::domain::{ManualChange, SourceName};
use crate::pipeline::{AuditNote, accept_vanished};
use crate::source::presets::Preset;
use crate::source::sql::Dialect;

/// Look at the sources of the ledger.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    #[command(subcommand)]
    command: SourceCommand,
}

#[derive(Debug, Subcommand)]
enum SourceCommand {
    /// Print the SQL of a source of the config, or of a preset with its defaults
    Show {
        /// The name of the source, or of the preset
        name: String,
    },
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

impl SourceArgs {
    /// The source or preset whose SQL is wanted; the config is enough for that.
    pub(super) fn shown(&self) -> Option<&str> {
        match &self.command {
            SourceCommand::Show { name } => Some(name),
            SourceCommand::Accept(_) => None,
        }
    }
}

/// Runs it.
pub(super) async fn run(args: SourceArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let AcceptArgs { name, reason, actor } = match args.command {
        SourceCommand::Accept(args) => args,
        SourceCommand::Show { name } => return show(&name, &app.config, out),
    };
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

/// Prints the SQL of a source or preset.
pub(super) fn show(name: &str, config: &Config, out: &mut dyn Write) -> Result<Exit, CliError> {
    let print = |out: &mut dyn Write, title: &str, text: &str| {
        writeln!(out, "-- {title}\n{};\n", text.trim().trim_end_matches(';'))
    };
    if let Some(source) = config.sources.iter().find(|source| source.name.as_str() == name) {
        let SourceKind::Sql(database) = &source.kind else {
            return Err(CliError::Use(format!("source {name} has no queries: it is not of kind sql")));
        };
        for branch in &database.settings.branches {
            let title =
                branch.name.as_ref().map_or_else(|| format!("source {name}"), |branch| format!("{name}: {branch}"));
            print(out, &title, branch.query.written())?;
        }
        if let Some(freshness) = &database.settings.freshness {
            print(out, &format!("{name}: freshness"), freshness)?;
        }
        return Ok(Exit::Done);
    }
    let Some(preset) = Preset::find(name) else {
        let known: Vec<_> = config.sources.iter().map(|source| source.name.as_str()).collect();
        let presets: Vec<_> = Preset::all().iter().map(|preset| preset.name).collect();
        return Err(CliError::Use(format!(
            "there is no source {name}; the config has {}, and presets are {}",
            if known.is_empty() { "none".to_owned() } else { known.join(", ") },
            presets.join(", ")
        )));
    };
    for dialect in preset.dialects() {
        let database = if dialect == Dialect::Postgres { "PostgreSQL" } else { "MariaDB" };
        let Some(queries) = preset.queries(dialect, &BTreeMap::new()) else { continue };
        for branch in &queries.branches {
            print(out, &format!("{name} on {database}: {}", branch.name), &branch.text)?;
        }
        print(out, &format!("{name} on {database}: freshness"), &queries.freshness)?;
    }
    Ok(Exit::Done)
}
