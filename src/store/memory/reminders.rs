//! Reminders as they are read, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::{Channel, Event, ReminderId};
use crate::store::{QueueCounts, ReminderFilter, ReminderStore, ReminderView, StoreError};

#[async_trait]
impl ReminderStore for MemoryStore {
    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError> {
        let now = self.clock.now();
        let tables = self.tables();
        Ok(Channel::ALL.iter().map(|channel| tables.outbox.counts(*channel, now)).collect())
    }

    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError> {
        Ok(self.tables().outbox.list(filter))
    }

    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError> {
        Ok(self.tables().outbox.events(reminder).to_vec())
    }
}
