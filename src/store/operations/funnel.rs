//! Reads the funnel counts.

use std::ops::Range;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Db, SqlStore, Tx, clicks};
use crate::domain::{ActivityCount, BorrowerKey, Click, SentCount};
use crate::store::sql::activity::{ACTIVITY, ActivityRow};
use crate::store::sql::funnel::{SENT, SentRow};
use crate::store::sql::value::Moment;
use crate::store::{FunnelStore, StoreError};

#[async_trait]
impl FunnelStore for SqlStore {
    async fn add_click(&self, click: &Click) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        clicks::add(&mut tx, click).await?;
        Ok(tx.commit().await?)
    }

    async fn clicks(&self, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError> {
        let mut tx = self.read().await?;
        let read = clicks::since(&mut tx, since).await?;
        Ok(tx.finish(read).await)
    }

    async fn clicks_of(&self, borrower: &BorrowerKey, limit: u32) -> Result<Vec<Click>, StoreError> {
        let mut tx = self.read().await?;
        let read = clicks::of(&mut tx, borrower, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn sent(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
        let mut tx = self.read_much().await?;
        let read = sent(&mut tx, span).await?;
        Ok(tx.finish(read).await)
    }

    async fn activity(&self, span: &Range<DateTime<Utc>>) -> Result<Vec<ActivityCount>, StoreError> {
        let mut tx = self.read_much().await?;
        let read = activity(&mut tx, span).await?;
        Ok(tx.finish(read).await)
    }
}

pub(super) async fn sent(tx: &mut Tx, span: &Range<DateTime<Utc>>) -> Result<Vec<SentCount>, StoreError> {
    let rows: Vec<SentRow> =
        sqlx::query_as::<Db, _>(SENT).bind(Moment(span.start)).bind(Moment(span.end)).fetch_all(&mut **tx).await?;
    rows.into_iter().map(SentRow::count).collect()
}

pub(super) async fn activity(tx: &mut Tx, span: &Range<DateTime<Utc>>) -> Result<Vec<ActivityCount>, StoreError> {
    let rows: Vec<ActivityRow> =
        sqlx::query_as::<Db, _>(ACTIVITY).bind(Moment(span.start)).bind(Moment(span.end)).fetch_all(&mut **tx).await?;
    rows.into_iter().map(ActivityRow::count).collect()
}
