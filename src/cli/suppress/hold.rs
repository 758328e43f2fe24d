//! `dueherald suppress hold|release`: nothing is sent to one borrower for a while.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use clap::Args;

use super::CliError;
use crate::domain::{
    BorrowerId, BorrowerKey, ContactPreferences, FieldUpdate, Hold, ManualPreferences, Merchant, MerchantId,
};
use crate::pipeline::{self, AuditNote};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    #[command(flatten)]
    who: HoldTarget,
    /// Reason: dispute, hardship, legal, or other words (recorded)
    #[arg(long)]
    reason: String,
    /// The last day of the hold (YYYY-MM-DD, the merchant's local day), or an instant; without it until released
    #[arg(long)]
    until: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct HoldTarget {
    /// The merchant
    #[arg(long)]
    merchant: MerchantId,
    /// The borrower's number
    #[arg(long)]
    borrower: BorrowerId,
    /// Person who asks (recorded)
    #[arg(long)]
    actor: String,
}

pub(super) async fn hold(
    args: HoldArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let HoldArgs { who, reason, until } = args;
    let merchant = super::known(merchants, &who.merchant)?;
    let hold = pipeline::hold(&reason, until.as_deref(), merchant.time_zone, now);
    let hold = hold.map_err(|error| CliError::Use(error.to_string()))?;
    let until = hold.until;
    let name = say(&who, Some(hold), store, now).await?;
    match until {
        Some(until) => writeln!(out, "{name} is on hold until {}", super::moment(until))?,
        None => writeln!(out, "{name} is on hold until it is released")?,
    }
    Ok(())
}

pub(super) async fn release(
    who: HoldTarget,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    super::known(merchants, &who.merchant)?;
    let name = say(&who, None, store, now).await?;
    writeln!(
        out,
        "{name} is released; what was put off to the end of the hold goes out then, what comes due goes out in time"
    )?;
    Ok(())
}

async fn say(who: &HoldTarget, hold: Option<Hold>, store: &dyn Store, at: DateTime<Utc>) -> Result<String, CliError> {
    let AuditNote { actor, .. } = AuditNote::new(&who.actor, "-").map_err(|error| CliError::Use(error.to_string()))?;
    let borrower = BorrowerKey { merchant: who.merchant.clone(), id: who.borrower.clone() };
    let preferences = ContactPreferences { hold: FieldUpdate::Set(hold), ..ContactPreferences::default() };
    let name = format!("{} of {}", borrower.id, borrower.merchant);
    if !store.set_preferences(&ManualPreferences { borrower, preferences, actor, at }).await? {
        return Err(CliError::Failed(format!(
            "the ledger knows no borrower {name}; check the number, or import first"
        )));
    }
    Ok(name)
}
