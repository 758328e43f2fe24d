//! Holds, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::{Channel, HoldCause};
use crate::store::{HoldStore, StoreError};

#[async_trait]
impl HoldStore for MemoryStore {
    async fn holds(&self) -> Result<Vec<(HoldCause, Channel)>, StoreError> {
        Ok(self.tables().outbox.holds())
    }

    async fn release(&self, cause: &HoldCause, channel: Channel, limit: u32) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let wanted = |own: &HoldCause, on, _: &_| own == cause && on == channel;
        Ok(self.tables().outbox.release(now, limit, wanted))
    }

    async fn release_expired(&self, limit: u32) -> Result<usize, StoreError> {
        let now = self.clock.now();
        Ok(self.tables().outbox.release(now, limit, |_, _, reminder| reminder.plan.expires_at <= now))
    }
}
