//! Memory is not encrypted.

use std::sync::Arc;

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::{BorrowerKey, KeyRing};
use crate::store::{EncryptionStore, Protection, ReencryptionStep, StoreError};

impl MemoryStore {
    /// The same store with a key ring: it hashes verifiers.
    #[must_use]
    pub fn encrypted_with(self, ring: Arc<KeyRing>) -> Self {
        self.tables().ledger.ring = Some(ring);
        self
    }
}

#[async_trait]
impl EncryptionStore for MemoryStore {
    async fn renew_encryption(&self, _: Option<&BorrowerKey>) -> Result<ReencryptionStep, StoreError> {
        Ok(ReencryptionStep::default())
    }

    async fn protection(&self) -> Result<Protection, StoreError> {
        let (borrowers, without_verifier) = self.tables().ledger.count_verifiers();
        Ok(Protection { borrowers, without_verifier, ..Protection::default() })
    }
}
