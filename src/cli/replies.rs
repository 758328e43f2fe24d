//! `dueherald replies list|read`: what people answered, for staff to read.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::merchant::refuse_typo;
use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit};
use crate::domain::{Intent, Merchant, MerchantId, ReminderId};
use crate::pipeline::AuditNote;
use crate::pipeline::masked_address;
use crate::store::{ReplyFilter, ReplyReading, ReplyRecord, Store};

/// Look at what people answered.
#[derive(Debug, Args)]
pub(super) struct RepliesArgs {
    #[command(subcommand)]
    command: RepliesCommand,
}

#[derive(Debug, Subcommand)]
enum RepliesCommand {
    /// List answers: those that wait to be read first, then the newest
    List(ListArgs),
    /// Say that you have read an answer that waits for it; what it held goes on, unless it is an opt-out
    Read(ReadArgs),
}

#[derive(Debug, Args)]
struct ReadArgs {
    /// The answer's number in the list
    id: i64,
    /// Person who read it (recorded)
    #[arg(long)]
    actor: String,
    /// Meaning: stop suppresses the address, other releases its messages
    #[arg(long = "as", value_name = "stop|other", default_value = "other", value_parser = ["stop", "other"])]
    meaning: String,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only those to this merchant
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Only those that want this: stop, start, or unclear or other, which are for a person to read
    #[arg(long)]
    intent: Option<Intent>,
    /// Show phone numbers and addresses in full
    #[arg(long)]
    reveal: bool,
    /// Only those with a smaller number: the next page
    #[arg(long, value_name = "ID")]
    before: Option<i64>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    format: ListFormat,
}

/// Runs it.
pub(super) async fn run(
    args: RepliesArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    match args.command {
        RepliesCommand::List(list) => self::list(list, store, merchants, out).await?,
        RepliesCommand::Read(args) => read(args, store, now, out).await?,
    }
    Ok(Exit::Done)
}

async fn list(
    list: ListArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let ListArgs { merchant, intent, before, limit, .. } = list;
    let mut filter = ReplyFilter { merchant, intent, unread: Some(true), limit, ..ReplyFilter::default() };
    // Later pages hold what waits for nobody.
    let mut found = if before.is_none() { store.replies(&filter).await? } else { Vec::new() };
    let rest = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
    if rest > 0 {
        filter = ReplyFilter { before, unread: Some(false), limit: rest, ..filter };
        found.extend(store.replies(&filter).await?);
    }
    let rows: Vec<_> = found.into_iter().map(|one| ReplyRow::of(one, list.reveal)).collect();
    refuse_typo(merchants, filter.merchant.as_ref(), rows.is_empty())?;
    table::print(out, list.format, &list.format.times(merchants), &rows)?;
    Ok(())
}

async fn read(args: ReadArgs, store: &dyn Store, now: DateTime<Utc>, out: &mut dyn Write) -> Result<(), CliError> {
    let AuditNote { actor, .. } = AuditNote::new(&args.actor, "-").map_err(|error| CliError::Use(error.to_string()))?;
    let is_stop = args.meaning == "stop";
    let reading = ReplyReading { reply: args.id, actor, is_stop, at: now };
    let Some(reply) = store.read_reply(&reading).await? else {
        let text = format!("no answer {} waits to be read; `dueherald replies list` shows those that do", args.id);
        return Err(CliError::Failed(text));
    };
    let whose = reply.merchant.as_ref().map_or_else(|| "every merchant".to_owned(), ToString::to_string);
    match reply.from.address() {
        Some(from) if is_stop => writeln!(out, "{} is suppressed for {whose}", masked_address(from.as_address()))?,
        Some(from) => {
            writeln!(out, "{} gets messages again; what waited is decided at once", masked_address(from.as_address()))?;
        }
        None if is_stop => writeln!(
            out,
            "read; nobody is known by its number, so that nothing is suppressed: find the borrower and use `dueherald \
             suppress add`"
        )?,
        None => writeln!(out, "read")?,
    }
    Ok(())
}

/// An answer as it is listed.
#[derive(Debug, Serialize)]
struct ReplyRow {
    id: i64,
    at: DateTime<Utc>,
    from: String,
    merchant: Option<String>,
    reminder: Option<ReminderId>,
    gateway: String,
    intent: &'static str,
    unread: bool,
    text: String,
}

impl ReplyRow {
    fn of(one: ReplyRecord, reveal: bool) -> Self {
        Self {
            id: one.id,
            at: one.at,
            from: match one.from.address() {
                _ if reveal => one.from.reveal().to_owned(),
                Some(address) => masked_address(address.as_address()),
                None => "unreadable".to_owned(),
            },
            merchant: one.merchant.map(|merchant| merchant.to_string()),
            reminder: one.reminder,
            gateway: one.gateway.to_string(),
            intent: one.intent.as_str(),
            unread: one.unread,
            text: one.said,
        }
    }
}

impl Row for ReplyRow {
    const TITLES: &'static [&'static str] = &["ID", "AT", "FROM", "MERCHANT", "REMINDER", "GATEWAY", "WANTS", "TEXT"];
    const WIDE_ONLY: &'static [&'static str] = &["GATEWAY", "REMINDER"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            self.id.to_string(),
            times.at(self.merchant.as_deref(), self.at),
            self.from.clone(),
            self.merchant.clone().unwrap_or_else(|| "unknown".to_owned()),
            self.reminder.map(|id| id.to_string()).unwrap_or_default(),
            self.gateway.clone(),
            if self.unread { format!("{} (read it)", self.intent) } else { self.intent.to_owned() },
            self.text.clone(),
        ]
    }
}
