//! The PostgreSQL end: native types, rows locked one by one, any number of daemons on one database.

mod address_key;
mod audit_head;
mod batch;
mod borrower;
mod claim;
mod connect;
mod contact;
mod encryption_guards;
mod fence;
mod gateway_list;
mod head;
mod hosts;
mod incarnation;
mod installment;
mod ledger_change;
mod migration;
mod notice;
#[path = "../operations/mod.rs"]
mod operations;
mod payment;
mod pool;
mod queue;
mod rate;
mod receipt;
mod reject;
mod reminder;
mod report;
mod servers;
mod session;
mod suppression;
mod turns;
mod webhook;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use sqlx::Postgres;

use super::StoreError;
use super::sql::value::Moment;
use crate::clock::Clock;
use crate::domain::{AuditOrigin, KeyRing};
use crate::plan::GatewayLists;
use batch::Batch;
pub use connect::server_options;
use head::{ClaimPositions, QueueLane};
use pool::{Pool, Tx};
use session::{Session, is_outside};
use turns::LaneTurns;

/// The names by which `operations` knows this database.
type Connection = Session;
type Db = Postgres;
type SqlStore = PostgresStore;

/// Lists and pages are planned for the values they come with. They are short and have an order, so they go along an
/// index and stop at their limit; a hash join would read the tables whole before the first row.
const FOR_LISTS: &str = "; set local plan_cache_mode = force_custom_plan; set local enable_seqscan = on";

/// Settings for statements that read a span of time. They are planned for the given values, because the index over
/// times is a block range index, which only a bitmap scan can use.
const FOR_SPANS: &str = "; set local plan_cache_mode = force_custom_plan; set local enable_bitmapscan = on; set local \
    enable_seqscan = on; \
     set local enable_hashjoin = on; set local enable_mergejoin = on";

/// Follows the begin of a transaction that writes: fails if another transaction was already open.
const WRITE: &str = concat!("; ", is_outside!());

/// A commit that does not wait for the disk; the next one that does waits for both.
const WRITE_BEHIND: &str = concat!("; set local synchronous_commit = off; ", is_outside!());

/// Imports take turns, from reading what is known to writing what follows: two that meet over a borrower who is not
/// there yet have no row to lock, and the later would undo the earlier.
const IMPORT_LOCK: &str = "select pg_advisory_xact_lock(hashtext('dueherald import'))";

/// The ledger and the outbox on PostgreSQL 15 or newer.
pub struct PostgresStore {
    pool: Pool,
    clock: Option<Arc<dyn Clock>>,
    heads: ClaimPositions,
    turns: LaneTurns,
    /// Where changes come from, for the audit log; `None` leaves none there.
    origin: Option<Arc<AuditOrigin>>,
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options hold the password.
        f.debug_struct("PostgresStore").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects to `url` (`postgres://user:password@host:5432/name`) with `max_connections` at most. Leases, expiries
    /// and turns go by `clock`; by the database's own, which all machines share, when there is none.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`]; [`StoreError::Unreachable`] if no connection can be had now.
    pub async fn connect(
        url: &SecretString,
        max_connections: u32,
        clock: Option<Arc<dyn Clock>>,
    ) -> Result<Self, StoreError> {
        let options = server_options(url)?;
        let pool = connect::pool(&options, max_connections).await?;
        Ok(Self { pool, clock, heads: ClaimPositions::default(), turns: LaneTurns::default(), origin: None })
    }

    /// The same database for visitors: with connections of its own, `max_connections` at most, on which no statement
    /// takes longer than a page may. None is opened before it is needed.
    #[must_use]
    pub fn with_own_pool(&self, max_connections: u32) -> Self {
        let pool = self.pool.recent_contacts(max_connections);
        self.over(pool, self.origin.clone())
    }

    /// The same database on the same connections, for changes that come from there.
    fn signed_by(&self, origin: AuditOrigin) -> Self {
        self.over(self.pool.clone(), Some(Arc::new(origin)))
    }

    fn over(&self, pool: Pool, origin: Option<Arc<AuditOrigin>>) -> Self {
        let clock = self.clock.clone();
        Self { pool, clock, heads: ClaimPositions::default(), turns: LaneTurns::default(), origin }
    }

    /// The same database, with personal data encrypted.
    #[must_use]
    pub fn encrypted_with(self, ring: Arc<KeyRing>) -> Self {
        self.pool.encrypt_with(ring);
        self
    }

    /// The same database, in which new reminders wait for the gateways of their merchants.
    #[must_use]
    pub fn with_gateway_lists(self, lists: Arc<GatewayLists>) -> Self {
        self.pool.use_gateway_lists(lists);
        self
    }

    /// The key ring that encrypts personal data, if there is one.
    fn ring(&self) -> Option<Arc<KeyRing>> {
        self.pool.ring()
    }

    async fn read(&self) -> Result<Tx, StoreError> {
        Ok(self.pool.begin("begin read only", FOR_LISTS).await?)
    }

    /// For what reads much, and plans for that.
    async fn read_much(&self) -> Result<Tx, StoreError> {
        Ok(self.pool.begin("begin read only", FOR_SPANS).await?)
    }

    async fn write(&self) -> Result<Tx, StoreError> {
        Ok(self.pool.begin("begin", WRITE).await?.signed(self.origin.clone()))
    }

    /// For what is written before the database is encrypted.
    async fn write_plain(&self) -> Result<Tx, StoreError> {
        Ok(self.write().await?.in_plain())
    }

    /// For what the same scan makes lasting by a later commit, its mark: what is lost before that is planned again.
    async fn write_behind(&self) -> Result<Tx, StoreError> {
        Ok(self.pool.begin("begin", WRITE_BEHIND).await?)
    }

    /// For a single statement, which is a transaction by itself: spares the round trips of begin and commit.
    async fn write_alone(&self) -> Result<Tx, StoreError> {
        Ok(self.pool.alone(None).await?)
    }

    /// The same, for a lane: on the connection of its round before, if that was just now.
    async fn write_alone_for(&self, lane: QueueLane) -> Result<Tx, StoreError> {
        Ok(self.pool.alone(Some(lane)).await?)
    }

    async fn commit_alone(&self, tx: Tx) -> Result<(), StoreError> {
        Ok(tx.commit().await?)
    }

    async fn write_ledger(&self) -> Result<Tx, StoreError> {
        let mut tx = self.write().await?;
        sqlx::query(IMPORT_LOCK).execute(&mut *tx).await?;
        Ok(tx)
    }

    /// The time at which the transaction began: what was committed before it is seen by every statement of it.
    async fn now(&self, tx: &mut Tx) -> Result<Moment, StoreError> {
        if let Some(now) = self.given_now() {
            return Ok(now);
        }
        let (now,): (DateTime<Utc>,) = sqlx::query_as("select now()").fetch_one(&mut **tx).await?;
        Ok(Moment(now))
    }

    /// The time, if it need not be asked for.
    fn given_now(&self) -> Option<Moment> {
        self.clock.as_ref().map(|clock| Moment(clock.now()))
    }

    async fn apply_migrations(&self) -> Result<usize, StoreError> {
        migration::apply(&self.pool).await
    }

    async fn check_schema(&self) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        migration::check(&mut tx).await?;
        Ok(tx.commit().await?)
    }
}
