//! The kill switch.

use super::{Db, Tx, holds};
use crate::domain::{Channel, HoldReason, MerchantId};
use crate::store::sql::stop::{ALL, LIFT, StopRow, UPSERT};
use crate::store::sql::value::Moment;
use crate::store::{Stop, StoreError};

pub(super) async fn stop(tx: &mut Tx, stop: &Stop) -> Result<(), StoreError> {
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
