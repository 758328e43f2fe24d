//! The volume guard.

use async_trait::async_trait;
use chrono::{DateTime, Days, NaiveDate, Utc};

use super::outbox::record;
use super::{Db, SqlStore, audit, holds};
use crate::domain::{Event, HoldCause, ManualChange, MerchantId, ReminderId};
use crate::plan::{DayVolume, USUAL_DAYS};
use crate::store::audit_entries;
use crate::store::sql::queue::Move;
use crate::store::sql::value::Moment;
use crate::store::sql::volume::{ADD, APPROVE, DAY, DayRow, HOLD};
use crate::store::{StoreError, VolumeStore};

#[async_trait]
impl VolumeStore for SqlStore {
    async fn note_volume(&self, merchant: &MerchantId, day: NaiveDate, planned: u64) -> Result<DayVolume, StoreError> {
        let mut tx = self.write().await?;
        if planned > 0 {
            sqlx::query::<Db>(ADD)
                .bind(merchant.as_str())
                .bind(day)
                .bind(i64::try_from(planned).unwrap_or(i64::MAX))
                .execute(&mut *tx)
                .await?;
        }
        let first = day.checked_sub_days(Days::new(USUAL_DAYS)).unwrap_or(day);
        let row: DayRow =
            sqlx::query_as::<Db, _>(DAY).bind(merchant.as_str()).bind(day).bind(first).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok(row.volume())
    }

    async fn hold_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        reminders: &[(ReminderId, DateTime<Utc>)],
        at: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let cause = HoldCause::volume(merchant, day);
        let moves = reminders.iter().map(|(id, until)| Move {
            event: Event::held(*id, 0, &cause, at),
            not_before: Some(*until),
            gateway_index: None,
            route: None,
            message: None,
        });
        let moves: Vec<_> = moves.collect();
        let mut tx = self.write().await?;
        sqlx::query::<Db>(HOLD).bind(merchant.as_str()).bind(day).execute(&mut *tx).await?;
        let held = record(&mut tx, &moves).await?;
        tx.commit().await?;
        Ok(held.len())
    }

    async fn approve_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let now = self.now(&mut tx).await?;
        let approved = sqlx::query::<Db>(APPROVE)
            .bind(merchant.as_str())
            .bind(day)
            .bind(by.actor.as_str())
            .bind(by.reason.as_str())
            .bind(Moment(by.at))
            .execute(&mut *tx)
            .await?;
        let approved = approved.rows_affected() > 0;
        if approved {
            let approved_cause = HoldCause::volume(merchant, day);
            holds::release_gone(&mut tx, now, |cause, _| *cause == approved_cause).await?;
            audit::note(&mut tx, &[audit_entries::approve_volume(merchant, day, by)]).await?;
        }
        tx.commit().await?;
        Ok(approved)
    }
}
