//! The pages that listings read on PostgreSQL: as many as they show, not as many as there are. The sessions forbid
//! sequential scans, so a query without a suitable index reads a whole index instead; only the number of pages shows
//! that.

use chrono::TimeDelta;
use dueherald::domain::{Channel, ReminderId, State};
use dueherald::pipeline::{ScanOrder, ScanScope, scan};
use dueherald::plan::{Horizon, RecentContacts};
use dueherald::store::{
    ClaimRequest, OutboxStore, PostgresStore, ReconcileStore, ReminderFilter, ScanStore, SchemaStore, Store, WriteMode,
};
use sqlx::{Connection, Executor, PgConnection, Row};

use super::bench::START;
use super::claims::accepted;
use super::receipts::{delivered, record};
use super::roles::{make_roles, url_as};
use super::sample::{date, import, instant, merchant, plan, plan_due, request, row_with_phone, send, sms};
use crate::fixtures::policy;

/// 60,000 reminders over 300 days: one in 3,000 failed or skipped, 20,000 were delivered, one in 6,000 of a small
/// merchant, the last 20,000 in the queue, two of them unknown. Nobody else reads them meanwhile.
const FILL: &str = "
    alter table reminder set (autovacuum_enabled = off);
    alter table event set (autovacuum_enabled = off);
    alter table queue set (autovacuum_enabled = off);
    insert into reminder (merchant, borrower_id, due_date, step, channel, origin, planned_at, not_before, expires_at)
    select case when n % 6000 = 17 then 'kiosk' else 'mall' end, 'b' || n, date '2026-01-01' + n / 200, 'due/0', \
    'sms', 'schedule',
        t, t, t + interval '1 day'
    from (select n, timestamptz '2026-01-01' + n / 200 * interval '1 day' as t from generate_series(1, 60000) n) s;
    insert into event (reminder_id, attempt, at, kind, gateway, detail)
    select id, 1, not_before, case when id % 3000 = 1 then 'failed' when id % 3000 = 2 then 'skipped'
        when id between 1001 and 21000 then 'delivered' else 'accepted' end, 'kannel',
        case when id % 3000 = 2 then 'paid' end
    from reminder where id <= 40000 order by id;
    insert into queue (reminder_id, not_before, attempt, gateway_index, channel, state, gateway)
    select id, not_before, 1, 0, channel, case when id % 10000 = 0 then 'unknown' else 'planned' end, 'kannel'
    from reminder where id > 40000;
    vacuum analyze";

struct Costs {
    database: crate::postgres::TestDatabase,
    spy: PgConnection,
}

impl Costs {
    async fn new() -> Self {
        let costs = Self::empty().await;
        costs.fill(FILL).await;
        costs
    }

    async fn empty() -> Self {
        let database = crate::postgres::database().await;
        let store = PostgresStore::connect(&database.url().into(), 1, None).await.expect("the database is there");
        store.migrate().await.expect("the migrations run");
        drop(store);
        let spy = PgConnection::connect(&database.url()).await.expect("the database is there");
        Self { database, spy }
    }

    /// Runs statements in a session of their own, which reports what it touched before it ends.
    async fn fill(&self, statements: &'static str) {
        let mut filler = PgConnection::connect(&self.database.url()).await.expect("the database is there");
        for statement in statements.split(';').chain(["select pg_stat_force_next_flush()"]) {
            filler.execute(statement).await.expect("the tables are filled");
        }
        filler.close().await.expect("it ends");
    }

    /// How many pages a read touches.
    async fn of<T>(&mut self, read: impl AsyncFnOnce(&dyn Store) -> T) -> (T, i64) {
        let before = self.touched().await;
        let store = PostgresStore::connect(&self.database.url().into(), 1, None).await.expect("the database is there");
        let answer = read(&store).await;
        let touched = self.touched().await - before;
        drop(store);
        (answer, touched)
    }

    /// The number of pages touched so far. It ends the sessions of the stores first, because they report it when they
    /// end.
    async fn touched(&mut self) -> i64 {
        let end = "select pg_terminate_backend(pid, 60000) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid()";
        self.spy.execute(end).await.expect("it answers");
        self.reported().await
    }

    /// How many pages of the table of events itself were touched so far.
    async fn events_touched(&mut self) -> i64 {
        self.touched().await;
        let touched =
            "select (heap_blks_read + heap_blks_hit)::bigint from pg_statio_user_tables where relname = 'event'";
        self.spy.fetch_one(touched).await.expect("it answers").get(0)
    }

    /// The sessions of stores that are open.
    async fn sessions(&mut self) -> Vec<i32> {
        let open = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
        sqlx::query_scalar(open).fetch_all(&mut self.spy).await.expect("it answers")
    }

    /// How many entries of the queue's indexes the sessions that have ended read.
    async fn queue_entries_read(&mut self) -> i64 {
        let read = "select sum(idx_tup_read)::bigint from pg_stat_user_indexes where relname = 'queue'";
        self.spy.fetch_one(read).await.expect("it answers").get(0)
    }

    /// Ends all others, so that they have reported what they touched.
    async fn end_all_but(&mut self, sessions: &[i32]) {
        let end = "select pg_terminate_backend(pid, 60000) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid() and pid <> all ($1)";
        sqlx::query(end).bind(sessions).execute(&mut self.spy).await.expect("it answers");
    }

    /// The number of pages that the sessions have reported so far.
    async fn reported(&mut self) -> i64 {
        let touched = "select sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + \
            coalesce(idx_blks_hit, 0))::bigint \
                       from pg_statio_user_tables where relname in ('reminder', 'event', 'queue', 'click', \
                       'installment')";
        self.spy.fetch_one(touched).await.expect("it answers").get(0)
    }
}

#[tokio::test]
async fn a_listing_reads_no_more_than_it_shows() {
    let mut costs = Costs::new().await;
    let page = || ReminderFilter { limit: 20, ..ReminderFilter::default() };
    let of_state = |state| ReminderFilter { state: Some(state), ..page() };
    let mut filters = Vec::from([
        (20, page()),
        (5, ReminderFilter { merchant: Some(merchant("kiosk")), limit: 5, ..page() }),
        (20, ReminderFilter { due_date: Some(date("2026-02-01")), ..page() }),
        (
            1,
            ReminderFilter {
                due_date: Some(date("2026-02-01")),
                borrower: Some("b6300".parse().expect("a borrower")),
                ..page()
            },
        ),
        (20, ReminderFilter { channel: Some(Channel::Sms), ..page() }),
        (2, of_state(State::Unknown)),
        (20, of_state(State::Planned)),
        (0, of_state(State::Sending)),
        (20, of_state(State::Delivered)),
        (0, of_state(State::Undelivered)),
        (20, of_state(State::Accepted)),
    ]);
    for state in [State::Failed, State::Skipped] {
        filters.push((20, of_state(state)));
        filters.push((5, ReminderFilter { before: Some(ReminderId(15_500)), ..of_state(state) }));
    }
    // Few are in both, whichever of the two has many.
    let kiosk = |state| ReminderFilter { merchant: Some(merchant("kiosk")), ..of_state(state) };
    let on_a_day = |state| ReminderFilter { due_date: Some(date("2026-02-15")), ..of_state(state) };
    for state in [State::Failed, State::Skipped, State::Delivered, State::Undelivered] {
        filters.push((if state == State::Delivered { 3 } else { 0 }, kiosk(state)));
    }
    // One channel may have all of an end, and the other none.
    let by_mail = |filter| ReminderFilter { channel: Some(Channel::Email), ..filter };
    filters.push((0, by_mail(page())));
    filters.push((0, by_mail(ReminderFilter { merchant: Some(merchant("mall")), ..page() })));
    for state in [State::Failed, State::Skipped, State::Delivered, State::Accepted, State::Planned] {
        filters.push((0, by_mail(of_state(state))));
        filters.push((0, by_mail(kiosk(state))));
        filters.push((0, by_mail(on_a_day(state))));
        filters.push((20, ReminderFilter { channel: Some(Channel::Sms), ..of_state(state) }));
    }
    filters.push((1, on_a_day(State::Failed)));
    filters.push((20, on_a_day(State::Delivered)));
    filters.push((4, kiosk(State::Accepted)));
    for (expected, filter) in filters {
        let (found, pages) =
            costs.of(async |store| store.reminders(&filter).await.expect("they are listed").len()).await;
        assert!(found >= expected.min(5) && (expected > 0) == (found > 0), "{found} of {expected}: {filter:?}");
        assert!(pages < 1_000, "{pages} pages for {filter:?}");
    }
}

#[tokio::test]
async fn a_day_of_the_funnel_reads_that_day() {
    let mut costs = Costs::new().await;
    let before = costs.events_touched().await;
    let day = instant("2026-06-01T00:00:00Z")..instant("2026-06-02T00:00:00Z");
    let (sent, pages) = costs.of(async |store| store.sent(&day).await.expect("they are counted")).await;
    assert!(sent.iter().map(|count| count.funnel.sent).sum::<u64>() >= 190, "{sent:?}");
    assert!(pages < 5_000, "{pages} pages for 200 messages");
    let events = costs.events_touched().await - before;
    assert!(events < 300, "{events} pages of events for 200 messages");
}

/// 20,000 reminders of one day and one merchant, on tables without statistics, as after the first import.
const FILL_ONE_DAY: &str = "
    insert into reminder (merchant, borrower_id, due_date, step, channel, origin, planned_at, not_before, expires_at)
    select 'mall', 'f' || n, date '2026-11-25', 'due-soon/-3', 'sms', 'schedule', t, t, t + interval '1 day'
    from (select n, timestamptz '2026-11-22' as t from generate_series(1, 20000) n) s";

#[tokio::test]
async fn a_plan_made_on_empty_tables_reads_no_day_and_no_merchant() {
    let mut costs = Costs::empty().await;
    costs.fill("alter table reminder set (autovacuum_enabled = off)").await;
    let store = PostgresStore::connect(&costs.database.url().into(), 1, None).await.expect("the database is there");
    // The statements of this session are planned now.
    plan_due(&store, 10).await;
    let recent_contacts = RecentContacts { contacts_within: TimeDelta::days(8), across_merchants: true, days_ahead: 2 };
    let request = || ClaimRequest { recent_contacts: Some(recent_contacts), ..request(10) };
    store.claim(&request(), &send).await.expect("they are claimed");
    costs.fill(FILL_ONE_DAY).await;
    let before = costs.reported().await;
    plan_due(&store, 100).await;
    let claimed = store.claim(&request(), &send).await.expect("they are claimed");
    assert_eq!(claimed.sending.len() + claimed.not_sent.len(), 10);
    let pages = costs.touched().await - before;
    drop(store);
    assert!(pages < 20_000, "{pages} pages to plan 90 reminders and claim 10");
}

/// 20,010 reminders that were sent; all but the first ten have arrived.
const FILL_DELIVERED: &str = "
    insert into reminder (merchant, borrower_id, due_date, step, channel, origin, planned_at, not_before, expires_at)
    select 'mall', 'f' || n, date '2026-11-25', 'due-soon/-3', 'sms', 'schedule', t, t, t + interval '1 day'
    from (select n, timestamptz '2026-11-22' as t from generate_series(1, 20010) n) s;
    insert into event (reminder_id, attempt, at, kind, gateway)
    select r.id, 1, r.not_before + n * interval '1 minute', case n when 1 then 'accepted' else 'delivered' end, 'kannel'
    from reminder r cross join generate_series(1, 2) n where n = 1 or r.id > 10 order by n, r.id";

#[tokio::test]
async fn receipts_planned_on_empty_tables_read_their_own_reminders() {
    let mut costs = Costs::empty().await;
    costs
        .fill("alter table reminder set (autovacuum_enabled = off); alter table event set (autovacuum_enabled = off)")
        .await;
    let store = PostgresStore::connect(&costs.database.url().into(), 1, None).await.expect("the database is there");
    // The statements of this session are planned now.
    let receipts = |reminders: std::ops::Range<i64>| reminders.map(|id| delivered(ReminderId(id))).collect::<Vec<_>>();
    assert_eq!(record(&store, &receipts(1..2)).await, 0);
    costs.fill(FILL_DELIVERED).await;
    let before = costs.reported().await;
    assert_eq!(record(&store, &receipts(1..11)).await, 10);
    let pages = costs.touched().await - before;
    drop(store);
    assert!(pages < 1_000, "{pages} pages for 10 receipts");
}

/// 20,000 reminders that wait, and 400 leases that ran out, each of 50 reminders that have left the queue.
const FILL_QUEUE: &str = "
    insert into reminder (merchant, borrower_id, due_date, step, channel, origin, planned_at, not_before, expires_at)
    select 'mall', 'f' || n, date '2026-11-25', 'due-soon/-3', 'sms', 'schedule', t, t, t + interval '1 day'
    from (select n, timestamptz '2026-11-22' as t from generate_series(1, 40000) n) s;
    insert into queue (reminder_id, not_before, attempt, gateway_index, channel, state)
    select id, not_before, 0, 0, channel, 'planned' from reminder
    where substr(borrower_id, 1, 1) = 'f' and id % 2 = 1;
    insert into lease (until, reminder_ids)
    select timestamptz '2026-11-22', array_agg(id) from reminder
    where substr(borrower_id, 1, 1) = 'f' and id % 2 = 0 group by id / 100";

/// A database whose queue was empty when its statistics were taken, as on every morning.
#[tokio::test]
async fn sending_planned_on_an_empty_queue_reads_its_own_rows() {
    let mut costs = Costs::empty().await;
    for table in ["reminder", "event", "queue", "lease"] {
        let mut filler = PgConnection::connect(&costs.database.url()).await.expect("the database is there");
        let alone = format!("alter table {table} set (autovacuum_enabled = off)");
        filler.execute(sqlx::AssertSqlSafe(alone)).await.expect("it is altered");
    }
    costs.fill("vacuum analyze").await;
    let store = PostgresStore::connect(&costs.database.url().into(), 1, None).await.expect("the database is there");
    // The statements of this session are planned now.
    plan_due(&store, 10).await;
    let send_ten = async || {
        let claimed = store.claim(&request(10), &send).await.expect("they are claimed");
        let outcomes: Vec<_> = claimed.sending.into_iter().map(accepted).collect();
        store.settle(&outcomes).await.expect("they are settled")
    };
    assert_eq!(send_ten().await, 10);
    store.reap(10).await.expect("nothing ran out");
    costs.fill(FILL_QUEUE).await;
    let before = costs.reported().await;
    assert_eq!(send_ten().await, 10);
    assert_eq!(store.reap(10).await.expect("nothing is being sent"), []);
    let pages = costs.touched().await - before;
    drop(store);
    // Each of the 20,000 reminders is looked up once.
    assert!(pages < 100_000, "{pages} pages to send 10 reminders and forget 400 leases");
}

/// The daemon's role may not analyse the table; nobody else does it here.
#[tokio::test]
async fn a_scan_that_fills_the_queue_has_its_plans_made_anew() {
    let mut costs = Costs::empty().await;
    costs
        .fill("alter table queue set (autovacuum_enabled = off); alter table reminder set (autovacuum_enabled = off)")
        .await;
    costs.fill("vacuum analyze").await;
    make_roles(&costs.database).await;
    let url = url_as(&costs.database, "dueherald_worker");
    let connect = async || PostgresStore::connect(&url.clone().into(), 1, None).await.expect("the database is there");
    let lane = connect().await;
    let of_lane = costs.sessions().await;
    let scanner = connect().await;
    let send_ten = async |expected: usize| {
        let claimed = lane.claim(&request(10), &send).await.expect("they are claimed");
        let outcomes: Vec<_> = claimed.sending.into_iter().map(accepted).collect();
        assert_eq!(lane.settle(&outcomes).await.expect("they are settled"), expected);
    };
    // The queue empties, and is analysed empty with pages in it, as every morning.
    plan_due(&lane, 10).await;
    send_ten(10).await;
    costs.fill("analyze queue").await;
    // The statements of this lane are planned now.
    plan(&lane, &(50..60).map(|n| sms(&format!("b{n}"), START)).collect::<Vec<_>>()).await;
    send_ten(10).await;
    for batch in (0..4_000).collect::<Vec<_>>().chunks(1_000) {
        let rows: Vec<_> = batch.iter().map(|n| row_with_phone(&format!("s{n:04}"), &format!("i{n:04}"))).collect();
        import(&scanner, &rows).await;
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
    let report = scan(&scanner, &policy(), &order).await.expect("scanned");
    assert!(report.planned >= 4_000, "{report:?}");
    costs.end_all_but(&of_lane).await;
    drop(scanner);
    let before = costs.queue_entries_read().await;
    send_ten(10).await;
    costs.end_all_but(&[]).await;
    drop(lane);
    let entries = costs.queue_entries_read().await - before;
    assert!(entries < 1_000, "{entries} entries of the queue's indexes to send 10 reminders of 4,000");
}

#[tokio::test]
async fn two_scans_may_refresh_the_statistics_at_once() {
    let costs = Costs::empty().await;
    let store = PostgresStore::connect(&costs.database.url().into(), 2, None).await.expect("the database is there");
    // Somebody analyses or vacuums the queue: nobody waits, and claims go on.
    let mut other = PgConnection::connect(&costs.database.url()).await.expect("the database is there");
    other.execute("begin; lock table queue in share update exclusive mode").await.expect("it is locked");
    let (one, two) = tokio::join!(store.refresh_statistics(), store.refresh_statistics());
    one.and(two).expect("what another one does is left to it");
    plan_due(&store, 10).await;
    assert_eq!(store.claim(&request(10), &send).await.expect("they are claimed").sending.len(), 10);
}
