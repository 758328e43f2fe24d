//! The history of a reminder, in words.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Reason;
use crate::domain::{Event, EventKind, GatewayName, HoldCause, Origin, ReminderId, SkipReason, WITHDRAWN};
use crate::plan::DeferReason;
use crate::store::ReminderView;

/// The reminder of a step in the outbox, with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Timeline {
    /// The reminder's number.
    #[schema(value_type = i64)]
    pub id: ReminderId,
    /// When it was planned.
    pub planned_at: DateTime<Utc>,
    /// Not sent before then.
    pub not_before: DateTime<Utc>,
    /// Not sent at or after then.
    pub expires_at: DateTime<Utc>,
    /// How often it was claimed for sending.
    pub attempts: u32,
    /// The time of the next try, while it is planned.
    pub next_try: Option<DateTime<Utc>>,
    /// When another channel is tried, unless a receipt says before that it arrived.
    pub falls_back_at: Option<DateTime<Utc>>,
    /// The person who asked for it by hand, and the reason.
    pub asked: Option<ResendRequester>,
    /// The events, oldest first.
    pub events: Vec<TimelineEvent>,
}

/// The person who asked for a resend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ResendRequester {
    /// The name of the person.
    pub actor: String,
    /// The reason.
    pub reason: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TimelineEvent {
    /// When.
    pub at: DateTime<Utc>,
    /// What: the word of [`EventKind`].
    pub event: &'static str,
    /// At which attempt; 0 before the first.
    pub attempt: u32,
    /// Through which gateway.
    #[schema(value_type = Option<String>)]
    pub gateway: Option<GatewayName>,
    /// The gateway's own number for the message.
    pub provider_id: Option<String>,
    /// Why.
    pub why: Option<Reason>,
    /// All of it in words.
    pub text: String,
}

impl Timeline {
    pub(super) fn of(view: &ReminderView, events: &[Event], falls_back_at: Option<DateTime<Utc>>) -> Self {
        let plan = &view.reminder.plan;
        Self {
            id: view.reminder.id,
            planned_at: view.reminder.planned_at,
            not_before: plan.not_before,
            expires_at: plan.expires_at,
            attempts: view.attempts,
            next_try: view.next_try,
            falls_back_at,
            asked: match &plan.origin {
                Origin::Schedule | Origin::Notice | Origin::Reply => None,
                Origin::Manual { actor, reason, .. } => {
                    Some(ResendRequester { actor: actor.clone(), reason: reason.clone() })
                }
            },
            events: events.iter().map(TimelineEvent::of).collect(),
        }
    }
}

impl TimelineEvent {
    fn of(event: &Event) -> Self {
        Self {
            at: event.at,
            event: event.kind.as_str(),
            attempt: event.attempt,
            gateway: event.gateway.clone(),
            provider_id: event.provider_id.clone(),
            why: event.detail.as_deref().map(why),
            text: in_words(event),
        }
    }
}

/// The reason behind an event's detail: a word of ours, or else what the gateway or a person said.
pub(in crate::pipeline) fn why(detail: &str) -> Reason {
    let skipped = detail.parse().ok().map(SkipReason::explained);
    let deferred = || DeferReason::ALL.into_iter().find(|reason| reason.as_str() == detail).map(DeferReason::explained);
    if let Ok(HoldCause { reason, .. }) = detail.parse() {
        return Reason { word: reason.to_string(), text: reason.explained().to_owned() };
    }
    if let Some(note) = detail.strip_prefix(WITHDRAWN).and_then(|rest| rest.strip_prefix(": ")) {
        return Reason { word: WITHDRAWN.to_owned(), text: format!("a person cancelled it ({note})") };
    }
    let ours = match detail {
        "lease_expired" => Some("its sender was not heard of again"),
        _ => None,
    };
    let text = ours.or(skipped).or_else(deferred).unwrap_or(detail);
    Reason { word: detail.to_owned(), text: text.to_owned() }
}

fn in_words(event: &Event) -> String {
    let reason = event.detail.as_deref().map(|detail| why(detail).text);
    let because = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let gateway = event.gateway.as_ref().map_or("the gateway", |gateway| gateway.as_str());
    let attempt = event.attempt;
    match event.kind {
        EventKind::Deferred => format!("put off{because}"),
        EventKind::Held => format!("held{because}"),
        EventKind::Released => format!("to be decided again; it was held{because}"),
        EventKind::Moved => format!("moved to another time{because}"),
        EventKind::Revived => format!("planned again{because}"),
        EventKind::Skipped => format!("not sent{because}"),
        EventKind::Retry => format!("attempt {attempt} through {gateway} did not go through{because}; another follows"),
        EventKind::Unknown => {
            format!("attempt {attempt} through {gateway}: nobody knows whether it went out{because}")
        }
        EventKind::Accepted => {
            let number = event.provider_id.as_ref().map(|id| format!(" as {id}")).unwrap_or_default();
            format!("attempt {attempt}: taken over by {gateway}{number}{because}")
        }
        EventKind::Delivered => format!("arrived, says {gateway}{because}"),
        EventKind::Undelivered => format!("did not arrive, says {gateway}{because}"),
        EventKind::Failed => format!("attempt {attempt} through {gateway} failed for good{because}"),
    }
}
