//! The stores under test, each empty, migrated, and on a clock that the case moves.

use std::any::Any;
use std::sync::Arc;

use dueherald::clock::SimClock;
use dueherald::domain::{Channel, KeyRing};
use dueherald::plan::GatewayLists;
use dueherald::store::{MemoryStore, PostgresStore, SchemaStore, SqliteStore, Store, TaskStore};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use super::roles::{make_roles, url_as};
use super::sample::{instant, merchant};

/// A store, its clock, and what must live as long as they do.
pub(crate) struct Bench {
    pub(crate) store: Box<dyn Store>,
    pub(crate) clock: SimClock,
    _lives_as_long: Box<dyn Any>,
}

/// When every case begins.
pub(super) const START: &str = "2026-11-22T02:00:00Z";

/// Migrated by its owner; the store has the rights of a daemon, as `deploy/postgres/roles.sql` gives them.
pub(crate) async fn postgres() -> Bench {
    let (database, clock) = (crate::postgres::database().await, SimClock::at(instant(START)));
    let owner = PostgresStore::connect(&database.url().into(), 1, None).await.expect("the test database is there");
    let owner = owner.encrypted_with(Arc::new(ring()));
    owner.migrate().await.expect("the migrations run");
    drop(owner);
    make_roles(&database).await;
    let url = url_as(&database, "dueherald_worker");
    let store = PostgresStore::connect(&url.into(), 4, Some(Arc::new(clock.clone()))).await;
    let store = in_tasks(
        store
            .expect("the test database is there")
            .encrypted_with(Arc::new(ring()))
            .with_gateway_lists(Arc::new(own_lists())),
    );
    Bench { store, clock, _lives_as_long: Box::new(database) }
}

pub(crate) async fn memory() -> Bench {
    let clock = SimClock::at(instant(START));
    let store = MemoryStore::new(Arc::new(clock.clone())).encrypted_with(Arc::new(ring()));
    let store = store.with_gateway_lists(own_lists());
    migrated(Box::new(store), clock, Box::new(())).await
}

pub(crate) async fn sqlite() -> Bench {
    let (folder, clock) = (TempDir::new().expect("a temporary folder"), SimClock::at(instant(START)));
    let store = SqliteStore::open(&sqlite_url(&folder), Arc::new(clock.clone())).await;
    let store = store.expect("the file can be made").encrypted_with(Arc::new(ring()));
    let store = store.with_gateway_lists(Arc::new(own_lists()));
    migrated(in_tasks(store), clock, Box::new(folder)).await
}

/// One gateway for all merchants, and two for the outlet's SMS: their gateway indexes are 16 and 17.
pub(super) fn own_lists() -> GatewayLists {
    lists(&["kannel"], &[("outlet", &["kannel-outlet", "kannel"])])
}

/// Gateways of SMS, and of the SMS of some merchants.
pub(super) fn lists(shared: &[&str], own: &[(&str, &[&str])]) -> GatewayLists {
    let names = |names: &[&str]| names.iter().map(|name| name.parse().expect("a name")).collect::<Vec<_>>();
    let own = own.iter().map(|(of, list)| (merchant(of), [(Channel::Sms, names(list))].into()));
    GatewayLists::new([(Channel::Sms, names(shared))].into(), own.collect())
}

/// The keys with which the stores under test encrypt, as a new database does.
pub(super) fn ring() -> KeyRing {
    KeyRing::new([(1, [1; 32])], [2; 32]).expect("keys")
}

/// As a process uses it.
fn in_tasks(store: impl Store + 'static) -> Box<dyn Store> {
    Box::new(TaskStore::new(Arc::new(store), TaskTracker::new()))
}

/// A file in a folder of the test's own.
pub(super) fn sqlite_url(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("dueherald.db").display())
}

async fn migrated(store: Box<dyn Store>, clock: SimClock, lives_as_long: Box<dyn Any>) -> Bench {
    store.migrate().await.expect("the migrations run");
    Bench { store, clock, _lives_as_long: lives_as_long }
}
