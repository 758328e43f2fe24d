//! The volume guard.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::TaskStore;
use crate::domain::{ManualChange, MerchantId, ReminderId};
use crate::plan::DayVolume;
use crate::store::{StoreError, VolumeStore};

#[async_trait]
impl VolumeStore for TaskStore {
    async fn note_volume(&self, merchant: &MerchantId, day: NaiveDate, planned: u64) -> Result<DayVolume, StoreError> {
        let merchant = merchant.clone();
        self.run(|store| async move { store.note_volume(&merchant, day, planned).await }).await
    }

    async fn hold_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        reminders: &[(ReminderId, DateTime<Utc>)],
        at: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let (merchant, reminders) = (merchant.clone(), reminders.to_vec());
        self.run(|store| async move { store.hold_volume(&merchant, day, &reminders, at).await }).await
    }

    async fn approve_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let (merchant, by) = (merchant.clone(), by.clone());
        self.run(|store| async move { store.approve_volume(&merchant, day, &by).await }).await
    }
}
