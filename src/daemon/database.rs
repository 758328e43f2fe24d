//! The wait for a database that is not up yet, or not migrated yet. Services start in any order, and a migration may be
//! a job of its own, so neither is a reason to end: a service manager would give up after a few restarts.

use std::time::Duration;

use crate::app::{AppParts, Stores, rehome};
use crate::domain::Backoff;
use crate::http::health::{Health, plain_reason};
use crate::store::{RehomeScope, StoreError};

/// The pauses between tries. The longest: this much after the database is up, the daemon works.
const TRIES: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(5) };

/// How long one try may take: packets to a host that is down may vanish without an answer.
const ATTEMPT: Duration = Duration::from_secs(15);

/// The same reason is logged again after so long.
const REMIND_AFTER: Duration = Duration::from_secs(60);

/// Opens the database and checks its schema, again and again until both work.
///
/// # Errors
/// Only for what no waiting mends: a wrong URL, a file that is not ours, a schema that is newer than this program, or
/// keys that are not the database's.
pub(super) async fn open(parts: &AppParts, sends: bool, health: &Health) -> Result<Stores, StoreError> {
    let clock = &*parts.clock;
    let (mut failures, mut logged) = (0, None::<(String, Duration)>);
    loop {
        let opened = tokio::select! {
            opened = try_once(parts, sends) => Some(opened),
            () = clock.sleep(ATTEMPT) => None,
        };
        let reason = match opened {
            Some(Ok(stores)) => return Ok(stores),
            Some(Err(
                error @ (StoreError::BadUrl { .. }
                | StoreError::UnsafeFile(_)
                | StoreError::NewerSchema
                | StoreError::WrongKeys(_)),
            )) => return Err(error),
            Some(Err(error)) => {
                health.set_waiting(plain_reason(&error));
                error.to_string()
            }
            None => {
                health.set_waiting("it does not answer".to_owned());
                format!("the database did not answer within {} seconds", ATTEMPT.as_secs())
            }
        };
        let now = clock.elapsed();
        if logged.as_ref().is_none_or(|(known, at)| *known != reason || now.saturating_sub(*at) >= REMIND_AFTER) {
            tracing::warn!(reason, "waiting for the database");
            logged = Some((reason, now));
        }
        failures += 1;
        clock.sleep(TRIES.pause(failures)).await;
    }
}

async fn try_once(parts: &AppParts, sends: bool) -> Result<Stores, StoreError> {
    let stores = parts.open_stores().await?;
    stores.store.ready().await?;
    if sends {
        rehome(&parts.config, &*stores.store, RehomeScope::All).await?;
    }
    Ok(stores)
}
