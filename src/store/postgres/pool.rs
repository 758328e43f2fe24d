//! Connections that are kept open and lent out, one operation at a time.
//!
//! sqlx's own pool is not used: where the server gives fewer connections than asked for, it tries to open one more
//! until time runs out, drops what the server said, and does not look at those that come back meanwhile.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connect::{self, ConnectRefusal};
use super::head::QueueLane;
use super::servers::Servers;
use super::session::Session;
use crate::clock::{Clock, SystemClock};
use crate::domain::{AuditOrigin, Backoff, KeyRing};
use crate::plan::GatewayLists;

/// How long one waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(10);

/// A connection that lay idle for longer is asked whether it still lives; one in steady use is not, which saves a round
/// trip.
const IDLE: Duration = Duration::from_secs(1);

/// One that lay idle for longer is closed, and one that is older: a backend's memory only grows.
const MAX_IDLE: Duration = Duration::from_mins(10);
const MAX_AGE: Duration = Duration::from_mins(30);

/// How long a connection that was given up in the middle of something may take to close.
const CLOSE: Duration = Duration::from_secs(5);

/// How long after the server refused a connection one more is tried again.
const RETRY: Duration = Duration::from_secs(30);

const TRIES: Backoff = Backoff { first: Duration::from_millis(10), longest: Duration::from_secs(1) };

/// The connections of one store.
#[derive(Clone)]
pub(super) struct Pool(Arc<PoolInner>);

struct PoolInner {
    servers: Servers,
    max_connections: u32,
    /// Settings of each transaction behind a pooler, where those of the connections do not hold.
    locally: &'static str,
    /// One for each connection that there may be: as many as the server gives, once that is known.
    slots: Arc<Semaphore>,
    state: Mutex<PoolState>,
    /// The key ring that encrypts personal data, if there is one.
    ring: OnceLock<Arc<KeyRing>>,
    /// Which gateways what is put in waits for, where merchants have some of their own.
    gateway_lists: OnceLock<Arc<GatewayLists>>,
}

#[derive(Default)]
struct PoolState {
    idle: Vec<IdleSession>,
    /// How many are open, lent or idle.
    open: u32,
    /// How many slots are held back because the server refused to fill them.
    held_back: u32,
    refused_at: Duration,
    /// With how many connections the log was told to go on.
    warned_of: Option<u32>,
}

struct IdleSession {
    session: Session,
    opened_at: Duration,
    since: Duration,
    /// The lane whose next round this session is reserved for; its backend has that lane's rows in its caches.
    lane: Option<QueueLane>,
}

/// A connection that is lent: within a transaction, or for single statements. Dropped before its end, it is closed, and
/// the server undoes what it began. It is also closed if its settings are not those that it was opened with.
pub(super) struct Tx {
    live: Option<OpenSession>,
    /// A transaction was begun and not ended.
    is_open: bool,
    /// Nothing is under way.
    is_at_rest: bool,
    /// The session has its own settings, as far as is known.
    is_clean: bool,
    /// Nothing is encrypted, whatever keys there are.
    is_plain: bool,
    /// Where the changes of the transaction come from, for the audit log.
    origin: Option<Arc<AuditOrigin>>,
    shared: Arc<PoolInner>,
}

struct OpenSession {
    session: Session,
    opened_at: Duration,
    _slot: OwnedSemaphorePermit,
}

impl Pool {
    /// Opens the first connection, which tells whether there is a pooler.
    pub(super) async fn connect(servers: Servers, max_connections: u32) -> Result<Self, sqlx::Error> {
        let shared = PoolInner {
            servers,
            max_connections,
            locally: "",
            slots: Arc::new(Semaphore::new(max_connections as usize)),
            state: Mutex::default(),
            ring: OnceLock::new(),
            gateway_lists: OnceLock::new(),
        };
        let pool = Self(Arc::new(shared));
        drop(pool.lend(None, |refusal| refusal == ConnectRefusal::TooMany).await?);
        Ok(pool)
    }

    /// One for visitors to the same database, with so many connections of its own and a short patience. It opens none
    /// before it is needed.
    pub(super) fn recent_contacts(&self, max_connections: u32) -> Self {
        Self(Arc::new(PoolInner {
            servers: self.0.servers.with_settings(connect::VISITING),
            max_connections,
            locally: connect::visiting_locally(),
            slots: Arc::new(Semaphore::new(max_connections as usize)),
            state: Mutex::default(),
            ring: self.0.ring.clone(),
            gateway_lists: self.0.gateway_lists.clone(),
        }))
    }

    /// Lets what is put in from now on wait for these gateways; the first lists stay.
    pub(super) fn use_gateway_lists(&self, lists: Arc<GatewayLists>) {
        drop(self.0.gateway_lists.set(lists));
    }

    /// Encrypts personal data from now on; the first ring stays.
    pub(super) fn encrypt_with(&self, ring: Arc<KeyRing>) {
        drop(self.0.ring.set(ring));
    }

    /// The key ring that encrypts personal data, if there is one.
    pub(super) fn ring(&self) -> Option<Arc<KeyRing>> {
        self.0.ring.get().cloned()
    }

    /// A connection for single statements, each a transaction by itself; for a pooled one, begun.
    pub(super) async fn alone(&self, lane: Option<QueueLane>) -> Result<Tx, sqlx::Error> {
        let mut tx = self.lend(lane, |_| true).await?;
        if tx.is_pooled() {
            tx.begin("begin", self.0.locally).await?;
        }
        Ok(tx)
    }

    /// A transaction; `begin` opens it, `rest` are settings for it alone.
    pub(super) async fn begin(&self, begin: &str, rest: &str) -> Result<Tx, sqlx::Error> {
        let mut tx = self.lend(None, |_| true).await?;
        match tx.is_pooled() {
            true => tx.begin(begin, &format!("{}{rest}", self.0.locally)).await?,
            false => tx.begin(begin, rest).await?,
        }
        Ok(tx)
    }

    /// Whether a pooler is in front of the server.
    pub(super) fn is_pooled(&self) -> bool {
        self.0.servers.is_pooled()
    }

    /// Waits for a connection, also while the server refuses for a reason that `passes`.
    async fn lend(&self, lane: Option<QueueLane>, passes: impl Fn(ConnectRefusal) -> bool) -> Result<Tx, sqlx::Error> {
        let mut refusal = None;
        match within(ACQUIRE, self.wait(lane, passes, &mut refusal)).await {
            Some(lent) => lent,
            None => Err(refusal.unwrap_or(sqlx::Error::PoolTimedOut)),
        }
    }

    async fn wait(
        &self,
        lane: Option<QueueLane>,
        passes: impl Fn(ConnectRefusal) -> bool,
        refused: &mut Option<sqlx::Error>,
    ) -> Result<Tx, sqlx::Error> {
        let mut failures = 0;
        loop {
            self.0.try_one_more();
            let slot = Arc::clone(&self.0.slots).acquire_owned().await.map_err(|_| sqlx::Error::PoolClosed)?;
            while let Some(idle) = self.0.take_idle(lane) {
                if let Some((session, opened_at)) = idle.checked().await {
                    return Ok(self.lent(session, opened_at, slot));
                }
                self.0.state().open -= 1;
            }
            let error = match self.0.servers.open().await {
                Ok(session) => {
                    self.0.state().open += 1;
                    return Ok(self.lent(session, SystemClock.elapsed(), slot));
                }
                Err(error) => error,
            };
            let Some(refusal) = connect::refusal(&error).filter(|refusal| passes(*refusal)) else { return Err(error) };
            // Not at the first refusal: a program that ended just now may not have left yet.
            if refusal == ConnectRefusal::TooMany && refused.is_some() && self.0.hold_back(&error) {
                slot.forget();
                continue;
            }
            *refused = Some(error);
            drop(slot);
            failures += 1;
            SystemClock.sleep(TRIES.pause(failures)).await;
        }
    }

    fn lent(&self, session: Session, opened_at: Duration, slot: OwnedSemaphorePermit) -> Tx {
        let live = Some(OpenSession { session, opened_at, _slot: slot });
        let shared = Arc::clone(&self.0);
        Tx { live, is_open: false, is_at_rest: true, is_clean: true, is_plain: false, origin: None, shared }
    }
}

impl PoolInner {
    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one of the same lane, or else one that nobody waits for, or else, if there can be no more, any.
    fn take_idle(&self, lane: Option<QueueLane>) -> Option<IdleSession> {
        let mut state = self.state();
        let now = SystemClock.elapsed();
        let is_reserved = |idle: &IdleSession| idle.lane.is_some() && now.saturating_sub(idle.since) < IDLE;
        let of_lane = lane.and_then(|lane| state.idle.iter().rposition(|idle| idle.lane == Some(lane)));
        let free = || state.idle.iter().rposition(|idle| !is_reserved(idle));
        let any = || state.idle.len().checked_sub(1).filter(|_| state.open + state.held_back >= self.max_connections);
        let at = of_lane.or_else(free).or_else(any)?;
        Some(state.idle.remove(at))
    }

    /// After a refusal: holds the slot back if others of ours are open, one of which comes back some time. `false` if
    /// there is none.
    fn hold_back(&self, error: &sqlx::Error) -> bool {
        let mut state = self.state();
        if state.open == 0 {
            return false;
        }
        state.held_back += 1;
        state.refused_at = SystemClock.elapsed();
        let connections = state.open;
        if state.warned_of.replace(connections) != Some(connections) {
            tracing::warn!(
                reason = error.as_database_error().map(|error| error.message()),
                connections,
                max_connections = self.max_connections,
                "the server gives fewer connections than database.max_connections; going on with these"
            );
        }
        true
    }

    /// Gives a slot back that was held back for a while: the server may have room now.
    fn try_one_more(&self) {
        let mut state = self.state();
        let now = SystemClock.elapsed();
        if state.held_back > 0 && now.saturating_sub(state.refused_at) >= RETRY {
            state.held_back -= 1;
            state.refused_at = now;
            self.slots.add_permits(1);
        }
    }

    fn put_back(&self, live: OpenSession, lane: Option<QueueLane>) {
        let now = SystemClock.elapsed();
        let mut state = self.state();
        if now.saturating_sub(live.opened_at) > MAX_AGE {
            state.open -= 1;
            drop(state);
            return close(live.session);
        }
        let OpenSession { session, opened_at, _slot: slot } = live;
        state.idle.push(IdleSession { session, opened_at, since: now, lane });
        let old = state.idle.first().is_some_and(|idle| now.saturating_sub(idle.since) > MAX_IDLE);
        let old = old.then(|| state.idle.remove(0));
        if old.is_some() {
            state.open -= 1;
        }
        drop(state);
        // Only now may the next one look.
        drop(slot);
        if let Some(old) = old {
            close(old.session);
        }
    }

    /// Closes a connection that was given up in the middle of something: nobody can tell in what, and the server rolls
    /// back. Its slot is free only then.
    async fn give_up(&self, live: OpenSession) {
        // Nothing is lost if it does not close nicely.
        let _ = within(CLOSE, live.session.close()).await;
        self.state().open -= 1;
    }
}

impl IdleSession {
    /// The session if it still lives, is outside a transaction and has its own settings.
    async fn checked(mut self) -> Option<(Session, Duration)> {
        let is_new = SystemClock.elapsed().saturating_sub(self.since) <= IDLE;
        let is_fit = is_new || self.session.is_clean().await.unwrap_or(false);
        is_fit.then_some((self.session, self.opened_at))
    }
}

impl Tx {
    async fn begin(&mut self, begin: &str, rest: &str) -> Result<(), sqlx::Error> {
        // Before anything is sent: whoever gives up here leaves a transaction to be undone.
        self.is_open = true;
        self.session().begin(begin, rest).await
    }

    /// The key ring that encrypts personal data, if there is one.
    pub(super) fn ring(&self) -> Option<Arc<KeyRing>> {
        self.shared.ring.get().filter(|_| !self.is_plain).cloned()
    }

    /// Which gateways what is put in waits for, where merchants have some of their own.
    pub(super) fn gateway_lists(&self) -> Option<Arc<GatewayLists>> {
        self.shared.gateway_lists.get().cloned()
    }

    /// The same transaction, whose changes come from there.
    pub(super) fn signed(mut self, origin: Option<Arc<AuditOrigin>>) -> Self {
        self.origin = origin;
        self
    }

    /// Where its changes come from, if the audit log is to hold them.
    pub(super) fn origin(&self) -> Option<Arc<AuditOrigin>> {
        self.origin.clone()
    }

    /// The same transaction, in which nothing is encrypted.
    pub(super) fn in_plain(mut self) -> Self {
        self.is_plain = true;
        self
    }

    /// Commits what was begun; without a transaction, says that the single statements are through.
    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.end("commit").await
    }

    /// Undoes what was begun.
    pub(super) async fn rollback(mut self) -> Result<(), sqlx::Error> {
        self.end("rollback").await
    }

    /// Commits, and leaves the connection to the lane's next round, which comes at once.
    pub(super) async fn commit_for(mut self, lane: QueueLane) -> Result<(), sqlx::Error> {
        self.end("commit").await?;
        if let Some(live) = self.live.take_if(|_| self.is_clean) {
            self.shared.put_back(live, Some(lane));
        }
        Ok(())
    }

    /// Ends a transaction that wrote nothing, or nothing to keep, and hands on what it read. What is read is true even
    /// if the connection breaks now.
    pub(super) async fn finish<T>(self, read: T) -> T {
        if let Err(error) = self.rollback().await {
            tracing::debug!(%error, "a connection broke while a transaction ended");
        }
        read
    }

    async fn end(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        if self.is_open {
            self.is_clean = self.session().end(statement).await?;
            self.is_open = false;
            if !self.is_clean {
                tracing::warn!("the settings of a database session were changed; closing it");
            }
        }
        self.is_at_rest = true;
        Ok(())
    }

    /// Closes the connection instead of giving it back.
    pub(super) async fn close(mut self) -> Result<(), sqlx::Error> {
        let Some(live) = self.live.take() else { return Ok(()) };
        let closed = live.session.close().await;
        self.shared.state().open -= 1;
        closed
    }

    fn session(&mut self) -> &mut Session {
        self.is_at_rest = false;
        &mut self.live.as_mut().expect("only the last owner takes it").session
    }
}

impl Deref for Tx {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.live.as_ref().expect("only the last owner takes it").session
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Session {
        self.session()
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        let Some(live) = self.live.take() else { return };
        if self.is_at_rest && !self.is_open && self.is_clean {
            return self.shared.put_back(live, None);
        }
        let shared = Arc::clone(&self.shared);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move { shared.give_up(live).await })),
            Err(_) => self.shared.state().open -= 1,
        }
    }
}

/// Ends a session without waiting for it.
fn close(session: Session) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        // Nothing is lost if it does not close nicely.
        runtime.spawn(within(CLOSE, session.close()));
    }
}

/// Waits for work for a while.
pub(super) async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Option<T> {
    match select(Box::pin(work), SystemClock.sleep(patience)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}
