//! Whether anything may be sent from the database.

use async_trait::async_trait;

use super::TaskStore;
use crate::domain::{Arming, Beat, DatabaseState, DisarmReason, HandoverRecord, ManualChange, Marks};
use crate::store::{IncarnationStore, StoreError};

#[async_trait]
impl IncarnationStore for TaskStore {
    async fn database_state(&self, beat: Option<Beat<'_>>) -> Result<DatabaseState, StoreError> {
        let beat = beat.map(|beat| (beat.daemon.to_owned(), beat.handed_in.map(ToOwned::to_owned)));
        self.run(|store| async move {
            let beat = beat.as_ref().map(|(daemon, handed_in)| Beat { daemon, handed_in: handed_in.as_deref() });
            store.database_state(beat).await
        })
        .await
    }

    async fn disarm(&self, reason: DisarmReason, daemon: &str) -> Result<(), StoreError> {
        let daemon = daemon.to_owned();
        self.run(|store| async move { store.disarm(reason, &daemon).await }).await
    }

    async fn hand_in(&self, handed_over: &[HandoverRecord], marks: Marks) -> Result<usize, StoreError> {
        let handed_over = handed_over.to_vec();
        self.run(|store| async move { store.hand_in(&handed_over, marks).await }).await
    }

    async fn arm(&self, by: &ManualChange, persons: u8) -> Result<Arming, StoreError> {
        let by = by.clone();
        self.run(|store| async move { store.arm(&by, persons).await }).await
    }
}
