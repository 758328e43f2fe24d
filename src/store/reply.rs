//! Replies.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{ReplyFilter, ReplyReading, ReplyRecord, StoreError};

/// Replies of borrowers.
#[async_trait]
pub trait ReplyStore: Debug + Send + Sync {
    /// What people answered, newest first.
    async fn replies(&self, filter: &ReplyFilter) -> Result<Vec<ReplyRecord>, StoreError>;

    /// Records that a person has read an answer that waited for it, and releases what it held. Gives the answer; `None`
    /// if none of that number waits.
    async fn read_reply(&self, reading: &ReplyReading) -> Result<Option<ReplyRecord>, StoreError>;
}
