//! Search of borrowers.

use async_trait::async_trait;

use super::TaskStore;
use crate::domain::Borrower;
use crate::store::{BorrowerSearch, SearchStore, StoreError};

#[async_trait]
impl SearchStore for TaskStore {
    async fn find_borrowers(&self, search: &BorrowerSearch) -> Result<Vec<Borrower>, StoreError> {
        let search = search.clone();
        self.run(|store| async move { store.find_borrowers(&search).await }).await
    }
}
