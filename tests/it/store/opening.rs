//! Opening a database: what is made, what is refused, and what the refusal says.

use std::sync::Arc;

use dueherald::clock::SimClock;
use dueherald::store::{PostgresStore, SchemaStore, SqliteStore, Store, StoreError};
use rstest::rstest;
use secrecy::SecretString;
use sqlx::{ConnectOptions, Connection, Executor};
use tempfile::TempDir;

use super::bench::{START, sqlite_url};
use super::sample::{import, installments, instant, row};

pub(super) fn clock() -> Arc<SimClock> {
    Arc::new(SimClock::at(instant(START)))
}

/// A schema that is missing, right, and made by a newer version.
async fn standing(store: &dyn Store, from_the_future: impl AsyncFn(&'static str)) {
    assert!(matches!(store.ready().await, Err(StoreError::NotMigrated)), "nothing was migrated yet");
    assert!(store.migrate().await.expect("the migrations run") > 0);
    store.ready().await.expect("the schema is right");
    assert_eq!(store.migrate().await.expect("there is nothing to do"), 0);
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
                 values (999999, 'from the future', true, '', 0)";
    from_the_future(newer).await;
    assert!(matches!(store.ready().await, Err(StoreError::NewerSchema)));
    assert!(matches!(store.migrate().await, Err(StoreError::NewerSchema)));
    from_the_future("update _sqlx_migrations set version = 199 where version = 999999").await;
    store.ready().await.expect("a migration of the same hundred only adds to the schema");
    from_the_future("update _sqlx_migrations set version = 200 where version = 199").await;
    assert!(matches!(store.ready().await, Err(StoreError::NewerSchema)), "the next hundred takes away");
    from_the_future("delete from _sqlx_migrations where version in (100, 200)").await;
    assert!(matches!(store.ready().await, Err(StoreError::NotMigrated)), "half of the schema is not enough");
}

#[tokio::test]
async fn sqlite_tells_how_the_schema_stands() {
    let folder = TempDir::new().expect("a temporary folder");
    let url = sqlite_url(&folder);
    let store = SqliteStore::open(&url, clock()).await.expect("the file can be made");
    standing(&store, async |statement| {
        let options: sqlx::sqlite::SqliteConnectOptions = url.parse().expect("a URL");
        let mut connection = options.connect().await.expect("the file is there");
        connection.execute(statement).await.expect("the statement runs");
        connection.close().await.expect("the file closes");
    })
    .await;
}

#[tokio::test]
async fn postgres_tells_how_the_schema_stands() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 2, Some(clock())).await.expect("the database is there");
    standing(&store, async |statement| {
        let mut connection = sqlx::PgConnection::connect(&database.url()).await.expect("the database is there");
        connection.execute(statement).await.expect("the statement runs");
        connection.close().await.expect("the connection closes");
    })
    .await;
}

#[tokio::test]
async fn a_sqlite_file_keeps_what_was_written() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = SqliteStore::open(&sqlite_url(&folder), clock()).await.expect("the file can be made");
    store.migrate().await.expect("the migrations run");
    import(&store, &[row("b1", "i1")]).await;
    drop(store);
    let again = SqliteStore::open(&sqlite_url(&folder), clock()).await.expect("the file is there");
    again.ready().await.expect("the schema is right");
    assert_eq!(installments(&again).await.len(), 1);
}

#[rstest]
#[case::another_database("postgres://localhost/dueherald", "does not begin with sqlite:")]
#[case::no_file("sqlite://", "names no file")]
#[case::in_memory("sqlite::memory:", "gone with the process")]
#[tokio::test]
async fn a_bad_sqlite_url_is_refused_with_an_example(#[case] url: &str, #[case] why: &str) {
    let refused = SqliteStore::open(url, clock()).await.expect_err("it is no file").to_string();
    assert!(refused.contains(why) && refused.contains("write it as sqlite:"), "{refused}");
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = TempDir::new().expect("a temporary folder");
    let url = format!("sqlite://{}/missing/dueherald.db", folder.path().display());
    let refused = SqliteStore::open(&url, clock()).await.expect_err("there is no such folder").to_string();
    assert!(refused.contains("missing/dueherald.db") && refused.contains("folder"), "{refused}");
}

#[rstest]
#[case::another_database("sqlite:dueherald.db", "does not begin with postgres://")]
#[case::port("postgres://wang:hunter2@localhost:port/dueherald", "invalid port number")]
#[case::option("postgres://wang:hunter2@localhost/dueherald?sslmode=maybe", "ssl_mode")]
#[tokio::test]
async fn a_bad_postgres_url_is_refused_with_an_example(#[case] url: &str, #[case] why: &str) {
    let refused = PostgresStore::connect(&url.into(), 1, None).await.expect_err("it is no URL");
    assert!(matches!(refused, StoreError::BadUrl { .. }));
    let text = refused.to_string();
    assert!(text.contains(why) && text.contains("write it as postgres://"), "{text}");
    assert!(!format!("{text} {refused:?}").contains("hunter2"), "{text}");
}

#[tokio::test]
async fn an_unreachable_server_is_named_at_once_and_without_the_password() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let url = SecretString::from(format!("postgres://wang:hunter2@127.0.0.1:{port}/ledger"));
    let refused = PostgresStore::connect(&url, 1, None).await.expect_err("nobody listens");
    let text = refused.to_string();
    assert!(text.contains(&format!("postgres://wang@127.0.0.1:{port}/ledger")), "{text}");
    assert!(text.contains("check `database.url`"), "{text}");
    assert!(!format!("{text} {refused:?}").contains("hunter2"), "{text}");
}

/// The resolver reads one number as the address of a cloud's metadata service, as it would resolve a name that leads
/// there.
#[tokio::test]
async fn a_database_whose_name_leads_to_a_metadata_address_is_not_connected_to() {
    for hosts in ["2852039166", "0xa9fea9fe", "2852039166,0xa9fea9fe"] {
        let url = SecretString::from(format!("postgres://wang:hunter2@{hosts}/ledger"));
        let text = PostgresStore::connect(&url, 1, None).await.expect_err("it is forbidden").to_string();
        assert!(text.contains("never connected to") && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_store_does_not_show_its_password() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 1, None).await.expect("the database is there");
    assert_eq!(format!("{store:?}"), "PostgresStore { clock: None, .. }");
}
