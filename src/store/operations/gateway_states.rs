//! How gateways are doing, as each process finds.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::{Db, SqlStore, Tx};
use crate::domain::{Code, GatewayState};
use crate::store::sql::gateway_state::{FORGET, GatewayStateRow, NOTE, SINCE};
use crate::store::sql::value::Moment;
use crate::store::{GATEWAY_STATE_KEPT, GatewayStateStore, StoreError};

#[async_trait]
impl GatewayStateStore for SqlStore {
    async fn note_gateway(&self, state: &GatewayState) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        note(&mut tx, state).await?;
        Ok(tx.commit().await?)
    }

    async fn gateway_states(&self, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError> {
        let mut tx = self.read().await?;
        let read = read_since(&mut tx, since).await?;
        Ok(tx.finish(read).await)
    }
}

pub(super) async fn note(tx: &mut Tx, state: &GatewayState) -> Result<(), StoreError> {
    let (code, failed_at) = state.last_error.as_ref().map(|(code, at)| (code, *at)).unzip();
    sqlx::query::<Db>(NOTE)
        .bind(state.gateway.as_str())
        .bind(state.holder.as_str())
        .bind(state.open_since.map(Moment))
        .bind(code.map(Code::as_str))
        .bind(failed_at.map(Moment))
        .bind(Moment(state.at))
        .execute(&mut **tx)
        .await?;
    sqlx::query::<Db>(FORGET).bind(Moment(state.at - GATEWAY_STATE_KEPT)).execute(&mut **tx).await?;
    Ok(())
}

async fn read_since(tx: &mut Tx, since: DateTime<Utc>) -> Result<Vec<GatewayState>, StoreError> {
    let rows: Vec<GatewayStateRow> = sqlx::query_as::<Db, _>(SINCE).bind(Moment(since)).fetch_all(&mut **tx).await?;
    rows.into_iter().map(GatewayStateRow::state).collect()
}
