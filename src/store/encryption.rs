//! The store's operations for encryption at rest.

use std::fmt::Debug;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::BorrowerKey;

/// Encryption of personal data. [`SchemaStore::migrate`](super::SchemaStore::migrate) encrypts a whole database once
/// the store has a key ring.
#[async_trait]
pub trait EncryptionStore: Debug + Send + Sync {
    /// Encrypts with the first key what is encrypted with another one: some of the borrowers after `after`, and with
    /// the first of them all else. Nothing is done where nothing is encrypted.
    async fn renew_encryption(&self, after: Option<&BorrowerKey>) -> Result<ReencryptionStep, StoreError>;

    /// How personal data is kept. Reads every borrower.
    async fn protection(&self) -> Result<Protection, StoreError>;
}

/// The result of one step of a key rotation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReencryptionStep {
    /// The number of values encrypted again with the first key.
    pub written: u64,
    /// The borrower to continue after; `None` at the end.
    pub next: Option<BorrowerKey>,
}

/// How personal data is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Protection {
    /// Whether it is encrypted.
    pub is_encrypted: bool,
    /// How many borrowers there are.
    pub borrowers: u64,
    /// Those whose page has no verifier to ask for.
    pub without_verifier: u64,
    /// Those that are encrypted with a key that is not the first.
    pub under_older_keys: u64,
    /// Keys of messages that are not kept under the first key.
    pub message_keys_to_renew: u64,
}
