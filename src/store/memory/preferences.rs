//! Contact preferences, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::{BorrowerKey, ManualPreferences};
use crate::store::audit_entries;
use crate::store::{PreferenceStore, PreferencesRecord, StoreError};

#[async_trait]
impl PreferenceStore for MemoryStore {
    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError> {
        let mut tables = self.tables();
        let Some(before) = tables.ledger.set_preferences(said, self.clock.now()) else { return Ok(false) };
        tables.note(self.origin.as_ref(), &[audit_entries::preferences(said, &before)]);
        Ok(true)
    }

    async fn preferences(&self, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError> {
        let tables = self.tables();
        let theirs = tables.ledger.preferences.iter().filter(|said| said.borrower == *borrower);
        Ok(theirs.map(PreferencesRecord::from).collect())
    }
}
