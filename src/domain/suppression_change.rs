//! Changes of stops and suppressions by hand.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::reminder::words;
use super::{AddressKey, Channel, MerchantId, UnknownWord};

/// Who changes something by hand, why and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManualChange {
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// What a person does to stops and suppressions.
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

/// What a change of stops and suppressions is about.
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
        /// Which.
        address: AddressKey,
    },
    /// So many addresses.
    Addresses(u64),
}

/// A change of stops or suppressions by hand, as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressionChange {
    /// Its number.
    pub id: i64,
    /// What was done.
    pub action: SuppressionAction,
    /// To what.
    pub scope: SuppressionScope,
    /// Who did it, why and when.
    pub change: ManualChange,
}
