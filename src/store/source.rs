//! Sources of the ledger.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::SourceState;

/// How far each source of the ledger has been read.
#[async_trait]
pub trait SourceStore: Debug + Send + Sync {
    /// Keeps how far a source has been read, and adds the merchants that it names. What is `None`, or earlier than what
    /// is known, changes nothing.
    async fn note_source(&self, state: &SourceState) -> Result<(), StoreError>;

    /// How far each source has been read that ever was, by name.
    async fn sources(&self) -> Result<Vec<SourceState>, StoreError>;
}
