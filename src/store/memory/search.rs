//! Search of borrowers in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::{Borrower, PersonName, PhoneTail};
use crate::store::{BorrowerSearch, SearchStore, StoreError};

#[async_trait]
impl SearchStore for MemoryStore {
    async fn find_borrowers(&self, search: &BorrowerSearch) -> Result<Vec<Borrower>, StoreError> {
        let BorrowerSearch { merchant, name, phone_tail, limit } = search;
        if name.is_none() && phone_tail.is_none() {
            return Ok(Vec::new());
        }
        let matches = |borrower: &&Borrower| {
            borrower.key.merchant == *merchant
                && (name.is_none() || borrower.name.as_ref().and_then(PersonName::key) == *name)
                && (phone_tail.is_none() || borrower.phone.as_ref().map(PhoneTail::from) == *phone_tail)
        };
        let tables = self.tables();
        Ok(tables.ledger.borrowers().values().filter(matches).take(*limit as usize).cloned().collect())
    }
}
