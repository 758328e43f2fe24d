//! Reminders as they are read, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::{Channel, Event, EventKind, MessageFault, ReminderId};
use crate::store::{QueueCounts, ReminderFilter, ReminderStore, ReminderView, SentMessage, StoreError};

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

    async fn messages(&self, reminder: ReminderId) -> Result<Vec<SentMessage>, StoreError> {
        let tables = self.tables();
        let sent = |event: &Event| {
            let kept = tables.outbox.messages.get(&(reminder, event.attempt));
            let message = kept.map_or(Err(MessageFault::NotKept), |record| {
                let form = record.form().and_then(|hash| tables.forms.get(&hash));
                record.open(form.map(|form| form.text()))
            });
            let Event { attempt, at, kind, gateway, .. } = event.clone();
            SentMessage { attempt, at, kind, gateway, message }
        };
        let left = |event: &&Event| {
            use EventKind::{Accepted, Delivered, Undelivered, Unknown};
            matches!(event.kind, Accepted | Delivered | Undelivered | Unknown)
        };
        Ok(SentMessage::by_attempt(tables.outbox.events(reminder).iter().filter(left).map(sent).collect()))
    }
}
