//! The attempts at a reminder with their receipts, and its messages as they were sent.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Event, EventKind};
use crate::pipeline::{MessageContent, MessageView};

/// One try to hand a reminder to a gateway.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReminderAttempt {
    /// From 1.
    number: u32,
    gateway: Option<String>,
    /// `accepted`, `failed`, `unknown`, or `retry` if it proved not to be sent; `null` while it is being sent.
    outcome: Option<&'static str>,
    /// When the outcome was recorded.
    at: Option<DateTime<Utc>>,
    /// A code of the gateway, or who settled it and why.
    detail: Option<String>,
    /// The number that the gateway gave it.
    provider_id: Option<String>,
    /// Oldest first.
    receipts: Vec<DeliveryReceipt>,
}

/// A report of the gateway about the delivery.
#[derive(Debug, Serialize, ToSchema)]
struct DeliveryReceipt {
    at: DateTime<Utc>,
    /// `delivered` or `undelivered`.
    state: &'static str,
    detail: Option<String>,
}

/// The attempts in events that are oldest first. A later outcome takes the place of an unknown one.
pub(super) fn attempts(events: &[Event]) -> Vec<ReminderAttempt> {
    let mut attempts: Vec<ReminderAttempt> = Vec::new();
    for event in events.iter().filter(|event| event.attempt > 0) {
        let is_outcome =
            matches!(event.kind, EventKind::Accepted | EventKind::Failed | EventKind::Unknown | EventKind::Retry);
        let is_receipt = matches!(event.kind, EventKind::Delivered | EventKind::Undelivered);
        if !is_outcome && !is_receipt {
            continue;
        }
        let place = attempts.iter().position(|attempt| attempt.number == event.attempt).unwrap_or_else(|| {
            attempts.push(ReminderAttempt::new(event.attempt));
            attempts.len() - 1
        });
        if let Some(attempt) = attempts.get_mut(place) {
            attempt.note(event, is_receipt);
        }
    }
    attempts
}

impl ReminderAttempt {
    fn new(number: u32) -> Self {
        Self { number, gateway: None, outcome: None, at: None, detail: None, provider_id: None, receipts: Vec::new() }
    }

    fn note(&mut self, event: &Event, is_receipt: bool) {
        if let Some(gateway) = &event.gateway {
            self.gateway = Some(gateway.to_string());
        }
        if is_receipt {
            let (at, state, detail) = (event.at, event.kind.as_str(), event.detail.clone());
            self.receipts.push(DeliveryReceipt { at, state, detail });
            return;
        }
        self.outcome = Some(event.kind.as_str());
        self.at = Some(event.at);
        self.detail.clone_from(&event.detail);
        self.provider_id = event.provider_id.clone().or_else(|| self.provider_id.take());
    }
}

/// The message of one attempt as it was sent, with the tokens of its links masked.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct MessageAsSent {
    attempt: u32,
    at: DateTime<Utc>,
    /// The latest news of it.
    event: &'static str,
    gateway: Option<String>,
    /// Why it cannot be shown, if it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// Of the message with its tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// Whether it is the hash that was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_agrees: Option<bool>,
    /// The provider's code of its template.
    #[serde(skip_serializing_if = "Option::is_none")]
    template_code: Option<String>,
    /// The sender's name that the provider knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// Name and value of each parameter of the provider's template.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    parameters: Vec<Vec<String>>,
    /// The subject of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// The HTML of an e-mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
    /// Where its recipient unsubscribes.
    #[serde(skip_serializing_if = "Option::is_none")]
    unsubscribe: Option<String>,
}

impl From<MessageView> for MessageAsSent {
    fn from(view: MessageView) -> Self {
        let MessageView { attempt, at, event, gateway, content } = view;
        let head = Self { attempt, at, event, gateway, ..Self::default() };
        match content {
            MessageContent::Missing { problem } => Self { problem: Some(problem), ..head },
            MessageContent::Shown { hash, hash_agrees, parts } => Self {
                hash: Some(hash),
                hash_agrees: Some(hash_agrees),
                template_code: parts.template_code,
                signature: parts.signature,
                parameters: parts.parameters.into_iter().map(|(name, value)| vec![name, value]).collect(),
                subject: parts.subject,
                text: Some(parts.text),
                html: parts.html,
                unsubscribe: parts.unsubscribe,
                ..head
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::attempts;
    use crate::domain::{Event, EventKind, ReminderId};

    fn event(attempt: u32, kind: EventKind, second: i64) -> Event {
        Event {
            reminder: ReminderId(1),
            attempt,
            at: DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(second),
            kind,
            gateway: "kannel".parse().ok(),
            provider_id: (kind == EventKind::Accepted).then(|| "p-1".to_owned()),
            detail: Some(kind.to_string()),
        }
    }

    #[test]
    fn each_attempt_has_its_last_outcome_and_its_receipts() {
        let events = [
            event(0, EventKind::Deferred, 1),
            event(1, EventKind::Retry, 2),
            event(2, EventKind::Unknown, 3),
            event(2, EventKind::Accepted, 4),
            event(2, EventKind::Delivered, 5),
        ];
        let told: Vec<_> = attempts(&events)
            .iter()
            .map(|one| (one.number, one.outcome, one.provider_id.is_some(), one.receipts.len()))
            .collect();
        assert_eq!(told, [(1, Some("retry"), false, 0), (2, Some("accepted"), true, 1)]);
    }
}
