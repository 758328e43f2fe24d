//! The volume guard, in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Days, NaiveDate, Utc};

use super::MemoryStore;
use crate::domain::{HoldCause, ManualChange, MerchantId, ReminderId};
use crate::plan::{DayVolume, USUAL_DAYS};
use crate::store::audit_entries;
use crate::store::{RELEASED_AT_ONCE, StoreError, VolumeStore};

/// The volume of one day.
#[derive(Debug, Default, Clone)]
struct Day {
    planned: u64,
    is_held: bool,
    approved: Option<ManualChange>,
}

/// The days of every merchant.
#[derive(Debug, Default, Clone)]
pub(super) struct Volumes(BTreeMap<(MerchantId, NaiveDate), Day>);

impl Volumes {
    fn day(&self, merchant: &MerchantId, day: NaiveDate) -> DayVolume {
        let first = day.checked_sub_days(Days::new(USUAL_DAYS)).unwrap_or(day);
        let own = || self.0.iter().filter(|((of, _), _)| of == merchant).map(|((_, day), volume)| (*day, volume));
        let usual = |(of, volume): &(NaiveDate, &Day)| {
            *of < day && *of >= first && (!volume.is_held || volume.approved.is_some())
        };
        let today = self.0.get(&(merchant.clone(), day));
        DayVolume {
            planned: today.map_or(0, |today| today.planned),
            most: own().filter(usual).map(|(_, volume)| volume.planned).max().unwrap_or_default(),
            since: own().map(|(of, _)| of).find(|of| *of < day),
            is_approved: today.is_some_and(|today| today.approved.is_some()),
        }
    }
}

#[async_trait]
impl VolumeStore for MemoryStore {
    async fn note_volume(&self, merchant: &MerchantId, day: NaiveDate, planned: u64) -> Result<DayVolume, StoreError> {
        let volumes = &mut self.tables().volumes;
        if planned > 0 {
            volumes.0.entry((merchant.clone(), day)).or_default().planned += planned;
        }
        Ok(volumes.day(merchant, day))
    }

    async fn hold_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        reminders: &[(ReminderId, DateTime<Utc>)],
        at: DateTime<Utc>,
    ) -> Result<usize, StoreError> {
        let mut tables = self.tables();
        if let Some(known) = tables.volumes.0.get_mut(&(merchant.clone(), day)) {
            known.is_held = true;
        }
        let cause = HoldCause::volume(merchant, day);
        Ok(reminders.iter().filter(|(id, _)| tables.outbox.hold_untried(*id, &cause, at)).count())
    }

    async fn approve_volume(
        &self,
        merchant: &MerchantId,
        day: NaiveDate,
        by: &ManualChange,
    ) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let mut tables = self.tables();
        let waiting = tables.volumes.0.get_mut(&(merchant.clone(), day));
        let Some(known) = waiting.filter(|known| known.is_held && known.approved.is_none()) else { return Ok(false) };
        known.approved = Some(by.clone());
        let approved = HoldCause::volume(merchant, day);
        tables.outbox.release(now, RELEASED_AT_ONCE, |cause, _, _| *cause == approved);
        tables.note(self.origin.as_ref(), &[audit_entries::approve_volume(merchant, day, by)]);
        Ok(true)
    }
}
