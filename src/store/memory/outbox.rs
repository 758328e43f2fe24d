//! The outbox of the memory store: reminders, queue and events.

mod gateway_lists;
mod hand_in;
mod log;
mod replans;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, Utc};

use super::ledger::Ledger;
use crate::domain::{
    Attempt, BorrowerKey, Channel, Event, EventKind, GatewayName, HoldCause, ManualChange, Marks, MessageRecord,
    NewReminder, Next, Receipt, Reminder, ReminderId, ReminderKey, RouteKey, SENT_ONCE_MORE, Settlement, State,
};
use crate::plan::{Contact, DeferReason, GatewayLists, Progress, RateState, RecentContacts};
use crate::store::{NextLook, QueueCounts, ReminderFilter, ReminderView, UnknownReminder, WriteMode};

/// Reminders, the queue and the events.
#[derive(Debug, Default, Clone)]
pub(super) struct Outbox {
    pub(super) reminders: BTreeMap<ReminderId, Reminder>,
    keys: HashMap<ReminderKey, ReminderId>,
    queue: BTreeMap<ReminderId, QueueRow>,
    /// The planned ones in the order in which they fall due.
    ready: BTreeSet<(Channel, u16, DateTime<Utc>, ReminderId)>,
    /// The held ones by their cause.
    held: BTreeSet<(HoldCause, Channel, ReminderId)>,
    events: BTreeMap<ReminderId, Vec<Event>>,
    /// The events in the order in which they were appended: the place of each in `events`.
    log: Vec<(ReminderId, usize)>,
    pub(super) rates: HashMap<GatewayName, RateState>,
    /// Which gateways what is put in waits for.
    pub(super) gateway_lists: GatewayLists,
    /// New numbers are greater than this one.
    continue_behind: i64,
    /// To which route an attempt led by a link that is the same for everybody.
    pub(super) led_to: HashMap<(ReminderId, u32), RouteKey>,
    /// The messages that attempts handed over.
    pub(super) messages: HashMap<(ReminderId, u32), MessageRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct QueueRow {
    channel: Channel,
    gateway_index: u16,
    attempt: u32,
    gateway: Option<GatewayName>,
    stage: QueueStage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum QueueStage {
    Planned {
        not_before: DateTime<Utc>,
    },
    Held {
        cause: HoldCause,
    },
    Sending {
        lease_until: DateTime<Utc>,
    },
    /// Looked at then; never if there is no time.
    Unknown {
        look_at: Option<DateTime<Utc>>,
    },
    /// Accepted, undelivered or failed; another channel is tried then.
    FallingBack {
        at: DateTime<Utc>,
    },
}

impl Outbox {
    fn put(&mut self, id: ReminderId, queued: QueueRow) {
        self.take(id);
        match &queued.stage {
            QueueStage::Planned { not_before } => {
                self.ready.insert((queued.channel, queued.gateway_index, *not_before, id));
            }
            QueueStage::Held { cause } => {
                self.held.insert((cause.clone(), queued.channel, id));
            }
            _ => {}
        }
        self.queue.insert(id, queued);
    }

    fn take(&mut self, id: ReminderId) -> Option<QueueRow> {
        let queued = self.queue.remove(&id)?;
        match &queued.stage {
            QueueStage::Planned { not_before } => {
                self.ready.remove(&(queued.channel, queued.gateway_index, *not_before, id));
            }
            QueueStage::Held { cause } => {
                self.held.remove(&(cause.clone(), queued.channel, id));
            }
            _ => {}
        }
        Some(queued)
    }

    fn finish(&mut self, event: Event) {
        self.take(event.reminder);
        self.append(event);
    }

    pub(super) fn events(&self, id: ReminderId) -> &[Event] {
        self.events.get(&id).map_or(&[], Vec::as_slice)
    }

    pub(super) fn plan(&mut self, plan: &NewReminder, at: DateTime<Utc>, mode: WriteMode) -> Option<ReminderId> {
        if self.keys.contains_key(&plan.key) {
            return None;
        }
        let id = ReminderId(self.last_number().0 + 1);
        if mode == WriteMode::Commit {
            self.keys.insert(plan.key.clone(), id);
            let stage = QueueStage::Planned { not_before: plan.not_before };
            let (channel, gateway_index) = (plan.key.channel, self.first_index(plan));
            self.put(id, QueueRow { channel, gateway_index, attempt: 0, gateway: None, stage });
            self.reminders.insert(id, Reminder { id, planned_at: at, plan: plan.clone() });
        }
        Some(id)
    }

    /// The numbers that only grow.
    pub(super) fn marks(&self) -> Marks {
        let events = self.events.values().map(Vec::len).sum::<usize>();
        Marks { position: 0, events: i64::try_from(events).unwrap_or(i64::MAX), reminders: self.last_number().0 }
    }

    fn last_number(&self) -> ReminderId {
        let last = self.reminders.last_key_value().map_or(0, |(last, _)| last.0);
        ReminderId(last.max(self.continue_behind))
    }

    pub(super) fn due(&self, channel: Channel, gateway_index: u16, now: DateTime<Utc>, limit: u32) -> Vec<ReminderId> {
        let lane = (channel, gateway_index, DateTime::<Utc>::MIN_UTC, ReminderId(i64::MIN))
            ..=(channel, gateway_index, now, ReminderId(i64::MAX));
        self.ready.range(lane).map(|(.., id)| *id).take(limit as usize).collect()
    }

    pub(super) fn next_due(&self, channel: Channel) -> Option<DateTime<Utc>> {
        let lanes = (channel, 0, DateTime::<Utc>::MIN_UTC, ReminderId(i64::MIN))
            ..=(channel, u16::MAX, DateTime::<Utc>::MAX_UTC, ReminderId(i64::MAX));
        self.ready.range(lanes).map(|ready| ready.2).min()
    }

    pub(super) fn attempts(&self, id: ReminderId) -> u32 {
        self.queue.get(&id).map_or(0, |queued| queued.attempt)
    }

    pub(super) fn begin(
        &mut self,
        id: ReminderId,
        gateway: &GatewayName,
        lease_until: DateTime<Utc>,
    ) -> Option<Attempt> {
        let queued = self.take(id)?;
        let attempt = queued.attempt + 1;
        let stage = QueueStage::Sending { lease_until };
        self.put(id, QueueRow { attempt, gateway: Some(gateway.clone()), stage, ..queued });
        Some(Attempt::claimed(id, attempt, gateway.clone()))
    }

    pub(super) fn defer(&mut self, id: ReminderId, until: DateTime<Utc>, reason: DeferReason, now: DateTime<Utc>) {
        let Some(queued) = self.take(id) else { return };
        let (attempt, kind, detail) = (queued.attempt, EventKind::Deferred, Some(reason.as_str().to_owned()));
        self.put(id, QueueRow { stage: QueueStage::Planned { not_before: until }, ..queued });
        self.append(Event { reminder: id, attempt, at: now, kind, gateway: None, provider_id: None, detail });
    }

    pub(super) fn hold(&mut self, id: ReminderId, cause: HoldCause, now: DateTime<Utc>) {
        let Some(queued) = self.take(id) else { return };
        self.append(Event::held(id, queued.attempt, &cause, now));
        self.put(id, queued.in_stage(QueueStage::Held { cause }));
    }

    /// Holds what waits and was never tried. Gives whether it did.
    pub(super) fn hold_untried(&mut self, id: ReminderId, cause: &HoldCause, now: DateTime<Utc>) -> bool {
        let is_untried =
            matches!(self.queue.get(&id), Some(QueueRow { attempt: 0, stage: QueueStage::Planned { .. }, .. }));
        if is_untried {
            self.hold(id, cause.clone(), now);
        }
        is_untried
    }

    pub(super) fn holds(&self) -> Vec<(HoldCause, Channel)> {
        let mut holds: Vec<_> = self.held.iter().map(|(cause, channel, _)| (cause.clone(), *channel)).collect();
        holds.dedup();
        holds
    }

    /// Gives up to `limit` held reminders that are `wanted` back to be decided. Gives how many.
    pub(super) fn release(
        &mut self,
        now: DateTime<Utc>,
        limit: u32,
        wanted: impl Fn(&HoldCause, Channel, &Reminder) -> bool,
    ) -> usize {
        let is_wanted = |(cause, channel, id): &&(HoldCause, Channel, ReminderId)| {
            self.reminders.get(id).is_some_and(|reminder| wanted(cause, *channel, reminder))
        };
        let released: Vec<_> = self.held.iter().filter(is_wanted).take(limit as usize).cloned().collect();
        for (cause, _, id) in &released {
            let Some(queued) = self.take(*id) else { continue };
            self.append(Event::released(*id, queued.attempt, cause, now));
            let gateway_index = GatewayLists::first_of_list(queued.gateway_index);
            self.put(*id, QueueRow { gateway_index, stage: QueueStage::Planned { not_before: now }, ..queued });
        }
        released.len()
    }

    pub(super) fn skip(&mut self, event: Event) {
        self.finish(event);
    }

    /// Cancels a reminder that is planned or held.
    pub(super) fn cancel(&mut self, id: ReminderId, by: &ManualChange) -> bool {
        let waits = |queued: &&QueueRow| matches!(queued.stage, QueueStage::Planned { .. } | QueueStage::Held { .. });
        let Some(attempt) = self.queue.get(&id).filter(waits).map(|queued| queued.attempt) else { return false };
        self.finish(Event::withdrawn(id, attempt, by));
        true
    }

    pub(super) fn settle(&mut self, settlement: &Settlement) -> bool {
        let id = settlement.reminder();
        let open = |queued: &&QueueRow| matches!(queued.stage, QueueStage::Sending { .. } | QueueStage::Unknown { .. });
        let Some(queued) = self.queue.get(&id).filter(open).cloned() else { return false };
        if queued.attempt != settlement.number() {
            return false;
        }
        let early = self.early(id, queued.attempt);
        if let Some(route) = settlement.route().filter(|_| early.is_none()) {
            self.led_to.insert((id, queued.attempt), route.clone());
        }
        if let Some(message) = settlement.message().filter(|_| early.is_none()) {
            self.messages.insert((id, queued.attempt), message.clone());
        }
        match (settlement.next(), settlement.fall_back_at()) {
            // The receipt was quicker than the answer: what it says stands.
            (Next::Accepted, Some(_)) if let Some(at) = early => {
                self.put(id, queued.in_stage(QueueStage::FallingBack { at }))
            }
            (Next::Accepted, None) if early.is_some() => drop(self.take(id)),
            (Next::Accepted | Next::Failed, Some(at)) => {
                self.put(id, queued.in_stage(QueueStage::FallingBack { at }));
                self.append(settlement.event());
            }
            (Next::Accepted | Next::Failed, None) => self.finish(settlement.event()),
            (Next::Retry { not_before, gateway_index }, _) => {
                let stage = QueueStage::Planned { not_before: *not_before };
                self.put(id, QueueRow { gateway_index: *gateway_index, stage, ..queued });
                self.append(settlement.event());
            }
            (Next::Hold { .. } | Next::Unknown, _) if queued.is_unknown() => return false,
            (Next::Hold { cause, .. }, _) => {
                self.put(id, queued.in_stage(QueueStage::Held { cause: cause.clone() }));
                self.append(settlement.event());
            }
            // The receipt proves that it was taken over, and did not arrive.
            (Next::Unknown, _) if let Some(at) = early => self.put(id, queued.in_stage(QueueStage::FallingBack { at })),
            (Next::Unknown, _) => {
                self.put(id, queued.in_stage(QueueStage::Unknown { look_at: Some(DateTime::UNIX_EPOCH) }));
                self.append(settlement.event());
            }
        }
        true
    }

    /// When a receipt said that the attempt did not arrive, although no answer to it is known.
    fn early(&self, id: ReminderId, attempt: u32) -> Option<DateTime<Utc>> {
        let undelivered = |event: &&Event| event.attempt == attempt && event.kind == EventKind::Undelivered;
        if self.is_in_doubt(id) {
            return None;
        }
        self.events(id).iter().find(undelivered).map(|event| event.at)
    }

    /// Whether an attempt is under way.
    pub(super) fn is_sending(&self, id: ReminderId) -> bool {
        self.queue.get(&id).is_some_and(|queued| matches!(queued.stage, QueueStage::Sending { .. }))
    }

    /// Whether two copies of an e-mail may exist.
    pub(super) fn is_in_doubt(&self, id: ReminderId) -> bool {
        let once_more =
            |event: &Event| event.kind == EventKind::Retry && event.detail.as_deref() == Some(SENT_ONCE_MORE);
        self.events(id).iter().any(once_more)
    }

    pub(super) fn reap(&mut self, now: DateTime<Utc>, limit: u32) -> Vec<ReminderId> {
        let dead =
            |queued: &QueueRow| matches!(queued.stage, QueueStage::Sending { lease_until } if lease_until <= now);
        let expired = self.queue.iter().filter(|(_, queued)| dead(queued)).map(|(id, queued)| (*id, queued.clone()));
        let expired: Vec<_> = expired.take(limit as usize).collect();
        for (id, queued) in &expired {
            if let Some(at) = self.early(*id, queued.attempt) {
                self.put(*id, queued.clone().in_stage(QueueStage::FallingBack { at }));
                continue;
            }
            self.put(*id, queued.clone().in_stage(QueueStage::Unknown { look_at: Some(DateTime::UNIX_EPOCH) }));
            self.append(Event::lease_expired(*id, queued.attempt, queued.gateway.clone(), now));
        }
        expired.into_iter().map(|(id, _)| id).collect()
    }

    pub(super) fn unknown(&self, channel: Channel, after: Option<ReminderId>, limit: u32) -> Vec<UnknownReminder> {
        let wanted = |(id, queued): &(&ReminderId, &QueueRow)| {
            queued.is_unknown() && queued.channel == channel && after.is_none_or(|after| **id > after)
        };
        let found = self.queue.iter().filter(wanted).filter_map(|(id, queued)| self.unknown_one(*id, queued));
        found.take(limit as usize).collect()
    }

    pub(super) fn unknown_due(&self, channel: Channel, now: DateTime<Utc>, limit: u32) -> Vec<UnknownReminder> {
        let due = |(id, queued): (&ReminderId, &QueueRow)| match queued.stage {
            QueueStage::Unknown { look_at: Some(at) } if at <= now && queued.channel == channel => Some((at, *id)),
            _ => None,
        };
        let due: BTreeSet<_> = self.queue.iter().filter_map(due).collect();
        let found = due.iter().filter_map(|(_, id)| self.unknown_one(*id, self.queue.get(id)?));
        found.take(limit as usize).collect()
    }

    fn unknown_one(&self, id: ReminderId, queued: &QueueRow) -> Option<UnknownReminder> {
        let events = self.events(id).iter().filter(|event| event.kind == EventKind::Unknown);
        Some(UnknownReminder {
            attempt: Attempt::claimed(id, queued.attempt, queued.gateway.clone()?),
            reminder: self.reminders.get(&id)?.plan.clone(),
            since: events.clone().next_back()?.at,
            times: u32::try_from(events.count()).unwrap_or(u32::MAX),
        })
    }

    pub(super) fn look_again(&mut self, look: &NextLook) {
        let queued = self.queue.get_mut(&look.reminder).filter(|queued| queued.attempt == look.attempt);
        if let Some(QueueStage::Unknown { look_at }) = queued.map(|queued| &mut queued.stage) {
            *look_at = look.at;
        }
    }

    pub(super) fn record(&mut self, receipt: &Receipt, now: DateTime<Utc>) -> bool {
        let Some(reminder) = self.reminders.get(&receipt.reminder) else { return false };
        let (id, view) = (reminder.id, self.view(reminder));
        let repeated = self.events(id).iter().any(|event| event.kind == receipt.kind());
        if repeated || !view.state.may_become(receipt.kind().state()) {
            return false;
        }
        match self.queue.get(&id).cloned() {
            Some(_) if receipt.arrived => drop(self.take(id)),
            // Under way: the settlement that follows sees the receipt.
            Some(queued) if matches!(queued.stage, QueueStage::Sending { .. }) => {}
            // The other copy may have arrived: no other channel follows.
            Some(queued) if self.is_in_doubt(id) && queued.is_done() => drop(self.take(id)),
            Some(queued) if queued.is_done() => self.put(id, queued.in_stage(QueueStage::FallingBack { at: now })),
            _ => {}
        }
        self.append(Event {
            reminder: id,
            attempt: view.attempts,
            at: receipt.at,
            kind: receipt.kind(),
            gateway: Some(receipt.gateway.clone()),
            provider_id: None,
            detail: receipt.code.as_ref().map(ToString::to_string),
        });
        true
    }

    pub(super) fn fallbacks_due(&self, now: DateTime<Utc>, limit: u32) -> Vec<Reminder> {
        let due = |(id, queued): (&ReminderId, &QueueRow)| match queued.stage {
            QueueStage::FallingBack { at } if at <= now => Some((at, *id)),
            _ => None,
        };
        let due: BTreeSet<_> = self.queue.iter().filter_map(due).collect();
        due.into_iter().filter_map(|(_, id)| self.reminders.get(&id).cloned()).take(limit as usize).collect()
    }

    pub(super) fn fall_back(&mut self, id: ReminderId, next: Option<&NewReminder>, at: DateTime<Utc>) {
        if matches!(self.queue.get(&id), Some(QueueRow { stage: QueueStage::FallingBack { .. }, .. })) {
            self.take(id);
            next.map(|next| self.plan(next, at, WriteMode::Commit));
        }
    }

    /// The messages that these borrowers recently got and those that wait for them.
    pub(super) fn contacts(
        &self,
        ledger: &Ledger,
        who: &BTreeSet<BorrowerKey>,
        recent_contacts: RecentContacts,
        now: DateTime<Utc>,
    ) -> Vec<Contact> {
        let since = now - recent_contacts.contacts_within;
        let theirs =
            self.reminders.values().filter(|one| who.contains(&one.plan.key.borrower) && one.plan.expires_at > since);
        let contact = |one: &Reminder| {
            let left = |event: &&Event| {
                use EventKind::{Accepted, Delivered, Undelivered, Unknown};
                matches!(event.kind, Accepted | Delivered | Undelivered | Unknown)
            };
            let left = self.events(one.id).iter().filter(left).map(|event| event.at).max();
            let progress = match (self.queue.get(&one.id).map(|queued| &queued.stage), left) {
                (Some(QueueStage::Sending { .. }), _) => Progress::Sending,
                (_, Some(at)) => Progress::Sent(at),
                (Some(QueueStage::Planned { not_before }), None) => {
                    let key = &one.plan.key;
                    let account = ledger.account(&key.borrower, key.due_date, key.channel, now);
                    Progress::waiting(&one.plan, &account, *not_before)?
                }
                _ => return None,
            };
            Some(Contact { id: one.id, key: one.plan.key.clone(), progress })
        };
        theirs.filter_map(contact).collect()
    }

    pub(super) fn counts(&self, channel: Channel, now: DateTime<Utc>) -> QueueCounts {
        let count = |stage: &dyn Fn(&QueueStage) -> bool| {
            self.queue.values().filter(|queued| queued.channel == channel && stage(&queued.stage)).count() as u64
        };
        let due = self.ready.iter().filter(|ready| ready.0 == channel && ready.2 <= now);
        let mut held = BTreeMap::new();
        for (cause, ..) in self.held.iter().filter(|held| held.1 == channel) {
            *held.entry(cause.reason).or_default() += 1;
        }
        QueueCounts {
            channel,
            planned: count(&|stage| matches!(stage, QueueStage::Planned { .. })),
            due: due.clone().count() as u64,
            sending: count(&|stage| matches!(stage, QueueStage::Sending { .. })),
            unknown: count(&|stage| matches!(stage, QueueStage::Unknown { .. })),
            held,
            oldest_due: due.map(|ready| ready.2).min(),
        }
    }

    pub(super) fn view(&self, reminder: &Reminder) -> ReminderView {
        let queued = self.queue.get(&reminder.id);
        let last = self.events(reminder.id).last().cloned();
        let ended = || last.as_ref().map_or(State::Planned, |event| event.kind.state());
        ReminderView {
            state: queued.map_or_else(ended, |queued| match queued.stage {
                QueueStage::Planned { .. } => State::Planned,
                QueueStage::Held { .. } => State::Held,
                QueueStage::Sending { .. } => State::Sending,
                QueueStage::Unknown { .. } => State::Unknown,
                QueueStage::FallingBack { .. } => ended(),
            }),
            attempts: queued.map_or_else(|| last.as_ref().map_or(0, |event| event.attempt), |queued| queued.attempt),
            next_try: queued.and_then(|queued| match queued.stage {
                QueueStage::Planned { not_before } => Some(not_before),
                _ => None,
            }),
            reminder: reminder.clone(),
            last,
        }
    }

    pub(super) fn list(&self, filter: &ReminderFilter) -> Vec<ReminderView> {
        let first = filter.id.unwrap_or(ReminderId(i64::MIN));
        let last = filter.id.unwrap_or(ReminderId(i64::MAX));
        let matching = |view: &ReminderView| {
            let key = &view.reminder.plan.key;
            filter.state.is_none_or(|state| state == view.state)
                && filter.merchant.as_ref().is_none_or(|merchant| *merchant == key.borrower.merchant)
                && filter.borrower.as_ref().is_none_or(|borrower| *borrower == key.borrower.id)
                && filter.due_date.is_none_or(|date| date == key.due_date)
                && filter.channel.is_none_or(|channel| channel == key.channel)
                && filter.before.is_none_or(|before| view.reminder.id < before)
        };
        let views = self.reminders.range(first..=last).rev().map(|(_, reminder)| self.view(reminder));
        views.filter(matching).take(filter.limit as usize).collect()
    }
}

impl QueueRow {
    /// Whether the hand-over is over, known or not.
    fn is_done(&self) -> bool {
        matches!(self.stage, QueueStage::Unknown { .. } | QueueStage::FallingBack { .. })
    }

    fn is_unknown(&self) -> bool {
        matches!(self.stage, QueueStage::Unknown { .. })
    }

    fn in_stage(self, stage: QueueStage) -> Self {
        Self { stage, ..self }
    }
}
