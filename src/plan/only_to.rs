//! The addresses that alone may be written to: for a copy of a database, whose borrowers have nothing to do with a
//! test.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::domain::{Address, AddressKey, HoldCause, HoldReason};

/// A list of addresses, without which nothing leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientAllowlist(Vec<AddressKey>);

impl RecipientAllowlist {
    /// These.
    #[must_use]
    pub fn new(addresses: impl IntoIterator<Item = Address>) -> Self {
        Self(addresses.into_iter().map(AddressKey::from).collect())
    }

    /// Whether an address is among them, in any spelling.
    #[must_use]
    pub fn names(&self, address: &Address) -> bool {
        self.0.contains(&AddressKey::from(address))
    }

    /// The cause that the list is for everybody else. Its subject changes with the list, and tells nobody what is on
    /// it.
    #[must_use]
    pub fn cause(&self) -> HoldCause {
        let mut hasher = DefaultHasher::new();
        self.0.iter().map(AddressKey::reveal).collect::<BTreeSet<_>>().hash(&mut hasher);
        HoldCause::new(HoldReason::OnlyTo, format_args!("{:04x}", hasher.finish() & 0xffff))
    }
}
