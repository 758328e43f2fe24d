//! `dueherald borrowers show|prefer`: the facts about one borrower, and the wishes about contact.

use std::io::Write;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{ArgGroup, Args, Subcommand};
use serde::Serialize;

use super::borrower::{BorrowerSearchPlace, BorrowerSelector};
use super::reveal::RevealArgs;
use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit, origin};
use crate::app::App;
use crate::domain::{
    Address, AuditAction, AuditSubject, AuditValues, BorrowerKey, Channel, ContactPreferences, FieldUpdate,
    Installment, Locale, ManualPreferences, NewAuditEntry, PreferredHours,
};
use crate::pipeline::{AuditNote, borrower_facts, masked_address};

/// Look at one borrower, and record wishes about contact.
#[derive(Debug, Args)]
pub(super) struct BorrowersArgs {
    #[command(subcommand)]
    command: BorrowersCommand,
}

#[derive(Debug, Subcommand)]
enum BorrowersCommand {
    /// Show addresses, hold, preferences, suppressions and instalments
    Show(ShowArgs),
    /// Record the language, channel and hours that a borrower wishes
    Prefer(PreferArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    whom: BorrowerSelector,
    #[command(flatten)]
    reveal: RevealArgs,
    #[command(flatten)]
    format: ListFormat,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("wish").required(true).multiple(true).args(["language", "channel", "hours"])))]
struct PreferArgs {
    #[command(flatten)]
    whom: BorrowerSelector,
    /// Language of messages, for example zh-CN, or none
    #[arg(long)]
    language: Option<String>,
    /// Channel that goes first where a rule chooses one: sms, email or none
    #[arg(long)]
    channel: Option<String>,
    /// Hours of contact, for example 18:00-21:00, or none
    #[arg(long)]
    hours: Option<String>,
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
}

/// Runs it.
pub(super) async fn run(args: BorrowersArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    match args.command {
        BorrowersCommand::Show(args) => show(&args, app, out).await?,
        BorrowersCommand::Prefer(args) => prefer(&args, app, out).await?,
    }
    Ok(Exit::Done)
}

fn unknown(key: &BorrowerKey) -> CliError {
    let BorrowerKey { merchant, id } = key;
    CliError::Failed(format!("the ledger knows no borrower {id} of {merchant}; check the number, or import first"))
}

/// The JSON form of a borrower.
#[derive(Debug, Serialize)]
struct BorrowerJson {
    merchant: String,
    borrower: String,
    name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    language: Option<String>,
    time_zone: Option<&'static str>,
    hold: Option<HoldJson>,
    preferred_channel: Option<Channel>,
    preferred_hours: Option<String>,
    suppressions: Vec<SuppressionJson>,
    installments: Vec<OwedRow>,
}

#[derive(Debug, Serialize)]
struct HoldJson {
    reason: String,
    until: Option<DateTime<Utc>>,
}

#[derive(Debug, Serialize)]
struct SuppressionJson {
    channel: Channel,
    address: String,
    reason: &'static str,
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

/// An instalment as it is listed.
#[derive(Debug, Serialize)]
struct OwedRow {
    installment: String,
    order: Option<String>,
    due_date: NaiveDate,
    amount: String,
    outstanding: String,
    currency: String,
    status: &'static str,
}

impl OwedRow {
    fn of(one: &Installment) -> Self {
        Self {
            installment: one.id.to_string(),
            order: one.readable_order().map(std::borrow::Cow::into_owned),
            due_date: one.due_date,
            amount: one.amount.amount().to_string(),
            outstanding: one.outstanding().amount().to_string(),
            currency: one.amount.currency().to_string(),
            status: one.status.as_str(),
        }
    }
}

impl Row for OwedRow {
    const TITLES: &'static [&'static str] = &["DUE", "INSTALMENT", "ORDER", "AMOUNT", "LEFT", "CURRENCY", "STATUS"];

    fn cells(&self, _: &LocalTimes) -> Vec<String> {
        vec![
            self.due_date.to_string(),
            self.installment.clone(),
            self.order.clone().unwrap_or_default(),
            self.amount.clone(),
            self.outstanding.clone(),
            self.currency.clone(),
            self.status.to_owned(),
        ]
    }
}

async fn show(args: &ShowArgs, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
    let (store, now) = (&*app.store, app.clock.now());
    let key = args.whom.key(&BorrowerSearchPlace::of(app)).await?;
    let facts = borrower_facts(store, &key, now).await?.ok_or_else(|| unknown(&key))?;
    let note = args.reveal.note()?;
    let is_revealed = note.is_some();
    if let Some(AuditNote { actor, reason }) = note {
        let (subject, values) = (AuditSubject::borrower(&key), AuditValues::because(&reason));
        let entry = NewAuditEntry { at: now, actor: Some(actor), action: AuditAction::Reveal, subject, values };
        store.append(&origin::command(), &[entry]).await?;
    }
    let shown = |address: &Address| if is_revealed { address.reveal().to_owned() } else { masked_address(address) };
    let borrower = &facts.borrower;
    let hold = borrower.hold.as_ref().filter(|hold| hold.stands_at(now));
    let json = BorrowerJson {
        merchant: key.merchant.to_string(),
        borrower: key.id.to_string(),
        name: borrower.name.as_ref().map(|name| name.as_str().to_owned()),
        phone: borrower.address(Channel::Sms).as_ref().map(shown),
        email: borrower.address(Channel::Email).as_ref().map(shown),
        language: borrower.locale.as_ref().map(ToString::to_string),
        time_zone: borrower.time_zone.map(|zone| zone.name()),
        hold: hold.map(|hold| HoldJson { reason: hold.reason.clone(), until: hold.until }),
        preferred_channel: borrower.preferred_channel,
        preferred_hours: borrower.preferred_hours.map(|hours| hours.to_string()),
        suppressions: facts
            .suppressions
            .iter()
            .map(|one| SuppressionJson {
                channel: one.address.channel(),
                address: shown(one.address.as_address()),
                reason: one.reason.as_str(),
                since: one.since,
                until: one.until,
            })
            .collect(),
        installments: facts.installments.iter().map(OwedRow::of).collect(),
    };
    if args.format.is_json() {
        serde_json::to_writer_pretty(&mut *out, &json)?;
        writeln!(out)?;
        return Ok(());
    }
    let times = args.format.times(&app.policy.merchants);
    print_head(&json, &times, out)?;
    Ok(table::print(out, args.format, &times, &json.installments)?)
}

fn print_head(one: &BorrowerJson, times: &LocalTimes, out: &mut dyn Write) -> std::io::Result<()> {
    let none = || "none".to_owned();
    let local = |at| times.at(Some(&one.merchant), at);
    writeln!(out, "borrower    {} of {}", one.borrower, one.merchant)?;
    writeln!(out, "name        {}", one.name.clone().unwrap_or_else(none))?;
    writeln!(out, "phone       {}", one.phone.clone().unwrap_or_else(none))?;
    writeln!(out, "e-mail      {}", one.email.clone().unwrap_or_else(none))?;
    writeln!(out, "language    {}", one.language.clone().unwrap_or_else(none))?;
    let channel = one.preferred_channel.map(|channel| channel.to_string());
    let wishes: Vec<_> = channel.into_iter().chain(one.preferred_hours.clone()).collect();
    writeln!(out, "prefers     {}", if wishes.is_empty() { none() } else { wishes.join(", ") })?;
    if let Some(hold) = &one.hold {
        let until = hold.until.map_or_else(|| "until it is released".to_owned(), |at| format!("until {}", local(at)));
        writeln!(out, "on hold     {until}: {}", hold.reason)?;
    }
    for suppression in &one.suppressions {
        let SuppressionJson { channel, address, reason, since, until } = suppression;
        let until = until.map_or_else(|| "for good".to_owned(), |until| format!("until {}", local(until)));
        writeln!(out, "suppressed  {channel} {address}: {reason}, since {}, {until}", local(*since))?;
    }
    writeln!(out)
}

async fn prefer(args: &PreferArgs, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
    let AuditNote { actor, .. } = AuditNote::new(&args.actor, "-").map_err(|error| CliError::Use(error.to_string()))?;
    let preferences = ContactPreferences {
        hold: FieldUpdate::Keep,
        locale: wish("--language", args.language.as_deref(), |text| {
            Locale::new(text).map_err(|error| error.to_string())
        })?,
        preferred_channel: wish("--channel", args.channel.as_deref(), |text| {
            text.parse::<Channel>().map_err(|error| error.to_string())
        })?,
        preferred_hours: wish("--hours", args.hours.as_deref(), |text| {
            text.parse::<PreferredHours>().map_err(|error| error.to_string())
        })?,
    };
    let key = args.whom.key(&BorrowerSearchPlace::of(app)).await?;
    let (said, at) = (preferences.to_string(), app.clock.now());
    let change = ManualPreferences { borrower: key.clone(), preferences, actor, at };
    if !app.store.set_preferences(&change).await? {
        return Err(unknown(&key));
    }
    writeln!(out, "{} of {}: {said}", key.id, key.merchant)?;
    Ok(())
}

/// A wish as an option has it: not given, none, or a value.
fn wish<T>(
    option: &str,
    text: Option<&str>,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<FieldUpdate<T>, CliError> {
    match text {
        None => Ok(FieldUpdate::Keep),
        Some("none") => Ok(FieldUpdate::Set(None)),
        Some(text) => {
            let value = read(text).map_err(|error| CliError::Use(format!("{option} {text} {error}")))?;
            Ok(FieldUpdate::Set(Some(value)))
        }
    }
}
