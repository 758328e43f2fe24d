//! Stops and suppressions by hand, in memory, with the record of who changed them.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{MemoryStore, Tables, reports};
use crate::domain::{
    AddressKey, AuditOrigin, Channel, HoldReason, LiftDecision, LiftRequest, LiftResult, Lifter, ManualChange,
    MerchantId, Suppression, SuppressionAction, SuppressionChange, SuppressionRecord, SuppressionScope,
};
use crate::store::audit_entries;
use crate::store::{
    RELEASED_AT_ONCE, Stop, StopStore, StoreError, SuppressionChangeFilter, SuppressionFilter, SuppressionStore,
};

#[async_trait]
impl StopStore for MemoryStore {
    async fn stop(&self, stop: &Stop) -> Result<(), StoreError> {
        let mut tables = self.tables();
        tables.stop(stop);
        tables.note(self.origin.as_ref(), &[audit_entries::stop(stop)]);
        Ok(())
    }

    async fn lift_stop(
        &self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let lifted = tables.lift_stop(merchant, channel, by, now);
        if lifted {
            tables.note(self.origin.as_ref(), &[audit_entries::lift_stop(merchant, channel, by)]);
        }
        Ok(lifted)
    }

    async fn stops(&self) -> Result<Vec<Stop>, StoreError> {
        let mut stops = self.tables().ledger.stops.clone();
        stops.sort_by_key(|stop| stop.since);
        Ok(stops)
    }
}

#[async_trait]
impl SuppressionStore for MemoryStore {
    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError> {
        self.tables().suppress(self.origin.as_ref(), suppressions, by);
        Ok(())
    }

    async fn suppressions(&self, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError> {
        Ok(reports::suppressions(&self.tables().ledger, filter))
    }

    async fn suppressions_of(&self, address: &AddressKey) -> Result<Vec<SuppressionRecord>, StoreError> {
        let filter =
            SuppressionFilter { address: Some(address.clone()), limit: u32::MAX, ..SuppressionFilter::default() };
        let ledger = &self.tables().ledger;
        let record = |suppression: Suppression| {
            let key = (suppression.merchant.clone(), suppression.address.clone());
            let asked = ledger.lifts.get(&key).map(|(actor, at)| LiftRequest { actor: actor.clone(), at: *at });
            let is_opt_out = suppression.reason.is_opt_out() || ledger.covered_opt_outs.contains(&key);
            SuppressionRecord { suppression, is_opt_out, asked }
        };
        Ok(reports::suppressions(ledger, &filter).into_iter().map(record).collect())
    }

    async fn lift_suppression(
        &self,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        lifter: Lifter,
        by: &ManualChange,
    ) -> Result<LiftResult, StoreError> {
        Ok(self.tables().lift_suppression(self.origin.as_ref(), merchant, address, lifter, by))
    }

    async fn suppression_changes(
        &self,
        filter: &SuppressionChangeFilter,
    ) -> Result<Vec<SuppressionChange>, StoreError> {
        Ok(self.tables().suppression_changes(filter))
    }
}

/// A change on record, with the addresses that it is about.
#[derive(Debug, Clone)]
pub(super) struct RecordedChange {
    change: SuppressionChange,
    addresses: Vec<AddressKey>,
}

impl Tables {
    pub(super) fn suppress(
        &mut self,
        origin: Option<&AuditOrigin>,
        suppressions: &[Suppression],
        by: Option<&ManualChange>,
    ) {
        self.note_opt_outs(suppressions);
        self.ledger.suppress(suppressions);
        let Some(change) = by.filter(|_| !suppressions.is_empty()) else { return };
        let scope = match suppressions {
            [one] => SuppressionScope::Address { merchant: one.merchant.clone(), address: one.address.clone() },
            many => SuppressionScope::Addresses(many.len() as u64),
        };
        let addresses = suppressions.iter().map(|one| one.address.clone()).collect();
        self.record(SuppressionAction::Add, scope, addresses, change);
        self.note(origin, &audit_entries::suppress(suppressions, change));
    }

    pub(super) fn lift_suppression(
        &mut self,
        origin: Option<&AuditOrigin>,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        lifter: Lifter,
        by: &ManualChange,
    ) -> LiftResult {
        let is_it = |one: &Suppression| (one.merchant.as_ref(), &one.address) == (merchant, address);
        let Some(known) = self.ledger.suppressions.iter().find(|one| is_it(one)) else {
            return LiftResult::NotSuppressed;
        };
        let key = (known.merchant.clone(), known.address.clone());
        let is_opt_out = known.reason.is_opt_out() || self.ledger.covered_opt_outs.contains(&key);
        let asked = self.ledger.lifts.get(&key).map(|(actor, at)| (actor.as_str(), *at));
        let decision = lifter.decide(by, is_opt_out, known.since, asked);
        match decision {
            LiftDecision::Lift => {
                self.ledger.lift_where(is_it);
                let scope = SuppressionScope::Address { merchant: merchant.cloned(), address: address.clone() };
                self.record(SuppressionAction::Remove, scope, vec![address.clone()], by);
            }
            LiftDecision::Ask => drop(self.ledger.lifts.insert(key, (by.actor.clone(), by.at))),
            LiftDecision::Wait => {}
        }
        self.note(origin, &[audit_entries::lift_suppression(merchant, address, decision, by)]);
        if decision == LiftDecision::Lift { LiftResult::Lifted } else { LiftResult::OnePersonMore }
    }

    pub(super) fn stop(&mut self, stop: &Stop) {
        let stops = &mut self.ledger.stops;
        stops.retain(|known| (&known.merchant, known.channel) != (&stop.merchant, stop.channel));
        stops.push(stop.clone());
        let scope = SuppressionScope::Stop { merchant: stop.merchant.clone(), channel: stop.channel };
        self.record(SuppressionAction::Stop, scope, Vec::new(), &stop.change());
    }

    pub(super) fn lift_stop(
        &mut self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
        now: DateTime<Utc>,
    ) -> bool {
        let stops = &mut self.ledger.stops;
        let before = stops.len();
        stops.retain(|known| (known.merchant.as_ref(), known.channel) != (merchant, channel));
        if stops.len() == before {
            return false;
        }
        self.outbox.release(now, RELEASED_AT_ONCE, |cause, channel, _| {
            cause.reason == HoldReason::Stopped && !stops.iter().any(|stop| stop.covers(&cause.subject, channel))
        });
        let scope = SuppressionScope::Stop { merchant: merchant.cloned(), channel };
        self.record(SuppressionAction::Lift, scope, Vec::new(), by);
        true
    }

    pub(super) fn suppression_changes(&self, filter: &SuppressionChangeFilter) -> Vec<SuppressionChange> {
        let matches = |recorded: &&RecordedChange| {
            filter.address.as_ref().is_none_or(|address| recorded.addresses.contains(address))
                && filter.before.is_none_or(|before| recorded.change.id < before)
        };
        let found = self.changes.iter().rev().filter(matches).take(filter.limit as usize);
        found.map(|recorded| recorded.change.clone()).collect()
    }

    fn record(
        &mut self,
        action: SuppressionAction,
        scope: SuppressionScope,
        addresses: Vec<AddressKey>,
        change: &ManualChange,
    ) {
        let id = self.changes.last().map_or(0, |last| last.change.id) + 1;
        let change = SuppressionChange { id, action, scope, change: change.clone() };
        self.changes.push(RecordedChange { change, addresses });
    }
}
