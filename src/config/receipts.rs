//! Whether a fallback can learn that its message arrived. Where no gateway ever says so, everybody gets the message on
//! each channel.

use std::collections::BTreeSet;

use super::coherence::Parts;
use super::gateways::GatewayConfig;
use super::mistake::{Mistake, Mistakes};
use super::reading::Reading;
use super::{Config, ConfigError};
use crate::domain::{Channel, GatewayName};
use crate::plan::{ChannelMode, Rule};

/// Notes rules that fall back from a gateway that never reports what has arrived.
pub(super) fn check(reading: &Reading<'_, '_>, parts: &Parts<'_>) {
    let gateways_of = |rule: &Rule, channel: Channel| {
        let names = parts.gateways_of_rule(rule, channel).into_iter();
        let known = names.filter_map(|name| parts.gateways.get_key_value(name));
        known.filter_map(|(name, gateway)| Some((name, gateway.as_ref()?))).collect::<Vec<_>>()
    };
    // A secret that is mistaken is one all the same.
    let is_called = |name: &GatewayName| {
        parts.callback_secrets.contains_key(name) || reading.has(&format!("gateways.{name}.callback_secret"))
    };
    for (read, rule) in parts.rules.iter().filter_map(|read| Some((read, read.rule.as_ref()?))) {
        let gateways = falls_back_from(rule).flat_map(|channel| gateways_of(rule, *channel));
        let silent = gateways.filter(|(_, gateway)| !matches!(gateway, GatewayConfig::Capture(_)));
        let silent = silent.filter_map(|(name, gateway)| Some((name, advice(name, gateway, is_called(name))?)));
        for (name, advice) in silent {
            reading.note_at(&key(&read.path), text(name, &advice));
        }
    }
}

impl Config {
    /// Every gateway by which a rule's messages may leave on a channel.
    fn gateways_of_rule(&self, rule: &Rule, channel: Channel) -> BTreeSet<&GatewayName> {
        let merchants = self.policy.merchants.keys().filter(|merchant| rule.is_for(merchant));
        merchants.flat_map(|merchant| self.policy.gateways.of(channel, merchant)).collect()
    }

    /// Checks that no rule falls back from a capture. A trial may run with one, but everything comes twice.
    ///
    /// # Errors
    /// A mistake for each.
    pub fn check_captures(&self) -> Result<(), ConfigError> {
        let is_capture = |name: &&GatewayName| matches!(self.gateways.get(*name), Some(GatewayConfig::Capture(_)));
        let mistakes: Vec<Mistake> = (self.policy.rules.iter())
            .flat_map(|rule| falls_back_from(rule).map(move |channel| (rule, channel)))
            .flat_map(|(rule, channel)| self.gateways_of_rule(rule, *channel).into_iter().map(move |name| (rule, name)))
            .filter(|(_, name)| is_capture(name))
            .map(|(rule, name)| {
                let advice = "name one that does, as a capture only keeps messages";
                self.mistake(&key(&format!("rules[{}]", rule.name)), text(name, advice))
            })
            .collect();
        if mistakes.is_empty() { Ok(()) } else { Err(ConfigError::Mistakes(Mistakes::new(mistakes))) }
    }
}

/// The channels of which a receipt is waited for: all but the last, after which there is none.
fn falls_back_from(rule: &Rule) -> impl Iterator<Item = &Channel> {
    let is_fallback = matches!(rule.channels.mode, ChannelMode::Fallback { .. });
    let before_last = rule.channels.order.len().saturating_sub(1);
    rule.channels.order.iter().take(if is_fallback { before_last } else { 0 })
}

/// Advice on how to make a gateway report deliveries; `None` for one that reports them.
fn advice(name: &GatewayName, gateway: &GatewayConfig, is_called: bool) -> Option<String> {
    let secret = || format!("write callback_secret = \"…\" in [gateways.{name}] and give its provider the address");
    match gateway {
        GatewayConfig::Smtp(_) => Some("of an e-mail only bounces are known: name email last".to_owned()),
        GatewayConfig::Http(settings) => match &settings.receipts {
            None => Some(format!("write receipts = {{ … }} and callback_secret = \"…\" in [gateways.{name}]")),
            Some(receipts) if receipts.delivered.is_empty() => {
                Some(format!("name in gateways.{name}.receipts.delivered what it says then"))
            }
            // Without a secret that is a mistake of its own.
            Some(_) => None,
        },
        GatewayConfig::Vendor { .. } => (!is_called).then(secret),
        GatewayConfig::Capture(_) => None,
    }
}

fn key(rule: &str) -> String {
    format!("{rule}.channels.mode")
}

fn text(gateway: &GatewayName, advice: &str) -> String {
    format!(
        "waits for receipts, and gateway {:?} never reports that a message arrived, so everybody would get both; \
         {advice}, or write mode = \"first_available\"",
        gateway.as_str()
    )
}
