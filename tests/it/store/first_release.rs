//! The first migration stands in for those from before the first release: an old database keeps every row, and its
//! schema is that of a new one.

use std::collections::BTreeMap;

use dueherald::store::{PostgresStore, SchemaStore, SqliteStore};
use sqlx::migrate::MigrateError;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use super::bench::sqlite_url;
use super::opening::clock;
use super::upgrade::{earlier, old_postgres, old_sqlite};

/// The version of the first migration.
const FIRST: i64 = 100;

/// A row in every table of the last schema before the first release. `incarnation` has one anyway; `encryption` has
/// none in a database that is not encrypted.
const A_ROW_IN_EACH: &str = "
    insert into borrower (merchant, borrower_id, name, phone, email, email_key, hold_reason, verifier)
        values ('mall', 'b1', '欧阳晓雯', '+8613800138000', 'Li.Wei@example.com', 'li.wei@example.com', 'dispute', 'v');
    insert into installment (merchant, installment_id, borrower_id, currency, amount, paid_amount, due_date, status)
        values ('mall', 'i1', 'b1', 'CNY', '1280.5000', '0.1000', '2026-11-25', 'open');
    insert into suppression (merchant, channel, address, reason, source, since)
        values (null, 'sms', '+8613800138001', 'opted_out', 'link', '2026-01-01T00:00:00.000000Z');
    insert into source (name, read_to) values ('core', '2026-01-02T00:00:00.000000Z');
    insert into source_merchant (source, merchant) values ('core', 'mall');
    insert into wish (merchant, borrower_id, at, actor, said)
        values ('mall', 'b1', '2026-01-03T00:00:00.000000Z', 'wang', 'language en');
    insert into reminder (merchant, borrower_id, due_date, step, channel, origin, planned_at, not_before, expires_at)
        values ('mall', 'b1', '2026-11-25', 'due/-3', 'sms', 'schedule', '2026-01-04T00:00:00.000000Z',
            '2026-01-05T00:00:00.000000Z', '2026-01-06T00:00:00.000000Z');
    insert into queue (reminder_id, not_before, attempt, place, channel, state, hold)
        values (1, '2026-01-05T00:00:00.000000Z', 2, 1, 'sms', 'held', 'stopped:sms');
    insert into event (reminder_id, at, attempt, kind, gateway, detail)
        values (1, '2026-01-07T00:00:00.000000Z', 1, 'failed', 'aliyun', 'rejected');
    insert into mark (step, fingerprint, first, last) values ('due/-3', 'f', '2026-11-01', '2026-11-30');
    insert into scan (start) values ('2026-01-08T00:00:00.000000Z');
    insert into changed (merchant, borrower_id, due_date, at)
        values ('mall', 'b1', '2026-11-25', '2026-01-09T00:00:00.000000Z');
    insert into turn (task, holder, lease_until) values ('scan', 'h', '2026-01-10T00:00:00.000000Z');
    insert into rate (gateway, next, day, used) values ('aliyun', '2026-01-11T00:00:00.000000Z', '2026-01-11', 7);
    insert into stop (channel, actor, reason, since) values ('sms', 'wang', 'why', '2026-01-12T00:00:00.000000Z');
    insert into kept_report (gateway, provider_id, fate, is_hint, at, received_at, look_at)
        values ('aliyun', 'p', 'gone', false, '2026-01-13T00:00:00.000000Z', '2026-01-13T00:00:01.000000Z',
            '2026-01-13T00:00:02.000000Z');
    insert into reply (gateway, channel, address, intent, said, at)
        values ('aliyun', 'sms', '+8613800138002', 'other', '不要再发', '2026-01-14T00:00:00.000000Z');
    insert into reply_to_read (reply_id, channel, address) values (1, 'sms', '+8613800138002');
    insert into reply_reading (reply_id, at, actor, intent) values (9, '2026-01-15T00:00:00.000000Z', 'wang', 'stop');
    insert into gateway_state (gateway, holder, at) values ('aliyun', 'h', '2026-01-16T00:00:00.000000Z');
    insert into route_version (route_key, at, actor, reason, merchant, kind, url, closed)
        values ('web', '2026-01-17T00:00:00.000000Z', 'wang', 'why', 'mall', 'web', 'https://pay.example/', true);
    insert into route_health (route_key, url, degraded, since, failures, successes, probed_at)
        values ('web', 'https://pay.example/', true, '2026-01-18T00:00:00.000000Z', 3, 0,
            '2026-01-18T00:00:01.000000Z');
    insert into click (at, reminder_id, route_key) values ('2026-01-19T00:00:00.000000Z', 1, 'web');
    insert into notice (name, template, selection, state, actor, reason, at)
        values ('moved', 't', 'all', 'sending', 'wang', 'why', '2026-01-20T00:00:00.000000Z');
    insert into notice_change (notice, state, at, actor, reason)
        values ('moved', 'sending', '2026-01-21T00:00:00.000000Z', 'wang', 'why');
    insert into notice_recipient (notice, merchant, borrower_id, due_date, channel)
        values ('moved', 'mall', 'b1', '2026-11-25', 'sms');
    insert into reject (installment_id, merchant, source, digest, kind, waits, cells, reason, at)
        values ('i2', 'mall', 'core', '', 'row', false, '{}', 'amount', '2026-01-22T00:00:00.000000Z');
    insert into dropped_reject (id, merchant, installment_id, fault, at, actor, reason)
        values (5, 'mall', 'i3', 'amount', '2026-01-23T00:00:00.000000Z', 'wang', 'why');
    insert into suppression_change (at, actor, reason, action, addresses)
        values ('2026-01-24T00:00:00.000000Z', 'wang', 'why', 'add', 1);
    insert into suppression_change_address (change_id, channel, address) values (1, 'sms', '+8613800138001');
    insert into arming (generation, at, actor, reason, is_done)
        values ('g', '2026-01-25T00:00:00.000000Z', 'wang', 'why', true);
    insert into daemon (daemon, beats, last_at) values ('d', 4, '2026-01-26T00:00:00.000000Z');
    insert into volume (merchant, day, planned, held) values ('mall', '2026-01-27', 12, true);
    insert into answer_try (subject, tries, last_at) values ('s', 2, '2026-01-28T00:00:00.000000Z')";

/// Tables without a row above.
const WITHOUT: [&str; 3] = ["_sqlx_migrations", "encryption", "sqlite_sequence"];

/// The name of a table from before the first release.
fn renamed(table: &str) -> &str {
    match table {
        "wish" => "preference",
        "changed" => "ledger_change",
        same => same,
    }
}

/// The rows of each table, and how many of its columns they show.
type Rows = BTreeMap<String, (usize, Vec<String>)>;

fn expect_kept(before: &Rows, after: &Rows) {
    let empty: Vec<_> = before.iter().filter(|(_, (_, rows))| rows.is_empty()).map(|(table, _)| table).collect();
    assert_eq!(empty, Vec::<&String>::new(), "every table has a row to lose");
    for (table, rows) in before {
        assert_eq!(after.get(renamed(table)), Some(rows), "{table}");
    }
}

/// A column that later migrations add comes last: as many columns as `before` has are shown.
fn shown(columns: &str, table: &str, before: &Rows) -> (usize, String) {
    let columns: Vec<_> = columns.split(',').collect();
    let old = before.iter().find(|(old, _)| renamed(old) == table).map_or(columns.len(), |(_, (count, _))| *count);
    (old, columns[..old].join(" || '|' || "))
}

async fn sqlite_rows(connection: &mut SqliteConnection, before: &Rows) -> Rows {
    let mut all = Rows::new();
    let tables = "select name, group_concat(quoted, ',') from (
        select m.name, 'quote(\"' || x.name || '\")' as quoted
        from sqlite_master m, pragma_table_xinfo(m.name) x where m.type = 'table' order by m.name, x.cid
    ) group by name";
    let tables: Vec<(String, String)> = sqlx::query_as(tables).fetch_all(&mut *connection).await.expect("the tables");
    for (table, columns) in tables.into_iter().filter(|(table, _)| !WITHOUT.contains(&&**table)) {
        let (count, columns) = shown(&columns, &table, before);
        let rows = format!("select {columns} from {table} order by 1");
        let rows = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut *connection).await.expect("the rows");
        all.insert(table, (count, rows));
    }
    all
}

async fn postgres_rows(connection: &mut PgConnection, before: &Rows) -> Rows {
    let mut all = Rows::new();
    // A lease has rows on PostgreSQL alone.
    let tables = "insert into lease select '2026-01-29T00:00:00Z', array[1] where not exists (select 1 from lease)";
    sqlx::query(tables).execute(&mut *connection).await.expect("a lease");
    let tables = "select relname::text, string_agg(format('quote_nullable(%I::text)', attname), ',' order by attnum)
        from pg_class c join pg_attribute on attrelid = c.oid
        where relnamespace = 'public'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
        group by relname";
    let tables: Vec<(String, String)> = sqlx::query_as(tables).fetch_all(&mut *connection).await.expect("the tables");
    for (table, columns) in tables.into_iter().filter(|(table, _)| !WITHOUT.contains(&&**table)) {
        let (count, columns) = shown(&columns, &table, before);
        let rows = format!("select {columns} from {table} order by 1");
        let rows = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut *connection).await.expect("the rows");
        all.insert(table, (count, rows));
    }
    all
}

/// Tables with their columns, indexes and triggers, each in one line; the spelling of SQL aside.
async fn sqlite_schema(connection: &mut SqliteConnection) -> Vec<String> {
    let lines = "
        select m.name || ' ' || x.cid || ' ' || x.name || ' ' || x.type || ' ' || x.\"notnull\" || ' ' || x.pk || ' ' ||
            x.hidden || ' ' || coalesce(x.dflt_value, '') || ' ' || l.wr || ' ' || l.strict
        from sqlite_master m join pragma_table_list l on l.name = m.name, pragma_table_xinfo(m.name) x
        where m.type = 'table'
        union all select type || ' ' || name || ' ' || lower(sql) from sqlite_master
        where type in ('index', 'trigger') and sql is not null";
    let lines: Vec<String> = sqlx::query_scalar(lines).fetch_all(connection).await.expect("the schema");
    let mut lines: Vec<_> =
        lines.iter().map(|line| line.replace('"', "").split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.sort_unstable();
    lines
}

async fn postgres_schema(connection: &mut PgConnection) -> Vec<String> {
    let lines = "
        with t as (select oid, relname, reloptions from pg_class
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'S'))
        select concat_ws(' ', relname, reloptions) as line from t
        union all select concat_ws(' ', relname, row_number() over (partition by t.oid order by attnum), attname,
            format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attcollation,
            pg_get_expr(adbin, adrelid))
        from t join pg_attribute on attrelid = t.oid left join pg_attrdef on adrelid = attrelid and adnum = attnum
        where attnum > 0 and not attisdropped
        union all select indexdef from pg_indexes where schemaname = 'public'
        union all select concat_ws(' ', relname, conname, pg_get_constraintdef(c.oid))
        from pg_constraint c join t on t.oid = conrelid
        union all select pg_get_triggerdef(g.oid) from pg_trigger g where not tgisinternal
        union all select pg_get_functiondef(p.oid) from pg_proc p where pronamespace = 'public'::regnamespace
        union all select pg_get_statisticsobjdef(s.oid) from pg_statistic_ext s
        order by 1";
    sqlx::query_scalar(lines).fetch_all(connection).await.expect("the schema")
}

async fn open_sqlite(folder: &TempDir) -> SqliteConnection {
    let options: sqlx::sqlite::SqliteConnectOptions = sqlite_url(folder).parse().expect("a URL");
    options.connect().await.expect("the file is there")
}

#[tokio::test]
async fn an_old_sqlite_file_keeps_every_row() {
    let (folder, store) = old_sqlite(FIRST, A_ROW_IN_EACH).await;
    let mut connection = open_sqlite(&folder).await;
    let before = sqlite_rows(&mut connection, &Rows::new()).await;
    assert!(store.ready().await.is_err(), "it has to be migrated first");
    assert!(store.migrate().await.expect("the names change") > 0);
    store.ready().await.expect("the schema is right");
    assert_eq!(store.migrate().await.expect("there is nothing to do"), 0);
    let mut connection = open_sqlite(&folder).await;
    expect_kept(&before, &sqlite_rows(&mut connection, &before).await);
    let new = TempDir::new().expect("a temporary folder");
    let store = SqliteStore::open(&sqlite_url(&new), clock()).await.expect("the file can be made");
    store.migrate().await.expect("the migrations run");
    assert_eq!(sqlite_schema(&mut connection).await, sqlite_schema(&mut open_sqlite(&new).await).await);
}

#[tokio::test]
async fn an_old_postgres_database_keeps_every_row() {
    let (database, store) = old_postgres(FIRST, A_ROW_IN_EACH).await;
    let mut connection = PgConnection::connect(&database.url()).await.expect("the database is there");
    let before = postgres_rows(&mut connection, &Rows::new()).await;
    assert!(store.ready().await.is_err(), "it has to be migrated first");
    assert!(store.migrate().await.expect("the names change") > 0);
    store.ready().await.expect("the schema is right");
    assert_eq!(store.migrate().await.expect("there is nothing to do"), 0);
    let mut connection = PgConnection::connect(&database.url()).await.expect("the database is there");
    expect_kept(&before, &postgres_rows(&mut connection, &before).await);
    let new = crate::postgres::database().await;
    let store = PostgresStore::connect(&new.url().into(), 2, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    let mut fresh = PgConnection::connect(&new.url()).await.expect("the database is there");
    assert_eq!(postgres_schema(&mut connection).await, postgres_schema(&mut fresh).await);
}

/// A daemon from before the first release decides by its own list of migrations whether it may run.
#[tokio::test]
async fn a_program_from_before_the_first_release_finds_a_newer_schema() {
    let (folder, store) = old_sqlite(FIRST, "select 1").await;
    store.migrate().await.expect("the names change");
    let refused = earlier("sqlite", FIRST).await.run_direct(None, &mut open_sqlite(&folder).await, false).await;
    assert!(matches!(refused, Err(MigrateError::VersionMissing(FIRST))), "{refused:?}");
}
