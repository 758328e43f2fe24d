//! Notices: one-off messages to selected borrowers.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};

use super::reminder::words;
use super::{BorrowerKey, Channel, NoticeName, TemplateName, UnknownWord};

/// A one-off message to a selected set of borrowers, as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name; no other notice ever has the same one.
    pub name: NoticeName,
    /// The template of its messages, which are made from no other.
    pub template: TemplateName,
    /// The selection of its borrowers, in words.
    pub selection: String,
    /// Its state.
    pub state: NoticeState,
    /// The person who made it; on record.
    pub actor: String,
    /// The reason; on record.
    pub reason: String,
    /// When it was made.
    pub at: DateTime<Utc>,
}

/// The state of a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeState {
    /// Its recipients are being gathered.
    Draft,
    /// It has more recipients than one person may write to.
    AwaitingApproval,
    /// Its messages are put into the outbox, and leave as any others do.
    Sending,
    /// Nothing more of it leaves until it is resumed.
    Paused,
    /// Nothing more of it leaves.
    Cancelled,
}
words!(NoticeState {
    Draft => "draft", AwaitingApproval => "awaiting_approval", Sending => "sending", Paused => "paused",
    Cancelled => "cancelled",
});

impl NoticeState {
    /// Whether somebody may bring it from here to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use NoticeState::{AwaitingApproval, Cancelled, Draft, Paused, Sending};
        match self {
            Draft => matches!(next, AwaitingApproval | Sending | Cancelled),
            AwaitingApproval => matches!(next, Sending | Cancelled),
            Sending => matches!(next, Paused | Cancelled),
            Paused => matches!(next, Sending | Cancelled),
            Cancelled => false,
        }
    }
}

/// A change of a notice's state, with actor, time and reason. Only ever added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeChange {
    /// The new state.
    pub state: NoticeState,
    /// The time of the change.
    pub at: DateTime<Utc>,
    /// The person who made it.
    pub actor: String,
    /// The reason.
    pub reason: String,
}

/// A recipient of a notice, which writes to each borrower at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The borrower.
    pub borrower: BorrowerKey,
    /// The due date that the message is about: if no instalment of that day is open any more, nothing is sent.
    pub due_date: NaiveDate,
    /// The channel.
    pub channel: Channel,
}

/// The facts that a claim needs about the notice of a reminder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeFacts {
    /// Its current state.
    pub state: NoticeState,
    /// The template of its messages.
    pub template: TemplateName,
}
