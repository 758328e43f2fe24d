//! Notices, in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::outbox::Outbox;
use super::{MemoryStore, Tables};
use crate::domain::{
    AuditOrigin, BorrowerKey, EventKind, HoldCause, HoldReason, Locale, MerchantId, NewReminder, Notice, NoticeChange,
    NoticeFacts, NoticeName, NoticeState, Origin, Recipient, ReminderId, ReminderKey, Step,
};
use crate::store::audit_entries;
use crate::store::notice::Sign;
use crate::store::{HeldMessage, NoticeAudience, NoticeCount, NoticeStore, RELEASED_AT_ONCE, StoreError, WriteMode};

/// Every notice, by name.
pub(super) type Notices = BTreeMap<NoticeName, StoredNotice>;

/// A notice with all that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct StoredNotice {
    notice: Notice,
    changes: Vec<NoticeChange>,
    /// With their messages, as far as these are in the outbox.
    recipients: BTreeMap<BorrowerKey, (Recipient, Option<ReminderId>)>,
}

/// The facts about the notice of a step that a claim reads; `None` for other steps.
pub(super) fn facts(notices: &Notices, step: &Step) -> Option<NoticeFacts> {
    let Step::Notice { name } = step else { return None };
    let Notice { state, template, .. } = &notices.get(name)?.notice;
    Some(NoticeFacts { state: *state, template: template.clone() })
}

impl Tables {
    /// Brings a notice from one state to another.
    pub(super) fn move_notice(
        &mut self,
        origin: Option<&AuditOrigin>,
        name: &NoticeName,
        from: NoticeState,
        change: &NoticeChange,
        now: DateTime<Utc>,
    ) -> bool {
        let Some(kept) = self.notices.get_mut(name).filter(|kept| kept.notice.state == from) else { return false };
        kept.notice.state = change.state;
        kept.changes.push(change.clone());
        if from == NoticeState::Paused {
            let pause = HoldCause::new(HoldReason::Paused, name);
            self.outbox.release(now, RELEASED_AT_ONCE, |cause, _, _| *cause == pause);
        }
        self.note(origin, &[audit_entries::move_notice(name, from, change)]);
        true
    }
}

#[async_trait]
impl NoticeStore for MemoryStore {
    async fn add_notice(&self, notice: &Notice) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let is_new = !tables.notices.contains_key(&notice.name);
        if is_new {
            let kept = StoredNotice { notice: notice.clone(), changes: Vec::new(), recipients: BTreeMap::new() };
            tables.notices.insert(notice.name.clone(), kept);
            tables.note(self.origin.as_ref(), &[audit_entries::create_notice(notice)]);
        }
        Ok(is_new)
    }

    async fn notices(&self, name: Option<&NoticeName>) -> Result<Vec<Notice>, StoreError> {
        let tables = self.tables();
        let wanted = |kept: &&StoredNotice| name.is_none_or(|name| kept.notice.name == *name);
        let mut found: Vec<_> = tables.notices.values().filter(wanted).map(|kept| kept.notice.clone()).collect();
        found.sort_by_key(|notice| std::cmp::Reverse(notice.at));
        Ok(found)
    }

    async fn move_notice(
        &self,
        name: &NoticeName,
        from: NoticeState,
        change: &NoticeChange,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(self.tables().move_notice(self.origin.as_ref(), name, from, change, now))
    }

    async fn notice_merchants(&self, name: &NoticeName) -> Result<BTreeSet<MerchantId>, StoreError> {
        let tables = self.tables();
        let recipients = tables.notices.get(name).into_iter().flat_map(|kept| kept.recipients.keys());
        Ok(recipients.map(|borrower| borrower.merchant.clone()).collect())
    }

    async fn notice_audience(&self, name: &NoticeName) -> Result<Vec<NoticeAudience>, StoreError> {
        let tables = self.tables();
        let mut counts = BTreeMap::<(MerchantId, &'static str, Option<Locale>), u64>::new();
        for (one, _) in tables.notices.get(name).into_iter().flat_map(|kept| kept.recipients.values()) {
            let locale = tables.ledger.borrowers().get(&one.borrower).and_then(|borrower| borrower.locale.clone());
            *counts.entry((one.borrower.merchant.clone(), one.channel.as_str(), locale)).or_default() += 1;
        }
        let audience = |((merchant, channel, locale), count): ((_, &str, _), _)| {
            let channel = channel.parse().expect("it is the word of a channel");
            NoticeAudience { merchant, channel, locale, count }
        };
        Ok(counts.into_iter().map(audience).collect())
    }

    async fn notice_changes(&self, name: &NoticeName) -> Result<Vec<NoticeChange>, StoreError> {
        Ok(self.tables().notices.get(name).map(|kept| kept.changes.clone()).unwrap_or_default())
    }

    async fn add_recipients(&self, name: &NoticeName, recipients: &[Recipient]) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        let draft = |kept: &&mut StoredNotice| kept.notice.state == NoticeState::Draft;
        let Some(kept) = tables.notices.get_mut(name).filter(draft) else { return Ok(0) };
        let before = kept.recipients.len();
        for one in recipients {
            kept.recipients.entry(one.borrower.clone()).or_insert_with(|| (one.clone(), None));
        }
        Ok(kept.recipients.len() - before)
    }

    async fn put_out(
        &self,
        name: &NoticeName,
        limit: u32,
        at: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        let Tables { notices, outbox, .. } = &mut *tables;
        let sending = |kept: &&mut StoredNotice| kept.notice.state == NoticeState::Sending;
        let Some(kept) = notices.get_mut(name).filter(sending) else { return Ok(0) };
        let waiting = kept.recipients.values_mut().filter(|(_, reminder)| reminder.is_none());
        let mut count = 0;
        for (one, reminder) in waiting.take(limit as usize) {
            let key = ReminderKey {
                borrower: one.borrower.clone(),
                due_date: one.due_date,
                step: Step::Notice { name: name.clone() },
                channel: one.channel,
            };
            let plan = NewReminder { key, origin: Origin::Notice, not_before: at, expires_at };
            *reminder = outbox.plan(&plan, at, WriteMode::Commit);
            count += 1;
        }
        Ok(count)
    }

    async fn unfinished_notices(&self) -> Result<Vec<NoticeName>, StoreError> {
        let tables = self.tables();
        let unfinished = |kept: &&StoredNotice| {
            let waits = kept.recipients.values().any(|(_, reminder)| reminder.is_none());
            kept.notice.state == NoticeState::Sending && waits
        };
        Ok(tables.notices.values().filter(unfinished).map(|kept| kept.notice.name.clone()).collect())
    }

    async fn notice_counts(&self, name: &NoticeName) -> Result<Vec<NoticeCount>, StoreError> {
        let tables = self.tables();
        let mut counts = BTreeMap::<_, u64>::new();
        for (one, reminder) in tables.notices.get(name).into_iter().flat_map(|kept| kept.recipients.values()) {
            let view = reminder.and_then(|id| Some(tables.outbox.view(tables.outbox.reminders.get(&id)?)));
            let last = view.as_ref().and_then(|view| view.last.as_ref());
            let reason = last.filter(|event| event.kind == EventKind::Skipped).and_then(|event| event.detail.clone());
            *counts.entry((one.channel, view.as_ref().map(|view| view.state), reason)).or_default() += 1;
        }
        let count = |((channel, state, reason), count)| NoticeCount { channel, state, reason, count };
        Ok(counts.into_iter().map(count).collect())
    }

    async fn held(&self, about: &[(BorrowerKey, NaiveDate)]) -> Result<Vec<HeldMessage>, StoreError> {
        let about: BTreeSet<_> = about.iter().collect();
        let outbox = &self.tables().outbox;
        let asked = outbox.reminders.values().filter(|one| {
            let key = &one.plan.key;
            about.contains(&(key.borrower.clone(), key.due_date))
        });
        Ok(asked.filter_map(|one| held(outbox, one.id, &one.plan.key)).collect())
    }
}

fn held(outbox: &Outbox, id: ReminderId, key: &ReminderKey) -> Option<HeldMessage> {
    use EventKind::{Accepted, Delivered, Unknown};
    let out = |kind: EventKind| matches!(kind, Accepted | Unknown | Delivered);
    let events = outbox.events(id);
    events.last().filter(|last| out(last.kind))?;
    let sign = |event: &crate::domain::Event| Sign {
        accepted: event.kind == Accepted,
        unheard: event.detail.as_deref() == Some("lease_expired"),
        gateway: event.gateway.clone(),
        route: outbox.led_to.get(&(id, event.attempt)).filter(|_| event.kind != Delivered).cloned(),
    };
    let signs: Vec<_> = events.iter().filter(|event| out(event.kind)).map(sign).collect();
    Some(HeldMessage::of(id, key, &signs))
}
