//! How old the ledger is, and whose reminders it is too old for: who paid since would be reminded.
//!
//! A source with a `merchant` in the config feeds that one. Of any other the rows name the merchants, and the store
//! keeps which they have named. Until its first pull has come to its end, and while it has named none, nobody knows
//! whom it feeds. Then it holds everybody's reminders: it may be the only source of payments, and a message that waits
//! does less harm than one to a borrower who has paid.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{MerchantId, SourceName, SourceState, duration};
use crate::store::{SourceStore, StoreError};

/// The sources, each with the age of the ledger up to which reminders go out.
#[derive(Debug, Default)]
pub struct Freshness {
    limits: BTreeMap<SourceName, Option<TimeDelta>>,
    /// How fresh each is, as far as is known here. It only ever becomes later, so what is fresh by it is
    /// fresh.
    known: Mutex<BTreeMap<SourceName, DateTime<Utc>>>,
    /// The sources that tell of payments.
    telling: Vec<SourceName>,
    /// The sources that ask the lender's database how new its data is.
    with_data_age: BTreeSet<SourceName>,
    /// The only merchant that a source feeds.
    feeds: BTreeMap<SourceName, MerchantId>,
    /// The stale sources of which the log speaks already.
    told: Mutex<BTreeSet<SourceName>>,
}

/// A source that was not pulled for too long, or whose data is too old.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleSource {
    /// Which.
    pub source: SourceName,
    /// The part that is too old.
    pub cause: Staleness,
    /// How old the ledger may be.
    pub limit: TimeDelta,
    /// The merchants whose reminders it holds; empty: everybody's.
    pub merchants: BTreeSet<MerchantId>,
}

/// The part of a source that is too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staleness {
    /// The begin of its last complete pull: the time since then, `None` if there was none.
    Pull(Option<TimeDelta>),
    /// The lender's data, by the source's `freshness`: the time since its newest instant, `None` if it has none.
    Data(Option<TimeDelta>),
}

/// How many merchants a text names.
const NAMED: usize = 5;

impl StaleSource {
    /// Whether a merchant's reminders are held.
    #[must_use]
    pub fn holds(&self, merchant: &MerchantId) -> bool {
        self.holds_named(merchant.as_str())
    }

    fn holds_named(&self, merchant: &str) -> bool {
        self.merchants.is_empty() || self.merchants.contains(merchant)
    }

    /// Whether this is what holds the reminders of a cause with this subject, see
    /// [`HoldCause::stale`](crate::domain::HoldCause::stale).
    pub(super) fn is_cause(&self, subject: &str) -> bool {
        let merchant = subject.strip_prefix(self.source.as_str()).and_then(|rest| rest.strip_prefix('/'));
        merchant.is_some_and(|merchant| self.holds_named(merchant))
    }

    /// The merchants whose reminders are held, to follow a verb: nothing for all merchants, or ` for mall, arcade`.
    #[must_use]
    pub fn whose(&self) -> String {
        let mut names: Vec<_> = self.merchants.iter().take(NAMED).map(MerchantId::as_str).collect();
        let more = self.merchants.len() - names.len();
        let and_more = format!("and {more} more");
        names.extend((more > 0).then_some(and_more.as_str()));
        if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) }
    }
}

impl fmt::Display for StaleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |span: TimeDelta| duration::format(span.to_std().unwrap_or_default());
        let limit = words(self.limit);
        let words = |age: TimeDelta| words(TimeDelta::seconds(age.num_seconds()));
        let source = &self.source;
        match self.cause {
            Staleness::Pull(Some(age)) => write!(f, "source {source} was last pulled {} ago", words(age))?,
            Staleness::Pull(None) => write!(f, "source {source} was never pulled")?,
            Staleness::Data(Some(age)) => write!(
                f,
                "the newest data of source {source} is {} old, as its `freshness` says (a replica may lag behind)",
                words(age)
            )?,
            Staleness::Data(None) => write!(f, "the `freshness` of source {source} has told no time yet")?,
        }
        write!(f, ", and its max_ledger_age is {limit}")?;
        if self.merchants.is_empty() {
            f.write_str(
                "; it holds every merchant, as it is not known yet which ones it feeds: set its `merchant` if \
                it is one",
            )?;
        }
        Ok(())
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

    /// The same, knowing that these sources tell of payments: their ledger is right about what is paid.
    #[must_use]
    pub fn telling_of_payments(self, sources: impl IntoIterator<Item = SourceName>) -> Self {
        Self { telling: sources.into_iter().collect(), ..self }
    }

    /// The sources that tell of payments.
    pub(super) fn telling(&self) -> &[SourceName] {
        &self.telling
    }

    /// The same, knowing that these sources ask how new the lender's data is.
    #[must_use]
    pub fn with_data_age(self, sources: impl IntoIterator<Item = SourceName>) -> Self {
        Self { with_data_age: sources.into_iter().collect(), ..self }
    }

    /// The sources.
    pub fn sources(&self) -> impl Iterator<Item = &SourceName> {
        self.limits.keys()
    }

    /// Which sources are too old at `now`, if this is how far they were read.
    #[must_use]
    pub fn stale(&self, states: &[SourceState], now: DateTime<Utc>) -> Vec<StaleSource> {
        let limits = self.limits.iter().filter_map(|(source, limit)| Some((source, (*limit)?)));
        let stale = limits.filter_map(|(source, limit)| {
            let state = states.iter().find(|state| state.name == *source);
            let age = |at: Option<DateTime<Utc>>| at.map(|at| now - at);
            let pull = age(state.and_then(|state| state.pulled_at));
            let data = age(state.and_then(|state| state.data_at));
            let cause = if is_stale(pull, limit) {
                Staleness::Pull(pull)
            } else if self.with_data_age.contains(source) && is_stale(data, limit) {
                Staleness::Data(data)
            } else {
                return None;
            };
            Some(StaleSource { source: source.clone(), cause, limit, merchants: self.merchants_of(source, state) })
        });
        stale.collect()
    }

    /// Since when the data of a source is as old as that.
    fn fresh_at(&self, state: &SourceState) -> Option<DateTime<Utc>> {
        if self.with_data_age.contains(&state.name) { state.pulled_at.min(state.data_at) } else { state.pulled_at }
    }

    /// The merchants that a source feeds; none if it may feed any.
    fn merchants_of(&self, source: &SourceName, state: Option<&SourceState>) -> BTreeSet<MerchantId> {
        match self.feeds.get(source) {
            Some(merchant) => BTreeSet::from([merchant.clone()]),
            // Until a first pull is complete, the merchants it has named may not be all.
            None => {
                state.filter(|state| state.pulled_at.is_some()).map(|state| state.merchants.clone()).unwrap_or_default()
            }
        }
    }

    /// Which sources are too old at `now`. Asks the store only when what is known here is too old, and tells when it
    /// changes.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn stale_now(&self, store: &dyn SourceStore, now: DateTime<Utc>) -> Result<Vec<StaleSource>, StoreError> {
        if self.is_known_to_be_fresh(now) {
            self.tell(&[]);
            return Ok(Vec::new());
        }
        let states = store.sources().await?;
        let pulled = states.iter().filter_map(|state| Some((state.name.clone(), self.fresh_at(state)?)));
        self.known().extend(pulled);
        let stale = self.stale(&states, now);
        self.tell(&stale);
        Ok(stale)
    }

    fn is_known_to_be_fresh(&self, now: DateTime<Utc>) -> bool {
        let known = self.known();
        let is_fresh = |(source, limit): (&SourceName, &Option<TimeDelta>)| {
            limit.is_none_or(|limit| !is_stale(known.get(source).map(|at| now - *at), limit))
        };
        self.limits.iter().all(is_fresh)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<SourceName, DateTime<Utc>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, stale: &[StaleSource]) {
        let names: BTreeSet<_> = stale.iter().map(|stale| stale.source.clone()).collect();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for stale in stale.iter().filter(|stale| !told.contains(&stale.source)) {
            let whose = stale.whose();
            tracing::error!(%stale, "the ledger is too old to remind from: nothing is sent{whose} until it was pulled \
                again");
        }
        for source in told.difference(&names) {
            tracing::info!(%source, "the ledger is fresh again: sending goes on");
        }
        *told = names;
    }
}

fn is_stale(age: Option<TimeDelta>, limit: TimeDelta) -> bool {
    age.is_none_or(|age| age > limit)
}
