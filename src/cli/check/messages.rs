//! Parts and price of each merchant's SMS, by its real names, and texts that the law demands and they lack.

use std::io::{self, Write};

use crate::cli::template::{indiscreet_templates, missing_texts, parts_in_words, sms_length, sms_price};
use crate::config::Config;
use crate::domain::{Channel, Merchant};
use crate::render::Renderer;

/// Prints the parts, and the price, of each SMS in the merchant's language with one instalment.
pub(super) fn show(config: &Config, renderer: &Renderer, merchant: &Merchant, out: &mut dyn Write) -> io::Result<()> {
    if config.policy.gateways.of(Channel::Sms, &merchant.id).is_empty() {
        return Ok(());
    }
    let mut lengths = Vec::new();
    for info in renderer.templates() {
        let is_for = info.merchant.as_deref().is_none_or(|owner| owner == merchant.id.as_str());
        let is_spoken = merchant.locale.is_of(&info.locale);
        if info.channel != Channel::Sms || !is_for || !is_spoken {
            continue;
        }
        if let Ok(Some(length)) = sms_length(renderer, info, merchant, 1) {
            lengths.push(format!("{} {}", info.template, parts_in_words(length.parts, sms_price(config, merchant))));
        }
    }
    if lengths.is_empty() { Ok(()) } else { writeln!(out, "    SMS: {}", lengths.join("; ")) }
}

/// The texts that a jurisdiction demands and the templates of its merchants leave out, and amounts that templates show
/// where the config wants discreet messages.
pub(super) fn missing(config: &Config, renderer: &Renderer) -> Vec<String> {
    let merchants = config.policy.merchants.values();
    let demanded = merchants.flat_map(|merchant| missing_texts(renderer, merchant));
    let indiscreet = indiscreet_templates(renderer, &config.policy);
    demanded.chain(indiscreet).map(|problem| problem.to_string()).collect()
}
