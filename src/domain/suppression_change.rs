//! Changes of stops and suppressions by hand.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::reminder::words;
use super::{AddressKey, Channel, MerchantId, UnknownWord};

/// The actor, reason and time of a change by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualChange {
    /// The person who makes it.
    pub actor: String,
    /// The reason.
    pub reason: String,
    /// The time.
    pub at: DateTime<Utc>,
}

/// A person's action on stops and suppressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SuppressionAction {
    /// Sets a stop.
    Stop,
    /// Lifts a stop.
    Lift,
    /// Suppresses addresses.
    Add,
    /// Takes an address off the list.
    Remove,
}
words!(SuppressionAction {
    Stop => "stop", Lift => "lift", Add => "add", Remove => "remove",
});

/// The scope of a change of stops and suppressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuppressionScope {
    /// Everything of a merchant or of all, on a channel or on all.
    Stop {
        /// `None`: every merchant.
        merchant: Option<MerchantId>,
        /// `None`: every channel.
        channel: Option<Channel>,
    },
    /// One address.
    Address {
        /// `None`: for every merchant.
        merchant: Option<MerchantId>,
        /// The address.
        address: AddressKey,
    },
    /// A number of addresses.
    Addresses(u64),
}

/// A change of stops or suppressions by hand, as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionChange {
    /// Its number.
    pub id: i64,
    /// The action.
    pub action: SuppressionAction,
    /// Its scope.
    pub scope: SuppressionScope,
    /// The actor, the reason and the time.
    pub change: ManualChange,
}
