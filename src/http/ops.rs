//! For operations, at an address of its own: `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use chrono::{DateTime, Utc};
use metrics::{
    Label, Unit, describe_counter, describe_gauge, describe_histogram, gauge, set_global_recorder, with_local_recorder,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use super::health::{Health, LateStore, plain_reason};
use super::{HttpError, within_patience};
use crate::clock::Clock;
use crate::domain::{Channel, HoldReason, SourceState};
use crate::pipeline::Freshness;
pub use crate::pipeline::figures::{
    BREAKER_OPEN, CALLBACKS_REFUSED, CONNECTIONS_CLOSED, DISARMED, KEPT_REPORTS, MISSED, OFFLINE, OUTCOMES, PLANNED,
    PULL_FAILURES, PULLED, REPLIES, REPORTS, REQUESTS_REFUSED, ROUTE_DEGRADED, ROUTE_PROBES, ROUTE_SHARE_FELL,
    SEND_SECONDS, SKIPPED, TASK_RESTARTS, UNREADABLE_SENDERS, WEBHOOK_DELIVERIES, WEBHOOK_DISABLED,
    WEBHOOK_LAG_SECONDS,
};
use crate::store::{QueueCounts, RejectCounts, Store};

const STORE_UP: &str = "dueherald_store_up";
const OLDEST_DUE: &str = "dueherald_oldest_due_seconds";
const HELD: &str = "dueherald_sending_held";
const QUEUE_HELD: &str = "dueherald_queue_held";
const SOURCE_AGE: &str = "dueherald_source_age_seconds";
const REJECTS: &str = "dueherald_rejected_records";
const SOURCE_LAG: &str = "dueherald_source_lag_seconds";

/// A gauge of the queue. Label `channel`.
struct QueueGauge {
    name: &'static str,
    meaning: &'static str,
    count: fn(&QueueCounts) -> u64,
}

const QUEUE: &[QueueGauge] = &[
    QueueGauge {
        name: "dueherald_queue_planned",
        meaning: "Reminders that wait to be sent, due or not",
        count: |counts| counts.planned,
    },
    QueueGauge {
        name: "dueherald_queue_due",
        meaning: "Reminders that wait although their time has come",
        count: |counts| counts.due,
    },
    QueueGauge {
        name: "dueherald_queue_sending",
        meaning: "Reminders being handed over, under a lease",
        count: |counts| counts.sending,
    },
    QueueGauge {
        name: "dueherald_queue_unknown",
        meaning: "Reminders that may or may not have gone",
        count: |counts| counts.unknown,
    },
];

/// Upper bounds of the buckets of [`SEND_SECONDS`]: a gateway answers in milliseconds, a greeting delay takes many
/// seconds.
const SEND_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How often [`Figures::keep_up`] wants to be called.
pub const KEEP_UP_EVERY: Duration = Duration::from_secs(10);

/// Where the `metrics` macros record to, and what `/metrics` shows.
#[derive(Clone)]
pub struct Figures {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Figures {
    /// Figures that nobody records to yet: described, with the buckets set.
    #[must_use]
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Full(SEND_SECONDS.to_owned()), SEND_BUCKETS)
            .expect("there are buckets")
            .build_recorder();
        with_local_recorder(&recorder, describe);
        let handle = recorder.handle();
        Self { recorder: Arc::new(recorder), handle }
    }

    /// Makes the `metrics` macros of the whole process record here. Gives `false` if they record elsewhere already.
    #[must_use]
    pub fn install(&self) -> bool {
        set_global_recorder(Arc::clone(&self.recorder)).is_ok()
    }

    /// Lets the `metrics` macros record here while `body` runs on this thread, wherever they record otherwise.
    pub fn locally<T>(&self, body: impl FnOnce() -> T) -> T {
        with_local_recorder(&*self.recorder, body)
    }

    /// The metrics recorded so far, in the text form of Prometheus.
    #[must_use]
    pub fn text(&self) -> String {
        self.handle.render()
    }

    /// Sorts what was recorded into its buckets; call it every [`KEEP_UP_EVERY`], or memory grows while nobody scrapes.
    pub fn keep_up(&self) {
        self.handle.run_upkeep();
    }

    /// Everything in the text form of Prometheus, with the queue as it is now; without the counts the queue's gauges
    /// are `NaN` rather than old, and so are those of the sources without `states`.
    fn render(
        &self,
        counts: Option<&[QueueCounts]>,
        rejects: Option<RejectCounts>,
        (freshness, states): (&Freshness, Option<&[SourceState]>),
        now: DateTime<Utc>,
    ) -> String {
        self.locally(|| {
            set_source_gauges(freshness, states, now);
            set_reject_gauges(rejects);
            gauge!(STORE_UP).set(if counts.is_some() { 1.0 } else { 0.0 });
            for channel in Channel::ALL {
                let of_channel = counts.map(|all| all.iter().find(|counts| counts.channel == *channel));
                set_queue_gauges(*channel, of_channel, now);
            }
        });
        self.text()
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self::new()
    }
}

/// `None`: not known. `Some(None)`: the store names no such channel, so nothing is in its queue.
fn set_queue_gauges(channel: Channel, counts: Option<Option<&QueueCounts>>, now: DateTime<Utc>) {
    let label = || vec![Label::from_static_parts("channel", channel.as_str())];
    for QueueGauge { name, count, .. } in QUEUE {
        // Exact up to 2^53 reminders.
        gauge!(*name, label()).set(counts.map_or(f64::NAN, |counts| counts.map_or(0, count) as f64));
    }
    for reason in HoldReason::ALL {
        let held =
            |counts: Option<&QueueCounts>| counts.and_then(|counts| counts.held.get(reason)).copied().unwrap_or(0);
        let labels = [label(), vec![Label::from_static_parts("reason", reason.as_str())]].concat();
        gauge!(QUEUE_HELD, labels).set(counts.map_or(f64::NAN, |counts| held(counts) as f64));
    }
    let waited = |counts: Option<&QueueCounts>| {
        let since = counts.and_then(|counts| counts.oldest_due);
        since.and_then(|since| (now - since).to_std().ok()).unwrap_or_default().as_secs_f64()
    };
    gauge!(OLDEST_DUE, label()).set(counts.map_or(f64::NAN, waited));
}

fn set_reject_gauges(counts: Option<RejectCounts>) {
    let set = |state: &'static str, count: Option<u64>| {
        gauge!(REJECTS, "state" => state).set(count.map_or(f64::NAN, |count| count as f64));
    };
    set("held", counts.map(|counts| counts.faulty));
    set("vanished", counts.map(|counts| counts.vanished));
    set("waiting", counts.map(|counts| counts.waiting));
    set("unreadable", counts.map(|counts| counts.unreadable));
}

/// Nothing without sources. What never came is infinitely old.
fn set_source_gauges(freshness: &Freshness, states: Option<&[SourceState]>, now: DateTime<Utc>) {
    for source in freshness.sources() {
        let state = states.map(|states| states.iter().find(|state| state.name == *source));
        let set = |name: &'static str, at: fn(&SourceState) -> Option<DateTime<Utc>>| {
            let seconds = state.map_or(f64::NAN, |state| {
                let at = state.and_then(at);
                at.map_or(f64::INFINITY, |at| (now - at).to_std().unwrap_or_default().as_secs_f64())
            });
            gauge!(name, "source" => source.to_string()).set(seconds);
        };
        set(SOURCE_AGE, |state| state.pulled_at);
        set(SOURCE_LAG, SourceState::latest_row);
    }
    if freshness.sources().next().is_some() {
        let held = |states: &[SourceState]| if freshness.stale(states, now).is_empty() { 0.0 } else { 1.0 };
        gauge!(HELD).set(states.map_or(f64::NAN, held));
    }
}

/// Says what each figure is, for the `# HELP` lines.
fn describe() {
    describe_counter!(PLANNED, "Reminders that scans put into the outbox");
    describe_counter!(MISSED, "Reminders that a full check found to be missing; more than 0 is a fault of dueherald");
    describe_gauge!(
        BREAKER_OPEN,
        "1 while a gateway gets nothing but probes, because it failed again and again; else 0"
    );
    describe_gauge!(ROUTE_DEGRADED, "1 while no message may lead to a route because its probes fail, else 0");
    describe_gauge!(
        OFFLINE,
        "1 while this process reaches none of the hosts that it probes and judges no route, else 0"
    );
    describe_gauge!(
        ROUTE_SHARE_FELL,
        "1 while a route brings less than half of what it brought in the two weeks before"
    );
    describe_counter!(ROUTE_PROBES, "Probes of routes, by what they found");
    describe_gauge!(
        DISARMED,
        "1 while this process sends nothing because the database is not the one that it knows; `/readyz` says why; \
         else 0"
    );
    describe_counter!(OUTCOMES, "Outcomes of attempts, by gateway");
    describe_counter!(SKIPPED, "Reminders that were not sent, by reason");
    describe_histogram!(SEND_SECONDS, Unit::Seconds, "How long a hand-over to a gateway took");
    describe_gauge!(STORE_UP, "1 if the store answered this scrape, else 0 and the queue's gauges are NaN");
    describe_gauge!(OLDEST_DUE, Unit::Seconds, "How long the longest waiting due reminder has been due; 0 if none is");
    describe_gauge!(QUEUE_HELD, "Reminders that wait until what holds them is over, by reason");
    describe_counter!(REPORTS, "What gateways reported of messages, by gateway and fate");
    describe_counter!(KEPT_REPORTS, "Reports that were kept until their message is known or the gateway was asked");
    describe_counter!(REPLIES, "Answers of people, by what they want; unclear ones wait to be read");
    describe_counter!(UNREADABLE_SENDERS, "Answers from numbers that could not be read; they wait to be read");
    describe_counter!(CALLBACKS_REFUSED, "Callbacks that were not taken over, by gateway and reason");
    describe_counter!(
        CONNECTIONS_CLOSED,
        "Connections of visitors that were closed, by reason: full (to make room), client (too many of one), timeout"
    );
    describe_counter!(REQUESTS_REFUSED, "Requests of visitors that were refused, by reason");
    describe_counter!(PULLED, "Rows that pulls took from sources, by result");
    describe_counter!(WEBHOOK_DELIVERIES, "Deliveries of events to webhook endpoints, by result");
    describe_gauge!(
        WEBHOOK_LAG_SECONDS,
        Unit::Seconds,
        "Age of the oldest event that a webhook endpoint has not received"
    );
    describe_gauge!(WEBHOOK_DISABLED, "1 while a webhook endpoint is not called, because it answered 410; else 0");
    describe_counter!(
        TASK_RESTARTS,
        "Restarts of tasks that panicked or ended by themselves, by task; more than 0 is a fault"
    );
    describe_counter!(PULL_FAILURES, "Pulls that did not come to their end, by source");
    describe_gauge!(HELD, "1 while sending is held because a source is older than its max_ledger_age, else 0");
    describe_gauge!(SOURCE_AGE, Unit::Seconds, "Time since the last complete pull began, by source");
    describe_gauge!(SOURCE_LAG, Unit::Seconds, "How long ago the latest row that was pulled was changed, by source");
    describe_gauge!(
        REJECTS,
        "Records that could not be applied, by what they do: held (the reminders of their instalment are), vanished \
         (the same, as their source has it no longer), waiting (for it), unreadable (nothing is held)"
    );
    for QueueGauge { name, meaning, .. } in QUEUE {
        describe_gauge!(*name, *meaning);
    }
}

/// The dependencies of the operations pages.
#[derive(Clone)]
pub struct Ops {
    /// The ledger and the outbox; only read. A daemon that waits for its database has none yet.
    pub store: LateStore,
    /// Tells how long something has been due, and bounds the wait for the store.
    pub clock: Arc<dyn Clock>,
    /// The figures.
    pub figures: Figures,
    /// The sources, and how old what they brought may be.
    pub freshness: Arc<Freshness>,
    /// The state of the daemon's tasks and surroundings.
    pub health: Health,
}

impl Ops {
    /// The store, if there is one yet.
    fn store(&self) -> Result<&dyn Store, HttpError> {
        self.store.get().ok_or_else(|| HttpError::NoStore(self.health.waiting()))
    }

    /// Whether the store can be used.
    async fn store_is_ready(&self) -> Result<(), HttpError> {
        within_patience(&*self.clock, self.store()?.ready()).await
    }

    async fn reject_counts(&self) -> Result<RejectCounts, HttpError> {
        within_patience(&*self.clock, self.store()?.reject_counts()).await
    }

    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, HttpError> {
        within_patience(&*self.clock, self.store()?.queue_counts()).await
    }

    /// How far the sources were read; without any, nobody is asked.
    async fn states(&self) -> Result<Vec<SourceState>, HttpError> {
        match self.freshness.sources().next() {
            None => Ok(Vec::new()),
            Some(_) => within_patience(&*self.clock, self.store()?.sources()).await,
        }
    }
}

/// Serves `/healthz` (the process lives), `/readyz` (the store answers and has this version's schema, and the servers
/// run; it also says when sending is held or a task failed, which is no reason to take the pages away from borrowers),
/// `/metrics`.
pub fn router(ops: Ops) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics_text))
        .with_state(ops)
}

async fn ready(State(ops): State<Ops>) -> Response {
    match is_ready(&ops).await {
        Ok(states) => {
            let held = ops.freshness.stale(&states, ops.clock.now());
            let held = held.iter().map(|stale| format!("sending{} is held: {stale}\n", stale.whose()));
            let vanished = ops.reject_counts().await.map_or(0, |counts| counts.vanished);
            let vanished = (vanished > 0).then(|| {
                format!(
                    "reminders of {vanished} instalments are held: they vanished from their source, far more than \
                    usual; see: dueherald source accept --help\n"
                )
            });
            let remarks = ops.health.remarks().into_iter().map(|remark| remark + "\n");
            std::iter::once("ready\n".to_owned())
                .chain(held)
                .chain(vanished)
                .chain(remarks)
                .collect::<String>()
                .into_response()
        }
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response(),
    }
}

/// The state of each source, or the reason why the process is not ready.
async fn is_ready(ops: &Ops) -> Result<Vec<SourceState>, String> {
    if let Some(reason) = ops.health.unready() {
        return Err(reason);
    }
    let states = match ops.store_is_ready().await {
        Ok(()) => ops.states().await,
        Err(error) => Err(error),
    };
    states.map_err(|error| match &error {
        // The wait is logged already.
        HttpError::NoStore(reason) => reason.clone(),
        HttpError::Slow => {
            tracing::warn!(%error, "not ready");
            error.to_string()
        }
        HttpError::Store(cause) => {
            tracing::warn!(%error, "not ready");
            plain_reason(cause)
        }
    })
}

async fn metrics_text(State(ops): State<Ops>) -> Response {
    let counts = ops.queue_counts().await;
    if let Err(error @ (HttpError::Slow | HttpError::Store(_))) = &counts {
        tracing::warn!(%error, "the queue could not be counted for /metrics");
    }
    let rejects = ops.reject_counts().await.ok();
    let states = ops.states().await;
    let sources = (&*ops.freshness, states.as_deref().ok());
    let text = ops.figures.render(counts.as_deref().ok(), rejects, sources, ops.clock.now());
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}
