//! Search of borrowers in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::domain::{Borrower, EmailAddress, PersonName, PhoneTail};
use crate::store::{BorrowerSearch, SearchStore, StoreError};

#[async_trait]
impl SearchStore for MemoryStore {
    async fn find_borrowers(&self, search: &BorrowerSearch) -> Result<Vec<Borrower>, StoreError> {
        if search.is_empty() {
            return Ok(Vec::new());
        }
        let BorrowerSearch { merchant, name, phone_tail, phone, email, limit } = search;
        let email = email.as_ref().map(EmailAddress::normalized);
        let matches = |borrower: &&Borrower| {
            borrower.key.merchant == *merchant
                && (name.is_none() || borrower.name.as_ref().and_then(PersonName::key) == *name)
                && (phone_tail.is_none() || borrower.phone.as_ref().map(PhoneTail::from) == *phone_tail)
                && (phone.is_none() || borrower.phone == *phone)
                && (email.is_none() || borrower.email.as_ref().map(EmailAddress::normalized) == email)
        };
        let tables = self.tables();
        Ok(tables.ledger.borrowers().values().filter(matches).take(*limit as usize).cloned().collect())
    }
}
