//! How to connect: the options of every connection, and errors that say what to do without showing a password.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};

use crate::store::StoreError;

/// How long one waits for a connection of the pool.
const ACQUIRE: Duration = Duration::from_secs(10);

/// A connection that lay idle for longer is asked whether it still lives; one in steady use is not, which saves a round trip.
pub(super) const IDLE: Duration = Duration::from_secs(1);

/// Settings of the connections that work. A plan is made once for all values, since the first plans made for the values of a large
/// batch take longer than the batch; it then has to go along the indexes even while the tables are still empty and the planner
/// would rather read them whole. A transaction of ours waits for nothing outside the database: one that idles for seconds is that of
/// a process that stands still, and keeps others from what it has locked.
const WORKING: [(&str, &str); 7] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("jit", "off"),
    ("statement_timeout", "60s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "5s"),
];

pub(super) fn options(url: &SecretString) -> Result<PgConnectOptions, StoreError> {
    const EXAMPLE: &str = "postgres://user:password@host:5432/name";
    let url = url.expose_secret();
    let bad = |reason: String| StoreError::BadUrl { reason, example: EXAMPLE };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(bad("it does not begin with postgres://".into()));
    }
    let options: PgConnectOptions = url.parse().map_err(|error| match error {
        sqlx::Error::Configuration(reason) => bad(reason.to_string()),
        other => bad(other.to_string()),
    })?;
    Ok(options.application_name("dueherald"))
}

pub(super) async fn pool(options: &PgConnectOptions, max_connections: u32) -> Result<PgPool, StoreError> {
    // One connection outside the pool first: the pool would try for as long as `ACQUIRE`, and then only say that time ran out.
    let first =
        options.connect().await.map_err(|error| StoreError::Unreachable { place: place(options), source: error })?;
    first.close().await?;
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
    Ok(pool.connect_lazy_with(options.clone().options(WORKING)))
}

/// Where the database is, without the password.
fn place(options: &PgConnectOptions) -> String {
    let name = options.get_database().unwrap_or(options.get_username());
    format!("postgres://{}@{}:{}/{name}", options.get_username(), options.get_host(), options.get_port())
}
