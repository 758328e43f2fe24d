//! Replies.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{ReplyFilter, ReplyReading, ReplyRecord, StoreError};

/// Replies of borrowers.
#[async_trait]
pub trait ReplyStore: Debug + Send + Sync {
    /// Replies of people, newest first.
    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError>;

    /// Records that a person has read a reply that waited for it, and releases the messages it held. Returns the
    /// reply; `None` if no reply of that number waits.
    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError>;
}
