//! How far scans have come, and what changed within their view.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::schema::end;
use super::{Batch, Db, SqlStore, Tx, ledger, ledger_change, outbox, queue, reminder};
use crate::domain::{BorrowerKey, Installment};
use crate::plan::{Due, Mark, PlanItem, announced, rules_of};
use crate::store::sql::scan::{
    BEGIN, CHANGES, DUE_CHANGED, DueDateChangeRow, FORGET, MARKS, MarkRow, PASS, REMEMBER, START,
};
use crate::store::sql::value::Moment;
use crate::store::{Changes, PlanResult, ScanState, ScanStore, StoreError, WriteMode};

#[async_trait]
impl ScanStore for SqlStore {
    async fn scan_state(&self) -> Result<ScanState, StoreError> {
        let mut tx = self.read().await?;
        let read = state(&mut tx).await?;
        Ok(tx.finish(read).await)
    }

    async fn announce(&self, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError> {
        let mut tx = self.write_ledger().await?;
        let state = announce(&mut tx, in_view, first_day).await?;
        tx.commit().await?;
        Ok(state)
    }

    async fn passed(&self, marks: &[Mark]) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        passed(&mut tx, marks).await?;
        Ok(tx.commit().await?)
    }

    async fn changes(&self, after: Option<i64>, limit: u32) -> Result<Changes, StoreError> {
        let mut tx = self.read().await?;
        let now = self.now(&mut tx).await?;
        let read = changes(&mut tx, now, after, limit).await?;
        Ok(tx.finish(read).await)
    }

    async fn put_in(&self, planned: &[PlanItem], at: DateTime<Utc>, mode: WriteMode) -> Result<PlanResult, StoreError> {
        let mut tx = self.write_behind().await?;
        let put = outbox::put_in(&mut tx, planned, at).await?;
        end(tx, mode).await?;
        Ok(put)
    }

    async fn done_with(&self, changes: &[i64], rules: &str) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let done = done_with(&mut tx, now, changes, rules).await?;
        tx.commit().await?;
        Ok(done)
    }

    async fn refresh_statistics(&self) -> Result<(), StoreError> {
        let Some(statement) = reminder::REFRESH_STATISTICS else { return Ok(()) };
        let mut alone = self.write_alone().await?;
        sqlx::query::<Db>(statement).execute(&mut *alone).await?;
        self.commit_alone(alone).await
    }
}

/// Writes down which open due dates in view these instalments change. `now` is the end's own clock, if it has one.
pub(super) async fn write_down_installments(
    tx: &mut Tx,
    installments: &[&Installment],
    now: Option<Moment>,
) -> Result<(), StoreError> {
    let open: Vec<_> = installments.iter().filter(|installment| installment.is_due()).collect();
    if open.is_empty() {
        return Ok(());
    }
    Batch::of(&open)
        .column(|installment| installment.merchant.as_str())?
        .column(|installment| installment.borrower.as_str())?
        .column(|installment| installment.due_date)?
        .query(ledger_change::WRITE_DOWN)?
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Writes down the open due dates in view of borrowers of whom something else has changed. Whatever writes borrowers
/// calls it.
pub(super) async fn write_down_borrowers(
    tx: &mut Tx,
    borrowers: &[&BorrowerKey],
    now: Option<Moment>,
) -> Result<(), StoreError> {
    if borrowers.is_empty() {
        return Ok(());
    }
    Batch::of(borrowers)
        .column(|key| key.merchant.as_str())?
        .column(|key| key.id.as_str())?
        .query(ledger_change::WRITE_DOWN_BORROWERS)?
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn state(tx: &mut Tx) -> Result<ScanState, StoreError> {
    let start: Option<(Moment,)> = sqlx::query_as::<Db, _>(START).fetch_optional(&mut **tx).await?;
    Ok(ScanState { start: start.map(|(start,)| start.0), marks: marks(tx).await? })
}

async fn marks(tx: &mut Tx) -> Result<Vec<Mark>, StoreError> {
    let rows: Vec<MarkRow> = sqlx::query_as::<Db, _>(MARKS).fetch_all(&mut **tx).await?;
    rows.into_iter().map(MarkRow::mark).collect()
}

/// The transaction must have taken its turn among the imports: who writes after it sees the view.
pub(super) async fn announce(tx: &mut Tx, in_view: &[Mark], first_day: DateTime<Utc>) -> Result<ScanState, StoreError> {
    let marks = announced(&marks(tx).await?, in_view);
    sqlx::query::<Db>(BEGIN).bind(Moment(first_day)).execute(&mut **tx).await?;
    sqlx::query::<Db>(FORGET).execute(&mut **tx).await?;
    for mark in &marks {
        sqlx::query::<Db>(REMEMBER)
            .bind(mark.step.to_string())
            .bind(mark.fingerprint.as_str())
            .bind(mark.first)
            .bind(mark.last)
            .bind(mark.passed)
            .execute(&mut **tx)
            .await?;
    }
    state(tx).await
}

pub(super) async fn passed(tx: &mut Tx, marks: &[Mark]) -> Result<(), StoreError> {
    for mark in marks {
        sqlx::query::<Db>(PASS)
            .bind(mark.step.to_string())
            .bind(mark.fingerprint.as_str())
            .bind(mark.last)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

pub(super) async fn changes(tx: &mut Tx, now: Moment, after: Option<i64>, limit: u32) -> Result<Changes, StoreError> {
    let after = after.unwrap_or(i64::MIN);
    let ids: Vec<(i64,)> =
        sqlx::query_as::<Db, _>(CHANGES).bind(after).bind(i64::from(limit)).fetch_all(&mut **tx).await?;
    let ids: Vec<i64> = ids.into_iter().map(|(id,)| id).collect();
    let Some(last) = ids.last() else { return Ok(Changes::default()) };
    // A change that commits between the two reads is read twice.
    let rows: Vec<DueDateChangeRow> =
        sqlx::query_as::<Db, _>(DUE_CHANGED).bind(after).bind(last).bind(now).fetch_all(&mut **tx).await?;
    let ring = tx.ring();
    let mut due: Vec<(DateTime<Utc>, Due)> = Vec::new();
    for row in rows {
        let next = ledger::group(row.due, due.last_mut().map(|(_, due)| due), ring.as_deref())?;
        due.extend(next.map(|next| (row.since.0, next)));
    }
    Ok(Changes { ids, due })
}

/// Takes out changes. A change committed before `marks` is read here is also seen by a pass that begins later, so a
/// pass that planned by other rules takes out nothing.
pub(super) async fn done_with(tx: &mut Tx, now: Moment, changes: &[i64], rules: &str) -> Result<bool, StoreError> {
    if rules_of(&marks(tx).await?) != rules {
        return Ok(false);
    }
    queue::release_changed(tx, now, changes).await?;
    Batch::of(changes).column(|id| *id)?.query(ledger_change::TAKE)?.execute(&mut **tx).await?;
    Ok(true)
}
