//! `[caps]`: frequency caps per person.

use std::collections::BTreeMap;

use super::reading::Section;
use super::value::{Value, flag, integer};
use crate::domain::Channel;
use crate::plan::{Cap, Caps};

/// Reads `[caps]`; without the section there are none.
pub(super) fn read(root: &mut Section<'_, '_, '_>) -> Option<Option<Caps>> {
    let Some(mut section) = root.optional_section("caps")? else { return Some(None) };
    let all = cap(&mut section);
    let mut channels = BTreeMap::new();
    for channel in Channel::ALL {
        let Some(own) = section.optional_section(channel.as_str())? else { continue };
        let mut own = own;
        channels.insert(*channel, cap(&mut own));
        own.finish();
    }
    let across_merchants = section.or("across_merchants", false, flag);
    if all == Some(Cap::default()) && channels.is_empty() {
        let text = "caps nothing; write for example per_day = 2, or sms = { per_7_days = 4 }, or leave the section out";
        section.reading.note_at(&section.path, text);
    }
    section.finish();
    let channels = channels.into_iter().map(|(channel, cap)| Some((channel, cap?))).collect::<Option<_>>()?;
    Some(Some(Caps { all: all?, channels, across_merchants: across_merchants? }))
}

fn cap(section: &mut Section<'_, '_, '_>) -> Option<Cap> {
    let most = |value: &Value<'_>| integer(value, 1..=1000);
    let per_day = section.optional("per_day", most);
    let per_7_days = section.optional("per_7_days", most);
    if let (Some(Some(day)), Some(Some(days))) = (per_day, per_7_days)
        && day > days
    {
        section.reading.note_at(&section.key("per_day"), "is more than per_7_days; write a smaller number");
    }
    Some(Cap { per_day: per_day?, per_7_days: per_7_days? })
}
