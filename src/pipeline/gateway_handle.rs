//! A gateway as dispatch sees it: its health, its pace, and the findings from its answers that are not recorded yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::Dispatcher;
use super::breaker::Breaker;
use super::figures::BREAKER_OPEN;
use crate::clock::Clock;
use crate::domain::{Address, Code, GatewayState, MerchantId, Outcome, RejectScope, Suppression, SuppressionReason};
use crate::gateway::Gateway;
use crate::plan::RateLimit;
use crate::store::SuppressionStore;

/// How often a process tells of a gateway's last error at most.
const TELLS_EVERY: Duration = Duration::from_secs(10);

/// A gateway with what is known of its health and pace.
#[derive(Debug)]
pub struct GatewayHandle {
    /// Where messages are handed over.
    pub gateway: Arc<dyn Gateway>,
    /// How fast it may be fed by all machines together.
    pub rate: Option<RateLimit>,
    /// Its circuit breaker.
    pub breaker: Breaker,
    learnt: Mutex<PendingReport>,
}

/// The findings that are not recorded yet.
#[derive(Debug, Default)]
struct PendingReport {
    /// The addresses that opted out at the provider.
    opted_out: Vec<Suppression>,
    /// The time since which the breaker is open.
    open_since: Option<DateTime<Utc>>,
    last_error: Option<(Code, DateTime<Utc>)>,
    news: ReportUrgency,
    /// The time at which the state was last recorded, on the clock's elapsed time.
    told_at: Option<Duration>,
}

/// The urgency of a state that is not recorded yet.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ReportUrgency {
    #[default]
    None,
    /// May wait a little for the next one.
    Error,
    /// To be recorded at once.
    Breaker,
}

impl GatewayHandle {
    /// A gateway that is assumed to be healthy.
    #[must_use]
    pub fn new(gateway: Arc<dyn Gateway>, rate: Option<RateLimit>) -> Self {
        Self { gateway, rate, breaker: Breaker::default(), learnt: Mutex::default() }
    }

    /// Notes that the provider lets nothing of the merchant through to the address, because the recipient wants it so.
    pub(super) fn opted_out(&self, merchant: &MerchantId, address: &Address, now: DateTime<Utc>) {
        self.learnt().opted_out.push(Suppression {
            merchant: Some(merchant.clone()),
            address: address.into(),
            reason: SuppressionReason::OptedOut,
            source: self.gateway.name().to_string(),
            since: now,
            until: None,
        });
    }

    /// Notes what an outcome, of which the breaker knows already, says of the gateway.
    pub(super) fn observe(&self, outcome: &Outcome, now: DateTime<Utc>) {
        let mut learnt = self.learnt();
        let open = self.breaker.is_open();
        if open != learnt.open_since.is_some() {
            learnt.open_since = open.then_some(now);
            learnt.news = ReportUrgency::Breaker;
        }
        if let Some(code) = about_the_gateway(outcome) {
            learnt.last_error = Some((code.clone(), now));
            learnt.news = learnt.news.max(ReportUrgency::Error);
        }
    }

    async fn record_opt_outs(&self, store: &dyn SuppressionStore) {
        let opted_out = self.learnt().opted_out.clone();
        if opted_out.is_empty() {
            return;
        }
        // They stay in the list until they are on record: this may be dropped meanwhile.
        match store.suppress(&opted_out, None).await {
            Ok(()) => self.learnt().opted_out.retain(|one| !opted_out.contains(one)),
            Err(error) => {
                tracing::error!(gateway = %self.gateway.name(), %error, "failed to record opt-outs; will retry");
            }
        }
    }

    /// The state that is to be recorded now, if there is one; it then counts as recorded.
    fn reportable_state(&self, holder: &str, clock: &dyn Clock) -> Option<GatewayState> {
        let mut learnt = self.learnt();
        let elapsed = clock.elapsed();
        let told_lately = learnt.told_at.is_some_and(|at| elapsed.saturating_sub(at) < TELLS_EVERY);
        if learnt.news == ReportUrgency::None || (learnt.news == ReportUrgency::Error && told_lately) {
            return None;
        }
        learnt.news = ReportUrgency::None;
        learnt.told_at = Some(elapsed);
        Some(GatewayState {
            gateway: self.gateway.name().clone(),
            holder: holder.to_owned(),
            open_since: learnt.open_since,
            last_error: learnt.last_error.clone(),
            at: clock.now(),
        })
    }

    /// Puts the breaker's state into the metrics.
    pub(super) fn show_breaker(&self) {
        let open = if self.breaker.is_open() { 1.0 } else { 0.0 };
        metrics::gauge!(BREAKER_OPEN, "gateway" => self.gateway.name().to_string()).set(open);
    }

    fn learnt(&self) -> MutexGuard<'_, PendingReport> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dispatcher {
    /// Puts on record what was learnt of a gateway. What the store does not take is tried again later; no attempt waits
    /// for it.
    pub(super) async fn record_health(&self, handle: &GatewayHandle) {
        handle.record_opt_outs(&*self.store).await;
        let Some(state) = handle.reportable_state(&self.holder, &*self.clock) else { return };
        if let Err(error) = self.store.note_gateway(&state).await {
            tracing::warn!(gateway = %state.gateway, %error, "failed to record gateway health");
            let mut learnt = handle.learnt();
            learnt.news = learnt.news.max(ReportUrgency::Error);
        }
    }

    /// The same at the end: who does not send any more holds nothing back, so to others its breaker is closed.
    pub(super) async fn shut_down(&self, handle: &GatewayHandle) {
        {
            let mut learnt = handle.learnt();
            if learnt.open_since.take().is_some() || learnt.news != ReportUrgency::None {
                learnt.news = ReportUrgency::Breaker;
            }
        }
        self.record_health(handle).await;
    }
}

/// The code of a failure that is not about one recipient.
fn about_the_gateway(outcome: &Outcome) -> Option<&Code> {
    match outcome {
        Outcome::Rejected { scope: RejectScope::Recipient | RejectScope::Content | RejectScope::OptedOut, .. } => None,
        other => other.code(),
    }
}
