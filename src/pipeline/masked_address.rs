//! Addresses in lists: no more than staff need to recognise one.

use crate::domain::{Address, EmailAddress, Phone};

/// An address by which staff who know it can tell it, and nobody else can use it.
#[must_use]
pub fn masked_address(address: &Address) -> String {
    match address {
        Address::Phone(phone) => format!("…{}", phone.tail()),
        Address::Email(email) => {
            let (local, domain) = email.as_str().rsplit_once('@').unwrap_or_default();
            format!("{}…@{domain}", local.chars().next().unwrap_or('…'))
        }
    }
}

/// The same of an address that was kept as a text; hides one that cannot be read altogether.
#[must_use]
pub fn masked_address_text(text: &str) -> String {
    let phone = || Phone::new(text).ok().map(Address::Phone);
    let email = || EmailAddress::stored(text).ok().map(Address::Email);
    phone().or_else(email).map_or_else(|| "…".to_owned(), |address| masked_address(&address))
}
