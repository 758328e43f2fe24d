//! No page changes whether anything may be sent.

use async_trait::async_trait;
use chrono::DateTime;
use dueherald::domain::{Arming, Beat, DatabaseState, DisarmReason, HandoverRecord, Incarnation, ManualChange, Marks};
use dueherald::store::{IncarnationStore, StoreError};

use super::fake::FakeStore;

#[async_trait]
impl IncarnationStore for FakeStore {
    async fn database_state(&self, _: Option<Beat<'_>>) -> Result<DatabaseState, StoreError> {
        Ok(DatabaseState {
            incarnation: Incarnation::default(),
            marks: Marks::default(),
            durable: 0,
            disarm: None,
            daemons: Vec::new(),
            past_generations: Vec::new(),
            has_synchronous_standby: None,
            waits_for_disk: None,
            now: DateTime::UNIX_EPOCH,
        })
    }

    async fn disarm(&self, _: DisarmReason, _: &str) -> Result<(), StoreError> {
        unreachable!("no page disarms a database")
    }

    async fn hand_in(&self, _: &[HandoverRecord], _: Marks) -> Result<usize, StoreError> {
        unreachable!("no page hands anything in")
    }

    async fn arm(&self, _: &ManualChange, _: u8) -> Result<Arming, StoreError> {
        unreachable!("no page arms a database")
    }
}
