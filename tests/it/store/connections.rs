//! The connections of the PostgreSQL store: fewer than asked for, servers that forget, and servers that refuse to
//! write.

use chrono::TimeDelta;
use dueherald::store::{PostgresStore, SchemaStore, StoreError, TurnStore};
use futures_util::future::join_all;
use rstest::rstest;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use super::sample::{claim_all, plan_due};
use crate::postgres::TestDatabase;

async fn run(database: &TestDatabase, statement: &str) {
    let mut connection = PgConnection::connect(&database.url()).await.expect("the database is there");
    connection.execute(AssertSqlSafe(statement.to_owned())).await.expect("the statement runs");
    connection.close().await.expect("the connection closes");
}

fn name(database: &TestDatabase) -> String {
    let options: PgConnectOptions = database.url().parse().expect("a URL");
    options.get_database().expect("it has a name").to_owned()
}

/// A database of a role that may open so many connections, and its URL for that role.
async fn of_role_with_limit(limit: u32) -> (TestDatabase, String, String) {
    let database = crate::postgres::database().await;
    let role = format!("{}_role", name(&database));
    let name = name(&database);
    run(&database, &format!("drop role if exists {role}; create role {role} login connection limit {limit}")).await;
    run(&database, &format!("alter database {name} owner to {role}; alter schema public owner to {role}")).await;
    let url = database.url().replacen("postgres@", &format!("{role}@"), 1);
    (database, url, role)
}

#[rstest]
#[case::one(1)]
#[case::three(3)]
#[tokio::test(flavor = "multi_thread")]
async fn with_fewer_connections_than_asked_for_all_is_done(#[case] limit: u32) {
    let (database, url, role) = of_role_with_limit(limit).await;
    let store = PostgresStore::connect(&url.into(), 8, None).await.expect("one connection can be had");
    assert!(store.migrate().await.expect("the migrations run") > 0);
    store.ready().await.expect("the schema is right");
    let work = join_all((0..40).map(|number| {
        let store = &store;
        async move { store.take_turn(&format!("task {number}"), "a test", TimeDelta::seconds(10)).await }
    }));
    // One that waits for a connection that the server does not give fails after some seconds.
    assert!(work.await.into_iter().all(|turn| turn.expect("the store goes on with what there is")));
    plan_due(&store, 3).await;
    assert_eq!(claim_all(&store).await.sending.len(), 3);
    drop(store);
    run(&database, &format!("drop owned by {role} cascade; alter database {} owner to postgres", name(&database)))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_gives_no_connection_is_quoted() {
    let (_database, url, role) = of_role_with_limit(0).await;
    let refused = PostgresStore::connect(&url.into(), 8, None).await.expect_err("nobody is let in").to_string();
    assert!(refused.contains(&format!("too many connections for role \"{role}\"")), "{refused}");
    assert!(refused.contains("raise the limit"), "{refused}");
}

/// How long a commit of the claim waits, as the claim itself sees it.
async fn seen_by_claims(default: &str) -> String {
    let database = crate::postgres::database().await;
    run(&database, &format!("alter database {} set synchronous_commit = {default}", name(&database))).await;
    let store = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    store.ready().await.expect("a claim can be kept");
    let spy = "create table seen (setting text); create function see() returns trigger language plpgsql as $$ begin \
               insert into seen values (current_setting('synchronous_commit')); return null; end $$; \
               create trigger see after insert on lease execute function see()";
    run(&database, spy).await;
    plan_due(&store, 1).await;
    assert_eq!(claim_all(&store).await.sending.len(), 1);
    let mut connection = PgConnection::connect(&database.url()).await.expect("the database is there");
    let row = connection.fetch_one("select setting from seen").await.expect("a claim was seen");
    row.get(0)
}

#[rstest]
#[case::off("off", "on")]
#[case::stricter("remote_apply", "remote_apply")]
#[tokio::test]
async fn a_claim_waits_for_the_disk_whatever_the_default(#[case] default: &str, #[case] seen: &str) {
    assert_eq!(seen_by_claims(default).await, seen);
}

#[tokio::test]
async fn a_server_that_does_not_let_a_commit_wait_is_refused() {
    let (database, url, role) = of_role_with_limit(4).await;
    // Simulates a server that lacks the setting, or does not let this role change it.
    let forbid = format!(
        "create function set_config(text, text, boolean) returns text language plpgsql as $$ begin \
         raise 'permission denied to set parameter \"%\"', $1 using errcode = '42501'; end $$; \
         alter role {role} set search_path = public, pg_catalog"
    );
    run(&database, &forbid).await;
    let refused = PostgresStore::connect(&url.into(), 2, None).await.expect_err("claims would not be kept");
    assert!(matches!(refused, StoreError::NotDurable(_)), "{refused}");
    let refused = refused.to_string();
    assert!(refused.contains("permission denied to set parameter \"synchronous_commit\""), "{refused}");
    assert!(refused.contains("set it for the database"), "{refused}");
}

#[tokio::test]
async fn a_database_for_reading_only_says_so() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    drop(store);
    run(&database, &format!("alter database {} set default_transaction_read_only = on", name(&database))).await;
    let store = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    let told = store.ready().await.expect_err("nothing can be written").to_string();
    assert!(told.contains("read-only") && told.contains("name the primary"), "{told}");
    let told = store.migrate().await.expect_err("nothing can be written").to_string();
    assert!(told.contains("read-only") && told.contains("default_transaction_read_only = off"), "{told}");
    let told = store.take_turn("scan", "a test", TimeDelta::seconds(1)).await.expect_err("it cannot write").to_string();
    assert!(told.contains("read-only") && told.contains("name the primary"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_visitors_ask_ends_soon_and_what_the_work_asks_goes_on() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    let spy = "create table seen (setting text); create function see() returns trigger language plpgsql as $$ begin \
               insert into seen values (current_setting('statement_timeout') || ' ' || \
               current_setting('lock_timeout')); \
               return null; end $$; create trigger see after insert on turn execute function see()";
    run(&database, spy).await;
    let visitors = store.with_own_pool(1);
    for (store, task) in [(&store, "of the work"), (&visitors, "of a visitor")] {
        assert!(store.take_turn(task, "a test", TimeDelta::seconds(10)).await.expect("the turn is free"));
    }
    let mut connection = PgConnection::connect(&database.url()).await.expect("the database is there");
    let rows = connection.fetch_all("select setting from seen").await.expect("both were seen");
    let settings: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(settings, ["1min 10s", "5s 2s"]);
}
