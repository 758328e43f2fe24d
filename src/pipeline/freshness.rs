//! How old the ledger is, and whose reminders it is too old for: who paid since would be reminded.
//!
//! A source with a `merchant` in the config feeds that one. Of any other the rows name the merchant, so it feeds every merchant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{MerchantId, SourceName, SourceState, duration};
use crate::store::{Store, StoreError};

/// The sources, each with the age of the ledger up to which reminders go out.
#[derive(Debug, Default)]
pub struct Freshness {
    limits: BTreeMap<SourceName, Option<TimeDelta>>,
    /// When the last pull of each began, as far as is known here. It only ever becomes later, so what is fresh by it is fresh.
    known: Mutex<BTreeMap<SourceName, DateTime<Utc>>>,
    /// The only merchant that a source feeds.
    feeds: BTreeMap<SourceName, MerchantId>,
    /// The stale ones that were told of last.
    told: Mutex<BTreeSet<SourceName>>,
}

/// A source that was not pulled for too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Which.
    pub source: SourceName,
    /// How long ago its last pull began that came to its end; `None` if there was none.
    pub age: Option<TimeDelta>,
    /// How old the ledger may be.
    pub limit: TimeDelta,
    /// Whose reminders it holds; `None`: everybody's.
    pub merchant: Option<MerchantId>,
}

impl Stale {
    /// Whether a merchant's reminders are held.
    #[must_use]
    pub fn holds(&self, merchant: &MerchantId) -> bool {
        self.merchant.as_ref().is_none_or(|fed| fed == merchant)
    }

    /// Whose reminders are held, to stand behind a verb: nothing for everybody's, or ` for mall`.
    #[must_use]
    pub fn whose(&self) -> String {
        self.merchant.as_ref().map(|merchant| format!(" for {merchant}")).unwrap_or_default()
    }
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |span: TimeDelta| duration::format(span.to_std().unwrap_or_default());
        let limit = words(self.limit);
        match self.age {
            Some(age) => {
                let age = words(TimeDelta::seconds(age.num_seconds()));
                write!(f, "source {} was last pulled {age} ago, and its max_ledger_age is {limit}", self.source)
            }
            None => write!(f, "source {} was never pulled, and its max_ledger_age is {limit}", self.source),
        }
    }
}

impl Freshness {
    /// Of these sources; those without a limit hold nothing.
    #[must_use]
    pub fn new(limits: impl IntoIterator<Item = (SourceName, Option<TimeDelta>)>) -> Self {
        Self { limits: limits.into_iter().collect(), ..Self::default() }
    }

    /// The same, knowing that each of these sources feeds one merchant only.
    #[must_use]
    pub fn feeding(self, feeds: impl IntoIterator<Item = (SourceName, MerchantId)>) -> Self {
        Self { feeds: feeds.into_iter().collect(), ..self }
    }

    /// The sources.
    pub fn sources(&self) -> impl Iterator<Item = &SourceName> {
        self.limits.keys()
    }

    /// Which sources are too old at `now`, if this is how far they were read.
    #[must_use]
    pub fn stale(&self, states: &[SourceState], now: DateTime<Utc>) -> Vec<Stale> {
        let pulled_at =
            |source: &SourceName| states.iter().find(|state| state.name == *source).and_then(|state| state.pulled_at);
        self.stale_by(&pulled_at, now)
    }

    fn stale_by(&self, pulled_at: &dyn Fn(&SourceName) -> Option<DateTime<Utc>>, now: DateTime<Utc>) -> Vec<Stale> {
        let stale = |(source, limit): (&SourceName, &Option<TimeDelta>)| {
            let limit = (*limit)?;
            let age = pulled_at(source).map(|at| now - at);
            let merchant = self.feeds.get(source).cloned();
            age.is_none_or(|age| age > limit).then(|| Stale { source: source.clone(), age, limit, merchant })
        };
        self.limits.iter().filter_map(stale).collect()
    }

    /// Which sources are too old at `now`. Asks the store only when what is known here is too old, and tells when it changes.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stale_now(&self, store: &dyn Store, now: DateTime<Utc>) -> Result<Vec<Stale>, StoreError> {
        if self.limits.values().all(Option::is_none) || self.stale_as_known(now).is_empty() {
            self.tell(&[]);
            return Ok(Vec::new());
        }
        for state in store.sources().await? {
            if let Some(at) = state.pulled_at {
                self.known().insert(state.name, at);
            }
        }
        let stale = self.stale_as_known(now);
        self.tell(&stale);
        Ok(stale)
    }

    fn stale_as_known(&self, now: DateTime<Utc>) -> Vec<Stale> {
        let known = self.known();
        self.stale_by(&|source| known.get(source).copied(), now)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<SourceName, DateTime<Utc>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, stale: &[Stale]) {
        let names: BTreeSet<_> = stale.iter().map(|stale| stale.source.clone()).collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for stale in stale.iter().filter(|stale| !told.contains(&stale.source)) {
            let whose = stale.whose();
            tracing::error!(%stale, "the ledger is too old to remind from: nothing is sent{whose} until it was pulled again");
        }
        for source in told.difference(&names) {
            tracing::info!(%source, "the ledger is fresh again: sending goes on");
        }
        *told = names;
    }
}
