//! Suppressions: addresses that must not be contacted.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::reminder::words;
use super::{AddressKey, MerchantId, SkipReason, UnknownWord};

/// Why an address must not be contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SuppressionReason {
    /// The borrower asked for it.
    OptedOut,
    /// The address does not exist or refuses for good.
    Bounced,
    /// The recipient reported the message.
    Complained,
    /// Staff entered it.
    Manual,
}
words!(SuppressionReason {
    OptedOut => "opted_out", Bounced => "bounced", Complained => "complained", Manual => "manual",
});

impl SuppressionReason {
    /// The reason that a skipped reminder shows.
    #[must_use]
    pub fn skip_reason(self) -> SkipReason {
        match self {
            Self::OptedOut => SkipReason::OptedOut,
            Self::Bounced | Self::Complained | Self::Manual => SkipReason::Suppressed,
        }
    }
}

/// The prefix of [`Suppression::source`], before the gateway's name, where a person opted out by a reply: a reply can
/// lift only such a suppression.
pub const BY_REPLY: &str = "reply:";

/// An address that must not be contacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// By this merchant only, or by none at all.
    pub merchant: Option<MerchantId>,
    /// The address, in any spelling; its kind is the channel.
    pub address: AddressKey,
    /// Why.
    pub reason: SuppressionReason,
    /// Where it came from: a command, an import, a gateway.
    pub source: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; `None` is for good.
    pub until: Option<DateTime<Utc>>,
}
