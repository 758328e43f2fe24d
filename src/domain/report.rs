//! Gateway reports before they are matched to reminders: receipts and replies.

use std::fmt;

use chrono::{DateTime, Utc};

use super::{Code, EmailAddress};

/// The message that a report is about, as the reporter identifies it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReportSubject {
    /// The reference that was handed over with the message; see [`Handover::reference`](crate::gateway::Handover).
    Reference(String),
    /// The number that the provider gave the message.
    ProviderId(String),
    /// The copy of a message that went to one address, which need not be the one that it was sent to: mail is
    /// forwarded.
    Copy {
        /// As in [`ReportSubject::Reference`].
        reference: String,
        /// Where that copy went to.
        recipient: EmailAddress,
    },
}

/// A report that a gateway sends by itself or returns when polled: parsed, not yet matched to a reminder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The fate of a message.
    Fate {
        /// The message.
        about: ReportSubject,
        /// Its reported state.
        fate: ReportedState,
        /// The time, if the report gives one.
        at: Option<DateTime<Utc>>,
    },
    /// A person answered a message.
    Reply(Reply),
}

/// The fate of a message that a gateway had taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedState {
    /// It arrived.
    Delivered,
    /// It did not arrive, and will not.
    Undelivered {
        /// The provider's code.
        code: Option<Code>,
        /// Whether nothing will ever arrive at that address: it is then suppressed.
        for_good: bool,
    },
    /// The recipient reported it as unwanted: it arrived, and the address is suppressed.
    Complained,
}

/// A person's answer to a message. `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The number of the sender, as the gateway writes it: with or without the country's code.
    pub from: String,
    /// The country, two letters by ISO 3166, whose numbers the gateway writes in national form, if it is known.
    pub country: Option<String>,
    /// The message that was answered, where the provider knows it.
    pub about: Option<ReportSubject>,
    /// The text, unchanged.
    pub text: String,
    /// The time, if the provider gives one.
    pub at: Option<DateTime<Utc>>,
    /// The provider's own number for the reply, by which a repeated one is known.
    pub provider_id: Option<String>,
}

impl Reply {
    /// The most characters of an answer that are read: ten parts of an SMS are less. What is as long may have lost its
    /// end.
    pub const MAX_CHARS: usize = 2_000;
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({} bytes)", self.text.len())
    }
}
