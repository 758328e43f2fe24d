//! Holds as one daemon sees them. What is released is told to the oracle before anybody claims it.

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};
use dueherald::domain::{Channel, HoldCause, ManualChange, MerchantId, ReminderId, State};
use dueherald::plan::DayVolume;
use dueherald::store::{HoldStore, ReminderFilter, Store, StoreError, VolumeStore};

use crate::faults::Bug;
use crate::observation::observe;
use crate::store::FaultyStore;

/// Everything that is held.
pub(crate) async fn held(store: &dyn Store) -> Vec<ReminderId> {
    let filter = ReminderFilter { state: Some(State::Held), limit: u32::MAX, ..ReminderFilter::default() };
    let views = store.reminders(&filter).await.expect("the store answers");
    views.into_iter().map(|view| view.reminder.id).collect()
}

#[async_trait]
impl HoldStore for FaultyStore {
    async fn holds(&self) -> Result<Vec<(HoldCause, Channel)>, StoreError> {
        self.before().await?;
        if self.world().has(Bug::ReleaserAsleep) {
            return Ok(Vec::new());
        }
        self.inner().holds().await
    }

    async fn release(&self, cause: &HoldCause, channel: Channel, limit: u32) -> Result<usize, StoreError> {
        self.before().await?;
        let before = held(&*self.inner()).await;
        let released = self.inner().release(cause, channel, limit).await?;
        self.world().note(format!("{} releases {released} that were held: {cause}", self.0.number));
        observe(self.world(), &before).await;
        self.after().await?;
        Ok(released)
    }

    async fn release_expired(&self, limit: u32) -> Result<usize, StoreError> {
        self.before().await?;
        if self.world().has(Bug::ReleaserAsleep) {
            return Ok(0);
        }
        let before = held(&*self.inner()).await;
        let released = self.inner().release_expired(limit).await?;
        observe(self.world(), &before).await;
        self.after().await?;
        Ok(released)
    }
}

/// The worlds of the simulation have no volume guard; the operations are there all the same.
#[async_trait]
impl VolumeStore for FaultyStore {
    async fn note_volume(&self, merchant: &MerchantId, day: NaiveDate, planned: u64) -> Result<DayVolume, StoreError> {
        self.inner().note_volume(merchant, day, planned).await
    }

    async fn hold_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        reminders: &[(ReminderId, DateTime<Utc>)],
        at: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        self.inner().hold_volume(merchant, day, reminders, at).await
    }

    async fn approve_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        self.inner().approve_volume(merchant, day, by).await
    }
}
