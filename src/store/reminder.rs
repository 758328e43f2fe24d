//! Reminders, to be read.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{QueueCounts, ReminderFilter, ReminderView, SentMessage, StoreError};
use crate::domain::{Event, ReminderId};

/// Reads reminders, their events, and how long the queue is.
#[async_trait]
pub trait ReminderStore: Debug + Send + Sync {
    /// The queue counts of each channel, by the store's clock.
    async fn queue_counts(&self) -> Result<Vec<QueueCounts>, StoreError>;

    /// Reminders that match, newest first, each with its state.
    async fn reminders(&self, filter: &ReminderFilter) -> Result<Vec<ReminderView>, StoreError>;

    /// Everything that happened to a reminder, oldest first.
    async fn events(&self, reminder: ReminderId) -> Result<Vec<Event>, StoreError>;

    /// The messages of a reminder that left or may have left, one for each attempt, exactly as they were composed. They
    /// hold personal data: for a person who asks for them.
    async fn messages(&self, reminder: ReminderId) -> Result<Vec<SentMessage>, StoreError>;
}
