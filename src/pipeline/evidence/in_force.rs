//! Preferences and suppressions at an earlier time, from what is on record. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;

use super::EvidenceFacts;
use crate::domain::{
    AddressKey, AuditAction, AuditEntry, ContactPreferences, FieldUpdate, Intent, MerchantId, SuppressionAction,
    SuppressionReason, SuppressionScope,
};
use crate::pipeline::masked_address;

/// A suppression with its beginning and its end.
struct Spell<'f> {
    address: &'f AddressKey,
    reason: &'static str,
    source: &'f str,
    since: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

/// The state of a borrower's preferences and suppressions at any time.
pub(super) struct InForce<'f> {
    facts: &'f EvidenceFacts,
    spells: Vec<Spell<'f>>,
    zone: Tz,
    reveal: bool,
}

impl<'f> InForce<'f> {
    pub(super) fn of(facts: &'f EvidenceFacts, zone: Tz, reveal: bool) -> Self {
        let listed = facts.suppressions.iter().map(|one| Spell {
            address: &one.address,
            reason: one.reason.as_str(),
            source: &one.source,
            since: one.since,
            until: one.until,
        });
        let mut spells: Vec<_> = listed.collect();
        spells.extend(lifted_by_hand(facts));
        spells.extend(lifted_by_reply(facts));
        spells.sort_by_key(|spell| spell.since);
        Self { facts, spells, zone, reveal }
    }

    /// A line for each suppression that held at a time, also those that were lifted later.
    pub(super) fn suppressions(&self, at: DateTime<Utc>) -> Vec<String> {
        let held = |spell: &&Spell<'_>| spell.since <= at && spell.until.is_none_or(|until| at < until);
        let line = |spell: &Spell<'_>| {
            let address = spell.address.as_address();
            let address = if self.reveal { spell.address.reveal().to_owned() } else { masked_address(address) };
            let (channel, reason) = (spell.address.channel(), spell.reason);
            let until = spell.until.map_or_else(|| "..".to_owned(), |until| instant(self.zone, until));
            format!("{channel} {address}: {reason}, {}/{until}, {}", instant(self.zone, spell.since), spell.source)
        };
        self.spells.iter().filter(held).map(line).collect()
    }

    /// The preferences at a time, and when they are known to have been so: at the next change by hand, which found
    /// them, or now. `None` where the record of that change does not say what it found.
    pub(super) fn preferences(&self, at: DateTime<Utc>, now: DateTime<Utc>) -> (Option<String>, Option<DateTime<Utc>>) {
        let Some(next) = self.facts.preferences.iter().find(|change| change.at > at) else {
            let borrower = &self.facts.borrower;
            let known = ContactPreferences {
                hold: FieldUpdate::Set(borrower.hold.clone()),
                locale: FieldUpdate::Set(borrower.locale.clone()),
                preferred_channel: FieldUpdate::Set(borrower.preferred_channel),
                preferred_hours: FieldUpdate::Set(borrower.preferred_hours),
            };
            return (Some(known.to_string()), Some(now));
        };
        let entry = self.facts.audit.iter().find(|entry| is_of(entry, next.at, &next.actor));
        let before = entry.and_then(|entry| entry.personal.values()).and_then(|values| values.before);
        let as_of = before.as_ref().map(|_| next.at);
        (before, as_of)
    }
}

/// Whether an entry of the audit log is about a change of preferences.
pub(super) fn is_of(entry: &AuditEntry, at: DateTime<Utc>, actor: &str) -> bool {
    let actions = [AuditAction::Hold, AuditAction::Release, AuditAction::Preferences].map(AuditAction::as_str);
    actions.contains(&&*entry.record.action) && entry.record.at == at && entry.record.actor == actor
}

/// An instant as it is written everywhere in the document: RFC 3339 in the merchant's zone.
pub(super) fn instant(zone: Tz, at: DateTime<Utc>) -> String {
    at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::Secs, false)
}

/// Suppressions that people added and took out again.
fn lifted_by_hand(facts: &EvidenceFacts) -> Vec<Spell<'_>> {
    let mut added: BTreeMap<(Option<&MerchantId>, &str), DateTime<Utc>> = BTreeMap::new();
    let mut spells = Vec::new();
    for change in &facts.suppression_changes {
        let SuppressionScope::Address { merchant, address } = &change.scope else { continue };
        let key = (merchant.as_ref(), address.reveal());
        match change.action {
            SuppressionAction::Add => drop(added.entry(key).or_insert(change.change.at)),
            SuppressionAction::Remove => {
                let Some(since) = added.remove(&key) else { continue };
                let (reason, source) = (SuppressionReason::Manual.as_str(), &*change.change.actor);
                spells.push(Spell { address, reason, source, since, until: Some(change.change.at) });
            }
            SuppressionAction::Stop | SuppressionAction::Lift => {}
        }
    }
    spells
}

/// Opt-outs by a reply that a later reply lifted.
fn lifted_by_reply(facts: &EvidenceFacts) -> Vec<Spell<'_>> {
    let mut replies: Vec<_> = facts.replies.iter().filter_map(|reply| Some((reply.from.address()?, reply))).collect();
    replies.sort_by_key(|(_, reply)| (reply.at, reply.id));
    let mut stopped: BTreeMap<&str, DateTime<Utc>> = BTreeMap::new();
    let mut spells = Vec::new();
    for (address, reply) in replies {
        match reply.intent {
            Intent::Stop => drop(stopped.entry(address.reveal()).or_insert(reply.at)),
            Intent::Start => {
                let Some(since) = stopped.remove(address.reveal()) else { continue };
                let (reason, source) = (SuppressionReason::OptedOut.as_str(), reply.gateway.as_str());
                spells.push(Spell { address, reason, source, since, until: Some(reply.at) });
            }
            Intent::Unclear | Intent::Other => {}
        }
    }
    spells
}
