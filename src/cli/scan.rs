//! `dueherald scan`: plan what comes into view, once.

use std::io::Write;

use chrono::{DateTime, Utc};
use clap::Args;

use super::{CliError, Exit, reminders::moment};
use crate::pipeline::{ScanOrder, ScanReport, ScanScope, scan};
use crate::plan::Policy;
use crate::store::{Store, WriteMode};

/// Plan the reminders that come into view.
#[derive(Debug, Args)]
pub(super) struct ScanArgs {
    /// Plan everything that is in view at this time (RFC 3339, for example 2026-11-22T10:00:00+08:00), apart from the
    /// regular scans
    #[arg(long, value_name = "TIME", conflicts_with = "full")]
    pub(super) at: Option<DateTime<Utc>>,
    /// Then check everything in view: plan and report what was missed (exit code 3)
    #[arg(long)]
    full: bool,
    /// Only say what would be planned
    #[arg(long)]
    dry_run: bool,
}

impl ScanArgs {
    /// The scope of the scan that the options select.
    pub(super) fn extent(&self) -> ScanScope {
        match self {
            Self { at: Some(_), .. } => ScanScope::Aside,
            Self { full: true, .. } => ScanScope::Full,
            Self { .. } => ScanScope::News,
        }
    }
}

/// Runs it.
pub(super) async fn run(
    args: &ScanArgs,
    store: &dyn Store,
    policy: &Policy,
    order: ScanOrder,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let mode = if args.dry_run { WriteMode::DryRun } else { WriteMode::Commit };
    let report = scan(store, policy, &ScanOrder { mode, ..order }).await?;
    let ScanReport { looked_at, planned, late, expired, superseded, revived, moved, found, held, .. } = report;
    let verb = if args.dry_run { "would be planned" } else { "planned" };
    writeln!(
        out,
        "{planned} {verb}, up to {}; looked at {looked_at} due dates of borrowers",
        moment(order.horizon.until)
    )?;
    if late + expired + superseded > 0 {
        writeln!(out, "planned after their time: {late} to be sent late, {expired} expired, {superseded} superseded")?;
    }
    if held > 0 {
        writeln!(
            out,
            "{held} of these are held: far more was planned than usual; see: dueherald reminders approve --help"
        )?;
    }
    if revived > 0 {
        writeln!(out, "{revived} planned again: what they were skipped for is no longer so")?;
    }
    if moved > 0 {
        writeln!(out, "{moved} that wait were changed to another time or channel, as their rule or borrower changed")?;
    }
    if found > 0 {
        writeln!(
            out,
            "{found} of these had been missed by earlier scans; please report this with the log of the daemon"
        )?;
        return Ok(Exit::Partly);
    }
    Ok(Exit::Done)
}
