//! `[channels.*]`: the ordered list of gateways of each channel.

use std::collections::BTreeMap;

use super::mistake::any_of;
use super::reading::Section;
use super::value::text;
use crate::domain::{Channel, GatewayName};

/// Reads `[channels.*]`: by channel, its gateways in the order in which they are tried. `None` where there was a
/// mistake.
pub(super) fn read(root: &mut Section<'_, '_, '_>) -> BTreeMap<Channel, Option<Vec<GatewayName>>> {
    let mut channels = BTreeMap::new();
    for (name, mut section) in root.named("channels") {
        let gateway = |value: &super::value::Value<'_>| {
            GatewayName::new(text(value)?).map_err(|problem| format!("{problem}; write the name of a gateway"))
        };
        let gateways = section.required_list("gateways", r#"["mail"]"#, gateway);
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
