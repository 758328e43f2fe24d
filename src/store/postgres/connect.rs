//! How to connect: the options of every connection, and errors that say what to do without showing a password.

use std::io;
use std::sync::LazyLock;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;

use super::hosts::one_by_one;
use super::pool::Pool;
use super::servers::{Server, Servers};
use crate::store::StoreError;

/// Settings of the connections that work. A plan is made once for all values, since the first plans made for the values
/// of a large batch take longer than the batch; it then has to go along the indexes even while the tables are still
/// empty and the planner would rather read them whole, or hash them to join a batch with them. A transaction of ours
/// waits for nothing outside the database: one that idles for seconds is that of a process that stands still, and keeps
/// others from what it has locked.
const WORKING: [(&str, &str); 9] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("statement_timeout", "60s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "5s"),
];

/// Settings of connections for visitors, over those of [`WORKING`]: whoever asks for a page waits no longer than so,
/// and what a visitor has left behind ends then, too.
pub(super) const VISITING: [(&str, &str); 2] = [("statement_timeout", "5s"), ("lock_timeout", "2s")];

/// A commit waits for the disk, whatever the server's, the database's or the role's default; a stricter value stays as
/// it is.
const WAIT_FOR_DISK: &str =
    "; select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'";

/// Settings that a session must keep apart from those of [`WORKING`]: what names and times mean, who asks, and whether
/// a commit waits for the disk.
const KEPT: [&str; 4] = ["search_path", "timezone", "role", "synchronous_commit"];

/// Reads the settings of a session as one text.
pub(super) fn read_settings() -> &'static str {
    static READ: LazyLock<String> = LazyLock::new(|| {
        let names = WORKING.iter().map(|(name, _)| *name).chain(KEPT);
        let settings: Vec<_> = names.map(|name| format!("current_setting('{name}')")).collect();
        format!("select concat_ws('|', {})", settings.join(", "))
    });
    &READ
}

/// The same settings for one transaction, as follows on its begin: what a pooler in transaction mode lets through.
pub(super) fn local_settings() -> &'static str {
    static LOCAL: LazyLock<String> = LazyLock::new(|| {
        let settings = WORKING.iter().map(|(name, value)| format!("; set local {name} = '{value}'"));
        settings.chain([WAIT_FOR_DISK.to_owned()]).collect()
    });
    &LOCAL
}

/// The same for [`VISITING`].
pub(super) fn visiting_locally() -> &'static str {
    static LOCAL: LazyLock<String> =
        LazyLock::new(|| VISITING.iter().map(|(name, value)| format!("; set local {name} = '{value}'")).collect());
    &LOCAL
}

/// Why a server does not let us in now, but may later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectRefusal {
    /// It has as many connections as it, the database or the role may have.
    TooMany,
    /// It is not up, or not yet.
    Starting,
}

/// The kind of refusal, if an error is one that may pass.
pub(super) fn refusal(error: &sqlx::Error) -> Option<ConnectRefusal> {
    match error {
        sqlx::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => Some(ConnectRefusal::Starting),
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some("53300") => Some(ConnectRefusal::TooMany),
            // PgBouncer has no code of its own for it.
            Some("08P01") if error.message().contains("no more connections allowed") => Some(ConnectRefusal::TooMany),
            Some("57P03") => Some(ConnectRefusal::Starting),
            _ => None,
        },
        _ => None,
    }
}

/// Whether somebody in between does not take the settings of a session: PgBouncer, unless it is told to ignore them.
pub(super) fn refuses_settings(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains("unsupported startup parameter"))
}

/// Whether it is the one setting that there is no doing without.
fn refuses_to_wait_for_disk(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains("synchronous_commit"))
}

/// The options of each server that the URL names, in order.
///
/// # Errors
/// [`StoreError::BadUrl`].
pub fn server_options(url: &SecretString) -> Result<Vec<PgConnectOptions>, StoreError> {
    const EXAMPLE: &str = "postgres://user:password@host:5432/name";
    let url = url.expose_secret();
    let bad = |reason: String| StoreError::BadUrl { reason, example: EXAMPLE };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(bad("it does not begin with postgres://".into()));
    }
    let read = |url: String| {
        let options: PgConnectOptions = url.parse().map_err(|error| match error {
            sqlx::Error::Configuration(reason) => bad(reason.to_string()),
            other => bad(other.to_string()),
        })?;
        Ok(options.application_name("dueherald"))
    };
    one_by_one(url)?.into_iter().map(read).collect()
}

pub(super) async fn pool(options: &[PgConnectOptions], max_connections: u32) -> Result<Pool, StoreError> {
    let servers = options.iter().map(|options| Server {
        direct: options.clone().options(WORKING),
        // Nothing that PgBouncer refuses at the start, and no statement that outlasts its use.
        pooled: options.clone().extra_float_digits(None).statement_cache_capacity(0),
    });
    Pool::connect(Servers::new(servers.collect()), max_connections).await.map_err(|source| {
        let place = options.iter().map(place).collect::<Vec<_>>().join(" and ");
        match refusal(&source) {
            Some(ConnectRefusal::TooMany) => StoreError::NoConnection { place, source },
            _ if refuses_to_wait_for_disk(&source) => StoreError::NotDurable(source.to_string()),
            _ => StoreError::Unreachable { place, source },
        }
    })
}

/// Where the database is, without the password.
fn place(options: &PgConnectOptions) -> String {
    let name = options.get_database().unwrap_or(options.get_username());
    format!("postgres://{}@{}:{}/{name}", options.get_username(), options.get_host(), options.get_port())
}
