//! Contact preferences.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{PreferencesRecord, StoreError};
use crate::domain::{BorrowerKey, ManualPreferences};

/// Contact preferences that people enter by hand.
#[async_trait]
pub trait PreferenceStore: Debug + Send + Sync {
    /// Applies preferences that a person entered to a borrower, and records the person. `false`, and nothing is
    /// recorded, if the ledger does not know the borrower.
    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError>;

    /// The preferences that people entered for a borrower, oldest first.
    async fn preferences(&self, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError>;
}
