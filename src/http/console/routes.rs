//! `/console/routes`: the merchants of the reader, their ways to repay, and how these are doing.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Console;
use super::page::page;
use super::refusal::Refusal;
use super::staff::Staff;
use super::words::DeskWords;
use crate::domain::{Merchant, Route, RouteKey, RouteVersion};
use crate::pipeline::RouteSnapshot;
use crate::store::Stop;

#[derive(Serialize)]
struct RoutesPage {
    merchants: Vec<MerchantView>,
}

#[derive(Serialize)]
struct MerchantView {
    id: String,
    name: String,
    app: String,
    zone: String,
    link_base: String,
    support: Vec<String>,
    /// Why nothing is sent in its name.
    stops: Vec<String>,
    routes: Vec<RouteView>,
}

#[derive(Serialize)]
struct RouteView {
    key: String,
    kind: String,
    product: Option<String>,
    url: Option<String>,
    status: String,
    /// `good`, `warm` or `bad`.
    mark: &'static str,
    health: String,
    probed: Option<String>,
    changed: Option<String>,
}

/// Shows the page.
pub(super) async fn show(State(console): State<Console>, staff: Staff) -> Result<Response, Refusal> {
    let (app, now) = (&console.app, console.app.clock.now());
    let seen = console.patiently(app.composer.routes.now(console.store(), &*app.clock)).await?;
    let versions = console.patiently(console.store().route_versions(None)).await?;
    let versions: BTreeMap<_, _> = versions.iter().map(|version| (&version.route.key, version)).collect();
    let stops = console.patiently(console.store().stops()).await?;
    let merchants = staff.merchants_of(app);
    let facts = Facts { seen: &seen, versions: &versions, stops: &stops, now };
    let view = |merchant: &Merchant| {
        let words = DeskWords::new(staff.language(), staff.time_zone(merchant));
        MerchantView::of(merchant, &facts, &words)
    };
    let merchants = merchants.values().map(view).collect();
    Ok(page(StatusCode::OK, "routes.html", &staff.frame(), RoutesPage { merchants }))
}

struct Facts<'a> {
    seen: &'a RouteSnapshot,
    versions: &'a BTreeMap<&'a RouteKey, &'a RouteVersion>,
    stops: &'a [Stop],
    now: DateTime<Utc>,
}

impl MerchantView {
    fn of(merchant: &Merchant, facts: &Facts<'_>, words: &DeskWords) -> Self {
        let own = facts.seen.routes().0.iter().filter(|route| route.merchant == merchant.id);
        let support = &merchant.support;
        let email = support.email.as_ref().map(|email| email.as_str().to_owned());
        let is_stopped = |stop: &&Stop| stop.merchant.as_ref().is_none_or(|one| *one == merchant.id);
        let stop = |stop: &Stop| {
            let channel = stop.channel.map_or_else(|| words.say("every_channel", &[]), |one| words.channel(one));
            let values = [
                ("channel", &*channel),
                ("actor", &*stop.actor),
                ("since", &*words.time(stop.since)),
                ("reason", &*stop.reason),
            ];
            words.say("stopped_by", &values)
        };
        let configured = merchant.stopped.then(|| words.say("stopped_in_config", &[]));
        Self {
            id: merchant.id.to_string(),
            name: merchant.name.clone(),
            app: merchant.app_name.clone(),
            zone: merchant.time_zone.to_string(),
            link_base: merchant.link_base.clone(),
            support: support.phone.clone().into_iter().chain(email).collect(),
            stops: configured.into_iter().chain(facts.stops.iter().filter(is_stopped).map(stop)).collect(),
            routes: own.map(|route| RouteView::of(route, facts, words)).collect(),
        }
    }
}

impl RouteView {
    fn of(route: &Route, facts: &Facts<'_>, words: &DeskWords) -> Self {
        let health = facts.seen.health_of(route);
        let is_degraded = health.is_some_and(|health| health.degraded);
        let (status, mark) = match () {
            () if !route.is_open(facts.now) => (status(route, facts.now, words), "warm"),
            () if is_degraded => (words.say("route_degraded", &[]), "bad"),
            () => (words.say("route_open", &[]), "good"),
        };
        let told = health.map(|health| match (&health.last_fault, health.degraded) {
            (Some(fault), true) => words.say("route_fault", &[("since", &words.time(health.since)), ("fault", fault)]),
            _ => words.say("route_well", &[]),
        });
        let version = facts.versions.get(&route.key).map(|version| {
            let values = [("actor", &*version.actor), ("at", &*words.time(version.at)), ("reason", &*version.reason)];
            words.say("route_changed", &values)
        });
        Self {
            key: route.key.to_string(),
            kind: words.say(&format!("route_{}", route.kind.as_str()), &[]),
            product: route.product.clone(),
            url: route.kind.url().map(str::to_owned),
            status,
            mark,
            health: told.unwrap_or_else(|| words.say("route_not_probed", &[])),
            probed: health.map(|health| words.time(health.probed_at)),
            changed: version,
        }
    }
}

/// The status of a route that is not open.
fn status(route: &Route, now: DateTime<Utc>, words: &DeskWords) -> String {
    match (&route.replaced_by, route.valid_from) {
        (Some(other), _) if route.closed => words.say("route_replaced", &[("other", other.as_str())]),
        _ if route.closed => words.say("route_closed", &[]),
        (_, Some(from)) if from > now => words.say("route_early", &[("from", &words.time(from))]),
        _ => words.say("route_over", &[]),
    }
}
