//! How personal data is kept: as it is, or sealed under the keys of `[encryption]`.
//!
//! In an encrypted database a column that is compared holds the blind index of its value on both sides of every
//! comparison, and the value itself is sealed in another column of the row.

use std::sync::Arc;

use super::borrower::read;
use crate::domain::{
    Borrower, BorrowerKey, KeyRing, MerchantId, MessageRecord, NameKey, PersonName, PhoneTail, ReminderId,
};
use crate::store::StoreError;

/// An address as it is compared in the database.
pub(in crate::store) fn compared(ring: Option<&KeyRing>, address: &str) -> String {
    ring.map_or_else(|| address.to_owned(), |ring| ring.blind_address(address))
}

/// A name as names are compared in the database.
pub(in crate::store) fn compared_name(ring: Option<&KeyRing>, merchant: &MerchantId, name: &NameKey) -> String {
    ring.map_or_else(|| name.reveal().to_owned(), |ring| ring.blind_name(merchant, name))
}

/// The end of a phone number as it is compared in the database.
pub(in crate::store) fn compared_phone_tail(ring: Option<&KeyRing>, merchant: &MerchantId, tail: &PhoneTail) -> String {
    ring.map_or_else(|| tail.reveal().to_owned(), |ring| ring.blind_phone_tail(merchant, tail))
}

/// An address that is kept with its blind index.
pub(in crate::store) fn sealed_address(ring: Option<&KeyRing>, address: &str) -> Option<String> {
    ring.map(|ring| ring.seal(&["address", &ring.blind_address(address)], address))
}

/// The address of a row that holds it in `column`, or its blind index there and the address in `sealed`.
pub(in crate::store) fn open_address(
    ring: Option<&KeyRing>,
    address: String,
    sealed: Option<String>,
    column: &'static str,
) -> Result<String, StoreError> {
    let Some(sealed) = sealed else { return Ok(address) };
    open(ring, &["address", &address], &sealed, column)
}

/// The columns in which a database keeps a borrower's personal data.
#[derive(Default)]
pub(in crate::store) struct PersonalColumns {
    pub(in crate::store) name: Option<String>,
    /// As it is compared.
    pub(in crate::store) phone: Option<String>,
    pub(in crate::store) email: Option<String>,
    /// As it is compared.
    pub(in crate::store) email_key: Option<String>,
    pub(in crate::store) account_phone: Option<String>,
    pub(in crate::store) sealed: Option<String>,
    /// As it is searched.
    pub(in crate::store) name_key: Option<String>,
    /// As it is searched.
    pub(in crate::store) phone_tail: Option<String>,
}

/// Name, phone number, e-mail address and linked phone number, in the clear.
pub(in crate::store) type PersonalData = [Option<String>; 4];

impl PersonalColumns {
    pub(in crate::store) fn of(borrower: &Borrower, ring: Option<&KeyRing>) -> Self {
        let merchant = &borrower.key.merchant;
        let name_key = borrower.name.as_ref().and_then(PersonName::key);
        let name_key = name_key.map(|name| compared_name(ring, merchant, &name));
        let phone_tail = borrower.phone.as_ref().map(PhoneTail::from);
        let phone_tail = phone_tail.map(|tail| compared_phone_tail(ring, merchant, &tail));
        let name = borrower.name.as_ref().map(|name| name.as_str());
        let phone = borrower.phone.as_ref().map(|phone| phone.as_e164());
        let email = borrower.email.as_ref().map(|email| email.as_str());
        let account_phone = borrower.account_phone.as_ref().map(|phone| phone.as_e164());
        let email_key = borrower.email.as_ref().map(|email| compared(ring, email.normalized().as_str()));
        let Some(ring) = ring else {
            let [name, phone, email, account_phone] =
                [name, phone, email, account_phone].map(|text| text.map(str::to_owned));
            return Self { name, phone, email, email_key, account_phone, sealed: None, name_key, phone_tail };
        };
        // Texts and nulls always make JSON.
        let text = serde_json::to_string(&[name, phone, email, account_phone]).unwrap_or_default();
        let sealed = Some(ring.seal(&place(&borrower.key), &text));
        let phone = phone.map(|phone| ring.blind_address(phone));
        Self { phone, email_key, sealed, name_key, phone_tail, ..Self::default() }
    }
}

/// Opens [`PersonalColumns::sealed`].
pub(in crate::store) fn open_personal(
    ring: Option<&KeyRing>,
    key: &BorrowerKey,
    sealed: &str,
) -> Result<PersonalData, StoreError> {
    const COLUMN: &str = "borrower.sealed";
    read(&open(ring, &place(key), sealed, COLUMN)?, COLUMN, |text| serde_json::from_str(text))
}

fn place(key: &BorrowerKey) -> [&str; 3] {
    ["borrower", key.merchant.as_str(), key.id.as_str()]
}

/// The cells of a rejected record, which its columns `[installment, merchant, source]` stand beside.
pub(in crate::store) fn sealed_cells(ring: Option<&KeyRing>, columns: [&str; 3], cells: String) -> String {
    ring.map_or_else(|| cells.clone(), |ring| ring.seal(&cells_place(columns), &cells))
}

/// The digest of a record that has no key: whoever knows all cells but one must not find that one by trying.
pub(in crate::store) fn kept_digest(ring: Option<&KeyRing>, digest: &str) -> String {
    match ring {
        Some(ring) if !digest.is_empty() => ring.blind_address(digest),
        _ => digest.to_owned(),
    }
}

/// Opens [`sealed_cells`], or gives them as they are: JSON begins with a brace.
pub(in crate::store) fn open_cells(
    ring: Option<&KeyRing>,
    columns: [&str; 3],
    cells: String,
) -> Result<String, StoreError> {
    if cells.starts_with('{') {
        return Ok(cells);
    }
    open(ring, &cells_place(columns), &cells, "reject.cells")
}

/// The body of a delivery, beside its columns `[source, digest]`.
pub(in crate::store) fn sealed_delivery(ring: Option<&KeyRing>, [source, digest]: [&str; 2], body: &str) -> String {
    ring.map_or_else(|| body.to_owned(), |ring| ring.seal(&["delivery", source, digest], body))
}

/// Opens [`sealed_delivery`], or gives it as it is: an object or an array begins with a brace or a bracket.
pub(in crate::store) fn open_delivery(
    ring: Option<&KeyRing>,
    [source, digest]: [&str; 2],
    body: String,
) -> Result<String, StoreError> {
    if body.starts_with(['{', '[']) {
        return Ok(body);
    }
    open(ring, &["delivery", source, digest], &body, "delivery.body")
}

fn cells_place([installment, merchant, source]: [&str; 3]) -> [&str; 4] {
    ["reject", installment, merchant, source]
}

/// The first byte of a message that is sealed; the record of one that is not begins with another.
const SEALED_MESSAGE: u8 = 2;

/// A message as the database keeps it: its record, or this byte, the key's id and the sealed record.
pub(in crate::store) fn kept_message(
    ring: Option<&KeyRing>,
    reminder: ReminderId,
    attempt: u32,
    message: &MessageRecord,
) -> Arc<[u8]> {
    let record = message.bytes();
    let Some(ring) = ring else { return record };
    let (id, sealed) = ring.seal_message(reminder, attempt, &record);
    [&[SEALED_MESSAGE, id], &*sealed].concat().into()
}

/// A message from the database.
pub(in crate::store) enum KeptMessage {
    Plain(MessageRecord),
    Sealed { key: u8, sealed: Vec<u8> },
}

impl KeptMessage {
    pub(in crate::store) fn read(kept: Vec<u8>) -> Self {
        match &kept[..] {
            [SEALED_MESSAGE, key, sealed @ ..] => Self::Sealed { key: *key, sealed: sealed.to_vec() },
            _ => Self::Plain(MessageRecord::stored(kept)),
        }
    }
}

fn open(ring: Option<&KeyRing>, place: &[&str], sealed: &str, column: &'static str) -> Result<String, StoreError> {
    ring.and_then(|ring| ring.open(place, sealed)).ok_or(StoreError::Sealed { column })
}
