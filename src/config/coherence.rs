//! Checks that compare sections. A section that has a mistake of its own still counts as present: a rule may name a
//! merchant whose time zone is misspelled.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;

use super::api::Api;
use super::channels::ReadLists;
use super::console::{ConsoleSettings, OidcMerchants};
use super::dispatch::Dispatch;
use super::gateway_lists;
use super::gateways::GatewayConfig;
use super::links::Links;
use super::mistake::{any_of, nearest};
use super::reading::Reading;
use super::receipts;
use super::routes::ReadRoute;
use super::rules::ReadRule;
use super::sources::ReadSource;
use crate::domain::{GatewayName, Merchant, MerchantId, Route, RouteHosts, RouteKind};
use crate::render::SigningKeys;

/// The sections as read; `None` for an entry that is present but has a mistake.
pub(super) struct Parts<'p> {
    pub(super) merchants: &'p BTreeMap<MerchantId, Option<Merchant>>,
    pub(super) rules: &'p [ReadRule],
    pub(super) gateways: &'p BTreeMap<GatewayName, Option<GatewayConfig>>,
    pub(super) channels: &'p ReadLists,
    pub(super) own_gateways: &'p BTreeMap<MerchantId, ReadLists>,
    pub(super) routes: &'p [ReadRoute],
    pub(super) route_hosts: &'p BTreeMap<MerchantId, RouteHosts>,
    pub(super) route_keys: &'p BTreeMap<MerchantId, SigningKeys>,
    pub(super) sources: &'p [ReadSource],
    pub(super) dispatch: Option<Dispatch>,
    pub(super) links: Option<&'p Links>,
    pub(super) api: Option<&'p Api>,
    pub(super) console: Option<&'p ConsoleSettings>,
    pub(super) callback_secrets: &'p BTreeMap<GatewayName, Vec<SecretString>>,
}

/// Notes what does not fit together.
pub(super) fn check(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    something_is_there(reading, parts);
    rules_name_what_is_there(reading, parts);
    rules_name_second_routes_of_their_merchants(reading, parts);
    gateway_lists::check(reading, parts);
    routes_belong_to_merchants(reading, parts);
    routes_lead_where_they_may(reading, parts);
    sources_bring_rows_of_merchants(reading, parts);
    every_merchant_has_an_open_route(reading, parts);
    leases_outlast_calls(reading, parts);
    callbacks_find_the_way(reading, parts);
    replies_come_from_a_country(reading, parts);
    receipts::check(reading, parts);
    approved_templates_are_for_merchants(reading, parts);
    senders_are_of_merchants(reading, parts);
    tokens_are_for_merchants(reading, parts);
    staff_work_for_merchants(reading, parts);
}

fn something_is_there(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    if parts.merchants.is_empty() && !reading.has("merchants") {
        reading.note_at("merchants", "is missing; write a section for each brand, for example [merchants.mall]");
    }
    if parts.rules.is_empty() && !reading.has("rules") {
        reading.note_at("rules", "is missing; begin at least one rule with a line [[rules]]");
    }
}

fn rules_name_what_is_there(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for rule in parts.rules {
        let merchants = format!("{}.merchants", rule.path);
        for merchant in rule.merchants.iter().filter(|merchant| !parts.merchants.contains_key(*merchant)) {
            no_such_merchant(reading, &merchants, merchant, parts);
        }
    }
}

fn rules_name_second_routes_of_their_merchants(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for (read, rule) in parts.rules.iter().filter_map(|read| Some((read, read.rule.as_ref()?))) {
        let Some(second) = &rule.second_route else { continue };
        let key = format!("{}.second_route", read.path);
        let keys = parts.routes.iter().filter_map(|route| route.path.strip_prefix("routes."));
        match parts.routes.iter().find(|route| route.path.strip_prefix("routes.") == Some(second.as_str())) {
            None => reading.note_at(&key, none_such("route", second.as_str(), keys, "routes")),
            Some(route) => {
                if let Some(merchant) = route.merchant.as_ref().filter(|merchant| !rule.is_for(merchant)) {
                    let text = format!("is {merchant}'s, for whose borrowers the rule is not; name another route");
                    reading.note_at(&key, text);
                }
            }
        }
    }
}

fn routes_belong_to_merchants(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for route in parts.routes {
        if let Some(merchant) = route.merchant.as_ref().filter(|merchant| !parts.merchants.contains_key(*merchant)) {
            no_such_merchant(reading, &format!("{}.merchant", route.path), merchant, parts);
        }
    }
}

fn routes_lead_where_they_may(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for (read, route) in parts.routes.iter().filter_map(|read| Some((read, read.route.as_ref()?))) {
        // Without a list it is the config that says where routes may lead; look-alikes have to be on one.
        let theirs = || parts.routes.iter().filter_map(|other| other.route.as_ref());
        let own = || RouteHosts::of(theirs().filter(|other| other.merchant == route.merchant).map(|other| &other.kind));
        let hosts = parts.route_hosts.get(&route.merchant).cloned().unwrap_or_else(own);
        if let Err(refusal) = hosts.check(&route.kind) {
            reading.note_at(&format!("{}.url", read.path), refusal.to_string());
        }
        // A key that is mistaken is one all the same.
        let key = format!("merchants.{}.route_key", route.merchant);
        if route.kind.is_signed() && !parts.route_keys.contains_key(&route.merchant) && !reading.has(&key) {
            let text =
                format!("has {{signature}} in it; write route_key in [merchants.{}] to sign with", route.merchant);
            reading.note_at(&format!("{}.url", read.path), text);
        }
        if let RouteKind::App { guide, .. } = &route.kind {
            for refusal in guide.stores.iter().filter_map(|store| hosts.check_store(store).err()) {
                reading.note_at(&format!("{}.stores", read.path), format!("names an address that {refusal}"));
            }
        }
        let keys = || parts.routes.iter().filter_map(|other| other.path.strip_prefix("routes."));
        if let Some(by) = route.replaced_by.as_ref().filter(|by| keys().all(|key| key != by.as_str())) {
            reading.note_at(&format!("{}.replaced_by", read.path), none_such("route", by.as_str(), keys(), "routes"));
        }
    }
}

fn sources_bring_rows_of_merchants(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for source in parts.sources {
        if let Some(merchant) = source.merchant.as_ref().filter(|merchant| !parts.merchants.contains_key(*merchant)) {
            no_such_merchant(reading, &format!("{}.merchant", source.path), merchant, parts);
        }
    }
}

/// A message without a way to repay that works must be impossible: whatever the product, one route has to be open.
fn every_merchant_has_an_open_route(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    // One that is mistaken may be the one that is wanted.
    let sound: Option<Vec<_>> = parts.routes.iter().map(|route| route.route.as_ref()).collect();
    let Some(routes) = sound.filter(|routes| routes.iter().all(|route| parts.merchants.contains_key(&route.merchant)))
    else {
        return;
    };
    let for_ever = |route: &Route| route.valid_from.is_none() && route.valid_until.is_none();
    let leads = |route: &Route| route.kind.url().is_some();
    let serves_all = |route: &&Route| !route.closed && route.product.is_none() && for_ever(route) && leads(route);
    let served: BTreeSet<_> = routes.into_iter().filter(serves_all).map(|route| &route.merchant).collect();
    for merchant in parts.merchants.keys().filter(|merchant| !served.contains(merchant)) {
        let text = format!(
            "has no open way to repay for every product; write a section [routes.…] with merchant = {:?} that is \
             neither closed nor for one product",
            merchant.as_str()
        );
        reading.note_at(&format!("merchants.{merchant}"), text);
    }
}

/// A call that ended after its lease would be in doubt even though it came to an end.
fn leases_outlast_calls(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    let Some(lease) = parts.dispatch.as_ref().map(|dispatch| dispatch.lease) else { return };
    let mut told = BTreeSet::new();
    for (name, gateway) in parts.gateways.iter().filter_map(|(name, gateway)| Some((name, gateway.as_ref()?))) {
        let too_long = gateway.timeouts().into_iter().find(|(_, timeout)| *timeout >= lease);
        if let Some((timeout, longest)) = too_long.filter(|_| told.insert(name)) {
            let text = format!(
                "is not longer than gateways.{name}.{timeout} ({}); write a longer lease or a shorter time-out",
                crate::domain::duration::format(longest)
            );
            reading.note_at("dispatch.lease", text);
        }
    }
}

/// Checks that providers have an address to call: `links.base`, never the host of a request, with a `callback_secret`.
fn callbacks_find_the_way(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    if parts.links.is_some_and(|links| links.base.is_none()) {
        for name in parts.callback_secrets.keys() {
            let text = "needs an address that its provider can call; write base = \"https://…\" in [links]";
            reading.note_at(&format!("gateways.{name}.callback_secret"), text);
        }
    }
    for (name, gateway) in parts.gateways {
        let Some(GatewayConfig::Http(settings)) = gateway else { continue };
        for (key, is_there) in [("receipts", settings.receipts.is_some()), ("replies", settings.replies.is_some())] {
            if is_there && !parts.callback_secrets.contains_key(name) {
                let text = "has no door to come in by; write callback_secret = \"…\" for this gateway";
                reading.note_at(&format!("gateways.{name}.{key}"), text);
            }
        }
    }
}

/// A country that is none would leave every number in national form to a person. Without one the merchants' countries
/// count.
fn replies_come_from_a_country(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for (name, gateway) in parts.gateways {
        let Some(GatewayConfig::Http(settings)) = gateway else { continue };
        let country = settings.replies.as_ref().and_then(|replies| replies.country.as_ref());
        if country.is_some_and(|country| country.to_ascii_uppercase().parse::<phonenumber::country::Id>().is_err()) {
            let text = "is no country code of two letters by ISO 3166; write for example \"CN\"";
            reading.note_at(&format!("gateways.{name}.replies.country"), text);
        }
    }
}

fn approved_templates_are_for_merchants(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for (name, gateway) in parts.gateways {
        let Some(gateway) = gateway else { continue };
        let Some(registered) = gateway.registered() else { continue };
        let owners = registered.templates.iter().filter_map(|template| template.merchant.as_ref());
        let named = owners.map(|owner| (gateway.templates_key(), owner));
        let entities = gateway.dlt_entities().into_iter().map(|owner| ("dlt.entity_ids", owner));
        let signed = registered.sign_names.keys().map(|owner| ("sign_names", owner));
        for (key, merchant) in
            named.chain(signed).chain(entities).filter(|(_, merchant)| !parts.merchants.contains_key(*merchant))
        {
            no_such_merchant(reading, &format!("gateways.{name}.{key}"), merchant, parts);
        }
    }
}

fn senders_are_of_merchants(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for (name, gateway) in parts.gateways {
        let senders = gateway.as_ref().map(GatewayConfig::senders).unwrap_or_default();
        for merchant in senders.into_iter().filter(|merchant| !parts.merchants.contains_key(*merchant)) {
            no_such_merchant(reading, &format!("gateways.{name}.senders.{merchant}"), merchant, parts);
        }
    }
}

fn tokens_are_for_merchants(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for token in parts.api.iter().flat_map(|api| &api.tokens) {
        for merchant in token.merchants.iter().filter(|merchant| !parts.merchants.contains_key(*merchant)) {
            no_such_merchant(reading, &format!("api.tokens[{}].merchants", token.name), merchant, parts);
        }
    }
}

fn staff_work_for_merchants(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    let grants = parts.console.and_then(|console| console.oidc.as_ref()?.grants.as_ref());
    if let Some(OidcMerchants::Fixed(merchants)) = grants.map(|grants| &grants.merchants) {
        for merchant in merchants.iter().filter(|merchant| !parts.merchants.contains_key(*merchant)) {
            no_such_merchant(reading, "console.oidc.merchants", merchant, parts);
        }
    }
}

fn no_such_merchant(reading: &Reading<'_, '_>, key: &str, merchant: &MerchantId, parts: &Parts<'_>) {
    let known = parts.merchants.keys().map(MerchantId::as_str);
    reading.note_at(key, none_such("merchant", merchant.as_str(), known, "merchants"));
}

pub(super) fn none_such<'k>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'k str> + Clone,
    section: &str,
) -> String {
    match nearest(name, known.clone()) {
        Some(meant) => format!("there is no {what} {name:?}; did you mean {meant:?}?"),
        None if known.clone().next().is_none() => {
            format!("there is no {what} {name:?}; write a section [{section}.{name}]")
        }
        None => format!("there is no {what} {name:?}; write {}", any_of(known)),
    }
}
