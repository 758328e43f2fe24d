//! `dueherald forecast`: what the coming days bring, and what other rules would change.

mod chart;
mod comparison;
mod show;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use chrono::{DateTime, Days, NaiveTime, Utc};
use chrono_tz::Tz;
use clap::Args;

use super::suppress::StopScope;
use super::table::Format;
use super::{CliError, Exit};
use crate::app::{self, App};
use crate::config::Config;
use crate::domain::{Channel, GatewayName};
use crate::pipeline::{self, ForecastGateway, ForecastSpan, Outlook, ScanScope};
use crate::plan::to_utc;

/// Simulate the coming days.
#[derive(Debug, Args)]
pub(super) struct ForecastArgs {
    /// Number of days, today included
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// As if it were this time (RFC 3339, for example 2026-11-22T10:00:00+08:00)
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
    /// Print tables or JSON
    #[arg(long, value_enum, default_value_t)]
    format: Format,
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
    let span = span(args, app).await?;
    if let Some(file) = &args.compare {
        let other = Config::load_file(file)?;
        // As `check` has it: what names templates that are not there is no sound config.
        app::composer(&other)?;
        let named = if args.format == Format::Json { usize::MAX } else { NAMED };
        let compared = pipeline::compare(&*app.store, &app.policy, &other.policy, span, named).await?;
        match args.format {
            Format::Json => comparison::json(&compared, span, out)?,
            Format::Table => comparison::tables(&compared, span, &file.display().to_string(), out)?,
        }
        return Ok(Exit::Done);
    }
    let outlets = outlets(app);
    let of = Outlook { store: &*app.store, policy: &app.policy, composer: &app.composer, outlets: &outlets };
    let forecast = pipeline::forecast(of, span).await?;
    let notes = notes(app).await?;
    match args.format {
        Format::Json => show::json(&forecast, &outlets, &notes, out)?,
        Format::Table => show::tables(&forecast, &outlets, &notes, out)?,
    }
    if let Some(file) = &args.svg {
        let failed = |error| CliError::Failed(format!("the chart cannot be written to {}: {error}", file.display()));
        std::fs::write(file, chart::svg(&forecast)).map_err(failed)?;
    }
    Ok(Exit::Done)
}

/// From now to the end of the last day, in the time zone of `[schedule]`.
async fn span(args: &ForecastArgs, app: &App) -> Result<ForecastSpan, CliError> {
    let zone: Tz = app.config.scans.schedule.zone();
    let from = args.at.unwrap_or_else(|| app.clock.now());
    let end = from.with_timezone(&zone).date_naive().checked_add_days(Days::new(u64::from(args.days)));
    let end = end.ok_or_else(|| CliError::Use("--at is too far away; name a day of this century".into()))?;
    let start = pipeline::plan_start(&*app.store, &app.scan_order(from, ScanScope::Aside)).await?;
    Ok(ForecastSpan { from, until: to_utc(zone, end.and_time(NaiveTime::MIN)), zone, start })
}

/// The first gateway of each list.
fn outlets(app: &App) -> BTreeMap<GatewayName, ForecastGateway> {
    let lists = &app.policy.gateways;
    let outlet = |(channel, name): (Channel, &GatewayName)| {
        let gateway = app.gateways.get(name)?;
        let name = gateway.name().clone();
        let (rate, price) = (app.config.rates.get(&name).copied(), app.config.prices.get(&name).copied());
        let registered = gateway.registered().cloned();
        let link_mode = gateway.link_mode();
        Some((name.clone(), ForecastGateway { gateway: name, channel, link_mode, registered, rate, price }))
    };
    let firsts = |channel| lists.lists(channel).filter_map(move |list| Some((channel, list.gateways.first()?)));
    lists.channels().flat_map(firsts).filter_map(outlet).collect()
}

/// Notes without which the figures would be misread.
async fn notes(app: &App) -> Result<Vec<String>, CliError> {
    let mut notes = vec![
        "an upper bound: payments to come are not known, and resends, fallbacks and failing gateways are left out"
            .to_owned(),
    ];
    if app.policy.recent_contacts().is_some() {
        notes.push(
            "caps and digests reckon with what the rules would have sent in the days before, not with the outbox"
                .to_owned(),
        );
    }
    if app.policy.caps.as_ref().is_some_and(|caps| caps.across_merchants) {
        notes.push(
            "caps are counted per borrower of one merchant here; across merchants still fewer are sent".to_owned(),
        );
    }
    let waiting: u64 = app.store.queue_counts().await?.iter().map(|counts| counts.due).sum();
    if waiting > 0 {
        notes.push(format!("{waiting} are due now and wait in the outbox; they are not counted"));
    }
    let held = app.store.reject_counts().await?.faulty;
    if held > 0 {
        let records = if held == 1 { "record holds" } else { "records hold" };
        notes.push(format!(
            "{held} rejected {records} the reminders of an instalment each; counted as if they were released \
             (dueherald rejects list)"
        ));
    }
    for stop in app.store.stops().await? {
        notes.push(format!("stopped: {}, by {}; counted as if it were lifted", StopScope::of(&stop), stop.actor));
    }
    Ok(notes)
}
