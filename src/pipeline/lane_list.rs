//! The gateways of a channel as its lanes see them: each list, and the lane's place in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::breaker::Admission;
use super::gateway_handle::GatewayHandle;
use super::hand_over::GatewayPosition;
use crate::domain::Channel;
use crate::plan::GatewayLists;

/// A list of gateways that names the gateway of a lane.
#[derive(Debug, Clone)]
pub(super) struct LaneList {
    /// The gateway index of the list's first gateway.
    pub(super) first_index: u16,
    /// The list's gateways, in the order in which they are tried.
    handles: Arc<[Arc<GatewayHandle>]>,
    /// The lane's gateway among them, from 0.
    place: u16,
}

/// The gateways of a channel, each with the lists that name it. `handles` are all gateways of the channel; without
/// lists they are one.
pub(super) fn lists_of_channel(
    lists: &GatewayLists,
    channel: Channel,
    handles: Vec<GatewayHandle>,
) -> Vec<(Arc<GatewayHandle>, Vec<LaneList>)> {
    let handles: Vec<_> = handles.into_iter().map(Arc::new).collect();
    let by_name: BTreeMap<_, _> = handles.iter().map(|handle| (handle.gateway.name(), handle)).collect();
    let named = lists.lists(channel).map(|list| {
        let known = list.gateways.iter().filter_map(|name| by_name.get(name).copied().cloned());
        (list.first_index, known.collect::<Arc<[_]>>())
    });
    let mut named: Vec<_> = named.collect();
    if named.is_empty() {
        named.push((0, handles.iter().cloned().collect()));
    }
    let of_gateway = |handle: &Arc<GatewayHandle>| {
        let lists = named.iter().filter_map(|(first_index, handles)| {
            let place = handles.iter().position(|one| Arc::ptr_eq(one, handle))?;
            let place = u16::try_from(place).unwrap_or(u16::MAX);
            Some(LaneList { first_index: *first_index, handles: Arc::clone(handles), place })
        });
        (Arc::clone(handle), lists.collect())
    };
    handles.iter().map(of_gateway).collect()
}

impl LaneList {
    /// The gateway indexes whose reminders the lane sends: its own, and those of unhealthy gateways before it.
    pub(super) fn gateway_indexes(&self, elapsed: Duration) -> impl Iterator<Item = u16> {
        let (own, count) = (usize::from(self.place), self.handles.len());
        let is_unwell =
            move |place: &usize| matches!(self.handles[*place].breaker.admits(elapsed), Admission::NothingFor(_));
        let before = (1..count).map(move |back| (own + count - back) % count).take_while(is_unwell);
        let place = std::iter::once(own).chain(before).filter_map(|place| u16::try_from(place).ok());
        place.map(|place| self.first_index + place)
    }

    /// Where the lane hands over what waits in the list.
    pub(super) fn position(&self) -> GatewayPosition {
        GatewayPosition {
            handle: Arc::clone(&self.handles[usize::from(self.place)]),
            first_index: self.first_index,
            place: self.place,
            gateway_count: u16::try_from(self.handles.len()).unwrap_or(u16::MAX),
        }
    }
}
