//! Gateways of merchants' own, as rows that statements join: what is put in waits for the first of its merchant's.

use super::value::stored_gateway_index;
use crate::domain::Channel;
use crate::plan::GatewayLists;

/// The list of one merchant on one channel.
pub(in crate::store) struct OwnList {
    pub(in crate::store) merchant: String,
    pub(in crate::store) channel: &'static str,
    /// The gateway index of its first gateway.
    pub(in crate::store) first_index: i16,
    /// The one behind its last.
    pub(in crate::store) end_index: i16,
}

/// The lists of merchants' own on one channel.
pub(in crate::store) fn own_lists(lists: &GatewayLists, channel: Channel) -> Vec<OwnList> {
    let own = lists.own(channel).map(|(merchant, list)| {
        let count = u16::try_from(list.gateways.len()).unwrap_or(GatewayLists::WIDTH);
        OwnList {
            merchant: merchant.to_string(),
            channel: channel.as_str(),
            first_index: stored_gateway_index(list.first_index),
            end_index: stored_gateway_index(list.first_index.saturating_add(count)),
        }
    });
    own.collect()
}

/// Those of all channels.
pub(in crate::store) fn all_own_lists(lists: &GatewayLists) -> Vec<OwnList> {
    lists.channels().flat_map(|channel| own_lists(lists, channel)).collect()
}

/// The gateway index of the first gateway of the list that a row `$q` waits in: lists begin at multiples of
/// [`GatewayLists::WIDTH`].
macro_rules! first_of_list {
    ($q:literal) => {
        concat!($q, ".gateway_index - ", $q, ".gateway_index % 16")
    };
}
pub(in crate::store) use first_of_list;

const _: () = assert!(GatewayLists::WIDTH == 16, "the statements name it");
