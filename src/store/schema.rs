//! The schema.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;

/// The schema of the database.
#[async_trait]
pub trait SchemaStore: Debug + Send + Sync {
    /// Brings the schema to this version's, and encrypts personal data if the store has keys and the database is not
    /// encrypted. Gives the number of migrations that were applied, 0 if there was nothing to do.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`], [`StoreError::Migrate`] or [`StoreError::Database`].
    async fn migrate(&self) -> Result<usize, StoreError>;

    /// Whether the database answers and has this version's schema.
    ///
    /// # Errors
    /// [`StoreError::NotMigrated`], [`StoreError::NewerSchema`] or [`StoreError::Database`].
    async fn ready(&self) -> Result<(), StoreError>;
}
