//! Webhooks: posts events to endpoints of the lender's systems, at least once, and in order for each borrower.
//!
//! There is no queue. Each endpoint has a position in the tables that record what happened ([`RecordPosition`]), and
//! the records behind it are read, a page at a time, and posted. A borrower whose event an endpoint does not take waits
//! with a position of its own, and holds up nobody else; an endpoint that takes nothing at all keeps its position and
//! is called again after a pause.
//!
//! | file | what it holds |
//! |---|---|
//! | `feed` | the pages, which all endpoints share |
//! | `endpoint` | the work for one endpoint |
//! | `round` | which events go together, and what follows from their results |

mod endpoint;
mod feed;
mod round;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Guard;
use crate::clock::Clock;
use crate::domain::{EndpointKey, MerchantId, RecordPosition};
use crate::store::{Store, StoreError};
use crate::webhook::{WebhookEndpoint, WebhookSender};
use endpoint::EndpointWorker;
use feed::Feed;

/// How often a daemon reads the ends of the tables.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The longest time that a daemon has the turn to post. It renews it while it can. Where it cannot, another
/// daemon begins; both may then post the same events for a while, which receivers know by their ids.
const LONGEST_TURN: Duration = Duration::from_secs(10);

/// The task that is leased.
const TASK: &str = "webhooks";

/// All endpoints of the config, and who posts to them.
#[derive(Debug)]
pub struct Webhooks {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The endpoints.
    pub endpoints: Vec<WebhookEndpoint>,
    /// Posts.
    pub sender: Arc<dyn WebhookSender>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Nothing is posted from a database that is held.
    pub guard: Arc<Guard>,
    /// This process.
    pub holder: String,
    /// The lease of a claim; the turn to post lasts no longer.
    pub lease: Duration,
}

/// The workers of a daemon that has the turn.
struct Workers {
    feed: Arc<Feed>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

impl Webhooks {
    /// Posts while it has the turn, until the stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut workers: Option<Workers> = None;
        let lasts = self.lease.min(LONGEST_TURN);
        let mut renew_at = Duration::ZERO;
        while !stop.is_cancelled() {
            let may_post = self.guard.hold().is_none();
            let has_turn = match (may_post, self.clock.elapsed() >= renew_at) {
                (false, _) => false,
                (true, false) => workers.is_some(),
                (true, true) => {
                    renew_at = self.clock.elapsed() + lasts / 3;
                    self.take_turn(TimeDelta::from_std(lasts).unwrap_or_default()).await
                }
            };
            match (&mut workers, has_turn) {
                (Some(running), true) => {
                    if let Err(error) = running.feed.look().await {
                        tracing::error!(%error, "could not look for new webhook events; will retry");
                    }
                    // A worker ends by a panic only; the supervisor starts all of them again.
                    if running.tasks.try_join_next().is_some() {
                        return;
                    }
                }
                // Whoever has the turn posts again the events that are under way.
                (Some(_), false) => workers = None,
                (None, true) => match self.start().await {
                    Ok(started) => workers = Some(started),
                    Err(error) => tracing::error!(%error, "could not begin with webhooks; will retry"),
                },
                (None, false) => {}
            }
            tokio::select! {
                () = self.clock.sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => {}
            }
        }
        if let Some(Workers { mut tasks, stop, .. }) = workers {
            stop.cancel();
            while tasks.join_next().await.is_some() {}
            self.take_turn(TimeDelta::zero()).await;
        }
    }

    async fn take_turn(&self, lasts: TimeDelta) -> bool {
        match self.store.take_turn(TASK, &self.holder, lasts).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(%error, "could not take the turn for webhooks; will retry");
                false
            }
        }
    }

    async fn start(&self) -> Result<Workers, StoreError> {
        let ends = self.store.record_ends().await?.ends;
        self.add_endpoints(ends).await?;
        let merchants = self.endpoints.iter().map(|endpoint| endpoint.key.merchant.clone());
        let merchants: BTreeSet<MerchantId> = merchants.collect();
        let feed = Arc::new(Feed::new(Arc::clone(&self.store), merchants.into_iter().collect()));
        let (mut tasks, stop) = (JoinSet::new(), CancellationToken::new());
        for endpoint in &self.endpoints {
            let worker = EndpointWorker {
                endpoint: endpoint.clone(),
                store: Arc::clone(&self.store),
                feed: Arc::clone(&feed),
                sender: Arc::clone(&self.sender),
                clock: Arc::clone(&self.clock),
                stop: stop.clone(),
            };
            tasks.spawn(worker.run());
        }
        Ok(Workers { feed, tasks, stop })
    }

    /// Adds new endpoints: they receive every event from now on.
    async fn add_endpoints(&self, ends: RecordPosition) -> Result<(), StoreError> {
        let known = self.store.webhook_endpoints().await?;
        let is_new = |key: &EndpointKey| known.iter().all(|state| state.key != *key);
        for endpoint in self.endpoints.iter().filter(|endpoint| is_new(&endpoint.key)) {
            self.store.add_webhook_endpoint(&endpoint.key, ends).await?;
            tracing::info!(webhook = %endpoint.key, "webhook endpoint is new; it receives every event from now on");
        }
        Ok(())
    }
}
