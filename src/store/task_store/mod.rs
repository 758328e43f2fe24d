//! A store whose operations run to their end, whatever becomes of who asked for them.
//!
//! A future is dropped when a visitor hangs up, a time-out passes, or a `select!` goes another way. An operation on a
//! database must not end there: its connection would be left in the middle of something, and what it was to write would
//! be written or not, by chance. So each operation is a task of its own; who asked waits for it, or does not. It also
//! knows what it needs by itself: what it is given is copied.

mod api;
mod audit;
mod deliveries;
mod encryption;
mod gateway_states;
mod holds;
mod incarnation;
mod ledger;
mod notices;
mod outbox;
mod payments;
mod rejects;
mod reports;
mod routes;
mod scans;
mod search;
mod stops;
mod users;
mod volumes;
mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{SchemaStore, Store, StoreError, TurnStore};

/// Runs each operation of another store in a task of its own.
#[derive(Debug, Clone)]
pub struct TaskStore {
    store: Arc<dyn Store>,
    running: TaskTracker,
    room: Option<Arc<Semaphore>>,
}

impl TaskStore {
    /// Over `store`. What runs can be waited for by `running`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, running: TaskTracker) -> Self {
        Self { store, running, room: None }
    }

    /// The same with room for so many operations at once. Others wait, and one whose caller gives up while it waits
    /// never begins: visitors who come and go leave no more behind than that.
    #[must_use]
    pub fn with_room(self, operations: usize) -> Self {
        Self { room: Some(Arc::new(Semaphore::new(operations))), ..self }
    }

    async fn run<T, F>(&self, operation: impl FnOnce(Arc<dyn Store>) -> F + Send) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let place = match &self.room {
            Some(room) => Some(Arc::clone(room).acquire_owned().await.map_err(|_| StoreError::Ending)?),
            None => None,
        };
        let operation = operation(Arc::clone(&self.store));
        let task = self.running.spawn(async move {
            let result = operation.await;
            drop(place);
            result
        });
        match task.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(StoreError::Ending),
        }
    }
}

#[async_trait]
impl SchemaStore for TaskStore {
    async fn migrate(&self) -> Result<usize, StoreError> {
        self.run(|store| async move { store.migrate().await }).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.run(|store| async move { store.ready().await }).await
    }
}

#[async_trait]
impl TurnStore for TaskStore {
    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError> {
        let task = task.to_owned();
        let holder = holder.to_owned();
        self.run(|store| async move { store.take_turn(&task, &holder, lasts).await }).await
    }
}
