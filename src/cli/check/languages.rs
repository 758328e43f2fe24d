//! Templates that are missing in a merchant's language: English takes their place, which may not be meant.

use std::collections::BTreeSet;

use crate::config::Config;
use crate::domain::Merchant;
use crate::render::TemplateInfo;

/// The templates that a merchant's borrowers get in English although the merchant has another locale.
pub(super) fn missing(config: &Config, templates: &[&TemplateInfo]) -> Vec<String> {
    config.policy.merchants.values().filter_map(|merchant| missing_for(config, merchant, templates)).collect()
}

fn missing_for(config: &Config, merchant: &Merchant, templates: &[&TemplateInfo]) -> Option<String> {
    let language = merchant.locale.language();
    let of_merchant = |info: &&&TemplateInfo| info.merchant.as_deref().is_none_or(|id| id == merchant.id.as_str());
    let name = |info: &&TemplateInfo| format!("{}/{}", info.template, info.channel);
    let all: BTreeSet<_> = templates.iter().filter(of_merchant).map(name).collect();
    let spoken: BTreeSet<_> =
        templates.iter().filter(of_merchant).filter(|info| info.locale.language() == language).map(name).collect();
    let missing: Vec<_> = all.difference(&spoken).map(String::as_str).collect();
    let text = match (missing.len(), spoken.len()) {
        (0, _) => return None,
        (_, 0) => format!(
            "is {}, a language in which there is no template: messages are in English; write templates for it, or \
             name another locale",
            merchant.locale
        ),
        _ => format!(
            "is {}, and there is no template in that language for {}: these are in English",
            merchant.locale,
            missing.join(", ")
        ),
    };
    Some(config.mistake(&format!("merchants.{}.locale", merchant.id), text).to_string())
}
