//! A gateway as dispatch sees it: its health, its pace, and what is learnt from its answers and is still to be put on record.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::breaker::Breaker;
use super::figures::BREAKER_OPEN;
use crate::domain::{Address, MerchantId, Suppression, SuppressionReason};
use crate::gateway::Gateway;
use crate::plan::RateLimit;
use crate::store::Store;

/// A gateway with what is known of its health and pace.
#[derive(Debug)]
pub struct Post {
    /// Where messages are handed over.
    pub gateway: Arc<dyn Gateway>,
    /// How fast it may be fed by all machines together.
    pub rate: Option<RateLimit>,
    /// Whether it is well.
    pub breaker: Breaker,
    learnt: Mutex<Learnt>,
}

/// What is still to be put on record.
#[derive(Debug, Default)]
struct Learnt {
    /// Who opted out at the provider.
    opted_out: Vec<Suppression>,
}

impl Post {
    /// A gateway that is well as far as is known.
    #[must_use]
    pub fn new(gateway: Arc<dyn Gateway>, rate: Option<RateLimit>) -> Self {
        Self { gateway, rate, breaker: Breaker::default(), learnt: Mutex::default() }
    }

    /// Notes that the provider lets nothing of the merchant through to the address, because the recipient wants it so.
    pub(super) fn opted_out(&self, merchant: &MerchantId, address: &Address, now: DateTime<Utc>) {
        self.learnt().opted_out.push(Suppression {
            merchant: Some(merchant.clone()),
            address: address.clone(),
            reason: SuppressionReason::OptedOut,
            source: self.gateway.name().to_string(),
            since: now,
            until: None,
        });
    }

    /// Puts on record what was learnt. What the store does not take is tried again the next time; the attempts do not wait for it.
    pub(super) async fn put_on_record(&self, store: &dyn Store) {
        let opted_out = mem::take(&mut self.learnt().opted_out);
        if opted_out.is_empty() {
            return;
        }
        if let Err(error) = store.suppress(&opted_out).await {
            tracing::error!(gateway = %self.gateway.name(), %error, "opt-outs could not be put on record; tried again");
            self.learnt().opted_out.extend(opted_out);
        }
    }

    /// Puts the breaker's state into the metrics.
    pub(super) fn show_breaker(&self) {
        let open = if self.breaker.is_open() { 1.0 } else { 0.0 };
        metrics::gauge!(BREAKER_OPEN, "gateway" => self.gateway.name().to_string()).set(open);
    }

    fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
