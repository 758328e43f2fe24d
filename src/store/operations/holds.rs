//! Holds, and what is released by the operations that take a cause away.

use async_trait::async_trait;

use super::{Connection, Db, SqlStore, Tx, queue};
use crate::domain::{Channel, HoldCause};
use crate::store::sql::queue::HoldRow;
use crate::store::sql::value::Moment;
use crate::store::{HoldStore, RELEASED_AT_ONCE, StoreError};

#[async_trait]
impl HoldStore for SqlStore {
    async fn holds(&self) -> Result<Vec<(HoldCause, Channel)>, StoreError> {
        let mut tx = self.read().await?;
        let read = causes(&mut tx).await?;
        Ok(tx.finish(read).await)
    }

    async fn release(&self, cause: &HoldCause, channel: Channel, limit: u32) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let released = queue::release(&mut tx, now, &cause.to_string(), channel.as_str(), limit).await?;
        tx.commit().await?;
        Ok(usize::try_from(released).unwrap_or(usize::MAX))
    }

    async fn release_expired(&self, limit: u32) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let released = queue::release_expired(&mut tx, now, limit).await?;
        tx.commit().await?;
        Ok(usize::try_from(released).unwrap_or(usize::MAX))
    }
}

async fn causes(connection: &mut Connection) -> Result<Vec<(HoldCause, Channel)>, StoreError> {
    let rows: Vec<HoldRow> = sqlx::query_as::<Db, _>(queue::HOLDS).fetch_all(connection).await?;
    let mut causes = rows.into_iter().map(HoldRow::hold).collect::<Result<Vec<_>, _>>()?;
    causes.sort_unstable();
    Ok(causes)
}

/// Releases what is held for causes that are gone, as much of each as one transaction should.
pub(super) async fn release_gone(
    tx: &mut Tx,
    now: Moment,
    is_gone: impl Fn(&HoldCause, Channel) -> bool,
) -> Result<(), StoreError> {
    for (cause, channel) in causes(&mut *tx).await? {
        if is_gone(&cause, channel) {
            queue::release(tx, now, &cause.to_string(), channel.as_str(), RELEASED_AT_ONCE).await?;
        }
    }
    Ok(())
}
