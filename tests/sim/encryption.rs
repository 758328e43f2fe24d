//! Encryption as one daemon sees it: the stores of the simulation have no keys.

use async_trait::async_trait;
use dueherald::domain::BorrowerKey;
use dueherald::store::{EncryptionStore, Protection, ReencryptionStep, StoreError};

use crate::store::FaultyStore;

#[async_trait]
impl EncryptionStore for FaultyStore {
    async fn renew_encryption(&self, after: Option<&BorrowerKey>) -> Result<ReencryptionStep, StoreError> {
        self.inner().renew_encryption(after).await
    }

    async fn protection(&self) -> Result<Protection, StoreError> {
        self.inner().protection().await
    }
}
