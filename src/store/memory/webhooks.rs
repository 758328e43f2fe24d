//! Webhooks, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{MemoryStore, Tables};
use crate::domain::{
    AddressKey, Borrower, BorrowerId, Click, EndpointKey, EndpointState, EventKind, Installment, InstallmentStatus,
    ManualChange, MerchantId, RecordEnds, RecordPosition, RecordTable, Reminder, ReminderId, RouteHealth, Suppression,
    SuppressionReason, WaitingBorrower, WebhookEvent, WebhookType, merge_records,
};
use crate::store::audit_entries;
use crate::store::webhook::{Cut, RecordWindow, page, window_end};
use crate::store::{EndpointProgress, RecordPage, StoreError, WebhookStore};

/// The tables of webhooks alone: occurrences, and the progress of endpoints.
#[derive(Debug, Default, Clone)]
pub(super) struct WebhookTables {
    occurrences: Vec<WebhookEvent>,
    endpoints: BTreeMap<EndpointKey, EndpointState>,
    waiting: BTreeMap<(EndpointKey, Option<BorrowerId>), WaitingBorrower>,
}

#[async_trait]
impl WebhookStore for MemoryStore {
    async fn record_ends(&self) -> Result<RecordEnds, StoreError> {
        let mut tables = self.tables();
        for (installment, at) in std::mem::take(&mut tables.ledger.paid) {
            tables.note_paid(&installment, at);
        }
        Ok(RecordEnds { ends: tables.record_ends(), ..RecordEnds::default() })
    }

    async fn record_page(
        &self,
        merchants: &[MerchantId],
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<RecordPage, StoreError> {
        let tables = self.tables();
        let windows = RecordTable::ALL.iter().copied().map(|table| {
            let (after, through) = (after.of(table), through.of(table));
            let (end, is_cut) = window_end(after, through);
            let latest = tables.latest(table, after, end);
            let cut_at = is_cut.then(|| latest.map_or(Cut::Empty, Cut::At));
            let events = tables.records(table, after, end, |event| merchants.contains(&event.merchant));
            RecordWindow { events, end, cut_at }
        });
        let mut page = page(after, windows.collect());
        page.events.iter_mut().for_each(|event| tables.add_installments(event));
        Ok(page)
    }

    async fn records_of(
        &self,
        merchant: &MerchantId,
        borrower: Option<&BorrowerId>,
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<Vec<WebhookEvent>, StoreError> {
        let tables = self.tables();
        let is_of = |event: &WebhookEvent| event.merchant == *merchant && event.borrower.as_ref() == borrower;
        let records = RecordTable::ALL.iter().copied();
        let records = records.map(|table| tables.records(table, after.of(table), through.of(table), is_of));
        let mut events = merge_records(records.collect());
        events.iter_mut().for_each(|event| tables.add_installments(event));
        Ok(events)
    }

    async fn webhook_endpoints(&self) -> Result<Vec<EndpointState>, StoreError> {
        Ok(self.tables().webhooks.endpoints.values().cloned().collect())
    }

    async fn add_webhook_endpoint(&self, key: &EndpointKey, at: RecordPosition) -> Result<(), StoreError> {
        let state = EndpointState {
            key: key.clone(),
            position: at,
            version: 0,
            failures: 0,
            failing_since: None,
            not_before: None,
            last_fault: None,
            disabled_at: None,
        };
        self.tables().webhooks.endpoints.entry(key.clone()).or_insert(state);
        Ok(())
    }

    async fn webhook_waiting(&self, key: &EndpointKey) -> Result<Vec<WaitingBorrower>, StoreError> {
        let tables = self.tables();
        let of = tables.webhooks.waiting.iter().filter(|((own, _), _)| own == key);
        Ok(of.map(|(_, waiting)| waiting.clone()).collect())
    }

    async fn save_webhook_progress(&self, progress: &EndpointProgress) -> Result<bool, StoreError> {
        let EndpointProgress { state, before, waiting, served } = progress;
        let webhooks = &mut self.tables().webhooks;
        let known = webhooks.endpoints.get_mut(&state.key);
        let Some(known) = known.filter(|known| known.version == state.version && known.position == *before) else {
            return Ok(false);
        };
        known.clone_from(state);
        for one in waiting {
            let key = (state.key.clone(), one.borrower.clone());
            let since = webhooks.waiting.get(&key).map_or(one.since, |known| known.since);
            webhooks.waiting.insert(key, WaitingBorrower { since, ..one.clone() });
        }
        for borrower in served {
            webhooks.waiting.remove(&(state.key.clone(), borrower.clone()));
        }
        Ok(true)
    }

    async fn replay_webhook(
        &self,
        key: &EndpointKey,
        from: DateTime<Utc>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let mut position = tables.record_ends();
        for table in RecordTable::ALL.iter().copied() {
            if let Some(place) = tables.times(table).position(|at| at >= from) {
                position = position.with(table, number(place) - 1);
            }
        }
        let Some(known) = tables.webhooks.endpoints.get_mut(key) else { return Ok(false) };
        let (version, disabled_at) = (known.version + 1, known.disabled_at);
        let key = key.clone();
        *known = EndpointState { key: key.clone(), position, version, disabled_at, ..fresh(known) };
        tables.webhooks.waiting.retain(|(own, _), _| *own != key);
        tables.note(self.origin.as_ref(), &[audit_entries::replay_webhook(&key, from, by)]);
        Ok(true)
    }

    async fn enable_webhook(&self, key: &EndpointKey, by: &ManualChange) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(known) = tables.webhooks.endpoints.get_mut(key) else { return Ok(false) };
        *known = EndpointState { version: known.version + 1, disabled_at: None, ..fresh(known) };
        tables.note(self.origin.as_ref(), &[audit_entries::enable_webhook(key, by)]);
        Ok(true)
    }
}

/// The endpoint without its failures.
fn fresh(known: &EndpointState) -> EndpointState {
    EndpointState { failures: 0, failing_since: None, not_before: None, last_fault: None, ..known.clone() }
}

/// The number of the row at a place.
fn number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(i64::MAX - 1) + 1
}

/// The place behind the row of a number.
fn place(number: i64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

impl Tables {
    fn record_ends(&self) -> RecordPosition {
        let ends = RecordTable::ALL.iter().copied().map(|table| (table, self.times(table).count()));
        ends.fold(RecordPosition::default(), |position, (table, count)| position.with(table, number(count) - 1))
    }

    /// The latest time of a record in a window; see the statement `LATEST` of the databases.
    fn latest(&self, table: RecordTable, after: i64, end: i64) -> Option<DateTime<Utc>> {
        let (skipped, taken) = (place(after), place(end - after));
        let all = self.times(table).skip(skipped).take(taken).max();
        if table != RecordTable::Event {
            return all;
        }
        let events = self.outbox.log().skip(skipped).take(taken);
        let own = events.filter(|event| !matches!(event.kind, EventKind::Delivered | EventKind::Undelivered));
        own.map(|event| event.at).max().or(all)
    }

    fn times(&self, table: RecordTable) -> Box<dyn Iterator<Item = DateTime<Utc>> + '_> {
        match table {
            RecordTable::Event => Box::new(self.outbox.log().map(|event| event.at)),
            RecordTable::Click => Box::new(self.clicks.iter().map(|click| click.at)),
            RecordTable::Reply => Box::new(self.reports.replies().map(|reply| reply.at)),
            RecordTable::Occurrence => Box::new(self.webhooks.occurrences.iter().map(|event| event.at)),
        }
    }

    fn records(
        &self,
        table: RecordTable,
        after: i64,
        end: i64,
        wanted: impl Fn(&WebhookEvent) -> bool,
    ) -> Vec<WebhookEvent> {
        let (skipped, taken) = (place(after), place(end - after));
        let all: Box<dyn Iterator<Item = Option<WebhookEvent>> + '_> = match table {
            RecordTable::Event => Box::new(self.outbox.log().skip(skipped).take(taken).map(|event| {
                let kind = webhook_type(event.kind)?;
                let (reason, reminder) = (event.detail.as_deref().map(WebhookEvent::reason_word), event.reminder);
                let reason = reason.filter(|_| kind != WebhookType::Accepted);
                let about = self.about(reminder, table, kind, event.at)?;
                Some(WebhookEvent { attempt: Some(event.attempt), reason, ..about })
            })),
            RecordTable::Click => Box::new(self.clicks.iter().skip(skipped).take(taken).map(|click: &Click| {
                let about = self.about(click.reminder, table, WebhookType::Clicked, click.at)?;
                Some(WebhookEvent { route: Some(click.route.clone()), ..about })
            })),
            RecordTable::Reply => Box::new(self.reports.replies().skip(skipped).take(taken).map(|reply| {
                reply.merchant.as_ref()?;
                let about = self.about(reply.reminder?, table, WebhookType::Replied, reply.at)?;
                Some(WebhookEvent { reason: Some(reply.intent.to_string()), ..about })
            })),
            RecordTable::Occurrence => {
                Box::new(self.webhooks.occurrences.iter().skip(skipped).take(taken).cloned().map(Some))
            }
        };
        let numbered = all
            .enumerate()
            .filter_map(|(place, event)| event.map(|event| WebhookEvent { number: after + number(place), ..event }));
        numbered.filter(wanted).collect()
    }

    /// An event about a reminder.
    fn about(&self, id: ReminderId, table: RecordTable, kind: WebhookType, at: DateTime<Utc>) -> Option<WebhookEvent> {
        let Reminder { plan, .. } = self.outbox.reminders.get(&id)?;
        Some(WebhookEvent {
            borrower: Some(plan.key.borrower.id.clone()),
            reminder: Some(id),
            due_date: Some(plan.key.due_date),
            step: Some(plan.key.step.to_string()),
            channel: Some(plan.key.channel),
            ..WebhookEvent::new(table, kind, plan.key.borrower.merchant.clone(), at)
        })
    }

    fn add_installments(&self, event: &mut WebhookEvent) {
        let (Some(borrower), Some(due_date), true) = (&event.borrower, event.due_date, event.installments.is_empty())
        else {
            return;
        };
        let key = crate::domain::BorrowerKey { merchant: event.merchant.clone(), id: borrower.clone() };
        let mut ids: Vec<_> = self.ledger.due_on(&key, due_date).iter().map(|one| one.id.clone()).collect();
        ids.sort_unstable();
        event.installments = ids;
    }

    /// Records an instalment that was paid after a click, once.
    pub(super) fn note_paid(&mut self, installment: &Installment, at: DateTime<Utc>) {
        let is_known = |event: &WebhookEvent| {
            event.merchant == installment.merchant && event.installments.contains(&installment.id)
        };
        if installment.status != InstallmentStatus::Paid || self.webhooks.occurrences.iter().any(is_known) {
            return;
        }
        let is_about = |click: &&Click| {
            self.outbox.reminders.get(&click.reminder).is_some_and(|one| {
                let key = &one.plan.key;
                key.borrower.merchant == installment.merchant
                    && key.borrower.id == installment.borrower
                    && key.due_date == installment.due_date
                    && click.at <= at
            })
        };
        let Some(reminder) = self.clicks.iter().rev().find(is_about).map(|click| click.reminder) else { return };
        let about = self.about(reminder, RecordTable::Occurrence, WebhookType::PaidAfterClick, at);
        self.webhooks.occurrences.extend(about.map(|about| WebhookEvent {
            channel: None,
            installments: vec![installment.id.clone()],
            ..about
        }));
    }

    /// Records which borrowers these suppressions opt out. Before they are written.
    pub(super) fn note_opt_outs(&mut self, suppressions: &[Suppression]) {
        for one in suppressions.iter().filter(|one| one.reason == SuppressionReason::OptedOut) {
            let channel = one.address.channel();
            let is_of = |borrower: &&Borrower| {
                let merchant = &borrower.key.merchant;
                let is_known = self.ledger.suppressions.iter().any(|known| {
                    known.address == one.address
                        && known.reason == SuppressionReason::OptedOut
                        && known.merchant.as_ref().is_none_or(|known| known == merchant)
                });
                one.merchant.as_ref().is_none_or(|of| of == merchant)
                    && borrower.address(channel).is_some_and(|address| AddressKey::from(address) == one.address)
                    && !is_known
            };
            let opted_out: Vec<_> = self.ledger.borrowers().values().filter(is_of).map(|one| one.key.clone()).collect();
            self.webhooks.occurrences.extend(opted_out.into_iter().map(|key| WebhookEvent {
                borrower: Some(key.id),
                channel: Some(channel),
                ..WebhookEvent::new(RecordTable::Occurrence, WebhookType::OptedOut, key.merchant, one.since)
            }));
        }
    }

    /// Records that a route is degraded, unless it was. Before its health is written.
    pub(super) fn note_degraded(&mut self, health: &RouteHealth, merchant: &MerchantId) {
        let known = self.route_health.get(&health.key);
        if health.degraded && !known.is_some_and(|known| known.degraded && known.url == health.url) {
            let (kind, merchant) = (WebhookType::RouteDegraded, merchant.clone());
            let event = WebhookEvent::new(RecordTable::Occurrence, kind, merchant, health.since);
            self.webhooks.occurrences.push(WebhookEvent { route: Some(health.key.clone()), ..event });
        }
    }
}

fn webhook_type(kind: EventKind) -> Option<WebhookType> {
    match kind {
        EventKind::Accepted => Some(WebhookType::Accepted),
        EventKind::Delivered => Some(WebhookType::Delivered),
        EventKind::Undelivered => Some(WebhookType::Undelivered),
        EventKind::Failed => Some(WebhookType::Failed),
        EventKind::Skipped => Some(WebhookType::Skipped),
        _ => None,
    }
}
