//! Whether every merchant's messages have gateways that carry them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::channels::ReadLists;
use super::coherence::{Parts, none_such};
use super::reading::Reading;
use crate::domain::{Channel, GatewayName, Merchant, MerchantId};
use crate::plan::{GatewayLists, OwnGateways, Rule};
use crate::render::Phase;

impl Parts<'_> {
    /// The gateways of a merchant on a channel, and the key that names them; `None` where none are named, or where
    /// there was a mistake.
    fn gateways_of(&self, merchant: &MerchantId, channel: Channel) -> Option<(String, &[GatewayName])> {
        match self.own_gateways.get(merchant).and_then(|own| own.get(&channel)) {
            Some(own) => Some((own_key(merchant, channel), own.as_deref()?)),
            None => Some((format!("channels.{channel}.gateways"), self.channels.get(&channel)?.as_deref()?)),
        }
    }

    /// Every gateway by which a rule's messages may leave on a channel.
    pub(super) fn gateways_of_rule(&self, rule: &Rule, channel: Channel) -> BTreeSet<&GatewayName> {
        let merchants = self.merchants.keys().filter(|merchant| rule.is_for(merchant));
        merchants.filter_map(|merchant| Some(self.gateways_of(merchant, channel)?.1)).flatten().collect()
    }

    fn has_gateways(&self, merchant: &MerchantId, channel: Channel) -> bool {
        let own = self.own_gateways.get(merchant);
        self.channels.contains_key(&channel) || own.is_some_and(|own| own.contains_key(&channel))
    }
}

fn own_key(merchant: &MerchantId, channel: Channel) -> String {
    format!("merchants.{merchant}.gateways.{channel}")
}

/// The lists without mistakes.
pub(super) fn whole(channels: ReadLists, own: BTreeMap<MerchantId, ReadLists>) -> Option<GatewayLists> {
    let sound = |lists: ReadLists| {
        lists.into_iter().map(|(channel, names)| Some((channel, names?))).collect::<Option<BTreeMap<_, _>>>()
    };
    let own = own.into_iter().map(|(merchant, lists)| Some((merchant, sound(lists)?))).collect::<Option<OwnGateways>>();
    Some(GatewayLists::new(sound(channels)?, own?))
}

/// Notes what does not fit together.
pub(super) fn check(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    rules_have_gateways(reading, parts);
    lists_name_gateways_that_carry_them(reading, parts);
    lists_are_few(reading, parts);
    gateways_carry_what_rules_send(reading, parts);
}

/// Each rule needs gateways of every merchant that it sends for.
fn rules_have_gateways(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for read in parts.rules {
        let is_for = |merchant: &&MerchantId| read.merchants.is_empty() || read.merchants.contains(*merchant);
        for channel in read.channels.iter().copied() {
            let has_own = |own: &ReadLists| own.contains_key(&channel);
            let lacks = |merchant: &&MerchantId| !parts.has_gateways(merchant, channel);
            let text = if parts.channels.contains_key(&channel) {
                continue;
            } else if !parts.own_gateways.values().any(has_own) {
                format!("needs gateways for {channel}; write [channels.{channel}] with gateways = [\"…\"]")
            } else if let Some(merchant) = parts.merchants.keys().filter(is_for).find(lacks) {
                format!(
                    "needs gateways for {channel} of {merchant}; write gateways = {{ {channel} = [\"…\"] }} in \
                     [merchants.{merchant}], or [channels.{channel}] for every merchant without gateways of its own"
                )
            } else {
                continue;
            };
            reading.note_at(&format!("{}.channels", read.path), text);
        }
    }
}

fn lists_name_gateways_that_carry_them(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    let shared =
        parts.channels.iter().map(|(channel, names)| (format!("channels.{channel}.gateways"), *channel, names));
    let own = parts.own_gateways.iter().flat_map(|(merchant, lists)| {
        lists.iter().map(move |(channel, names)| (own_key(merchant, *channel), *channel, names))
    });
    for (key, channel, names) in shared.chain(own) {
        for name in names.iter().flatten() {
            match parts.gateways.get(name) {
                None => {
                    let known = parts.gateways.keys().map(GatewayName::as_str);
                    reading.note_at(&key, none_such("gateway", name.as_str(), known, "gateways"));
                }
                Some(Some(gateway)) if gateway.channel() != channel => {
                    let text = format!(
                        "{:?} carries {}, not {channel}; name another gateway",
                        name.as_str(),
                        gateway.channel()
                    );
                    reading.note_at(&key, text);
                }
                Some(_) => {}
            }
        }
    }
}

fn lists_are_few(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    for channel in Channel::ALL {
        let lists = parts.own_gateways.values().filter_map(|own| own.get(channel)?.as_ref());
        let count = lists.collect::<BTreeSet<_>>().len();
        if count >= GatewayLists::MOST {
            let text = format!(
                "name {count} different lists of gateways for {channel}; {} are the most: let merchants share them",
                GatewayLists::MOST - 1
            );
            reading.note_at("merchants", text);
        }
    }
}

/// A provider of approved templates sends nothing else: each rule needs one that stands for its message.
fn gateways_carry_what_rules_send(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    let merchants: Vec<_> = parts.merchants.values().flatten().collect();
    for (name, gateway) in parts.gateways {
        let Some(gateway) = gateway else { continue };
        let (channel, Some(registered)) = (gateway.channel(), gateway.registered()) else { continue };
        let sends = |merchant: &Merchant| {
            parts.gateways_of(&merchant.id, channel).is_some_and(|(_, names)| names.contains(name))
        };
        for read in parts.rules.iter().filter(|read| read.channels.contains(&channel)) {
            let Some(rule) = &read.rule else { continue };
            for template in templates_of(rule) {
                let lacks = |merchant: &&&Merchant| {
                    rule.is_for(&merchant.id) && sends(merchant) && !registered.carries(template, merchant)
                };
                let Some(merchant) = merchants.iter().find(lacks) else { continue };
                let text = format!(
                    "sends {template:?} by gateway {:?}, whose provider has approved no such template for {}; write \
                     [gateways.{name}.{}.{template}]",
                    name.as_str(),
                    merchant.id,
                    gateway.templates_key(),
                );
                reading.note_at(&read.path, text);
            }
        }
    }
}

/// The templates of a rule's messages: its own template, or those of the phases in which its steps lie.
fn templates_of(rule: &Rule) -> BTreeSet<&str> {
    let phase = |offset: i32| match offset.cmp(&0) {
        Ordering::Less => Phase::Before,
        Ordering::Equal => Phase::On,
        Ordering::Greater => Phase::After,
    };
    match &rule.template {
        Some(template) => BTreeSet::from([template.as_str()]),
        None => rule.days.offsets().into_iter().map(|offset| phase(offset).as_str()).collect(),
    }
}
