//! How the ways to repay are doing.

use super::{Db, Tx};
use crate::domain::RouteHealth;
use crate::store::StoreError;
use crate::store::sql::route_health::{ALL, NOTE, RouteHealthRow};
use crate::store::sql::value::Moment;

pub(super) async fn note(tx: &mut Tx, health: &RouteHealth) -> Result<(), StoreError> {
    sqlx::query::<Db>(NOTE)
        .bind(health.key.as_str())
        .bind(health.url.as_str())
        .bind(health.degraded)
        .bind(Moment(health.since))
        .bind(i64::from(health.failures))
        .bind(i64::from(health.successes))
        .bind(health.last_fault.as_deref())
        .bind(Moment(health.probed_at))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn all(tx: &mut Tx) -> Result<Vec<RouteHealth>, StoreError> {
    let rows: Vec<RouteHealthRow> = sqlx::query_as::<Db, _>(ALL).fetch_all(&mut **tx).await?;
    rows.into_iter().map(RouteHealthRow::health).collect()
}
