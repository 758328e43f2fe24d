//! Connections kept for the next message. Never more of them are open than there are slots: whoever uses, opens or
//! closes one holds a slot, and a new one is opened only when none is parked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::connection::{Connection, Connector};
use crate::clock::Clock;

pub(super) struct Pool {
    connector: Connector,
    slots: Semaphore,
    /// The one used last is used next, so that what is too much grows old and is closed.
    parked: Mutex<Vec<IdleConnection>>,
    /// Whether somebody looks after what is parked.
    swept: AtomicBool,
}

struct IdleConnection {
    connection: Connection,
    /// Reading of the clock's `elapsed`.
    since: Duration,
}

/// The right to one connection.
pub(super) type Slot<'a> = SemaphorePermit<'a>;

impl Pool {
    pub(super) fn new(connector: Connector) -> Self {
        let slots = Semaphore::new(connector.settings().max_connections);
        Self { connector, slots, parked: Mutex::default(), swept: AtomicBool::new(false) }
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) async fn slot(&self) -> Slot<'_> {
        self.slots.acquire().await.expect("the semaphore is never closed")
    }

    /// A parked connection that is not too old.
    pub(super) fn take(&self, _slot: &Slot<'_>) -> Option<Connection> {
        let mut parked = self.lock();
        let newest = parked.pop()?;
        if self.is_old(&newest) {
            // Then so are all the others.
            parked.clear();
            return None;
        }
        Some(newest.connection)
    }

    /// Keeps a sound connection for the next message.
    pub(super) fn park(self: &Arc<Self>, mut connection: Connection, slot: Slot<'_>) {
        connection.park();
        self.lock().push(IdleConnection { connection, since: self.clock().elapsed() });
        drop(slot);
        if !self.swept.swap(true, Ordering::AcqRel) {
            tokio::spawn(sweep(Arc::downgrade(self), Arc::clone(self.clock()), self.idle_timeout()));
        }
    }

    fn take_oldest_if_old(&self) -> Option<Connection> {
        let mut parked = self.lock();
        let old = parked.first().is_some_and(|oldest| self.is_old(oldest));
        old.then(|| parked.remove(0).connection)
    }

    fn is_old(&self, parked: &IdleConnection) -> bool {
        self.clock().elapsed().saturating_sub(parked.since) >= self.idle_timeout()
    }

    fn clock(&self) -> &Arc<dyn Clock> {
        self.connector.clock()
    }

    fn idle_timeout(&self) -> Duration {
        self.connector.settings().idle_timeout
    }

    fn lock(&self) -> MutexGuard<'_, Vec<IdleConnection>> {
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes leave of the server on connections that nobody used for `idle_timeout` (up to twice that), until none is
/// parked.
async fn sweep(pool: Weak<Pool>, clock: Arc<dyn Clock>, idle_timeout: Duration) {
    loop {
        clock.sleep(idle_timeout).await;
        let Some(pool) = pool.upgrade() else { return };
        while let Ok(_slot) = pool.slots.try_acquire() {
            match pool.take_oldest_if_old() {
                Some(connection) => connection.quit().await,
                None => break,
            }
        }
        // Under the lock, so that what is parked from now on starts a sweeper of its own.
        let parked = pool.lock();
        if parked.is_empty() {
            pool.swept.store(false, Ordering::Release);
            return;
        }
    }
}
