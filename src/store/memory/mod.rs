//! The memory store, for tests and the simulation: gives the same answers as the databases in the simplest way.

mod api;
mod audit;
mod claims;
mod deliveries;
mod digits;
mod encryption;
mod funnel;
mod gateway_lists;
mod gateway_states;
mod holds;
mod incarnation;
mod ledger;
mod notices;
mod outbox;
mod payments;
mod preferences;
mod reconcile;
mod rejects;
mod reminders;
mod reports;
mod routes;
mod scans;
mod search;
mod sources;
mod stops;
mod users;
mod vanished;
mod volumes;
mod webhooks;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use self::api::ApiTables;
use self::audit::AuditTables;
use self::deliveries::DeliveryEntry;
use self::incarnation::Incarnations;
use self::ledger::Ledger;
use self::notices::Notices;
use self::outbox::Outbox;
use self::reports::Reports;
use self::stops::RecordedChange;
use self::users::UserTables;
use self::volumes::Volumes;
use self::webhooks::WebhookTables;
use super::{SchemaStore, StoreError, TurnStore};
use crate::clock::Clock;
use crate::domain::{
    AuditOrigin, Click, ContentHash, GatewayName, GatewayState, MessageForm, RouteHealth, RouteKey, RouteVersion,
    SourceName, SourceState,
};

/// A ledger and an outbox that live as long as the value.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    tables: Arc<Mutex<Tables>>,
    /// Where changes come from, for the audit log; `None` leaves none there.
    origin: Option<AuditOrigin>,
}

#[derive(Debug, Default, Clone)]
struct Tables {
    ledger: Ledger,
    outbox: Outbox,
    reports: Reports,
    turns: HashMap<String, (String, DateTime<Utc>)>,
    sources: BTreeMap<SourceName, SourceState>,
    /// By key, oldest first.
    routes: BTreeMap<RouteKey, Vec<RouteVersion>>,
    route_health: BTreeMap<RouteKey, RouteHealth>,
    gateways: BTreeMap<(GatewayName, String), GatewayState>,
    clicks: Vec<Click>,
    forms: BTreeMap<ContentHash, Arc<MessageForm>>,
    /// How many wrong digits, and when the last were.
    tries: HashMap<String, (u32, DateTime<Utc>)>,
    notices: Notices,
    volumes: Volumes,
    incarnations: Incarnations,
    /// The changes that people made to stops and suppressions.
    changes: Vec<RecordedChange>,
    api: ApiTables,
    staff: UserTables,
    audit: AuditTables,
    webhooks: WebhookTables,
    deliveries: Vec<DeliveryEntry>,
}

impl MemoryStore {
    /// An empty store whose leases run on `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tables: Arc::default(), origin: None }
    }

    /// A copy that goes its own way from here on, on a clock of its own: for planting faults in the simulation.
    #[doc(hidden)]
    #[must_use]
    pub fn fork(&self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, tables: Arc::new(Mutex::new(self.tables().clone())), origin: None }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A panic while the lock is held is a failed test already; the tables are whole or the test is over.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl SchemaStore for MemoryStore {
    async fn migrate(&self) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl TurnStore for MemoryStore {
    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let free = tables.turns.get(task).is_none_or(|(owner, until)| owner == holder || *until <= now);
        if free {
            tables.turns.insert(task.to_owned(), (holder.to_owned(), now + lasts));
        }
        Ok(free)
    }
}
