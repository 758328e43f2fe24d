//! Search of borrowers: daemons do not search.

use async_trait::async_trait;
use dueherald::domain::Borrower;
use dueherald::store::{BorrowerSearch, SearchStore, StoreError};

use crate::store::FaultyStore;

#[async_trait]
impl SearchStore for FaultyStore {
    async fn find_borrowers(&self, search: &BorrowerSearch) -> Result<Vec<Borrower>, StoreError> {
        self.inner().find_borrowers(search).await
    }
}
