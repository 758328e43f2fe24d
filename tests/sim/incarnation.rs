//! The incarnation as one daemon sees it.

use async_trait::async_trait;
use dueherald::domain::{Arming, Beat, DatabaseState, DisarmReason, HandoverRecord, ManualChange, Marks};
use dueherald::store::{IncarnationStore, StoreError};

use crate::faults::Bug;
use crate::observation::observe_doubt;
use crate::store::FaultyStore;

#[async_trait]
impl IncarnationStore for FaultyStore {
    async fn database_state(&self, beat: Option<Beat<'_>>) -> Result<DatabaseState, StoreError> {
        self.before().await?;
        let state = self.inner().database_state(beat).await?;
        self.after().await?;
        Ok(state)
    }

    async fn disarm(&self, reason: DisarmReason, daemon: &str) -> Result<(), StoreError> {
        self.before().await?;
        self.inner().disarm(reason, daemon).await?;
        self.world().note(format!("daemon {} disarms the database: {reason}", self.0.number));
        self.after().await
    }

    async fn hand_in(&self, handed_over: &[HandoverRecord], marks: Marks) -> Result<usize, StoreError> {
        self.before().await?;
        if self.world().has(Bug::HandInLost) {
            return Ok(0);
        }
        let count = self.inner().hand_in(handed_over, marks).await?;
        if count > 0 {
            self.world().note(format!("{} puts in {count} that the database did not know", self.0.number));
            observe_doubt(self.world()).await;
        }
        self.after().await?;
        Ok(count)
    }

    async fn arm(&self, by: &ManualChange, persons: u8) -> Result<Arming, StoreError> {
        self.before().await?;
        self.inner().arm(by, persons).await
    }
}
