//! Route versions that people made, and the health of routes.

use async_trait::async_trait;

use super::{Db, SqlStore, Tx, audit, route_health, webhooks};
use crate::domain::{MerchantId, RouteHealth, RouteKey, RouteVersion};
use crate::store::audit_entries;
use crate::store::sql::route::{APPEND, NEWEST, OF_KEY, RouteRow, details};
use crate::store::sql::value::Moment;
use crate::store::{RouteStore, StoreError};

#[async_trait]
impl RouteStore for SqlStore {
    async fn add_route_version(&self, version: &RouteVersion) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let before = match tx.origin() {
            Some(_) => versions(&mut tx, Some(&version.route.key)).await?.pop(),
            None => None,
        };
        add(&mut tx, version).await?;
        audit::note(&mut tx, &[audit_entries::route_change(before.as_ref(), version)]).await?;
        Ok(tx.commit().await?)
    }

    async fn route_versions(&self, key: Option<&RouteKey>) -> Result<Vec<RouteVersion>, StoreError> {
        let mut tx = self.read().await?;
        let read = versions(&mut tx, key).await?;
        Ok(tx.finish(read).await)
    }

    async fn note_route_health(&self, health: &RouteHealth, merchant: &MerchantId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        webhooks::note_degraded(&mut tx, health, merchant).await?;
        route_health::note(&mut tx, health).await?;
        Ok(tx.commit().await?)
    }

    async fn route_health(&self) -> Result<Vec<RouteHealth>, StoreError> {
        let mut tx = self.read().await?;
        let read = route_health::all(&mut tx).await?;
        Ok(tx.finish(read).await)
    }
}

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
