//! Attempts to send a reminder, their outcomes and their events.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use super::reminder::words;
use super::{
    Code, GatewayName, HoldCause, ManualChange, MessageRecord, Outcome, ReminderId, RouteKey, SkipReason, State,
    UnknownWord,
};

/// The right to hand one reminder to one gateway once. It is made by a claim, cannot be copied, and is used up by
/// [`Attempt::settle`]: a claimed reminder cannot be settled without an outcome, nor twice.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a claimed reminder stays `sending` until its attempt is settled"]
pub struct Attempt {
    reminder: ReminderId,
    number: u32,
    gateway: GatewayName,
}

impl Attempt {
    /// Only a store makes one: when it has recorded the claim, or when it hands out an unknown one to be resolved.
    pub(crate) fn claimed(reminder: ReminderId, number: u32, gateway: GatewayName) -> Self {
        Self { reminder, number, gateway }
    }

    /// Which reminder.
    #[must_use]
    pub fn reminder(&self) -> ReminderId {
        self.reminder
    }

    /// Which try this is, from 1. Every later write carries it, so that a late zombie overwrites nothing.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The gateway it was claimed for.
    #[must_use]
    pub fn gateway(&self) -> &GatewayName {
        &self.gateway
    }

    /// Records the outcome of the attempt and the next step.
    #[must_use]
    pub fn settle(self, outcome: Outcome, next: Next, at: DateTime<Utc>) -> Settlement {
        Settlement { attempt: self, outcome, next, at, fall_back_at: None, resolver: None, route: None, message: None }
    }
}

/// The next step after an attempt, derived from its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The gateway took the message over; receipts may follow.
    Accepted,
    /// Final.
    Failed,
    /// The reminder gets another attempt.
    Retry {
        /// The earliest time of the attempt.
        not_before: DateTime<Utc>,
        /// The gateway for it, as an index into the channel's gateways, from 0.
        gateway_index: u16,
    },
    /// Nothing was sent, and nothing will be while the cause persists.
    Hold {
        /// The cause.
        cause: HoldCause,
        /// When the reminder expires.
        until: DateTime<Utc>,
    },
    /// The fate of the message is unknown; it is never tried again without proof.
    Unknown,
}

/// An attempt with its outcome, ready to be recorded.
#[derive(Debug, PartialEq, Eq)]
pub struct Settlement {
    attempt: Attempt,
    outcome: Outcome,
    next: Next,
    at: DateTime<Utc>,
    fall_back_at: Option<DateTime<Utc>>,
    resolver: Option<ManualChange>,
    route: Option<RouteKey>,
    message: Option<MessageRecord>,
}

/// The copy of what was decided about an attempt gives no right to another: the store counts one of them.
impl Clone for Settlement {
    fn clone(&self) -> Self {
        let Attempt { reminder, number, gateway } = &self.attempt;
        Self {
            attempt: Attempt { reminder: *reminder, number: *number, gateway: gateway.clone() },
            outcome: self.outcome.clone(),
            next: self.next.clone(),
            at: self.at,
            fall_back_at: self.fall_back_at,
            resolver: self.resolver.clone(),
            route: self.route.clone(),
            message: self.message.clone(),
        }
    }
}

impl Settlement {
    /// Says that another channel is to be tried then, unless a receipt says before that the message arrived. Only for
    /// an end: accepted or failed.
    #[must_use]
    pub fn falling_back_at(self, at: DateTime<Utc>) -> Self {
        Self { fall_back_at: Some(at), ..self }
    }

    /// Adds the person who resolved an unknown outcome, and the reason: they are on record in place of the gateway's
    /// code.
    #[must_use]
    pub fn resolved_by(self, by: ManualChange) -> Self {
        Self { resolver: Some(by), ..self }
    }

    /// The person who resolved an unknown outcome, and the reason.
    #[must_use]
    pub fn resolver(&self) -> Option<&ManualChange> {
        self.resolver.as_ref()
    }

    /// Says to which route the message led by a link that is the same for everybody.
    #[must_use]
    pub fn leading_to(self, route: Option<RouteKey>) -> Self {
        Self { route, ..self }
    }

    /// The route of such a link, if the message went out or may have.
    #[must_use]
    pub fn route(&self) -> Option<&RouteKey> {
        self.route.as_ref().filter(|_| self.may_have_left())
    }

    fn may_have_left(&self) -> bool {
        matches!(self.next, Next::Accepted | Next::Unknown)
    }

    /// Keeps the message, if it went out or may have.
    #[must_use]
    pub fn keeping(self, message: impl FnOnce() -> MessageRecord) -> Self {
        let message = self.may_have_left().then(message);
        Self { message, ..self }
    }

    /// The message, if it went out or may have.
    #[must_use]
    pub fn message(&self) -> Option<&MessageRecord> {
        self.message.as_ref()
    }

    /// When another channel is to be tried.
    #[must_use]
    pub fn fall_back_at(&self) -> Option<DateTime<Utc>> {
        self.fall_back_at
    }

    /// Which reminder.
    #[must_use]
    pub fn reminder(&self) -> ReminderId {
        self.attempt.reminder
    }

    /// The fence: the write is void unless the outbox still holds this number.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.attempt.number
    }

    /// The outcome of the attempt.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// The next step.
    #[must_use]
    pub fn next(&self) -> &Next {
        &self.next
    }

    /// The event that records it.
    #[must_use]
    pub fn event(&self) -> Event {
        Event {
            reminder: self.attempt.reminder,
            attempt: self.attempt.number,
            at: self.at,
            kind: match self.next {
                Next::Accepted => EventKind::Accepted,
                Next::Failed => EventKind::Failed,
                Next::Retry { .. } => EventKind::Retry,
                Next::Hold { .. } => EventKind::Held,
                Next::Unknown => EventKind::Unknown,
            },
            gateway: Some(self.attempt.gateway.clone()),
            provider_id: match &self.outcome {
                Outcome::Accepted { provider_id } => provider_id.clone(),
                _ => None,
            },
            detail: match &self.next {
                Next::Hold { cause, .. } => Some(cause.to_string()),
                _ => self.resolver.as_ref().map(words).or_else(|| self.outcome.code().map(Code::to_string)),
            },
        }
    }
}

fn words(by: &ManualChange) -> String {
    format!("{}: {}", by.actor, by.reason)
}

/// An event in the life of a reminder. Events are only ever appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The reminder.
    pub reminder: ReminderId,
    /// The number of the attempt; 0 before the first.
    pub attempt: u32,
    /// The time, by the store's clock or the sender's.
    pub at: DateTime<Utc>,
    /// The kind of event.
    pub kind: EventKind,
    /// The gateway, if one was involved.
    pub gateway: Option<GatewayName>,
    /// The gateway's own number for the message.
    pub provider_id: Option<String>,
    /// Why: a [`SkipReason`], a gateway's [`Code`], a [`HoldCause`], or why it was deferred. Never personal data.
    pub detail: Option<String>,
}

/// The detail of the `retry` after an unknown outcome by which an e-mail is sent a second time. From then on two copies
/// may exist, and what becomes of one says nothing about the other. Statements of the stores name it.
pub const SENT_ONCE_MORE: &str = "sent_once_more";

/// The beginning of the detail of a `skipped` by which a person cancelled a reminder; behind a colon who and why.
pub const WITHDRAWN: &str = "withdrawn";

impl Event {
    /// The event of a reminder that a person cancelled: who and why are on record.
    #[must_use]
    pub fn withdrawn(reminder: ReminderId, attempt: u32, by: &ManualChange) -> Self {
        Self {
            reminder,
            attempt,
            at: by.at,
            kind: EventKind::Skipped,
            gateway: None,
            provider_id: None,
            detail: Some(format!("{WITHDRAWN}: {}: {}", by.actor, by.reason)),
        }
    }

    /// The event of a reminder that is not sent.
    #[must_use]
    pub fn skipped(reminder: ReminderId, attempt: u32, reason: SkipReason, at: DateTime<Utc>) -> Self {
        Self {
            reminder,
            attempt,
            at,
            kind: EventKind::Skipped,
            gateway: None,
            provider_id: None,
            detail: Some(reason.to_string()),
        }
    }

    /// The event of a reminder that is held from now on.
    #[must_use]
    pub fn held(reminder: ReminderId, attempt: u32, cause: &HoldCause, at: DateTime<Utc>) -> Self {
        let detail = Some(cause.to_string());
        Self { reminder, attempt, at, kind: EventKind::Held, gateway: None, provider_id: None, detail }
    }

    /// The event of a reminder that is held no more, and is decided afresh.
    #[must_use]
    pub fn released(reminder: ReminderId, attempt: u32, cause: &HoldCause, at: DateTime<Utc>) -> Self {
        Self { kind: EventKind::Released, ..Self::held(reminder, attempt, cause, at) }
    }

    /// The event of a hand-over whose sender was not heard of again while its lease ran.
    #[must_use]
    pub fn lease_expired(reminder: ReminderId, attempt: u32, gateway: Option<GatewayName>, at: DateTime<Utc>) -> Self {
        let detail = Some("lease_expired".to_owned());
        Self { reminder, attempt, at, kind: EventKind::Unknown, gateway, provider_id: None, detail }
    }
}

/// Kinds of [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// Put off to another hour; `detail` says why.
    Deferred,
    /// Held, for the cause in `detail`.
    Held,
    /// Held no more: the cause in `detail` is gone, or the reminder has expired meanwhile.
    Released,
    /// Moved to another time, as its rule or its borrower changed while it waited.
    Moved,
    /// Planned again: what it was skipped for is no longer so.
    Revived,
    /// Not taken over; another try follows.
    Retry,
    /// May or may not have gone.
    Unknown,
    /// The gateway took it over.
    Accepted,
    /// A receipt says that it arrived.
    Delivered,
    /// A receipt says that it did not.
    Undelivered,
    /// Final rejection, or attempts used up.
    Failed,
    /// Not sent, for the reason in `detail`.
    Skipped,
}
words!(EventKind {
    Deferred => "deferred", Held => "held", Released => "released", Moved => "moved",
    Revived => "revived", Retry => "retry", Unknown => "unknown",
    Accepted => "accepted", Delivered => "delivered",
    Undelivered => "undelivered", Failed => "failed", Skipped => "skipped",
});

impl EventKind {
    /// The state that a reminder has after this event when nothing more is to be done with it.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Self::Deferred | Self::Released | Self::Moved | Self::Revived | Self::Retry => State::Planned,
            Self::Held => State::Held,
            Self::Unknown => State::Unknown,
            Self::Accepted => State::Accepted,
            Self::Delivered => State::Delivered,
            Self::Undelivered => State::Undelivered,
            Self::Failed => State::Failed,
            Self::Skipped => State::Skipped,
        }
    }
}
