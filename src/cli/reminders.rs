//! `dueherald reminders list|show|resolve|approve`: what was, is and will be sent, and why or why not.

mod approve;
mod message;
mod resolve;

use std::io::{self, Write};

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::borrower::{BorrowerNames, BorrowerSearchPlace};
use super::merchant::refuse_typo;
use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit};
use crate::app::App;
use crate::domain::{Channel, Event, HoldCause, HoldReason, Origin, ReminderId, State};
use crate::store::{ReminderFilter, ReminderView, Stop, Store};

/// Look at reminders.
#[derive(Debug, Args)]
pub(super) struct RemindersArgs {
    #[command(subcommand)]
    command: RemindersCommand,
}

#[derive(Debug, Subcommand)]
enum RemindersCommand {
    /// List reminders, newest first
    List(ListArgs),
    /// Show one reminder with everything that happened to it, or what its message said
    Show(ShowArgs),
    /// Say what became of unknown ones, on record
    Resolve(resolve::ResolveArgs),
    /// Approve a day of far more reminders than usual, which are held until then
    Approve(approve::ApproveArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// Its number, as `list` shows it
    id: ReminderId,
    /// Show what was handed over, exactly as it was composed
    #[arg(long)]
    message: bool,
    /// Only what this attempt handed over
    #[arg(long, value_name = "N", requires = "message")]
    attempt: Option<u32>,
    /// Leave the tokens of the borrower's links in: they open the borrower's page
    #[arg(long, requires = "message")]
    with_link: bool,
    #[command(flatten)]
    format: ListFormat,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Only those in this state: planned, held, sending, unknown, accepted, delivered, undelivered, failed or skipped
    #[arg(long)]
    state: Option<State>,
    #[command(flatten)]
    whose: BorrowerNames,
    /// Only those about this due date (YYYY-MM-DD)
    #[arg(long)]
    due_date: Option<NaiveDate>,
    /// Only those on this channel: sms or email
    #[arg(long)]
    channel: Option<Channel>,
    /// Only the one whose message holds this check code
    #[arg(long, value_name = "CODE")]
    check_code: Option<String>,
    /// Only those with a smaller number: the next page
    #[arg(long, value_name = "ID")]
    before: Option<ReminderId>,
    /// At most so many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    format: ListFormat,
}

/// Runs it.
pub(super) async fn run(args: RemindersArgs, app: &App, out: &mut dyn Write) -> Result<Exit, CliError> {
    let (store, links, clock) = (&*app.store, &*app.composer.links, &*app.clock);
    match args.command {
        RemindersCommand::List(list) => {
            // Without a code one question, and with one as many as there are keys that it may be of.
            let ids = match &list.check_code {
                Some(code) => links.open_check_code(code).into_iter().map(Some).collect(),
                None => vec![None],
            };
            let (borrower, merchant) = list.whose.filter(&BorrowerSearchPlace::of(app)).await?;
            let filter = ReminderFilter {
                state: list.state,
                merchant,
                borrower,
                due_date: list.due_date,
                channel: list.channel,
                before: list.before,
                limit: list.limit,
                ..ReminderFilter::default()
            };
            let mut rows = Vec::new();
            let stops = store.stops().await?;
            for id in ids {
                let filter = ReminderFilter { id, ..filter.clone() };
                rows.extend(store.reminders(&filter).await?.iter().map(|view| ReminderRow::of(view, &stops)));
            }
            refuse_typo(&app.policy.merchants, filter.merchant.as_ref(), rows.is_empty())?;
            table::print(out, list.format, &list.format.times(&app.policy.merchants), &rows)?;
        }
        RemindersCommand::Show(args) if args.message => return message::run(&args, app, out).await,
        RemindersCommand::Show(args) => show(args.id, args.format, app, out).await?,
        RemindersCommand::Approve(args) => return approve::run(&args, store, clock.now(), out).await,
        RemindersCommand::Resolve(args) => return resolve::run(&args, store, clock.now(), out).await,
    }
    Ok(Exit::Done)
}

async fn find(id: ReminderId, store: &dyn Store) -> Result<ReminderView, CliError> {
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    let found = store.reminders(&filter).await?.pop();
    found.ok_or_else(|| CliError::Failed(format!("there is no reminder {id}")))
}

async fn show(id: ReminderId, format: ListFormat, app: &App, out: &mut dyn Write) -> Result<(), CliError> {
    let store = &*app.store;
    let view = find(id, store).await?;
    let row = ReminderRow::of(&view, &store.stops().await?);
    let events: Vec<_> = store.events(id).await?.iter().map(|event| EventRow::of(event, &row.merchant)).collect();
    if format.is_json() {
        serde_json::to_writer_pretty(&mut *out, &serde_json::json!({ "reminder": row, "events": events }))?;
        writeln!(out)?;
        return Ok(());
    }
    row.show_head(out)?;
    let times = format.times(&app.policy.merchants);
    let local = |at| times.at(Some(&row.merchant), at);
    writeln!(out, "planned at  {}", local(row.planned_at))?;
    writeln!(out, "not before  {}", local(view.reminder.plan.not_before))?;
    writeln!(out, "expires at  {}", local(view.reminder.plan.expires_at))?;
    if let Origin::Manual { actor, reason, of } = &view.reminder.plan.origin {
        let first = of.map_or_else(|| "none before".to_owned(), |of| format!("reminder {of} again"));
        writeln!(out, "resent by   {actor}: {reason} ({first})")?;
    }
    writeln!(out)?;
    table::print(out, format, &times, &events)?;
    Ok(())
}

/// To the second, in UTC: the same on every machine of a cluster.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.format("%F %T UTC").to_string()
}

/// One reminder as it is listed.
#[derive(Debug, Serialize)]
struct ReminderRow {
    id: ReminderId,
    merchant: String,
    borrower: String,
    due_date: NaiveDate,
    step: String,
    channel: &'static str,
    state: &'static str,
    /// Why it stands so: a skip reason, a gateway's code.
    detail: Option<String>,
    attempts: u32,
    planned_at: DateTime<Utc>,
    /// When it is tried next, or else when the last thing happened.
    at: DateTime<Utc>,
    gateway: Option<String>,
}

impl ReminderRow {
    fn show_head(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "reminder    {}  ({})", self.id, self.state)?;
        writeln!(out, "to          {} of {} on {}", self.borrower, self.merchant, self.channel)?;
        writeln!(out, "about       what is due on {}, step {}", self.due_date, self.step)
    }

    fn of(view: &ReminderView, stops: &[Stop]) -> Self {
        let key = &view.reminder.plan.key;
        let last = view.last.as_ref();
        Self {
            id: view.reminder.id,
            merchant: key.borrower.merchant.to_string(),
            borrower: key.borrower.id.to_string(),
            due_date: key.due_date,
            step: key.step.to_string(),
            channel: key.channel.as_str(),
            state: view.state.as_str(),
            detail: last.and_then(|event| event.detail.clone()).map(|detail| match view.state {
                State::Held => stop_in_words(&detail, key.channel, stops).unwrap_or(detail),
                _ => detail,
            }),
            attempts: view.attempts,
            planned_at: view.reminder.planned_at,
            at: view.next_try.or(last.map(|event| event.at)).unwrap_or(view.reminder.plan.not_before),
            gateway: last.and_then(|event| event.gateway.as_ref()).map(ToString::to_string),
        }
    }
}

/// The stop that holds a reminder, by its own scope: a hold names the reminder's merchant, whatever was stopped. `None`
/// for other holds.
fn stop_in_words(detail: &str, channel: Channel, stops: &[Stop]) -> Option<String> {
    let cause: HoldCause = detail.parse().ok()?;
    let covers = |stop: &&Stop| cause.reason == HoldReason::Stopped && stop.covers(&cause.subject, channel);
    stops.iter().find(covers).map(|stop| format!("stopped: {}", stop.scope()))
}

impl Row for ReminderRow {
    const TITLES: &'static [&'static str] =
        &["ID", "MERCHANT", "BORROWER", "DUE", "STEP", "CHANNEL", "STATE", "WHY", "TRIES", "NEXT OR LAST"];
    const WIDE_ONLY: &'static [&'static str] = &["MERCHANT", "DUE", "TRIES"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.merchant.clone(),
            self.borrower.clone(),
            self.due_date.to_string(),
            self.step.clone(),
            self.channel.to_owned(),
            self.state.to_owned(),
            self.detail.clone().unwrap_or_default(),
            self.attempts.to_string(),
            times.at(Some(&self.merchant), self.at),
        ]
    }
}

/// One event as it is listed.
#[derive(Debug, Serialize)]
struct EventRow {
    #[serde(skip)]
    merchant: Option<String>,
    at: DateTime<Utc>,
    event: &'static str,
    attempt: u32,
    detail: Option<String>,
    gateway: Option<String>,
    provider_id: Option<String>,
}

impl EventRow {
    fn of(event: &Event, merchant: &str) -> Self {
        Self {
            merchant: Some(merchant.to_owned()),
            at: event.at,
            event: event.kind.as_str(),
            attempt: event.attempt,
            detail: event.detail.clone(),
            gateway: event.gateway.as_ref().map(ToString::to_string),
            provider_id: event.provider_id.clone(),
        }
    }
}

impl Row for EventRow {
    const TITLES: &'static [&'static str] = &["AT", "EVENT", "ATTEMPT", "WHY", "GATEWAY", "PROVIDER'S ID"];
    const WIDE_ONLY: &'static [&'static str] = &["PROVIDER'S ID"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        vec![
            times.at(self.merchant.as_deref(), self.at),
            self.event.to_owned(),
            self.attempt.to_string(),
            self.detail.clone().unwrap_or_default(),
            self.gateway.clone().unwrap_or_default(),
            self.provider_id.clone().unwrap_or_default(),
        ]
    }
}
