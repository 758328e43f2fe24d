//! How far messages bring borrowers, route by route, and whether that is far less than it was.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use super::RouteSnapshot;
use super::figures::ROUTE_SHARE_FELL;
use crate::domain::{Channel, Funnel, MerchantId, RouteKey, SentCount, Stage, Step};
use crate::store::{FunnelStore, StoreError};

/// Messages that were meant to lead to one route, by step and channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunnelLine {
    /// In whose name.
    pub merchant: MerchantId,
    /// The route that is meant for what they are about: the first that a page would offer if all were open; `None` if
    /// there is none.
    pub route: Option<RouteKey>,
    /// Of which step.
    pub step: Step,
    /// On which channel.
    pub channel: Channel,
    /// How many came how far.
    pub funnel: Funnel,
}

/// The age of the newest message of a [`funnel_day`]: most who pay have paid by then.
const FUNNEL_AGE: TimeDelta = TimeDelta::days(3);

/// The day of a funnel for people: messages of a longer span are too many to be counted while somebody waits.
#[must_use]
pub fn funnel_day(now: DateTime<Utc>) -> Range<DateTime<Utc>> {
    let end = now - FUNNEL_AGE;
    end - TimeDelta::days(1)..end
}

/// The funnel of messages sent in a span, by route, step and channel in that order.
///
/// # Errors
/// When the store fails.
pub async fn funnel(
    store: &dyn FunnelStore,
    routes: &RouteSnapshot,
    span: Range<DateTime<Utc>>,
) -> Result<Vec<FunnelLine>, StoreError> {
    let mut lines = BTreeMap::new();
    for count in store.sent(&span).await? {
        let route = meant_for(&count, routes);
        let key = (count.merchant.clone(), route.clone(), count.step.to_string(), count.channel.as_str());
        let line = || FunnelLine {
            merchant: count.merchant.clone(),
            route,
            step: count.step.clone(),
            channel: count.channel,
            funnel: Funnel::default(),
        };
        lines.entry(key).or_insert_with(line).funnel.add(&count.funnel);
    }
    Ok(lines.into_values().collect())
}

fn meant_for(count: &SentCount, routes: &RouteSnapshot) -> Option<RouteKey> {
    let serving = routes.routes().serving(&count.merchant, count.route.as_ref(), count.product.as_deref());
    serving.into_iter().find(|route| route.kind.url().is_some()).map(|route| route.key.clone())
}

/// The age at which a message counts for a stage: most who click do so within hours, most who pay within days.
fn ripe_after(stage: Stage) -> TimeDelta {
    match stage {
        Stage::Clicked => TimeDelta::hours(6),
        Stage::Paid => TimeDelta::days(3),
    }
}

/// The length of the period before a day that the day is compared with.
const PAST: TimeDelta = TimeDelta::days(14);

/// Tells when a route brings far fewer than it did.
#[derive(Debug, Default)]
pub struct FunnelWatch {
    fallen: Mutex<BTreeSet<(RouteKey, Stage)>>,
}

impl FunnelWatch {
    /// Compares the last day that is ripe with those before, for each route and stage; gives those that have fallen.
    /// Says it once in the log, and in the figures as long as it is so.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look(
        &self,
        store: &dyn FunnelStore,
        routes: &RouteSnapshot,
        now: DateTime<Utc>,
    ) -> Result<BTreeSet<(RouteKey, Stage)>, StoreError> {
        let mut fallen = BTreeSet::new();
        for stage in Stage::ALL {
            let end = now - ripe_after(stage);
            let begin = end - TimeDelta::days(1);
            let past = by_route(funnel(store, routes, begin - PAST..begin).await?);
            let last = by_route(funnel(store, routes, begin..end).await?);
            let fell = |(route, last): (&RouteKey, &Funnel)| {
                past.get(route).is_some_and(|past| last.has_fallen(past, stage)).then(|| (route.clone(), stage))
            };
            fallen.extend(last.iter().filter_map(fell));
        }
        self.tell(routes, &fallen);
        Ok(fallen)
    }

    fn tell(&self, routes: &RouteSnapshot, fallen: &BTreeSet<(RouteKey, Stage)>) {
        let mut known = self.fallen.lock().unwrap_or_else(PoisonError::into_inner);
        for route in &routes.routes().0 {
            for stage in Stage::ALL {
                let fell = fallen.contains(&(route.key.clone(), stage));
                let labels = [("route", route.key.to_string()), ("stage", stage.as_str().to_owned())];
                metrics::gauge!(ROUTE_SHARE_FELL, &labels).set(if fell { 1.0 } else { 0.0 });
            }
        }
        for (route, stage) in fallen.difference(&known) {
            let stage = stage.as_str();
            tracing::warn!(%route, stage, "less than half as many of those who got a message come so far as in the \
                two weeks before");
        }
        for (route, stage) in known.difference(fallen) {
            tracing::info!(%route, stage = stage.as_str(), "as many come so far as before");
        }
        known.clone_from(fallen);
    }
}

fn by_route(lines: Vec<FunnelLine>) -> BTreeMap<RouteKey, Funnel> {
    let mut routes: BTreeMap<_, Funnel> = BTreeMap::new();
    for line in lines {
        if let Some(route) = line.route {
            routes.entry(route).or_default().add(&line.funnel);
        }
    }
    routes
}
