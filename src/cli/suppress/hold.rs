//! `dueherald suppress hold|release`: nothing is sent to one borrower for a while.

use std::io::Write;

use chrono::{DateTime, Utc};
use clap::Args;

use super::super::borrower::{BorrowerSearchPlace, BorrowerSelector};
use super::super::table::ListFormat;
use super::CliError;
use crate::domain::{BorrowerKey, Channel, ContactPreferences, FieldUpdate, Hold, HoldKind, ManualPreferences};
use crate::pipeline::{self, AuditNote};
use crate::store::Store;

#[derive(Debug, Args)]
pub(super) struct HoldArgs {
    #[command(flatten)]
    who: HoldTarget,
    /// Reason (recorded): dispute, hardship, says_paid, lawyer, bankruptcy, deceased or cease_contact, with a note
    /// behind a colon; or other words
    #[arg(long)]
    reason: String,
    /// The last day of the hold (YYYY-MM-DD, the merchant's local day), or an instant [default: 48 hours for says_paid,
    /// else until it is released]
    #[arg(long)]
    until: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct HoldTarget {
    #[command(flatten)]
    whom: BorrowerSelector,
    /// Person who asks (recorded)
    #[arg(long)]
    actor: String,
    /// End a hold for bankruptcy, deceased or cease_contact; a supervisor decides that
    #[arg(long = "override")]
    overrides_strict: bool,
}

impl HoldTarget {
    /// Whether the borrower is named by a link.
    pub(super) fn needs_links(&self) -> bool {
        self.whom.needs_links()
    }
}

impl HoldArgs {
    /// Whether the borrower is named by a link.
    pub(super) fn needs_links(&self) -> bool {
        self.who.needs_links()
    }
}

pub(super) async fn hold(
    args: HoldArgs,
    at: &BorrowerSearchPlace<'_>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let HoldArgs { who, reason, until } = args;
    let borrower = who.whom.key(at).await?;
    let merchant = super::known(at.merchants, &borrower.merchant)?;
    let hold = pipeline::hold(&reason, until.as_deref(), merchant.time_zone, now);
    let hold = hold.map_err(|error| CliError::Use(error.to_string()))?;
    let usual = HoldKind::of(&hold).and_then(HoldKind::usual_length).map(|length| now + length);
    let hold = Hold { until: hold.until.or(usual), ..hold };
    let until = hold.until;
    let name = set(&who, borrower, Some(hold), at.store, now).await?;
    match until {
        Some(until) => {
            let until = ListFormat::TABLE.times(at.merchants).at(Some(merchant.id.as_str()), until);
            writeln!(out, "{name} is on hold until {until}")?;
        }
        None => writeln!(out, "{name} is on hold until it is released")?,
    }
    Ok(())
}

pub(super) async fn release(
    who: HoldTarget,
    at: &BorrowerSearchPlace<'_>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let borrower = who.whom.key(at).await?;
    super::known(at.merchants, &borrower.merchant)?;
    let name = set(&who, borrower, None, at.store, now).await?;
    writeln!(
        out,
        "{name} is released; what was put off to the end of the hold goes out then, what comes due goes out in time"
    )?;
    Ok(())
}

/// Sets or ends a hold, unless one that only a supervisor ends holds now.
async fn set(
    who: &HoldTarget,
    borrower: BorrowerKey,
    hold: Option<Hold>,
    store: &dyn Store,
    at: DateTime<Utc>,
) -> Result<String, CliError> {
    let AuditNote { actor, .. } = AuditNote::new(&who.actor, "-").map_err(|error| CliError::Use(error.to_string()))?;
    let name = format!("{} of {}", borrower.id, borrower.merchant);
    let account = store.account(&borrower, at.date_naive(), Channel::Sms).await?;
    let before = account.borrower.and_then(|borrower| borrower.hold).filter(|hold| hold.stands_at(at));
    let strict = before.as_ref().and_then(HoldKind::of).filter(|kind| kind.is_strict());
    if let Some(kind) = strict.filter(|_| !who.overrides_strict) {
        return Err(CliError::Failed(format!(
            "{name} is on hold for {kind}: a supervisor may end that with --override"
        )));
    }
    let preferences = ContactPreferences { hold: FieldUpdate::Set(hold), ..ContactPreferences::default() };
    if !store.set_preferences(&ManualPreferences { borrower, preferences, actor, at }).await? {
        return Err(CliError::Failed(format!(
            "the ledger knows no borrower {name}; check the number, or import first"
        )));
    }
    Ok(name)
}
