//! Level 2: the ledger (who owes what) and the outbox (what is to be sent), behind one trait.
//!
//! [`Store`] has operations that say what is meant, in batches; the SQL behind them is nobody else's business. Three
//! ends pass one conformance suite (`tests/it/store/`): PostgreSQL, SQLite, and memory for tests and the simulation.
//!
//! The outbox is a `reminder` row that is inserted once and never updated, a narrow `queue` row that exists only while
//! something is to be done (planned, held, sending, unknown, falling back to another channel), and appended events. The
//! state is the queue row, or else the last event; of what falls back it is the last event too.

mod encryption;
mod hold;
mod incarnation;
mod ledger;
mod memory;
mod notice;
mod outbox;
mod postgres;
mod reject;
mod report;
mod scan;
mod sql;
#[expect(clippy::duplicate_mod, reason = "the operations in `body` are compiled once for each database")]
mod sqlite;
mod task_store;
mod volume;

use std::fmt::Debug;
use std::ops::{Range, RangeInclusive};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::domain::{
    AddressKey, Amendment, AmendmentResult, BorrowerKey, Channel, Click, Event, GatewayState, Installment,
    KeyRingError, ManualChange, ManualPreferences, MerchantId, NewReminder, Receipt, Reminder, ReminderId, RouteHealth,
    RouteKey, RouteVersion, SentCount, Settlement, SourceName, SourceState, Suppression, SuppressionChange,
};
use crate::plan::{Account, AnswerTry, Due, Mark, PlanItem, RecentContacts, TryDecision};

pub use crate::domain::{FieldUpdate, LedgerRow, merge};
pub use encryption::{EncryptionStore, Protection, ReencryptionStep};
pub use hold::HoldStore;
pub use incarnation::IncarnationStore;
pub use ledger::{Change, DueCursor, InstallmentFilter, PreferencesRecord, WriteMode};
pub use memory::MemoryStore;
pub use notice::{HeldMessage, NoticeCount, NoticeStore};
pub use outbox::{
    ClaimRequest, ClaimResult, ClaimedReminder, DecideFn, Decider, NextLook, QueueCounts, ReminderFilter, ReminderView,
    Stop, UnknownReminder,
};
pub use postgres::{PostgresStore, server_options};
pub use reject::{DropOrder, DroppedRecord, KeptRecord, RejectCounts, RejectFilter, RejectStore};
use report::first_look;
pub use report::{
    IncomingReply, KeptReport, ReplyFilter, ReplyReading, ReplyRecord, ReportAction, ReportBatch, ReportCounts, Sender,
    StatusReport, Subject, SuppressionChangeFilter, SuppressionFilter,
};
pub use scan::{Changes, PlanResult, ScanState};
pub use sqlite::SqliteStore;
pub use task_store::TaskStore;
pub use volume::VolumeStore;

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
    /// The address of the database is none. Does not hold the address: a password may stand in it.
    #[error("`database.url` is not right: {reason}; write it as {example}")]
    BadUrl {
        /// What is wrong with it.
        reason: String,
        /// What it may look like.
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
        /// What was seen.
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
    WrongKeys(&'static str),
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

/// The ledger and the outbox.
///
/// Every operation is one transaction: it happens as a whole or not at all. Batches of 100 to 1,000 are meant.
#[async_trait]
pub trait Store:
    EncryptionStore + HoldStore + IncarnationStore + NoticeStore + RejectStore + VolumeStore + Send + Sync + Debug
{
    /// Brings the schema to this version's, and encrypts personal data if the store has keys and the database is not
    /// encrypted. Gives the number of migrations that were applied, 0 if there was nothing to do.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`], [`StoreError::Migrate`] or [`StoreError::Database`].
    async fn migrate(&self) -> Result<usize, StoreError>;

    /// Whether the database answers and has this version's schema.
    ///
    /// # Errors
    /// [`StoreError::NotMigrated`], [`StoreError::NewerSchema`] or [`StoreError::Database`].
    async fn ready(&self) -> Result<(), StoreError>;

    /// Writes what the lender's books say: new and changed borrowers and instalments; what is the same is not written.
    /// Gives, for each row in its order, what it was. With [`WriteMode::DryRun`] nothing is kept.
    async fn import(&self, rows: &[LedgerRow], mode: WriteMode) -> Result<Vec<Change>, StoreError>;

    /// Writes what a source says of instalments that the ledger knows, and keeps what it says of others until they
    /// come. Gives, for each in its order, what became of it. With [`WriteMode::DryRun`] nothing is kept.
    async fn amend(
        &self,
        amendments: &[Amendment],
        source: Option<&SourceName>,
        mode: WriteMode,
    ) -> Result<Vec<AmendmentResult>, StoreError>;

    /// Keeps how far a source has been read, and adds the merchants that it names. What is `None`, or earlier than what
    /// is known, changes nothing.
    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError>;

    /// How far each source has been read that ever was, by name.
    async fn sources(&self) -> Result<Vec<SourceState>, StoreError>;

    /// Borrowers with open instalments due within `dates`, each with all its open instalments of one due date, in the
    /// order (due date, merchant, borrower), after `after`, at most `limit` of them (at least 1). An empty page is the
    /// end.
    async fn due_page(
        &self,
        dates: RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
    ) -> Result<Vec<Due>, StoreError>;

    /// Instalments of any status that match, ordered by due date and number; at most `filter.limit`.
    async fn installments(&self, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError>;

    /// What is known now about one borrower, one due date and one channel: the facts that decide about a reminder.
    async fn account(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
    ) -> Result<Account, StoreError>;

    /// The same as [`Store::account`], with what a claim is to read beside it. Only looks, and waits for no claim.
    async fn account_beside(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
        recent_contacts: RecentContacts,
    ) -> Result<Account, StoreError>;

    /// Adds suppressions; the same address for the same merchant is replaced, but what has no end stays where the new
    /// one has: an opt-out is ended by lifting it. What a person does goes on record in the same transaction.
    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError>;

    /// Suppressions that match, also those that have ended, ordered by channel, address and merchant.
    async fn suppressions(&self, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError>;

    /// Takes a suppression out, on record. `false`, and nothing is recorded, if there was none of that address for that
    /// merchant, or for all with `None`.
    async fn lift_suppression(
        &self,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        by: &ManualChange,
    ) -> Result<bool, StoreError>;

    /// What people have changed about stops and suppressions, newest first.
    async fn suppression_changes(&self, filter: &SuppressionChangeFilter)
    -> Result<Vec<SuppressionChange>, StoreError>;

    /// Applies preferences that a person entered to a borrower, and records the person. `false`, and nothing is
    /// recorded, if the ledger does not know the borrower.
    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError>;

    /// Keeps what somebody made of a route; nothing that was kept before is changed.
    async fn add_route_version(&self, version: &RouteVersion) -> Result<(), StoreError>;

    /// Every version of one route, oldest first; with `None` the newest of each, by key.
    async fn route_versions(&self, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError>;

    /// Puts what is known of how a route is doing in the place of what was known.
    async fn note_route_health(&self, health: &RouteHealth) -> Result<(), StoreError>;

    /// How each route is doing that was ever probed, by key.
    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError>;

    /// Records that a borrower went a way to repay; nothing that was recorded before is changed.
    async fn add_click(&self, click: &Click) -> Result<(), StoreError>;

    /// Which ways borrowers went since then, oldest first.
    async fn clicks(&self, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError>;

    /// Messages that a gateway took over within `span`, counted by what decides about their way to repay, in no order.
    /// What came of them is as known now.
    async fn sent(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError>;

    /// Counts a try to answer the question of a borrower's page, before the answer is compared: for each of its
    /// [subjects](AnswerTry::subjects) as [`next_try`](crate::plan::next_try) has it, on the store's clock. Two at once
    /// count as two.
    async fn try_digits(&self, attempt: &AnswerTry) -> Result<TryDecision, StoreError>;

    /// Forgets the wrong tries at a borrower: the answer was right. The client is counted on, without this try.
    async fn forget_tries(&self, attempt: &AnswerTry) -> Result<(), StoreError>;

    /// What people have put in by hand about a borrower, oldest first.
    async fn preferences(&self, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError>;

    /// Puts reminders into the outbox as `planned`. A key that is there already is passed over, whatever its state.
    /// Gives the numbers of those that were put in. With [`WriteMode::DryRun`] nothing is kept.
    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError>;

    /// How far scans have come.
    async fn scan_state(&self) -> Result<ScanState, StoreError>;

    /// Says what is in view, so that imports from now on write down what they change there; gives the state that
    /// follows, see [`announced`](crate::plan::announced). `first_day` is remembered as the start if this is the first
    /// time.
    async fn announce(&self, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError>;

    /// Records that every slice of these marks was passed over, for those that still have the same fingerprint.
    async fn passed(&self, marks: &[Mark]) -> Result<(), StoreError>;

    /// Changes within the view after the number `after`, and what is open there; of at most `limit` changes.
    async fn changes(&self, after: Option<i64>, limit: u32) -> Result<Changes, StoreError>;

    /// Puts what a scan found into the outbox: what is not there yet, and again what was skipped because the books said
    /// so and is still of use. With [`WriteMode::DryRun`] nothing is kept. What was put in may be lost in a crash of
    /// the database until [`Store::passed`] or [`Store::done_with`] has returned.
    async fn put_in(&self, planned: &[PlanItem], at: DateTime<Utc>, mode: WriteMode) -> Result<PlanResult, StoreError>;

    /// Takes out changes when all that they call for is in the outbox, and releases what is held there for its route or
    /// its template: the books may have mended it. `rules` are those that was planned by, see
    /// [`rules_of`](crate::plan::rules_of): `false`, and nothing is taken out, if scanners plan by others now.
    async fn done_with(&self, changes: &[i64], rules: &str) -> Result<bool, StoreError>;

    /// Takes due reminders of one channel, reads the facts about each, and asks `decide`, all in one transaction. What
    /// is to be sent becomes `sending` with the next attempt number and a lease on the store's clock; what is skipped
    /// gets its end event; what is deferred goes back with its new time; what is held is set apart. What is not sent
    /// uses no permit. Nobody else gets the same reminder while the lease runs.
    ///
    /// Only when this has returned may anything leave: if the claim cannot be recorded, nothing is sent (I9).
    async fn claim(&self, request: &ClaimRequest, decide: DecideFn<'_>) -> Result<ClaimResult, StoreError>;

    /// Records outcomes and claims, in one transaction, so that both cost one commit. Gives how many outcomes counted.
    /// What fails has done neither.
    async fn settle_and_claim(
        &self,
        settlements: &[Settlement],
        request: &ClaimRequest,
        decide: DecideFn<'_>,
    ) -> Result<(usize, ClaimResult), StoreError>;

    /// Records outcomes. One whose attempt is no longer the reminder's latest is passed over (I8); one that comes after
    /// its lease ran out, but before another attempt, counts: it is the proof that `unknown` waits for. Gives how many
    /// counted.
    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError>;

    /// Unknown reminders of a channel, oldest first, at most `limit`, after the number `after`.
    async fn unknown(
        &self,
        channel: Channel,
        after: Option<ReminderId>,
        limit: u32,
    ) -> Result<Vec<UnknownReminder>, StoreError>;

    /// Unknown reminders of a channel that are to be looked at now, the longest waiting first, at most `limit`. One is
    /// to be looked at as soon as it is unknown, and then when [`Store::look_again`] said.
    async fn unknown_due(&self, channel: Channel, limit: u32) -> Result<Vec<UnknownReminder>, StoreError>;

    /// Says when unknown reminders are looked at next. What is not unknown any more, or not by that attempt, is passed
    /// over.
    async fn look_again(&self, looks: &[NextLook]) -> Result<(), StoreError>;

    /// Records what gateways report. A receipt never moves a state backwards, and the same one twice counts once. Gives
    /// how many counted.
    async fn record(&self, receipts: &[Receipt]) -> Result<usize, StoreError>;

    /// Takes in what a gateway told, as a whole. A fate is recorded as by [`Store::record`]; one whose message is not
    /// known yet, and a hint, is kept. `gone` and `complained` suppress the address of the borrower as it is now, for
    /// the reminder's merchant, unless the report names another; an
    /// answer suppresses, or lifts what an answer suppressed, unless it came before or a later one is known. What is
    /// suppressed already stays so, for the reason that is known; only an opt-out takes the place of a bounce or a
    /// complaint. An opt-out by SMS from an address that nothing suppressed is confirmed by a message of its own, if
    /// `confirm` says so and the answered one is known.
    async fn take_in(&self, told: &ReportBatch) -> Result<ReportCounts, StoreError>;

    /// Kept reports that are to be looked at now, at most `limit`.
    async fn kept_reports(&self, limit: u32) -> Result<Vec<KeptReport>, StoreError>;

    /// Records, puts off or drops kept reports. Gives how many changed the state of a reminder.
    async fn review_kept(&self, reviewed: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError>;

    /// What people answered, newest first.
    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError>;

    /// Records that a person has read an answer that waited for it, and releases what it held. Gives the answer; `None`
    /// if none of that number waits.
    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError>;

    /// Reminders for which another channel is to be tried now, the longest waiting first: no receipt came in time, or
    /// it said that they did not arrive.
    async fn fallbacks_due(&self, limit: u32) -> Result<Vec<Reminder>, StoreError>;

    /// Puts the second reminder of each pair into the outbox, if there is one, and lets the first rest, in one
    /// transaction.
    async fn fall_back(&self, pairs: &[(ReminderId, Option<NewReminder>)], at: DateTime<Utc>)
    -> Result<(), StoreError>;

    /// Stops sending, on record; the same scope is replaced. Effective at the next claim.
    async fn stop(&self, stop: &Stop) -> Result<(), StoreError>;

    /// Lifts a stop, on record, and releases what no other stop holds. `false`, and nothing is recorded, if there was
    /// none of that scope.
    async fn lift_stop(
        &self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
    ) -> Result<bool, StoreError>;

    /// What is stopped, the oldest stop first.
    async fn stops(&self) -> Result<Vec<Stop>, StoreError>;

    /// Moves waiting reminders of a channel from gateways that it has no more to the first: after a change of the
    /// config.
    async fn rehome(&self, channel: Channel, places: u16) -> Result<usize, StoreError>;

    /// Moves up to `limit` reminders whose lease ran out from `sending` to `unknown`, never back to `planned`; one of
    /// which a receipt has said that it did not arrive is done, and stays `undelivered`. Gives their numbers.
    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError>;

    /// When the next planned reminder of the channel is to be sent; in the past if one is due now.
    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError>;

    /// What is in the queue of each channel, as of the store's clock.
    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError>;

    /// Reminders that match, newest first, each with its state.
    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError>;

    /// Everything that happened to a reminder, oldest first.
    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError>;

    /// Puts what a process says of a gateway in the place of what it said before, and forgets what any said more than
    /// [`GATEWAY_STATE_KEPT`] before that.
    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError>;

    /// What processes said of gateways since then, by gateway and process.
    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError>;

    /// Takes or renews the right to do `task` alone (scanning, say) for `lasts`, on the store's clock. `false` if
    /// another `holder` has it.
    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError>;
}
