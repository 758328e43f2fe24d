//! Tries of the last digits of phone numbers.

use super::{Db, Tx};
use crate::domain::ReminderId;
use crate::plan::{TryOf, next_try};
use crate::store::StoreError;
use crate::store::sql::digits::{COUNT, FORGET, HOLD, TriedRow};
use crate::store::sql::value::Moment;

pub(super) async fn count(tx: &mut Tx, reminder: ReminderId, now: Moment) -> Result<TryOf, StoreError> {
    let held: TriedRow = sqlx::query_as::<Db, _>(HOLD).bind(reminder.0).bind(now).fetch_one(&mut **tx).await?;
    let tries = u32::try_from(held.tries).map_err(|_| StoreError::Corrupt { column: "digits_tried.tries" })?;
    let told = next_try(tries, held.last_at.0, now.0);
    if matches!(told, TryOf::Counted { .. }) {
        sqlx::query::<Db>(COUNT).bind(reminder.0).bind(now).execute(&mut **tx).await?;
    }
    Ok(told)
}

pub(super) async fn forget(tx: &mut Tx, reminder: ReminderId) -> Result<(), StoreError> {
    sqlx::query::<Db>(FORGET).bind(reminder.0).execute(&mut **tx).await?;
    Ok(())
}
