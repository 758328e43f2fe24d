//! `dueherald replies list`: what people answered, for staff to read.

use std::io::Write;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::reminders::moment;
use super::suppress::masked;
use super::table::{self, Format, Row};
use super::{CliError, Exit};
use crate::domain::{Intent, MerchantId, ReminderId};
use crate::store::{ReplyFilter, ReplyRecord, Store};

/// Look at what people answered.
#[derive(Debug, Args)]
pub(super) struct RepliesArgs {
    #[command(subcommand)]
    command: RepliesCommand,
}

#[derive(Debug, Subcommand)]
enum RepliesCommand {
    /// List answers, newest first
    List(ListArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only those to this merchant
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Only those that want this: stop, start, or other, which is for a person to read
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
    /// Print a table or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs it.
pub(super) async fn run(args: RepliesArgs, store: &dyn Store, out: &mut dyn Write) -> Result<Exit, CliError> {
    let RepliesCommand::List(list) = args.command;
    let filter = ReplyFilter { merchant: list.merchant, intent: list.intent, before: list.before, limit: list.limit };
    let rows: Vec<_> = store.replies(&filter).await?.into_iter().map(|one| ReplyRow::of(one, list.reveal)).collect();
    table::print(out, list.format, &rows)?;
    Ok(Exit::Done)
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
    text: String,
}

impl ReplyRow {
    fn of(one: ReplyRecord, reveal: bool) -> Self {
        Self {
            id: one.id,
            at: one.at,
            from: if reveal { one.from.reveal().to_owned() } else { masked(one.from.as_address()) },
            merchant: one.merchant.map(|merchant| merchant.to_string()),
            reminder: one.reminder,
            gateway: one.gateway.to_string(),
            intent: one.intent.as_str(),
            text: one.said,
        }
    }
}

impl Row for ReplyRow {
    const TITLES: &'static [&'static str] = &["ID", "AT", "FROM", "MERCHANT", "REMINDER", "GATEWAY", "WANTS", "TEXT"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            moment(self.at),
            self.from.clone(),
            self.merchant.clone().unwrap_or_else(|| "unknown".to_owned()),
            self.reminder.map(|id| id.to_string()).unwrap_or_default(),
            self.gateway.clone(),
            self.intent.to_owned(),
            self.text.clone(),
        ]
    }
}
