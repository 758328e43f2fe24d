//! The work for one endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use super::feed::Feed;
use super::round::{Changes, FAILING_BORROWERS, Fault, Progress, Unit, UnitResult};
use crate::clock::Clock;
use crate::domain::WebhookEvent;
use crate::pipeline::figures::{WEBHOOK_DELIVERIES, WEBHOOK_DISABLED, WEBHOOK_LAG_SECONDS};
use crate::store::{EndpointProgress, Store, StoreError};
use crate::webhook::{DeliveryResult, WebhookEndpoint, WebhookMessage, WebhookSender};

/// How many deliveries to one endpoint are under way at once, each of another borrower.
const AT_ONCE: usize = 16;

/// How many borrowers may wait. With more, the endpoint gets nothing new until some are served.
const MOST_WAITING: usize = 1_000;

/// How many borrowers that waited are tried again in one round.
const DUE_AT_ONCE: usize = 64;

/// How long a position that moved past nothing for this endpoint may stay unsaved.
const SAVE_EVERY: TimeDelta = TimeDelta::seconds(30);

/// How long after an error of the store.
const RETRY: Duration = Duration::from_secs(5);

/// How long a stop waits for the answer to an event that is under way. Without an answer, the event is posted again
/// under the same id.
const STOP_WAITS: Duration = Duration::from_secs(1);

/// How long an endpoint fails until it is an error.
const FAILS_FOR_LONG: TimeDelta = TimeDelta::days(1);

/// Posts to one endpoint.
#[derive(Debug)]
pub(super) struct EndpointWorker {
    pub(super) endpoint: WebhookEndpoint,
    pub(super) store: Arc<dyn Store>,
    pub(super) feed: Arc<Feed>,
    pub(super) sender: Arc<dyn WebhookSender>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stop: CancellationToken,
}

/// When to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// At once.
    Now,
    /// At that time, or when a person changes the endpoint.
    Until(DateTime<Utc>),
    /// When something is recorded, or at that time.
    ForRecords(Option<DateTime<Utc>>),
}

impl EndpointWorker {
    /// Works until the stop.
    pub(super) async fn run(self) {
        let mut looks = self.feed.looks();
        let (mut progress, mut saved_at, mut last_logged) = (None, self.clock.now(), None);
        while !self.stop.is_cancelled() {
            let pause = match self.round(&mut progress, &mut saved_at).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::error!(webhook = %self.endpoint.key, %error, "could not post to a webhook endpoint; will retry");
                    progress = None;
                    self.sleep(RETRY).await;
                    continue;
                }
            };
            self.show(progress.as_ref(), &mut last_logged);
            let (until, for_records) = match pause {
                Pause::Now => continue,
                Pause::Until(until) => (Some(until), false),
                Pause::ForRecords(until) => (until, true),
            };
            let version = progress.as_ref().map(|progress: &Progress| progress.state.version);
            loop {
                let left = until
                    .map_or(Duration::from_secs(60), |until| (until - self.clock.now()).to_std().unwrap_or_default());
                tokio::select! {
                    () = self.sleep(left) => break,
                    changed = looks.changed() => {
                        let now = looks.borrow_and_update().versions.get(&self.endpoint.key).copied();
                        if changed.is_err() || for_records || now != version {
                            break;
                        }
                    }
                }
                if self.stop.is_cancelled() {
                    break;
                }
            }
        }
    }

    async fn sleep(&self, pause: Duration) {
        tokio::select! {
            () = self.clock.sleep(pause) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Posts what there is, a page at most.
    pub(super) async fn round(
        &self,
        known: &mut Option<Progress>,
        saved_at: &mut DateTime<Utc>,
    ) -> Result<Pause, StoreError> {
        let version = self.feed.looks().borrow().versions.get(&self.endpoint.key).copied();
        if known.as_ref().is_some_and(|known| version.is_some_and(|version| version != known.state.version)) {
            *known = None;
        }
        let progress = match known {
            Some(progress) => progress,
            None => match self.load().await? {
                Some(loaded) => known.insert(loaded),
                None => return Ok(Pause::ForRecords(None)),
            },
        };
        let now = self.clock.now();
        if progress.state.disabled_at.is_some() {
            return Ok(Pause::Until(now + TimeDelta::minutes(1)));
        }
        if let Some(until) = progress.state.not_before.filter(|until| *until > now) {
            return Ok(Pause::Until(until));
        }
        let due = self.due(progress, now).await?;
        let page = match progress.waiting.len() < MOST_WAITING {
            true => self.feed.page(progress.state.position).await?,
            false => None,
        };
        let next_due = progress.waiting.values().map(|one| one.not_before).filter(|at| *at > now).min();
        if due.is_empty() && page.is_none() {
            progress.behind_since = None;
            return Ok(Pause::ForRecords(next_due));
        }
        let end = page.as_ref().map_or(progress.state.position, |page| page.end);
        let events = page.as_ref().map_or(&[][..], |page| &page.events);
        let units = progress.units(due, events, &self.endpoint.types);
        progress.behind_since = units.iter().flat_map(|unit| &unit.events).map(|event| event.at).min();
        let is_idle = units.is_empty();
        let results = self.deliver_all(units, progress.state.failures > 0).await;
        let now = self.clock.now();
        let changes = progress.follow(results, end, now);
        if is_idle && now - *saved_at < SAVE_EVERY {
            return Ok(Pause::Now);
        }
        if self.save(progress, changes).await? {
            *saved_at = now;
        } else {
            *known = None;
        }
        Ok(Pause::Now)
    }

    async fn load(&self) -> Result<Option<Progress>, StoreError> {
        let states = self.store.webhook_endpoints().await?;
        let Some(state) = states.into_iter().find(|state| state.key == self.endpoint.key) else { return Ok(None) };
        let waiting = self.store.webhook_waiting(&self.endpoint.key).await?;
        Ok(Some(Progress::new(state, waiting)))
    }

    /// Borrowers that waited and are tried again, with their events up to the position of the endpoint.
    async fn due(&self, progress: &Progress, now: DateTime<Utc>) -> Result<Vec<Unit>, StoreError> {
        let mut due = Vec::new();
        for one in progress.waiting.values().filter(|one| one.not_before <= now).take(DUE_AT_ONCE) {
            let (merchant, through) = (&self.endpoint.key.merchant, progress.state.position);
            let mut events = self.store.records_of(merchant, one.borrower.as_ref(), one.position, through).await?;
            events.retain(|event| self.endpoint.types.contains(&event.kind));
            due.push(Unit { subject: one.borrower.clone(), events, position: one.position });
        }
        Ok(due)
    }

    async fn save(&self, progress: &mut Progress, changes: Changes) -> Result<bool, StoreError> {
        let Changes { waiting, served } = changes;
        let (state, before) = (progress.state.clone(), progress.saved);
        let saved = self.store.save_webhook_progress(&EndpointProgress { state, before, waiting, served }).await?;
        progress.saved = progress.state.position;
        Ok(saved)
    }

    /// Posts the events of the units, several units at once; of an endpoint that `fails`, one after the other until one
    /// is taken.
    async fn deliver_all(&self, units: Vec<Unit>, fails: bool) -> Vec<UnitResult> {
        let failed = AtomicUsize::new(0);
        let (mut results, mut units) = (Vec::new(), units.into_iter());
        if fails {
            for unit in units.by_ref() {
                results.push(self.deliver(unit, &failed).await);
                if failed.load(Ordering::Relaxed) == 0 {
                    break;
                }
            }
        }
        let rest = stream::iter(units.map(|unit| self.deliver(unit, &failed))).buffer_unordered(AT_ONCE);
        results.extend(rest.collect::<Vec<_>>().await);
        results
    }

    async fn deliver(&self, unit: Unit, failed: &AtomicUsize) -> UnitResult {
        let Unit { subject, events, mut position } = unit;
        for (taken, event) in events.iter().enumerate() {
            if self.stop.is_cancelled() || failed.load(Ordering::Relaxed) >= FAILING_BORROWERS {
                return UnitResult { subject, position, taken, has_rest: true, fault: None };
            }
            let posted = tokio::select! {
                fault = self.post(event) => Some(fault),
                () = self.stopped_for(STOP_WAITS) => None,
            };
            let Some(fault) = posted else {
                return UnitResult { subject, position, taken, has_rest: true, fault: None };
            };
            if let Some(fault) = fault {
                failed.fetch_add(if fault.is_gone { FAILING_BORROWERS } else { 1 }, Ordering::Relaxed);
                return UnitResult { subject, position, taken, has_rest: true, fault: Some(fault) };
            }
            failed.store(0, Ordering::Relaxed);
            position = position.with(event.table, event.number);
        }
        UnitResult { subject, position, taken: events.len(), has_rest: false, fault: None }
    }

    /// Returns so long after the stop.
    async fn stopped_for(&self, pause: Duration) {
        self.stop.cancelled().await;
        self.clock.sleep(pause).await;
    }

    async fn post(&self, event: &WebhookEvent) -> Option<Fault> {
        let (word, fault) = match self.sender.deliver(&self.endpoint, &WebhookMessage::new(event)).await {
            DeliveryResult::Delivered => ("delivered", None),
            DeliveryResult::Gone => {
                ("gone", Some(Fault { code: "http-410".to_owned(), retry_after: None, is_gone: true }))
            }
            DeliveryResult::Failed { code, retry_after } => {
                ("failed", Some(Fault { code, retry_after, is_gone: false }))
            }
        };
        let [merchant, endpoint] = self.labels();
        metrics::counter!(WEBHOOK_DELIVERIES, &[merchant, endpoint, ("result", word.to_owned())]).increment(1);
        fault
    }

    fn labels(&self) -> [(&'static str, String); 2] {
        let key = &self.endpoint.key;
        [("merchant", key.merchant.to_string()), ("endpoint", key.name.to_string())]
    }

    /// Shows the state of the endpoint, and logs each change.
    fn show(&self, progress: Option<&Progress>, last_logged: &mut Option<&'static str>) {
        let Some(Progress { state, waiting, behind_since, .. }) = progress else { return };
        let (webhook, now) = (&state.key, self.clock.now());
        let code = state.last_fault.as_deref().unwrap_or_default();
        let since = waiting.values().map(|one| one.since).chain(state.failing_since).chain(*behind_since).min();
        let lag = since.map_or(0, |since| (now - since).num_seconds().max(0));
        metrics::gauge!(WEBHOOK_LAG_SECONDS, &self.labels()).set(lag as f64);
        metrics::gauge!(WEBHOOK_DISABLED, &self.labels()).set(if state.disabled_at.is_some() { 1.0 } else { 0.0 });
        let word = match (state.disabled_at, state.failing_since) {
            (Some(_), _) => Some("disabled"),
            (None, Some(since)) if now - since > FAILS_FOR_LONG => Some("fails for long"),
            (None, Some(_)) => Some("fails"),
            (None, None) => None,
        };
        if *last_logged == word {
            return;
        }
        match word {
            Some("disabled") => tracing::error!(
                %webhook,
                "webhook endpoint disabled: it answered 410; after a change run `dueherald webhooks enable`"
            ),
            Some("fails") => tracing::warn!(%webhook, code, "webhook endpoint fails; its events wait"),
            Some(_) => tracing::error!(%webhook, code, "webhook endpoint has failed for a day; its events wait"),
            None => tracing::info!(%webhook, "webhook endpoint takes events again"),
        }
        *last_logged = word;
    }
}
