//! `dueherald suppress list|add|remove`: addresses that must not be contacted.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args};
use serde::Serialize;

use super::super::CliError;
use super::super::table::{self, ListFormat, LocalTimes, Row};
use super::{SignedArgs, known, signed};
use crate::domain::{AddressKey, Channel, LiftResult, Lifter, Merchant, MerchantId, Suppression, SuppressionReason};
use crate::pipeline::masked_address;
use crate::plan::end_to_come;
use crate::source::read_address;
use crate::store::{Store, SuppressionFilter};

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    which: SuppressionSelection,
    /// Only this address
    #[arg(long, value_name = "PHONE|E-MAIL")]
    address: Option<String>,
    /// Show addresses in full
    #[arg(long)]
    reveal: bool,
    /// At most so many; `export` writes all
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    format: ListFormat,
}

/// Which suppressions.
#[derive(Debug, Args)]
pub(super) struct SuppressionSelection {
    /// Only those of this merchant
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// Only those on this channel: sms or email
    #[arg(long)]
    channel: Option<Channel>,
}

/// One address, for one merchant or for all.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whose").required(true).args(["merchant", "all"])))]
pub(super) struct AddressSelection {
    /// The phone number or e-mail address
    #[arg(value_name = "PHONE|E-MAIL")]
    address: String,
    /// For this merchant only
    #[arg(long)]
    merchant: Option<MerchantId>,
    /// For every merchant
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    #[command(flatten)]
    one: AddressSelection,
    #[command(flatten)]
    signed: SignedArgs,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    one: AddressSelection,
    /// Why: opted_out, bounced, complained or manual
    #[arg(long, default_value = "manual")]
    reason: SuppressionReason,
    /// Person who adds it (recorded, also as its source)
    #[arg(long)]
    actor: String,
    /// Reason in words (recorded)
    #[arg(long)]
    note: Option<String>,
    /// The last day on which it holds (YYYY-MM-DD; the merchant's local day, or UTC), or an instant; without it for
    /// good
    #[arg(long)]
    until: Option<String>,
}

pub(super) async fn list(
    args: ListArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let of = args.which.merchant.as_ref().map(|name| known(merchants, name)).transpose()?;
    let address = args.address.map(|text| address(&text, of)).transpose()?;
    let filter = SuppressionFilter { address, ..filter(args.which, args.limit) };
    let rows: Vec<_> =
        store.suppressions(&filter).await?.iter().map(|one| SuppressionRow::of(one, args.reveal)).collect();
    table::print(out, args.format, &args.format.times(merchants), &rows)?;
    Ok(())
}

pub(super) fn filter(which: SuppressionSelection, limit: u32) -> SuppressionFilter {
    SuppressionFilter { merchant: which.merchant, channel: which.channel, limit, ..SuppressionFilter::default() }
}

pub(super) fn address(text: &str, merchant: Option<&Merchant>) -> Result<AddressKey, CliError> {
    read_address(text, merchant)
        .map(AddressKey::from)
        .map_err(|problem| CliError::Use(format!("the address {problem}")))
}

pub(super) async fn add(
    args: AddArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let AddArgs { one, reason, actor, note, until } = args;
    let merchant = one.merchant.as_ref().map(|name| known(merchants, name)).transpose()?;
    let why = note.map_or_else(|| reason.to_string(), |note| format!("{reason}: {}", note.trim()));
    let change = signed(&actor, &why, now)?;
    let zone = merchant.map_or(chrono_tz::UTC, |merchant| merchant.time_zone);
    let until = until.map(|text| end_to_come(&text, zone, now)).transpose();
    let until = until.map_err(|error| CliError::Use(format!("--until {error}")))?;
    let address = address(&one.address, merchant)?;
    let whose = whose(one.merchant.as_ref());
    let one = Suppression { merchant: one.merchant, address, reason, source: change.actor.clone(), since: now, until };
    store.suppress(std::slice::from_ref(&one), Some(&change)).await?;
    let filter =
        SuppressionFilter { address: Some(one.address.clone()), limit: u32::MAX, ..SuppressionFilter::default() };
    let known = store.suppressions(&filter).await?;
    let stands = known.iter().find(|known| known.merchant == one.merchant).map_or(until, |known| known.until);
    match stands {
        None if until.is_some() => writeln!(
            out,
            "{} stays suppressed for {whose} without an end, as it was; `dueherald suppress remove` ends that",
            masked_address(one.address.as_address())
        )?,
        None => writeln!(out, "{} is suppressed for {whose}", masked_address(one.address.as_address()))?,
        Some(until) => {
            writeln!(
                out,
                "{} is suppressed for {whose} until {}",
                masked_address(one.address.as_address()),
                ListFormat::TABLE.times(merchants).at(one.merchant.as_ref().map(MerchantId::as_str), until)
            )?;
        }
    }
    Ok(())
}

pub(super) async fn remove(
    args: RemoveArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    now: DateTime<Utc>,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let RemoveArgs { one, signed } = args;
    let merchant = one.merchant.as_ref().map(|name| known(merchants, name)).transpose()?;
    let address = address(&one.address, merchant)?;
    let whose = whose(one.merchant.as_ref());
    let masked = masked_address(address.as_address());
    let by = signed.change(now)?;
    match store.lift_suppression(one.merchant.as_ref(), &address, Lifter::Confirms, &by).await? {
        LiftResult::NotSuppressed => {
            return Err(CliError::Failed(format!(
                "{masked} is not suppressed for {whose}; `dueherald suppress list --address …` says for whom it is"
            )));
        }
        LiftResult::Lifted => writeln!(out, "{masked} is no longer suppressed for {whose}")?,
        LiftResult::OnePersonMore => writeln!(
            out,
            "noted: {masked} opted out, so a second person has to order it as well, within 7 days; until then it stays \
             suppressed for {whose}"
        )?,
    }
    let filter = SuppressionFilter { address: Some(address), limit: 10, ..SuppressionFilter::default() };
    for other in store.suppressions(&filter).await? {
        writeln!(out, "still suppressed for {}", self::whose(other.merchant.as_ref()))?;
    }
    Ok(())
}

pub(super) fn whose(merchant: Option<&MerchantId>) -> String {
    merchant.map_or_else(|| "every merchant".to_owned(), ToString::to_string)
}

/// A suppression as it is listed.
#[derive(Debug, Serialize)]
struct SuppressionRow {
    merchant: Option<String>,
    channel: &'static str,
    address: String,
    reason: &'static str,
    source: String,
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl SuppressionRow {
    fn of(one: &Suppression, reveal: bool) -> Self {
        Self {
            merchant: one.merchant.as_ref().map(ToString::to_string),
            channel: one.address.channel().as_str(),
            address: if reveal { one.address.reveal().to_owned() } else { masked_address(one.address.as_address()) },
            reason: one.reason.as_str(),
            source: one.source.clone(),
            since: one.since,
            until: one.until,
        }
    }
}

impl Row for SuppressionRow {
    const TITLES: &'static [&'static str] = &["MERCHANT", "CHANNEL", "ADDRESS", "REASON", "SOURCE", "SINCE", "UNTIL"];
    const WIDE_ONLY: &'static [&'static str] = &["SOURCE"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            self.merchant.clone().unwrap_or_else(|| "all".to_owned()),
            self.channel.to_owned(),
            self.address.clone(),
            self.reason.to_owned(),
            self.source.clone(),
            times.at(self.merchant.as_deref(), self.since),
            times.maybe(self.merchant.as_deref(), self.until),
        ]
    }
}
