//! `[channels.*]` and `gateways` of `[merchants.*]`: ordered lists of gateways, of each channel and of merchants' own.

use std::collections::BTreeMap;

use super::mistake::any_of;
use super::reading::Section;
use super::value::{Value, text};
use crate::domain::{Channel, GatewayName};
use crate::plan::GatewayLists;

/// By channel, gateways in the order in which they are tried; `None` where there was a mistake.
pub(super) type ReadLists = BTreeMap<Channel, Option<Vec<GatewayName>>>;

/// Reads `[channels.*]`.
pub(super) fn read(root: &mut Section<'_, '_, '_>) -> ReadLists {
    let mut channels = BTreeMap::new();
    for (name, mut section) in root.named("channels") {
        let gateways = section.required_list("gateways", r#"["mail"]"#, gateway);
        let gateways = gateways.filter(|list| is_short(&section, "gateways", list));
        match name.parse::<Channel>() {
            Ok(channel) => _ = channels.insert(channel, gateways),
            Err(_) => {
                let known = any_of(Channel::ALL.iter().map(|channel| channel.as_str()));
                section.reading.note_at(&section.path, format!("is no channel; write {known}"));
            }
        }
        section.finish();
    }
    channels
}

/// Reads `gateways = { sms = ["aliyun-mall", "twilio"] }` of a merchant; empty where it has none of its own.
pub(super) fn read_own(merchant: &mut Section<'_, '_, '_>) -> ReadLists {
    let example = r#"gateways = { sms = ["aliyun-mall", "twilio"] }"#;
    let Some(Some(mut section)) = merchant.optional_table("gateways", example) else { return ReadLists::new() };
    let mut own = ReadLists::new();
    for channel in Channel::ALL {
        let key = channel.as_str();
        match section.list(key, gateway) {
            Some(None) => {}
            None => _ = own.insert(*channel, None),
            Some(Some(list)) if list.is_empty() => {
                let text = "is empty; name a gateway, or leave it out for those of the channel";
                section.reading.note_at(&section.key(key), text);
                own.insert(*channel, None);
            }
            Some(Some(list)) => _ = own.insert(*channel, Some(list).filter(|list| is_short(&section, key, list))),
        }
    }
    if own.is_empty() && section.is_empty() {
        section.reading.note_at(&section.path, format!("names no channel; write for example {example}"));
    }
    section.finish();
    own
}

fn gateway(value: &Value<'_>) -> Result<GatewayName, String> {
    GatewayName::new(text(value)?).map_err(|problem| format!("{problem}; write the name of a gateway"))
}

fn is_short(section: &Section<'_, '_, '_>, key: &str, list: &[GatewayName]) -> bool {
    let is_short = list.len() <= usize::from(GatewayLists::WIDTH);
    if !is_short {
        let text = format!("names {} gateways; name {} at most", list.len(), GatewayLists::WIDTH);
        section.reading.note_at(&section.key(key), text);
    }
    is_short
}
