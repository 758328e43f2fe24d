//! The records that webhooks post, and the progress of each endpoint.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::{Batch, Db, SqlStore, Tx, audit, webhook};
use crate::domain::{
    BorrowerId, BorrowerKey, EndpointKey, EndpointState, Installment, InstallmentStatus, ManualChange, MerchantId,
    RecordEnds, RecordPosition, RecordTable, RouteHealth, Suppression, SuppressionReason, WaitingBorrower,
    WebhookEvent, merge_records,
};
use crate::store::audit_entries;
use crate::store::sql::borrower::read as read_column;
use crate::store::sql::channel::opted_out;
use crate::store::sql::sealing::compared;
use crate::store::sql::value::{Moment, stored_attempt};
use crate::store::sql::webhook::{
    ADD_ENDPOINT, ENABLE, ENDPOINTS, EndpointRow, LATEST, NOBODY_WAITS, OF_BORROWER, OF_ROUTES, PositionRow, REPLAY,
    ROUTE_DEGRADED, RecordRow, SAVE, SINCE, WAIT, WAIT_NO_MORE, WAITING, WaitingRow, borrower_column,
};
use crate::store::webhook::{Cut, RecordWindow, page, window_end};
use crate::store::{EndpointProgress, RecordPage, StoreError, WebhookStore};

#[async_trait]
impl WebhookStore for SqlStore {
    async fn record_ends(&self) -> Result<RecordEnds, StoreError> {
        let mut tx = self.read().await?;
        let ends: PositionRow = sqlx::query_as::<Db, _>(webhook::ENDS).fetch_one(&mut *tx).await?;
        let writers: Vec<(String,)> = sqlx::query_as::<Db, _>(webhook::WRITERS).fetch_all(&mut *tx).await?;
        let writers = writers.into_iter().map(|(writer,)| writer).collect();
        Ok(tx.finish(RecordEnds { ends: ends.position(), writers }).await)
    }

    async fn record_page(
        &self,
        merchants: &[MerchantId],
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<RecordPage, StoreError> {
        let mut tx = self.read_much().await?;
        let mut windows = Vec::new();
        for table in RecordTable::ALL.iter().copied() {
            windows.push(window(&mut tx, merchants, table, after.of(table), through.of(table)).await?);
        }
        let mut read = page(after, windows);
        add_installments(&mut tx, &mut read.events).await?;
        Ok(tx.finish(read).await)
    }

    async fn records_of(
        &self,
        merchant: &MerchantId,
        borrower: Option<&BorrowerId>,
        after: RecordPosition,
        through: RecordPosition,
    ) -> Result<Vec<WebhookEvent>, StoreError> {
        let mut tx = self.read().await?;
        let mut tables = Vec::new();
        for table in RecordTable::ALL.iter().copied() {
            let query = match borrower {
                Some(borrower) => sqlx::query_as::<Db, RecordRow>(OF_BORROWER[table as usize]).bind(borrower.as_str()),
                None if table == RecordTable::Occurrence => {
                    sqlx::query_as::<Db, RecordRow>(OF_ROUTES).bind(merchant.as_str())
                }
                None => continue,
            };
            let query = query.bind(after.of(table)).bind(through.of(table));
            let query = if borrower.is_some() { query.bind(merchant.as_str()) } else { query };
            let rows = query.fetch_all(&mut *tx).await?;
            tables.push(rows.into_iter().map(|row| row.event(table)).collect::<Result<Vec<_>, _>>()?);
        }
        let mut events = merge_records(tables);
        add_installments(&mut tx, &mut events).await?;
        Ok(tx.finish(events).await)
    }

    async fn webhook_endpoints(&self) -> Result<Vec<EndpointState>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<EndpointRow> = sqlx::query_as::<Db, _>(ENDPOINTS).fetch_all(&mut *tx).await?;
        let states = rows.into_iter().map(EndpointRow::state).collect::<Result<_, _>>()?;
        Ok(tx.finish(states).await)
    }

    async fn add_webhook_endpoint(&self, key: &EndpointKey, at: RecordPosition) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let mut query = sqlx::query::<Db>(ADD_ENDPOINT).bind(key.merchant.as_str()).bind(key.name.as_str());
        for number in at.0 {
            query = query.bind(number);
        }
        query.execute(&mut *tx).await?;
        Ok(tx.commit().await?)
    }

    async fn webhook_waiting(&self, key: &EndpointKey) -> Result<Vec<WaitingBorrower>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<WaitingRow> = sqlx::query_as::<Db, _>(WAITING)
            .bind(key.merchant.as_str())
            .bind(key.name.as_str())
            .fetch_all(&mut *tx)
            .await?;
        let waiting = rows.into_iter().map(WaitingRow::waiting).collect::<Result<_, _>>()?;
        Ok(tx.finish(waiting).await)
    }

    async fn save_webhook_progress(&self, progress: &EndpointProgress) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let EndpointProgress { state, before, waiting, served } = progress;
        let (merchant, name) = (state.key.merchant.as_str(), state.key.name.as_str());
        let mut query = sqlx::query::<Db>(SAVE).bind(merchant).bind(name).bind(state.version);
        for number in before.0.into_iter().chain(state.position.0) {
            query = query.bind(number);
        }
        let saved = query
            .bind(stored_attempt(state.failures))
            .bind(state.failing_since.map(Moment))
            .bind(state.not_before.map(Moment))
            .bind(state.last_fault.as_deref())
            .bind(state.disabled_at.map(Moment))
            .execute(&mut *tx)
            .await?;
        if saved.rows_affected() == 0 {
            tx.commit().await?;
            return Ok(false);
        }
        for one in waiting {
            let borrower = borrower_column(one.borrower.as_ref());
            let mut query = sqlx::query::<Db>(WAIT).bind(merchant).bind(name).bind(borrower);
            for number in one.position.0 {
                query = query.bind(number);
            }
            query
                .bind(stored_attempt(one.failures))
                .bind(Moment(one.not_before))
                .bind(Moment(one.since))
                .bind(one.last_fault.as_str())
                .execute(&mut *tx)
                .await?;
        }
        for borrower in served {
            let query = sqlx::query::<Db>(WAIT_NO_MORE).bind(merchant).bind(name);
            query.bind(borrower_column(borrower.as_ref())).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn replay_webhook(
        &self,
        key: &EndpointKey,
        from: DateTime<Utc>,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let ends: PositionRow = sqlx::query_as::<Db, _>(webhook::ENDS).fetch_one(&mut *tx).await?;
        let mut query = sqlx::query::<Db>(REPLAY).bind(key.merchant.as_str()).bind(key.name.as_str());
        for (statement, end) in std::iter::zip(SINCE, ends.position().0) {
            let (number,): (Option<i64>,) =
                sqlx::query_as::<Db, _>(statement).bind(Moment(from)).fetch_one(&mut *tx).await?;
            query = query.bind(number.unwrap_or(end));
        }
        let replayed = query.execute(&mut *tx).await?.rows_affected() > 0;
        if replayed {
            let query = sqlx::query::<Db>(NOBODY_WAITS).bind(key.merchant.as_str()).bind(key.name.as_str());
            query.execute(&mut *tx).await?;
            audit::note(&mut tx, &[audit_entries::replay_webhook(key, from, by)]).await?;
        }
        tx.commit().await?;
        Ok(replayed)
    }

    async fn enable_webhook(&self, key: &EndpointKey, by: &ManualChange) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let query = sqlx::query::<Db>(ENABLE).bind(key.merchant.as_str()).bind(key.name.as_str());
        let enabled = query.execute(&mut *tx).await?.rows_affected() > 0;
        if enabled {
            audit::note(&mut tx, &[audit_entries::enable_webhook(key, by)]).await?;
        }
        tx.commit().await?;
        Ok(enabled)
    }
}

async fn window(
    tx: &mut Tx,
    merchants: &[MerchantId],
    table: RecordTable,
    after: i64,
    through: i64,
) -> Result<RecordWindow, StoreError> {
    let (end, is_cut) = window_end(after, through);
    if end == after {
        return Ok(RecordWindow { events: Vec::new(), end, cut_at: None });
    }
    let rows: Vec<RecordRow> = Batch::of(merchants)
        .column(MerchantId::as_str)?
        .query_as(webhook::OF_MERCHANTS[table as usize])?
        .bind(after)
        .bind(end)
        .fetch_all(&mut **tx)
        .await?;
    let events = rows.into_iter().map(|row| row.event(table)).collect::<Result<_, _>>()?;
    let cut_at = if is_cut {
        let latest = sqlx::query_as::<Db, _>(LATEST[table as usize]).bind(after).bind(end);
        let (latest,): (Option<Moment>,) = latest.fetch_one(&mut **tx).await?;
        Some(latest.map_or(Cut::Empty, |latest| Cut::At(latest.0)))
    } else {
        None
    };
    Ok(RecordWindow { events, end, cut_at })
}

/// Names the instalments that reminders are about.
async fn add_installments(tx: &mut Tx, events: &mut [WebhookEvent]) -> Result<(), StoreError> {
    let about = |event: &WebhookEvent| -> Option<(BorrowerKey, NaiveDate)> {
        let key = BorrowerKey { merchant: event.merchant.clone(), id: event.borrower.clone()? };
        event.due_date.filter(|_| event.installments.is_empty()).map(|date| (key, date))
    };
    let keys: Vec<_> = events.iter().filter_map(about).collect::<BTreeSet<_>>().into_iter().collect();
    if keys.is_empty() {
        return Ok(());
    }
    let rows: Vec<(String, String, NaiveDate, String)> = Batch::of(&keys)
        .column(|(key, _)| key.merchant.as_str())?
        .column(|(key, _)| key.id.as_str())?
        .column(|(_, date)| *date)?
        .query_as(webhook::INSTALLMENTS)?
        .fetch_all(&mut **tx)
        .await?;
    let mut ids: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (merchant, borrower, date, id) in rows {
        let key = BorrowerKey {
            merchant: read_column(&merchant, "installment.merchant", str::parse)?,
            id: read_column(&borrower, "installment.borrower_id", str::parse)?,
        };
        let id = read_column(&id, "installment.installment_id", str::parse)?;
        ids.entry((key, date)).or_default().push(id);
    }
    for event in events {
        if let Some(ids) = about(event).and_then(|about| ids.get(&about)) {
            event.installments.clone_from(ids);
        }
    }
    Ok(())
}

/// Records which of these instalments were paid after a click.
pub(super) async fn note_paid(tx: &mut Tx, installments: &[&Installment]) -> Result<(), StoreError> {
    let paid: Vec<_> = installments.iter().filter(|one| one.status == InstallmentStatus::Paid).collect();
    if paid.is_empty() {
        return Ok(());
    }
    Batch::of(&paid)
        .column(|one| one.merchant.as_str())?
        .column(|one| one.id.as_str())?
        .query(webhook::PAID_AFTER_CLICK)?
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Records which borrowers these suppressions opt out. Before they are written.
pub(super) async fn note_opt_outs(tx: &mut Tx, suppressions: &[Suppression]) -> Result<(), StoreError> {
    let ring = tx.ring();
    for one in suppressions.iter().filter(|one| one.reason == SuppressionReason::OptedOut) {
        sqlx::query::<Db>(opted_out(one.address.channel()))
            .bind(Moment(one.since))
            .bind(one.merchant.as_ref().map(MerchantId::as_str))
            .bind(one.address.channel().as_str())
            .bind(compared(ring.as_deref(), one.address.reveal()))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Records that a route is degraded, unless it was. Before its health is written.
pub(super) async fn note_degraded(tx: &mut Tx, health: &RouteHealth, merchant: &MerchantId) -> Result<(), StoreError> {
    if health.degraded {
        sqlx::query::<Db>(ROUTE_DEGRADED)
            .bind(Moment(health.since))
            .bind(merchant.as_str())
            .bind(health.key.as_str())
            .bind(health.url.as_str())
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
