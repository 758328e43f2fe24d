//! The entries about people: replies, clicks, acts of staff, changes of preferences and suppressions. Pure.

use super::entries::{EvidenceBuilder, TimelinePoint};
use super::in_force::is_of;
use crate::domain::{
    AuditEntry, AuditPersonal, Click, EvidenceEntry, Suppression, SuppressionChange, SuppressionScope,
};
use crate::pipeline::masked_address_text;
use crate::store::{PreferencesRecord, ReplyRecord};

/// All of them, in no order.
pub(super) fn entries(builder: &EvidenceBuilder<'_>) -> Vec<TimelinePoint> {
    let facts = builder.facts;
    let is_audited = |change: &&PreferencesRecord| facts.audit.iter().any(|one| is_of(one, change.at, &change.actor));
    let mut entries: Vec<_> = facts.replies.iter().map(|one| (one.at, reply(builder, one))).collect();
    entries.extend(facts.clicks.iter().map(|one| (one.at, click(builder, one))));
    entries.extend(facts.audit.iter().map(|one| (one.record.at, act(builder, one))));
    let older = facts.preferences.iter().filter(|change| !is_audited(change));
    entries.extend(older.map(|one| (one.at, preferences(builder, one))));
    entries.extend(facts.suppressions.iter().map(|one| (one.since, suppression(builder, one))));
    entries.extend(facts.suppression_changes.iter().map(|one| (one.change.at, suppression_change(builder, one))));
    entries
}

fn reply(builder: &EvidenceBuilder<'_>, one: &ReplyRecord) -> EvidenceEntry {
    let from = one.from.address().map(|address| builder.address(address.as_address()));
    builder
        .happened("reply", one.at)
        .with("reply", one.id)
        .with("channel", one.from.channel())
        .maybe("address", from)
        .maybe("reminder", one.reminder)
        .with("gateway", &one.gateway)
        .with("intent", one.intent)
        .with("text", &one.said)
        .maybe("unread", one.unread.then_some("yes"))
}

fn click(builder: &EvidenceBuilder<'_>, one: &Click) -> EvidenceEntry {
    builder.happened("click", one.at).with("reminder", one.reminder).with("route", &one.route)
}

/// An act of a person or a token, as the audit log has it.
fn act(builder: &EvidenceBuilder<'_>, one: &AuditEntry) -> EvidenceEntry {
    let record = &one.record;
    let values = one.personal.values().unwrap_or_default();
    let shown = |text: String| if builder.request.reveal { text } else { masked_address_text(&text) };
    let missing = match &one.personal {
        AuditPersonal::Text { .. } => None,
        AuditPersonal::Erased => Some("erased"),
        AuditPersonal::Sealed => Some("sealed"),
    };
    builder
        .happened("act", record.at)
        .with("action", &record.action)
        .with("actor", &record.actor)
        .with("door", &record.door)
        .with("signer", &record.signer)
        .maybe("reminder", record.reminder)
        .maybe("object", record.object.as_ref())
        .maybe("address", values.address.map(shown))
        .maybe("reason", values.reason)
        .maybe("before", values.before)
        .maybe("after", values.after)
        .maybe("personal", missing)
        .with("audit_entry", record.number)
}

fn preferences(builder: &EvidenceBuilder<'_>, one: &PreferencesRecord) -> EvidenceEntry {
    builder.happened("preferences", one.at).with("actor", &one.actor).with("after", &one.said)
}

fn suppression(builder: &EvidenceBuilder<'_>, one: &Suppression) -> EvidenceEntry {
    builder
        .happened("suppression", one.since)
        .with("channel", one.address.channel())
        .with("address", builder.address(one.address.as_address()))
        .with("suppression", one.reason)
        .with("source", &one.source)
        .maybe("until", one.until.map(|until| builder.at(until)))
        .maybe("for_all", one.merchant.is_none().then_some("yes"))
}

fn suppression_change(builder: &EvidenceBuilder<'_>, one: &SuppressionChange) -> EvidenceEntry {
    let entry = builder.happened("suppression_change", one.change.at).with("suppression_action", one.action);
    let entry = match &one.scope {
        SuppressionScope::Address { merchant, address } => entry
            .with("channel", address.channel())
            .with("address", builder.address(address.as_address()))
            .maybe("for_all", merchant.is_none().then_some("yes")),
        SuppressionScope::Addresses(count) => entry.with("addresses", count),
        SuppressionScope::Stop { .. } => entry,
    };
    entry.with("actor", &one.change.actor).with("reason", &one.change.reason)
}
