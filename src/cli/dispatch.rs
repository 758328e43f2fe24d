//! `dueherald dispatch --drain`: send what is due now, then end.

use std::io::Write;

use chrono::{DateTime, Utc};
use clap::Args;
use tokio_util::sync::CancellationToken;

use super::{CliError, Exit};
use crate::app::App;
use crate::pipeline::{Tally, Until};

/// Send what is due now.
#[derive(Debug, Args)]
pub(super) struct DispatchArgs {
    /// End when nothing more is due (without it, `dueherald run` is what you want)
    #[arg(long, required = true)]
    drain: bool,
    /// A rehearsal: send as if it were this time (RFC 3339). Only with capture gateways: a real borrower's clock cannot be set
    #[arg(long, value_name = "TIME")]
    pub(super) at: Option<DateTime<Utc>>,
}

/// Runs it: all channels at once, until nothing more is due.
pub(super) async fn run(app: &App, stop: &CancellationToken, out: &mut dyn Write) -> Result<Exit, CliError> {
    app.reconciler(&app.dispatcher()).round().await?;
    let tally = drain(app, stop).await?;
    report(&tally, out)?;
    Ok(if tally.failed + tally.unknown + tally.retried == 0 { Exit::Done } else { Exit::Partly })
}

/// Drains every channel.
pub(super) async fn drain(app: &App, stop: &CancellationToken) -> Result<Tally, CliError> {
    let lanes = app.lanes(&app.dispatcher());
    let tallies = futures_util::future::join_all(lanes.iter().map(|lane| lane.run(Until::Drained, stop))).await;
    let mut total = Tally::default();
    for tally in tallies {
        total.add(&tally?);
    }
    Ok(total)
}

fn report(tally: &Tally, out: &mut dyn Write) -> Result<(), CliError> {
    let skipped: u64 = tally.skipped.values().sum();
    writeln!(out, "{} sent, {skipped} skipped, {} put off to a decent hour", tally.accepted, tally.deferred)?;
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
