//! `dueherald suppress history`: what people have changed about stops and addresses.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use clap::Args;
use serde::Serialize;

use super::super::CliError;
use super::super::table::{self, ListFormat, LocalTimes, Row};
use super::known;
use super::list::{address, whose};
use crate::domain::{Merchant, MerchantId, SuppressionChange, SuppressionScope};
use crate::pipeline::masked_address;
use crate::store::{Stop, Store, SuppressionChangeFilter};

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Only what was done to this address
    #[arg(long, value_name = "PHONE|E-MAIL")]
    address: Option<String>,
    /// The merchant whose country a phone number in national form is of
    #[arg(long, requires = "address")]
    merchant: Option<MerchantId>,
    /// Show addresses in full
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

pub(super) async fn list(
    args: HistoryArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let merchant = args.merchant.as_ref().map(|name| known(merchants, name)).transpose()?;
    let address = args.address.map(|text| address(&text, merchant)).transpose()?;
    let filter = SuppressionChangeFilter { address, before: args.before, limit: args.limit };
    let changes = store.suppression_changes(&filter).await?;
    let rows: Vec<_> = changes.into_iter().map(|change| ChangeRow::of(change, args.reveal)).collect();
    table::print(out, args.format, &args.format.times(merchants), &rows)?;
    Ok(())
}

/// A change as it is listed.
#[derive(Debug, Serialize)]
struct ChangeRow {
    id: i64,
    at: DateTime<Utc>,
    action: &'static str,
    /// The scope of the change, in words.
    scope: String,
    actor: String,
    reason: String,
}

impl ChangeRow {
    fn of(change: SuppressionChange, reveal: bool) -> Self {
        Self {
            id: change.id,
            at: change.change.at,
            action: change.action.as_str(),
            scope: words(change.scope, reveal),
            actor: change.change.actor,
            reason: change.change.reason,
        }
    }
}

fn words(scope: SuppressionScope, reveal: bool) -> String {
    match scope {
        SuppressionScope::Stop { merchant, channel } => Stop::scope_of(merchant.as_ref(), channel),
        SuppressionScope::Address { merchant, address } => {
            let shown = if reveal { address.reveal().to_owned() } else { masked_address(address.as_address()) };
            format!("{shown} for {}", whose(merchant.as_ref()))
        }
        SuppressionScope::Addresses(count) => format!("{count} addresses"),
    }
}

impl Row for ChangeRow {
    const TITLES: &'static [&'static str] = &["ID", "AT", "ACTION", "WHAT", "BY", "WHY"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            self.id.to_string(),
            times.at(None, self.at),
            self.action.to_owned(),
            self.scope.clone(),
            self.actor.clone(),
            self.reason.clone(),
        ]
    }
}
