//! `dueherald webhooks list|replay|enable`: the endpoints of the lender's systems that receive events.

use std::collections::BTreeMap;
use std::io::Write;

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::reminders::moment;
use super::table::{self, ListFormat, LocalTimes, Row};
use super::{CliError, Exit};
use crate::clock::Clock;
use crate::domain::{EndpointKey, EndpointName, EndpointState, Merchant, MerchantId, WaitingBorrower};
use crate::pipeline::AuditNote;
use crate::store::Store;

/// List webhook endpoints, send events again, and enable an endpoint.
#[derive(Debug, Args)]
pub(super) struct WebhooksArgs {
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Debug, Subcommand)]
enum WebhooksCommand {
    /// List the endpoints and their state
    List {
        #[command(flatten)]
        format: ListFormat,
    },
    /// Send an endpoint every event since a time again, under the same ids
    Replay {
        #[command(flatten)]
        order: Order,
        /// Since when (RFC 3339, for example 2026-12-01T00:00:00+08:00)
        #[arg(long, value_name = "TIME")]
        from: DateTime<Utc>,
    },
    /// Call an endpoint again that answered 410, or one that fails without waiting for its next turn
    Enable {
        #[command(flatten)]
        order: Order,
    },
}

/// Which endpoint, who and why.
#[derive(Debug, Args)]
struct Order {
    /// The merchant
    #[arg(long)]
    merchant: MerchantId,
    /// The name of the endpoint
    #[arg(long)]
    endpoint: EndpointName,
    /// Person who makes the change (recorded)
    #[arg(long)]
    actor: String,
    /// Reason for the change (recorded)
    #[arg(long)]
    reason: String,
}

/// Runs it.
pub(super) async fn run(
    args: WebhooksArgs,
    store: &dyn Store,
    merchants: &BTreeMap<MerchantId, Merchant>,
    clock: &dyn Clock,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    let now = clock.now();
    match args.command {
        WebhooksCommand::List { format } => {
            let mut rows = Vec::new();
            for state in store.webhook_endpoints().await? {
                let waiting = store.webhook_waiting(&state.key).await?;
                rows.push(EndpointRow::of(state, &waiting));
            }
            table::print(out, format, &format.times(merchants), &rows)?;
        }
        WebhooksCommand::Replay { order, from } => {
            let (key, by) = (order.key(), order.signed()?.at(now));
            if !store.replay_webhook(&key, from, &by).await? {
                return Err(unknown(&key));
            }
            writeln!(out, "{key} receives every event since {} again, under the same ids", moment(from))?;
        }
        WebhooksCommand::Enable { order } => {
            let (key, by) = (order.key(), order.signed()?.at(now));
            if !store.enable_webhook(&key, &by).await? {
                return Err(unknown(&key));
            }
            writeln!(out, "{key} is called again, and goes on where it was")?;
        }
    }
    Ok(Exit::Done)
}

impl Order {
    fn key(&self) -> EndpointKey {
        EndpointKey { merchant: self.merchant.clone(), name: self.endpoint.clone() }
    }

    fn signed(&self) -> Result<AuditNote, CliError> {
        AuditNote::new(&self.actor, &self.reason).map_err(|error| CliError::Use(error.to_string()))
    }
}

fn unknown(key: &EndpointKey) -> CliError {
    CliError::Failed(format!(
        "no daemon has begun with a webhook endpoint {key}; `dueherald webhooks list` lists those that are known"
    ))
}

/// An endpoint as it is listed.
#[derive(Debug, Serialize)]
struct EndpointRow {
    merchant: MerchantId,
    endpoint: EndpointName,
    state: &'static str,
    failures: u32,
    since: Option<DateTime<Utc>>,
    next_call: Option<DateTime<Utc>>,
    last_fault: Option<String>,
    waiting_borrowers: usize,
    waiting_since: Option<DateTime<Utc>>,
}

impl EndpointRow {
    fn of(state: EndpointState, waiting: &[WaitingBorrower]) -> Self {
        let word = match (state.disabled_at, state.failing_since) {
            (Some(_), _) => "disabled",
            (None, Some(_)) => "failing",
            (None, None) if waiting.is_empty() => "ok",
            (None, None) => "some wait",
        };
        let next_call = state.not_before.or(waiting.iter().map(|one| one.not_before).min());
        Self {
            merchant: state.key.merchant,
            endpoint: state.key.name,
            state: word,
            failures: state.failures,
            since: state.disabled_at.or(state.failing_since),
            next_call: next_call.filter(|_| word != "disabled"),
            last_fault: state.last_fault.or_else(|| waiting.last().map(|one| one.last_fault.clone())),
            waiting_borrowers: waiting.len(),
            waiting_since: waiting.iter().map(|one| one.since).min(),
        }
    }
}

impl Row for EndpointRow {
    const TITLES: &'static [&'static str] =
        &["MERCHANT", "ENDPOINT", "STATE", "SINCE", "NEXT CALL", "LAST FAULT", "WAITING"];
    const WIDE_ONLY: &'static [&'static str] = &["WAITING"];

    fn cells(&self, times: &LocalTimes) -> Vec<String> {
        let merchant = Some(self.merchant.as_str());
        vec![
            self.merchant.to_string(),
            self.endpoint.to_string(),
            self.state.to_owned(),
            times.maybe(merchant, self.since.or(self.waiting_since)),
            times.maybe(merchant, self.next_call),
            self.last_fault.clone().unwrap_or_default(),
            self.waiting_borrowers.to_string(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use chrono::{DateTime, Utc};
    use clap::Parser;

    use super::{WebhooksArgs, run};
    use crate::clock::SimClock;
    use crate::domain::{EndpointKey, RecordPosition};
    use crate::store::{MemoryStore, WebhookStore};

    #[derive(Parser)]
    struct WebhooksText {
        #[command(flatten)]
        args: WebhooksArgs,
    }

    async fn told(store: &MemoryStore, clock: &SimClock, line: &str) -> Result<String, String> {
        let parsed = WebhooksText::try_parse_from(std::iter::once("webhooks").chain(line.split(' ')));
        let args = parsed.map_err(|error| error.to_string())?.args;
        let mut out = Vec::new();
        run(args, store, &BTreeMap::new(), clock, &mut out).await.map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).expect("it is text"))
    }

    #[tokio::test]
    async fn an_endpoint_is_listed_replayed_and_enabled() {
        let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
        let store = MemoryStore::new(Arc::new(clock.clone()));
        let merchant = "mall".parse().expect("an id");
        let key = EndpointKey { merchant, name: "crm".parse().expect("a name") };
        let replay = "replay --merchant mall --endpoint crm --from 2026-12-01T00:00:00+08:00 --actor li --reason lost";
        let refused = told(&store, &clock, replay).await.expect_err("nobody knows it");
        assert!(refused.starts_with("no daemon has begun with a webhook endpoint mall/crm"), "{refused}");
        store.add_webhook_endpoint(&key, RecordPosition::default()).await.expect("added");
        let replayed = told(&store, &clock, replay).await.expect("it is known");
        assert_eq!(replayed, "mall/crm receives every event since 2026-11-30 16:00:00 UTC again, under the same ids\n");
        let enable = "enable --merchant mall --endpoint crm --actor li --reason moved";
        assert_eq!(
            told(&store, &clock, enable).await.expect("it is known"),
            "mall/crm is called again, and goes on where it was\n"
        );
        let listed = told(&store, &clock, "list --format json").await.expect("listed");
        assert!(listed.contains("\"state\": \"ok\"") && listed.contains("\"waiting_borrowers\": 0"), "{listed}");
        let unsigned = told(&store, &clock, "enable --merchant mall --endpoint crm --actor li").await;
        assert!(unsigned.expect_err("no reason").contains("--reason"));
    }
}
