//! No page knows of holds.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use dueherald::domain::{Channel, HoldCause};
use dueherald::domain::{ManualChange, MerchantId, ReminderId};
use dueherald::plan::DayVolume;
use dueherald::store::{HoldStore, StoreError, VolumeStore};

use super::fake::FakeStore;

#[async_trait]
impl HoldStore for FakeStore {
    async fn holds(&self) -> Result<Vec<(HoldCause, Channel)>, StoreError> {
        unreachable!("no page asks what is held")
    }

    async fn release(&self, _: &HoldCause, _: Channel, _: u32) -> Result<usize, StoreError> {
        unreachable!("no page releases anything")
    }

    async fn release_expired(&self, _: u32) -> Result<usize, StoreError> {
        unreachable!("no page releases anything")
    }
}

#[async_trait]
impl VolumeStore for FakeStore {
    async fn note_volume(&self, _: &MerchantId, _: NaiveDate, _: u64) -> Result<DayVolume, StoreError> {
        unreachable!("no page plans anything")
    }

    async fn hold_volume(
        &self,
        _: &MerchantId,
        _: NaiveDate,
        _: &[(ReminderId, DateTime<Utc>)],
        _: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        unreachable!("no page holds anything")
    }

    async fn approve_volume(&self, _: &MerchantId, _: NaiveDate, _: &ManualChange) -> Result<bool, StoreError> {
        unreachable!("no page approves anything")
    }
}
