//! Payments that are reported one by one.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use super::ledger::{known_installments, write_installments};
use super::{Batch, Db, SqlStore, Tx, audit, installment, payment, scan, sources};
use crate::domain::{
    Installment, InstallmentId, MerchantId, Payment, PaymentReport, PaymentResult, PaymentStage, SourceName,
};
use crate::store::audit_entries;
use crate::store::payment::{OVER_AT_ONCE, TimeOver, time_over};
use crate::store::sql::borrower::read;
use crate::store::sql::payment::{ANY_OPEN, OF_INSTALLMENT, OVER, OpenPaymentRow, PENDING, PaymentRow};
use crate::store::sql::value::{Amount, Moment};
use crate::store::{PaymentSettlement, PaymentStore, StoreError};

type InstallmentKey = (MerchantId, InstallmentId);

#[async_trait]
impl PaymentStore for SqlStore {
    async fn report_payments(
        &self,
        reports: &[PaymentReport],
        lasts: TimeDelta,
    ) -> Result<Vec<PaymentResult>, StoreError> {
        let mut tx = self.write_ledger().await?;
        let results = report(self, &mut tx, reports, lasts).await?;
        tx.commit().await?;
        Ok(results)
    }

    async fn payments(&self, merchant: &MerchantId, id: &InstallmentId) -> Result<Vec<Payment>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<PaymentRow> = sqlx::query_as::<Db, _>(OF_INSTALLMENT)
            .bind(merchant.as_str())
            .bind(id.as_str())
            .fetch_all(&mut *tx)
            .await?;
        tx.finish(rows).await.into_iter().map(PaymentRow::payment).collect()
    }

    async fn pending_payments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<(String, String)> = sqlx::query_as::<Db, _>(PENDING).fetch_all(&mut *tx).await?;
        let key = |(merchant, id): (String, String)| {
            let merchant = read(&merchant, "payment.merchant", str::parse)?;
            Ok((merchant, read(&id, "payment.installment_id", str::parse)?))
        };
        tx.finish(rows).await.into_iter().map(key).collect()
    }

    async fn settle_payments(&self, telling: &[SourceName]) -> Result<PaymentSettlement, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let is_over = !over(&mut tx, now).await?.is_empty();
        tx.finish(()).await;
        let mut settlement = PaymentSettlement::default();
        if !is_over {
            return Ok(settlement);
        }
        let mut tx = self.write_ledger().await?;
        let now = self.now(&mut tx).await?;
        let mut ended = over(&mut tx, now).await?;
        let states = sources::all(&mut tx).await?;
        let keys = ended.iter().map(|one| (&one.merchant, &one.installment)).collect();
        let mut known = keyed(known_installments(&mut tx, &keys).await?);
        let mut changed = BTreeSet::new();
        for one in &mut ended {
            let key = (one.merchant.clone(), one.installment.clone());
            match time_over(one, &states, telling, now.0) {
                TimeOver::Lapsed => settlement.lapsed += 1,
                TimeOver::Kept => {}
                TimeOver::Overruled => {
                    settlement.overruled += 1;
                    if let Some(installment) = known.get_mut(&key) {
                        one.overrule(installment);
                        changed.insert(key);
                    }
                }
            }
        }
        let changed: Vec<_> = changed.iter().filter_map(|key| known.get(key)).collect();
        write(&mut tx, &changed, self.given_now()).await?;
        keep(&mut tx, &ended).await?;
        tx.commit().await?;
        Ok(settlement)
    }
}

async fn over(tx: &mut Tx, now: Moment) -> Result<Vec<Payment>, StoreError> {
    let rows: Vec<PaymentRow> = sqlx::query_as::<Db, _>(OVER).bind(now).bind(OVER_AT_ONCE).fetch_all(&mut **tx).await?;
    rows.into_iter().map(PaymentRow::payment).collect()
}

fn keyed(installments: Vec<Installment>) -> BTreeMap<InstallmentKey, Installment> {
    installments.into_iter().map(|one| ((one.merchant.clone(), one.id.clone()), one)).collect()
}

async fn write(tx: &mut Tx, changed: &[&Installment], now: Option<Moment>) -> Result<(), StoreError> {
    write_installments(tx, changed, installment::UPSERT, now).await?;
    scan::write_down_installments(tx, changed, now).await
}

/// Writes reports. Gives what became of each.
pub(super) async fn report(
    store: &SqlStore,
    tx: &mut Tx,
    reports: &[PaymentReport],
    lasts: TimeDelta,
) -> Result<Vec<PaymentResult>, StoreError> {
    let now = store.now(tx).await?;
    let ids: BTreeSet<_> = reports.iter().map(|one| (&one.merchant, &one.id)).collect();
    let ids = Vec::from_iter(ids);
    let rows: Vec<PaymentRow> = Batch::of(&ids)
        .column(|(merchant, _)| merchant.as_str())?
        .column(|(_, id)| id.as_str())?
        .query_as(payment::OF_BATCH)?
        .fetch_all(&mut **tx)
        .await?;
    let mut payments = BTreeMap::new();
    for row in rows {
        let one = row.payment()?;
        payments.insert((one.merchant.clone(), one.id.clone()), (one, false));
    }
    let keys = reports.iter().map(|one| (&one.merchant, &one.installment)).collect();
    let mut known: BTreeMap<_, _> =
        keyed(known_installments(tx, &keys).await?).into_iter().map(|(key, one)| (key, (one, false))).collect();
    let results = reports.iter().map(|report| {
        let id = (report.merchant.clone(), report.id.clone());
        let mut place = known.get_mut(&(report.merchant.clone(), report.installment.clone()));
        let before = place.as_ref().map(|(one, _)| one.paid_amount);
        let installment = place.as_mut().map(|(one, _)| one);
        let (next, result) =
            report.lay_over(payments.get(&id).map(|(one, _)| one), installment, (now.0, now.0 + lasts));
        if let Some((one, dirty)) = place {
            *dirty |= Some(one.paid_amount) != before;
        }
        if let Some(next) = next {
            payments.insert(id, (next, true));
        }
        result
    });
    let results: Vec<_> = results.collect();
    let changed: Vec<_> = known.values().filter(|(_, dirty)| *dirty).map(|(one, _)| one).collect();
    write(tx, &changed, store.given_now()).await?;
    let written: Vec<_> = payments.into_values().filter(|(_, dirty)| *dirty).map(|(one, _)| one).collect();
    keep(tx, &written).await?;
    audit::note(tx, audit_entries::report_payments(reports, now.0).as_slice()).await?;
    Ok(results)
}

/// The payments that rows about these instalments may change, oldest first, and the time; nearly always none.
pub(super) async fn open_of(
    tx: &mut Tx,
    keys: impl Iterator<Item = (&MerchantId, &InstallmentId)>,
    now: Option<Moment>,
) -> Result<(Vec<Payment>, DateTime<Utc>), StoreError> {
    let (any,): (bool,) = sqlx::query_as::<Db, _>(ANY_OPEN).fetch_one(&mut **tx).await?;
    let mut time = DateTime::UNIX_EPOCH;
    if !any {
        return Ok((Vec::new(), time));
    }
    let keys = Vec::from_iter(keys.collect::<BTreeSet<_>>());
    let rows: Vec<OpenPaymentRow> = Batch::of(&keys)
        .column(|(merchant, _)| merchant.as_str())?
        .column(|(_, id)| id.as_str())?
        .query_as(payment::OPEN_OF_BATCH)?
        .bind(now)
        .fetch_all(&mut **tx)
        .await?;
    let mut open = Vec::with_capacity(rows.len());
    for row in rows {
        time = row.now.0;
        open.push(row.payment.payment()?);
    }
    Ok((open, time))
}

/// Writes payments.
pub(super) async fn keep(tx: &mut Tx, payments: &[Payment]) -> Result<(), StoreError> {
    if payments.is_empty() {
        return Ok(());
    }
    Batch::of(payments)
        .column(|one| one.merchant.as_str())?
        .column(|one| one.id.as_str())?
        .column(|one| one.installment.as_str())?
        .column(|one| one.amount.currency().code())?
        .column(|one| Amount(one.amount.amount()))?
        .column(|one| one.paid_at.map(Moment))?
        .column(|one| PaymentStage::as_str(one.stage))?
        .column(|one| Moment(one.at))?
        .column(|one| Moment(one.until))?
        .query(payment::KEEP)?
        .execute(&mut **tx)
        .await?;
    Ok(())
}
