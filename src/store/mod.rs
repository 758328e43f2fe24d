//! Level 2: the ledger (who owes what) and the outbox (what is to be sent), behind one trait per concern.
//!
//! Each trait has operations that say what is meant, in batches; the SQL behind them stays in this module. [`Store`] is
//! the sum of the traits; a function takes those that it uses. Three stores pass one conformance suite
//! (`tests/it/store/`): PostgreSQL, SQLite, and memory for tests and the simulation. [`TaskStore`] wraps a store.
//!
//! # How to read it
//!
//! `operations` implements the traits for both databases. It is one module that `postgres` and `sqlite` each compile,
//! by the only `#[path]` of this crate: so its functions exist twice, with the same names. Go-to-definition leads to
//! the one file for both; what it calls in its parent (`queue`, `Tx`, `Batch`, …) exists once in each database. Generic
//! functions instead would repeat a bound for every type that one of the 151 statements binds or reads, because sqlx
//! has these per database (`i64: Encode<DB>`) and Rust does not infer them from a trait; `sqlx::Any` loses types.
//!
//! # The outbox
//!
//! The outbox is a `reminder` row that is inserted once and never updated, a narrow `queue` row that exists only while
//! something is to be done (planned, held, sending, unknown, falling back to another channel), and appended events. The
//! state is the queue row, or else the last event; of what falls back it is the last event too.

mod answer;
mod api;
mod audit;
mod audit_entries;
mod delivery;
mod encryption;
mod funnel;
mod gateway_state;
mod hold;
mod incarnation;
mod ledger;
mod memory;
mod message;
mod notice;
mod outbox;
mod payment;
mod postgres;
mod preference;
mod reconcile;
mod reject;
mod reminder;
mod reply;
mod report;
mod route;
mod scan;
mod schema;
mod search;
mod source;
mod sql;
#[expect(clippy::duplicate_mod, reason = "each database compiles the module `operations` for itself")]
mod sqlite;
mod stop;
mod suppression;
mod task_store;
mod turn;
mod user;
mod volume;
mod webhook;

use chrono::TimeDelta;

use crate::domain::KeyRingError;
pub use crate::domain::{FieldUpdate, LedgerRow, merge};
pub use answer::AnswerStore;
pub use api::{
    ApiEffect, ApiStore, EffectResult, KeptAnswer, KeyedRequest, NewToken, REQUEST_KEPT, RequestClaim, RequestEnd,
    RequestStart, TOKEN_USE_GRAIN, TokenRecord,
};
pub use audit::{AuditFilter, AuditStore};
pub use delivery::{Delivery, DeliveryStore, KeptDelivery, NewDelivery};
pub use encryption::{EncryptionStore, Protection, ReencryptionStep};
pub use funnel::FunnelStore;
pub use gateway_state::GatewayStateStore;
pub use hold::HoldStore;
pub use incarnation::IncarnationStore;
pub use ledger::{
    Change, DueCursor, InstallmentFilter, LedgerPart, LedgerPartResult, LedgerStore, PreferencesRecord,
    SettledInstallment, WriteMode,
};
pub use memory::MemoryStore;
pub use message::SentMessage;
pub use notice::{HeldMessage, NoticeAudience, NoticeCount, NoticeStore};
pub use outbox::{
    ClaimRequest, ClaimResult, ClaimedReminder, DecideFn, Decider, NextLook, OutboxStore, QueueCounts, RehomeScope,
    ReminderFilter, ReminderView, Stop, UnknownReminder,
};
pub use payment::{PaymentSettlement, PaymentStore};
pub use postgres::{PostgresStore, server_options};
pub use preference::PreferenceStore;
pub use reconcile::ReconcileStore;
pub use reject::{DropOrder, DroppedRecord, KeptRecord, RejectCounts, RejectFilter, RejectStore};
pub use reminder::ReminderStore;
pub use reply::ReplyStore;
use report::first_look;
pub use report::{
    IncomingReply, KeptReport, ReplyFilter, ReplyReading, ReplyRecord, ReportAction, ReportBatch, ReportCounts,
    ReportStore, Sender, StatusReport, Subject, SuppressionChangeFilter, SuppressionFilter,
};
pub use route::RouteStore;
pub use scan::{Changes, PlanResult, ScanState, ScanStore};
pub use schema::SchemaStore;
pub use search::{BorrowerSearch, SearchStore};
pub use source::{OpenFilter, OpenInstallment, SourceStore, VanishedSettlement};
pub use sqlite::SqliteStore;
pub use stop::StopStore;
pub use suppression::SuppressionStore;
pub use task_store::TaskStore;
pub use turn::TurnStore;
pub use user::{
    NewPassword, NewSession, SESSION_USE_GRAIN, StaffSession, UserChange, UserRecord, UserStore, WORK_KEPT,
};
pub use volume::VolumeStore;
pub use webhook::{EndpointProgress, RecordPage, WebhookStore};

/// How long it is of interest what a process said of a gateway.
pub const GATEWAY_STATE_KEPT: TimeDelta = TimeDelta::days(1);

/// How many held reminders one operation releases for one cause: about a second's work for a database.
const RELEASED_AT_ONCE: u32 = 10_000;

/// Why the store could not do it. The text names no personal data: statements carry placeholders, never values.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, or could not be reached.
    #[error("database: {0}")]
    Database(sqlx::Error),
    /// It lets nobody write: a hot standby, or a database or user for reading only.
    #[error("the database is read-only: {0}")]
    ReadOnly(&'static str),
    /// It does not wait for the disk when it commits, so that a claim may be lost after its message has gone.
    #[error(
        "the database does not let dueherald wait for the disk: {0}; a message could be sent twice after a crash of \
         the server: \
         let this user set synchronous_commit = on, or set it for the database"
    )]
    NotDurable(String),
    /// The server has no room for one more connection.
    #[error(
        "the database {place} gives no connection: {source}; end programs that hold one, or raise the limit of the \
         server, the \
         database or the user"
    )]
    NoConnection {
        /// Where it is, without the password.
        place: String,
        /// The server's own words.
        source: sqlx::Error,
    },
    /// The configured database address is not valid. Omits the address, because it may contain a password.
    #[error("`database.url` is not right: {reason}; write it as {example}")]
    BadUrl {
        /// The fault in the address.
        reason: String,
        /// A valid address as an example.
        example: &'static str,
    },
    /// The file of the database cannot be trusted: it is a link, or belongs to another user.
    #[error("the database file is refused: {0}")]
    UnsafeFile(String),
    /// No connection could be had, or the file could not be opened.
    #[error(
        "cannot open the database {place}: {source}; check `database.url`, that the server runs and lets this user \
         in, or \
         that the folder of the file is there and may be written to"
    )]
    Unreachable {
        /// Where it should be, without the password.
        place: String,
        /// The underlying error.
        source: sqlx::Error,
    },
    /// A migration failed.
    #[error("migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The schema has migrations that this version does not know.
    #[error("the database was made by a newer dueherald; install that version here too")]
    NewerSchema,
    /// `migrate` was not run, or not since the last update.
    #[error("the database schema is missing or out of date; run `dueherald migrate`")]
    NotMigrated,
    /// The process ends, and the operation with it: it was rolled back, or was not begun.
    #[error("the process is ending; the operation was not carried out")]
    Ending,
    /// A value is encrypted with a key that is not in the ring.
    #[error("{column} is encrypted with a key that [encryption] does not have; put that key back")]
    Sealed {
        /// `table.column`.
        column: &'static str,
    },
    /// The config has keys, and the database is not encrypted with them yet.
    #[error(
        "the config has [encryption] and the database is not encrypted; stop its daemons and run `dueherald migrate`"
    )]
    NotEncrypted,
    /// The database is encrypted, and the config does not have what it needs to read it.
    #[error("the database is encrypted, and {0}; put back what [encryption] had")]
    WrongKeys(String),
    /// The keys of `[encryption]` cannot be used.
    #[error("[encryption]: {0}")]
    KeyRing(#[from] KeyRingError),
    /// A value in the database is none that this version writes.
    #[error("the database holds a value in {column} that this version cannot read")]
    Corrupt {
        /// `table.column`.
        column: &'static str,
    },
}

impl StoreError {
    /// Whether a row holds a value that cannot be read at all, as nobody but a person with the database writes it.
    #[must_use]
    pub fn is_unreadable(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Database(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        /// `read_only_sql_transaction`
        const READ_ONLY: &str = "25006";
        match error.as_database_error().and_then(|error| error.code()) {
            Some(code) if code == READ_ONLY => Self::ReadOnly(
                "it refuses to write; name the primary server in `database.url`, promote this one, or, if it is no \
                 standby, set \
                 default_transaction_read_only = off for this database and user",
            ),
            _ => Self::Database(error),
        }
    }
}

/// The ledger and the outbox: the sum of one trait per concern.
///
/// Every operation is one transaction: it happens as a whole or not at all. Batches of 100 to 1,000 are meant.
pub trait Store:
    AnswerStore
    + ApiStore
    + AuditStore
    + DeliveryStore
    + EncryptionStore
    + FunnelStore
    + GatewayStateStore
    + HoldStore
    + IncarnationStore
    + LedgerStore
    + NoticeStore
    + OutboxStore
    + PaymentStore
    + PreferenceStore
    + ReconcileStore
    + RejectStore
    + ReminderStore
    + ReplyStore
    + ReportStore
    + RouteStore
    + ScanStore
    + SchemaStore
    + SearchStore
    + SourceStore
    + StopStore
    + SuppressionStore
    + TurnStore
    + UserStore
    + VolumeStore
    + WebhookStore
{
}

impl<S> Store for S where
    S: AnswerStore
        + ApiStore
        + AuditStore
        + DeliveryStore
        + EncryptionStore
        + FunnelStore
        + GatewayStateStore
        + HoldStore
        + IncarnationStore
        + LedgerStore
        + NoticeStore
        + OutboxStore
        + PaymentStore
        + PreferenceStore
        + ReconcileStore
        + RejectStore
        + ReminderStore
        + ReplyStore
        + ReportStore
        + RouteStore
        + ScanStore
        + SchemaStore
        + SearchStore
        + SourceStore
        + StopStore
        + SuppressionStore
        + TurnStore
        + UserStore
        + VolumeStore
        + WebhookStore
{
}
