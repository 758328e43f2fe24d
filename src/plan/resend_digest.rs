//! The digest of the facts that a person saw before a resend, and their changes since.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::domain::{AddressKey, Installment, NewReminder, SkipReason};

/// Separates these hashes from all others.
const LABEL: &str = "dueherald resend, 1";

/// The facts that a message is made from, as a page shows them.
#[derive(Debug, Clone, Copy)]
pub struct ResendBasis<'b> {
    /// The resend.
    pub reminder: &'b NewReminder,
    /// The open instalments.
    pub installments: &'b [Installment],
    /// The recipient's address.
    pub to: &'b AddressKey,
    /// The ways to repay, best first: key and address of each.
    pub ways: &'b [String],
    /// Tells versions of the texts apart.
    pub text_version: &'b str,
}

/// A digest of these facts, one part for each: the text of a hidden field. It holds no personal data, and too few bits
/// of the address to find it by trying.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResendDigest {
    amount: u32,
    due_date: u32,
    route: u32,
    address: u16,
    text: u32,
}

/// A fact that is another one now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResendChange {
    /// Nothing is owed any more.
    Settled(SkipReason),
    /// The open amount.
    Amount,
    /// The due date.
    DueDate,
    /// The way to repay.
    Route,
    /// The address.
    Address,
    /// The text.
    Text,
}

impl ResendChange {
    /// The word in the API and in tests.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Settled(reason) => reason.as_str(),
            Self::Amount => "amount",
            Self::DueDate => "due_date",
            Self::Route => "route",
            Self::Address => "address",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for ResendChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Settled(reason) => reason.explained(),
            Self::Amount => "the open amount",
            Self::DueDate => "the due date",
            Self::Route => "the way to repay",
            Self::Address => "the address",
            Self::Text => "the text",
        })
    }
}

impl ResendDigest {
    /// Of these facts.
    #[must_use]
    pub fn of(basis: &ResendBasis<'_>) -> Self {
        let key = &basis.reminder.key;
        // With the borrower in it: equal amounts of two people look unrelated.
        let part = |what: &str, text: &str| {
            let place =
                format!("{LABEL}\0{what}\0{}\0{}\0{}\0{text}", key.borrower.merchant, key.borrower.id, key.channel);
            let [first, second, third, fourth, ..]: [u8; 32] = Sha256::digest(place).into();
            u32::from_be_bytes([first, second, third, fourth])
        };
        let amount = |one: &Installment| {
            let open = one.outstanding();
            format!("{} {} {}", one.id, open.amount().normalize(), open.currency().code())
        };
        let amounts: Vec<_> = basis.installments.iter().map(amount).collect();
        Self {
            amount: part("amount", &amounts.join("\0")),
            due_date: part("due date", &key.due_date.to_string()),
            route: part("route", &basis.ways.join("\0")),
            address: (part("address", basis.to.reveal()) >> 16) as u16,
            text: part("text", basis.text_version),
        }
    }

    /// The facts that are others now.
    #[must_use]
    pub fn changes(&self, now: &Self) -> Vec<ResendChange> {
        let parts = [
            (self.amount != now.amount, ResendChange::Amount),
            (self.due_date != now.due_date, ResendChange::DueDate),
            (self.route != now.route, ResendChange::Route),
            (self.address != now.address, ResendChange::Address),
            (self.text != now.text, ResendChange::Text),
        ];
        parts.into_iter().filter(|(is_other, _)| *is_other).map(|(_, change)| change).collect()
    }
}

impl fmt::Display for ResendDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { amount, due_date, route, address, text } = self;
        write!(f, "{amount:08x}{due_date:08x}{route:08x}{address:04x}{text:08x}")
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no digest of a resend, as its preview gives it")]
pub struct ResendDigestError;

impl FromStr for ResendDigest {
    type Err = ResendDigestError;
    fn from_str(text: &str) -> Result<Self, ResendDigestError> {
        if text.len() != 36 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ResendDigestError);
        }
        let part = |from: usize| u32::from_str_radix(&text[from..from + 8], 16).map_err(|_| ResendDigestError);
        let address = u16::from_str_radix(&text[24..28], 16).map_err(|_| ResendDigestError)?;
        Ok(Self { amount: part(0)?, due_date: part(8)?, route: part(16)?, address, text: part(28)? })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::{ResendBasis, ResendChange, ResendDigest};
    use crate::domain::{
        Address, AddressKey, BorrowerKey, Channel, Currency, Installment, Money, NewReminder, Origin, Phone,
        ReminderKey,
    };

    #[test]
    fn each_fact_has_its_part_and_the_text_reads_back() {
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let borrower = BorrowerKey { merchant: "mall".parse().expect("a name"), id: "b".parse().expect("a number") };
        let key = ReminderKey {
            borrower: borrower.clone(),
            due_date: at.date_naive(),
            step: "manual/1".parse().expect("a step"),
            channel: Channel::Sms,
        };
        let reminder = NewReminder { key, origin: Origin::Schedule, not_before: at, expires_at: at };
        let money = |text| Money::parse(text, Currency::new("CNY").expect("a code")).expect("an amount");
        let owed = |text| {
            let id = "i".parse().expect("a number");
            [Installment::new(borrower.clone(), id, money(text), at.date_naive())]
        };
        let phone = |text| AddressKey::from(Address::Phone(Phone::new(text).expect("a number")));
        let (installments, to, ways) = (owed("10"), phone("+8613800138000"), ["web https://a.example".to_owned()]);
        let basis =
            ResendBasis { reminder: &reminder, installments: &installments, to: &to, ways: &ways, text_version: "1" };
        let seen = ResendDigest::of(&basis);
        assert_eq!(seen.to_string().parse(), Ok(seen));
        assert_eq!(seen.changes(&ResendDigest::of(&basis)), []);
        let (less, moved) = (owed("9"), phone("+8613800138001"));
        let mut later = reminder.clone();
        later.key.due_date = at.date_naive() + chrono::TimeDelta::days(1);
        let cases = [
            (ResendBasis { installments: &less, ..basis }, ResendChange::Amount),
            (ResendBasis { reminder: &later, ..basis }, ResendChange::DueDate),
            (ResendBasis { ways: &[], ..basis }, ResendChange::Route),
            (ResendBasis { to: &moved, ..basis }, ResendChange::Address),
            (ResendBasis { text_version: "2", ..basis }, ResendChange::Text),
        ];
        for (now, expected) in cases {
            assert_eq!(seen.changes(&ResendDigest::of(&now)), [expected]);
        }
        for text in ["", "x", &seen.to_string()[1..], &format!("{seen}0"), &"é".repeat(18)] {
            assert!(text.parse::<ResendDigest>().is_err(), "{text}");
        }
    }
}
