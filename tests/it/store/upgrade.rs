//! An upgrade of a database that an earlier version wrote, by `migrate`.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use dueherald::clock::SimClock;
use dueherald::domain::{Channel, SuppressionReason};
use dueherald::store::{PostgresStore, SqliteStore, Store, SuppressionFilter};
use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, Connection, Executor};
use tempfile::TempDir;

use super::bench::{START, ring, sqlite_url};
use super::sample::{DUE, date, instant, key, merchant};
use super::search::found;

/// The migrations of a version before the first release: those before `before`.
pub(super) async fn earlier(database: &str, before: i64) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/before_first_release").join(database);
    let mut migrator = Migrator::new(folder).await.expect("the folder of migrations");
    migrator.migrations = Cow::Owned(migrator.iter().filter(|one| one.version < before).cloned().collect());
    migrator
}

/// Rows written by a version that compared addresses as spelled.
const SPELLED: &str = "
    insert into borrower (merchant, borrower_id, email) values
        ('mall', 'b1', 'Li.Wei@example.com'), ('mall', 'b2', 'JÖRG@example.com'), ('mall', 'b3', 'han@例子.中国'),
        ('mall', 'b4', null);
    insert into suppression (merchant, channel, address, reason, source, since, until) values
        (null, 'email', 'li.wei@example.com', 'bounced', 'relay', '2026-01-01T00:00:00.000000Z', null),
        (null, 'email', 'LI.WEI@example.com', 'opted_out', 'link', '2026-01-02T00:00:00.000000Z', null),
        (null, 'email', 'Li.Wei@example.com', 'opted_out', 'list', '2026-01-03T00:00:00.000000Z', \
        '2027-01-01T00:00:00.000000Z'),
        ('mall', 'email', 'Li.Wei@example.com', 'manual', 'wang', '2026-01-04T00:00:00.000000Z', null),
        ('mall', 'email', 'Jörg@example.com', 'manual', 'wang', '2026-01-05T00:00:00.000000Z', \
        '2027-01-01T00:00:00.000000Z'),
        ('mall', 'email', 'JÖrg@example.com', 'bounced', 'relay', '2026-01-06T00:00:00.000000Z', null),
        ('mall', 'email', 'han@例子.中国', 'opted_out', 'link', '2026-01-07T00:00:00.000000Z', null),
        ('mall', 'sms', '+8613800138000', 'opted_out', 'link', '2026-01-08T00:00:00.000000Z', null)";

async fn addresses_are_compared_in_one_form(store: &dyn Store) {
    store.migrate().await.expect("the migrations run");
    let filter = SuppressionFilter { limit: 99, ..SuppressionFilter::default() };
    let listed = store.suppressions(&filter).await.expect("listed");
    let listed: Vec<_> = listed
        .iter()
        .map(|one| {
            let merchant = one.merchant.as_ref().map_or("all", |merchant| merchant.as_str());
            format!("{merchant} {} {} {}", one.address.reveal(), one.reason.as_str(), one.source)
        })
        .collect();
    assert_eq!(
        listed,
        [
            "mall han@xn--fsqu00a.xn--fiqs8s opted_out link",
            "mall jörg@example.com bounced relay",
            "all li.wei@example.com opted_out link",
            "mall li.wei@example.com manual wang",
            "mall +8613800138000 opted_out link",
        ],
        "the strictest of the spellings stays"
    );
    for (borrower, reason) in
        [("b1", SuppressionReason::Manual), ("b2", SuppressionReason::Bounced), ("b3", SuppressionReason::OptedOut)]
    {
        let account = store.account(&key(borrower), date(DUE), Channel::Email).await.expect("the account is read");
        assert_eq!(account.suppressed, Some(reason), "{borrower}");
    }
    let spelled = store.account(&key("b1"), date(DUE), Channel::Email).await.expect("the account is read");
    assert_eq!(spelled.borrower.and_then(|known| known.email).expect("it is known").as_str(), "Li.Wei@example.com");
    assert_eq!(store.migrate().await.expect("there is nothing to do"), 0);
    assert_eq!(store.suppressions(&filter).await.expect("listed").len(), 5);
}

/// Rows written by a version that did not note which merchants a source names.
const PULLED: &str = "
    insert into borrower (merchant, borrower_id) values ('mall', 'b1'), ('mall', 'b2'), ('harbour', 'b1');
    insert into source (name, pulled_at) values ('core', '2026-01-01T00:00:00.000000Z')";

async fn a_source_may_feed_whoever_was_known(store: &dyn Store) {
    store.migrate().await.expect("the migrations run");
    let states = store.sources().await.expect("listed");
    assert_eq!(
        states[0].merchants,
        ["harbour", "mall"].map(merchant).into(),
        "its next pull may name one of them only"
    );
}

/// A database with the migrations before `before`, in which something was written.
pub(super) async fn old_sqlite(before: i64, written: &'static str) -> (TempDir, SqliteStore) {
    let folder = TempDir::new().expect("a temporary folder");
    let options: sqlx::sqlite::SqliteConnectOptions = sqlite_url(&folder).parse().expect("a URL");
    let mut connection = options.create_if_missing(true).connect().await.expect("the file is there");
    earlier("sqlite", before).await.run_direct(None, &mut connection, false).await.expect("the earlier schema");
    connection.execute(written).await.expect("it is written");
    connection.close().await.expect("the file closes");
    let clock = Arc::new(SimClock::at(instant(START)));
    let store = SqliteStore::open(&sqlite_url(&folder), clock).await.expect("the file is there");
    (folder, store)
}

/// The same on PostgreSQL.
pub(super) async fn old_postgres(before: i64, written: &'static str) -> (crate::postgres::TestDatabase, PostgresStore) {
    let database = crate::postgres::database().await;
    let mut connection = sqlx::PgConnection::connect(&database.url()).await.expect("the database is there");
    earlier("postgres", before).await.run_direct(None, &mut connection, false).await.expect("the earlier schema");
    connection.execute(written).await.expect("it is written");
    connection.close().await.expect("the connection closes");
    let clock = Arc::new(SimClock::at(instant(START)));
    let store = PostgresStore::connect(&database.url().into(), 2, Some(clock)).await.expect("the database is there");
    (database, store)
}

#[tokio::test]
async fn addresses_are_compared_in_one_form_on_sqlite() {
    let (_folder, store) = old_sqlite(11, SPELLED).await;
    addresses_are_compared_in_one_form(&store).await;
}

#[tokio::test]
async fn addresses_are_compared_in_one_form_on_postgres() {
    let (_database, store) = old_postgres(11, SPELLED).await;
    addresses_are_compared_in_one_form(&store).await;
}

#[tokio::test]
async fn a_source_may_feed_whoever_was_known_on_sqlite() {
    let (_folder, store) = old_sqlite(15, PULLED).await;
    a_source_may_feed_whoever_was_known(&store).await;
}

#[tokio::test]
async fn a_source_may_feed_whoever_was_known_on_postgres() {
    let (_database, store) = old_postgres(15, PULLED).await;
    a_source_may_feed_whoever_was_known(&store).await;
}

/// Rows that were written while nobody could search.
const UNSEARCHED: &str = "
    insert into borrower (merchant, borrower_id, name, phone) values
        ('mall', 'b1', 'Zoë O''Neil', '+8613800130013'), ('mall', 'b2', null, '+8613800130013')";

async fn who_was_known_is_found(store: &dyn Store) {
    store.migrate().await.expect("the migrations run");
    assert_eq!(found(store, "mall", Some("zoe oneil"), None).await, ["b1"]);
    assert_eq!(found(store, "mall", None, Some("0013")).await, ["b1", "b2"]);
}

#[tokio::test]
async fn who_was_known_is_found_on_sqlite() {
    let (_folder, store) = old_sqlite(26, UNSEARCHED).await;
    who_was_known_is_found(&store.encrypted_with(Arc::new(ring()))).await;
    let (_folder, store) = old_sqlite(26, UNSEARCHED).await;
    who_was_known_is_found(&store).await;
}

#[tokio::test]
async fn who_was_known_is_found_on_postgres() {
    let (_database, store) = old_postgres(26, UNSEARCHED).await;
    who_was_known_is_found(&store).await;
}
