//! Gateway reports of the memory store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ledger::Ledger;
use super::{MemoryStore, Tables};
use crate::domain::{
    AddressKey, BY_REPLY, Event, EventKind, GatewayName, HoldCause, HoldReason, Intent, MerchantId, NewReminder,
    Receipt, ReminderId, ReminderKey, ReportedState, Step, Suppression, SuppressionReason,
};
use crate::store::audit_entries;
use crate::store::{
    IncomingReply, KeptReport, RELEASED_AT_ONCE, ReplyFilter, ReplyReading, ReplyRecord, ReplyStore, ReportAction,
    ReportBatch, ReportCounts, ReportStore, StatusReport, StoreError, Subject, SuppressionFilter, WriteMode,
    first_look,
};

#[async_trait]
impl ReplyStore for MemoryStore {
    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError> {
        Ok(self.tables().reports.listed(filter))
    }

    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let read = tables.read_reply(reading);
        if let Some(reply) = &read {
            let gone = HoldCause::new(HoldReason::UnreadReply, reply.id);
            tables.outbox.release(now, RELEASED_AT_ONCE, |cause, _, _| *cause == gone);
            tables.note(self.origin.as_ref(), &[audit_entries::read_reply(reply, reading)]);
        }
        Ok(read)
    }
}

#[async_trait]
impl ReportStore for MemoryStore {
    async fn record(&self, receipts: &[Receipt]) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        Ok(receipts.iter().filter(|receipt| tables.outbox.record(receipt, now)).count())
    }

    async fn take_in(&self, told: &ReportBatch) -> Result<ReportCounts, StoreError> {
        Ok(self.tables().take_in(told, self.clock.now()))
    }

    async fn kept_reports(&self, limit: u32) -> Result<Vec<KeptReport>, StoreError> {
        Ok(self.tables().kept(self.clock.now(), limit))
    }

    async fn review_kept(&self, reviewed: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError> {
        Ok(self.tables().review(reviewed, self.clock.now()))
    }
}

/// Kept reports and replies.
#[derive(Debug, Default, Clone)]
pub(super) struct Reports {
    kept: BTreeMap<i64, (Subject, KeptReport, DateTime<Utc>)>,
    replies: Vec<(Option<String>, ReplyRecord)>,
    last: i64,
}

impl Reports {
    pub(super) fn listed(&self, filter: &ReplyFilter) -> Vec<ReplyRecord> {
        let matching = |reply: &&ReplyRecord| {
            filter.merchant.as_ref().is_none_or(|merchant| reply.merchant.as_ref() == Some(merchant))
                && filter.intent.is_none_or(|intent| reply.intent == intent)
                && filter.unread.is_none_or(|unread| reply.unread == unread)
                && filter.before.is_none_or(|before| reply.id < before)
                && filter.from.as_ref().is_none_or(|from| reply.from.address() == Some(from))
        };
        let newest_first = self.replies.iter().rev().map(|(_, reply)| reply);
        newest_first.filter(matching).take(filter.limit as usize).cloned().collect()
    }

    /// All replies, oldest first.
    pub(super) fn replies(&self) -> impl Iterator<Item = &ReplyRecord> {
        self.replies.iter().map(|(_, reply)| reply)
    }

    fn number(&mut self) -> i64 {
        self.last += 1;
        self.last
    }
}

impl Tables {
    pub(super) fn take_in(&mut self, told: &ReportBatch, now: DateTime<Utc>) -> ReportCounts {
        let mut taken = ReportCounts::default();
        for one in &told.fates {
            if one.carried().is_some_and(|reminder| self.is_foreign(reminder, &told.gateway)) {
                taken.foreign += 1;
                continue;
            }
            match self.reminder_of(&told.gateway, &one.about).filter(|_| !one.is_hint) {
                Some(reminder) => {
                    let (counted, suppressed) = self.count(reminder, &told.gateway, &one.fate, one.at, Some(one), now);
                    taken.counted += usize::from(counted);
                    taken.suppressed += usize::from(suppressed);
                }
                None => {
                    let known = |(about, kept, _): &(Subject, KeptReport, DateTime<Utc>)| {
                        (about, &kept.gateway, word(&kept.fate)) == (&one.about, &told.gateway, word(&one.fate))
                    };
                    if self.reports.kept.values().any(known) {
                        continue;
                    }
                    let kept = KeptReport {
                        id: self.reports.number(),
                        gateway: told.gateway.clone(),
                        reminder: None,
                        fate: one.fate.clone(),
                        at: one.at,
                        is_hint: one.is_hint,
                        received_at: now,
                    };
                    let look_at = first_look(now, one.is_hint);
                    self.reports.kept.insert(kept.id, (one.about.clone(), kept, look_at));
                    taken.kept += 1;
                }
            }
        }
        taken.replies = told.replies.iter().filter(|reply| self.answer(told, reply, now)).count();
        taken
    }

    /// Whether its messages were handed to other gateways only. An attempt that is under way, or that names no gateway,
    /// may be this one's.
    fn is_foreign(&self, reminder: ReminderId, gateway: &GatewayName) -> bool {
        let carried = |event: &&Event| matches!(event.kind, EventKind::Accepted | EventKind::Unknown);
        let mut carriers =
            self.outbox.events(reminder).iter().filter(carried).map(|event| event.gateway.as_ref()).peekable();
        carriers.peek().is_some()
            && carriers.all(|carrier| carrier.is_some_and(|carrier| carrier != gateway))
            && !self.outbox.is_sending(reminder)
    }

    fn reminder_of(&self, gateway: &GatewayName, about: &Subject) -> Option<ReminderId> {
        let number = match about {
            Subject::Reminder(id) => return Some(*id),
            Subject::ProviderId(number) => number,
        };
        let accepted = |id: &&ReminderId| {
            self.outbox.events(**id).iter().any(|event| {
                event.kind == EventKind::Accepted
                    && event.provider_id.as_ref() == Some(number)
                    && event.gateway.as_ref() == Some(gateway)
            })
        };
        self.outbox.reminders.keys().rfind(accepted).copied()
    }

    fn count(
        &mut self,
        reminder: ReminderId,
        gateway: &GatewayName,
        fate: &ReportedState,
        at: DateTime<Utc>,
        told: Option<&StatusReport>,
        now: DateTime<Utc>,
    ) -> (bool, bool) {
        let mut suppressed = false;
        let counted = self.outbox.record(&Receipt::of(reminder, gateway, fate, at), now);
        let key = self.outbox.reminders.get(&reminder).map(|reminder| &reminder.plan.key);
        let to = key.and_then(|key| {
            let borrower = self.ledger.borrowers().get(&key.borrower)?;
            Some((key.borrower.merchant.clone(), AddressKey::from(borrower.address(key.channel)?)))
        });
        if let Some(((merchant, to), reason)) = to.zip(fate.suppresses())
            && told.is_none_or(|told| told.is_about(&to))
        {
            self.add(Some(merchant), to, reason, gateway.to_string(), now);
            suppressed = true;
        }
        (counted, suppressed)
    }

    fn add(
        &mut self,
        merchant: Option<MerchantId>,
        address: AddressKey,
        reason: SuppressionReason,
        source: String,
        now: DateTime<Utc>,
    ) {
        use SuppressionReason::{Bounced, Complained, OptedOut};
        let one = Suppression { merchant, address, reason, source, since: now, until: None };
        self.ledger.cancel_lifts(&one);
        let mut known = self.ledger.suppressions.iter();
        let stays = known.any(|known| {
            (&known.merchant, &known.address) == (&one.merchant, &one.address)
                && known.until.is_none()
                && !(reason == OptedOut && matches!(known.reason, Bounced | Complained))
        });
        if !stays {
            self.note_opt_outs(std::slice::from_ref(&one));
            self.ledger.suppress(&[one]);
        }
    }

    fn answer(&mut self, told: &ReportBatch, reply: &IncomingReply, now: DateTime<Utc>) -> bool {
        let gateway = &told.gateway;
        let about = reply.about.as_ref().and_then(|about| self.reminder_of(gateway, about));
        let reminder = about.or_else(|| self.last_sent(gateway, reply.from.address()?));
        let reminder = reminder.filter(|id| self.outbox.reminders.contains_key(id));
        let merchant = reminder.map(|id| self.outbox.reminders[&id].plan.key.borrower.merchant.clone());
        let replies = &self.reports.replies;
        let number = &reply.provider_id;
        if number.is_some() && replies.iter().any(|(known, said)| known == number && said.gateway == *gateway) {
            return false;
        }
        let overtaken = replies.iter().any(|(_, said)| {
            (&said.from, &said.merchant) == (&reply.from, &merchant)
                && said.intent != Intent::Other
                && said.at > reply.at
        });
        let id = self.reports.number();
        let record = ReplyRecord {
            id,
            gateway: gateway.clone(),
            merchant: merchant.clone(),
            reminder,
            from: reply.from.clone(),
            intent: reply.intent,
            said: reply.said.clone(),
            at: reply.at,
            unread: reply.is_to_be_read(),
        };
        self.reports.replies.push((number.clone(), record));
        // An unknown sender can be suppressed, and held, only by a person.
        let Some(from) = reply.from.address() else { return true };
        if reply.is_to_be_read() {
            self.ledger.unread.insert(id, from.clone());
        }
        match reply.intent {
            Intent::Stop if !overtaken => {
                if let Some(confirmation) =
                    reminder.and_then(|answered| self.confirmation(told, reply, answered, id, now))
                {
                    self.outbox.plan(&confirmation, now, WriteMode::Commit);
                }
                let source = format!("{BY_REPLY}{gateway}");
                self.add(merchant, from.clone(), SuppressionReason::OptedOut, source, now);
            }
            Intent::Start if !overtaken => {
                let ended = |known: &Suppression| {
                    known.address == *from
                        && known.reason == SuppressionReason::OptedOut
                        && known.source.starts_with(BY_REPLY)
                        && known.merchant.is_some()
                        && known.merchant == merchant
                };
                self.ledger.lift_where(ended);
            }
            _ => {}
        }
        true
    }

    pub(super) fn read_reply(&mut self, reading: &ReplyReading) -> Option<ReplyRecord> {
        let mut replies = self.reports.replies.iter_mut().map(|(_, reply)| reply);
        let reply = replies.find(|reply| reply.id == reading.reply && reply.unread)?;
        reply.unread = false;
        let reply = reply.clone();
        self.ledger.unread.remove(&reply.id);
        if let Some(address) = reply.from.address().filter(|_| reading.is_stop) {
            let (merchant, reason) = (reply.merchant.clone(), SuppressionReason::OptedOut);
            self.add(merchant, address.clone(), reason, reading.actor.clone(), reading.at);
        }
        Some(reply)
    }

    fn confirmation(
        &self,
        told: &ReportBatch,
        reply: &IncomingReply,
        answered: ReminderId,
        number: i64,
        now: DateTime<Utc>,
    ) -> Option<NewReminder> {
        let key = &self.outbox.reminders.get(&answered)?.plan.key;
        let step = Step::Confirmation { reply: number };
        let key = ReminderKey { step, channel: reply.from.channel(), ..key.clone() };
        let suppressed = self.ledger.account(&key.borrower, key.due_date, key.channel, now).suppressed;
        told.confirmation(key, reply.at, suppressed)
    }

    fn last_sent(&self, gateway: &GatewayName, to: &AddressKey) -> Option<ReminderId> {
        let sent = self.outbox.reminders.values().filter(|one| {
            let key = &one.plan.key;
            let borrower = self.ledger.borrowers().get(&key.borrower);
            borrower.and_then(|borrower| borrower.address(key.channel)).map(AddressKey::from).as_ref() == Some(to)
        });
        let last = sent.filter_map(|one| {
            let events = self.outbox.events(one.id).iter();
            let left = events.filter(|event| {
                matches!(event.kind, EventKind::Accepted | EventKind::Unknown | EventKind::Delivered)
                    && event.gateway.as_ref() == Some(gateway)
            });
            Some((left.map(|event| event.at).min()?, one.id))
        });
        last.max().map(|(_, id)| id)
    }

    pub(super) fn kept(&self, now: DateTime<Utc>, limit: u32) -> Vec<KeptReport> {
        let due = self.reports.kept.values().filter(|(.., look_at)| *look_at <= now);
        let mut due: Vec<_> = due.collect();
        due.sort_by_key(|(_, kept, look_at)| (*look_at, kept.id));
        let known = |(about, kept, _): &(Subject, KeptReport, DateTime<Utc>)| KeptReport {
            reminder: self.reminder_of(&kept.gateway, about),
            ..kept.clone()
        };
        due.into_iter().take(limit as usize).map(known).collect()
    }

    pub(super) fn review(&mut self, reviewed: &[(KeptReport, ReportAction)], now: DateTime<Utc>) -> usize {
        let mut counted = 0;
        for (one, verdict) in reviewed {
            if let ReportAction::Later(at) = verdict {
                if let Some((.., look_at)) = self.reports.kept.get_mut(&one.id) {
                    *look_at = *at;
                }
                continue;
            }
            self.reports.kept.remove(&one.id);
            if let (ReportAction::Counts, Some(reminder)) = (verdict, one.reminder) {
                counted += usize::from(self.count(reminder, &one.gateway, &one.fate, one.at, None, now).0);
            }
        }
        counted
    }
}

/// The discriminant of a reported state, by which two reports of one message are compared.
fn word(fate: &ReportedState) -> (u8, bool) {
    match fate {
        ReportedState::Delivered => (0, false),
        ReportedState::Undelivered { for_good, .. } => (1, *for_good),
        ReportedState::Complained => (2, false),
    }
}

pub(super) fn suppressions(ledger: &Ledger, filter: &SuppressionFilter) -> Vec<Suppression> {
    fn place<'a>(merchant: Option<&'a MerchantId>, address: &'a AddressKey) -> (&'static str, &'a str, &'a str) {
        (address.channel().as_str(), address.reveal(), merchant.map_or("", MerchantId::as_str))
    }
    let after = filter.after.as_ref().map(|(merchant, address)| place(merchant.as_ref(), address));
    let matching = |one: &&Suppression| {
        filter.merchant.as_ref().is_none_or(|merchant| one.merchant.as_ref() == Some(merchant))
            && filter.channel.is_none_or(|channel| one.address.channel() == channel)
            && filter.address.as_ref().is_none_or(|address| one.address == *address)
            && after.is_none_or(|after| place(one.merchant.as_ref(), &one.address) > after)
    };
    let mut found: Vec<_> = ledger.suppressions.iter().filter(matching).cloned().collect();
    found.sort_by(|a, b| place(a.merchant.as_ref(), &a.address).cmp(&place(b.merchant.as_ref(), &b.address)));
    found.truncate(filter.limit as usize);
    found
}
