//! `dueherald gateway list|test`: the accounts at providers that messages are handed to.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use serde::Serialize;

use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit};
use crate::app::{self, Time};
use crate::clock::{Clock, Deadline, SystemClock};
use crate::config::{Config, GatewayConfig};
use crate::domain::{Address, Channel, GatewayName, GatewayState, Merchant, Message, Outcome};
use crate::gateway::{Gateway, Handover};
use crate::pipeline::GatewayHealth;
use crate::plan::RateLimit;
use crate::render::{Phase, RenderRequest, Sample};
use crate::store::{GATEWAY_STATE_KEPT, StoreError};

/// Look at gateways.
#[derive(Debug, Args)]
pub(super) struct GatewayArgs {
    #[command(subcommand)]
    command: GatewayCommand,
}

#[derive(Debug, Subcommand)]
enum GatewayCommand {
    /// List the gateways of the config, and how they have been doing in the last day
    List {
        #[command(flatten)]
        format: ListFormat,
    },
    /// Hand one test message to a gateway
    Test {
        /// The gateway's name
        name: String,
        /// The phone (+8613800138000) or mailbox; one of test_recipients of the gateway
        #[arg(long, value_name = "ADDRESS")]
        to: String,
    },
}

/// Runs it.
pub(super) async fn run(args: &GatewayArgs, config: &Config, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    match &args.command {
        GatewayCommand::List { format } => list(*format, config, out).await,
        GatewayCommand::Test { name, to } => test(name, to, config, out).await,
    }
}

async fn list(format: ListFormat, config: &Config, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let states = states(config).await;
    let row = |(name, gateway)| GatewayRow::of(config, name, gateway, states.as_deref().ok());
    let rows: Vec<_> = config.gateways.iter().map(row).collect();
    table::print(out, format, &format.times(&config.policy.merchants), &rows)?;
    Ok(match states {
        Ok(_) => Exit::Done,
        Err(error) => {
            tracing::warn!(%error, "how the gateways are doing could not be read");
            Exit::Partly
        }
    })
}

/// The gateway states that daemons recorded in the last day.
async fn states(config: &Config) -> Result<Vec<GatewayState>, StoreError> {
    let store = app::open_store(&config.database, &Time::Real).await?;
    store.ready().await?;
    store.gateway_states(SystemClock.now() - GATEWAY_STATE_KEPT).await
}

/// How long a test may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Hands over one message that says what it is. What leaves is a real message that costs money, so only to an address
/// in the config.
async fn test(name: &str, to: &str, config: &Config, out: &mut (dyn Write + Send)) -> Result<Exit, CliError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (gateways, _) = app::gateways(config, &clock)?;
    let Some((name, gateway)) = gateways.get_key_value(name) else {
        return Err(CliError::Use(format!("the config has no gateway {name:?}; see `dueherald gateway list`")));
    };
    if !config.test_recipients.get(name).is_some_and(|known| known.iter().any(|one| one == to)) {
        return Err(CliError::Use(format!(
            "the address is none of test_recipients in [gateways.{name}]; write it there if it may get test messages"
        )));
    }
    let merchant = config.policy.merchants.values().next();
    let merchant = merchant.ok_or_else(|| CliError::Failed("the config has no merchant to write for".to_owned()))?;
    let address = Address::new(gateway.channel(), to).map_err(|error| CliError::Use(format!("the address {error}")))?;
    let message = test_message(&**gateway, merchant)?;
    let reference = format!("test-{}", clock.now().timestamp());
    let deadline = Deadline::new(Arc::clone(&clock), clock.elapsed(), PATIENCE);
    let handover =
        Handover { merchant, to: &address, message: &message, reference: &reference, attempt: 1, deadline: &deadline };
    let outcome = gateway.send(&handover).await;
    let code = outcome.code().map(|code| format!(" ({code})")).unwrap_or_default();
    writeln!(out, "{name}: {}{code}, reference {reference}", outcome.as_str().replace('_', " "))?;
    Ok(if matches!(outcome, Outcome::Accepted { .. }) { Exit::Done } else { Exit::Unwell })
}

/// Marked as a test; but an approved template leaves no room for that and goes out with made-up values.
fn test_message(gateway: &dyn Gateway, merchant: &Merchant) -> Result<Message, CliError> {
    const MARK: &str = "dueherald test message, please ignore. 这是一条测试消息，请忽略。";
    if let Some(registered) = gateway.registered() {
        let first = registered.templates.first();
        let first = first.ok_or_else(|| CliError::Failed("the gateway has no approved template".to_owned()))?;
        let sample = Sample::new(merchant, &merchant.locale, Phase::Before, 1);
        let request =
            RenderRequest { template: Some(&first.template), ..sample.request(Channel::Sms, &merchant.locale) };
        let sms = registered.fill(&request).map_err(|error| CliError::Failed(error.to_string()))?;
        return Ok(Message::Registered(sms));
    }
    Ok(Message::plain(gateway.channel(), &merchant.signature, "[TEST] dueherald", MARK))
}

/// A rate in words.
pub(super) fn pace(rate: &RateLimit) -> String {
    let burst = if rate.burst > 1 { format!(", {} at once", rate.burst) } else { String::new() };
    let day = rate.per_day.map(|quota| match quota.zone {
        Tz::UTC => format!(", {} a day", quota.most),
        zone => format!(", {} a day in {zone}", quota.most),
    });
    let day = day.unwrap_or_default();
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
    /// The same by merchant, for those that have gateways of their own.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    merchants: BTreeMap<String, usize>,
    per_second: Option<u32>,
    burst: Option<u32>,
    per_day: Option<u32>,
    #[serde(skip)]
    pace: String,
    /// Nothing where the database could not be read.
    health: Option<Health>,
}

/// How the daemons find a gateway.
#[derive(Debug, Serialize)]
struct Health {
    breaker: &'static str,
    /// The longest of those that are open.
    open_since: Option<DateTime<Utc>>,
    /// In how many processes it is open.
    open_in: usize,
    /// The newest in any process.
    last_error: Option<String>,
    last_error_at: Option<DateTime<Utc>>,
}

impl Health {
    fn of(gateway: &GatewayName, states: &[GatewayState]) -> Self {
        let GatewayHealth { open_since, open_in, last_error } = GatewayHealth::of(gateway, states);
        let (last_error, last_error_at) = last_error.unzip();
        let breaker = if open_since.is_some() { "open" } else { "closed" };
        Self { breaker, open_since, open_in, last_error, last_error_at }
    }

    fn breaker(&self, times: &LocalTimes) -> String {
        let since = self.open_since.map(|since| {
            let processes = if self.open_in == 1 { "process" } else { "processes" };
            format!("open since {} in {} {processes}", times.at(None, since), self.open_in)
        });
        since.unwrap_or_else(|| self.breaker.to_owned())
    }

    fn last_error(&self, times: &LocalTimes) -> String {
        let error = self.last_error.as_ref().zip(self.last_error_at);
        error.map(|(code, at)| format!("{code}, {}", times.at(None, at))).unwrap_or_default()
    }
}

impl GatewayRow {
    fn of(config: &Config, name: &GatewayName, gateway: &GatewayConfig, states: Option<&[GatewayState]>) -> Self {
        let rate = config.rates.get(name);
        let lists = &config.policy.gateways;
        let channel = gateway.channel();
        let place = |names: &[GatewayName]| names.iter().position(|one| one == name).map(|place| place + 1);
        let merchants =
            lists.own(channel).filter_map(|(merchant, list)| Some((merchant.to_string(), place(list.gateways)?)));
        Self {
            name: name.to_string(),
            kind: gateway.kind(),
            channel: channel.as_str(),
            place: place(lists.shared(channel)),
            merchants: merchants.collect(),
            per_second: rate.map(|rate| rate.per_second),
            burst: rate.map(|rate| rate.burst),
            per_day: rate.and_then(|rate| rate.per_day).map(|quota| quota.most),
            pace: rate.map(pace).unwrap_or_default(),
            health: states.map(|states| Health::of(name, states)),
        }
    }
}

impl Row for GatewayRow {
    const TITLES: &'static [&'static str] = &["NAME", "KIND", "CHANNEL", "PLACE", "RATE", "BREAKER", "LAST ERROR"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        let own = self.merchants.iter().map(|(merchant, place)| format!("{place} of {merchant}"));
        let places: Vec<_> = self.place.iter().map(ToString::to_string).chain(own).collect();
        let place = if places.is_empty() { "unused".to_owned() } else { places.join(", ") };
        let breaker = self.health.as_ref().map_or_else(|| "unknown".to_owned(), |health| health.breaker(times));
        let last_error = self.health.as_ref().map(|health| health.last_error(times)).unwrap_or_default();
        vec![
            self.name.clone(),
            self.kind.to_owned(),
            self.channel.to_owned(),
            place,
            self.pace.clone(),
            breaker,
            last_error,
        ]
    }
}
