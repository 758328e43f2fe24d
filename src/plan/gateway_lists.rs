//! By which gateways each merchant's messages leave: the channel's, or a list of the merchant's own.
//!
//! A waiting reminder has a number, its gateway index, which says for which gateway of which list it waits. Each list
//! has a range of [`GatewayLists::WIDTH`] numbers: the channel's list begins at 0, the lists of merchants follow. So a
//! claim, which asks for one number, never finds a reminder of another list, and costs the same whether merchants have
//! lists or not. The numbers of the merchants' lists change with the config: a daemon that starts moves what waits for
//! another number than the merchant's, and a claim passes on what it finds in the wrong list.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Channel, GatewayName, MerchantId, NewReminder};

/// The gateways of every channel, and of the merchants that have some of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GatewayLists {
    channels: BTreeMap<Channel, ChannelLists>,
}

/// The lists of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ChannelLists {
    /// The channel's list, which may be empty, and then those of merchants, each once.
    lists: Vec<Vec<GatewayName>>,
    /// The number of a merchant's own list.
    own: BTreeMap<MerchantId, usize>,
}

/// Gateways in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayList<'a> {
    /// The gateway index of the first.
    pub first_index: u16,
    /// The gateways.
    pub gateways: &'a [GatewayName],
}

/// The merchants of a channel that have gateways of their own.
pub type OwnGateways = BTreeMap<MerchantId, BTreeMap<Channel, Vec<GatewayName>>>;

impl GatewayLists {
    /// How many gateways a list has at most. The stores reckon with it to find the first of a list.
    pub const WIDTH: u16 = 16;

    /// How many lists a channel has at most: a gateway index is kept in 16 bits with a sign.
    pub const MOST: usize = 2_047;

    /// Of `shared` lists, which are the channels', and lists of merchants' own.
    #[must_use]
    pub fn new(shared: BTreeMap<Channel, Vec<GatewayName>>, own: OwnGateways) -> Self {
        let mut channels = BTreeMap::<Channel, ChannelLists>::new();
        for (channel, gateways) in shared {
            channels.entry(channel).or_default().lists.push(gateways);
        }
        for (merchant, by_channel) in own {
            for (channel, gateways) in by_channel {
                let of_channel = channels.entry(channel).or_default();
                if of_channel.lists.is_empty() {
                    of_channel.lists.push(Vec::new());
                }
                let lists = &mut of_channel.lists;
                let number = match lists.iter().skip(1).position(|list| *list == gateways) {
                    Some(place) => place + 1,
                    None => {
                        lists.push(gateways);
                        lists.len() - 1
                    }
                };
                of_channel.own.insert(merchant.clone(), number);
            }
        }
        Self { channels }
    }

    /// The channels by which something is sent.
    pub fn channels(&self) -> impl Iterator<Item = Channel> {
        self.channels.keys().copied()
    }

    /// The gateways of a merchant; none where the channel has no list and the merchant has none of its own.
    #[must_use]
    pub fn of(&self, channel: Channel, merchant: &MerchantId) -> &[GatewayName] {
        let Some(of_channel) = self.channels.get(&channel) else { return &[] };
        of_channel.lists.get(of_channel.number(merchant)).map_or(&[], Vec::as_slice)
    }

    /// The gateway that carries a merchant's messages as long as it works.
    #[must_use]
    pub fn first(&self, channel: Channel, merchant: &MerchantId) -> Option<&GatewayName> {
        self.of(channel, merchant).first()
    }

    /// The channel's own list.
    #[must_use]
    pub fn shared(&self, channel: Channel) -> &[GatewayName] {
        self.channels.get(&channel).and_then(|of_channel| of_channel.lists.first()).map_or(&[], Vec::as_slice)
    }

    /// All lists of a channel that have gateways.
    pub fn lists(&self, channel: Channel) -> impl Iterator<Item = GatewayList<'_>> {
        let lists = self.channels.get(&channel).into_iter().flat_map(|of_channel| &of_channel.lists);
        lists
            .enumerate()
            .map(|(number, gateways)| GatewayList { first_index: first_index(number), gateways })
            .filter(|list| !list.gateways.is_empty())
    }

    /// Every gateway of a channel, once: those of its list first.
    #[must_use]
    pub fn gateways(&self, channel: Channel) -> Vec<&GatewayName> {
        let mut seen = BTreeSet::new();
        self.lists(channel).flat_map(|list| list.gateways).filter(|name| seen.insert(*name)).collect()
    }

    /// The merchants with gateways of their own on a channel.
    pub fn own(&self, channel: Channel) -> impl Iterator<Item = (&MerchantId, GatewayList<'_>)> {
        self.channels.get(&channel).into_iter().flat_map(|of_channel| {
            of_channel.own.iter().filter_map(|(merchant, number)| {
                let gateways = of_channel.lists.get(*number)?;
                Some((merchant, GatewayList { first_index: first_index(*number), gateways }))
            })
        })
    }

    /// The gateway index for which a merchant's new reminders wait.
    #[must_use]
    pub fn first_index(&self, channel: Channel, merchant: &MerchantId) -> u16 {
        self.channels.get(&channel).map_or(0, |of_channel| first_index(of_channel.number(merchant)))
    }

    /// The gateway index for which a reminder is to wait instead, if its merchant's list is not the one that begins at
    /// `first_index`.
    #[must_use]
    pub fn elsewhere(&self, reminder: &NewReminder, first_index: u16) -> Option<u16> {
        let own = self.first_index(reminder.key.channel, &reminder.key.borrower.merchant);
        (own != first_index).then_some(own)
    }

    /// The gateway index for which what waits for one that no list has is to wait instead: that of its list's first
    /// gateway, or else of any list. `None` for an index that some list has, and where there is no list.
    #[must_use]
    pub fn rescue(&self, channel: Channel, gateway_index: u16) -> Option<u16> {
        let firsts: Vec<_> = self.lists(channel).map(|list| (list.first_index, list.gateways.len())).collect();
        let has = |(first, count): &(u16, usize)| {
            gateway_index.checked_sub(*first).is_some_and(|place| usize::from(place) < *count)
        };
        if firsts.iter().any(has) {
            return None;
        }
        let own = firsts.iter().find(|(first, _)| *first == Self::first_of_list(gateway_index));
        own.or(firsts.first()).map(|(first, _)| *first)
    }

    /// Whether a gateway index is that of the first gateway of a list.
    #[must_use]
    pub fn is_first(gateway_index: u16) -> bool {
        gateway_index.is_multiple_of(Self::WIDTH)
    }

    /// The gateway index of the first gateway of the list that this one is in.
    #[must_use]
    pub fn first_of_list(gateway_index: u16) -> u16 {
        gateway_index - gateway_index % Self::WIDTH
    }
}

impl ChannelLists {
    fn number(&self, merchant: &MerchantId) -> usize {
        if self.own.is_empty() { 0 } else { self.own.get(merchant).copied().unwrap_or(0) }
    }
}

fn first_index(number: usize) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX).saturating_mul(GatewayLists::WIDTH)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{GatewayLists, OwnGateways};
    use crate::domain::{Channel, GatewayName, MerchantId};

    fn names(names: &[&str]) -> Vec<GatewayName> {
        names.iter().map(|name| name.parse().expect("a name")).collect()
    }

    fn merchant(name: &str) -> MerchantId {
        name.parse().expect("an id")
    }

    fn own(of: &[(&str, Channel, &[&str])]) -> OwnGateways {
        let mut own = OwnGateways::new();
        for (name, channel, gateways) in of {
            own.entry(merchant(name)).or_default().insert(*channel, names(gateways));
        }
        own
    }

    #[test]
    fn each_list_has_numbers_of_its_own_and_merchants_with_equal_lists_share_them() {
        let shared = BTreeMap::from([(Channel::Sms, names(&["a", "b"]))]);
        let own = own(&[
            ("harbour", Channel::Sms, &["c", "b"]),
            ("mall", Channel::Email, &["m"]),
            ("market", Channel::Sms, &["c", "b"]),
            ("outlet", Channel::Sms, &["a", "b"]),
        ]);
        let lists = GatewayLists::new(shared, own);
        let first = |name: &str| lists.first_index(Channel::Sms, &merchant(name));
        assert_eq!(["mall", "harbour", "market", "outlet"].map(first), [0, 16, 16, 32]);
        assert_eq!(lists.first_index(Channel::Email, &merchant("mall")), 16, "e-mail has no list of its channel");
        assert_eq!(lists.of(Channel::Sms, &merchant("market")), names(&["c", "b"]));
        assert_eq!(lists.of(Channel::Email, &merchant("harbour")), names(&[]));
        assert_eq!(lists.gateways(Channel::Sms), names(&["a", "b", "c"]).iter().collect::<Vec<_>>());
        assert_eq!(lists.lists(Channel::Email).map(|list| list.first_index).collect::<Vec<_>>(), [16]);
        assert!(GatewayLists::is_first(32) && !GatewayLists::is_first(33));
        assert_eq!(GatewayLists::first_of_list(33), 32);
        let rescued = |index| lists.rescue(Channel::Sms, index);
        assert_eq!([1, 17, 33].map(rescued), [None; 3], "some list has them");
        assert_eq!([2, 18, 47, 48].map(rescued), [Some(0), Some(16), Some(32), Some(0)]);
        assert_eq!(lists.rescue(Channel::Email, 0), Some(16), "the only list there");
    }
}
