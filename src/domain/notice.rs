//! Notices: one-off messages to selected borrowers.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};

use super::reminder::words;
use super::{BorrowerKey, Channel, NoticeName, TemplateName, UnknownWord};

/// A one-off message to a selected set of borrowers, as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is called; there is no other of that name, ever.
    pub name: NoticeName,
    /// What its messages are made from, and nothing else.
    pub template: TemplateName,
    /// Whom it was made for, in words.
    pub selection: String,
    /// Where it stands.
    pub state: NoticeState,
    /// Who made it; on record.
    pub actor: String,
    /// Why; on record.
    pub reason: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// Where a notice stands.
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

/// Who brought a notice to a state, when and why. Only ever added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeChange {
    /// To which.
    pub state: NoticeState,
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
}

/// Whom a notice goes to: each borrower is one of its recipients once at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub borrower: BorrowerKey,
    /// About what is due on this day: if nothing of it is open any more, nothing is sent.
    pub due_date: NaiveDate,
    /// On which channel.
    pub channel: Channel,
}

/// What a claim has to know about the notice of a reminder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeFacts {
    /// Where it stands now.
    pub state: NoticeState,
    /// What its messages are made from.
    pub template: TemplateName,
}
