//! The store's operations for the volume guard.

use std::fmt::Debug;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::StoreError;
use crate::domain::{ManualChange, MerchantId, ReminderId};
use crate::plan::DayVolume;

/// How much scans plan for each merchant on each day.
#[async_trait]
pub trait VolumeStore: Debug + Send + Sync {
    /// Adds to what was planned for a merchant on a day, and gives that day beside the 30 before. Adding 0 only looks.
    async fn note_volume(&self, merchant: &MerchantId, day: NaiveDate, planned: u64) -> Result<DayVolume, StoreError>;

    /// Holds those of the reminders that nobody has tried yet until a person approves the day, each until its time at
    /// most. Gives how many.
    async fn hold_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        reminders: &[(ReminderId, DateTime<Utc>)],
        at: DateTime<Utc>,
    ) -> Result<usize, StoreError>;

    /// Approves a day whose volume is held, and releases what it holds, up to a bound. `false` if it is not held, or
    /// approved already.
    async fn approve_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        by: &ManualChange,
    ) -> Result<bool, StoreError>;
}
