//! Addresses in lists: no more than staff need to recognise one.

use crate::domain::Address;

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
