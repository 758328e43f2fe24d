//! The record of what people change about stops and suppressions.

use async_trait::async_trait;

use super::{Batch, Db, SqlStore, Tx, audit, ledger, reports, suppression};
use crate::domain::{
    AddressKey, Channel, LiftDecision, LiftResult, Lifter, ManualChange, MerchantId, Suppression, SuppressionAction,
    SuppressionChange, SuppressionRecord,
};
use crate::store::audit_entries;
use crate::store::sql::clauses::narrowed;
use crate::store::sql::report::{ASK_LIFT, HOLD_SUPPRESSION, LiftRow, SUPPRESSIONS_OF, SuppressionRecordRow};
use crate::store::sql::sealing::{compared, sealed_address};
use crate::store::sql::suppression_change::{APPEND, ChangeRow, MATCHING, narrow};
use crate::store::sql::value::Moment;
use crate::store::{StoreError, SuppressionChangeFilter, SuppressionFilter, SuppressionStore};

#[async_trait]
impl SuppressionStore for SqlStore {
    async fn suppress(&self, suppressions: &[Suppression], by: Option<&ManualChange>) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        ledger::suppress(&mut tx, suppressions, suppression::UPSERT).await?;
        if let Some(change) = by {
            let addresses: Vec<_> = suppressions.iter().map(|one| (one.merchant.as_ref(), &one.address)).collect();
            record_addresses(&mut tx, SuppressionAction::Add, &addresses, change).await?;
            audit::note(&mut tx, &audit_entries::suppress(suppressions, change)).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn suppressions(&self, filter: &SuppressionFilter) -> Result<Vec<Suppression>, StoreError> {
        let mut tx = self.read().await?;
        let read = reports::suppressions(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }

    async fn suppressions_of(&self, address: &AddressKey) -> Result<Vec<SuppressionRecord>, StoreError> {
        let mut tx = self.read().await?;
        let read = of_address(&mut tx, address).await?;
        Ok(tx.finish(read).await)
    }

    async fn lift_suppression(
        &self,
        merchant: Option<&MerchantId>,
        address: &AddressKey,
        lifter: Lifter,
        by: &ManualChange,
    ) -> Result<LiftResult, StoreError> {
        let mut tx = self.write().await?;
        let result = lift(&mut tx, merchant, address, lifter, by).await?;
        tx.commit().await?;
        Ok(result)
    }

    async fn suppression_changes(
        &self,
        filter: &SuppressionChangeFilter,
    ) -> Result<Vec<SuppressionChange>, StoreError> {
        let mut tx = self.read().await?;
        let read = listed(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }
}

async fn of_address(tx: &mut Tx, address: &AddressKey) -> Result<Vec<SuppressionRecord>, StoreError> {
    let ring = tx.ring();
    let ring = ring.as_deref();
    let rows: Vec<SuppressionRecordRow> = sqlx::query_as::<Db, _>(SUPPRESSIONS_OF)
        .bind(address.channel().as_str())
        .bind(compared(ring, address.reveal()))
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(|row| row.record(ring)).collect()
}

/// Takes a suppression out, or records that a person asks for it.
pub(super) async fn lift(
    tx: &mut Tx,
    merchant: Option<&MerchantId>,
    address: &AddressKey,
    lifter: Lifter,
    by: &ManualChange,
) -> Result<LiftResult, StoreError> {
    let key = compared(tx.ring().as_deref(), address.reveal());
    let held: Option<LiftRow> = sqlx::query_as::<Db, _>(HOLD_SUPPRESSION)
        .bind(address.channel().as_str())
        .bind(key.clone())
        .bind(merchant.map(MerchantId::as_str))
        .fetch_optional(&mut **tx)
        .await?;
    let Some(held) = held else { return Ok(LiftResult::NotSuppressed) };
    let decision = lifter.decide(by, held.is_opt_out()?, held.since.0, held.asked());
    match decision {
        LiftDecision::Lift => {
            reports::lift_suppression(tx, merchant, address).await?;
            record_addresses(tx, SuppressionAction::Remove, &[(merchant, address)], by).await?;
        }
        LiftDecision::Ask => {
            sqlx::query::<Db>(ASK_LIFT)
                .bind(address.channel().as_str())
                .bind(key)
                .bind(merchant.map(MerchantId::as_str))
                .bind(by.actor.as_str())
                .bind(Moment(by.at))
                .execute(&mut **tx)
                .await?;
        }
        LiftDecision::Wait => {}
    }
    audit::note(tx, &[audit_entries::lift_suppression(merchant, address, decision, by)]).await?;
    Ok(if decision == LiftDecision::Lift { LiftResult::Lifted } else { LiftResult::OnePersonMore })
}

/// An address, for a merchant or for all.
pub(super) type SuppressedAddress<'a> = (Option<&'a MerchantId>, &'a AddressKey);

/// Records that a stop was set or lifted.
pub(super) async fn record_stop(
    tx: &mut Tx,
    action: SuppressionAction,
    (merchant, channel): (Option<&MerchantId>, Option<Channel>),
    change: &ManualChange,
) -> Result<(), StoreError> {
    append(tx, action, (merchant, channel), 0, change).await.map(drop)
}

/// Records what was done to addresses.
pub(super) async fn record_addresses(
    tx: &mut Tx,
    action: SuppressionAction,
    addresses: &[SuppressedAddress<'_>],
    change: &ManualChange,
) -> Result<(), StoreError> {
    if addresses.is_empty() {
        return Ok(());
    }
    let id = append(tx, action, (None, None), addresses.len(), change).await?;
    let ring = tx.ring();
    let ring = ring.as_deref();
    Batch::of(addresses)
        .column(|(merchant, _)| merchant.map(MerchantId::as_str))?
        .column(|(_, address)| address.channel().as_str())?
        .column(|(_, address)| compared(ring, address.reveal()))?
        .column(|(_, address)| sealed_address(ring, address.reveal()))?
        .query(suppression::RECORD_ADDRESSES)?
        .bind(id)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn append(
    tx: &mut Tx,
    action: SuppressionAction,
    (merchant, channel): (Option<&MerchantId>, Option<Channel>),
    addresses: usize,
    change: &ManualChange,
) -> Result<i64, StoreError> {
    let (id,): (i64,) = sqlx::query_as::<Db, _>(APPEND)
        .bind(Moment(change.at))
        .bind(change.actor.as_str())
        .bind(change.reason.as_str())
        .bind(action.as_str())
        .bind(merchant.map(MerchantId::as_str))
        .bind(channel.map(Channel::as_str))
        .bind(i64::try_from(addresses).unwrap_or(i64::MAX))
        .fetch_one(&mut **tx)
        .await?;
    Ok(id)
}

pub(super) async fn listed(
    tx: &mut Tx,
    filter: &SuppressionChangeFilter,
) -> Result<Vec<SuppressionChange>, StoreError> {
    let address = filter.address.as_ref();
    let ring = tx.ring();
    let ring = ring.as_deref();
    let rows: Vec<ChangeRow> = sqlx::query_as::<Db, _>(narrowed(MATCHING, &narrow(filter)))
        .bind(address.map(|address| address.channel().as_str()))
        .bind(address.map(|address| compared(ring, address.reveal())))
        .bind(filter.before)
        .bind(i64::from(filter.limit))
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(|row| row.change(ring)).collect()
}
