//! From one channel to the next.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{Batch, Db, Tx, outbox, queue};
use crate::domain::{NewReminder, Reminder, ReminderId};
use crate::store::StoreError;
use crate::store::sql::fallback::DUE;
use crate::store::sql::reminder::ReminderRow;
use crate::store::sql::value::Moment;

pub(super) async fn due(tx: &mut Tx, now: Moment, limit: u32) -> Result<Vec<Reminder>, StoreError> {
    let rows: Vec<ReminderRow> =
        sqlx::query_as::<Db, _>(DUE).bind(now).bind(i64::from(limit)).fetch_all(&mut **tx).await?;
    rows.into_iter().map(ReminderRow::reminder).collect()
}

/// Only of what was still falling back is there a second: a receipt may have come first, or another daemon.
pub(super) async fn fall_back(
    tx: &mut Tx,
    pairs: &[(ReminderId, Option<NewReminder>)],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let ids = Vec::from_iter(BTreeSet::from_iter(pairs.iter().map(|(id, _)| id.0)));
    let released: Vec<(i64,)> =
        Batch::of(&ids).column(|id| *id)?.query_as(queue::RELEASE)?.fetch_all(&mut **tx).await?;
    let mut released = BTreeSet::from_iter(released.into_iter().map(|(id,)| id));
    let first_word = |(id, _): &&(ReminderId, Option<NewReminder>)| released.remove(&id.0);
    let seconds: Vec<_> = pairs.iter().filter(first_word).filter_map(|(_, next)| next.clone()).collect();
    if !seconds.is_empty() {
        outbox::plan(tx, &seconds, at).await?;
    }
    Ok(())
}
