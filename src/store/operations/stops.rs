//! The kill switch.

use async_trait::async_trait;

use super::{Db, SqlStore, Tx, audit, holds, suppression_changes};
use crate::domain::{Channel, HoldReason, ManualChange, MerchantId, SuppressionAction};
use crate::store::audit_entries;
use crate::store::sql::stop::{ALL, LIFT, StopRow, UPSERT};
use crate::store::sql::value::Moment;
use crate::store::{Stop, StopStore, StoreError};

#[async_trait]
impl StopStore for SqlStore {
    async fn stop(&self, stop: &Stop) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        put(&mut tx, stop).await?;
        let scope = (stop.merchant.as_ref(), stop.channel);
        suppression_changes::record_stop(&mut tx, SuppressionAction::Stop, scope, &stop.change()).await?;
        audit::note(&mut tx, &[audit_entries::stop(stop)]).await?;
        Ok(tx.commit().await?)
    }

    async fn lift_stop(
        &self,
        merchant: Option<&MerchantId>,
        channel: Option<Channel>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let lifted = lift(&mut tx, now, merchant, channel).await?;
        if lifted {
            suppression_changes::record_stop(&mut tx, SuppressionAction::Lift, (merchant, channel), by).await?;
            audit::note(&mut tx, &[audit_entries::lift_stop(merchant, channel, by)]).await?;
        }
        tx.commit().await?;
        Ok(lifted)
    }

    async fn stops(&self) -> Result<Vec<Stop>, StoreError> {
        let mut tx = self.read().await?;
        let read = all(&mut tx).await?;
        Ok(tx.finish(read).await)
    }
}

async fn put(tx: &mut Tx, stop: &Stop) -> Result<(), StoreError> {
    sqlx::query::<Db>(UPSERT)
        .bind(stop.merchant.as_ref().map(MerchantId::as_str))
        .bind(stop.channel.map(Channel::as_str))
        .bind(stop.actor.as_str())
        .bind(stop.reason.as_str())
        .bind(Moment(stop.since))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Lifts a stop, and releases what no other one stops.
pub(super) async fn lift(
    tx: &mut Tx,
    now: Moment,
    merchant: Option<&MerchantId>,
    channel: Option<Channel>,
) -> Result<bool, StoreError> {
    let lifted = sqlx::query::<Db>(LIFT)
        .bind(merchant.map(MerchantId::as_str))
        .bind(channel.map(Channel::as_str))
        .execute(&mut **tx)
        .await?;
    if lifted.rows_affected() == 0 {
        return Ok(false);
    }
    let others = all(tx).await?;
    let is_stopped = |merchant: &str, channel| others.iter().any(|stop| stop.covers(merchant, channel));
    holds::release_gone(tx, now, |cause, channel| {
        cause.reason == HoldReason::Stopped && !is_stopped(&cause.subject, channel)
    })
    .await?;
    Ok(true)
}

pub(super) async fn all(tx: &mut Tx) -> Result<Vec<Stop>, StoreError> {
    let rows: Vec<StopRow> = sqlx::query_as::<Db, _>(ALL).fetch_all(&mut **tx).await?;
    rows.into_iter().map(StopRow::stop).collect()
}
