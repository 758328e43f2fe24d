//! The servers that a connection may be to, of which one is the primary.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Row, raw_sql};

use super::connect;
use super::pool::within;
use super::session::Session;
use crate::database_host::{ForbiddenHost, check_host};

/// How long one of several servers may take to let us in, before the next is asked: one that is cut off does not answer
/// at all.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether a session can only read: that of a standby, or of a primary that was told so.
const IS_READ_ONLY: &str = "select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on'";

/// How to connect to one server.
pub(super) struct Server {
    pub(super) direct: PgConnectOptions,
    /// Through a pooler before it.
    pub(super) pooled: PgConnectOptions,
}

/// All of them. Copies share which one was the primary last.
#[derive(Clone)]
pub(super) struct Servers(Arc<ServersInner>);

struct ServersInner {
    servers: Vec<Server>,
    /// The one that was the primary last.
    last: AtomicUsize,
    /// Whether a pooler is in front of the servers.
    is_pooled: AtomicBool,
}

impl Servers {
    pub(super) fn new(servers: Vec<Server>) -> Self {
        Self(Arc::new(ServersInner { servers, last: AtomicUsize::new(0), is_pooled: AtomicBool::new(false) }))
    }

    /// The same for sessions with other settings.
    pub(super) fn with_settings<const N: usize>(&self, settings: [(&str, &str); N]) -> Self {
        let server =
            |server: &Server| Server { direct: server.direct.clone().options(settings), pooled: server.pooled.clone() };
        Self(Arc::new(ServersInner {
            servers: self.0.servers.iter().map(server).collect(),
            last: AtomicUsize::new(self.0.last.load(Ordering::Acquire)),
            is_pooled: AtomicBool::new(self.is_pooled()),
        }))
    }

    /// Whether a pooler is in front of the servers.
    pub(super) fn is_pooled(&self) -> bool {
        self.0.is_pooled.load(Ordering::Acquire)
    }

    /// Opens a session; with several servers, to the first that lets us write, beginning with the one that did last.
    pub(super) async fn open(&self) -> Result<Session, sqlx::Error> {
        let ServersInner { servers, last, .. } = &*self.0;
        if let [server] = &servers[..] {
            return self.open_at(server).await;
        }
        let first = last.load(Ordering::Acquire);
        let mut refused = None;
        for place in (0..servers.len()).map(|number| (first + number) % servers.len()) {
            match within(PATIENCE, self.open_primary_at(&servers[place])).await {
                Some(Ok(Some(session))) => {
                    if last.swap(place, Ordering::AcqRel) != place {
                        tracing::warn!(server = place + 1, "another server of `database.url` is the primary now");
                    }
                    return Ok(session);
                }
                // Keeps a refusal that may pass: it makes another try worthwhile, whatever the other servers say.
                Some(Err(error)) if refused.as_ref().and_then(connect::refusal).is_none() => refused = Some(error),
                _ => {}
            }
        }
        Err(refused.unwrap_or(sqlx::Error::PoolTimedOut))
    }

    /// `None` if the server lets nobody write.
    async fn open_primary_at(&self, server: &Server) -> Result<Option<Session>, sqlx::Error> {
        let mut session = self.open_at(server).await?;
        let is_read_only: bool = raw_sql(IS_READ_ONLY).fetch_one(&mut session).await?.try_get(0)?;
        if !is_read_only {
            return Ok(Some(session));
        }
        session.close().await?;
        Ok(None)
    }

    async fn open_at(&self, server: &Server) -> Result<Session, sqlx::Error> {
        let options = &server.direct;
        if options.get_socket().is_none() && !options.get_host().starts_with('/') {
            let forbidden = |error: ForbiddenHost| sqlx::Error::Configuration(error.into());
            check_host(options.get_host(), options.get_port()).await.map_err(forbidden)?;
        }
        let is_pooled = &self.0.is_pooled;
        if !is_pooled.load(Ordering::Acquire) {
            match Session::open_direct(&server.direct).await {
                Err(error) if connect::refuses_settings(&error) => {}
                Ok(session) if session.is_pooled() => {}
                direct => return direct,
            }
            if !is_pooled.swap(true, Ordering::AcqRel) {
                tracing::info!(
                    "a pooler is in front of the database: no setting and no statement outlasts a transaction"
                );
            }
        }
        Session::open_pooled(&server.pooled).await
    }
}
