//! The outbox operations that only look.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Database;
use sqlx::query::QueryAs;

use super::{Db, SqlStore, Tx, messages};
use crate::domain::{Channel, Event, ReminderId, State};
use crate::store::sql::clauses::narrowed;
use crate::store::sql::event::{EventRow, HISTORY};
use crate::store::sql::queue::{COUNTS, CountRow, NEXT_DUE, UNKNOWN, UNKNOWN_DUE, UnknownRow, counts};
use crate::store::sql::reminder::{ViewRow, matching, narrow};
use crate::store::sql::value::Moment;
use crate::store::{
    QueueCounts, ReminderFilter, ReminderStore, ReminderView, SentMessage, StoreError, UnknownReminder,
};

#[async_trait]
impl ReminderStore for SqlStore {
    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = queue_counts(&mut tx, now).await?;
        Ok(tx.finish(read).await)
    }

    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
        let mut tx = self.read().await?;
        let read = reminders(&mut tx, filter).await?;
        Ok(tx.finish(read).await)
    }

    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError> {
        let mut tx = self.read().await?;
        let read = events(&mut tx, reminder).await?;
        Ok(tx.finish(read).await)
    }

    async fn messages(&self, reminder: ReminderId) -> Result<Vec<SentMessage>, StoreError> {
        let mut tx = self.read().await?;
        let read = messages::messages(&mut tx, reminder).await?;
        Ok(tx.finish(read).await)
    }
}

pub(super) async fn next_due(tx: &mut Tx, channel: Channel) -> Result<Option<DateTime<Utc>>, StoreError> {
    let (head,): (Option<Moment>,) =
        sqlx::query_as::<Db, _>(NEXT_DUE).bind(channel.as_str()).fetch_one(&mut **tx).await?;
    Ok(head.map(|not_before| not_before.0))
}

pub(super) async fn unknown(
    tx: &mut Tx,
    channel: Channel,
    after: Option<ReminderId>,
    limit: u32,
) -> Result<Vec<UnknownReminder>, StoreError> {
    let rows: Vec<UnknownRow> = sqlx::query_as::<Db, _>(UNKNOWN)
        .bind(channel.as_str())
        .bind(after.map_or(i64::MIN, |after| after.0))
        .bind(i64::from(limit))
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(UnknownRow::unknown).collect()
}

pub(super) async fn unknown_due(
    tx: &mut Tx,
    now: Moment,
    channel: Channel,
    limit: u32,
) -> Result<Vec<UnknownReminder>, StoreError> {
    let rows: Vec<UnknownRow> = sqlx::query_as::<Db, _>(UNKNOWN_DUE)
        .bind(channel.as_str())
        .bind(now)
        .bind(i64::from(limit))
        .fetch_all(&mut **tx)
        .await?;
    rows.into_iter().map(UnknownRow::unknown).collect()
}

pub(super) async fn queue_counts(tx: &mut Tx, now: Moment) -> Result<Vec<QueueCounts>, StoreError> {
    let rows: Vec<CountRow> = sqlx::query_as::<Db, _>(COUNTS).bind(now).fetch_all(&mut **tx).await?;
    counts(&rows)
}

pub(super) async fn reminders(tx: &mut Tx, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
    let listing = sqlx::query_as::<Db, _>(narrowed(matching(filter), &narrow(filter)));
    let rows: Vec<ViewRow> = bind(listing, filter).fetch_all(&mut **tx).await?;
    rows.into_iter().map(ViewRow::view).collect()
}

/// Binds a filter, in the order in which all listings number it.
fn bind<'q, O>(
    listing: QueryAs<'q, Db, O, <Db as Database>::Arguments>,
    filter: &ReminderFilter,
) -> QueryAs<'q, Db, O, <Db as Database>::Arguments> {
    listing
        .bind(filter.id.map(|id| id.0))
        .bind(filter.state.map(State::as_str))
        .bind(filter.merchant.as_ref().map(|merchant| merchant.as_str().to_owned()))
        .bind(filter.borrower.as_ref().map(|borrower| borrower.as_str().to_owned()))
        .bind(filter.due_date)
        .bind(filter.channel.map(Channel::as_str))
        .bind(filter.before.map(|before| before.0))
        .bind(i64::from(filter.limit))
}

pub(super) async fn events(tx: &mut Tx, reminder: ReminderId) -> Result<Vec<Event>, StoreError> {
    let rows: Vec<EventRow> = sqlx::query_as::<Db, _>(HISTORY).bind(reminder.0).fetch_all(&mut **tx).await?;
    rows.into_iter().filter_map(|row| row.event().transpose()).collect()
}
