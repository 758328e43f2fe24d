//! Deliveries of the lender's systems: bodies of webhooks, and files.

use async_trait::async_trait;

use super::{Db, SqlStore};
use crate::domain::SourceName;
use crate::store::sql::delivery::{ADD, DeliveryRow, END, FIND, REPEAT, WAITING};
use crate::store::sql::sealing::{kept_digest, sealed_delivery};
use crate::store::{Delivery, DeliveryStore, KeptDelivery, NewDelivery, StoreError};

#[async_trait]
impl DeliveryStore for SqlStore {
    async fn keep_delivery(&self, delivery: &NewDelivery) -> Result<KeptDelivery, StoreError> {
        let ring = self.ring();
        let ring = ring.as_deref();
        let source = delivery.source.as_str();
        let digest = kept_digest(ring, &delivery.digest);
        let body = delivery.body.as_ref().map(|body| sealed_delivery(ring, [source, &digest], body));
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        sqlx::query::<Db>(ADD).bind(source).bind(&digest).bind(now).bind(&body).execute(&mut *tx).await?;
        let (id, stage): (i64, String) =
            sqlx::query_as::<Db, _>(FIND).bind(source).bind(&digest).fetch_one(&mut *tx).await?;
        let mut waits = stage == "waiting";
        if !waits && delivery.is_signal {
            sqlx::query::<Db>(REPEAT).bind(id).bind(now).bind(&body).execute(&mut *tx).await?;
            waits = true;
        }
        tx.commit().await?;
        Ok(if waits { KeptDelivery::Waiting(id) } else { KeptDelivery::Done })
    }

    async fn waiting_deliveries(&self, source: &SourceName, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<DeliveryRow> =
            sqlx::query_as::<Db, _>(WAITING).bind(source.as_str()).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
        let ring = self.ring();
        tx.finish(rows).await.into_iter().map(|row| row.delivery(ring.as_deref(), source)).collect()
    }

    async fn end_delivery(&self, id: i64) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        sqlx::query::<Db>(END).bind(id).execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }
}
