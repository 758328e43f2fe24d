//! `dueherald dispatch --drain`: send what is due now, then end.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{CliError, Exit};
use crate::app::App;
use crate::pipeline::{self, GuardHold, Tally};
use crate::plan::WaitReason;
use crate::store::{Store, StoreError};

/// Send what is due now.
#[derive(Debug, Args)]
pub(super) struct DispatchArgs {
    /// End when nothing more is due (without it, `dueherald run` is what you want)
    #[arg(long, required = true)]
    drain: bool,
    /// A rehearsal: send as if it were this time (RFC 3339). Only with capture gateways: a real borrower's clock cannot
    /// be set
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<DateTime<Utc>>,
}

/// Runs it: all channels at once, until nothing more is due.
pub(super) async fn run(app: &App, stop: &CancellationToken, out: &mut dyn Write) -> Result<Exit, CliError> {
    app.reconciler(&app.dispatcher()).round().await?;
    app.rehome().await?;
    print_stops(app, out).await?;
    print_stale_sources(app, out).await?;
    look(app).await?;
    let tally = tokio::select! {
        tally = drain(app, stop) => tally?,
        () = keep_looking(app) => Tally::default(),
    };
    if let Some(hold) = app.guard.hold() {
        writeln!(out, "sending is held: {}", hold.explained())?;
    }
    report(&tally, out)?;
    let waiting = print_waiting(app, out).await?;
    if tally.accepted == 0 && waiting == 0 && app.guard.hold().is_none() {
        print_next_due(app, out).await?;
    }
    Ok(if tally.failed + tally.unknown + tally.retried + waiting == 0 && app.guard.hold().is_none() {
        Exit::Done
    } else {
        Exit::Partly
    })
}

/// Drains every channel.
pub(super) async fn drain(app: &App, stop: &CancellationToken) -> Result<Tally, CliError> {
    Ok(pipeline::drain(&app.lanes(&app.dispatcher()), stop).await?)
}

/// How often the guard looks at the database.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often it looks before it gives up to find a daemon that stands by.
const LOOKS: usize = 4;

/// Looks at the database; a new daemon looks for one that stands by as well.
async fn look(app: &App) -> Result<(), CliError> {
    for _ in 0..LOOKS {
        app.guard.look().await?;
        if app.guard.hold() != Some(GuardHold::Wait(WaitReason::Alone)) {
            break;
        }
        app.clock.sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Looks again and again; never ends.
async fn keep_looking(app: &App) {
    loop {
        app.clock.sleep(LOOK_EVERY).await;
        if let Err(error) = app.guard.look().await {
            tracing::debug!(%error, "could not check the database");
        }
    }
}

/// Says what somebody has stopped, so that nobody wonders why nothing leaves.
async fn print_stops(app: &App, out: &mut dyn Write) -> Result<(), CliError> {
    for stop in app.store.stops().await? {
        writeln!(out, "stopped: {}, by {}: {}", stop.scope(), stop.actor, stop.reason)?;
    }
    for merchant in app.policy.merchants.values().filter(|merchant| merchant.stopped) {
        writeln!(out, "stopped in the config: {}; its reminders are skipped", merchant.id)?;
    }
    Ok(())
}

/// Says which sources are too old to remind from.
async fn print_stale_sources(app: &App, out: &mut dyn Write) -> Result<(), CliError> {
    Ok(stale(app).await?.iter().try_for_each(|source| writeln!(out, "{source}"))?)
}

/// Which sources are too old to remind from, each with what to do.
pub(super) async fn stale(app: &App) -> Result<Vec<String>, CliError> {
    if app.config.sources.is_empty() {
        return Ok(Vec::new());
    }
    let stale = app.freshness().stale(&app.store.sources().await?, app.clock.now());
    let told = stale.iter().map(|stale| {
        format!("nothing is sent{}: {stale}; pull it with `dueherald import --source {}`", stale.whose(), stale.source)
    });
    Ok(told.collect())
}

/// Why nothing is sent from the database at all, with what to do.
pub(super) async fn disarmed(store: &dyn Store) -> Result<Option<String>, StoreError> {
    let disarm = store.database_state(None).await?.disarm;
    Ok(disarm.map(|disarm| format!("nothing is sent: {}", GuardHold::Disarmed(disarm.reason).explained())))
}

/// Says how many are due and were not sent, and how many are held; gives their number.
async fn print_waiting(app: &App, out: &mut dyn Write) -> Result<u64, CliError> {
    let counts = app.store.queue_counts().await?;
    let waiting: u64 = counts.iter().map(|counts| counts.due).sum();
    if waiting > 0 && app.guard.hold().is_some() {
        writeln!(out, "{waiting} are due and wait")?;
    } else if waiting > 0 {
        writeln!(
            out,
            "{waiting} are due and wait: their gateway rests after failures, or its rate is used up for the day"
        )?;
    }
    let mut held = BTreeMap::<_, u64>::new();
    for (reason, count) in counts.iter().flat_map(|counts| &counts.held) {
        *held.entry(reason).or_default() += count;
    }
    for (reason, count) in &held {
        writeln!(out, "{count} are held: {}; see `dueherald reminders list --state held`", reason.explained())?;
    }
    Ok(waiting + held.values().sum::<u64>())
}

/// Says when something is due next, where nothing was sent and nothing waits.
async fn print_next_due(app: &App, out: &mut dyn Write) -> Result<(), CliError> {
    let mut next = Vec::new();
    for channel in app.policy.gateways.channels() {
        next.extend(app.store.next_due(channel).await?);
    }
    let Some(next) = next.into_iter().min() else {
        return Ok(writeln!(out, "nothing is planned: `dueherald scan` plans what comes into view")?);
    };
    let zone = app.config.scans.schedule.zone();
    let next = next.with_timezone(&zone).format("%F %H:%M %:z");
    Ok(writeln!(
        out,
        "nothing is due now; the next reminder is due at {next}: run this again then, or `dueherald run`"
    )?)
}

fn report(tally: &Tally, out: &mut dyn Write) -> Result<(), CliError> {
    let skipped: u64 = tally.skipped.values().sum();
    writeln!(
        out,
        "{} sent, {skipped} skipped, {} put off to a decent hour, {} newly held",
        tally.accepted, tally.deferred, tally.held
    )?;
    for (reason, count) in &tally.skipped {
        writeln!(out, "  skipped {count}: {reason}")?;
    }
    if tally.retried > 0 {
        writeln!(
            out,
            "{} not taken over, to be tried again: see `dueherald reminders list --state planned`",
            tally.retried
        )?;
    }
    if tally.failed > 0 {
        writeln!(out, "{} failed for good: see `dueherald reminders list --state failed`", tally.failed)?;
    }
    if tally.unknown > 0 {
        writeln!(out, "{} may or may not have gone: see `dueherald reminders list --state unknown`", tally.unknown)?;
    }
    Ok(())
}
