//! A forecast as tables and as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};

use chrono::{DateTime, NaiveDate, Utc};
use comfy_table::{CellAlignment, Table};
use rust_decimal::Decimal;

use super::super::table::{fit, table};
use crate::domain::{Channel, GatewayName};
use crate::pipeline::{Busy, Costs, Forecast, ForecastGateway, ForecastView, GatewayBacklog, Peaks, plain};

type ForecastGateways = BTreeMap<GatewayName, ForecastGateway>;

/// Prints it for people.
pub(super) fn tables(
    forecast: &Forecast,
    outlets: &ForecastGateways,
    notes: &[String],
    is_wide: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let zone = forecast.span.zone;
    writeln!(
        out,
        "What leaves from {} to {}, {zone}\n",
        local(forecast, forecast.span.from, "%F %H:%M"),
        local(forecast, forecast.span.until, "%F %H:%M"),
    )?;
    writeln!(out, "{}\n", fit(days(forecast, outlets), is_wide))?;
    if !forecast.hours.is_empty() {
        writeln!(out, "{}\n", hours(forecast))?;
        writeln!(out, "{}\n", fit(gateways(forecast, outlets, is_wide), is_wide))?;
    }
    for outlet in in_order(outlets) {
        if let Some(peaks) = forecast.peaks(outlet) {
            print_pace(forecast, outlet, &peaks, out)?;
        }
    }
    let skips = forecast.skips(None);
    if !skips.is_empty() {
        let mut skipped = numbers(&["SKIPPED", "REMINDERS"], 1);
        skipped.add_rows(skips.iter().map(|(reason, count)| [reason.to_string(), count.to_string()]));
        writeln!(out, "{}\n", fit(skipped, is_wide))?;
    }
    notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
}

/// By channel, then by name.
fn in_order(outlets: &ForecastGateways) -> Vec<&ForecastGateway> {
    let mut ordered: Vec<_> = outlets.values().collect();
    ordered.sort_by_key(|outlet| outlet.channel);
    ordered
}

fn days(forecast: &Forecast, outlets: &ForecastGateways) -> Table {
    let mut table = by_channel(&["DATE", "DAY"], &["SEGMENTS", "COST", "SKIPPED"]);
    let row = |first: [String; 2], day: Option<NaiveDate>| {
        let sms = forecast.volume(day, Channel::Sms);
        let skipped: u64 = forecast.skips(day).values().sum();
        let messages = Channel::ALL.iter().map(|channel| forecast.volume(day, *channel).messages.to_string());
        let rest = [sms.segments.to_string(), priced(&forecast.costs(day, outlets)), skipped.to_string()];
        first.into_iter().chain(messages).chain(rest).collect::<Vec<_>>()
    };
    for day in forecast.days() {
        table.add_row(row([day.to_string(), day.format("%a").to_string()], Some(day)));
    }
    table.add_row(row(["in all".into(), String::new()], None));
    table
}

/// A table of numbers with a column for each channel between those of these titles.
fn by_channel(before: &[&str], after: &[&str]) -> Table {
    let channels: Vec<_> = Channel::ALL.iter().map(|channel| channel.label().to_uppercase()).collect();
    let channels = channels.iter().map(String::as_str);
    numbers(&Vec::from_iter(before.iter().copied().chain(channels).chain(after.iter().copied())), before.len())
}

/// By hour of the day, over all days.
fn hours(forecast: &Forecast) -> Table {
    let mut by_hour = BTreeMap::<u32, BTreeMap<Channel, u64>>::new();
    for ((_, hour, channel, _), volume) in &forecast.hours {
        *by_hour.entry(*hour).or_default().entry(*channel).or_default() += volume.messages;
    }
    let mut table = by_channel(&["HOUR"], &[]);
    for (hour, counts) in by_hour {
        let messages = Channel::ALL.iter().map(|channel| counts.get(channel).copied().unwrap_or_default().to_string());
        table.add_row(std::iter::once(format!("{hour:02}:00")).chain(messages));
    }
    table
}

/// Only a wide table has the columns of minute and second.
fn gateways(forecast: &Forecast, outlets: &ForecastGateways, is_wide: bool) -> Table {
    let shown = |cells: [String; 8]| {
        let cells = cells.into_iter().enumerate().filter(|(at, _)| is_wide || !(5..=6).contains(at));
        cells.map(|(_, cell)| cell).collect::<Vec<_>>()
    };
    let titles = ["GATEWAY", "CHANNEL", "MESSAGES", "COST", "BUSIEST HOUR", "MINUTE", "SECOND", "RATE"];
    let titles = shown(titles.map(str::to_owned));
    let mut table = numbers(&Vec::from_iter(titles.iter().map(String::as_str)), 2);
    for outlet in in_order(outlets) {
        let Some(peaks) = forecast.peaks(outlet) else { continue };
        let volume = forecast.volume_through(None, &outlet.gateway);
        let cost = outlet.price.map(|price| price.of(volume.messages, volume.segments)).zip(outlet.price);
        let busy = |busy: Busy, form: &str| format!("{} at {}", busy.messages, local(forecast, busy.from, form));
        table.add_row(shown([
            outlet.gateway.to_string(),
            outlet.channel.to_string(),
            volume.messages.to_string(),
            cost.map_or_else(|| "-".into(), |(cost, price)| amount(cost, price.currency.code())),
            busy(peaks.hour, "%m-%d %H:%M"),
            busy(peaks.minute, "%m-%d %H:%M"),
            busy(peaks.second, "%m-%d %H:%M:%S"),
            outlet.rate.map_or_else(|| "-".into(), |rate| format!("{}/s", rate.per_second)),
        ]));
    }
    table
}

/// Says where a gateway is too slow for what is asked of it.
fn print_pace(forecast: &Forecast, outlet: &ForecastGateway, peaks: &Peaks, out: &mut dyn Write) -> io::Result<()> {
    let (Some(rate), Some(GatewayBacklog { due, leaves, too_late })) = (outlet.rate, peaks.queue) else {
        return Ok(());
    };
    let name = &outlet.gateway;
    if leaves > due {
        let a_day = rate.per_day.map(|quota| format!(" and {} a {} day", quota.most, quota.zone)).unwrap_or_default();
        writeln!(
            out,
            "{name} needs {}/s at {} and allows {}/s{a_day}: the last of {} leaves at {}",
            peaks.second.messages,
            local(forecast, peaks.second.from, "%F %T"),
            rate.per_second,
            local(forecast, due, "%F %T"),
            local(forecast, leaves, "%F %T"),
        )?;
    }
    if too_late > 0 {
        writeln!(
            out,
            "warning: for up to {too_late} of {name} that is too late, after max_lateness or the contact hours: \
             spread the rule, or raise the rate"
        )?;
    }
    if leaves > due { writeln!(out) } else { Ok(()) }
}

/// Prints it for programs.
pub(super) fn json(forecast: &ForecastView, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, forecast)?;
    writeln!(out)
}

/// A table whose columns from the one with this number, from 0, stand to the right.
pub(super) fn numbers(titles: &[&str], from: usize) -> Table {
    let mut table = table(titles);
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn local(forecast: &Forecast, at: DateTime<Utc>, form: &str) -> String {
    at.with_timezone(&forecast.span.zone).format(form).to_string()
}

fn priced(costs: &Costs) -> String {
    if costs.is_empty() {
        return "-".into();
    }
    costs.iter().map(|(code, cost)| amount(*cost, code)).collect::<Vec<_>>().join(" + ")
}

fn amount(cost: Decimal, code: &str) -> String {
    format!("{} {code}", plain(cost, code))
}
