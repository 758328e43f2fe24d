//! No page knows of encryption.

use async_trait::async_trait;
use dueherald::domain::BorrowerKey;
use dueherald::store::{EncryptionStore, Protection, ReencryptionStep, StoreError};

use super::fake::FakeStore;

#[async_trait]
impl EncryptionStore for FakeStore {
    async fn renew_encryption(&self, _: Option<&BorrowerKey>) -> Result<ReencryptionStep, StoreError> {
        unreachable!("no page changes keys")
    }

    async fn protection(&self) -> Result<Protection, StoreError> {
        unreachable!("no page asks how data is kept")
    }
}
