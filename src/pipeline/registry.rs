//! The ways to repay as they are now: what the config says, overlaid by what people changed at run time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::domain::{Installment, Route, Routes};
use crate::store::{Store, StoreError};

/// How long what was read of the store is taken for true: a change of a route is in force that soon in every process.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// The routes of the config and the newest known changes to them.
#[derive(Debug)]
pub struct Registry {
    configured: Routes,
    seen: Mutex<Seen>,
}

/// The routes as they were at one instant.
#[derive(Debug, Clone)]
pub struct Seen {
    routes: Arc<Routes>,
    at: DateTime<Utc>,
    /// When they were read, on the clock's elapsed time; `None` if the store was never asked.
    read_at: Option<Duration>,
}

impl Seen {
    /// The routes that were open to an instalment then, best first.
    #[must_use]
    pub fn open_for(&self, installment: &Installment) -> Vec<&Route> {
        self.routes.open_for(installment, self.at)
    }

    /// All of them.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.routes
    }
}

impl Registry {
    /// With the routes of the config, as long as the store was not asked.
    #[must_use]
    pub fn of(configured: Routes) -> Self {
        let routes = Arc::new(configured.clone());
        let seen = Seen { routes, at: DateTime::UNIX_EPOCH, read_at: None };
        Self { configured, seen: Mutex::new(seen) }
    }

    /// The routes of the config alone.
    #[must_use]
    pub fn configured(&self) -> &Routes {
        &self.configured
    }

    /// The routes of now, for changes made five seconds ago at the latest; only then is the store asked.
    ///
    /// # Errors
    /// When the store fails: what is out of date may lead to a closed door, so it is not given.
    pub async fn now(&self, store: &dyn Store, clock: &dyn Clock) -> Result<Seen, StoreError> {
        let (at, elapsed) = (clock.now(), clock.elapsed());
        let known = self.seen();
        if known.read_at.is_some_and(|read| elapsed.saturating_sub(read) < KNOWN_FOR) {
            return Ok(Seen { at, ..known });
        }
        let newest = store.route_versions(None).await?;
        let routes = Arc::new(self.configured.overlaid(newest.into_iter().map(|version| version.route)));
        let seen = Seen { routes, at, read_at: Some(elapsed) };
        *self.lock() = seen.clone();
        Ok(seen)
    }

    /// The routes when they were last asked for.
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // What is written is written at once, so it is whole whoever panicked.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
