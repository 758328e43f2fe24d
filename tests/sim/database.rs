//! The database under a world: memory, or a real one with real I/O, on the world's clock.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use dueherald::clock::{Clock, SimClock};
use dueherald::store::{MemoryStore, PostgresStore, SqliteStore, Store, TaskStore};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::postgres::{TestDatabase, database};
use crate::town::gateways;
use crate::world::World;

/// How many connections a daemon has: few, so that what one operation leaves behind on a connection meets the next.
const CONNECTIONS: u32 = 3;

/// On which database a world is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Database {
    Memory,
    Sqlite,
    Postgres,
}

/// A store on an empty database, which is gone when this is dropped.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    /// The same, where it is memory: planted bugs reach into it.
    pub(crate) memory: Option<Arc<MemoryStore>>,
    /// The operations that run on a real database. One that a dying daemon began goes on without it.
    pub(crate) running: TaskTracker,
    _folder: Option<TempDir>,
    _database: Option<TestDatabase>,
}

impl Database {
    pub(crate) async fn open(self, clock: &SimClock) -> Opened {
        let time: Arc<dyn Clock> = Arc::new(clock.clone());
        let (mut folder, mut on_server, mut memory) = (None, None, None);
        let running = TaskTracker::new();
        let store: Arc<dyn Store> = match self {
            Self::Memory => {
                let store = Arc::new(MemoryStore::new(time));
                memory = Some(Arc::clone(&store));
                store
            }
            Self::Sqlite => {
                let made = folder.insert(tempfile::tempdir().expect("a folder can be made"));
                let url = format!("sqlite:{}", made.path().join("world.db").display());
                let store = SqliteStore::open(&url, time).await.expect("the file can be opened");
                let store = store.with_gateway_lists(Arc::new(gateways(0)));
                Arc::new(TaskStore::new(Arc::new(store), running.clone()))
            }
            Self::Postgres => {
                let url = on_server.insert(database().await).url();
                let store =
                    PostgresStore::connect(&url.into(), CONNECTIONS, Some(time)).await.expect("the server answers");
                let store = store.with_gateway_lists(Arc::new(gateways(0)));
                Arc::new(TaskStore::new(Arc::new(store), running.clone()))
            }
        };
        store.migrate().await.expect("the schema can be made");
        Opened { store, memory, running, _folder: folder, _database: on_server }
    }
}

/// The store while somebody waits for it: time must not pass meanwhile.
pub(crate) struct Busy<'a> {
    store: &'a Arc<dyn Store>,
    world: &'a World,
}

impl<'a> Busy<'a> {
    pub(crate) fn with(world: &'a World) -> Self {
        world.busy.fetch_add(1, Ordering::Relaxed);
        Self { store: &world.store, world }
    }
}

impl Deref for Busy<'_> {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &**self.store
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.world.busy.fetch_sub(1, Ordering::Relaxed);
    }
}
