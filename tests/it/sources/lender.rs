//! A lender with a database of its own, and a ledger that is pulled from it.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Installment, Merchant, MerchantId};
use dueherald::pipeline::{Pull, PullError, Summary, pull};
use dueherald::source::sql::{Dialect, Query, SqlBranch, SqlSettings, SqlSource};
use dueherald::store::{InstallmentFilter, MemoryStore, Store, WriteMode};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, MySqlConnection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::fixtures::{at, policy};

/// When every case begins: later than the lender's last change.
pub(super) const NOW: &str = "2026-11-22T02:00:00Z";

/// The columns of the lender's table, as the query yields them.
pub(super) const COLUMNS: &str = "id as installment_id, borrower as borrower_id, name, phone, amount, 'CNY' as \
    currency, \
                                  paid as paid_amount, due as due_date, status, updated_at";

/// The end of a query, as the manual recommends it.
pub(super) const PAGED: &str = "where updated_at >= :after and (updated_at > :after or id > :after_key) \
                                order by updated_at, id limit :limit";

pub(super) struct Lender {
    pub(super) dialect: Dialect,
    pub(super) url: String,
    pub(super) clock: SimClock,
    pub(super) ledger: Arc<dyn Store>,
    /// Whether pulls read all rows and cancel what is gone.
    pub(super) reads_all: bool,
    pub(super) _lives_as_long: Box<dyn Any>,
}

/// A connection of the lender's own.
pub(super) enum Writer {
    Postgres(PgConnection),
    MySql(MySqlConnection),
    Sqlite(SqliteConnection),
}

impl Writer {
    pub(super) async fn run(&mut self, statement: &str) {
        let statement = AssertSqlSafe(statement.to_owned());
        let done = match self {
            Self::Postgres(connection) => connection.execute(statement).await.map(drop),
            Self::MySql(connection) => connection.execute(statement).await.map(drop),
            Self::Sqlite(connection) => connection.execute(statement).await.map(drop),
        };
        done.expect("the lender's statement is sound");
    }
}

impl Lender {
    pub(super) async fn postgres() -> Self {
        let database = crate::postgres::database().await;
        Self::new(Dialect::Postgres, database.url(), Box::new(database))
            .with_table("timestamptz", "numeric(18, 4)")
            .await
    }

    pub(super) async fn mariadb() -> Self {
        let database = crate::mariadb::database().await;
        Self::new(Dialect::MySql, database.url(), Box::new(database)).with_table("datetime(6)", "decimal(18, 4)").await
    }

    pub(super) async fn sqlite() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("lender.db").display());
        Self::new(Dialect::Sqlite, url, Box::new(folder)).with_table("text", "text").await
    }

    fn new(dialect: Dialect, url: String, lives_as_long: Box<dyn Any>) -> Self {
        let clock = SimClock::at(at(NOW));
        let ledger = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        Self { dialect, url, clock, ledger, reads_all: false, _lives_as_long: lives_as_long }
    }

    async fn with_table(self, instant: &str, amount: &str) -> Self {
        let table = format!(
            "create table instalment (id bigint primary key, borrower varchar(40) not null, name varchar(80), \
             phone varchar(40), amount {amount}, paid {amount}, due date not null, status varchar(10), \
             updated_at {instant} not null)"
        );
        self.run(&table).await;
        self
    }

    pub(super) async fn connect(&self) -> Writer {
        let connected = match self.dialect {
            Dialect::Postgres => {
                let options: PgConnectOptions = self.url.parse().expect("a URL");
                options.options([("timezone", "UTC")]).connect().await.map(Writer::Postgres)
            }
            Dialect::MySql => {
                let options: MySqlConnectOptions = self.url.parse().expect("a URL");
                options.connect().await.map(Writer::MySql)
            }
            Dialect::Sqlite => {
                let options: SqliteConnectOptions = self.url.parse().expect("a URL");
                let wal = sqlx::sqlite::SqliteJournalMode::Wal;
                options.create_if_missing(true).journal_mode(wal).connect().await.map(Writer::Sqlite)
            }
        };
        connected.expect("the lender's database answers")
    }

    pub(super) async fn run(&self, statement: &str) {
        self.connect().await.run(statement).await;
    }

    /// Instalments of these numbers, all changed at the same instant.
    pub(super) async fn owes(&self, ids: std::ops::Range<u32>, updated_at: &str) {
        self.run(&inserts(ids, updated_at)).await;
    }

    pub(super) fn source(&self, query: &str) -> SqlSource {
        self.source_at(&self.url, query, 1_000)
    }

    pub(super) fn source_at(&self, url: &str, query: &str, page: u32) -> SqlSource {
        self.source_of(SqlSettings { url: url.to_owned().into(), ..self.settings(query, page) })
    }

    pub(super) fn source_of(&self, settings: SqlSettings) -> SqlSource {
        SqlSource::new(settings, Arc::new(self.clock.clone()))
    }

    pub(super) fn settings(&self, query: &str, page: u32) -> SqlSettings {
        SqlSettings {
            name: "core".parse().expect("a name"),
            dialect: self.dialect,
            url: self.url.clone().into(),
            branches: vec![SqlBranch {
                name: None,
                query: Query::new(query, self.dialect).expect("a query"),
                has_whole_orders: false,
            }],
            freshness: None,
            pays_elsewhere: true,
            merchant: (!query.contains("merchant")).then(|| crate::fixtures::merchant().id),
            amount_unit: None,
            zone: Some(chrono_tz::UTC),
            page,
            statement_timeout: Duration::from_secs(60),
        }
    }

    /// The table as it is meant to be pulled, in pages of so many.
    pub(super) fn in_pages(&self, page: u32) -> SqlSource {
        self.source_at(&self.url, &format!("select {COLUMNS} from instalment {PAGED}"), page)
    }

    pub(super) async fn pull(&self, source: &SqlSource) -> Result<Summary, PullError> {
        self.pull_again_from(source, TimeDelta::minutes(5)).await
    }

    pub(super) async fn pull_again_from(&self, source: &SqlSource, overlap: TimeDelta) -> Result<Summary, PullError> {
        self.pull_with(source, overlap, policy().merchants).await
    }

    /// A pull by a config with these merchants.
    pub(super) async fn pull_of(&self, source: &SqlSource, merchants: &[&str]) -> Result<Summary, PullError> {
        let merchant = |name: &&str| {
            let id: MerchantId = name.parse().expect("a name");
            (id.clone(), Merchant { id, ..crate::fixtures::merchant() })
        };
        self.pull_with(source, TimeDelta::minutes(5), merchants.iter().map(merchant).collect()).await
    }

    async fn pull_with(
        &self,
        source: &SqlSource,
        overlap: TimeDelta,
        merchants: BTreeMap<MerchantId, Merchant>,
    ) -> Result<Summary, PullError> {
        let job = Pull {
            source,
            merchants: &merchants,
            overlap,
            from_start: self.reads_all,
            sweeps: self.reads_all,
            max_vanishing: rust_decimal::Decimal::new(5, 2),
            mode: WriteMode::Commit,
            rejects: None,
            max_shown: 20,
            holder: "test",
            stop: &CancellationToken::new(),
        };
        pull(&*self.ledger, &self.clock, job).await
    }

    /// The error of pulling from a source that cannot be used.
    pub(super) async fn refusal(&self, query: &str) -> String {
        self.pull(&self.source_at(&self.url, query, 3)).await.expect_err("it is refused").to_string()
    }

    /// The ledger, by number.
    pub(super) async fn installments(&self) -> Vec<Installment> {
        let filter = InstallmentFilter { limit: 10_000, ..InstallmentFilter::default() };
        let mut found = self.ledger.installments(&filter).await.expect("listed");
        found.sort_by_key(|one| one.id.as_str().parse::<u32>().unwrap_or_default());
        found
    }

    pub(super) async fn read_to(&self) -> Option<String> {
        let states = self.ledger.sources().await.expect("listed");
        states.first()?.read_to.map(|at| at.to_rfc3339())
    }

    pub(super) async fn was_pulled_now(&self) -> bool {
        let states = self.ledger.sources().await.expect("listed");
        states.iter().any(|state| state.pulled_at == Some(self.clock.now()))
    }
}

/// `(new, changed, same, rejected)`.
pub(super) fn counts(summary: &Summary) -> (u64, u64, u64, u64) {
    (summary.new, summary.changed, summary.same, summary.rejected)
}

pub(super) fn inserts(ids: std::ops::Range<u32>, updated_at: &str) -> String {
    let row =
        |id| format!("({id}, 'b{id}', '李伟', '13800138000', '128.50', null, '2026-12-01', null, '{updated_at}')");
    format!("insert into instalment values {}", ids.map(row).collect::<Vec<_>>().join(", "))
}
