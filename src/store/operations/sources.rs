//! Amendments from sources to known instalments, and the read position of each source.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::ledger::{known_installments, write_installments};
use super::{Batch, Db, SqlStore, Tx, audit, installment, payments, rejects, scan};
use crate::domain::{
    Amendment, AmendmentResult, InstallmentId, InstallmentStatus, MerchantId, PaymentStage, RecordKind, RejectedRecord,
    SourceName, SourceState, settle_payments,
};
use crate::store::audit_entries;
use crate::store::sql::installment::{OPEN_OF_SOURCE, OpenRow};
use crate::store::sql::source::{ALL, BRANCHES, BranchRow, NAME, NOTE, NOTE_BRANCH, SourceRow, states};
use crate::store::sql::value::Moment;
use crate::store::{KeptRecord, OpenFilter, OpenInstallment, SourceStore, StoreError, VanishedSettlement};

#[async_trait]
impl SourceStore for SqlStore {
    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        note(&mut tx, state).await?;
        Ok(tx.commit().await?)
    }

    async fn sources(&self) -> Result<Vec<SourceState>, StoreError> {
        let mut tx = self.read().await?;
        let read = all(&mut tx).await?;
        Ok(tx.finish(read).await)
    }

    async fn open_of_source(
        &self,
        source: &SourceName,
        which: &OpenFilter,
    ) -> Result<Vec<OpenInstallment>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<OpenRow> = match which {
            OpenFilter::Page { after, limit } => {
                let (id, merchant) = after.as_ref().map_or(("", ""), |(id, merchant)| (id.as_str(), merchant.as_str()));
                sqlx::query_as::<Db, _>(OPEN_OF_SOURCE)
                    .bind(source.as_str())
                    .bind(id)
                    .bind(merchant)
                    .bind(i64::from(*limit))
                    .fetch_all(&mut *tx)
                    .await?
            }
            OpenFilter::Orders(orders) => {
                Batch::of(orders)
                    .column(|(merchant, _)| merchant.as_str())?
                    .column(|(_, order)| order.as_str())?
                    .query_as(installment::OPEN_OF_ORDERS)?
                    .bind(source.as_str())
                    .fetch_all(&mut *tx)
                    .await?
            }
        };
        tx.finish(rows).await.into_iter().map(OpenRow::read).collect()
    }

    async fn settle_vanished(
        &self,
        source: &SourceName,
        gone: &[(MerchantId, InstallmentId)],
        settlement: &VanishedSettlement,
    ) -> Result<usize, StoreError> {
        let mut tx = self.write_ledger().await?;
        let now = self.given_now();
        let keys = gone.iter().map(|(merchant, id)| (merchant, id)).collect();
        let mut known = known_installments(&mut tx, &keys).await?;
        known.retain(|one| one.status == InstallmentStatus::Open && one.source.as_ref() == Some(source));
        let kept = rejects::of_keys(&mut tx, keys.into_iter()).await?;
        let of_source = |kept: &&KeptRecord| kept.record.source.as_ref() == Some(source);
        match settlement {
            VanishedSettlement::Hold => {
                let held: BTreeSet<_> = kept.iter().filter(of_source).filter_map(|kept| kept.record.key()).collect();
                let new = known.iter().filter(|one| !held.contains(&(&one.merchant, &one.id)));
                let records = new.map(|one| RejectedRecord::vanished(&one.merchant, &one.id, source));
                rejects::keep(&mut tx, records, now).await?;
            }
            VanishedSettlement::Cancel(by) => {
                for one in &mut known {
                    (one.status, one.is_vanished) = (InstallmentStatus::Cancelled, true);
                }
                let dirty: Vec<_> = known.iter().collect();
                write_installments(&mut tx, &dirty, installment::UPSERT, now).await?;
                scan::write_down_installments(&mut tx, &dirty, now).await?;
                let ended = kept.iter().filter(of_source).filter(|kept| kept.record.kind == RecordKind::Vanished);
                let ended: Vec<_> = ended.collect();
                let ids: Vec<_> = ended.iter().map(|kept| kept.id).collect();
                rejects::forget(&mut tx, &ids).await?;
                let keys = ended.iter().filter_map(|kept| kept.record.key());
                let keys = keys.map(|(merchant, id)| (merchant.clone(), id.clone())).collect();
                rejects::release(self, &mut tx, keys).await?;
                let entry = by.as_ref().map(|by| audit_entries::accept_vanished(source, known.len(), by));
                audit::note(&mut tx, entry.as_slice()).await?;
            }
        }
        tx.commit().await?;
        Ok(known.len())
    }
}

/// Writes what a source says. Gives what became of each, and the instalments of which a rejected record ended.
pub(super) async fn amend(
    tx: &mut Tx,
    amendments: &[Amendment],
    source: Option<&SourceName>,
    now: Option<Moment>,
) -> Result<(Vec<AmendmentResult>, Vec<rejects::RejectSubject>), StoreError> {
    let keys: BTreeSet<_> = amendments.iter().map(|amendment| (&amendment.merchant, &amendment.installment)).collect();
    let known = known_installments(tx, &keys).await?;
    let mut known: BTreeMap<_, _> =
        known.into_iter().map(|one| ((one.merchant.clone(), one.id.clone()), (one, false))).collect();
    let (open, time) = payments::open_of(tx, keys.iter().copied(), now).await?;
    let mut open: BTreeMap<_, Vec<_>> = open.into_iter().fold(BTreeMap::new(), |mut open, one| {
        open.entry((one.merchant.clone(), one.installment.clone())).or_default().push(one);
        open
    });
    let amended = amendments.iter().map(|amendment| {
        let Some((one, dirty)) = known.get_mut(&(amendment.merchant.clone(), amendment.installment.clone())) else {
            return AmendmentResult::Unknown;
        };
        let before = one.clone();
        let amended = amendment.lay_over(one);
        if amended == AmendmentResult::OtherCurrency {
            return amended;
        }
        if let Some(payments) = open.get_mut(&(one.merchant.clone(), one.id.clone())) {
            settle_payments(payments, Some(&before), amendment.claim(), one, time);
        }
        let differs = *one != before;
        *dirty |= differs;
        if differs { AmendmentResult::Changed } else { AmendmentResult::Same }
    });
    let amended: Vec<_> = amended.collect();
    let settled: Vec<_> = open.into_values().flatten().filter(|one| one.stage != PaymentStage::Holding).collect();
    payments::keep(tx, &settled).await?;
    let dirty: Vec<_> = known.values().filter(|(_, dirty)| *dirty).map(|(one, _)| one).collect();
    write_installments(tx, &dirty, installment::UPSERT, now).await?;
    scan::write_down_installments(tx, &dirty, now).await?;
    let ended = rejects::after_amendments(tx, amendments.iter().zip(amended.iter().copied()), source, now).await?;
    Ok((amended, ended))
}

pub(super) async fn note(tx: &mut Tx, state: &SourceState) -> Result<(), StoreError> {
    sqlx::query::<Db>(NOTE)
        .bind(state.name.as_str())
        .bind(state.read_to.map(Moment))
        .bind(state.pulled_at.map(Moment))
        .bind(state.data_at.map(Moment))
        .bind(state.full_read_at.map(Moment))
        .execute(&mut **tx)
        .await?;
    for (branch, read_to) in &state.branches {
        sqlx::query::<Db>(NOTE_BRANCH)
            .bind(state.name.as_str())
            .bind(branch.as_str())
            .bind(Moment(*read_to))
            .execute(&mut **tx)
            .await?;
    }
    for merchant in &state.merchants {
        sqlx::query::<Db>(NAME).bind(state.name.as_str()).bind(merchant.as_str()).execute(&mut **tx).await?;
    }
    Ok(())
}

pub(super) async fn all(tx: &mut Tx) -> Result<Vec<SourceState>, StoreError> {
    let rows: Vec<SourceRow> = sqlx::query_as::<Db, _>(ALL).fetch_all(&mut **tx).await?;
    let branches: Vec<BranchRow> = sqlx::query_as::<Db, _>(BRANCHES).fetch_all(&mut **tx).await?;
    states(rows, branches)
}
