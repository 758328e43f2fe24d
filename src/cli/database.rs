//! `dueherald database`: whether anything may be sent from the database, and the order to send again.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::table::{ListFormat, LocalTimes};
use super::{CliError, Exit};
use crate::domain::{Arming, DaemonRecord, DatabaseState, LOST_RECORD};
use crate::pipeline::AuditNote;
use crate::plan::not_handed_in;
use crate::store::Store;

/// Look at the database's incarnation, and let it be sent from again.
#[derive(Debug, Args)]
pub(super) struct DatabaseArgs {
    #[command(subcommand)]
    command: DatabaseCommand,
}

#[derive(Debug, Subcommand)]
enum DatabaseCommand {
    /// Show which database it is, whether it may be sent from, and which daemons have sent from it
    Status {
        #[command(flatten)]
        format: ListFormat,
    },
    /// Let the daemons send again from a database that was restored, promoted or replaced
    Arm(ArmArgs),
}

#[derive(Debug, Args)]
struct ArmArgs {
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
    /// Reason (recorded)
    #[arg(long)]
    reason: String,
    /// A daemon that is gone for good, with what it remembered: what only it has handed over may be sent again
    #[arg(long, value_name = "DAEMON")]
    without: Vec<String>,
}

/// Runs it. `persons` have to order that the database is armed.
pub(super) async fn run(
    args: DatabaseArgs,
    store: &dyn Store,
    persons: u8,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let state = store.database_state(None).await?;
    match args.command {
        DatabaseCommand::Status { format } => {
            if format.is_json() {
                serde_json::to_writer_pretty(&mut *out, &StatusJson::of(&state))?;
                writeln!(out)?;
            } else {
                show(&state, &format.times(&BTreeMap::new()), out)?;
            }
            Ok(if state.disarm.is_none() { Exit::Done } else { Exit::Unwell })
        }
        DatabaseCommand::Arm(args) => arm(&args, &state, store, persons, now, out).await,
    }
}

async fn arm(
    args: &ArmArgs,
    state: &DatabaseState,
    store: &dyn Store,
    persons: u8,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let by = AuditNote::new(&args.actor, &args.reason).map_err(|error| CliError::Use(error.to_string()))?.at(now);
    let missing: Vec<_> = not_handed_in(state).filter(|one| !args.without.contains(&one.daemon)).collect();
    if !missing.is_empty() {
        let names: Vec<_> = missing.iter().map(|one| format!("--without {:?}", one.daemon)).collect();
        return Err(CliError::Failed(format!(
            "{} of the daemons that sent from it have not told what they handed over: start them, with their \
             state_dir, and try again in \
             a few seconds; for those that are gone for good, add {}",
            missing.len(),
            names.join(" ")
        )));
    }
    match store.arm(&by, persons).await? {
        Arming::Armed => writeln!(out, "armed: the daemons send again within a few seconds")?,
        Arming::OnePersonMore => writeln!(out, "noted: a second person has to order it as well")?,
    }
    Ok(Exit::Done)
}

/// The JSON form of the state.
#[derive(Debug, Serialize)]
struct StatusJson<'a> {
    database: String,
    generation: String,
    armed: bool,
    disarmed_since: Option<DateTime<Utc>>,
    disarmed_by: Option<String>,
    reason: Option<String>,
    daemons: Vec<DaemonJson<'a>>,
}

#[derive(Debug, Serialize)]
struct DaemonJson<'a> {
    daemon: &'a str,
    last_at: DateTime<Utc>,
    handed_in: Option<&'a str>,
}

impl<'a> StatusJson<'a> {
    fn of(state: &'a DatabaseState) -> Self {
        let disarm = state.disarm.as_ref();
        let daemon = |one: &'a DaemonRecord| DaemonJson {
            daemon: &one.daemon,
            last_at: one.last_at,
            handed_in: one.handed_in.as_deref(),
        };
        Self {
            database: state.incarnation.database.to_string(),
            generation: state.incarnation.generation.to_string(),
            armed: disarm.is_none(),
            disarmed_since: disarm.map(|disarm| disarm.since),
            disarmed_by: disarm.map(|disarm| disarm.daemon.to_string()),
            reason: disarm.map(|disarm| disarm.reason.to_string()),
            daemons: state.daemons.iter().map(daemon).collect(),
        }
    }
}

fn show(state: &DatabaseState, times: &LocalTimes, out: &mut dyn Write) -> Result<(), CliError> {
    let incarnation = &state.incarnation;
    writeln!(out, "database {}, generation {}", incarnation.database, incarnation.generation)?;
    if let (Some(system), Some(timeline)) = (&incarnation.system, &incarnation.timeline) {
        writeln!(out, "server {system}, timeline {timeline}")?;
    }
    match &state.disarm {
        None => writeln!(out, "armed: it may be sent from")?,
        Some(disarm) => {
            writeln!(
                out,
                "disarmed since {} by {} ({}): {}",
                times.at(None, disarm.since),
                disarm.daemon,
                disarm.reason,
                disarm.reason.explained()
            )?;
            writeln!(out, "see to it that it is the right one, then run `dueherald database arm`")?;
        }
    }
    for one in &state.daemons {
        let says = match one.handed_in.as_deref() {
            None if state.disarm.is_some() => "has not reported what it handed over",
            None => "sends",
            Some(word) if word.starts_with(LOST_RECORD) => "waits; its own record is gone",
            Some(_) => "waits; what it handed over is in the database",
        };
        writeln!(out, "  {}: {says}, last there {}", one.daemon, times.at(None, one.last_at))?;
    }
    Ok(())
}
