//! Presets on real servers: a database with the tables of the loan system and rows for each of its states comes into
//! the ledger as a table says that a person can read, and so does what the system changes between two pulls.
//!
//! Each folder has the schema for each database, the rows, the changes, and the ledger before and after them.

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::config::{DatabaseSource, SourceKind};
use dueherald::domain::{Installment, Merchant, Tags};
use dueherald::pipeline::{Pull, Summary, pull};
use dueherald::source::presets::Preset;
use dueherald::source::sql::{Dialect, SqlSettings, SqlSource};
use dueherald::store::{InstallmentFilter, LedgerStore, MemoryStore, WriteMode};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use tokio_util::sync::CancellationToken;

use crate::fixtures::at;

/// Later than the last change of every system.
const NOW: &str = "2026-11-22T02:00:00Z";

/// One test for each preset on each database that its system runs on.
macro_rules! presets {
    ($($test:ident: $system:literal on $database:ident $(in $zone:literal)? $(with $options:literal)?;)+) => {
        $(#[tokio::test]
        async fn $test() {
            let zone = concat!($("time_zone = \"", $zone, "\"\n")?);
            let options = concat!($("[sources.options]\n", $options, "\n")?);
            System::$database($system).await.test_pulls(zone, options).await;
        })+
    };
}

presets! {
    fineract_on_mariadb: "fineract" on mariadb;
    fineract_on_postgresql: "fineract" on postgres;
    erpnext_lending_by_demands: "erpnext-lending" on mariadb in "Asia/Kolkata";
    erpnext_lending_by_accruals: "erpnext-lending" on mariadb in "Asia/Kolkata" with "ledger = \"accruals\"";
    odoo_on_postgresql: "odoo" on postgres;
    killbill_on_mariadb: "killbill" on mariadb;
    killbill_on_postgresql: "killbill" on postgres;
    invoice_ninja_on_mariadb: "invoice-ninja" on mariadb;
}

#[test]
fn the_source_on_the_page_of_each_system_is_a_source() {
    for preset in Preset::all() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/ledgers/{}.md", preset.name));
        let page = fs::read_to_string(page).expect("each preset has a page");
        let source = page.split_once("```toml\n").and_then(|(_, rest)| rest.split_once("```")).expect("a source").0;
        for dialect in preset.dialects() {
            let scheme = if dialect == Dialect::Postgres { "postgres" } else { "mysql" };
            let url = format!("{scheme}://reader@db.example.com/ledger?sslmode=verify-full");
            let url = if dialect == Dialect::Postgres {
                url
            } else {
                url.replace("sslmode=verify-full", "ssl-mode=VERIFY_IDENTITY")
            };
            let text = format!("{}\n{}", crate::config::changed(&[]), source.replace("\"lender\"", "\"mall\""));
            let config = crate::config::load(&text, &[("LENDER_URL", &url)]);
            let config = config.unwrap_or_else(|error| panic!("{} on {dialect:?}: {error}", preset.name));
            assert!(config.sources[0].asks_data_age(), "{}: the age of its data is known", preset.name);
        }
    }
}

/// A loan system's database.
struct System {
    name: &'static str,
    database: &'static str,
    url: String,
    _lives_as_long: Box<dyn Any>,
}

impl System {
    async fn postgres(name: &'static str) -> Self {
        let database = crate::postgres::database().await;
        Self { name, database: "postgres", url: database.url(), _lives_as_long: Box::new(database) }
    }

    async fn mariadb(name: &'static str) -> Self {
        let database = crate::mariadb::database().await;
        Self { name, database: "mariadb", url: database.url(), _lives_as_long: Box::new(database) }
    }

    fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/presets").join(self.name)
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join(name)).expect("a file of the preset's tests")
    }

    /// Runs the statements of a file.
    async fn run(&self, file: &str) {
        let statements = AssertSqlSafe(self.file(file));
        let done = if self.database == "postgres" {
            let options: PgConnectOptions = self.url.parse().expect("a URL");
            let utc = options.options([("timezone", "UTC")]);
            utc.connect().await.expect("the database answers").execute(statements).await.map(drop)
        } else {
            let options: MySqlConnectOptions = self.url.parse().expect("a URL");
            options.connect().await.expect("the database answers").execute(statements).await.map(drop)
        };
        done.unwrap_or_else(|error| panic!("{file} of {}: {error}", self.name));
    }

    /// The source of a config with the preset.
    fn settings(&self, zone: &str, options: &str) -> DatabaseSource {
        let source = format!(
            "[[sources]]\nname = \"lender\"\nkind = \"sql\"\nurl = {{ env = \"LENDER_URL\" }}\nmerchant = \"mall\"\n\
             cron = \"*/5 * * * *\"\nallow_plaintext = true\n{zone}preset = \"{}\"\n{options}",
            self.name
        );
        let text = format!("{}\n{source}", crate::config::changed(&[]));
        let config = crate::config::load(&text, &[("LENDER_URL", &self.url)]).unwrap_or_else(|error| panic!("{error}"));
        let SourceKind::Sql(database) = &config.sources[0].kind else { panic!("it is of kind sql") };
        (**database).clone()
    }

    /// Pulls in pages of several sizes, and compares the ledger with the tables.
    async fn test_pulls(self, zone: &str, options: &str) {
        self.run(&format!("schema.{}.sql", self.database)).await;
        self.run("rows.sql").await;
        let source = self.settings(zone, options);
        let mut ledgers = Vec::new();
        for page in [1, 3, 1_000] {
            let ledger = Ledger::new(SqlSettings { page, ..source.settings.clone() }, source.overlap);
            assert_eq!(ledger.pull().await.rejected, 0, "pages of {page}");
            assert_table(&ledger.table().await, &self.file("expected.txt"), &format!("pages of {page}, before"));
            ledgers.push((page, ledger));
        }
        self.run("changes.sql").await;
        for (page, ledger) in ledgers {
            let changed = ledger.pull().await;
            assert_eq!(changed.rejected, 0, "pages of {page}");
            assert_table(&ledger.table().await, &self.file("expected_after.txt"), &format!("pages of {page}, after"));
            let nothing = ledger.pull().await;
            assert_eq!((nothing.new, nothing.changed), (0, 0), "a pull of what is known changes nothing");
        }
    }
}

/// A ledger that is pulled into.
struct Ledger {
    store: MemoryStore,
    clock: SimClock,
    source: SqlSource,
    overlap: TimeDelta,
}

impl Ledger {
    fn new(settings: SqlSettings, overlap: TimeDelta) -> Self {
        let clock = SimClock::at(at(NOW));
        let store = MemoryStore::new(Arc::new(clock.clone()));
        Self { store, source: SqlSource::new(settings, Arc::new(clock.clone())), clock, overlap }
    }

    async fn pull(&self) -> Summary {
        let merchant = Merchant { country: "US".parse().expect("a country"), ..crate::fixtures::merchant() };
        let merchants = [(merchant.id.clone(), merchant)].into();
        let job = Pull {
            source: &self.source,
            merchants: &merchants,
            overlap: self.overlap,
            from_start: false,
            sweeps: false,
            max_vanishing: rust_decimal::Decimal::new(5, 2),
            mode: WriteMode::Commit,
            rejects: None,
            max_shown: 20,
            holder: "test",
            stop: &CancellationToken::new(),
        };
        let pulled = pull(&self.store, &self.clock, job).await;
        let summary = pulled.unwrap_or_else(|error| panic!("{error}"));
        let refused: Vec<_> = summary.shown.iter().map(|row| row.reason().to_string()).collect();
        assert!(refused.is_empty(), "{refused:?}");
        summary
    }

    /// The ledger as a table that a person can read.
    async fn table(&self) -> String {
        let filter = InstallmentFilter { limit: 10_000, ..InstallmentFilter::default() };
        let mut found = self.store.installments(&filter).await.expect("listed");
        found.sort_by(|one, other| {
            let key = |one: &Installment| (one.order_ref.clone(), one.sequence, one.id.clone());
            key(one).cmp(&key(other))
        });
        let head = ["installment", "borrower", "order", "seq", "due", "amount", "paid", "status", "tags"];
        let mut rows = vec![head.map(str::to_owned)];
        rows.extend(found.iter().map(|one| {
            [
                one.id.to_string(),
                one.borrower.to_string(),
                one.order_ref.clone().unwrap_or_default(),
                one.sequence.map(|number| number.to_string()).unwrap_or_default(),
                one.due_date.to_string(),
                format!("{} {}", one.amount.amount(), one.amount.currency()),
                one.paid_amount.amount().to_string(),
                one.status.to_string(),
                if one.tags == Tags::default() { String::new() } else { one.tags.to_string() },
            ]
        }));
        let widths: Vec<_> = (0..head.len()).map(|at| rows.iter().map(|row| row[at].chars().count()).max()).collect();
        let line = |row: &[String; 9]| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:0$}", width.unwrap_or(0)));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        rows.iter().map(line).collect()
    }
}

fn assert_table(found: &str, expected: &str, what: &str) {
    assert!(found == expected, "{what}\n--- found\n{found}--- expected\n{expected}");
}
