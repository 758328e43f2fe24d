//! How staff find a borrower.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Borrower, MerchantId, NameKey, PhoneTail};

/// Search of borrowers. The part of [`Store`](super::Store) that is about it.
#[async_trait]
pub trait SearchStore {
    /// The borrowers that match all that is asked for, ordered by their number; at most `search.limit`. An encrypted
    /// database compares keyed hashes, so a name matches as a whole or not at all. Nobody where nothing is asked for.
    async fn find_borrowers(&self, search: &BorrowerSearch) -> Result<Vec<Borrower>, StoreError>;
}

/// Which borrowers are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BorrowerSearch {
    /// The merchant whose borrowers are searched.
    pub merchant: MerchantId,
    /// The whole name.
    pub name: Option<NameKey>,
    /// The last four digits of the phone number that messages go to.
    pub phone_tail: Option<PhoneTail>,
    /// The most that are given.
    pub limit: u32,
}
