//! What people made of the ways to repay.

use super::{Db, Tx};
use crate::domain::{RouteKey, RouteVersion};
use crate::store::StoreError;
use crate::store::sql::route::{APPEND, NEWEST, OF_KEY, RouteRow, details};
use crate::store::sql::value::Moment;

pub(super) async fn add(tx: &mut Tx, version: &RouteVersion) -> Result<(), StoreError> {
    let RouteVersion { route, at, actor, reason } = version;
    sqlx::query::<Db>(APPEND)
        .bind(route.key.as_str())
        .bind(Moment(*at))
        .bind(actor.as_str())
        .bind(reason.as_str())
        .bind(route.merchant.as_str())
        .bind(route.product.as_deref())
        .bind(route.kind.as_str())
        .bind(route.kind.url().unwrap_or_default())
        .bind(route.valid_from.map(Moment))
        .bind(route.valid_until.map(Moment))
        .bind(route.closed)
        .bind(route.replaced_by.as_ref().map(RouteKey::as_str))
        .bind(details(&route.kind))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn versions(tx: &mut Tx, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError> {
    let rows: Vec<RouteRow> = match key {
        Some(key) => sqlx::query_as::<Db, _>(OF_KEY).bind(key.as_str()).fetch_all(&mut **tx).await?,
        None => sqlx::query_as::<Db, _>(NEWEST).fetch_all(&mut **tx).await?,
    };
    rows.into_iter().map(RouteRow::version).collect()
}
