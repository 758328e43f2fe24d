//! The connections that a server has open, and which of them it closes when there are too many: an idle one, the oldest
//! first.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::limit::{is_near, network};
use super::{ANSWER_TIMEOUT, HEAD_TIMEOUT, IDLE_TIMEOUT};
use crate::clock::Clock;
use crate::pipeline::figures::CONNECTIONS_CLOSED;

/// How many connections one server keeps open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// From everybody.
    pub total: usize,
    /// From one client, but for those on this machine or network: such a client is a front server and asks for many.
    pub per_client: Option<usize>,
}

/// All connections of one server.
pub(super) struct Connections {
    limits: ConnectionLimits,
    clock: Arc<dyn Clock>,
    /// One for each connection that may be open. Its permit lives as long as the socket.
    slots: Arc<Semaphore>,
    table: Mutex<Table>,
    /// A connection became idle while all slots were taken.
    became_idle: Notify,
    /// Closes all.
    close_all: CancellationToken,
}

#[derive(Default)]
struct Table {
    /// Numbers connections, and the moments at which they became idle.
    last_number: u64,
    open: HashMap<u64, ConnectionEntry>,
    /// Connections that wait for a request, by the moment since when.
    idle: BTreeMap<u64, u64>,
    per_client: HashMap<IpAddr, usize>,
}

struct ConnectionEntry {
    client: Option<IpAddr>,
    idle_since: Option<u64>,
    close: CancellationToken,
}

/// The phase of a connection; each phase has its own time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ConnectionPhase {
    /// Its first request has not arrived whole.
    New,
    /// A request is being answered.
    Busy,
    /// Its next request has not arrived whole.
    Idle,
}

impl ConnectionPhase {
    fn timeout(self) -> Duration {
        match self {
            Self::New => HEAD_TIMEOUT,
            Self::Busy => ANSWER_TIMEOUT,
            Self::Idle => IDLE_TIMEOUT,
        }
    }
}

/// One open connection. It leaves the table when it is dropped.
pub(super) struct Connection {
    all: Arc<Connections>,
    number: u64,
    phase: Mutex<(ConnectionPhase, Duration)>,
    /// Notified when the phase changes.
    pub(super) changed: Notify,
    /// Cancelled to make room for another connection, or when the server ends.
    pub(super) close: CancellationToken,
    _slot: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn new(limits: ConnectionLimits, clock: Arc<dyn Clock>) -> Arc<Self> {
        // At 0 from the start, so that an alert sees the first one as a rise.
        for reason in ["full", "client", "timeout"] {
            metrics::counter!(CONNECTIONS_CLOSED, "reason" => reason).increment(0);
        }
        Arc::new(Self {
            limits,
            clock,
            slots: Arc::new(Semaphore::new(limits.total)),
            table: Mutex::default(),
            became_idle: Notify::new(),
            close_all: CancellationToken::new(),
        })
    }

    /// Makes room for a connection of that peer: closes an idle one, or waits until there is one. `None` when the peer
    /// has too many that are all busy.
    pub(super) async fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Arc<Connection>> {
        let peer = peer.to_canonical();
        let client = self.limits.per_client.filter(|_| !is_near(peer)).map(|most| (network(peer), most));
        if let Some((client, most)) = client {
            let mut table = self.table();
            if table.per_client.get(&client).is_some_and(|open| *open >= most) {
                count_closed("client");
                if !table.close_oldest_idle(Some(client)) {
                    return None;
                }
            }
        }
        let slot = self.slot().await?;
        Some(self.register(client.map(|(client, _)| client), slot))
    }

    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return Some(slot);
            }
            let slot = Arc::clone(&self.slots).acquire_owned();
            if self.table().close_oldest_idle(None) {
                count_closed("full");
                // Its slot is free as soon as its socket is closed: one is enough.
                return slot.await.ok();
            }
            tokio::select! {
                slot = slot => return slot.ok(),
                () = self.became_idle.notified() => {}
            }
        }
    }

    fn register(self: &Arc<Self>, client: Option<IpAddr>, slot: OwnedSemaphorePermit) -> Arc<Connection> {
        let close = self.close_all.child_token();
        let mut table = self.table();
        let number = table.next_number();
        table.open.insert(number, ConnectionEntry { client, idle_since: Some(number), close: close.clone() });
        table.idle.insert(number, number);
        if let Some(client) = client {
            *table.per_client.entry(client).or_default() += 1;
        }
        drop(table);
        let phase = Mutex::new((ConnectionPhase::New, self.clock.elapsed()));
        Arc::new(Connection { all: Arc::clone(self), number, phase, changed: Notify::new(), close, _slot: slot })
    }

    /// Closes every connection at once.
    pub(super) fn close_all(&self) {
        self.close_all.cancel();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing panics while the lock is held.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Closes the connection that has been idle for longest, of that client or of anybody; `false` if none is idle.
    fn close_oldest_idle(&mut self, client: Option<IpAddr>) -> bool {
        let is_of =
            |number: &u64| client.is_none() || self.open.get(number).is_some_and(|entry| entry.client == client);
        let Some(number) = self.idle.values().copied().find(|number| is_of(number)) else { return false };
        if let Some(entry) = self.remove(number) {
            entry.close.cancel();
        }
        true
    }

    fn remove(&mut self, number: u64) -> Option<ConnectionEntry> {
        let entry = self.open.remove(&number)?;
        if let Some(since) = entry.idle_since {
            self.idle.remove(&since);
        }
        if let Some(client) = entry.client
            && let Some(open) = self.per_client.get_mut(&client)
        {
            *open -= 1;
            if *open == 0 {
                self.per_client.remove(&client);
            }
        }
        Some(entry)
    }

    fn set_idle(&mut self, number: u64, is_idle: bool) {
        let since = is_idle.then(|| self.next_number());
        let Some(entry) = self.open.get_mut(&number) else { return };
        if let Some(before) = std::mem::replace(&mut entry.idle_since, since) {
            self.idle.remove(&before);
        }
        if let Some(since) = since {
            self.idle.insert(since, number);
        }
    }
}

impl Connection {
    /// A request has arrived.
    pub(super) fn begin_request(&self) {
        self.enter(ConnectionPhase::Busy);
    }

    /// The answer has left.
    pub(super) fn end_request(&self) {
        self.enter(ConnectionPhase::Idle);
    }

    fn enter(&self, phase: ConnectionPhase) {
        *self.phase() = (phase, self.all.clock.elapsed());
        let is_idle = phase == ConnectionPhase::Idle;
        self.all.table().set_idle(self.number, is_idle);
        self.changed.notify_one();
        if is_idle && self.all.slots.available_permits() == 0 {
            self.all.became_idle.notify_one();
        }
    }

    /// How long its present phase may still last; `None` when that is over.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let (phase, since) = *self.phase();
        let deadline = since + phase.timeout();
        deadline.checked_sub(self.all.clock.elapsed()).filter(|left| !left.is_zero())
    }

    fn phase(&self) -> MutexGuard<'_, (ConnectionPhase, Duration)> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.table().remove(self.number);
    }
}

pub(super) fn count_closed(reason: &'static str) {
    metrics::counter!(CONNECTIONS_CLOSED, "reason" => reason).increment(1);
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use chrono::DateTime;

    use super::{ConnectionLimits, Connections};
    use crate::clock::SimClock;

    fn connections(total: usize, per_client: usize) -> Arc<Connections> {
        let limits = ConnectionLimits { total, per_client: Some(per_client) };
        Connections::new(limits, Arc::new(SimClock::at(DateTime::UNIX_EPOCH)))
    }

    fn peer(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn one_client_makes_room_for_itself() {
        let all = connections(10, 2);
        let other = all.admit(peer("198.51.100.7")).await.expect("there is room");
        let oldest = all.admit(peer("2001:db8:0:1::1")).await.expect("there is room");
        let busy = all.admit(peer("2001:db8:0:1::2")).await.expect("there is room");
        busy.begin_request();
        // The same network is the same client (RFC 6177).
        let third = all.admit(peer("2001:db8:0:1::3")).await.expect("an idle one makes room");
        assert!(oldest.close.is_cancelled() && !busy.close.is_cancelled() && !other.close.is_cancelled());
        third.begin_request();
        assert!(all.admit(peer("2001:db8:0:1::4")).await.is_none(), "both are busy");
        third.end_request();
        assert!(all.admit(peer("2001:db8:0:1::4")).await.is_some());
        assert!(!other.close.is_cancelled());
    }

    #[tokio::test]
    async fn a_front_server_on_this_network_may_have_all() {
        let all = connections(3, 1);
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(all.admit(peer("10.0.0.2")).await.expect("there is room"));
        }
        assert!(held.iter().all(|connection| !connection.close.is_cancelled()));
    }

    #[tokio::test]
    async fn what_ended_is_not_counted() {
        let all = connections(10, 1);
        for _ in 0..20 {
            let connection = all.admit(peer("198.51.100.7")).await.expect("there is room");
            connection.begin_request();
        }
    }
}
