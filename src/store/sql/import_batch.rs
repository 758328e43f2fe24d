//! One batch of an import, worked out in memory: what was known, what the rows say over it, and what is then to be
//! written.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::domain::{
    AmendmentResult, Borrower, BorrowerKey, BorrowerUpdate, Installment, InstallmentId, KeyRing, MerchantId, PaidClaim,
    Payment, PaymentStage, RejectedRecord, merge_borrower, settle_payments,
};
use crate::store::{Change, LedgerRow, merge};

/// The rows that a batch touches. Sorted by key, so that two imports write in the same order and cannot deadlock.
#[derive(Debug, Default)]
pub(in crate::store) struct ImportBatch {
    borrowers: BTreeMap<BorrowerKey, BatchFacts<Borrower>>,
    installments: BTreeMap<(MerchantId, InstallmentId), BatchFacts<Installment>>,
    /// The payments that its rows may settle, by instalment, each with its stage in the database.
    payments: BTreeMap<(MerchantId, InstallmentId), (Vec<Payment>, Vec<PaymentStage>)>,
    /// The time of the transaction, where there are payments.
    now: DateTime<Utc>,
    /// Hashes verifiers.
    ring: Option<Arc<KeyRing>>,
}

#[derive(Debug)]
struct BatchFacts<T> {
    holds: T,
    /// Whether it differs from what the database has.
    dirty: bool,
    /// Whether the database has nothing of it.
    is_new: bool,
}

impl ImportBatch {
    /// A batch that starts from the borrowers and instalments in the ledger.
    pub(in crate::store) fn known(
        borrowers: Vec<Borrower>,
        installments: Vec<Installment>,
        ring: Option<Arc<KeyRing>>,
    ) -> Self {
        let clean_borrower =
            |borrower: Borrower| (borrower.key.clone(), BatchFacts { holds: borrower, dirty: false, is_new: false });
        let clean_installment = |installment: Installment| {
            (
                (installment.merchant.clone(), installment.id.clone()),
                BatchFacts { holds: installment, dirty: false, is_new: false },
            )
        };
        Self {
            borrowers: borrowers.into_iter().map(clean_borrower).collect(),
            installments: installments.into_iter().map(clean_installment).collect(),
            ring,
            ..Self::default()
        }
    }

    /// The same with the payments that its rows may settle, oldest first.
    pub(in crate::store) fn with_payments(mut self, (payments, now): (Vec<Payment>, DateTime<Utc>)) -> Self {
        self.now = now;
        for one in payments {
            let key = (one.merchant.clone(), one.installment.clone());
            let (payments, stages) = self.payments.entry(key).or_default();
            stages.push(one.stage);
            payments.push(one);
        }
        self
    }

    /// The payments that have another stage now.
    pub(in crate::store) fn settled_payments(&self) -> Vec<Payment> {
        let all = self.payments.values().flat_map(|(payments, stages)| payments.iter().zip(stages));
        all.filter(|(one, stage)| one.stage != **stage).map(|(one, _)| one.clone()).collect()
    }

    /// Lays a row over what is known by now, earlier rows of the batch included.
    pub(in crate::store) fn apply(&mut self, row: &LedgerRow) -> Change {
        let key = (row.borrower.merchant.clone(), row.installment.clone());
        let known_borrower = self.borrowers.get(&row.borrower);
        let known = self.installments.get(&key);
        let (borrower, mut installment) = merge(
            row.clone(),
            known_borrower.map(|page| page.holds.clone()),
            known.map(|page| page.holds.clone()),
            self.ring.as_deref(),
        );
        if let Some((payments, _)) = self.payments.get_mut(&key) {
            let claim = PaidClaim { paid_amount: &row.paid_amount, status: &row.status };
            settle_payments(payments, known.map(|page| &page.holds), claim, &mut installment, self.now);
        }
        let is_new = known.is_none();
        let borrower_differs = known_borrower.is_none_or(|page| page.holds != borrower);
        let installment_differs = known.is_none_or(|page| page.holds != installment);
        if borrower_differs {
            let is_new = known_borrower.is_none_or(|page| page.is_new);
            self.borrowers.insert(borrower.key.clone(), BatchFacts { holds: borrower, dirty: true, is_new });
        }
        if installment_differs {
            let is_new = known.is_none_or(|page| page.is_new);
            self.installments.insert(key, BatchFacts { holds: installment, dirty: true, is_new });
        }
        match (is_new, borrower_differs || installment_differs) {
            (true, _) => Change::New,
            (false, true) => Change::Changed,
            (false, false) => Change::Same,
        }
    }

    /// Lays a row about a borrower over what is known by now.
    pub(in crate::store) fn apply_borrower(&mut self, row: &BorrowerUpdate) -> Change {
        let known = self.borrowers.get(&row.borrower);
        let borrower = merge_borrower(row.clone(), known.map(|page| page.holds.clone()), self.ring.as_deref());
        let change = match known {
            None => Change::New,
            Some(page) if page.holds == borrower => Change::Same,
            Some(_) => Change::Changed,
        };
        if change != Change::Same {
            let is_new = known.is_none_or(|page| page.is_new);
            self.borrowers.insert(borrower.key.clone(), BatchFacts { holds: borrower, dirty: true, is_new });
        }
        change
    }

    /// Applies a payment that waited for its instalment. `None` if it did not wait, or the batch does not touch the
    /// instalment.
    pub(in crate::store) fn amend(&mut self, record: &RejectedRecord) -> Option<AmendmentResult> {
        let (merchant, installment) = record.key()?;
        let key = (merchant.clone(), installment.clone());
        let page = self.installments.get_mut(&key)?;
        let before = page.holds.clone();
        let amended = record.apply(&mut page.holds)?;
        if let (Some((payments, _)), Some(said)) = (self.payments.get_mut(&key), record.amendment()) {
            settle_payments(payments, Some(&before), said.claim(), &mut page.holds, self.now);
        }
        page.dirty |= page.holds != before;
        Some(amended)
    }

    /// The borrowers that are to be written: those that were not known, and those that were known otherwise.
    pub(in crate::store) fn dirty_borrowers(&self) -> (Vec<&Borrower>, Vec<&Borrower>) {
        dirty(self.borrowers.values())
    }

    /// The instalments that are to be written: those that were not known, and those that were known otherwise.
    pub(in crate::store) fn dirty_installments(&self) -> (Vec<&Installment>, Vec<&Installment>) {
        dirty(self.installments.values())
    }
}

fn dirty<'a, T: 'a>(pages: impl Iterator<Item = &'a BatchFacts<T>>) -> (Vec<&'a T>, Vec<&'a T>) {
    let (added, changed): (Vec<_>, Vec<_>) = pages.filter(|page| page.dirty).partition(|page| page.is_new);
    let held = |pages: Vec<&'a BatchFacts<T>>| pages.into_iter().map(|page| &page.holds).collect();
    (held(added), held(changed))
}
