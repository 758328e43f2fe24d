//! Looks after the ways to repay: probes those that are in use, keeps how they are doing, and says when that changes.
//!
//! A machine that has lost its own way to the internet finds every route dead. It is recognised by reaching nobody at
//! all, neither a route's host nor a gateway's; it then judges no route and leaves the probing to another daemon until
//! it reaches somebody again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::stream;

use super::Registry;
use super::figures::{OFFLINE, ROUTE_PROBES};
use crate::clock::Clock;
use crate::domain::{MerchantId, Patience, ProbeResult, Route, RouteFault, RouteHealth, RouteHosts, RouteKey};
use crate::probe::{ProbeTarget, RouteProbe};
use crate::store::{Store, StoreError};

/// How long one daemon has the turn: longer than a round takes. Another may probe after that even if this one died in
/// it.
const TURN: TimeDelta = TimeDelta::minutes(2);

/// How many routes are probed at once.
const AT_ONCE: usize = 8;

/// The expected result of a probe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProbeExpectation {
    /// The URL to probe instead of the route's own.
    pub url: Option<String>,
    /// A text that the page must contain.
    pub text: Option<String>,
}

/// Probes routes.
#[derive(Debug)]
pub struct Prober {
    /// The store, which keeps the health of routes.
    pub store: Arc<dyn Store>,
    /// The registry of routes.
    pub routes: Arc<Registry>,
    /// The probe.
    pub probe: Arc<dyn RouteProbe>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// When a route turns.
    pub patience: Patience,
    /// Where the routes of each merchant may lead.
    pub hosts: BTreeMap<MerchantId, RouteHosts>,
    /// The expectations for routes, where there are any.
    pub expected: BTreeMap<RouteKey, ProbeExpectation>,
    /// The name of this process among those that share the store.
    pub holder: String,
    /// The hosts and ports of the gateways. Whoever reaches one of them has a way to the internet.
    pub witnesses: BTreeSet<(String, u16)>,
    /// Whether the last round reached nobody.
    pub is_offline: AtomicBool,
}

/// The result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// The routes were probed, and how they are doing is kept.
    Probed,
    /// It was another daemon's turn.
    NotOurs,
    /// This machine reached nobody, so nothing was kept.
    Offline,
}

impl Prober {
    /// A round, unless it is another daemon's turn: probes every route in use and keeps what was found.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn round(&self) -> Result<Round, StoreError> {
        // After an offline round it asks for the turn only when it reaches somebody again, so that another daemon can
        // have it.
        if self.is_offline.load(Ordering::Relaxed) && self.reaches_nobody(&self.look(None).await?).await {
            return Ok(Round::Offline);
        }
        self.set_offline(false);
        if !self.store.take_turn("probe", &self.holder, TURN).await? {
            return Ok(Round::NotOurs);
        }
        let looked = self.look(None).await?;
        if self.reaches_nobody(&looked).await {
            self.set_offline(true);
            self.store.take_turn("probe", &self.holder, TimeDelta::zero()).await?;
            return Ok(Round::Offline);
        }
        self.keep(looked).await?;
        Ok(Round::Probed)
    }

    fn set_offline(&self, is_offline: bool) {
        self.is_offline.store(is_offline, Ordering::Relaxed);
        metrics::gauge!(OFFLINE).set(if is_offline { 1.0 } else { 0.0 });
    }

    /// Whether it must be this machine that is cut off: no route's host takes a connection, and no gateway's either.
    /// Where there is only one host to ask, nobody can tell, and the route is judged as ever.
    async fn reaches_nobody(&self, looked: &[(Route, ProbeResult)]) -> bool {
        let is_dead = |probed: &ProbeResult| probed.fault.as_ref().is_some_and(RouteFault::may_be_ours);
        if looked.is_empty() || !looked.iter().all(|(_, probed)| is_dead(probed)) {
            return false;
        }
        let mut hosts: BTreeSet<_> = looked.iter().map(|(route, _)| self.host(route)).collect();
        for (host, port) in &self.witnesses {
            match self.probe.reaches(host, *port).await {
                Some(true) => return false,
                Some(false) => _ = hosts.insert(host.clone()),
                None => {}
            }
        }
        hosts.len() > 1
    }

    /// The host that is spoken to when a route is probed.
    fn host(&self, route: &Route) -> String {
        let url = self.target(route).url;
        let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        host.split(['/', '?', '#', ':']).next().unwrap_or_default().to_ascii_lowercase()
    }

    async fn keep(&self, looked: Vec<(Route, ProbeResult)>) -> Result<(), StoreError> {
        let known = self.store.route_health().await?;
        for (route, probed) in looked {
            let verdict = probed.fault.as_ref().map_or("well", |fault| fault.as_str());
            metrics::counter!(ROUTE_PROBES, "route" => route.key.to_string(), "verdict" => verdict).increment(1);
            let before = known.iter().find(|health| health.key == route.key);
            let now = self.clock.now();
            let health = RouteHealth::after(before, &route, probed.fault.as_ref(), self.patience, now);
            self.store.note_route_health(&health, &route.merchant).await?;
            tell(before.is_some_and(|before| before.bars(&route)), &health);
        }
        Ok(())
    }

    /// Probes the routes in use once, or the route with that key if it has a page; keeps nothing. In the order of the
    /// routes.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn look(&self, key: Option<&RouteKey>) -> Result<Vec<(Route, ProbeResult)>, StoreError> {
        let now = self.clock.now();
        let seen = self.routes.now(&*self.store, &*self.clock).await?;
        let wanted = |route: &&Route| match key {
            Some(key) => route.key == *key && is_page(route),
            None => route.is_open(now) && is_page(route),
        };
        let looks = seen.routes().0.iter().filter(wanted).map(async |route| {
            let probed = self.probe.probe(&self.target(route)).await;
            (route.clone(), probed)
        });
        Ok(stream::iter(looks.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await)
    }

    fn target(&self, route: &Route) -> ProbeTarget {
        let expected = self.expected.get(&route.key).cloned().unwrap_or_default();
        ProbeTarget {
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
            tracing::error!(route = %key, fault, "the route is degraded: messages that have no other way to repay are \
                held");
        }
        (true, false) => tracing::info!(route = %key, "the route works again; held reminders are released"),
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
