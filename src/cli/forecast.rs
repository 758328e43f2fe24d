//! `dueherald forecast`: what the coming days bring, and what other rules would change.

mod chart;
mod comparison;
mod show;

use std::io::Write;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;

use super::table::{Format, ListFormat};
use super::{CliError, Exit};
use crate::app::{self, App};
use crate::config::Config;
use crate::pipeline::{self, ForecastView, Outlook};

/// Simulate the coming days.
#[derive(Debug, Args)]
pub(super) struct ForecastArgs {
    /// Number of days, today included
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// As if it were this time (RFC 3339, for example 2026-11-22T10:00:00+08:00)
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
    #[command(flatten)]
    format: ListFormat,
    /// Also draw the messages of each day as a chart
    #[arg(long, value_name = "FILE", conflicts_with = "compare")]
    svg: Option<PathBuf>,
    /// Show instead who would gain and lose which reminders by the rules of this config
    #[arg(long, value_name = "OTHER.toml")]
    compare: Option<PathBuf>,
}

/// How many changed reminders the table of a comparison names.
const NAMED: usize = 20;

/// Runs it.
pub(super) async fn run(args: &ForecastArgs, app: &App, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let span = app.forecast_span(args.at.unwrap_or_else(|| app.clock.now()), args.days).await?;
    let span = span.ok_or_else(|| CliError::Use("--at is too far away; name a day of this century".into()))?;
    if let Some(file) = &args.compare {
        let other = Config::load_file(file)?;
        // As `check` has it: what names templates that are not there is no sound config.
        app::composer(&other)?;
        let named = if args.format.is_json() { usize::MAX } else { NAMED };
        let compared = pipeline::compare(&*app.store, &app.policy, &other.policy, span, named).await?;
        match args.format.format {
            Format::Json => comparison::json(&compared, span, out)?,
            Format::Table => comparison::tables(&compared, span, args.format, &file.display().to_string(), out)?,
        }
        return Ok(Exit::Done);
    }
    let outlets = app.forecast_gateways(None);
    let (store, policy, composer) = (&*app.store, &app.policy, &app.composer);
    let of = Outlook { store, policy, composer, outlets: &outlets, merchants: None };
    let forecast = pipeline::forecast(of, span).await?;
    let notes = pipeline::forecast_notes(store, policy, None).await?;
    match args.format.format {
        Format::Json => show::json(&ForecastView::of(&forecast, &outlets, notes), out)?,
        Format::Table => show::tables(&forecast, &outlets, &notes, args.format.wide, out)?,
    }
    if let Some(file) = &args.svg {
        let failed = |error| CliError::Failed(format!("the chart cannot be written to {}: {error}", file.display()));
        std::fs::write(file, chart::svg(&forecast)).map_err(failed)?;
    }
    Ok(Exit::Done)
}
