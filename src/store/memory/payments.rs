//! Payments that are reported one by one, in memory.

use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::ledger::Ledger;
use super::{MemoryStore, Tables};
use crate::domain::{
    BorrowerKey, Installment, InstallmentId, MerchantId, PaidClaim, Payment, PaymentReport, PaymentResult,
    PaymentStage, SourceName, settle_payments,
};
use crate::store::audit_entries;
use crate::store::payment::{OVER_AT_ONCE, TimeOver, time_over};
use crate::store::{PaymentSettlement, PaymentStore, StoreError};

impl Ledger {
    fn payments_of(&self, merchant: &MerchantId, id: &InstallmentId) -> Vec<Payment> {
        let is_of = |one: &&Payment| one.merchant == *merchant && one.installment == *id;
        let mut all: Vec<_> = self.payments.values().filter(is_of).cloned().collect();
        all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        all
    }

    fn keep_payment(&mut self, one: Payment) {
        self.payments.insert((one.merchant.clone(), one.id.clone()), one);
    }

    /// Lets a row settle the payments of its instalment.
    pub(super) fn settle_by_row(
        &mut self,
        before: Option<&Installment>,
        claim: PaidClaim<'_>,
        merged: &mut Installment,
        now: DateTime<Utc>,
    ) {
        let mut payments = self.payments_of(&merged.merchant, &merged.id);
        settle_payments(&mut payments, before, claim, merged, now);
        payments.into_iter().for_each(|one| self.keep_payment(one));
    }

    /// Those with a pending payment.
    pub(super) fn pending(&self, installments: &[Installment]) -> Vec<InstallmentId> {
        let is_pending = |installment: &&Installment| {
            let holds = |one: &Payment| {
                one.stage == PaymentStage::Holding
                    && one.merchant == installment.merchant
                    && one.installment == installment.id
            };
            self.payments.values().any(holds)
        };
        installments.iter().filter(is_pending).map(|one| one.id.clone()).collect()
    }

    fn set_paid(&mut self, installment: Installment, now: DateTime<Utc>) {
        if installment.is_due() {
            let borrower = BorrowerKey { merchant: installment.merchant.clone(), id: installment.borrower.clone() };
            self.scans.write_down((borrower, installment.due_date), now);
        }
        self.put(installment, now);
    }

    pub(super) fn report_payment(
        &mut self,
        report: &PaymentReport,
        lasts: TimeDelta,
        now: DateTime<Utc>,
    ) -> PaymentResult {
        let mut installment = self.installment(&report.merchant, &report.installment).cloned();
        let known = self.payments.get(&(report.merchant.clone(), report.id.clone()));
        let before = installment.as_ref().map(|one| one.paid_amount);
        let (next, result) = report.lay_over(known, installment.as_mut(), (now, now + lasts));
        if let Some(one) = installment.filter(|one| Some(one.paid_amount) != before) {
            self.set_paid(one, now);
        }
        if let Some(next) = next {
            self.keep_payment(next);
        }
        result
    }
}

#[async_trait]
impl PaymentStore for MemoryStore {
    async fn report_payments(
        &self,
        reports: &[PaymentReport],
        lasts: TimeDelta,
    ) -> Result<Vec<PaymentResult>, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let results = reports.iter().map(|one| tables.ledger.report_payment(one, lasts, now)).collect();
        tables.note(self.origin.as_ref(), audit_entries::report_payments(reports, now).as_slice());
        Ok(results)
    }

    async fn payments(&self, merchant: &MerchantId, id: &InstallmentId) -> Result<Vec<Payment>, StoreError> {
        Ok(self.tables().ledger.payments_of(merchant, id))
    }

    async fn pending_payments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        let tables = self.tables();
        let holding = tables.ledger.payments.values().filter(|one| one.stage == PaymentStage::Holding);
        let keys: BTreeSet<_> = holding.map(|one| (one.merchant.clone(), one.installment.clone())).collect();
        Ok(keys.into_iter().collect())
    }

    async fn settle_payments(&self, telling: &[SourceName]) -> Result<PaymentSettlement, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let Tables { ledger, sources, .. } = &mut *tables;
        let states: Vec<_> = sources.values().cloned().collect();
        let is_over =
            |one: &&Payment| matches!(one.stage, PaymentStage::Holding | PaymentStage::Counted) && one.until <= now;
        let mut ended: Vec<_> = ledger.payments.values().filter(is_over).cloned().collect();
        ended.sort_by(|a, b| (a.until, &a.id).cmp(&(b.until, &b.id)));
        ended.truncate(usize::try_from(OVER_AT_ONCE).unwrap_or(usize::MAX));
        let mut settlement = PaymentSettlement::default();
        for mut one in ended {
            match time_over(&mut one, &states, telling, now) {
                TimeOver::Lapsed => settlement.lapsed += 1,
                TimeOver::Kept => {}
                TimeOver::Overruled => {
                    settlement.overruled += 1;
                    if let Some(mut installment) = ledger.installment(&one.merchant, &one.installment).cloned() {
                        one.overrule(&mut installment);
                        ledger.set_paid(installment, now);
                    }
                }
            }
            ledger.keep_payment(one);
        }
        Ok(settlement)
    }
}
