//! `dueherald gateway list`: the accounts at providers that messages are handed to.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::table::{self, Format, Row};
use super::{CliError, Exit};
use crate::config::{Config, GatewayConfig};
use crate::domain::GatewayName;
use crate::plan::RateLimit;

/// Look at gateways.
#[derive(Debug, Args)]
pub(super) struct GatewayArgs {
    #[command(subcommand)]
    command: GatewayCommand,
}

#[derive(Debug, Subcommand)]
enum GatewayCommand {
    /// List the gateways of the config
    List {
        /// Print a table or JSON
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

/// Runs it.
pub(super) fn run(args: &GatewayArgs, config: &Config, out: &mut dyn Write) -> Result<Exit, CliError> {
    let GatewayCommand::List { format } = &args.command;
    let rows: Vec<_> = config.gateways.iter().map(|(name, gateway)| GatewayRow::of(config, name, gateway)).collect();
    table::print(out, *format, &rows)?;
    Ok(Exit::Done)
}

/// A rate in words.
pub(super) fn pace(rate: &RateLimit) -> String {
    let burst = if rate.burst > 1 { format!(", {} at once", rate.burst) } else { String::new() };
    let day = rate.per_day.map(|most| format!(", {most} a day")).unwrap_or_default();
    format!("at most {} a second{burst}{day}", rate.per_second)
}

/// One gateway as it is listed.
#[derive(Debug, Serialize)]
struct GatewayRow {
    name: String,
    kind: &'static str,
    channel: &'static str,
    /// From 1, in the order in which the channel's gateways are tried; nothing if its channel does not name it.
    place: Option<usize>,
    per_second: Option<u32>,
    burst: Option<u32>,
    per_day: Option<u32>,
    #[serde(skip)]
    pace: String,
}

impl GatewayRow {
    fn of(config: &Config, name: &GatewayName, gateway: &GatewayConfig) -> Self {
        let rate = config.rates.get(name);
        let order = config.channels.get(&gateway.channel());
        Self {
            name: name.to_string(),
            kind: gateway.kind(),
            channel: gateway.channel().as_str(),
            place: order.and_then(|names| names.iter().position(|one| one == name)).map(|place| place + 1),
            per_second: rate.map(|rate| rate.per_second),
            burst: rate.map(|rate| rate.burst),
            per_day: rate.and_then(|rate| rate.per_day),
            pace: rate.map(pace).unwrap_or_default(),
        }
    }
}

impl Row for GatewayRow {
    const TITLES: &'static [&'static str] = &["NAME", "KIND", "CHANNEL", "PLACE", "RATE"];

    fn cells(&self) -> Vec<String> {
        let place = self.place.map_or_else(|| "unused".to_owned(), |place| place.to_string());
        vec![self.name.clone(), self.kind.to_owned(), self.channel.to_owned(), place, self.pace.clone()]
    }
}
