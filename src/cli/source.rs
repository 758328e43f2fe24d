//! `dueherald source show|accept`: the queries of a source or preset, and instalments that a source has no longer.

use std::collections::BTreeMap;
use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::table::Format;
use super::{CliError, Exit};
use crate::app::App;
use crate::config::{Config, SourceKind};
use crate::domain::{ManualChange, SourceName};
use crate::pipeline::{AuditNote, accept_vanished};
use crate::source::presets::Preset;
use crate::source::sql::Dialect;

/// The name of the statement for the age of the data, beside those of branches.
const FRESHNESS: &str = "freshness";

/// Look at the sources of the ledger.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    #[command(subcommand)]
    pub(super) command: SourceCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum SourceCommand {
    /// Print the SQL of a source of the config, or of a preset with its defaults
    Show(ShowArgs),
    /// Cancel the instalments that are held because their source has them no longer
    Accept(AcceptArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The name of the source, or of the preset
    name: String,
    /// Print SQL or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// When far more instalments vanish from a source than usual (max_vanishing), none is cancelled and their reminders are
/// held. This cancels them. If the source is at fault, mend it instead: their next rows release them, which `dueherald
/// import --source NAME --from-start` reads at once.
#[derive(Debug, Args)]
pub(super) struct AcceptArgs {
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
    let AcceptArgs { name, reason, actor } = match args.command {
        SourceCommand::Accept(args) => args,
        SourceCommand::Show(args) => return show(&args, &app.config, out),
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

/// A statement that a source asks.
#[derive(Debug, Serialize)]
struct Statement {
    /// The source, or the preset.
    source: String,
    /// The kind of database that it is for, of a preset.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<&'static str>,
    /// The branch, or `freshness`; `None` for the only query of a source.
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    sql: String,
}

/// Prints the SQL of a source or preset.
pub(super) fn show(args: &ShowArgs, config: &Config, out: &mut dyn Write) -> Result<Exit, CliError> {
    let statements = statements(&args.name, config)?;
    if args.format == Format::Json {
        serde_json::to_writer_pretty(&mut *out, &statements).map_err(std::io::Error::from)?;
        writeln!(out)?;
        return Ok(Exit::Done);
    }
    for Statement { source, database, branch, sql } in &statements {
        let database = database.map(|database| format!(" on {database}")).unwrap_or_default();
        match branch {
            Some(branch) => writeln!(out, "-- {source}{database}: {branch}")?,
            None => writeln!(out, "-- source {source}")?,
        }
        writeln!(out, "{sql};\n")?;
    }
    Ok(Exit::Done)
}

fn statements(name: &str, config: &Config) -> Result<Vec<Statement>, CliError> {
    let statement = |database, branch: Option<&str>, sql: &str| Statement {
        source: name.to_owned(),
        database,
        branch: branch.map(str::to_owned),
        sql: sql.trim().trim_end_matches(';').to_owned(),
    };
    if let Some(source) = config.sources.iter().find(|source| source.name.as_str() == name) {
        let SourceKind::Sql(database) = &source.kind else {
            return Err(CliError::Use(format!("source {name} has no queries: it is not of kind sql")));
        };
        let branches = database.settings.branches.iter();
        let branches = branches
            .map(|branch| statement(None, branch.name.as_ref().map(|branch| branch.as_str()), branch.query.written()));
        let freshness = database.settings.freshness.iter().map(|sql| statement(None, Some(FRESHNESS), sql));
        return Ok(branches.chain(freshness).collect());
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
    let mut statements = Vec::new();
    for dialect in preset.dialects() {
        let database = Some(if dialect == Dialect::Postgres { "PostgreSQL" } else { "MariaDB" });
        let Some(queries) = preset.queries(dialect, &BTreeMap::new()) else { continue };
        let branches = queries.branches.iter();
        statements.extend(branches.map(|branch| statement(database, Some(branch.name), &branch.text)));
        statements.push(statement(database, Some(FRESHNESS), &queries.freshness));
    }
    Ok(statements)
}
