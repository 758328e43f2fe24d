//! How staff find a borrower.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Borrower, EmailAddress, MerchantId, NameKey, Phone, PhoneTail};

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
    /// The phone number that messages go to.
    pub phone: Option<Phone>,
    /// The e-mail address, however its capitals are written.
    pub email: Option<EmailAddress>,
    /// The most that are given.
    pub limit: u32,
}

impl BorrowerSearch {
    /// A search for nobody yet.
    #[must_use]
    pub fn of(merchant: MerchantId, limit: u32) -> Self {
        Self { merchant, name: None, phone_tail: None, phone: None, email: None, limit }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.name.is_none() && self.phone_tail.is_none() && self.phone.is_none() && self.email.is_none()
    }
}
