//! Operations that are dropped at any of their awaits, by a caller or with it, on real servers: the one connection that
//! they had is used next, and must work, outside any transaction; nothing is written by half, and nothing stays locked.

mod operations;
mod staff;

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use dueherald::clock::{Clock, SimClock, SystemClock};
use dueherald::domain::{Click, ReminderId};
use dueherald::store::{PostgresStore, SqliteStore, Store, TaskStore};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use self::operations::{Material, OPERATIONS, Operation};
use super::bench::{START, sqlite_url};
use super::sample::instant;

/// The half-written states that no operation may leave behind, each with a statement that counts them in SQL that both
/// databases know.
const HALF_WRITTEN: [(&str, &str); 5] = [
    (
        "a reminder that is neither in the queue nor has an event",
        "select count(*) from reminder r where not exists (select 1 from queue q where q.reminder_id = r.id) \
         and not exists (select 1 from event e where e.reminder_id = r.id)",
    ),
    (
        "a borrower without an instalment",
        "select count(*) from borrower b where not exists (select 1 from installment i \
         where i.merchant = b.merchant and i.borrower_id = b.borrower_id)",
    ),
    (
        "an accepted reminder that is still being sent",
        "select count(*) from queue q join event e on e.reminder_id = q.reminder_id and e.attempt = q.attempt \
         where q.state = 'sending' and e.kind = 'accepted'",
    ),
    (
        "a reminder that is being sent by nobody",
        "select count(*) from queue where state = 'sending' and (gateway is null or attempt < 1)",
    ),
    (
        "a change of a notice that is not there",
        "select count(*) from notice_change c where not exists (select 1 from notice n where n.name = c.notice)",
    ),
];

/// Sessions of the store that are inside a transaction, and locks that they hold.
const OPEN: &str = "select count(*) from pg_stat_activity a where a.datname = current_database() and a.pid <> \
    pg_backend_pid() \
                    and (a.xact_start is not null or exists (select 1 from pg_locks l where l.pid = a.pid and \
                    l.locktype = 'advisory'))";

/// Polls a future at most so many times, then drops it. `true` if it was ready before.
async fn polled(times: usize, operation: impl Future<Output = ()>) -> bool {
    let mut operation = pin!(operation);
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        match operation.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if polls >= times => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A database, and who looks at it beside the store.
enum Witness {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

impl Witness {
    async fn count(&mut self, statement: &'static str) -> i64 {
        let counted = match self {
            Self::Postgres(connection) => sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(connection).await,
            Self::Sqlite(connection) => sqlx::query_scalar(AssertSqlSafe(statement)).fetch_one(connection).await,
        };
        counted.expect("it is counted")
    }

    /// Waits until the server has ended what a closed connection left, and looks that all is whole.
    async fn all_is_whole(&mut self, what: &str) {
        if matches!(self, Self::Postgres(_)) {
            let begun = SystemClock.elapsed();
            while self.count(OPEN).await > 0 {
                assert!(SystemClock.elapsed() - begun < Duration::from_secs(60), "{what} leaves a transaction open");
                SystemClock.sleep(Duration::from_millis(1)).await;
            }
        }
        for (half, statement) in HALF_WRITTEN {
            assert_eq!(self.count(statement).await, 0, "{what} leaves {half}");
        }
    }
}

/// Drops each operation after one poll, after two, and so on until it ends by itself; after each drop the store is used
/// on.
async fn drop_at_each_await(
    store: &Arc<dyn Store>,
    running: Option<&TaskTracker>,
    helper: &dyn Store,
    witness: &mut Witness,
) {
    let mut marks = 0;
    for Operation { name, begin } in OPERATIONS {
        for times in 1.. {
            let what = format!("`{name}`, dropped at its poll {times},");
            let material = Material::prepare(helper, &format!("{name}-{times}-{}", u8::from(running.is_some()))).await;
            let ended = polled(times, begin(Arc::clone(store), material)).await;
            if let Some(running) = running {
                running.close();
                running.wait().await;
            }
            assert!(store.stops().await.is_ok(), "{what} spoils the next read");
            marks += 1;
            let mark = Click {
                at: instant(START),
                reminder: ReminderId(1_000_000 + marks),
                route: "web".parse().expect("a key"),
            };
            store.add_click(&mark).await.unwrap_or_else(|error| panic!("{what} spoils the next write: {error}"));
            let clicks = helper.clicks(instant(START)).await.expect("read");
            assert!(clicks.contains(&mark), "{what} leaves a transaction in which the next write is lost");
            witness.all_is_whole(&what).await;
            if ended {
                break;
            }
            assert!(times < 500, "{what} has no end");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_loses_nothing_when_operations_are_dropped() {
    let (store, helper, mut witness, _database) = postgres().await;
    drop_at_each_await(&store, None, &*helper, &mut witness).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_carries_out_operations_whose_caller_is_gone() {
    let (store, helper, mut witness, _database) = postgres().await;
    let (store, running) = in_tasks(store);
    drop_at_each_await(&store, Some(&running), &*helper, &mut witness).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_loses_nothing_when_operations_are_dropped() {
    let (store, helper, mut witness, _folder) = sqlite().await;
    drop_at_each_await(&store, None, &*helper, &mut witness).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_carries_out_operations_whose_caller_is_gone() {
    let (store, helper, mut witness, _folder) = sqlite().await;
    let (store, running) = in_tasks(store);
    drop_at_each_await(&store, Some(&running), &*helper, &mut witness).await;
}

fn in_tasks(store: Arc<dyn Store>) -> (Arc<dyn Store>, TaskTracker) {
    let running = TaskTracker::new();
    (Arc::new(TaskStore::new(store, running.clone())), running)
}

type Bench<L> = (Arc<dyn Store>, Arc<dyn Store>, Witness, L);

async fn postgres() -> Bench<crate::postgres::TestDatabase> {
    let database = crate::postgres::database().await;
    let clock: Arc<dyn Clock> = Arc::new(SimClock::at(instant(START)));
    let store = async |connections| {
        let store = PostgresStore::connect(&database.url().into(), connections, Some(Arc::clone(&clock))).await;
        Arc::new(store.expect("the database is there")) as Arc<dyn Store>
    };
    let (helper, store) = (store(2).await, store(1).await);
    helper.migrate().await.expect("the migrations run");
    let witness = PgConnection::connect(&database.url()).await.expect("the database is there");
    (store, helper, Witness::Postgres(witness), database)
}

async fn sqlite() -> Bench<TempDir> {
    let folder = TempDir::new().expect("a temporary folder");
    let clock: Arc<dyn Clock> = Arc::new(SimClock::at(instant(START)));
    let url = sqlite_url(&folder);
    let store = async || {
        let store = SqliteStore::open(&url, Arc::clone(&clock)).await;
        Arc::new(store.expect("the file can be opened")) as Arc<dyn Store>
    };
    let (helper, store) = (store().await, store().await);
    helper.migrate().await.expect("the migrations run");
    let witness = SqliteConnection::connect(&url).await.expect("the file is there");
    (store, helper, Witness::Sqlite(witness), folder)
}

/// A connection that an operation has ended with goes back to the pool: it is not opened anew for each.
#[tokio::test]
async fn an_operation_that_ends_keeps_its_connection() {
    let (store, helper, mut witness, _database) = postgres().await;
    let sessions = "select count(distinct pid) + coalesce(max(extract(epoch from backend_start) * 1000000)::bigint, \
        0) from pg_stat_activity \
                    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
    store.stops().await.expect("read");
    for Operation { name, begin } in OPERATIONS {
        // A migration has a connection of its own, and closes it.
        if *name == "migrate" {
            continue;
        }
        let material = Material::prepare(&*helper, &format!("{name}-kept")).await;
        let before = witness.count(sessions).await;
        begin(Arc::clone(&store), material).await;
        store.stops().await.expect("read");
        assert_eq!(witness.count(sessions).await, before, "`{name}` closes its connection although it ended well");
    }
}

/// The list contains every operation of the store traits.
#[test]
fn every_operation_is_among_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let files = std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("it is read").path());
    let texts = files.filter(|file| file.extension().is_some_and(|end| end == "rs"));
    let texts = texts.map(|file| std::fs::read_to_string(file).expect("text")).collect::<Vec<_>>().concat();
    // The body of a trait ends with the first brace at the beginning of a line.
    let bodies = texts.split("\npub trait ").skip(1).filter_map(|rest| rest.split("\n}").next());
    let lines = bodies.flat_map(str::lines);
    let named = lines.filter_map(|line| line.strip_prefix("    async fn ")?.split(['(', '<']).next());
    let missing: Vec<_> = named.filter(|name| OPERATIONS.iter().all(|one| one.name != *name)).collect();
    assert!(missing.is_empty(), "add {missing:?} to tests/it/store/cancelled/operations.rs");
}
