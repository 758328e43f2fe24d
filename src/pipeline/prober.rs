//! Looks after the ways to repay: probes those that are in use, keeps how they are doing, and says when that changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream;

use super::Registry;
use super::figures::ROUTE_PROBES;
use crate::clock::Clock;
use crate::domain::{MerchantId, Patience, Probed, Route, RouteHealth, RouteHosts, RouteKey};
use crate::probe::{RouteProbe, Target};
use crate::store::{Store, StoreError};

/// How long one daemon has the turn: longer than a round takes. Another may probe after that even if this one died in it.
const TURN: TimeDelta = TimeDelta::minutes(2);

/// How many routes are looked at at once.
const AT_ONCE: usize = 8;

/// What a probe is to find.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Looked at in the place of the route's own address.
    pub url: Option<String>,
    /// A text that must stand on the page.
    pub text: Option<String>,
}

/// Probes routes.
#[derive(Debug)]
pub struct Prober {
    /// Where it is kept how they are doing.
    pub store: Arc<dyn Store>,
    /// Which there are.
    pub routes: Arc<Registry>,
    /// What looks.
    pub probe: Arc<dyn RouteProbe>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When a route turns.
    pub patience: Patience,
    /// Where the routes of each merchant may lead.
    pub hosts: BTreeMap<MerchantId, RouteHosts>,
    /// What is expected of the routes of which something is.
    pub expected: BTreeMap<RouteKey, Expected>,
    /// Who this is among the processes that share the store.
    pub holder: String,
}

impl Prober {
    /// A round, unless it is another daemon's turn: probes every route in use and keeps what was found.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn round(&self) -> Result<(), StoreError> {
        if !self.store.take_turn("probe", &self.holder, TURN).await? {
            return Ok(());
        }
        let known = self.store.route_health().await?;
        for (route, probed) in self.look(None).await? {
            let verdict = probed.fault.as_ref().map_or("well", |fault| fault.as_str());
            metrics::counter!(ROUTE_PROBES, "route" => route.key.to_string(), "verdict" => verdict).increment(1);
            let before = known.iter().find(|health| health.key == route.key);
            let now = self.clock.now();
            let health = RouteHealth::after(before, &route, probed.fault.as_ref(), self.patience, now);
            self.store.note_route_health(&health).await?;
            tell(before.is_some_and(|before| before.bars(&route)), &health);
        }
        Ok(())
    }

    /// Looks once at the routes in use, or at the one of that key if it can be looked at; keeps nothing. In the order of the routes.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look(&self, key: Option<&RouteKey>) -> Result<Vec<(Route, Probed)>, StoreError> {
        let now = self.clock.now();
        let seen = self.routes.now(&*self.store, &*self.clock).await?;
        let wanted = |route: &&Route| match key {
            Some(key) => route.key == *key && is_page(route),
            None => route.is_open(now) && is_page(route),
        };
        let looks = seen.routes().0.iter().filter(wanted).cloned().map(async |route| {
            let probed = self.probe.probe(&self.target(&route)).await;
            (route, probed)
        });
        Ok(stream::iter(looks.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await)
    }

    fn target(&self, route: &Route) -> Target {
        let expected = self.expected.get(&route.key).cloned().unwrap_or_default();
        Target {
            url: sampled(expected.url.as_deref().or(route.kind.url()).unwrap_or_default()),
            expect: expected.text,
            hosts: self.hosts.get(&route.merchant).cloned().unwrap_or_default(),
        }
    }
}

/// Whether a probe can tell anything: what opens an app by a scheme of its own does so on a phone only.
fn is_page(route: &Route) -> bool {
    route.kind.url().is_some_and(|url| url.starts_with("https://"))
}

/// The address with something in each place that is filled for a borrower.
fn sampled(url: &str) -> String {
    let mut parts = url.split('{');
    let mut sampled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((_, rest)) => sampled.extend(["0", rest]),
            None => sampled.extend(["{", part]),
        }
    }
    sampled
}

/// Says it once when a route turns.
fn tell(was_barred: bool, health: &RouteHealth) {
    let RouteHealth { key, degraded, last_fault, .. } = health;
    match (was_barred, degraded) {
        (false, true) => {
            let fault = last_fault.as_deref().unwrap_or_default();
            tracing::error!(route = %key, fault, "the route is degraded: messages that have no other way to repay are held");
        }
        (true, false) => tracing::info!(route = %key, "the route is well again: what was held goes out"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::sampled;

    #[rstest]
    #[case::none("https://pay.mall.example/?a=1", "https://pay.mall.example/?a=1")]
    #[case::some("https://m.example/{order}?i={installment}&s={signature}", "https://m.example/0?i=0&s=0")]
    #[case::open("https://m.example/{order", "https://m.example/{order")]
    fn what_is_filled_for_a_borrower_is_filled_for_a_probe(#[case] url: &str, #[case] probed: &str) {
        assert_eq!(sampled(url), probed);
    }
}
