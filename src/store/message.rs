//! Messages as they were handed over.

use chrono::{DateTime, Utc};

use crate::domain::{EventKind, GatewayName, Message, MessageFault};

/// The message that one attempt handed over, or may have handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentMessage {
    /// Which attempt.
    pub attempt: u32,
    /// When its outcome was recorded first.
    pub at: DateTime<Utc>,
    /// The latest news of it: accepted, unknown, delivered or undelivered.
    pub kind: EventKind,
    /// Through which gateway.
    pub gateway: Option<GatewayName>,
    /// The message, whose hash agrees; or why it cannot be shown.
    pub message: Result<Message, MessageFault>,
}

impl SentMessage {
    /// One for each attempt, of its events, oldest first: a later one says more of what became of it, and only one
    /// keeps the message.
    pub(super) fn by_attempt(events: Vec<Self>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for event in events {
            match all.iter_mut().find(|one| one.attempt == event.attempt) {
                None => all.push(event),
                Some(one) => {
                    one.kind = event.kind;
                    one.gateway = one.gateway.take().or(event.gateway);
                    if one.message == Err(MessageFault::NotKept) {
                        one.message = event.message;
                    }
                }
            }
        }
        all
    }
}
