//! Which ways to repay borrowers went.

use chrono::{DateTime, Utc};

use super::{Db, Tx};
use crate::domain::Click;
use crate::store::StoreError;
use crate::store::sql::click::{APPEND, ClickRow, SINCE};
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
