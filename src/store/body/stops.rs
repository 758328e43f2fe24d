//! The kill switch.

use super::{Db, Tx};
use crate::domain::{Channel, MerchantId};
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

pub(super) async fn lift(
    tx: &mut Tx,
    merchant: Option<&MerchantId>,
    channel: Option<Channel>,
) -> Result<bool, StoreError> {
    let lifted = sqlx::query::<Db>(LIFT)
        .bind(merchant.map(MerchantId::as_str))
        .bind(channel.map(Channel::as_str))
        .execute(&mut **tx)
        .await?;
    Ok(lifted.rows_affected() > 0)
}

pub(super) async fn all(tx: &mut Tx) -> Result<Vec<Stop>, StoreError> {
    let rows: Vec<StopRow> = sqlx::query_as::<Db, _>(ALL).fetch_all(&mut **tx).await?;
    rows.into_iter().map(StopRow::stop).collect()
}
