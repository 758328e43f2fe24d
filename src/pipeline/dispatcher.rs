//! The state that every lane shares.

use std::sync::Arc;
use std::time::Duration;

use super::{Composer, Freshness, Guard, MessageForms, TemplateFailures};
use crate::clock::Clock;
use crate::plan::{Policy, RetryPolicy};
use crate::store::Store;

/// How dispatch behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DispatchSettings {
    /// How long a claimed reminder belongs to its claimer. Longer than any gateway's time-out.
    pub lease: Duration,
    /// When a retryable outcome is tried again.
    pub retry: RetryPolicy,
    /// How often an idle lane looks for work; new reminders wait that long at most.
    pub poll: Duration,
    /// How many reminders one claim takes at most.
    pub claim_batch: u32,
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(60),
            retry: RetryPolicy::default(),
            poll: Duration::from_secs(1),
            // numbers.md: 53 thousand cycles a second at 100, far above what any gateway takes; never one by one.
            claim_batch: 100,
        }
    }
}

/// The state that all lanes share.
#[derive(Debug)]
pub struct Dispatcher {
    /// The outbox.
    pub store: Arc<dyn Store>,
    /// Merchants and rules.
    pub policy: Arc<Policy>,
    /// The composer of messages.
    pub composer: Composer,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// How it behaves.
    pub settings: DispatchSettings,
    /// The templates that do not render.
    pub template_failures: TemplateFailures,
    /// The forms of messages.
    pub forms: MessageForms,
    /// The guard against sending from a database that went back in time.
    pub guard: Arc<Guard>,
    /// How old the ledger may be.
    pub freshness: Freshness,
    /// The name of this process among those that share the store.
    pub holder: String,
}
