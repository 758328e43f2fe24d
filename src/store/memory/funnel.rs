//! The funnel counts of the memory store.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{MemoryStore, Tables};
use crate::domain::{
    ActivityCount, BorrowerKey, Click, Event, EventKind, Funnel, InstallmentStatus, Reminder, SentCount,
};
use crate::store::{FunnelStore, StoreError};

#[async_trait]
impl FunnelStore for MemoryStore {
    async fn add_click(&self, click: &Click) -> Result<(), StoreError> {
        self.tables().clicks.push(click.clone());
        Ok(())
    }

    async fn clicks(&self, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError> {
        let mut clicks = self.tables().clicks.clone();
        clicks.retain(|click| click.at >= since);
        clicks.sort_by_key(|click| click.at);
        Ok(clicks)
    }

    async fn clicks_of(&self, borrower: &BorrowerKey, limit: u32) -> Result<Vec<Click>, StoreError> {
        let tables = self.tables();
        let is_of = |click: &&Click| {
            tables.outbox.reminders.get(&click.reminder).is_some_and(|one| one.plan.key.borrower == *borrower)
        };
        // A stable sort of the reverse: of two at one time the later one is first.
        let mut clicks: Vec<_> = tables.clicks.iter().rev().filter(is_of).cloned().collect();
        clicks.sort_by_key(|click| Reverse(click.at));
        clicks.truncate(limit as usize);
        Ok(clicks)
    }

    async fn sent(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
        Ok(sent(&self.tables(), span))
    }

    async fn activity(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<ActivityCount>, StoreError> {
        Ok(activity(&self.tables(), span))
    }
}

/// As the statement `SENT` of the databases has it.
pub(super) fn sent(tables: &Tables, span: &Range<DateTime<Utc>>) -> Vec<SentCount> {
    let clicked: HashSet<_> =
        tables.clicks.iter().filter(|click| click.at >= span.start).map(|click| click.reminder).collect();
    let mut counts = BTreeMap::new();
    for reminder in tables.outbox.reminders.values() {
        let events = tables.outbox.events(reminder.id);
        let is = |kind: EventKind| move |event: &&Event| event.kind == kind;
        let accepted: Vec<_> =
            events.iter().filter(is(EventKind::Accepted)).filter(|event| span.contains(&event.at)).collect();
        if accepted.is_empty() {
            continue;
        }
        let delivered = events.iter().filter(is(EventKind::Delivered)).any(|event| event.at >= span.start);
        let mut one = came(tables, reminder);
        let led_to = accepted.iter().filter_map(|event| tables.outbox.led_to.get(&(reminder.id, event.attempt))).max();
        one.route = led_to.cloned().or(one.route);
        one.funnel.delivered = u64::from(delivered);
        one.funnel.clicked = u64::from(clicked.contains(&reminder.id));
        let key =
            (one.merchant.clone(), one.step.to_string(), one.channel.as_str(), one.product.clone(), one.route.clone());
        counts.entry(key).and_modify(|known: &mut SentCount| known.funnel.add(&one.funnel)).or_insert(one);
    }
    counts.into_values().collect()
}

/// As the statement `ACTIVITY` of the databases has it.
fn activity(tables: &Tables, span: &Range<DateTime<Utc>>) -> Vec<ActivityCount> {
    let mut counts: Vec<ActivityCount> = Vec::new();
    for reminder in tables.outbox.reminders.values() {
        let key = &reminder.plan.key;
        let is_counted = |event: &&Event| span.contains(&event.at) && ActivityCount::KINDS.contains(&event.kind);
        for event in tables.outbox.events(reminder.id).iter().filter(is_counted) {
            let reason = event.detail.clone().filter(|_| event.kind == EventKind::Skipped);
            let one = ActivityCount {
                merchant: key.borrower.merchant.clone(),
                channel: key.channel,
                kind: event.kind,
                gateway: event.gateway.clone(),
                reason,
                count: 1,
            };
            match counts.iter_mut().find(|known| ActivityCount { count: 1, ..(**known).clone() } == one) {
                Some(known) => known.count += 1,
                None => counts.push(one),
            }
        }
    }
    counts
}

fn came(tables: &Tables, reminder: &Reminder) -> SentCount {
    let key = &reminder.plan.key;
    let owed = tables.ledger.due_on(&key.borrower, key.due_date);
    let paid = owed.iter().any(|one| one.status == InstallmentStatus::Paid)
        && owed.iter().all(|one| one.status != InstallmentStatus::Open);
    SentCount {
        merchant: key.borrower.merchant.clone(),
        step: key.step.clone(),
        channel: key.channel,
        product: owed.iter().filter_map(|one| one.product.clone()).min(),
        route: owed.iter().filter_map(|one| one.route.clone()).min(),
        funnel: Funnel { sent: 1, paid: u64::from(paid), ..Funnel::default() },
    }
}
