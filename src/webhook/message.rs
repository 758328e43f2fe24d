//! The id and the body of an event.

use chrono::SecondsFormat;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::domain::WebhookEvent;

/// An event as it is posted: the same at each delivery, but for instalments that the ledger changed meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookMessage {
    /// `webhook-id`, by which a receiver knows an event that came before.
    pub id: String,
    /// The JSON.
    pub body: String,
}

impl WebhookMessage {
    /// The message of an event.
    #[must_use]
    pub fn new(event: &WebhookEvent) -> Self {
        let at = event.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut data = Map::new();
        let mut put = |key: &str, value: Option<Value>| data.extend(value.map(|value| (key.to_owned(), value)));
        put("merchant", Some(event.merchant.as_str().into()));
        put("borrower", event.borrower.as_ref().map(|borrower| borrower.as_str().into()));
        put("reminder", event.reminder.map(|reminder| reminder.0.into()));
        put("due_date", event.due_date.map(|date| date.to_string().into()));
        put("step", event.step.as_deref().map(Value::from));
        put("channel", event.channel.map(|channel| channel.as_str().into()));
        put("attempt", event.attempt.filter(|attempt| *attempt > 0).map(Value::from));
        put("reason", event.reason.as_deref().map(Value::from));
        put("route", event.route.as_ref().map(|route| route.as_str().into()));
        // A database that went back in time gives the same numbers to other events, so the id covers the content.
        let content = json!([event.table.as_str(), event.number, at, event.kind.as_str(), data]).to_string();
        let ids: Vec<_> = event.installments.iter().map(|id| id.as_str()).collect();
        if event.borrower.is_some() && !ids.is_empty() {
            data.insert("installments".to_owned(), ids.into());
        }
        let hash: String = Sha256::digest(content)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            id: format!("evt_{}_{}_{hash}", event.table, event.number),
            body: json!({ "type": event.kind.as_str(), "timestamp": at, "data": data }).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

    use super::WebhookMessage;
    use crate::domain::{Channel, RecordTable, ReminderId, WebhookEvent, WebhookType};

    fn event() -> WebhookEvent {
        WebhookEvent {
            table: RecordTable::Event,
            number: 42,
            at: DateTime::<Utc>::UNIX_EPOCH,
            kind: WebhookType::Skipped,
            merchant: "mall".parse().expect("an id"),
            borrower: Some("b-1".parse().expect("an id")),
            reminder: Some(ReminderId(7)),
            due_date: NaiveDate::from_ymd_opt(2026, 12, 1),
            step: Some("due-soon/-3".to_owned()),
            channel: Some(Channel::Sms),
            attempt: Some(0),
            reason: Some("paid".to_owned()),
            route: None,
            installments: vec!["i-1".parse().expect("an id"), "i-2".parse().expect("an id")],
        }
    }

    #[test]
    fn a_body_has_ids_times_and_words() {
        let message = WebhookMessage::new(&event());
        insta::assert_snapshot!(message.id, @"evt_event_42_2dde31d1f12874e9");
        insta::assert_snapshot!(message.body, @r#"{"data":{"borrower":"b-1","channel":"sms","due_date":"2026-12-01","installments":["i-1","i-2"],"merchant":"mall","reason":"paid","reminder":7,"step":"due-soon/-3"},"timestamp":"1970-01-01T00:00:00.000000Z","type":"reminder.skipped"}"#);
    }

    #[test]
    fn an_id_stays_while_the_ledger_changes_and_differs_where_the_event_does() {
        let id = WebhookMessage::new(&event()).id;
        assert_eq!(WebhookMessage::new(&WebhookEvent { installments: Vec::new(), ..event() }).id, id);
        assert_ne!(WebhookMessage::new(&WebhookEvent { at: event().at + TimeDelta::seconds(1), ..event() }).id, id);
        assert_ne!(WebhookMessage::new(&WebhookEvent { reminder: Some(ReminderId(8)), ..event() }).id, id);
    }
}
