//! Encryption at rest.

use async_trait::async_trait;

use super::TaskStore;
use crate::domain::BorrowerKey;
use crate::store::{EncryptionStore, Protection, ReencryptionStep, StoreError};

#[async_trait]
impl EncryptionStore for TaskStore {
    async fn renew_encryption(&self, after: Option<&BorrowerKey>) -> Result<ReencryptionStep, StoreError> {
        let after = after.cloned();
        self.run(|store| async move { store.renew_encryption(after.as_ref()).await }).await
    }

    async fn protection(&self) -> Result<Protection, StoreError> {
        self.run(|store| async move { store.protection().await }).await
    }
}
