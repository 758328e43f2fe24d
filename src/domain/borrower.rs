//! Borrowers, their keys, and holds on them.

use std::fmt;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::{
    Address, BorrowerId, Channel, EmailAddress, Locale, MerchantId, PersonName, Phone, PreferredHours, VerifierHash,
};

/// The key of a borrower: the merchant and its own number for the borrower.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BorrowerKey {
    /// The merchant.
    pub merchant: MerchantId,
    /// The merchant's number for the borrower.
    pub id: BorrowerId,
}

/// A stop for one borrower, whatever the rules say: a dispute, hardship, a legal matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The reason, in the words of the person who set it.
    pub reason: String,
    /// When it ends by itself; `None` holds until somebody lifts it.
    pub until: Option<DateTime<Utc>>,
}

impl Hold {
    /// Whether the hold still stands at `now`.
    #[must_use]
    pub fn stands_at(&self, now: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        self.until.map_or(Ok(()), |until| write!(f, " until {}", until.to_rfc3339()))
    }
}

/// A borrower. `None` means unknown; the merchant's settings replace an unknown locale or time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Borrower {
    /// Merchant and number.
    pub key: BorrowerKey,
    /// The borrower's name.
    pub name: Option<PersonName>,
    /// Where SMS go.
    pub phone: Option<Phone>,
    /// Where e-mail goes.
    pub email: Option<EmailAddress>,
    /// The language of messages.
    pub locale: Option<Locale>,
    /// The time zone of the borrower's local hours.
    pub time_zone: Option<Tz>,
    /// The number that is bound to the mall account: the one to log into the finance app with.
    pub account_phone: Option<Phone>,
    /// The expected answer to the page's question, as a keyed hash.
    pub verifier: Option<VerifierHash>,
    /// A stop for this borrower.
    pub hold: Option<Hold>,
    /// The channel that goes first where a rule chooses one.
    pub preferred_channel: Option<Channel>,
    /// When this borrower likes to be contacted, within the contact hours.
    pub preferred_hours: Option<PreferredHours>,
}

impl Borrower {
    /// A borrower of whom only the number is known.
    #[must_use]
    pub fn unknown(key: BorrowerKey) -> Self {
        Self {
            key,
            name: None,
            phone: None,
            email: None,
            locale: None,
            time_zone: None,
            account_phone: None,
            verifier: None,
            hold: None,
            preferred_channel: None,
            preferred_hours: None,
        }
    }
}

impl Borrower {
    /// The address on a channel, whether a message can reach it or not. SQL has the same in `src/store/sql/channel.rs`.
    #[must_use]
    pub fn address(&self, channel: Channel) -> Option<Address> {
        match channel {
            Channel::Sms => self.phone.clone().map(Address::Phone),
            Channel::Email => self.email.clone().map(Address::Email),
        }
    }
}
