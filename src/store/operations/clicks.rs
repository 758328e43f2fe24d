//! Which ways to repay borrowers went.

use chrono::{DateTime, Utc};

use super::{Db, Tx};
use crate::domain::{BorrowerKey, Click};
use crate::store::StoreError;
use crate::store::sql::click::{APPEND, ClickRow, OF_BORROWER, SINCE};
use crate::store::sql::value::Moment;

pub(super) async fn add(tx: &mut Tx, click: &Click) -> Result<(), StoreError> {
    sqlx::query::<Db>(APPEND)
        .bind(Moment(click.at))
        .bind(click.reminder.0)
        .bind(click.route.as_str())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn since(tx: &mut Tx, since: DateTime<Utc>) -> Result<Vec<Click>, StoreError> {
    let rows: Vec<ClickRow> = sqlx::query_as::<Db, _>(SINCE).bind(Moment(since)).fetch_all(&mut **tx).await?;
    rows.into_iter().map(ClickRow::click).collect()
}

pub(super) async fn of(tx: &mut Tx, borrower: &BorrowerKey, limit: u32) -> Result<Vec<Click>, StoreError> {
    let rows: Vec<ClickRow> = sqlx::query_as::<Db, _>(OF_BORROWER)
        .bind(borrower.id.as_str())
        .bind(borrower.merchant.as_str())
        .bind(i64::from(limit))
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(ClickRow::click).collect()
}
