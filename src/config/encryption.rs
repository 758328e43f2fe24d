//! `[encryption]`: the keys that encrypt phone numbers, e-mail addresses and names in the database.

use secrecy::{ExposeSecret, SecretString};

use super::links::secret;
use super::reading::Section;
use super::value::{Value, integer};
use crate::domain::{KeyRing, KeyRingError};

/// The keys of the database.
#[derive(Debug, Clone)]
pub struct Encryption {
    /// The first one encrypts, all of them decrypt.
    pub keys: Vec<EncryptionKey>,
    /// The key of the blind index, by which the store compares addresses: it must not change for the life of the
    /// database.
    pub index_key: SecretString,
}

/// One entry of `[[encryption.keys]]`.
#[derive(Debug, Clone)]
pub struct EncryptionKey {
    /// Is part of every value that the key encrypted; a used id must never be given to another key.
    pub id: u8,
    /// The key's text.
    pub secret: SecretString,
}

impl Encryption {
    /// The keys, ready to use.
    ///
    /// # Errors
    /// When a key cannot be used.
    pub fn ring(&self) -> Result<KeyRing, KeyRingError> {
        let keys = self.keys.iter().map(|key| (key.id, key.secret.expose_secret()));
        KeyRing::new(keys, self.index_key.expose_secret())
    }
}

/// `Some(None)` where there is no such section.
pub(super) fn read(root: &mut Section<'_, '_, '_>) -> Option<Option<Encryption>> {
    let Some(mut section) = root.optional_section("encryption")? else { return Some(None) };
    let before = section.reading.count();
    let mut keys: Vec<EncryptionKey> = Vec::new();
    let entries = section.elements("keys");
    let is_absent = entries.is_empty();
    for mut entry in entries {
        let id = entry.required("id", "1", |value| id(value, &keys));
        let secret = entry.required("key", r#"{ file = "encryption.key" }"#, secret);
        entry.finish();
        keys.extend(id.zip(secret).map(|(id, secret)| EncryptionKey { id, secret }));
    }
    if is_absent && section.reading.count() == before {
        let text = r#"is missing; write [[encryption.keys]] with id = 1 and key = { file = "encryption.key" }"#;
        section.reading.note_at(&section.key("keys"), text);
    }
    let index_key = section.required("index_key", r#"{ file = "index.key" }"#, secret);
    section.finish();
    let index_key = index_key?;
    (!keys.is_empty()).then_some(Some(Encryption { keys, index_key }))
}

fn id(value: &Value<'_>, taken: &[EncryptionKey]) -> Result<u8, String> {
    let id = integer(value, 0..=u8::MAX)?;
    if taken.iter().any(|key| key.id == id) {
        return Err("is the id of another key already; choose another".into());
    }
    Ok(id)
}
