//! The ways to repay as they are now: what the config says, overlaid by what people changed at run time, and how each
//! is doing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::figures::ROUTE_DEGRADED;
use crate::clock::Clock;
use crate::domain::{Installment, LinkMode, Route, RouteHealth, RouteKey, Routes};
use crate::plan::Policy;
use crate::store::{RouteStore, StoreError};

/// How long what was read of the store is taken for true: a change of a route is in force that soon in every process.
const KNOWN_FOR: Duration = Duration::from_secs(5);

/// The routes of the config and the newest known changes to them.
#[derive(Debug)]
pub struct Registry {
    configured: Routes,
    probed: bool,
    seen: Mutex<RouteSnapshot>,
}

/// The routes as they were at one instant.
#[derive(Debug, Clone)]
pub struct RouteSnapshot {
    routes: Arc<Routes>,
    /// The same, with those closed that are degraded: what a message may lead to.
    well: Arc<Routes>,
    health: Arc<[RouteHealth]>,
    second: Option<RouteKey>,
    at: DateTime<Utc>,
    /// When they were read, on the clock's elapsed time; `None` if the store was never asked.
    read_at: Option<Duration>,
}

impl RouteSnapshot {
    fn of(routes: Routes, health: Vec<RouteHealth>, at: DateTime<Utc>, read_at: Option<Duration>) -> Self {
        let mut well = routes.clone();
        for route in &mut well.0 {
            route.closed |= health.iter().any(|health| health.bars(route));
        }
        Self { routes: Arc::new(routes), well: Arc::new(well), health: health.into(), second: None, at, read_at }
    }

    /// The same, with a route that a rule names for when no other works.
    #[must_use]
    pub fn with_second(self, second: Option<RouteKey>) -> Self {
        Self { second, ..self }
    }

    /// The same routes at another instant: some are valid from or until a time.
    #[must_use]
    pub fn as_of(self, at: DateTime<Utc>) -> Self {
        Self { at, ..self }
    }

    /// The routes that were open to an instalment then, best first: those that do well, then the second one, then the
    /// degraded: on a page that somebody is looking at, a way that may not work is better than none.
    #[must_use]
    pub fn open_for(&self, installment: &Installment) -> Vec<&Route> {
        let mut found = self.well_for(installment);
        for route in self.routes.open_for(installment, self.at) {
            if found.iter().all(|known| known.key != route.key) {
                found.push(route);
            }
        }
        found
    }

    /// Those of them that a message may lead to: none that is degraded.
    #[must_use]
    pub fn well_for(&self, installment: &Installment) -> Vec<&Route> {
        let mut found = self.well.open_for(installment, self.at);
        if let Some(second) = self.second_for(installment).filter(|second| !found.contains(second)) {
            found.push(second);
        }
        found
    }

    /// Whether a message about an instalment whose link is of that mode leads to where it can be repaid. What has no
    /// route that such a link could lead to depends on none.
    #[must_use]
    pub fn leads_somewhere(&self, installment: &Installment, mode: LinkMode) -> bool {
        let leads_to = |route: &&Route| match mode {
            LinkMode::Personal => is_way(route),
            LinkMode::Fixed => route.kind.fixed_page().is_some(),
            LinkMode::None => false,
        };
        let Installment { merchant, route, product, .. } = installment;
        let serving = self.well.serving(merchant, route.as_ref(), product.as_deref());
        let serving: Vec<_> = serving.into_iter().filter(leads_to).collect();
        let works = |route: &&Route| {
            let open = self.well.in_place_of(route, self.at);
            open.is_some_and(|open| is_way(open) && open.merchant == installment.merchant)
        };
        serving.is_empty() || serving.iter().any(works) || self.second_for(installment).is_some()
    }

    /// Whether every route was open then and doing well, so that nothing need be asked of one.
    #[must_use]
    pub fn is_all_well(&self) -> bool {
        self.well.0.iter().all(|route| route.is_open(self.at))
    }

    /// Tells states of the routes apart that give a message with a link of that mode another way; so do the second
    /// routes of the rules.
    pub(super) fn fingerprint(&self, mode: LinkMode, policy: &Policy) -> String {
        let routes: Vec<_> = self.well.0.iter().map(|route| (route, route.is_open(self.at))).collect();
        let seconds: Vec<_> = policy.rules.iter().map(|rule| (&rule.name, &rule.second_route)).collect();
        let digest = Sha256::digest(format!("{mode:?} {routes:?} {seconds:?}"));
        digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }

    /// How a route was doing; `None` if it was not probed since it leads where it does.
    #[must_use]
    pub fn health_of(&self, route: &Route) -> Option<&RouteHealth> {
        self.health.iter().find(|health| health.is_of(route))
    }

    /// All of them.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    fn second_for(&self, installment: &Installment) -> Option<&Route> {
        let second = self.well.get(self.second.as_ref()?)?;
        let open = self.well.in_place_of(second, self.at)?;
        (is_way(open) && open.merchant == installment.merchant).then_some(open)
    }
}

/// Whether one can repay there.
fn is_way(route: &Route) -> bool {
    route.kind.url().is_some()
}

impl Registry {
    /// With the routes of the config, as long as the store was not asked. Nobody probes them, so all are taken for
    /// well.
    #[must_use]
    pub fn of(configured: Routes) -> Self {
        let seen = RouteSnapshot::of(configured.clone(), Vec::new(), DateTime::UNIX_EPOCH, None);
        Self { configured, probed: false, seen: Mutex::new(seen) }
    }

    /// The same, of routes that are probed.
    #[must_use]
    pub fn probed(configured: Routes) -> Self {
        Self { probed: true, ..Self::of(configured) }
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
    pub async fn now(&self, store: &dyn RouteStore, clock: &dyn Clock) -> Result<RouteSnapshot, StoreError> {
        let (at, elapsed) = (clock.now(), clock.elapsed());
        let known = self.seen();
        if known.read_at.is_some_and(|read| elapsed.saturating_sub(read) < KNOWN_FOR) {
            return Ok(RouteSnapshot { at, ..known });
        }
        let newest = store.route_versions(None).await?;
        let routes = self.configured.overlaid(newest.into_iter().map(|version| version.route));
        let health = if self.probed { store.route_health().await? } else { Vec::new() };
        let seen = RouteSnapshot::of(routes, health, at, Some(elapsed));
        if self.probed {
            seen.show();
        }
        *self.lock() = seen.clone();
        Ok(seen)
    }

    /// The routes when they were last asked for.
    #[must_use]
    pub fn seen(&self) -> RouteSnapshot {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, RouteSnapshot> {
        // Each update is written at once, so the snapshot is whole whoever panicked.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RouteSnapshot {
    /// Lets the figures tell which routes are degraded.
    fn show(&self) {
        for route in &self.routes.0 {
            let degraded = self.health_of(route).is_some_and(|health| health.degraded);
            metrics::gauge!(ROUTE_DEGRADED, "route" => route.key.to_string()).set(if degraded { 1.0 } else { 0.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use rstest::rstest;

    use super::RouteSnapshot;
    use crate::domain::{
        AppGuide, BorrowerKey, Currency, Installment, LinkMode, Money, Patience, Route, RouteFault, RouteHealth,
        RouteKind, Routes,
    };

    /// `web`, `app` and so on by the first letter; `!` stands for closed, `~` for degraded, `>key` for what replaces
    /// it, `:mall2` for another merchant's.
    fn route(word: &str) -> (Route, bool) {
        let (word, replaced_by) = word.split_once('>').map_or((word, None), |(word, by)| (word, Some(by)));
        let (word, merchant) = word.split_once(':').unwrap_or((word, "mall"));
        let key = word.trim_end_matches(['!', '~']);
        let url = format!("https://{key}.mall.example/");
        let route = Route {
            key: key.parse().expect("a key"),
            merchant: merchant.parse().expect("a name"),
            product: None,
            kind: if key.starts_with('a') {
                RouteKind::App { url, guide: AppGuide::default() }
            } else {
                RouteKind::Web { url }
            },
            valid_from: None,
            valid_until: None,
            closed: word.contains('!'),
            replaced_by: replaced_by.map(|key| key.parse().expect("a key")),
        };
        (route, word.contains('~'))
    }

    fn seen(words: &str) -> RouteSnapshot {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let (routes, degraded): (Vec<_>, Vec<_>) = words.split_whitespace().map(route).unzip();
        let once = Patience { fail_after: 1, well_after: 1 };
        let fault = |degraded: bool| degraded.then_some(RouteFault::Dns);
        let health = routes.iter().zip(degraded);
        let health =
            health.map(|(route, bad)| RouteHealth::after(None, route, fault(bad).as_ref(), once, at)).collect();
        RouteSnapshot::of(Routes(routes), health, at, None)
    }

    fn installment() -> Installment {
        let money = |text| Money::parse(text, Currency::new("CNY").expect("a code")).expect("an amount");
        let borrower = BorrowerKey { merchant: "mall".parse().expect("a name"), id: "b".parse().expect("a number") };
        let due_date = DateTime::<Utc>::UNIX_EPOCH.date_naive();
        Installment::new(borrower, "i".parse().expect("a number"), money("10"), due_date)
    }

    #[rstest]
    #[case::well("web", true, true)]
    #[case::degraded("web~", false, false)]
    #[case::closed("web!", false, false)]
    #[case::another_page("web~ web2", true, true)]
    #[case::an_app_is_a_way_but_no_page("web~ app", true, false)]
    #[case::replaced("web~>other other:mall", true, true)]
    #[case::replaced_for_good_by_an_app("web!>app app", true, true)]
    #[case::replaced_by_what_is_degraded("web!>b b~", false, false)]
    #[case::replaced_by_another_merchants("web!>b b:mall2", false, false)]
    #[case::only_an_app("app", true, true)]
    #[case::only_an_app_that_is_closed("app!", false, true)]
    #[case::none_at_all("web:mall2", true, true)]
    fn a_message_leaves_while_one_way_works(#[case] routes: &str, #[case] personal: bool, #[case] fixed: bool) {
        let seen = seen(routes);
        let leads = |mode| seen.leads_somewhere(&installment(), mode);
        assert_eq!((leads(LinkMode::Personal), leads(LinkMode::Fixed)), (personal, fixed));
        assert!(leads(LinkMode::None), "a message without a link depends on no route");
    }

    #[rstest]
    #[case::works("web~ spare", true)]
    #[case::degraded_too("web~ spare~", false)]
    #[case::another_merchants("web~ spare:mall2", false)]
    fn a_rules_second_route_serves_instead(#[case] routes: &str, #[case] leads: bool) {
        // For another product, so that it serves nobody by itself.
        let mut all = seen(routes);
        for routes in [&mut all.routes, &mut all.well] {
            let routes = std::sync::Arc::make_mut(routes);
            routes.0[1].product = Some("another".into());
        }
        assert!(!all.leads_somewhere(&installment(), LinkMode::Fixed), "without a rule that names it");
        let named = all.with_second("spare".parse().ok());
        assert_eq!(named.leads_somewhere(&installment(), LinkMode::Fixed), leads);
        let first = named.open_for(&installment())[0].key.to_string();
        assert_eq!(first, if leads { "spare" } else { "web" }, "a page offers what there is");
        let linked: Vec<_> = named.well_for(&installment()).into_iter().map(|route| route.key.as_str()).collect();
        assert_eq!(linked, if leads { &["spare"][..] } else { &[] }, "a message leads to none that is degraded");
    }
}
