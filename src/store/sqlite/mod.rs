//! The SQLite end, for one machine: one file, one writer at a time, readers beside it.

mod address_key;
mod audit_head;
mod batch;
mod borrower;
mod connect;
mod contact;
mod encryption_guards;
mod gateway_list;
mod incarnation;
mod installment;
mod ledger_change;
mod notice;
#[path = "../operations/mod.rs"]
mod operations;
mod payment;
mod queue;
mod rate;
mod receipt;
mod reject;
mod reminder;
mod report;
mod session;
mod suppression;
mod webhook;

use std::fmt;
use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Executor, Sqlite, SqliteConnection, SqlitePool, raw_sql};

use super::StoreError;
use super::sql::schema;
use super::sql::value::Moment;
use crate::clock::Clock;
use crate::domain::{AuditOrigin, KeyRing};
use crate::plan::GatewayLists;
use batch::Batch;
use operations::outbox as claim;
use session::{Session, Tx};

static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// Those from before the first release, and what makes of their schema that of the first migration.
static OLD_MIGRATIONS: Migrator = sqlx::migrate!("migrations/before_first_release/sqlite");
const RENAME: &str = include_str!("../../../migrations/before_first_release/rename_sqlite.sql");

/// The names by which `operations` knows this database.
type Connection = SqliteConnection;
type Db = Sqlite;
type SqlStore = SqliteStore;

/// Takes the write lock at once: a transaction that reads first and then wants to write is refused when another wrote
/// in between. Within a transaction SQLite refuses it.
const BEGIN_WRITE: &str = "begin immediate";

/// Whether anything was ever migrated.
const HAS_MIGRATIONS: &str = "select exists (select 1 from sqlite_master where name = '_sqlx_migrations')";

/// The ledger and the outbox in one SQLite file.
pub struct SqliteStore {
    /// One connection: writers queue up here and not at the file's lock.
    writer: SqlitePool,
    readers: SqlitePool,
    options: SqliteConnectOptions,
    clock: Arc<dyn Clock>,
    /// The key ring that encrypts personal data, if there is one.
    ring: Option<Arc<KeyRing>>,
    /// Which gateways what is put in waits for, where merchants have some of their own.
    gateway_lists: Option<Arc<GatewayLists>>,
    /// Where changes come from, for the audit log; `None` leaves none there.
    origin: Option<Arc<AuditOrigin>>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("clock", &self.clock).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens the file of `url` (`sqlite:dueherald.db`, `sqlite:///var/lib/dueherald/dueherald.db`) and makes it if it
    /// is not there. Leases, expiries and turns go by `clock`.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`]; [`StoreError::Unreachable`] if the file can be neither opened nor made.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let options = connect::options(url)?;
        let (writer, readers) = connect::pools(&options).await?;
        Ok(Self { writer, readers, options, clock, ring: None, gateway_lists: None, origin: None })
    }

    /// The same file with readers of its own. There is one writer all the same: writers take turns at the file.
    #[must_use]
    pub fn with_own_readers(&self) -> Self {
        Self {
            writer: self.writer.clone(),
            readers: connect::readers(&self.options),
            options: self.options.clone(),
            clock: Arc::clone(&self.clock),
            ring: self.ring.clone(),
            gateway_lists: self.gateway_lists.clone(),
            origin: self.origin.clone(),
        }
    }

    /// The same file on the same connections, for changes that come from there.
    fn signed_by(&self, origin: AuditOrigin) -> Self {
        Self {
            writer: self.writer.clone(),
            readers: self.readers.clone(),
            options: self.options.clone(),
            clock: Arc::clone(&self.clock),
            ring: self.ring.clone(),
            gateway_lists: self.gateway_lists.clone(),
            origin: Some(Arc::new(origin)),
        }
    }

    /// The same file, with personal data encrypted.
    #[must_use]
    pub fn encrypted_with(self, ring: Arc<KeyRing>) -> Self {
        Self { ring: Some(ring), ..self }
    }

    /// The same file, in which new reminders wait for the gateways of their merchants.
    #[must_use]
    pub fn with_gateway_lists(self, lists: Arc<GatewayLists>) -> Self {
        Self { gateway_lists: Some(lists), ..self }
    }

    /// The key ring that encrypts personal data, if there is one.
    fn ring(&self) -> Option<Arc<KeyRing>> {
        self.ring.clone()
    }

    async fn read(&self) -> Result<Tx, StoreError> {
        Ok(Tx::begin(Session::new(self.readers.acquire().await?), "begin", self.ring.clone()).await?)
    }

    /// For what reads much.
    async fn read_much(&self) -> Result<Tx, StoreError> {
        self.read().await
    }

    async fn write(&self) -> Result<Tx, StoreError> {
        let tx = Tx::begin(Session::new(self.writer.acquire().await?), BEGIN_WRITE, self.ring.clone()).await?;
        Ok(tx.with_gateway_lists(self.gateway_lists.clone()).signed(self.origin.clone()))
    }

    /// For what is written before the database is encrypted.
    async fn write_plain(&self) -> Result<Tx, StoreError> {
        Ok(Tx::begin(Session::new(self.writer.acquire().await?), BEGIN_WRITE, None).await?)
    }

    /// For what need not be on the disk at once on PostgreSQL.
    async fn write_behind(&self) -> Result<Tx, StoreError> {
        self.write().await
    }

    /// For what is a single statement on PostgreSQL.
    async fn write_alone(&self) -> Result<Tx, StoreError> {
        self.write().await
    }

    async fn commit_alone(&self, tx: Tx) -> Result<(), StoreError> {
        Ok(tx.commit().await?)
    }

    async fn write_ledger(&self) -> Result<Tx, StoreError> {
        self.write().await
    }

    /// The time within a transaction that has begun. A writing one is alone by now, so it sees all that was committed
    /// before.
    #[expect(clippy::unused_async, reason = "PostgreSQL may have to ask its server")]
    async fn now(&self, _tx: &mut Tx) -> Result<Moment, StoreError> {
        Ok(Moment(self.clock.now()))
    }

    /// The time; it never has to be asked for.
    #[expect(clippy::unnecessary_wraps, reason = "PostgreSQL may not know it")]
    fn given_now(&self) -> Option<Moment> {
        Some(Moment(self.clock.now()))
    }

    async fn apply_migrations(&self) -> Result<usize, StoreError> {
        let mut session = Session::new(self.writer.acquire().await?);
        let (exists,): (bool,) = sqlx::query_as(HAS_MIGRATIONS).fetch_one(&mut *session).await?;
        let known = if exists { schema::applied(&mut *session, &MIGRATIONS).await? } else { Vec::new() };
        let applied = if schema::is_old(known.iter().copied()) {
            let upgraded = upgrade(&mut session, known.len()).await?;
            upgraded + schema::migrate(&mut *session, &MIGRATIONS, 1).await?
        } else {
            schema::migrate(&mut *session, &MIGRATIONS, known.len()).await?
        };
        session.release();
        Ok(applied)
    }

    async fn check_schema(&self) -> Result<(), StoreError> {
        let mut session = Session::new(self.readers.acquire().await?);
        let (exists,): (bool,) = sqlx::query_as(HAS_MIGRATIONS).fetch_one(&mut *session).await?;
        let applied = if exists { schema::applied(&mut *session, &MIGRATIONS).await? } else { Vec::new() };
        session.release();
        schema::check(&MIGRATIONS, &applied)
    }
}

/// Brings a database from before the first release to the first migration. If this fails, the session is closed, and
/// its transaction with it.
async fn upgrade(session: &mut SqliteConnection, known: usize) -> Result<usize, StoreError> {
    let applied = schema::migrate(session, &OLD_MIGRATIONS, known).await?;
    let first = schema::first(&MIGRATIONS)?;
    session.execute(BEGIN_WRITE).await?;
    session.execute(raw_sql(RENAME)).await?;
    session.execute(schema::FORGET_OLD).await?;
    sqlx::query(schema::NOTE)
        .bind(first.version)
        .bind(&*first.description)
        .bind(&*first.checksum)
        .execute(&mut *session)
        .await?;
    session.execute("commit").await?;
    Ok(applied + 1)
}
