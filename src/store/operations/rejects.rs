//! Records that cannot be applied.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::schema::end;
use super::{Batch, Db, SqlStore, Tx, audit, ledger, queue, reject, sources};
use crate::domain::{
    Amendment, AmendmentResult, Channel, HoldCause, InstallmentId, LedgerRow, MerchantId, RecordKind, RejectedRecord,
    SoundRecord, SourceName,
};
use crate::store::audit_entries;
use crate::store::reject::{RejectKey, key_of};
use crate::store::sql::borrower::read;
use crate::store::sql::clauses::narrowed;
use crate::store::sql::import_batch::ImportBatch;
use crate::store::sql::reject::{
    ANY, COUNTS, DROPPED, DroppedRow, INSTALLMENTS, MATCHING, ONE, RECORD_DROP, RejectCountsRow, RejectRow, narrow,
};
use crate::store::sql::sealing::{kept_digest, sealed_cells};
use crate::store::sql::value::Moment;
use crate::store::{
    Change, DropOrder, DroppedRecord, KeptRecord, RELEASED_AT_ONCE, RejectCounts, RejectFilter, RejectStore,
    StoreError, WriteMode,
};

#[async_trait]
impl RejectStore for SqlStore {
    async fn import_batch(
        &self,
        rows: &[LedgerRow],
        rejected: &[RejectedRecord],
        mode: WriteMode,
    ) -> Result<Vec<Change>, StoreError> {
        let mut tx = self.write_ledger().await?;
        let (changes, ended) = ledger::import(&mut tx, rows, self.given_now()).await?;
        keep(&mut tx, rejected.iter().cloned(), self.given_now()).await?;
        release(self, &mut tx, ended).await?;
        if tx.origin().is_some() {
            let now = self.now(&mut tx).await?;
            audit::note(&mut tx, audit_entries::import(rows, &changes, rejected, now.0).as_slice()).await?;
        }
        end(tx, mode).await?;
        Ok(changes)
    }

    async fn rejects(&self, filter: &RejectFilter) -> Result<Vec<KeptRecord>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<RejectRow> = sqlx::query_as::<Db, _>(narrowed(MATCHING, &narrow(filter)))
            .bind(filter.merchant.as_ref().map(|merchant| merchant.as_str()))
            .bind(filter.installment.as_ref().map(|installment| installment.as_str()))
            .bind(filter.waits)
            .bind(filter.after)
            .bind(i64::from(filter.limit))
            .bind(filter.vanished_from.as_ref().map(|source| source.as_str()))
            .fetch_all(&mut *tx)
            .await?;
        let ring = self.ring();
        tx.finish(rows).await.into_iter().map(|row| row.kept(ring.as_deref())).collect()
    }

    async fn rejected_installments(&self) -> Result<Vec<(MerchantId, InstallmentId)>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<(String, String)> = sqlx::query_as::<Db, _>(INSTALLMENTS).fetch_all(&mut *tx).await?;
        let key = |(merchant, id): (String, String)| {
            let merchant = read(&merchant, "reject.merchant", str::parse)?;
            Ok((merchant, read(&id, "reject.installment_id", str::parse)?))
        };
        tx.finish(rows).await.into_iter().map(key).collect()
    }

    async fn reject_counts(&self) -> Result<RejectCounts, StoreError> {
        let mut tx = self.read().await?;
        let row: RejectCountsRow = sqlx::query_as::<Db, _>(COUNTS).fetch_one(&mut *tx).await?;
        Ok(tx.finish(row).await.counts())
    }

    async fn retry_reject(&self, kept: &KeptRecord, sound: &SoundRecord) -> Result<bool, StoreError> {
        let mut tx = self.write_ledger().await?;
        let now = self.given_now();
        let row: Option<RejectRow> = sqlx::query_as::<Db, _>(ONE).bind(kept.id).fetch_optional(&mut *tx).await?;
        let current = row.map(|row| row.kept(self.ring().as_deref())).transpose()?;
        if current.is_none_or(|current| current.record != kept.record) {
            return Ok(tx.finish(false).await);
        }
        let source = kept.record.source.as_ref();
        let (waits, mut ended) = match sound {
            SoundRecord::Row(row) => (false, ledger::import(&mut tx, std::slice::from_ref(row), now).await?.1),
            SoundRecord::Amendment(amendment) => {
                let (amended, ended) = sources::amend(&mut tx, std::slice::from_ref(amendment), source, now).await?;
                (amended.iter().any(|amended| amended.problem().is_some()), ended)
            }
        };
        ended.extend(key(&kept.record));
        // A payment that still waits is kept under the same number, unless its key could not be read before.
        if !waits || kept.record.key().is_none() {
            forget(&mut tx, &[kept.id]).await?;
        }
        release(self, &mut tx, ended).await?;
        if !waits {
            let now = self.now(&mut tx).await?;
            audit::note(&mut tx, &[audit_entries::retry_reject(kept, now.0)]).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn drop_rejects(&self, ids: &[i64], order: &DropOrder) -> Result<Vec<i64>, StoreError> {
        let mut tx = self.write_ledger().await?;
        let dropped = drop_records(self, &mut tx, ids, None, order).await?;
        tx.commit().await?;
        Ok(dropped)
    }

    async fn dropped_rejects(&self, limit: u32) -> Result<Vec<DroppedRecord>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<DroppedRow> = sqlx::query_as::<Db, _>(DROPPED).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
        tx.finish(rows).await.into_iter().map(DroppedRow::dropped).collect()
    }
}

/// Takes records out, on record; of one merchant only, if it is named. Gives the numbers of those that were kept.
pub(super) async fn drop_records(
    store: &SqlStore,
    tx: &mut Tx,
    ids: &[i64],
    merchant: Option<&MerchantId>,
    order: &DropOrder,
) -> Result<Vec<i64>, StoreError> {
    let (mut dropped, mut ended, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids.iter().collect::<BTreeSet<_>>() {
        let recorded = sqlx::query::<Db>(RECORD_DROP)
            .bind(*id)
            .bind(Moment(order.at))
            .bind(order.actor.as_str())
            .bind(order.reason.as_str())
            .bind(merchant.map(MerchantId::as_str))
            .execute(&mut **tx)
            .await?;
        if recorded.rows_affected() == 1 {
            dropped.push(*id);
            let row: RejectRow = sqlx::query_as::<Db, _>(ONE).bind(*id).fetch_one(&mut **tx).await?;
            let kept = row.kept(store.ring().as_deref())?;
            ended.extend(key(&kept.record));
            entries.push(audit_entries::drop_reject(&kept, order));
        }
    }
    forget(tx, &dropped).await?;
    release(store, tx, ended).await?;
    audit::note(tx, &entries).await?;
    Ok(dropped)
}

/// An instalment of which a record was kept.
pub(super) type RejectSubject = (MerchantId, InstallmentId);

fn key(record: &RejectedRecord) -> Option<RejectSubject> {
    record.key().map(|(merchant, id)| (merchant.clone(), id.clone()))
}

/// Lets the rows of an import answer for what is kept of their instalments, and applies the payments that waited for
/// them. Gives the instalments whose records ended.
pub(super) async fn answer(
    tx: &mut Tx,
    rows: &[LedgerRow],
    import_batch: &mut ImportBatch,
    now: Option<Moment>,
) -> Result<Vec<RejectSubject>, StoreError> {
    let kept = of_keys(tx, rows.iter().map(|row| (&row.borrower.merchant, &row.installment))).await?;
    let (mut ended, mut left, mut freed) = (Vec::new(), Vec::new(), Vec::new());
    for KeptRecord { id, record, .. } in kept {
        if record.waits {
            if import_batch.amend(&record).is_some_and(|amended| amended.problem().is_none()) {
                ended.push(id);
                freed.extend(key(&record));
            }
            continue;
        }
        let mut of_record = rows.iter().filter(|row| record.is_of(row));
        match of_record.try_fold(record.clone(), RejectedRecord::left_by) {
            None => {
                ended.push(id);
                freed.extend(key(&record));
            }
            Some(narrowed) if narrowed != record => left.push(narrowed),
            Some(_) => {}
        }
    }
    forget(tx, &ended).await?;
    keep(tx, left, now).await?;
    Ok(freed)
}

/// Keeps the payments that could not be applied; those that were end what the same source left of their instalments.
/// Gives the instalments whose records ended.
pub(super) async fn after_amendments(
    tx: &mut Tx,
    amended: impl Iterator<Item = (&Amendment, AmendmentResult)>,
    source: Option<&SourceName>,
    now: Option<Moment>,
) -> Result<Vec<RejectSubject>, StoreError> {
    // The last of an instalment counts.
    let last: BTreeMap<_, _> =
        amended.map(|(one, amended)| ((&one.merchant, &one.installment), (one, amended))).collect();
    let (applied, waiting): (Vec<_>, Vec<_>) =
        last.into_iter().partition(|(_, (_, amended))| amended.problem().is_none());
    let kept = of_keys(tx, applied.into_iter().map(|(key, _)| key)).await?;
    let is_ended =
        |kept: &&KeptRecord| kept.record.kind == RecordKind::Amendment && kept.record.source.as_ref() == source;
    let ended: Vec<_> = kept.iter().filter(is_ended).collect();
    let freed = ended.iter().filter_map(|kept| key(&kept.record)).collect();
    forget(tx, &ended.iter().map(|kept| kept.id).collect::<Vec<_>>()).await?;
    keep(tx, waiting.into_iter().map(|(_, (one, cause))| RejectedRecord::waiting(one, source, cause)), now).await?;
    Ok(freed)
}

/// Releases the reminders of instalments of which nothing is kept any more, as many of each as one transaction should.
pub(super) async fn release(end: &SqlStore, tx: &mut Tx, ended: Vec<RejectSubject>) -> Result<(), StoreError> {
    if ended.is_empty() {
        return Ok(());
    }
    let kept = of_keys(tx, ended.iter().map(|(merchant, id)| (merchant, id))).await?;
    let kept: BTreeSet<_> = kept.iter().filter_map(|kept| key(&kept.record)).collect();
    let now = end.now(tx).await?;
    for (merchant, id) in ended.into_iter().collect::<BTreeSet<_>>().difference(&kept) {
        for cause in [HoldCause::rejected(merchant, id), HoldCause::vanished(merchant, id)] {
            for channel in Channel::ALL {
                queue::release(tx, now, &cause.to_string(), channel.as_str(), RELEASED_AT_ONCE).await?;
            }
        }
    }
    Ok(())
}

/// The kept records of these instalments, oldest first.
pub(super) async fn of_keys<'k>(
    tx: &mut Tx,
    keys: impl Iterator<Item = (&'k MerchantId, &'k InstallmentId)>,
) -> Result<Vec<KeptRecord>, StoreError> {
    let (any,): (bool,) = sqlx::query_as::<Db, _>(ANY).fetch_one(&mut **tx).await?;
    if !any {
        return Ok(Vec::new());
    }
    let keys: BTreeSet<_> = keys.collect();
    let keys = Vec::from_iter(keys);
    let rows: Vec<RejectRow> = Batch::of(&keys)
        .column(|(merchant, _)| merchant.as_str())?
        .column(|(_, id)| id.as_str())?
        .query_as(reject::OF_BATCH)?
        .fetch_all(&mut **tx)
        .await?;
    let ring = tx.ring();
    rows.into_iter().map(|row| row.kept(ring.as_deref())).collect()
}

/// Keeps records; of several under one key the last.
pub(super) async fn keep(
    tx: &mut Tx,
    records: impl IntoIterator<Item = RejectedRecord>,
    now: Option<Moment>,
) -> Result<(), StoreError> {
    let last: BTreeMap<RejectKey, RejectedRecord> =
        records.into_iter().map(|record| (key_of(&record), record)).collect();
    if last.is_empty() {
        return Ok(());
    }
    let last = Vec::from_iter(last);
    let ring = tx.ring();
    let ring = ring.as_deref();
    let cells = |(installment, merchant, source, _): &RejectKey, record: &RejectedRecord| {
        let cells = serde_json::to_string(&record.cells.0).unwrap_or_default();
        sealed_cells(ring, [installment, merchant, source], cells)
    };
    Batch::of(&last)
        .column(|((installment, ..), _)| installment.as_str())?
        .column(|((_, merchant, ..), _)| merchant.as_str())?
        .column(|((.., source, _), _)| source.as_str())?
        .column(|((.., digest), _)| kept_digest(ring, digest))?
        .column(|(_, record)| kind_column(record.kind))?
        .column(|(_, record)| record.kind == RecordKind::Vanished)?
        .column(|(_, record)| record.waits)?
        .column(|(key, record)| cells(key, record))?
        .column(|(_, record)| record.reason.as_str())?
        .query(reject::KEEP)?
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// The word of a kind in the table. Daemons of the release before hold what they take for a row.
fn kind_column(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Vanished => RecordKind::Row.as_str(),
        other => other.as_str(),
    }
}

pub(super) async fn forget(tx: &mut Tx, ids: &[i64]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    Batch::of(ids).column(|id| *id)?.query(reject::END)?.execute(&mut **tx).await?;
    Ok(())
}
