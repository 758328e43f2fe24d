//! No page knows of holds.

use async_trait::async_trait;
use dueherald::domain::{Channel, HoldCause};
use dueherald::store::{HoldStore, StoreError};

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
