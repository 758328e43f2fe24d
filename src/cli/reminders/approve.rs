//! `dueherald reminders approve`: a person says that a day of far more reminders than usual is right.

use std::io::Write;

use chrono::{DateTime, NaiveDate, Utc};
use clap::Args;

use super::super::{CliError, Exit};
use crate::domain::MerchantId;
use crate::pipeline::AuditNote;
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct ApproveArgs {
    /// The merchant whose reminders are held
    #[arg(long)]
    merchant: MerchantId,
    /// The day on which they were planned (YYYY-MM-DD), as `check --online` shows it
    #[arg(long)]
    day: NaiveDate,
    /// Reason the number is right (recorded)
    #[arg(long)]
    reason: String,
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
}

/// Runs it.
pub(super) async fn run(
    args: &ApproveArgs,
    store: &dyn Store,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let audit_note = AuditNote::new(&args.actor, &args.reason).map_err(|error| CliError::Use(error.to_string()))?;
    let ApproveArgs { merchant, day, .. } = args;
    if !store.approve_volume(merchant, *day, &audit_note.at(now)).await? {
        return Err(CliError::Failed(format!("no reminders of {merchant} planned on {day} are held for their number")));
    }
    // Only now: asked about a day that has none, it would make it the merchant's first.
    let volume = store.note_volume(merchant, *day, 0).await?;
    writeln!(
        out,
        "approved: {} reminders of {merchant}, planned on {day}; they go out when they are due",
        volume.planned
    )?;
    Ok(Exit::Done)
}
