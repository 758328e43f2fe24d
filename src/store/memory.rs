//! The store in memory: for tests and the simulation. Says the same as the databases, in the simplest way that is right.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::{
    Change, ClaimRequest, Claimed, ClaimedReminder, Decide, DueBorrower, DueCursor, InstallmentFilter, LedgerRow,
    QueueCounts, ReminderFilter, ReminderView, Store, StoreError, WriteMode, merge,
};
use crate::clock::Clock;
use crate::domain::{
    Attempt, Borrower, BorrowerKey, Channel, Event, EventKind, GatewayName, Installment, InstallmentId, MerchantId,
    NewReminder, Next, Reminder, ReminderId, ReminderKey, Settlement, State, Suppression,
};
use crate::plan::{Account, Decision};

/// A ledger and an outbox that live as long as the value.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

#[derive(Debug, Default, Clone)]
struct Tables {
    borrowers: BTreeMap<BorrowerKey, Borrower>,
    installments: BTreeMap<(MerchantId, InstallmentId), Installment>,
    suppressions: Vec<Suppression>,
    reminders: BTreeMap<ReminderId, Reminder>,
    keys: HashMap<ReminderKey, ReminderId>,
    queue: BTreeMap<ReminderId, Queued>,
    events: BTreeMap<ReminderId, Vec<Event>>,
    turns: HashMap<String, (String, DateTime<Utc>)>,
}

#[derive(Debug, Clone)]
struct Queued {
    channel: Channel,
    not_before: DateTime<Utc>,
    attempt: u32,
    gateway: Option<GatewayName>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Planned,
    Sending { lease_until: DateTime<Utc> },
    Unknown,
}

impl Stage {
    fn state(self) -> State {
        match self {
            Self::Planned => State::Planned,
            Self::Sending { .. } => State::Sending,
            Self::Unknown => State::Unknown,
        }
    }
}

impl MemoryStore {
    /// An empty store whose leases run on `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tables: Mutex::default() }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A panic while the lock is held is a failed test already; the tables are whole or the test is over.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn import(&mut self, row: LedgerRow) -> Change {
        let place = (row.borrower.merchant.clone(), row.installment.clone());
        let (was_borrower, was) = (self.borrowers.get(&row.borrower).cloned(), self.installments.get(&place).cloned());
        let (borrower, installment) = merge(row, was_borrower.clone(), was.clone());
        let change = match &was {
            None => Change::New,
            Some(known) if *known == installment && was_borrower.as_ref() == Some(&borrower) => Change::Same,
            Some(_) => Change::Changed,
        };
        self.borrowers.insert(borrower.key.clone(), borrower);
        self.installments.insert(place, installment);
        change
    }

    fn due_on(&self, borrower: &BorrowerKey, due_date: NaiveDate) -> Vec<Installment> {
        let owed = |one: &&Installment| {
            one.merchant == borrower.merchant && one.borrower == borrower.id && one.due_date == due_date
        };
        self.installments.values().filter(owed).cloned().collect()
    }

    fn account(&self, key: &BorrowerKey, due_date: NaiveDate, channel: Channel, now: DateTime<Utc>) -> Account {
        let borrower = self.borrowers.get(key).cloned();
        let suppressed = borrower.as_ref().and_then(|borrower| {
            let standing = |one: &&Suppression| {
                let to = match channel {
                    Channel::Sms => borrower.phone.as_ref().map(crate::domain::Phone::as_e164),
                    Channel::Email => borrower.email.as_ref().map(crate::domain::EmailAddress::as_str),
                };
                one.address.channel() == channel
                    && to == Some(one.address.reveal())
                    && one.merchant.as_ref().is_none_or(|merchant| *merchant == key.merchant)
                    && one.until.is_none_or(|until| now < until)
            };
            // The merchant's own goes before the one for all.
            self.suppressions.iter().filter(standing).max_by_key(|one| one.merchant.is_some()).map(|one| one.reason)
        });
        Account { borrower, installments: self.due_on(key, due_date), suppressed }
    }

    fn due_borrower(&self, cursor: DueCursor, now: DateTime<Utc>) -> Option<DueBorrower> {
        let mut installments = self.due_on(&cursor.borrower, cursor.due_date);
        installments.retain(Installment::is_due);
        let is_suppressed =
            |channel: &Channel| self.account(&cursor.borrower, cursor.due_date, *channel, now).suppressed.is_some();
        Some(DueBorrower {
            borrower: self.borrowers.get(&cursor.borrower)?.clone(),
            due_date: cursor.due_date,
            suppressed: Channel::ALL.iter().copied().filter(is_suppressed).collect(),
            installments,
        })
    }

    fn append(&mut self, event: Event) {
        self.events.entry(event.reminder).or_default().push(event);
    }

    fn finish(&mut self, event: Event) {
        self.queue.remove(&event.reminder);
        self.append(event);
    }

    /// The due ones of a lane in the order in which they fall due.
    fn due(&self, channel: Channel, now: DateTime<Utc>) -> Vec<ReminderId> {
        let due = |(_, queued): &(&ReminderId, &Queued)| {
            queued.channel == channel && queued.stage == Stage::Planned && queued.not_before <= now
        };
        let mut found: Vec<_> = self.queue.iter().filter(due).map(|(id, queued)| (queued.not_before, *id)).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    fn settle(&mut self, settlement: &Settlement) -> bool {
        let id = settlement.reminder();
        let Some(queued) = self.queue.get_mut(&id) else { return false };
        if queued.attempt != settlement.number() || queued.stage == Stage::Planned {
            return false;
        }
        let event = settlement.event();
        match settlement.next() {
            Next::Accepted | Next::Failed => self.finish(event),
            Next::Retry { not_before } => {
                queued.not_before = *not_before;
                queued.stage = Stage::Planned;
                self.append(event);
            }
            Next::Unknown if queued.stage == Stage::Unknown => return false,
            Next::Unknown => {
                queued.stage = Stage::Unknown;
                self.append(event);
            }
        }
        true
    }

    fn view(&self, reminder: &Reminder) -> ReminderView {
        let queued = self.queue.get(&reminder.id);
        let last = self.events.get(&reminder.id).and_then(|events| events.last()).cloned();
        ReminderView {
            state: queued.map_or_else(
                || last.as_ref().map_or(State::Planned, |event| event.kind.state()),
                |queued| queued.stage.state(),
            ),
            attempts: queued.map_or_else(|| last.as_ref().map_or(0, |event| event.attempt), |queued| queued.attempt),
            next_try: queued.filter(|queued| queued.stage == Stage::Planned).map(|queued| queued.not_before),
            reminder: reminder.clone(),
            last,
        }
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn migrate(&self) -> Result<usize, StoreError> {
        Ok(0)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn import(&self, rows: &[LedgerRow], mode: WriteMode) -> Result<Vec<Change>, StoreError> {
        let mut tables = self.tables();
        let mut draft = tables.clone();
        let changes = rows.iter().cloned().map(|row| draft.import(row)).collect();
        if mode == WriteMode::Commit {
            *tables = draft;
        }
        Ok(changes)
    }

    async fn due_page(
        &self,
        dates: RangeInclusive<NaiveDate>,
        after: Option<&DueCursor>,
        limit: u32,
    ) -> Result<Vec<DueBorrower>, StoreError> {
        let tables = self.tables();
        let due = tables.installments.values().filter(|one| one.is_due() && dates.contains(&one.due_date));
        let mut cursors: Vec<_> = due
            .map(|one| DueCursor {
                due_date: one.due_date,
                borrower: BorrowerKey { merchant: one.merchant.clone(), id: one.borrower.clone() },
            })
            .filter(|cursor| after.is_none_or(|after| cursor > after))
            .collect();
        cursors.sort_unstable();
        cursors.dedup();
        let now = self.clock.now();
        let page = cursors.into_iter().filter_map(|cursor| tables.due_borrower(cursor, now));
        Ok(page.take(limit as usize).collect())
    }

    async fn installments(&self, filter: &InstallmentFilter) -> Result<Vec<Installment>, StoreError> {
        let tables = self.tables();
        let matching = |one: &&Installment| {
            filter.merchant.as_ref().is_none_or(|merchant| *merchant == one.merchant)
                && filter.borrower.as_ref().is_none_or(|borrower| *borrower == one.borrower)
                && filter.installment.as_ref().is_none_or(|id| *id == one.id)
        };
        let mut found: Vec<_> = tables.installments.values().filter(matching).cloned().collect();
        found.sort_by(|a, b| (a.due_date, &a.id).cmp(&(b.due_date, &b.id)));
        found.truncate(filter.limit as usize);
        Ok(found)
    }

    async fn account(
        &self,
        borrower: &BorrowerKey,
        due_date: NaiveDate,
        channel: Channel,
    ) -> Result<Account, StoreError> {
        Ok(self.tables().account(borrower, due_date, channel, self.clock.now()))
    }

    async fn suppress(&self, suppressions: &[Suppression]) -> Result<(), StoreError> {
        let mut tables = self.tables();
        for one in suppressions {
            tables.suppressions.retain(|known| known.merchant != one.merchant || known.address != one.address);
            tables.suppressions.push(one.clone());
        }
        Ok(())
    }

    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError> {
        let mut tables = self.tables();
        let mut planned = Vec::new();
        for plan in reminders {
            if tables.keys.contains_key(&plan.key) {
                continue;
            }
            let id = ReminderId(tables.reminders.last_key_value().map_or(1, |(last, _)| last.0 + 1));
            planned.push(id);
            if mode == WriteMode::DryRun {
                continue;
            }
            tables.keys.insert(plan.key.clone(), id);
            let (channel, not_before) = (plan.key.channel, plan.not_before);
            tables.queue.insert(id, Queued { channel, not_before, attempt: 0, gateway: None, stage: Stage::Planned });
            tables.reminders.insert(id, Reminder { id, planned_at: at, plan: plan.clone() });
        }
        Ok(planned)
    }

    async fn claim(&self, request: &ClaimRequest, decide: Decide<'_>) -> Result<Claimed, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let mut claimed = Claimed { now, sending: Vec::new(), put_aside: Vec::new() };
        for id in tables.due(request.channel, now).into_iter().take(request.limit as usize) {
            let reminder = tables.reminders[&id].plan.clone();
            let account = tables.account(&reminder.key.borrower, reminder.key.due_date, request.channel, now);
            let decision = decide(&reminder, &account, now);
            let Some(queued) = tables.queue.get_mut(&id) else { continue };
            let attempt = queued.attempt;
            match decision {
                Decision::Send(to_send) => {
                    queued.attempt += 1;
                    queued.gateway = Some(request.gateway.clone());
                    queued.stage = Stage::Sending { lease_until: now + request.lease };
                    let attempt = Attempt::claimed(id, queued.attempt, request.gateway.clone());
                    claimed.sending.push(ClaimedReminder { attempt, reminder, account, to_send });
                }
                Decision::Defer { until, reason } => {
                    queued.not_before = until;
                    let kind = EventKind::Deferred;
                    let detail = Some(reason.as_str().to_owned());
                    tables.append(Event {
                        reminder: id,
                        attempt,
                        at: now,
                        kind,
                        gateway: None,
                        provider_id: None,
                        detail,
                    });
                    claimed.put_aside.push((id, Decision::Defer { until, reason }));
                }
                Decision::Skip(reason) => {
                    tables.finish(Event::skipped(id, attempt, reason, now));
                    claimed.put_aside.push((id, Decision::Skip(reason)));
                }
            }
        }
        Ok(claimed)
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        Ok(settlements.iter().filter(|settlement| tables.settle(settlement)).count())
    }

    async fn reap(&self, limit: u32) -> Result<Vec<ReminderId>, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let dead = |queued: &Queued| matches!(queued.stage, Stage::Sending { lease_until } if lease_until <= now);
        let expired: Vec<_> =
            tables.queue.iter().filter(|(_, queued)| dead(queued)).map(|(id, _)| *id).take(limit as usize).collect();
        for id in &expired {
            let Some(queued) = tables.queue.get_mut(id) else { continue };
            queued.stage = Stage::Unknown;
            let event = Event::lease_expired(*id, queued.attempt, queued.gateway.clone(), now);
            tables.append(event);
        }
        Ok(expired)
    }

    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
        let tables = self.tables();
        let waiting = |queued: &&Queued| queued.channel == channel && queued.stage == Stage::Planned;
        Ok(tables.queue.values().filter(waiting).map(|queued| queued.not_before).min())
    }

    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError> {
        let now = self.clock.now();
        let tables = self.tables();
        let count = |channel: &Channel| {
            let lane: Vec<_> = tables.queue.values().filter(|queued| queued.channel == *channel).collect();
            let number = |wanted: State| lane.iter().filter(|queued| queued.stage.state() == wanted).count() as u64;
            let due = || lane.iter().filter(|queued| queued.stage == Stage::Planned).map(|queued| queued.not_before);
            QueueCounts {
                channel: *channel,
                planned: number(State::Planned),
                due: due().filter(|at| *at <= now).count() as u64,
                sending: number(State::Sending),
                unknown: number(State::Unknown),
                oldest_due: due().filter(|at| *at <= now).min(),
            }
        };
        Ok(Channel::ALL.iter().map(count).collect())
    }

    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
        let tables = self.tables();
        let matching = |view: &ReminderView| {
            let key = &view.reminder.plan.key;
            filter.id.is_none_or(|id| id == view.reminder.id)
                && filter.state.is_none_or(|state| state == view.state)
                && filter.merchant.as_ref().is_none_or(|merchant| *merchant == key.borrower.merchant)
                && filter.borrower.as_ref().is_none_or(|borrower| *borrower == key.borrower.id)
                && filter.due_date.is_none_or(|date| date == key.due_date)
                && filter.channel.is_none_or(|channel| channel == key.channel)
                && filter.before.is_none_or(|before| view.reminder.id < before)
        };
        let views = tables.reminders.values().rev().map(|reminder| tables.view(reminder));
        Ok(views.filter(matching).take(filter.limit as usize).collect())
    }

    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError> {
        Ok(self.tables().events.get(&reminder).cloned().unwrap_or_default())
    }

    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let free = tables.turns.get(task).is_none_or(|(owner, until)| owner == holder || *until <= now);
        if free {
            tables.turns.insert(task.to_owned(), (holder.to_owned(), now + lasts));
        }
        Ok(free)
    }
}
