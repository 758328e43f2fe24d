//! Claims and settlements, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::{MemoryStore, Tables, notices};
use crate::domain::{Channel, Event, MessageForm, NewReminder, ReminderId, Settlement};
use crate::plan::{Decision, GatewayLists};
use crate::store::audit_entries;
use crate::store::{
    ClaimRequest, ClaimResult, ClaimedReminder, DecideFn, OutboxStore, RehomeScope, StoreError, WriteMode,
};

/// How much a claim with a rate puts aside at once.
const PUT_ASIDE_AT_ONCE: u32 = 1_000;

#[async_trait]
impl OutboxStore for MemoryStore {
    async fn plan(
        &self,
        reminders: &[NewReminder],
        at: DateTime<Utc>,
        mode: WriteMode,
    ) -> Result<Vec<ReminderId>, StoreError> {
        let mut tables = self.tables();
        let origin = self.origin.as_ref().filter(|_| mode == WriteMode::Commit);
        Ok(reminders.iter().filter_map(|plan| tables.plan(origin, plan, at, mode)).collect())
    }

    async fn claim(&self, request: &ClaimRequest, decide: DecideFn<'_>) -> Result<ClaimResult, StoreError> {
        let (_, claimed) = self.settle_and_claim(&[], request, decide).await?;
        Ok(claimed)
    }

    async fn settle_and_claim(
        &self,
        settlements: &[Settlement],
        request: &ClaimRequest,
        decide: DecideFn<'_>,
    ) -> Result<(usize, ClaimResult), StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let settled = settlements.iter().filter(|settlement| tables.outbox.settle(settlement)).count();
        let passes = tables.passes(request);
        let Tables { ledger, outbox, notices, .. } = &mut *tables;
        let state = outbox.rates.get(&request.gateway).copied();
        let permits = request.rate.map(|rate| rate.permits(state, now, request.limit));
        let allowed = permits.map_or(request.limit, |permits| permits.count);
        let mut claimed = ClaimResult { now, sending: Vec::new(), not_sent: Vec::new(), allowed };
        // A permit is spent on a sent message only, so with a rate more rows are read than sent.
        let looked_at = if request.rate.is_some() { allowed.saturating_add(PUT_ASIDE_AT_ONCE) } else { allowed };
        for id in outbox.due(request.channel, request.gateway_index, now, if passes { looked_at } else { 0 }) {
            if claimed.sending.len() >= allowed as usize {
                break;
            }
            let reminder = outbox.reminders[&id].plan.clone();
            let mut account = ledger.account(&reminder.key.borrower, reminder.key.due_date, request.channel, now);
            account.notice = notices::facts(notices, &reminder.key.step);
            if let Some(recent_contacts) = request.recent_contacts {
                let person = ledger.same_person(&reminder.key.borrower, request.channel, recent_contacts);
                account.contacts = outbox.contacts(ledger, &person, recent_contacts, now);
                ledger.add_following(&mut account, &reminder.key.borrower, reminder.key.due_date, recent_contacts);
            }
            let decision = decide.decide(&reminder, &account, now);
            let switched = decision.switched(&reminder, now);
            match decision {
                Decision::Send(to_send) => {
                    let Some(attempt) = outbox.begin(id, &request.gateway, now + request.lease) else { continue };
                    let in_doubt = outbox.is_in_doubt(id);
                    let number = u32::try_from(claimed.sending.len()).unwrap_or(u32::MAX);
                    let pause = permits.map_or(TimeDelta::zero(), |permits| permits.pause(now, number));
                    claimed.sending.push(ClaimedReminder { attempt, reminder, account, to_send, pause, in_doubt });
                }
                Decision::Defer { until, reason } => {
                    outbox.defer(id, until, reason, now);
                    claimed.not_sent.push((id, Decision::Defer { until, reason }));
                }
                Decision::PassOn { gateway_index } => {
                    outbox.pass_on(id, gateway_index, now);
                    claimed.not_sent.push((id, Decision::PassOn { gateway_index }));
                }
                Decision::Hold(cause) => {
                    outbox.hold(id, cause.clone(), now);
                    claimed.not_sent.push((id, Decision::Hold(cause)));
                }
                Decision::Skip(reason) => {
                    outbox.skip(Event::skipped(id, outbox.attempts(id), reason, now));
                    claimed.not_sent.push((id, Decision::Skip(reason)));
                }
                Decision::Switch { reason, .. } => {
                    switched.iter().for_each(|to| outbox.switch(id, to, reason, now));
                    claimed.not_sent.push((id, decision));
                }
            }
        }
        if let Some((rate, permits)) = request.rate.zip(permits) {
            let taken = u32::try_from(claimed.sending.len()).unwrap_or(u32::MAX);
            outbox.rates.insert(request.gateway.clone(), rate.after(state, now, permits, taken));
        }
        Ok((settled, claimed))
    }

    async fn settle(&self, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        let counted: Vec<_> = settlements.iter().filter(|settlement| tables.outbox.settle(settlement)).collect();
        let entries: Vec<_> = counted.iter().filter_map(|settlement| audit_entries::resolve(settlement)).collect();
        tables.note(self.origin.as_ref(), &entries);
        Ok(counted.len())
    }

    async fn keep_form(&self, form: &Arc<MessageForm>) -> Result<(), StoreError> {
        self.tables().forms.insert(form.hash(), Arc::clone(form));
        Ok(())
    }

    async fn rehome(&self, channel: Channel, lists: &GatewayLists, scope: RehomeScope) -> Result<usize, StoreError> {
        Ok(match scope {
            RehomeScope::All => self.tables().outbox.rehome(channel, lists),
            RehomeScope::Stranded { due_before } => self.tables().outbox.rescue(channel, lists, due_before),
        })
    }

    async fn next_due(&self, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(self.tables().outbox.next_due(channel))
    }
}
