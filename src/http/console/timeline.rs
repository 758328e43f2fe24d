//! The history of a borrower's reminders, in one list: plans, attempts, receipts, replies, clicks, payments, changes by
//! staff. Pure.

use std::cmp::Reverse;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::borrower::Sight;
use super::words::DeskWords;
use crate::domain::{Action, Click, EventKind, InstallmentStatus};
use crate::pipeline::{BorrowerRecord, StepExplanation, Timeline};
use crate::store::{PreferencesRecord, ReplyRecord, SettledInstallment};

/// The most entries that a page shows.
const MOST: usize = 300;

/// An entry of the list.
#[derive(Debug, Serialize)]
pub(super) struct EntryView {
    #[serde(skip)]
    at: DateTime<Utc>,
    time: String,
    /// `good`, `bad`, `warm` or empty: how the entry is marked.
    mark: &'static str,
    text: String,
    /// The reminder that it belongs to.
    reminder: Option<i64>,
    channel: Option<String>,
    /// Whether a message of the reminder can be shown.
    has_message: bool,
}

/// The list, newest first.
pub(super) fn timeline(record: &BorrowerRecord, words: &DeskWords, sight: Sight<'_>) -> Vec<EntryView> {
    let steps = record.explanation.due_dates.iter().flat_map(|due| due.rules.iter().flat_map(|rule| &rule.steps));
    let mut entries: Vec<_> = steps.flat_map(|step| of_step(step, words)).collect();
    entries.extend(record.replies.iter().map(|reply| of_reply(reply, words, sight)));
    entries.extend(record.clicks.iter().map(|click| of_click(click, words)));
    entries.extend(record.settled.iter().filter_map(|one| of_settlement(record, one, words)));
    entries.extend(record.preferences.iter().map(|change| of_preferences(change, words)));
    entries.sort_by_key(|entry| Reverse(entry.at));
    entries.truncate(MOST);
    entries
}

fn entry(at: DateTime<Utc>, mark: &'static str, text: String, words: &DeskWords) -> EntryView {
    EntryView { at, time: words.second(at), mark, text, reminder: None, channel: None, has_message: false }
}

/// Oldest last, as the events of one instant are in the order in which they happened.
fn of_step(step: &StepExplanation, words: &DeskWords) -> Vec<EntryView> {
    let Some(timeline) = &step.reminder else { return Vec::new() };
    let channel = step.channel.map(|channel| words.channel(channel));
    let of_reminder = |entry: EntryView| EntryView { reminder: Some(timeline.id.0), channel: channel.clone(), ..entry };
    let mut entries: Vec<_> = timeline
        .events
        .iter()
        .rev()
        .map(|event| {
            let has_message = [EventKind::Accepted, EventKind::Unknown].map(EventKind::as_str).contains(&event.event);
            EntryView { has_message, ..entry(event.at, mark(event.event), words.event(event), words) }
        })
        .collect();
    entries.extend(planned(step, timeline, words));
    entries.into_iter().map(of_reminder).collect()
}

fn planned(step: &StepExplanation, timeline: &Timeline, words: &DeskWords) -> Option<EntryView> {
    if let Some(asked) = &timeline.asked {
        let text = words.say("event_asked", &[("actor", &asked.actor), ("reason", &asked.reason)]);
        return Some(entry(timeline.planned_at, "", text, words));
    }
    let key = step.key.as_ref()?;
    let values = [
        ("time", &*words.time(timeline.not_before)),
        ("channel", &*words.channel(key.channel)),
        ("step", &*words.step(&key.step)),
        ("due_date", &*words.date(key.due_date)),
    ];
    Some(entry(timeline.planned_at, "", words.say("event_planned", &values), words))
}

fn mark(event: &str) -> &'static str {
    match event {
        "accepted" | "delivered" => "good",
        "failed" | "undelivered" => "bad",
        "unknown" | "held" | "retry" => "warm",
        _ => "",
    }
}

fn of_reply(reply: &ReplyRecord, words: &DeskWords, sight: Sight<'_>) -> EntryView {
    let mut text = if sight.role.allows(Action::ReadMessages) {
        words.say("event_reply", &[("text", &reply.said)])
    } else {
        words.say("event_reply_hidden", &[])
    };
    if reply.unread {
        text = format!("{text} · {}", words.say("event_reply_unread", &[]));
    }
    let mark = if reply.unread { "warm" } else { "" };
    let channel = Some(words.channel(reply.from.channel()));
    EntryView { channel, reminder: reply.reminder.map(|id| id.0), ..entry(reply.at, mark, text, words) }
}

fn of_click(click: &Click, words: &DeskWords) -> EntryView {
    let text = words.say("event_click", &[("route", click.route.as_str())]);
    EntryView { reminder: Some(click.reminder.0), ..entry(click.at, "good", text, words) }
}

/// A payment, a cancellation, a write-off or a dispute, at the time when it became known.
fn of_settlement(record: &BorrowerRecord, settlement: &SettledInstallment, words: &DeskWords) -> Option<EntryView> {
    let one = record.installments.iter().find(|one| one.id == settlement.installment)?;
    let values = [
        ("installment", one.id.as_str()),
        ("amount", &*words.money(&one.amount)),
        ("due_date", &*words.date(one.due_date)),
    ];
    let (mark, key) = match one.status {
        InstallmentStatus::Cancelled => ("", "event_cancelled_installment"),
        InstallmentStatus::WrittenOff => ("", "event_written_off"),
        InstallmentStatus::Disputed => ("warm", "event_disputed"),
        InstallmentStatus::Open | InstallmentStatus::Paid => ("good", "event_paid"),
    };
    Some(entry(settlement.at, mark, words.say(key, &values), words))
}

fn of_preferences(change: &PreferencesRecord, words: &DeskWords) -> EntryView {
    let text = words.say("event_preferences", &[("actor", &change.actor), ("what", &change.said)]);
    entry(change.at, "", text, words)
}
