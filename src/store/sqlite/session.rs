//! A connection during one operation, and a transaction on it.
//!
//! A future can be dropped at any of its awaits: by a time-out, by a visitor who hangs up, by the end of the process.
//! The connection may then be inside a transaction, or have an answer on the way. Returned to the pool like that, it
//! would carry the next operation in a transaction that nobody commits: a claim there is undone after its messages have
//! left. So a connection goes back only when the operation says that it is idle; otherwise it is closed, and the server
//! rolls back. sqlx's own `Transaction` is not used: one that is dropped while it begins is not rolled back
//! (launchbadge/sqlx issues 4385 and 4393).

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::Executor;
use sqlx::pool::PoolConnection;

use super::{Connection, Db};
use crate::domain::{AuditOrigin, KeyRing};
use crate::plan::GatewayLists;

/// A connection of the pool during one operation. Dropped before [`Session::release`] it is closed.
pub(super) struct Session {
    connection: PoolConnection<Db>,
    is_idle: bool,
}

impl Session {
    /// Of a connection that is idle.
    pub(super) fn new(connection: PoolConnection<Db>) -> Self {
        Self { connection, is_idle: false }
    }

    /// Returns the connection to the pool. Only after a complete answer, and outside a transaction.
    pub(super) fn release(mut self) {
        self.is_idle = true;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.is_idle {
            self.connection.close_on_drop();
        }
    }
}

impl Deref for Session {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }
}

/// A transaction. Its end is always asked for: one that is dropped closes its connection.
pub(super) struct Tx {
    session: Session,
    ring: Option<Arc<KeyRing>>,
    gateway_lists: Option<Arc<GatewayLists>>,
    /// Where the changes of the transaction come from, for the audit log.
    origin: Option<Arc<AuditOrigin>>,
}

impl Tx {
    /// Begins one by `statement`; `ring` encrypts what it writes, if anything does.
    pub(super) async fn begin(
        mut session: Session,
        statement: &'static str,
        ring: Option<Arc<KeyRing>>,
    ) -> Result<Self, sqlx::Error> {
        session.execute(statement).await?;
        Ok(Self { session, ring, gateway_lists: None, origin: None })
    }

    /// The same transaction, in which new reminders wait for these gateways.
    pub(super) fn with_gateway_lists(self, gateway_lists: Option<Arc<GatewayLists>>) -> Self {
        Self { gateway_lists, ..self }
    }

    /// Which gateways what is put in waits for, where merchants have some of their own.
    pub(super) fn gateway_lists(&self) -> Option<Arc<GatewayLists>> {
        self.gateway_lists.clone()
    }

    /// The same transaction, whose changes come from there.
    pub(super) fn signed(self, origin: Option<Arc<AuditOrigin>>) -> Self {
        Self { origin, ..self }
    }

    /// Where its changes come from, if the audit log is to hold them.
    pub(super) fn origin(&self) -> Option<Arc<AuditOrigin>> {
        self.origin.clone()
    }

    /// The key ring that encrypts personal data, if there is one.
    pub(super) fn ring(&self) -> Option<Arc<KeyRing>> {
        self.ring.clone()
    }

    pub(super) async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.session.execute("commit").await?;
        self.session.release();
        Ok(())
    }

    pub(super) async fn rollback(mut self) -> Result<(), sqlx::Error> {
        self.session.execute("rollback").await?;
        self.session.release();
        Ok(())
    }

    /// Ends a transaction that wrote nothing, or nothing to keep, and hands on what it read. What is read is true even
    /// if the connection breaks now; it is closed then.
    pub(super) async fn finish<T>(self, read: T) -> T {
        if let Err(error) = self.rollback().await {
            tracing::debug!(%error, "a connection broke while a transaction ended");
        }
        read
    }
}

impl Deref for Tx {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.session
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.session
    }
}
