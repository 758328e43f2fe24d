//! The rights of the roles of `deploy/postgres/roles.sql`. The suite runs as a worker, which shows that a worker may do
//! all its work.

use dueherald::store::{PostgresStore, SchemaStore};
use rstest::rstest;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, raw_sql};

use crate::postgres::TestDatabase;

/// PostgreSQL's code for a missing right.
const DENIED: &str = "42501";

/// The URL of a database with the rights of a role.
pub(crate) fn url_as(database: &TestDatabase, role: &str) -> String {
    let url = database.url();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options[role]={role}")
}

/// Makes the roles, as operators do, for the tables that are there by now.
pub(crate) async fn make_roles(database: &TestDatabase) {
    let mut connection = PgConnection::connect(&database.url()).await.expect("the database is there");
    connection.execute(raw_sql(include_str!("../../../deploy/postgres/roles.sql"))).await.expect("the roles are made");
    connection.close().await.expect("the connection closes");
}

async fn database() -> TestDatabase {
    let database = crate::postgres::database().await;
    store(&database.url()).await.migrate().await.expect("the migrations run");
    make_roles(&database).await;
    database
}

async fn store(url: &str) -> PostgresStore {
    PostgresStore::connect(&url.into(), 1, None).await.expect("the database is there")
}

/// The error code of a statement executed by a role; `None` if the database executes it.
async fn refusal(database: &TestDatabase, role: &str, statement: &str) -> Option<String> {
    let mut connection = PgConnection::connect(&url_as(database, role)).await.expect("the database is there");
    let error = connection.execute(AssertSqlSafe(statement)).await.err()?;
    Some(error.as_database_error().and_then(|error| error.code()).expect("a code").into_owned())
}

#[tokio::test]
async fn what_is_on_record_stays_as_it_is() {
    let database = database().await;
    let on_record = [
        ("event", "at = now()"),
        ("audit_entry", "at = now()"),
        ("audit_personal", "salt = content"),
        ("audit_checkpoint", "at = now()"),
        ("click", "at = now()"),
        ("reply", "at = now()"),
        ("reply_reading", "at = now()"),
        ("route_version", "at = now()"),
        ("notice_change", "at = now()"),
        ("suppression_change", "at = now()"),
        ("dropped_reject", "at = now()"),
        ("message_form", "text = hash"),
    ];
    for (table, set) in on_record {
        for statement in
            [format!("update {table} set {set}"), format!("delete from {table}"), format!("truncate {table}")]
        {
            let refused = refusal(&database, "dueherald_worker", &statement).await;
            assert_eq!(refused.as_deref(), Some(DENIED), "{statement}");
        }
    }
}

#[rstest]
#[case::worker("dueherald_worker", &["drop table \
    event", "create table more (id int)", "drop trigger event_end on event", "delete from borrower"])]
#[case::web("dueherald_web", &["select message from event", "select * from event", "select text from message_form",
    "insert into event (reminder_id, at, attempt, kind, message) \
    values (1, now(), 1, 'accepted', null)"])]
#[case::api("dueherald_api", &["delete from event", "update event set at = now()", "delete from borrower",
    "select password from staff_user", "insert into stop values (default)", "update api_token set revoked_at = null"])]
#[case::console("dueherald_console", &["delete from event", "update event set at = now()", "delete from borrower",
    "select digest from api_token", "insert into stop values (default)", "delete from staff_user",
    "update audit_entry set at = now()", "delete from audit_personal", "insert into arming values (default)",
    "insert into route_version values (default)", "update incarnation set database = database"])]
#[case::reader("dueherald_reader", &["insert into stop values \
    (default)", "update borrower set phone = null", "delete from queue"])]
#[tokio::test]
async fn a_role_does_no_more_than_its_work(#[case] role: &str, #[case] statements: &[&str]) {
    let database = database().await;
    assert_eq!(refusal(&database, role, "select count(*) from reminder").await, None);
    for statement in statements {
        assert_eq!(refusal(&database, role, statement).await.as_deref(), Some(DENIED), "{statement}");
    }
}

#[tokio::test]
async fn the_owner_changes_the_schema_and_a_worker_finds_it_up_to_date() {
    let database = database().await;
    assert_eq!(store(&url_as(&database, "dueherald_worker")).await.migrate().await.expect("nothing to do"), 0);
    let forget = [
        "alter table borrower drop column name_key, drop column phone_tail",
        "delete from _sqlx_migrations where version = 101",
    ];
    for statement in forget {
        assert_eq!(refusal(&database, "dueherald_owner", statement).await, None, "{statement}");
    }
    let refused = store(&url_as(&database, "dueherald_worker")).await.migrate().await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(store(&url_as(&database, "dueherald_owner")).await.migrate().await.expect("it owns the tables"), 1);
}
