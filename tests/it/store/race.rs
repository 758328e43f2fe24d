//! Several dispatchers on one PostgreSQL, on the database's own clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{Channel, Next, Outcome, ReminderId, SkipReason};
use dueherald::pipeline::{ScanOrder, ScanScope, scan};
use dueherald::plan::{Decision, Horizon, PlanItem};
use dueherald::store::{
    LedgerRow, OutboxStore, PostgresStore, ReconcileStore, ReminderFilter, ReminderStore, ScanStore, SchemaStore,
    Store, TurnStore, WriteMode,
};
use sqlx::{Connection, Executor, PgConnection};

use super::bench::START;
use super::outcomes::{accepted, settle};
use super::sample::{DUE, claim, date, import, instant, plan, request, row, row_with_phone, said, send, sms};
use crate::fixtures::policy;

const REMINDERS: usize = 2_000;
const DISPATCHERS: u32 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dispatchers_send_every_reminder_once() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), DISPATCHERS, None).await.expect("the database is there");
    let store: Arc<dyn Store> = Arc::new(store);
    store.migrate().await.expect("the migrations run");
    let reminders: Vec<_> =
        (0..REMINDERS).map(|number| sms(&format!("b{number:04}"), "2020-01-01T00:00:00Z")).collect();
    assert_eq!(plan(&*store, &reminders).await.len(), REMINDERS);

    let dispatchers = (0..DISPATCHERS).map(|_| tokio::spawn(drain(store.clone())));
    let mut sent: HashMap<ReminderId, u32> = HashMap::new();
    for taken in futures_util::future::join_all(dispatchers).await {
        for id in taken.expect("the dispatcher ends") {
            *sent.entry(id).or_default() += 1;
        }
    }
    assert_eq!(sent.len(), REMINDERS);
    assert!(sent.values().all(|times| *times == 1), "one reminder went to two dispatchers");
    let left = store.reminders(&ReminderFilter { limit: 10_000, ..ReminderFilter::default() }).await.expect("a list");
    assert!(left.iter().all(|view| view.attempts == 1 && view.state.as_str() == "accepted"));
}

/// Claims and settles until nothing is left.
async fn drain(store: Arc<dyn Store>) -> Vec<ReminderId> {
    let mut taken = Vec::new();
    loop {
        let claimed = claim(&*store, 50, &send).await;
        if claimed.sending.is_empty() {
            return taken;
        }
        taken.extend(claimed.sending.iter().map(|one| one.attempt.reminder()));
        let accepted = || Outcome::Accepted { provider_id: None };
        let settled: Vec<_> = claimed
            .sending
            .into_iter()
            .map(|one| one.attempt.settle(accepted(), Next::Accepted, instant(START)))
            .collect();
        assert_eq!(store.settle(&settled).await.expect("outcomes are recorded"), settled.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scanners_plan_every_key_once() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), DISPATCHERS, None).await.expect("the database is there");
    let store: Arc<dyn Store> = Arc::new(store);
    store.migrate().await.expect("the migrations run");
    let scanners = (0..DISPATCHERS).map(|_| {
        let store = store.clone();
        let reminders: Vec<_> = (0..500).map(|number| sms(&format!("b{number:03}"), START)).collect();
        tokio::spawn(async move { plan(&*store, &reminders).await.len() })
    });
    let planned: usize =
        futures_util::future::join_all(scanners).await.into_iter().map(|count| count.expect("the scan ends")).sum();
    assert_eq!(planned, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imports_do_not_undo_each_other() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    let store: Arc<dyn Store> = Arc::new(store);
    store.migrate().await.expect("the migrations run");
    // Nobody is known yet, so there is no row to lock: one says the number of each borrower, the other the locale.
    let numbers: Vec<_> = (0..500).map(|n| row_with_phone(&format!("b{n:03}"), &format!("n{n:03}"))).collect();
    let locale = |n| LedgerRow { locale: said("en"), ..row(&format!("b{n:03}"), &format!("l{n:03}")) };
    let locales: Vec<_> = (0..500).map(locale).collect();
    let importers = [numbers, locales].map(|rows| {
        let store = store.clone();
        tokio::spawn(async move { import(&*store, &rows).await })
    });
    for importer in importers {
        importer.await.expect("the import ends");
    }
    let page = store.due_page(date(DUE)..=date(DUE), None, 1_000).await.expect("the page is read");
    assert_eq!(page.len(), 500);
    assert!(page.iter().all(|due| due.borrower.phone.is_some() && due.borrower.locale.is_some()));
}

#[tokio::test]
async fn the_database_clock_counts_when_no_other_is_given() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 1, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    plan(&store, &[sms("past", "2020-01-01T00:00:00Z"), sms("future", "2199-01-01T00:00:00Z")]).await;
    assert_eq!(claim(&store, 10, &send).await.sending.len(), 1);
    assert!(store.take_turn("scan", "a", TimeDelta::seconds(-1)).await.expect("the turn is asked for"));
    assert!(store.take_turn("scan", "b", TimeDelta::hours(1)).await.expect("the turn is asked for"), "it had run out");
    assert!(!store.take_turn("scan", "a", TimeDelta::hours(1)).await.expect("the turn is asked for"));
    let due: u64 = store.queue_counts().await.expect("the queue is counted").iter().map(|lane| lane.due).sum();
    assert_eq!(due, 0);
}

/// Every version of every row, by where it stands and which transaction wrote it.
const ROWS: &str = r#"
    select count(*), md5(string_agg(place, ',' order by place)) from (
        select 'reminder' || ctid::text || xmin::text as place from reminder
        union all select 'queue' || ctid::text || xmin::text from queue
        union all select 'event' || ctid::text || xmin::text from event
        union all select 'mark' || ctid::text || xmin::text from mark
        union all select 'scan' || ctid::text || xmin::text from scan
        union all select 'ledger_change' || ctid::text || xmin::text from ledger_change
    ) rows"#;

#[tokio::test]
async fn a_scan_without_news_writes_no_row() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    let rows: Vec<_> = (0..2_500).map(|n| row_with_phone(&format!("b{n:04}"), &format!("i{n:04}"))).collect();
    for batch in rows.chunks(500) {
        import(&store, batch).await;
    }
    let now = instant(START);
    let order = ScanOrder {
        horizon: Horizon { now, until: now + TimeDelta::hours(12) },
        extent: ScanScope::News,
        mode: WriteMode::Commit,
        start_from: None,
        first_day: now - TimeDelta::days(10),
        guard: None,
    };
    let mut connection = PgConnection::connect(&database.url()).await.expect("the database is there");
    let first = scan(&store, &policy(), &order).await.expect("scanned");
    assert!(first.planned >= 2_500, "{first:?}");
    let before: (i64, Option<String>) = sqlx::query_as(ROWS).fetch_one(&mut connection).await.expect("counted");
    assert!(before.0 > 5_000);
    assert_eq!(scan(&store, &policy(), &order).await.expect("scanned").looked_at, 0);
    let after: (i64, Option<String>) = sqlx::query_as(ROWS).fetch_one(&mut connection).await.expect("counted");
    assert_eq!(before, after);
}

#[tokio::test]
async fn what_cannot_be_read_is_not_left_under_a_lease() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 1, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    plan(&store, &[sms("good", "2020-01-01T00:00:00Z"), sms("bad", "2020-01-01T00:00:00Z")]).await;
    let mut by_hand = PgConnection::connect(&database.url()).await.expect("the database is there");
    let spoil = "update reminder set step = 'spoilt' where borrower_id = 'bad'";
    sqlx::query(spoil).execute(&mut by_hand).await.expect("the row is spoilt");
    store.claim(&request(10), &send).await.expect_err("the step means nothing");
    let mend = "update reminder set step = 'due/-3' where borrower_id = 'bad'";
    sqlx::query(mend).execute(&mut by_hand).await.expect("the row is mended");
    let sending = claim(&store, 10, &send).await.sending;
    assert_eq!(sending.iter().map(|one| one.attempt.number()).collect::<Vec<_>>(), [1, 1], "both were still waiting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_decided_too_late_does_not_touch_the_next_attempt() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 1, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    let planned = plan(&store, &[sms("paid", "2020-01-01T00:00:00Z")]).await;
    // While it was deciding, this process stood still for longer than its lease, and another has claimed.
    let url = database.url();
    let taken_over = async move |url: String| {
        let mut other = PgConnection::connect(&url).await.expect("the database is there");
        let claim = "update queue set attempt = attempt + 1 where state = 'sending'";
        sqlx::query(claim).execute(&mut other).await.expect("the other claims").rows_affected()
    };
    let decide = move |_: &_, _: &_, _| {
        let taken_over = taken_over(url.clone());
        let done = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(taken_over));
        assert_eq!(done, 1, "the claim is on record by now");
        Decision::Skip(SkipReason::Paid)
    };
    claim(&store, 10, &decide).await;
    assert!(store.events(planned[0]).await.expect("the events are read").is_empty());
    let sending: u64 = store.queue_counts().await.expect("the queue is counted").iter().map(|lane| lane.sending).sum();
    assert_eq!(sending, 1, "the other one's");
}

#[tokio::test]
async fn a_claim_changes_nothing_that_an_index_holds() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 1, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    let held = r#"
        select distinct a.attname::text from pg_depend d
        join pg_index i on i.indexrelid = d.objid
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.refobjid = 'queue'::regclass"#;
    let mut connection = PgConnection::connect(&database.url()).await.expect("the database is there");
    let held: Vec<(String,)> = sqlx::query_as(held).fetch_all(&mut connection).await.expect("the catalogue is read");
    assert!(held.iter().any(|(column,)| column == "not_before"), "{held:?}");
    let claims = ["state", "attempt", "leased_until", "gateway"];
    assert!(!held.iter().any(|(column,)| claims.contains(&column.as_str())), "{held:?}");
}

#[tokio::test]
async fn leases_are_forgotten_when_nothing_is_sent_under_them_any_more() {
    let database = crate::postgres::database().await;
    let clock = SimClock::at(instant(START));
    let store = PostgresStore::connect(&database.url().into(), 1, Some(Arc::new(clock.clone()))).await;
    let store = store.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    plan(&store, &["a", "b", "c"].map(|borrower| sms(borrower, START))).await;
    let mut sending = claim(&store, 2, &send).await.sending;
    sending.extend(claim(&store, 2, &send).await.sending);
    assert_eq!(sending.len(), 3);
    assert_eq!(settle(&store, &accepted(sending.remove(0), &clock)).await, 1);
    let mut connection = PgConnection::connect(&database.url()).await.expect("the database is there");
    let mut leases = async || {
        let count: (i64,) =
            sqlx::query_as("select count(*) from lease").fetch_one(&mut connection).await.expect("leases are counted");
        count.0
    };
    assert!(store.reap(10).await.expect("leases are looked at").is_empty());
    assert_eq!(leases().await, 2, "they still run");
    clock.advance(Duration::from_secs(3600));
    assert_eq!(store.reap(1).await.expect("leases are looked at").len(), 1);
    assert_eq!(store.reap(10).await.expect("leases are looked at").len(), 1, "the rest");
    assert!(store.reap(10).await.expect("leases are looked at").is_empty());
    assert_eq!(leases().await, 0);
}

/// A scan calls for an e-mail in the place of a text, and a claim of the text is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scan_puts_nothing_in_the_place_of_what_a_claim_took_first() {
    let database = crate::postgres::database().await;
    let store = PostgresStore::connect(&database.url().into(), 2, None).await.expect("the database is there");
    store.migrate().await.expect("the migrations run");
    let text = sms("b1", "2020-01-01T00:00:00Z");
    plan(&store, std::slice::from_ref(&text)).await;
    let (url, before) = (database.url(), Arc::new(store));
    let mut claimer = PgConnection::connect(&url).await.expect("the database is there");
    let mut claim = claimer.begin().await.expect("it begins");
    let taken = "update queue set attempt = 1, state = 'sending'";
    assert_eq!(sqlx::query(taken).execute(&mut *claim).await.expect("claimed").rows_affected(), 1);
    let mut mail = text;
    mail.key.channel = Channel::Email;
    let called = [PlanItem { reminder: mail, is_sole: true, skip: None }];
    let scanner = Arc::clone(&before);
    let scan = tokio::spawn(async move { scanner.put_in(&called, instant(START), WriteMode::Commit).await });
    let mut spy = PgConnection::connect(&url).await.expect("the database is there");
    // The server waits until somebody waits for the claim.
    let waited = "do $$ begin while not exists (select from pg_stat_activity where datname = current_database() \
                  and wait_event_type = 'Lock') loop perform pg_sleep(0.005), pg_stat_clear_snapshot(); end loop; end \
                  $$";
    spy.execute(waited).await.expect("it answers");
    claim.commit().await.expect("the claim is on record");
    let put = scan.await.expect("the scan ends").expect("it is put in");
    assert_eq!((put.switched.len(), put.planned.len()), (0, 0), "{put:?}");
    let known = before.reminders(&ReminderFilter { limit: 10, ..ReminderFilter::default() }).await.expect("a list");
    let known: Vec<_> = known.iter().map(|view| (view.reminder.plan.key.channel, view.state.as_str())).collect();
    assert_eq!(known, [(Channel::Sms, "sending")]);
}
