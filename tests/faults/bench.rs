//! A database with reminders that are due now, a sink, a config for daemons, and what must hold when all is over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::{
    BorrowerKey, Channel, Currency, EmailAddress, EventKind, FieldUpdate, KeyRing, LedgerRow, MerchantId, Money,
    NewReminder, Origin, Phone, ReminderId, ReminderKey, State,
};
use dueherald::plan::local_date;
use dueherald::render::{LinkKeys, Purpose};
use dueherald::store::{
    MemoryStore, PostgresStore, QueueCounts, ReminderFilter, ReminderView, SqliteStore, Store, WriteMode,
};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use tempfile::TempDir;

use crate::chance::tell;
use crate::daemon::Daemon;
use crate::noon::where_it_is_noon;
use crate::patience::until_lasting;
use crate::postgres::{TestDatabase, database};
use crate::sink::Sink;

/// How many messages each daemon has in flight at most.
pub(crate) const IN_FLIGHT: usize = 8;

const SQLITE_FILE: &str = "dueherald.db";

pub(crate) const LINK_KEY: &str = "0123456789abcdef0123456789abcdef";

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) lease: Duration,
    /// How long a gateway may take to answer.
    pub(crate) timeout: Duration,
}

/// Short, so that what was in flight at a fault is soon known to be unknown.
pub(crate) const QUICK: Pace = Pace { lease: Duration::from_secs(3), timeout: Duration::from_secs(2) };

pub(crate) struct Bench {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) sink: Sink,
    pub(crate) folder: PathBuf,
    channel: Channel,
    pace: Pace,
    zone: Tz,
    keys: LinkKeys,
    /// The planned reminders.
    ids: Vec<ReminderId>,
    _temporary: Vec<TempDir>,
    _database: Option<TestDatabase>,
}

impl Bench {
    pub(crate) async fn on_postgres(channel: Channel, pace: Pace) -> Self {
        let database = database().await;
        let url = database.url();
        Self { _database: Some(database), ..Self::on(&url, channel, pace).await }
    }

    pub(crate) async fn on_sqlite(channel: Channel, pace: Pace) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let url = sqlite_in(folder.path());
        let mut bench = Self::on(&url, channel, pace).await;
        bench._temporary.push(folder);
        bench
    }

    /// On the database of that URL, which is empty.
    pub(crate) async fn on(url: &str, channel: Channel, pace: Pace) -> Self {
        Self::over(url, store_at(url, None).await, channel, pace).await
    }

    /// The same, encrypted with a key ring.
    pub(crate) async fn encrypted_on(url: &str, ring: KeyRing, channel: Channel, pace: Pace) -> Self {
        Self::over(url, store_at(url, Some(Arc::new(ring))).await, channel, pace).await
    }

    async fn over(url: &str, store: Arc<dyn Store>, channel: Channel, pace: Pace) -> Self {
        store.migrate().await.expect("the schema can be made");
        let temporary = tempfile::tempdir().expect("a temporary folder can be made");
        let bench = Self {
            store,
            sink: Sink::start(channel).await,
            folder: temporary.path().to_owned(),
            channel,
            pace,
            zone: where_it_is_noon(SystemClock.now()),
            keys: LinkKeys::new([(1, LINK_KEY)]).expect("a key"),
            ids: Vec::new(),
            _temporary: vec![temporary],
            _database: None,
        };
        fs::write(bench.config(), bench.config_text(url)).expect("the config can be written");
        // The file contains secrets.
        fs::set_permissions(bench.config(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
        bench
    }

    /// The file of its SQLite database.
    pub(crate) fn sqlite_file(&self) -> PathBuf {
        self._temporary.last().expect("it is on SQLite").path().join(SQLITE_FILE)
    }

    /// Lets go of the SQLite file, all of which is in its one file then.
    pub(crate) async fn close_sqlite(&mut self) {
        let file = self.sqlite_file();
        self.store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
        let mut connection =
            SqliteConnectOptions::new().filename(file).connect().await.expect("the file can be opened");
        connection.execute("pragma wal_checkpoint(truncate)").await.expect("nobody else has it open");
        connection.close().await.expect("it can be closed");
    }

    /// Opens it again.
    pub(crate) async fn open_sqlite(&mut self) {
        let url = format!("sqlite:{}", self.sqlite_file().display());
        self.store = Arc::new(SqliteStore::open(&url, Arc::new(SystemClock)).await.expect("the file can be opened"));
    }

    /// The planned reminders.
    pub(crate) fn ids(&self) -> &[ReminderId] {
        &self.ids
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("dueherald.toml")
    }

    fn config_text(&self, url: &str) -> String {
        let (port, channel, zone) = (self.sink.port(), self.channel, self.zone);
        let timeout = self.pace.timeout.as_millis();
        let gateway = match channel {
            Channel::Sms => format!(
                "kind = \"http\"\nurl = \"http://127.0.0.1:{port}/send\"\nmethod = \"POST\"\n\
                 headers = {{ X-Reference = \"{{{{ reference }}}}\" }}\nbody = {{ json = {{ text = \"{{{{ text }}}}\" \
                 }} }}\n\
                 accept = {{ status = 200, body = \"^OK$\" }}\ntimeout = \"{timeout}ms\"\nconnect_timeout = \"1s\"\n\
                 max_in_flight = {IN_FLIGHT}"
            ),
            Channel::Email => format!(
                "kind = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\nsecurity = \"none\"\nfrom = \"pay@mall.example\"\n\
                 hello_name = \"test.example\"\ncommand_timeout = \"{timeout}ms\"\nconnect_timeout = \"1s\"\n\
                 max_connections = {IN_FLIGHT}"
            ),
        };
        format!(
            r#"
            [database]
            url = "{url}"
            max_connections = 4
            [schedule]
            cron = "0 0 1 1 *"
            time_zone = "UTC"
            [merchants.mall]
            name = "示例商城"
            app_name = "示例金融"
            locale = "zh-CN"
            time_zone = "{zone}"
            country = "CN"
            jurisdiction = "cn"
            link_base = "https://mall.example"
            support = {{ phone = "400-000-0000" }}
            [routes.web]
            merchant = "mall"
            kind = "web"
            url = "https://pay.mall.example/bill"
            [[rules]]
            name = "due"
            offsets = [0]
            at = "12:00"
            channels = {{ mode = "all", order = ["{channel}"] }}
            [channels.{channel}]
            gateways = ["sink"]
            [http]
            public = "127.0.0.1:0"
            ops = "127.0.0.1:0"
            requests_per_minute = 60000
            unlimited_clients = true
            [[links.keys]]
            id = 1
            key = "{LINK_KEY}"
            [dispatch]
            lease = "{}ms"
            idle = "100ms"
            [dispatch.retry]
            first_pause = "4s"
            longest_pause = "4s"
            [gateways.sink]
            {gateway}
            "#,
            self.pace.lease.as_millis()
        )
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("daemons.log")
    }

    /// One that serves pages as well.
    pub(crate) fn start_daemon_with_pages(&self) -> Daemon {
        Daemon::start_with_pages(&self.config(), &self.log())
    }

    /// The token of the landing page of the reminder that was planned as the so-manieth.
    pub(crate) fn landing_token(&self, number: usize) -> String {
        self.keys.seal(Purpose::Landing, self.ids[number])
    }

    pub(crate) fn start_daemon(&self) -> Daemon {
        Daemon::start(&self.config(), &self.log())
    }

    /// Plans so many more reminders, each to a borrower of its own, due now.
    pub(crate) async fn plan(&mut self, count: usize) {
        self.plan_in(count, Duration::ZERO).await;
    }

    /// The same, due after a pause.
    pub(crate) async fn plan_in(&mut self, count: usize, pause: Duration) {
        let now = SystemClock.now();
        let due = now + pause;
        let begin = self.ids.len();
        let numbers: Vec<_> = (begin..begin + count).collect();
        for numbers in numbers.chunks(500) {
            let rows: Vec<_> = numbers.iter().map(|number| self.row(*number, now)).collect();
            self.store.import(&rows, WriteMode::Commit).await.expect("imported");
            let reminders: Vec<_> = rows.iter().map(|row| self.reminder(row, due)).collect();
            self.ids.extend(self.store.plan(&reminders, now, WriteMode::Commit).await.expect("planned"));
        }
        assert_eq!(self.ids.len(), begin + count);
    }

    fn row(&self, number: usize, now: DateTime<Utc>) -> LedgerRow {
        let merchant = MerchantId::new("mall").expect("an id");
        let borrower = BorrowerKey { merchant, id: format!("b{number}").parse().expect("an id") };
        let installment = format!("i{number}").parse().expect("an id");
        let amount = Money::parse("128.50", Currency::new("CNY").expect("a currency")).expect("an amount");
        LedgerRow {
            phone: FieldUpdate::Set(Some(Phone::new("+8613800138000").expect("a number"))),
            email: FieldUpdate::Set(Some(EmailAddress::new("zhang@example.com").expect("an address"))),
            ..LedgerRow::new(borrower, installment, amount, local_date(self.zone, now))
        }
    }

    fn reminder(&self, row: &LedgerRow, now: DateTime<Utc>) -> NewReminder {
        let step = "due/0".parse().expect("a step");
        NewReminder {
            key: ReminderKey { borrower: row.borrower.clone(), due_date: row.due_date, step, channel: self.channel },
            origin: Origin::Schedule,
            not_before: now,
            expires_at: now + TimeDelta::hours(8),
        }
    }

    /// That nothing was sent twice and nothing is lost, whichever of these link keys made a reference.
    pub(crate) async fn assert_once_each_under(&self, keys: &LinkKeys) {
        let (taken, views) = (self.sink.taken(), self.views().await);
        let mut times: BTreeMap<_, usize> = BTreeMap::new();
        for (reference, count) in taken {
            *times.entry(keys.open(Purpose::Reference, &reference).expect("one of ours")).or_default() += count;
        }
        for id in &self.ids {
            let (times, state) = (times.get(id).copied().unwrap_or_default(), views[id].state);
            assert_eq!((times, state), (1, State::Accepted), "{id}: {}", self.story(*id).await);
        }
        assert_eq!(times.len(), self.ids.len(), "the sink got only what was planned");
    }

    /// How the sink knows the reminder that was planned as the so-manieth.
    pub(crate) fn reference(&self, number: usize) -> String {
        self.reference_of(self.ids[number])
    }

    /// How the sink knows a reminder.
    pub(crate) fn reference_of(&self, id: ReminderId) -> String {
        self.keys.seal(Purpose::Reference, id)
    }

    /// The queue's counts; `None` while the database does not answer.
    pub(crate) async fn queue(&self) -> Option<QueueCounts> {
        let counts = self.store.queue_counts().await.ok()?;
        counts.into_iter().find(|counts| counts.channel == self.channel)
    }

    /// Returns when nothing is planned or being sent, for as long as it takes the reconcilers to look at everything
    /// twice.
    pub(crate) async fn drained(&self) {
        until_lasting("all is sent or unknown", self.pace.lease, async || {
            self.queue().await.is_some_and(|counts| counts.planned + counts.sending == 0)
        })
        .await;
    }

    /// Returns when nothing is being sent and nothing changes any more, for a lease. What is planned may be locked by a
    /// daemon that was stopped in the middle of a claim, until the server ends its session after some seconds.
    pub(crate) async fn at_rest(&self) {
        let mut last = None;
        until_lasting("nothing moves any more", self.pace.lease, async || {
            let counts = self.queue().await;
            let rests = counts.as_ref().is_some_and(|counts| counts.sending == 0 && last.as_ref() == Some(counts));
            last = counts;
            rests
        })
        .await;
    }

    /// Every reminder with its state.
    pub(crate) async fn views(&self) -> BTreeMap<ReminderId, ReminderView> {
        let mut views = BTreeMap::new();
        let mut before = None;
        loop {
            let filter = ReminderFilter { before, limit: 1_000, ..ReminderFilter::default() };
            let page = self.store.reminders(&filter).await.expect("listed");
            let Some(last) = page.last() else { return views };
            before = Some(last.reminder.id);
            views.extend(page.into_iter().map(|view| (view.reminder.id, view)));
        }
    }

    /// That nothing was sent twice and nothing is lost, and that no more than `most_unknown` are unknown.
    pub(crate) async fn assert_once_each(&self, most_unknown: usize) {
        let (taken, views) = (self.sink.taken(), self.views().await);
        let mut known = 0;
        let mut unknown = 0;
        for id in &self.ids {
            let state = views.get(id).expect("nothing planned vanishes").state;
            let times = taken.get(&self.keys.seal(Purpose::Reference, *id)).copied().unwrap_or_default();
            known += times;
            unknown += usize::from(state == State::Unknown);
            match (self.channel, times, state) {
                (_, 0 | 1, State::Unknown) | (_, 1, State::Accepted) => {}
                (Channel::Email, 2, State::Accepted | State::Unknown) => {
                    assert!(self.was_unknown(*id).await, "{id} was sent twice and had not been unknown before");
                }
                _ => panic!("{id} was taken over {times} times and is {state}: {}", self.story(*id).await),
            }
        }
        assert_eq!(known, self.sink.total(), "the sink got only what was planned");
        assert!(unknown <= most_unknown, "{unknown} are unknown, and at most {most_unknown} were in flight at a fault");
        tell(&format!(
            "{} reminders: {} taken over, {unknown} unknown (at most {most_unknown})",
            self.ids.len(),
            known
        ));
    }

    async fn was_unknown(&self, id: ReminderId) -> bool {
        let events = self.store.events(id).await.expect("listed");
        events.iter().any(|event| event.kind == EventKind::Unknown && event.attempt == 1)
            || events
                .iter()
                .any(|event| event.kind == EventKind::Retry && event.detail.as_deref() == Some("sent_once_more"))
    }

    /// The events of a reminder, in words.
    pub(crate) async fn story(&self, id: ReminderId) -> String {
        let events = self.store.events(id).await.expect("listed");
        let told = |event: &dueherald::domain::Event| {
            format!("{} {} {}", event.attempt, event.kind, event.detail.as_deref().unwrap_or("-"))
        };
        events.iter().map(told).collect::<Vec<_>>().join(", ")
    }

    /// The stories of all.
    pub(crate) async fn stories(&self) -> BTreeMap<ReminderId, String> {
        let mut stories = BTreeMap::new();
        for id in &self.ids {
            stories.insert(*id, self.story(*id).await);
        }
        stories
    }

    pub(crate) fn planned(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn id(&self, number: usize) -> ReminderId {
        self.ids[number]
    }
}

/// A store on the database of that URL.
pub(crate) async fn store_at(url: &str, ring: Option<Arc<KeyRing>>) -> Arc<dyn Store> {
    if url.starts_with("sqlite:") {
        let store = SqliteStore::open(url, Arc::new(SystemClock)).await.expect("the file can be opened");
        return match ring {
            Some(ring) => Arc::new(store.encrypted_with(ring)),
            None => Arc::new(store),
        };
    }
    let store = PostgresStore::connect(&url.to_owned().into(), 2, None).await.expect("the server answers");
    match ring {
        Some(ring) => Arc::new(store.encrypted_with(ring)),
        None => Arc::new(store),
    }
}

/// The URL of an SQLite database in that folder.
pub(crate) fn sqlite_in(folder: &Path) -> String {
    format!("sqlite:{}", folder.join(SQLITE_FILE).display())
}
