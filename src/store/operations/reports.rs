//! Status reports and replies that gateways send, the reports that are kept, and the suppressions that follow.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{Batch, Db, SqlStore, Tx, ledger, receipts, replies, report, suppression};
use crate::domain::{
    AddressKey, GatewayName, MerchantId, Receipt, ReminderId, ReportedState, Suppression, SuppressionReason,
};
use crate::store::sql::clauses::narrowed;
use crate::store::sql::report::{
    AddressRow, FoundRow, KEPT, KeptRow, LIFT_SUPPRESSION, SUPPRESSIONS, SuppressionRow, fate_columns,
    narrow_suppressions,
};
use crate::store::sql::sealing::compared;
use crate::store::sql::value::Moment;
use crate::store::{
    KeptReport, ReportAction, ReportBatch, ReportCounts, ReportStore, StatusReport, StoreError, Subject,
    SuppressionFilter, first_look,
};

#[async_trait]
impl ReportStore for SqlStore {
    async fn record(&self, receipts: &[Receipt]) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let counted = receipts::record(&mut tx, now, receipts).await?;
        tx.commit().await?;
        Ok(counted)
    }

    async fn take_in(&self, told: &ReportBatch) -> Result<ReportCounts, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let taken = take_in(&mut tx, now, told).await?;
        tx.commit().await?;
        Ok(taken)
    }

    async fn kept_reports(&self, limit: u32) -> Result<Vec<KeptReport>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = kept(&mut tx, now, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn review_kept(&self, reviewed: &[(KeptReport, ReportAction)]) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let counted = review(&mut tx, now, reviewed).await?;
        tx.commit().await?;
        Ok(counted)
    }
}

/// A report whose message is known.
struct ReportedMessage<'a> {
    reminder: ReminderId,
    gateway: &'a GatewayName,
    fate: &'a ReportedState,
    at: Moment,
    /// The report, unless it was kept: what is kept names no address.
    told: Option<&'a StatusReport>,
}

pub(super) async fn take_in(tx: &mut Tx, now: Moment, told: &ReportBatch) -> Result<ReportCounts, StoreError> {
    let ReportBatch { gateway, .. } = told;
    let foreign = foreign(tx, told).await?;
    let is_own = |told: &&StatusReport| told.carried().is_none_or(|reminder| !foreign.contains(&reminder));
    let fates: Vec<_> = told.fates.iter().filter(is_own).collect();
    let found = find(tx, told).await?;
    let of = |subject: &Subject| match subject {
        Subject::Reminder(id) => Some(*id),
        Subject::ProviderId(number) => found.get(number).copied(),
    };
    let dropped = told.fates.len() - fates.len();
    let (known, early): (Vec<_>, Vec<_>) =
        fates.into_iter().partition(|told| !told.is_hint && of(&told.about).is_some());
    let known: Vec<_> = known
        .into_iter()
        .filter_map(|told| {
            let reminder = of(&told.about)?;
            Some(ReportedMessage { reminder, gateway, fate: &told.fate, at: Moment(told.at), told: Some(told) })
        })
        .collect();
    let (counted, suppressed) = count(tx, now, &known).await?;
    let mut taken = ReportCounts { counted, suppressed, foreign: dropped, ..ReportCounts::default() };
    if !early.is_empty() {
        taken.kept = keep(tx, now, gateway, &early).await?;
    }
    for reply in &told.replies {
        taken.replies += usize::from(replies::answer(tx, now, told, reply, reply.about.as_ref().and_then(of)).await?);
    }
    Ok(taken)
}

/// The reminders that the fates name and that the gateway did not carry: whoever holds the secret of one gateway says
/// nothing about the messages of another.
async fn foreign(tx: &mut Tx, told: &ReportBatch) -> Result<BTreeSet<ReminderId>, StoreError> {
    let ids = Vec::from_iter(told.fates.iter().filter_map(StatusReport::carried).collect::<BTreeSet<_>>());
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows: Vec<(i64,)> = Batch::of(&ids)
        .column(|id| id.0)?
        .query_as(report::FOREIGN)?
        .bind(told.gateway.as_str())
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.into_iter().map(|(id,)| ReminderId(id)).collect())
}

/// The reminders of the gateway's own numbers, as far as they are known.
async fn find(tx: &mut Tx, told: &ReportBatch) -> Result<BTreeMap<String, ReminderId>, StoreError> {
    let numbers = told.subjects().filter_map(|subject| match subject {
        Subject::ProviderId(number) => Some(number.as_str()),
        Subject::Reminder(_) => None,
    });
    let numbers = Vec::from_iter(numbers.collect::<BTreeSet<_>>());
    if numbers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<FoundRow> = Batch::of(&numbers)
        .column(|number| *number)?
        .query_as(report::BY_PROVIDER_ID)?
        .bind(told.gateway.as_str())
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.into_iter().map(|row| (row.provider_id, ReminderId(row.reminder_id))).collect())
}

/// Records fates, and suppresses the addresses of those that call for it. Gives how many fates counted, and how many
/// addresses that were.
async fn count(tx: &mut Tx, now: Moment, fates: &[ReportedMessage<'_>]) -> Result<(usize, usize), StoreError> {
    let all: Vec<_> =
        fates.iter().map(|known| Receipt::of(known.reminder, known.gateway, known.fate, known.at.0)).collect();
    let counted = receipts::record(tx, now, &all).await?;
    let calling: Vec<_> = fates.iter().filter_map(|known| Some((known, known.fate.suppresses()?))).collect();
    let ids = Vec::from_iter(calling.iter().map(|(known, _)| known.reminder).collect::<BTreeSet<_>>());
    if ids.is_empty() {
        return Ok((counted, 0));
    }
    let rows: Vec<AddressRow> =
        Batch::of(&ids).column(|id| id.0)?.query_as(report::ADDRESSES)?.fetch_all(&mut **tx).await?;
    let mut suppressions = Vec::new();
    let ring = tx.ring();
    for row in rows {
        let (reminder, merchant, address) = row.read(ring.as_deref())?;
        let Some(address) = address.map(AddressKey::from) else { continue };
        let mut about_it = calling
            .iter()
            .filter(|(known, _)| known.reminder == reminder && known.told.is_none_or(|told| told.is_about(&address)));
        if let Some((known, reason)) = about_it.next_back() {
            suppressions.push(suppressed(merchant, address, *reason, known.gateway.to_string(), now));
        }
    }
    // An address that is already suppressed for good keeps its known reason.
    ledger::suppress(tx, &suppressions, suppression::ADD).await?;
    Ok((counted, suppressions.len()))
}

pub(super) fn suppressed(
    merchant: impl Into<Option<MerchantId>>,
    address: AddressKey,
    reason: SuppressionReason,
    source: String,
    now: Moment,
) -> Suppression {
    Suppression { merchant: merchant.into(), address, reason, source, since: now.0, until: None }
}

async fn keep(tx: &mut Tx, now: Moment, gateway: &GatewayName, early: &[&StatusReport]) -> Result<usize, StoreError> {
    let kept = Batch::of(early)
        .column(|_| gateway.as_str())?
        .column(|told| if let Subject::Reminder(id) = told.about { Some(id.0) } else { None })?
        .column(|told| if let Subject::ProviderId(number) = &told.about { Some(number.as_str()) } else { None })?
        .column(|told| fate_columns(&told.fate).0)?
        .column(|told| fate_columns(&told.fate).1)?
        .column(|told| told.is_hint)?
        .column(|told| Moment(told.at))?
        .column(|_| now)?
        .column(|told| Moment(first_look(now.0, told.is_hint)))?
        .query(report::KEEP)?
        .execute(&mut **tx)
        .await?;
    Ok(usize::try_from(kept.rows_affected()).unwrap_or(usize::MAX))
}

pub(super) async fn kept(tx: &mut Tx, now: Moment, limit: u32) -> Result<Vec<KeptReport>, StoreError> {
    let rows: Vec<KeptRow> =
        sqlx::query_as::<Db, _>(KEPT).bind(now).bind(i64::from(limit)).fetch_all(&mut **tx).await?;
    rows.into_iter().map(KeptRow::kept).collect()
}

pub(super) async fn review(
    tx: &mut Tx,
    now: Moment,
    reviewed: &[(KeptReport, ReportAction)],
) -> Result<usize, StoreError> {
    let counting: Vec<ReportedMessage<'_>> = reviewed
        .iter()
        .filter(|(_, verdict)| *verdict == ReportAction::Counts)
        .filter_map(|(kept, _)| {
            let at = Moment(kept.at);
            Some(ReportedMessage { reminder: kept.reminder?, gateway: &kept.gateway, fate: &kept.fate, at, told: None })
        })
        .collect();
    let (counted, _) = count(tx, now, &counting).await?;
    let put_off = |(kept, verdict): &(KeptReport, ReportAction)| match verdict {
        ReportAction::Later(at) => Some((kept.id, Moment(*at))),
        ReportAction::Counts | ReportAction::Dropped => None,
    };
    let later: Vec<_> = reviewed.iter().filter_map(put_off).collect();
    let done: Vec<_> = reviewed.iter().filter(|one| put_off(one).is_none()).map(|(kept, _)| kept.id).collect();
    if !later.is_empty() {
        Batch::of(&later)
            .column(|(id, _)| *id)?
            .column(|(_, at)| *at)?
            .query(report::PUT_OFF)?
            .execute(&mut **tx)
            .await?;
    }
    if !done.is_empty() {
        Batch::of(&done).column(|id| *id)?.query(report::REMOVE)?.execute(&mut **tx).await?;
    }
    Ok(counted)
}

pub(super) async fn suppressions(tx: &mut Tx, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError> {
    let after = filter.after.as_ref();
    let ring = tx.ring();
    let ring = ring.as_deref();
    let rows: Vec<SuppressionRow> = sqlx::query_as::<Db, _>(narrowed(SUPPRESSIONS, &narrow_suppressions(filter)))
        .bind(filter.merchant.as_ref().map(MerchantId::as_str))
        .bind(filter.channel.map(|channel| channel.as_str()))
        .bind(filter.address.as_ref().map(|address| compared(ring, address.reveal())))
        .bind(after.map(|(_, address)| address.channel().as_str()))
        .bind(after.map(|(_, address)| compared(ring, address.reveal())))
        .bind(after.map(|(merchant, _)| merchant.as_ref().map_or("", MerchantId::as_str)))
        .bind(i64::from(filter.limit))
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(|row| row.suppression(ring)).collect()
}

pub(super) async fn lift_suppression(
    tx: &mut Tx,
    merchant: Option<&MerchantId>,
    address: &AddressKey,
) -> Result<bool, StoreError> {
    let address_key = compared(tx.ring().as_deref(), address.reveal());
    let lifted = sqlx::query::<Db>(LIFT_SUPPRESSION)
        .bind(address.channel().as_str())
        .bind(address_key)
        .bind(merchant.map(MerchantId::as_str))
        .execute(&mut **tx)
        .await?;
    Ok(lifted.rows_affected() > 0)
}
