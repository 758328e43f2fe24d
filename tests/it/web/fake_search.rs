//! No page searches borrowers.

use async_trait::async_trait;
use dueherald::domain::Borrower;
use dueherald::store::{BorrowerSearch, SearchStore, StoreError};

use super::fake::FakeStore;

#[async_trait]
impl SearchStore for FakeStore {
    async fn find_borrowers(&self, _: &BorrowerSearch) -> Result<Vec<Borrower>, StoreError> {
        unreachable!("no page searches borrowers")
    }
}
