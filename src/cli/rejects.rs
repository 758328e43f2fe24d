//! `dueherald rejects list|retry|drop`: records of the lender's books that could not be applied.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::merchant::refuse_typo;
use super::table::{ListFormat, LocalTimes, Row, print};
use super::{CliError, Exit};
use crate::clock::{Clock, SystemClock};
use crate::domain::{InstallmentId, Merchant, MerchantId};
use crate::pipeline::{AuditNote, retry_rejects};
use crate::store::{DropOrder, DroppedRecord, KeptRecord, RejectFilter, Store};

/// Look at records that could not be applied and hold the reminders of their instalments.
#[derive(Debug, Args)]
pub(super) struct RejectsArgs {
    #[command(subcommand)]
    command: RejectsCommand,
}

#[derive(Debug, Subcommand)]
enum RejectsCommand {
    /// List kept records, without personal data
    List(ListArgs),
    /// Check kept records again, by this config, and apply the sound ones
    Retry {
        /// The numbers of records [default: all]
        #[arg(value_name = "ID")]
        ids: Vec<i64>,
    },
    /// Take records out and release what they hold
    Drop(DropArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only those of this merchant
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Only those of this instalment
    #[arg(long)]
    installment: Option<InstallmentId>,
    /// Only those with a greater number: the next page
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// List what was dropped, newest first, with who and why
    #[arg(long, conflicts_with_all = ["merchant", "installment", "after"])]
    dropped: bool,
    #[command(flatten)]
    format: ListFormat,
}

#[derive(Debug, Args)]
struct DropArgs {
    /// The numbers of records
    #[arg(value_name = "ID", required = true)]
    ids: Vec<i64>,
    /// Reason (recorded)
    #[arg(long)]
    reason: String,
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
}

/// Runs it.
pub(super) async fn run(
    args: RejectsArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    out: &mut (dyn Write + Send),
) -> Result<Exit, CliError> {
    match args.command {
        RejectsCommand::List(args) if args.dropped => {
            let rows: Vec<_> = store.dropped_rejects(args.limit).await?.into_iter().map(DroppedRow::of).collect();
            print(out, args.format, &args.format.times(merchants), &rows)?;
        }
        RejectsCommand::List(ListArgs { merchant, installment, after, limit, format, .. }) => {
            let filter = RejectFilter { merchant, installment, after, limit, ..RejectFilter::default() };
            let rows: Vec<_> = store.rejects(&filter).await?.into_iter().map(RejectRow::of).collect();
            refuse_typo(merchants, filter.merchant.as_ref(), rows.is_empty())?;
            print(out, format, &format.times(merchants), &rows)?;
        }
        RejectsCommand::Retry { ids } => {
            let retried = retry_rejects(store, merchants, &ids).await?;
            writeln!(out, "{} applied, {} refused as before", retried.applied, retried.refused)?;
            return Ok(if retried.refused == 0 { Exit::Done } else { Exit::Partly });
        }
        RejectsCommand::Drop(args) => return drop_records(args, store, out).await,
    }
    Ok(Exit::Done)
}

async fn drop_records(args: DropArgs, store: &dyn Store, out: &mut dyn Write) -> Result<Exit, CliError> {
    let audit_note = AuditNote::new(&args.actor, &args.reason).map_err(|error| CliError::Use(error.to_string()))?;
    let AuditNote { actor, reason } = audit_note;
    let order = DropOrder { actor, reason, at: SystemClock.now() };
    let dropped = store.drop_rejects(&args.ids, &order).await?;
    let missing: Vec<_> = args.ids.iter().filter(|id| !dropped.contains(id)).map(ToString::to_string).collect();
    writeln!(out, "{} dropped", dropped.len())?;
    if missing.is_empty() {
        return Ok(Exit::Done);
    }
    writeln!(out, "no such record: {}; see `dueherald rejects list`", missing.join(", "))?;
    Ok(if dropped.is_empty() { Exit::Unwell } else { Exit::Partly })
}

/// A kept record as it is listed. Its cells are personal data and stay in the database.
#[derive(Debug, Serialize)]
struct RejectRow {
    id: i64,
    since: DateTime<Utc>,
    merchant: Option<MerchantId>,
    installment: Option<InstallmentId>,
    /// The source of the config, or `file`.
    from: String,
    kind: &'static str,
    /// `held`, `waits`, or `unreadable`: then it holds nothing.
    state: &'static str,
    reason: String,
}

impl RejectRow {
    fn of(kept: KeptRecord) -> Self {
        let record = kept.record;
        Self {
            id: kept.id,
            since: kept.at,
            state: match (record.waits, record.key()) {
                (true, _) => "waits",
                (false, Some(_)) => "held",
                (false, None) => "unreadable",
            },
            from: record.source.map_or_else(|| "file".to_owned(), |source| source.to_string()),
            kind: record.kind.as_str(),
            merchant: record.merchant,
            installment: record.installment,
            reason: record.reason,
        }
    }
}

impl Row for RejectRow {
    const TITLES: &'static [&'static str] = &["ID", "SINCE", "MERCHANT", "INSTALMENT", "FROM", "STATE", "WHY"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            self.id.to_string(),
            times.at(self.merchant.as_ref().map(MerchantId::as_str), self.since),
            self.merchant.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string),
            self.installment.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string),
            self.from.clone(),
            self.state.to_owned(),
            self.reason.clone(),
        ]
    }
}

/// A dropped record as it is listed.
#[derive(Debug, Serialize)]
struct DroppedRow {
    id: i64,
    at: DateTime<Utc>,
    merchant: Option<MerchantId>,
    installment: Option<InstallmentId>,
    fault: String,
    actor: String,
    reason: String,
}

impl DroppedRow {
    fn of(dropped: DroppedRecord) -> Self {
        let DroppedRecord { id, merchant, installment, fault, order } = dropped;
        Self { id, at: order.at, merchant, installment, fault, actor: order.actor, reason: order.reason }
    }
}

impl Row for DroppedRow {
    const TITLES: &'static [&'static str] = &["ID", "AT", "MERCHANT", "INSTALMENT", "FAULT", "DROPPED BY", "REASON"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            self.id.to_string(),
            times.at(self.merchant.as_ref().map(MerchantId::as_str), self.at),
            self.merchant.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string),
            self.installment.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string),
            self.fault.clone(),
            self.actor.clone(),
            self.reason.clone(),
        ]
    }
}
