//! The entries of the document, made from the facts. Pure.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::acts;
use super::in_force::{InForce, instant};
use super::{EvidenceFacts, EvidenceRequest, ReminderFacts};
use crate::domain::{Address, Channel, Event, EventKind, EvidenceEntry, Installment, Merchant, Money, Origin, Step};
use crate::pipeline::explain::reason_of;
use crate::pipeline::{MessageContent, MessageView, masked_address};
use crate::plan::{Basis, Policy, local_date, pack};

/// The builder of the entries.
pub(super) struct EvidenceBuilder<'f> {
    pub(super) facts: &'f EvidenceFacts,
    pub(super) request: &'f EvidenceRequest,
    policy: &'f Policy,
    merchant: Option<&'f Merchant>,
    pub(super) zone: Tz,
    now: DateTime<Utc>,
    in_force: InForce<'f>,
}

/// An entry with its time, by which entries are ordered.
pub(super) type TimelinePoint = (DateTime<Utc>, EvidenceEntry);

/// The entries: first the document itself, then the instalments, then what happened, oldest first.
pub(super) fn entries(
    facts: &EvidenceFacts,
    policy: &Policy,
    request: &EvidenceRequest,
    now: DateTime<Utc>,
) -> Vec<EvidenceEntry> {
    let merchant = policy.merchants.get(&request.key.merchant);
    let zone = merchant.map_or(chrono_tz::UTC, |merchant| merchant.time_zone);
    let in_force = InForce::of(facts, zone, request.reveal);
    let builder = EvidenceBuilder { facts, request, policy, merchant, zone, now, in_force };
    let mut timed: Vec<TimelinePoint> = facts.reminders.iter().flat_map(|one| builder.reminder(one)).collect();
    timed.extend(acts::entries(&builder));
    timed.retain(|(at, _)| request.covers(*at));
    timed.sort_by_key(|(at, _)| *at);
    let messages = timed.iter().filter(|(_, entry)| entry.kind() == "message").count();
    let mut entries = vec![builder.document(messages)];
    entries.extend(facts.installments.iter().map(|(one, settled)| builder.installment(one, *settled)));
    entries.extend(timed.into_iter().map(|(_, entry)| entry));
    entries
}

impl EvidenceBuilder<'_> {
    pub(super) fn at(&self, at: DateTime<Utc>) -> String {
        instant(self.zone, at)
    }

    /// An entry of something that happened at a time.
    pub(super) fn happened(&self, kind: &str, at: DateTime<Utc>) -> EvidenceEntry {
        EvidenceEntry::new(kind).with("at", self.at(at))
    }

    pub(super) fn address(&self, address: &Address) -> String {
        if self.request.reveal { address.reveal().to_owned() } else { masked_address(address) }
    }

    fn document(&self, messages: usize) -> EvidenceEntry {
        let EvidenceRequest { key, note, language, salt, .. } = self.request;
        let borrower = &self.facts.borrower;
        let address = |channel| borrower.address(channel).map(|address| self.address(&address));
        let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        let (preferences, _) = self.in_force.preferences(self.now, self.now);
        EvidenceEntry::new("document")
            .with("merchant", &key.merchant)
            .maybe("merchant_name", self.merchant.map(|merchant| &merchant.name))
            .with("borrower", &key.id)
            .maybe("name", borrower.name.as_ref().map(|name| name.as_str()))
            .maybe("phone", address(Channel::Sms))
            .maybe("email", address(Channel::Email))
            .maybe("from", self.request.from.map(|from| self.at(from)))
            .maybe("until", self.request.until.map(|until| self.at(until)))
            .with("messages", messages)
            .maybe("preferences", preferences)
            .with("suppressions", or_none(&self.in_force.suppressions(self.now)))
            .maybe("jurisdiction", self.merchant.map(|merchant| pack(merchant.jurisdiction).name.clone()))
            .with("time_zone", self.zone.name())
            .with("made_at", self.at(self.now))
            .with("made_by", &note.actor)
            .with("reason", &note.reason)
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("language", language)
            .with("salt", salt)
    }

    fn installment(&self, one: &Installment, settled: Option<DateTime<Utc>>) -> EvidenceEntry {
        let paid = Some(&one.paid_amount).filter(|paid| !paid.amount().is_zero());
        EvidenceEntry::new("installment")
            .with("installment", &one.id)
            .maybe("order", one.readable_order())
            .maybe("product", one.readable_product())
            .maybe("place", one.sequence.zip(one.of).map(|(sequence, of)| format!("{sequence}/{of}")))
            .with("due_date", one.due_date)
            .with("amount", amount(&one.amount))
            .maybe("paid_amount", paid.map(amount))
            .with("left", amount(&one.outstanding()))
            .with("status", one.status)
            .maybe("settled_at", settled.map(|at| self.at(at)))
    }

    /// The messages of a reminder, and everything else that happened to it.
    fn reminder(&self, facts: &ReminderFacts) -> Vec<TimelinePoint> {
        let mut messages: Vec<_> = facts.messages.iter().collect();
        let mut entries = vec![self.planned(facts)];
        for event in &facts.events {
            let hands_over = matches!(event.kind, EventKind::Accepted | EventKind::Unknown);
            let place = messages.iter().position(|one| hands_over && one.attempt == event.attempt);
            let entry = match place {
                Some(place) => self.message(facts, event, messages.remove(place)),
                None => self.event(facts, event),
            };
            entries.push((event.at, entry));
        }
        entries
    }

    fn planned(&self, facts: &ReminderFacts) -> TimelinePoint {
        let reminder = &facts.view.reminder;
        let entry = self.happened("planned", reminder.planned_at).with("reminder", reminder.id);
        let entry = self.cause(entry, facts).with("not_before", self.at(reminder.plan.not_before));
        (reminder.planned_at, entry.with("state", facts.view.state))
    }

    /// Adds why there is this reminder.
    fn cause(&self, entry: EvidenceEntry, facts: &ReminderFacts) -> EvidenceEntry {
        let plan = &facts.view.reminder.plan;
        let entry = entry.with("channel", plan.key.channel).with("due_date", plan.key.due_date);
        let entry = match &plan.key.step {
            Step::Rule { rule, offset } => entry.with("cause", "rule").with("rule", rule).with("offset", offset),
            Step::Manual { .. } => entry.with("cause", "resend"),
            Step::Notice { name } => entry.with("cause", "notice").with("notice", name),
            Step::Confirmation { reply } => entry.with("cause", "confirmation").with("reply", reply),
        };
        match &plan.origin {
            Origin::Manual { actor, reason, of } => {
                entry.with("actor", actor).with("reason", reason).maybe("resend_of", of.as_ref())
            }
            Origin::Schedule | Origin::Notice | Origin::Reply => entry,
        }
    }

    fn message(&self, facts: &ReminderFacts, event: &Event, message: &MessageView) -> EvidenceEntry {
        let entry = self
            .happened("message", event.at)
            .with("reminder", facts.view.reminder.id)
            .with("attempt", event.attempt)
            .with("event", event.kind)
            .maybe("gateway", event.gateway.as_ref())
            .maybe("provider_id", event.provider_id.as_ref());
        let entry = self.content(self.cause(self.why(entry, event), facts), message);
        let entry = self.terms(entry, facts, event.at);
        let (preferences, as_of) = self.in_force.preferences(event.at, self.now);
        entry
            .with("preferences_then", preferences.as_deref().unwrap_or("unknown"))
            .maybe("preferences_as_of", as_of.map(|at| self.at(at)))
            .with("suppressions_then", or_none(&self.in_force.suppressions(event.at)))
    }

    /// Adds the message as it was sent, without the tokens that open the borrower's page.
    fn content(&self, entry: EvidenceEntry, message: &MessageView) -> EvidenceEntry {
        match &message.content {
            MessageContent::Shown { hash, parts, .. } => {
                let parameters: Vec<_> =
                    parts.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                entry
                    .maybe("template_code", parts.template_code.as_ref())
                    .maybe("signature", parts.signature.as_ref())
                    .lines("parameters", &parameters)
                    .maybe("subject", parts.subject.as_ref())
                    .with("text", &parts.text)
                    .maybe("html", parts.html.as_ref().filter(|_| self.request.with_html))
                    .with("content_hash", hash)
            }
            MessageContent::Missing { problem } => entry.with("problem", problem),
        }
    }

    /// Adds the contact hours of the day, and the clause that sets them.
    fn terms(&self, entry: EvidenceEntry, facts: &ReminderFacts, at: DateTime<Utc>) -> EvidenceEntry {
        let Some(merchant) = self.merchant else { return entry };
        let plan = &facts.view.reminder.plan;
        let hours = self.policy.contact_hours(merchant, &self.facts.borrower, self.policy.rule_of(&plan.key.step));
        let home = hours.zones.home();
        let date = local_date(home, at);
        let clause = pack(merchant.jurisdiction).hours_clause(date);
        entry
            .with("local_time", format!("{} {home}", at.with_timezone(&home).format("%F %T %:z")))
            .with("contact_hours", hours.hours.on(date))
            .maybe("clause", clause.map(|clause| &clause.rule))
            .maybe("citation", clause.map(|clause| format!("{} ({})", clause.citation, clause.source)))
            .maybe(
                "basis",
                clause.map(|clause| match clause.basis {
                    Basis::Confirmed => "confirmed",
                    Basis::NotConfirmed => "not_confirmed",
                    Basis::Default => "default",
                }),
            )
    }

    fn event(&self, facts: &ReminderFacts, event: &Event) -> EvidenceEntry {
        let is_receipt = matches!(event.kind, EventKind::Delivered | EventKind::Undelivered);
        let plan = &facts.view.reminder.plan;
        let entry = self
            .happened(if is_receipt { "receipt" } else { "event" }, event.at)
            .with("reminder", facts.view.reminder.id)
            .with("channel", plan.key.channel)
            .with("due_date", plan.key.due_date)
            .maybe("attempt", Some(event.attempt).filter(|attempt| *attempt > 0))
            .with("event", event.kind)
            .maybe("gateway", event.gateway.as_ref())
            .maybe("provider_id", event.provider_id.as_ref());
        self.why(entry, event)
    }

    /// Adds the reason of an event: the word, and what is on record beyond it.
    fn why(&self, entry: EvidenceEntry, event: &Event) -> EvidenceEntry {
        let Some(detail) = &event.detail else { return entry };
        let word = reason_of(detail).word;
        let more = (word != *detail).then_some(detail);
        entry.with("why", word).maybe("detail", more)
    }
}

/// An amount as every language reads it.
fn amount(money: &Money) -> String {
    format!("{} {}", money.amount(), money.currency())
}

/// The lines, or the word for none: that there was none is evidence too.
fn or_none(lines: &[String]) -> String {
    if lines.is_empty() { "none".to_owned() } else { lines.join("\n") }
}
