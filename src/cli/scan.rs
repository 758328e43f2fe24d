//! `dueherald scan`: plan what comes into view, once.

use std::io::Write;

use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;

use super::{CliError, Exit, reminders::moment};
use crate::pipeline::scan;
use crate::plan::{Horizon, Policy};
use crate::store::{Store, WriteMode};

/// Plan the reminders that come into view.
#[derive(Debug, Args)]
pub(super) struct ScanArgs {
    /// Plan as if it were this time (RFC 3339, for example 2026-11-22T10:00:00+08:00)
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<DateTime<Utc>>,
    /// Only say what would be planned
    #[arg(long)]
    dry_run: bool,
}

/// Runs it at `now`, planning `ahead`.
pub(super) async fn run(
    args: &ScanArgs,
    store: &dyn Store,
    policy: &Policy,
    now: DateTime<Utc>,
    ahead: TimeDelta,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let horizon = Horizon { now, until: now + ahead };
    let mode = if args.dry_run { WriteMode::DryRun } else { WriteMode::Commit };
    let report = scan(store, policy, horizon, mode).await?;
    let verb = if args.dry_run { "would be planned" } else { "planned" };
    writeln!(
        out,
        "{} {verb}, {} were planned before; looked at {} due dates of borrowers, up to {}",
        report.planned,
        report.in_view - report.planned,
        report.looked_at,
        moment(horizon.until),
    )?;
    Ok(Exit::Done)
}
