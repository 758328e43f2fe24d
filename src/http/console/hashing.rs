//! Comparing passwords: off the async threads, and at most two at once, so that logins take no more than that from the
//! sending.
//!
//! One of the two places is for devices that are known from an earlier login: however many strangers try at once, the
//! people who work here do not wait behind them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::domain::{Password, PasswordHash};

/// How long somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(5);

/// The places in which passwords are compared.
#[derive(Debug)]
pub(super) struct Hashing {
    clock: Arc<dyn Clock>,
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Hashing {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let place = || Arc::new(Semaphore::new(1));
        Self { clock, known: place(), strangers: place() }
    }

    /// Whether the hash is that password's; `None` if there is no place for too long.
    pub(super) async fn matches(&self, hash: PasswordHash, password: Password, is_known: bool) -> Option<bool> {
        let places = Arc::clone(if is_known { &self.known } else { &self.strangers });
        let place = tokio::select! {
            place = places.acquire_owned() => place.ok()?,
            () = self.clock.sleep(PATIENCE) => return None,
        };
        let compare = move || {
            let matches = hash.matches(&password);
            // Only now: a visitor who hangs up does not free a place that is still taken.
            drop(place);
            matches
        };
        tokio::task::spawn_blocking(compare).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, Utc};

    use super::{Hashing, PATIENCE};
    use crate::clock::SimClock;
    use crate::domain::{Password, PasswordHash};

    #[tokio::test]
    async fn strangers_do_not_keep_known_devices_waiting() {
        let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
        let hashing = Arc::new(Hashing::new(Arc::new(clock.clone())));
        let password = || Password::entered("a password").expect("short");
        let taken = Arc::clone(&hashing.strangers).acquire_owned().await.expect("a place");
        let stranger = {
            let hashing = Arc::clone(&hashing);
            tokio::spawn(async move { hashing.matches(PasswordHash::of_nobody(), password(), false).await })
        };
        let known = hashing.matches(PasswordHash::of_nobody(), password(), true).await;
        assert_eq!(known, Some(false));
        while clock.until_next_wake().is_none() {
            tokio::task::yield_now().await;
        }
        clock.advance(PATIENCE);
        assert_eq!(stranger.await.expect("no panic"), None, "it gives up");
        drop(taken);
        let stranger = hashing.matches(PasswordHash::of_nobody(), password(), false).await;
        assert_eq!(stranger, Some(false));
    }
}
