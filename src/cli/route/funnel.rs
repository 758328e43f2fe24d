//! `dueherald route funnel`: how many borrowers followed each link to the end.

use std::io::Write;

use chrono::TimeDelta;
use clap::Args;
use serde::Serialize;

use crate::app::App;
use crate::cli::merchant::refuse_typo;
use crate::cli::table::{self, ListFormat, LocalTimes, Row};
use crate::cli::{CliError, Exit};
use crate::domain::MerchantId;
use crate::pipeline::{FunnelLine, funnel};

#[derive(Debug, Args)]
pub(super) struct FunnelArgs {
    /// Number of past days whose messages are counted
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// Only of this merchant
    #[arg(long)]
    merchant: Option<MerchantId>,
    #[command(flatten)]
    format: ListFormat,
}

/// How far messages brought borrowers.
pub(super) async fn run(args: &FunnelArgs, app: &App, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let now = app.clock.now();
    let seen = app.composer.routes.now(&*app.store, &*app.clock).await?;
    let mut lines = funnel(&*app.store, &seen, now - TimeDelta::days(i64::from(args.days))..now).await?;
    lines.retain(|line| args.merchant.as_ref().is_none_or(|merchant| line.merchant == *merchant));
    let rows: Vec<_> = lines.iter().map(FunnelRow::of).collect();
    refuse_typo(&app.policy.merchants, args.merchant.as_ref(), rows.is_empty())?;
    table::print(out, args.format, &args.format.times(&app.policy.merchants), &rows)?;
    Ok(Exit::Done)
}

#[derive(Debug, Serialize)]
struct FunnelRow {
    merchant: String,
    route: Option<String>,
    step: String,
    channel: &'static str,
    sent: u64,
    delivered: u64,
    clicked: u64,
    paid: u64,
}

impl FunnelRow {
    fn of(line: &FunnelLine) -> Self {
        let funnel = line.funnel;
        Self {
            merchant: line.merchant.to_string(),
            route: line.route.as_ref().map(ToString::to_string),
            step: line.step.to_string(),
            channel: line.channel.as_str(),
            sent: funnel.sent,
            delivered: funnel.delivered,
            clicked: funnel.clicked,
            paid: funnel.paid,
        }
    }

    fn share(&self, count: u64) -> String {
        format!("{count} ({}%)", count * 100 / self.sent.max(1))
    }
}

impl Row for FunnelRow {
    const TITLES: &'static [&'static str] =
        &["MERCHANT", "ROUTE", "STEP", "CHANNEL", "SENT", "DELIVERED", "CLICKED", "PAID"];

    fn cells(&self, _: &LocalTimes) -> Vec<String> {
        vec![
            self.merchant.clone(),
            self.route.clone().unwrap_or_else(|| "none".to_owned()),
            self.step.clone(),
            self.channel.to_owned(),
            self.sent.to_string(),
            self.share(self.delivered),
            self.share(self.clicked),
            self.share(self.paid),
        ]
    }
}
