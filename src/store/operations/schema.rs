//! The schema, turns, and how a transaction ends.

use async_trait::async_trait;
use chrono::TimeDelta;

use super::{Db, SqlStore, Tx, address_keys, encryption, search};
use crate::store::sql::turn;
use crate::store::sql::value::Moment;
use crate::store::{SchemaStore, StoreError, TurnStore, WriteMode};

pub(super) async fn end(tx: Tx, mode: WriteMode) -> Result<(), StoreError> {
    match mode {
        WriteMode::Commit => tx.commit().await?,
        WriteMode::DryRun => tx.rollback().await?,
    }
    Ok(())
}

#[async_trait]
impl SchemaStore for SqlStore {
    async fn migrate(&self) -> Result<usize, StoreError> {
        let applied = self.apply_migrations().await?;
        address_keys::complete(self).await?;
        encryption::complete(self).await?;
        search::complete(self).await?;
        Ok(applied)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.check_schema().await?;
        encryption::check(self).await
    }
}

#[async_trait]
impl TurnStore for SqlStore {
    async fn take_turn(&self, task: &str, holder: &str, lasts: TimeDelta) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let taken = sqlx::query::<Db>(turn::TAKE)
            .bind(task)
            .bind(holder)
            .bind(Moment(now.0 + lasts))
            .bind(now)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(taken.rows_affected() == 1)
    }
}
