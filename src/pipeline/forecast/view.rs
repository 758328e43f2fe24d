//! The JSON form of a forecast, for the command and the API.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Busy, Forecast, ForecastGateway, GatewayBacklog, Peaks};
use crate::domain::{Channel, Currency, GatewayName};
use crate::plan::RateLimit;

/// The messages of the coming days.
#[derive(Debug, Serialize, ToSchema)]
pub struct ForecastView {
    /// The first instant.
    from: DateTime<Utc>,
    /// The end, excluded.
    until: DateTime<Utc>,
    /// The time zone whose days and hours are counted.
    time_zone: &'static str,
    total: ForecastSums,
    days: Vec<ForecastDay>,
    /// Only those with a message.
    hours: Vec<ForecastHour>,
    /// By channel and name.
    gateways: Vec<ForecastGatewayView>,
    /// Notes without which the figures would be misread.
    notes: Vec<String>,
}

/// Messages and skipped reminders.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastSums {
    /// The number of SMS.
    sms: u64,
    /// The number of e-mails.
    email: u64,
    /// The segments of the SMS.
    segments: u64,
    /// Amounts as texts by currency, at gateways that name a price.
    cost: BTreeMap<&'static str, String>,
    /// The number of skipped reminders by reason.
    skipped: BTreeMap<&'static str, u64>,
}

/// The same of one day.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastDay {
    date: NaiveDate,
    /// For example `Sun`.
    weekday: String,
    #[serde(flatten)]
    sums: ForecastSums,
}

/// The messages of an hour through one gateway.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastHour {
    date: NaiveDate,
    /// 0 to 23. An hour that comes twice counts as one.
    hour: u32,
    /// `sms` or `email`.
    channel: &'static str,
    gateway: Option<String>,
    messages: u64,
    segments: u64,
}

/// The messages of a gateway.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastGatewayView {
    gateway: String,
    /// `sms` or `email`.
    channel: &'static str,
    messages: u64,
    segments: u64,
    /// `null` if the config names no price.
    cost: Option<ForecastCost>,
    /// How fast it may be fed; `null` if the config does not say.
    rate: Option<ForecastRate>,
    /// `null` if nothing leaves there.
    busiest: Option<BusiestTimes>,
    /// The longest wait in its queue at that rate.
    longest_wait: Option<LongestWait>,
}

/// An amount.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastCost {
    /// As a text.
    amount: String,
    currency: &'static str,
}

/// How fast a gateway may be fed.
#[derive(Debug, Serialize, ToSchema)]
struct ForecastRate {
    per_second: u32,
    /// How many may leave at once after a pause.
    burst: u32,
    per_day: Option<u32>,
}

/// The busiest times of a gateway.
#[derive(Debug, Serialize, ToSchema)]
struct BusiestTimes {
    hour: BusyTime,
    minute: BusyTime,
    second: BusyTime,
}

/// A span of time with its messages.
#[derive(Debug, Serialize, ToSchema)]
struct BusyTime {
    from: DateTime<Utc>,
    messages: u64,
}

/// The message that waits longest for its gateway.
#[derive(Debug, Serialize, ToSchema)]
struct LongestWait {
    due: DateTime<Utc>,
    leaves: DateTime<Utc>,
    /// How many messages leave only when they are too late.
    too_late: u64,
}

impl ForecastView {
    /// Of a forecast with these gateways.
    #[must_use]
    pub fn of(forecast: &Forecast, gateways: &BTreeMap<GatewayName, ForecastGateway>, notes: Vec<String>) -> Self {
        let sums = |day| ForecastSums::of(forecast, gateways, day);
        let day =
            |date: NaiveDate| ForecastDay { date, weekday: date.format("%a").to_string(), sums: sums(Some(date)) };
        let hours = forecast.hours.iter().map(|((date, hour, channel, gateway), volume)| ForecastHour {
            date: *date,
            hour: *hour,
            channel: channel.as_str(),
            gateway: gateway.as_ref().map(ToString::to_string),
            messages: volume.messages,
            segments: volume.segments,
        });
        let mut ordered: Vec<_> = gateways.values().collect();
        ordered.sort_by_key(|gateway| gateway.channel);
        Self {
            from: forecast.span.from,
            until: forecast.span.until,
            time_zone: forecast.span.zone.name(),
            total: sums(None),
            days: forecast.days().map(day).collect(),
            hours: hours.collect(),
            gateways: ordered.into_iter().map(|gateway| ForecastGatewayView::of(forecast, gateway)).collect(),
            notes,
        }
    }
}

impl ForecastSums {
    fn of(forecast: &Forecast, gateways: &BTreeMap<GatewayName, ForecastGateway>, day: Option<NaiveDate>) -> Self {
        let messages = |channel| forecast.volume(day, channel).messages;
        let costs = forecast.costs(day, gateways).into_iter().map(|(code, cost)| (code, plain(cost, code)));
        Self {
            sms: messages(Channel::Sms),
            email: messages(Channel::Email),
            segments: forecast.volume(day, Channel::Sms).segments,
            cost: costs.collect(),
            skipped: forecast.skips(day).into_iter().map(|(reason, count)| (reason.as_str(), count)).collect(),
        }
    }
}

impl ForecastGatewayView {
    fn of(forecast: &Forecast, outlet: &ForecastGateway) -> Self {
        let volume = forecast.volume_through(None, &outlet.gateway);
        let peaks = forecast.peaks(outlet);
        Self {
            gateway: outlet.gateway.to_string(),
            channel: outlet.channel.as_str(),
            messages: volume.messages,
            segments: volume.segments,
            cost: outlet.price.map(|price| {
                let currency = price.currency.code();
                let amount = plain(price.of(volume.messages, volume.segments), currency);
                ForecastCost { amount, currency }
            }),
            rate: outlet.rate.map(|RateLimit { per_second, burst, per_day }| ForecastRate {
                per_second,
                burst,
                per_day: per_day.map(|quota| quota.most),
            }),
            busiest: peaks.map(|Peaks { hour, minute, second, .. }| BusiestTimes {
                hour: hour.into(),
                minute: minute.into(),
                second: second.into(),
            }),
            longest_wait: peaks.and_then(|peaks| peaks.queue).map(|queue| {
                let GatewayBacklog { due, leaves, too_late } = queue;
                LongestWait { due, leaves, too_late }
            }),
        }
    }
}

impl From<Busy> for BusyTime {
    fn from(Busy { from, messages }: Busy) -> Self {
        Self { from, messages }
    }
}

/// An amount exactly, and with no fewer decimals than its currency has.
#[must_use]
pub fn plain(cost: Decimal, code: &str) -> String {
    let mut cost = cost.normalize();
    let least = Currency::new(code).map_or(0, Currency::exponent);
    if cost.scale() < least {
        cost.rescale(least);
    }
    cost.to_string()
}
