//! The incarnation as one daemon sees it. The simulation's database never goes back in time.

use async_trait::async_trait;
use dueherald::domain::{Arming, Beat, DatabaseState, DisarmReason, HandedOver, ManualChange, Marks};
use dueherald::store::{IncarnationStore, StoreError};

use crate::store::FaultyStore;

#[async_trait]
impl IncarnationStore for FaultyStore {
    async fn database_state(&self, beat: Option<Beat<'_>>) -> Result<DatabaseState, StoreError> {
        self.before().await?;
        self.inner().database_state(beat).await
    }

    async fn disarm(&self, reason: DisarmReason, daemon: &str) -> Result<(), StoreError> {
        self.before().await?;
        self.inner().disarm(reason, daemon).await
    }

    async fn hand_in(&self, handed_over: &[HandedOver], marks: Marks) -> Result<usize, StoreError> {
        self.before().await?;
        self.inner().hand_in(handed_over, marks).await
    }

    async fn arm(&self, by: &ManualChange, persons: u8) -> Result<Arming, StoreError> {
        self.before().await?;
        self.inner().arm(by, persons).await
    }
}
