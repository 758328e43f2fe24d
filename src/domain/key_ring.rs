//! The keys that encrypt personal data at rest, and the keyed hashes by which encrypted values are compared.
//!
//! A value is sealed with AES-256-SIV (RFC 5297) under the first key and bound to its place (table, row): moved to
//! another row it does not open. Sealing is deterministic, so a row that did not change is not written again; two rows
//! never share a place, so equal values in two rows look unrelated. Equality is asked of a keyed hash, the blind index,
//! whose key stays the same for the life of a database.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aes_siv::KeyInit as _;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::message_key::MessageKey;
use super::{BorrowerKey, MerchantId, NameKey, PhoneTail, ReminderId, Verifier, VerifierHash};

/// The least length of a secret, in bytes.
pub const MIN_KEY_BYTES: usize = 32;

/// Separates these keys from all others that may be made of the same secret.
const DERIVATION: &[u8] = b"dueherald encryption at rest, AES-256-SIV, 1";
const INDEX_DERIVATION: &[u8] = b"dueherald blind index, HMAC-SHA-256, 1";

/// The first character of every blind index: no phone number and no e-mail address begins with it.
pub const BLIND_MARK: char = ':';

/// How much of the hash is kept: two of 2^32 addresses agree by chance once in 2^64 databases.
const BLIND_BYTES: usize = 16;

/// Why keys cannot be used. Holds no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// No key was given.
    #[error("there is no key; give one at least")]
    Empty,
    /// A secret is too short.
    #[error("key {0} is shorter than {MIN_KEY_BYTES} bytes; make one with `openssl rand -hex 32`")]
    Short(u8),
    /// The secret of the blind index is too short.
    #[error("the index key is shorter than {MIN_KEY_BYTES} bytes; make one with `openssl rand -hex 32`")]
    ShortIndex,
    /// Two keys have the same id.
    #[error("key {0} is given twice; give each key an id of its own")]
    Twice(u8),
}

/// The keys of a database.
#[derive(Clone)]
pub struct KeyRing {
    /// The first one seals, all open.
    keys: Vec<RingKey>,
    /// A keyed hash that has seen nothing yet.
    index: Hmac<Sha256>,
}

#[derive(Clone)]
struct RingKey {
    id: u8,
    /// Made once, since expanding a key costs as much as sealing a name. It takes turns, which are shorter than a
    /// microsecond.
    cipher: Arc<Mutex<Aes256Siv>>,
    /// Seals messages while this key is the first.
    messages: MessageKey,
}

impl KeyRing {
    /// Takes keys as (id, secret) and the secret of the blind index. The first key seals, all of them open. To rotate,
    /// add a new key with a new id on every machine, then put it first, and take the old one away when nothing is
    /// sealed under it any more.
    ///
    /// # Errors
    /// No key, a secret shorter than [`MIN_KEY_BYTES`], an id that occurs twice.
    pub fn new<S: AsRef<[u8]>>(
        keys: impl IntoIterator<Item = (u8, S)>,
        index: impl AsRef<[u8]>,
    ) -> Result<Self, KeyRingError> {
        let mut ring: Vec<RingKey> = Vec::new();
        for (id, secret) in keys {
            let secret = secret.as_ref();
            if secret.len() < MIN_KEY_BYTES {
                return Err(KeyRingError::Short(id));
            }
            if ring.iter().any(|key| key.id == id) {
                return Err(KeyRingError::Twice(id));
            }
            let key: [u8; 64] = Sha512::new().chain_update(DERIVATION).chain_update(secret).finalize().into();
            let messages = MessageKey::derive(secret);
            ring.push(RingKey { id, cipher: Arc::new(Mutex::new(Aes256Siv::new(&key.into()))), messages });
        }
        if ring.is_empty() {
            return Err(KeyRingError::Empty);
        }
        if index.as_ref().len() < MIN_KEY_BYTES {
            return Err(KeyRingError::ShortIndex);
        }
        let index = Sha256::new().chain_update(INDEX_DERIVATION).chain_update(index.as_ref()).finalize();
        let index = Hmac::<Sha256>::new_from_slice(&index).expect("HMAC takes a key of any length");
        Ok(Self { keys: ring, index })
    }

    /// Seals a text for its place. The result is ASCII: the key's id, a full stop, base64url.
    #[must_use]
    pub fn seal(&self, place: &[&str], text: &str) -> String {
        // `new` refuses an empty list.
        let key = &self.keys[0];
        let sealed = key
            .cipher()
            .encrypt(place.iter().map(|part| part.as_bytes()), text.as_bytes())
            .expect("AES-SIV refuses only more than 126 headers or buffers that cannot grow");
        let mut written = format!("{}.", key.id);
        URL_SAFE_NO_PAD.encode_string(sealed, &mut written);
        written
    }

    /// Opens what was sealed for that place; `None` if no key of the ring opens it.
    #[must_use]
    pub fn open(&self, place: &[&str], sealed: &str) -> Option<String> {
        let (id, text) = sealed.split_once('.')?;
        let id: u8 = id.parse().ok()?;
        let key = self.keys.iter().find(|key| key.id == id)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = key.cipher().decrypt(place.iter().map(|part| part.as_bytes()), &bytes).ok()?;
        String::from_utf8(opened).ok()
    }

    /// Seals the record of a message for its attempt, under the first key's own [`MessageKey`]. Gives that key's id.
    #[must_use]
    pub fn seal_message(&self, reminder: ReminderId, attempt: u32, record: &[u8]) -> (u8, Vec<u8>) {
        let key = &self.keys[0];
        (key.id, key.messages.seal(reminder, attempt, record))
    }

    /// Seals the personal values of an entry of the audit log, under the same key as messages: they are not written
    /// again either. Gives that key's id.
    #[must_use]
    pub fn seal_audit(&self, number: i64, text: &str) -> (u8, Vec<u8>) {
        let key = &self.keys[0];
        (key.id, key.messages.seal_audit(number, text))
    }

    /// Opens messages that were sealed while that key was the first; `None` if it is not in the ring.
    #[must_use]
    pub fn message_key(&self, id: u8) -> Option<&MessageKey> {
        self.keys.iter().find(|key| key.id == id).map(|key| &key.messages)
    }

    /// The [`MessageKey`] of each key, sealed under the first one: kept so, messages can be read when their key has
    /// been taken away.
    pub fn sealed_message_keys(&self) -> impl Iterator<Item = (u8, String)> {
        self.keys.iter().map(|key| (key.id, self.seal_message_key(key.id, &key.messages)))
    }

    /// Seals a [`MessageKey`] under the first key.
    #[must_use]
    pub fn seal_message_key(&self, id: u8, key: &MessageKey) -> String {
        self.seal(&["message_key", &id.to_string()], &key.to_text())
    }

    /// Opens what [`KeyRing::seal_message_key`] sealed.
    #[must_use]
    pub fn open_message_key(&self, id: u8, sealed: &str) -> Option<MessageKey> {
        MessageKey::from_text(&self.open(&["message_key", &id.to_string()], sealed)?)
    }

    /// Compares the ring with what was kept of the [`MessageKey`] of a key: the id of the key whose secret is another
    /// one now. A key that the ring does not have cannot be compared.
    #[must_use]
    pub fn changed_key(&self, id: u8, sealed: &str) -> Option<u8> {
        let sealer: u8 = sealed.split_once('.')?.0.parse().ok()?;
        self.message_key(sealer)?;
        match self.open_message_key(id, sealed) {
            None => Some(sealer),
            Some(kept) => self.message_key(id).filter(|own| !own.is_same(&kept)).map(|_| id),
        }
    }

    /// The prefix of every text that is sealed under the first key.
    #[must_use]
    pub fn current_prefix(&self) -> String {
        format!("{}.", self.keys[0].id)
    }

    /// The blind index of an address as addresses are compared: [`BLIND_MARK`] and 22 characters of base64url, the same
    /// for the same address whatever key seals.
    #[must_use]
    pub fn blind_address(&self, address: &str) -> String {
        self.blind("address", &[address])
    }

    /// The blind index of a name as names are searched. The merchant is part of it: nobody sees that two merchants have
    /// a borrower of one name.
    #[must_use]
    pub fn blind_name(&self, merchant: &MerchantId, name: &NameKey) -> String {
        self.blind("name", &[merchant.as_str(), name.reveal()])
    }

    /// The blind index of the last four digits of a phone number, at one merchant.
    #[must_use]
    pub fn blind_phone_tail(&self, merchant: &MerchantId, tail: &PhoneTail) -> String {
        self.blind("phone tail", &[merchant.as_str(), tail.reveal()])
    }

    /// The keyed hash of what a borrower is asked for. The borrower is part of it: the same birthday of two people
    /// looks unrelated.
    #[must_use]
    pub fn hash_verifier(&self, borrower: &BorrowerKey, verifier: &Verifier) -> VerifierHash {
        let hash = self.blind("verifier", &[borrower.merchant.as_str(), borrower.id.as_str(), verifier.reveal()]);
        VerifierHash::new(verifier.kind(), &hash)
    }

    /// Whether an answer is the one that the hash was made of, in constant time.
    #[must_use]
    pub fn verifies(&self, borrower: &BorrowerKey, answer: &Verifier, known: &VerifierHash) -> bool {
        let answer = self.hash_verifier(borrower, answer);
        answer.as_text().as_bytes().ct_eq(known.as_text().as_bytes()).into()
    }

    /// Identifies the index key without revealing it. The database stores this value, so that a wrong key is refused
    /// before it hides a suppression.
    #[must_use]
    pub fn index_check(&self) -> String {
        self.blind("check", &[])
    }

    fn blind(&self, purpose: &str, parts: &[&str]) -> String {
        let mut mac = self.index.clone();
        for part in [purpose].iter().chain(parts) {
            mac.update(part.as_bytes());
            // No part holds a NUL.
            mac.update(&[0]);
        }
        let hash = mac.finalize().into_bytes();
        let mut written = String::from(BLIND_MARK);
        URL_SAFE_NO_PAD.encode_string(&hash[..BLIND_BYTES], &mut written);
        written
    }
}

impl RingKey {
    fn cipher(&self) -> MutexGuard<'_, Aes256Siv> {
        // It holds nothing from one use to the next, so it is whole whoever panicked.
        self.cipher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{KeyRing, KeyRingError};
    use crate::domain::{BorrowerKey, Verifier};

    const PLACE: [&str; 3] = ["borrower", "mall", "b1"];

    fn ring(ids: &[u8]) -> KeyRing {
        KeyRing::new(ids.iter().map(|id| (*id, [*id ^ 0x5a; 32])), [7; 32]).expect("32 bytes each")
    }

    fn borrower(id: &str) -> BorrowerKey {
        BorrowerKey { merchant: "mall".parse().expect("a merchant"), id: id.parse().expect("a borrower") }
    }

    #[test]
    fn a_sealed_text_opens_in_its_place_only() {
        let ring = ring(&[1]);
        for text in ["", "+8613800138000", "李伟", "a\"b\\c"] {
            let sealed = ring.seal(&PLACE, text);
            assert!(sealed.starts_with("1.") && sealed.is_ascii(), "{sealed}");
            assert_eq!(ring.open(&PLACE, &sealed).as_deref(), Some(text));
            assert_eq!(ring.seal(&PLACE, text), sealed, "what did not change is not written again");
            assert_eq!(ring.open(&["borrower", "mall", "b2"], &sealed), None, "another row");
            assert_eq!(
                ring.open(&["borrower", "mallb1", ""], &sealed),
                None,
                "the parts of a place do not run together"
            );
        }
        assert_ne!(ring.seal(&PLACE, "x"), ring.seal(&["borrower", "mall", "b2"], "x"));
        for garble in ["", ".", "1.", "1.A", "x.AAAA", "999.AAAA", "+8613800138000"] {
            assert_eq!(ring.open(&PLACE, garble), None, "{garble}");
        }
    }

    #[test]
    fn what_was_sealed_by_this_version_opens_in_every_later_one() {
        let ring = ring(&[7]);
        assert_eq!(ring.seal(&PLACE, "+8613800138000"), "7.PdcfCAdFPK41w9Sse8A575uVVzIWwhRiFDKGcF73");
        assert_eq!(ring.blind_address("+8613800138000"), ":KfJcu8o0iPOZTcfhZ7jMig");
    }

    #[test]
    fn after_a_rotation_the_old_key_opens_until_it_is_gone_and_hashes_stay() {
        let old = ring(&[1]).seal(&PLACE, "x");
        let both = ring(&[2, 1]);
        assert_eq!(both.open(&PLACE, &old).as_deref(), Some("x"));
        assert!(!old.starts_with(&both.current_prefix()) && both.seal(&PLACE, "x").starts_with(&both.current_prefix()));
        assert_eq!(ring(&[2]).open(&PLACE, &old), None);
        assert_eq!(both.blind_address("a@b.example"), ring(&[1]).blind_address("a@b.example"));
        let other = KeyRing::new([(1, [9; 32])], [8; 32]).expect("32 bytes each");
        assert_ne!(other.index_check(), both.index_check());
        assert_ne!(other.blind_address("a@b.example"), both.blind_address("a@b.example"));
    }

    #[test]
    fn no_two_addresses_have_one_hash_and_none_looks_like_an_address() {
        let ring = ring(&[1]);
        let mut hashes = HashSet::new();
        for number in 0..10_000 {
            let hash = ring.blind_address(&format!("+86138{number:08}"));
            assert!(hash.len() == 23 && hash.starts_with(':') && !hash.contains('@'), "{hash}");
            assert!(hashes.insert(hash), "two numbers have one hash");
        }
    }

    #[test]
    fn an_answer_counts_for_its_borrower_and_its_question() {
        let ring = ring(&[1]);
        let digits = Verifier::read("440301199003120312").expect("an ID");
        let birthday = Verifier::read("1990-03-12").expect("a birthday");
        let known = ring.hash_verifier(&borrower("b1"), &digits);
        assert!(ring.verifies(&borrower("b1"), &digits, &known));
        assert!(!ring.verifies(&borrower("b2"), &digits, &known), "another borrower");
        assert!(!ring.verifies(&borrower("b1"), &birthday, &known), "another question with the same digits");
        assert_ne!(ring.hash_verifier(&borrower("b2"), &digits).as_text(), known.as_text());
        assert!(!known.as_text().contains("0312"), "{known:?}");
    }

    #[test]
    fn keys_are_checked_and_not_shown() {
        let none: [(u8, &[u8]); 0] = [];
        assert_eq!(KeyRing::new(none, [0; 32]).err(), Some(KeyRingError::Empty));
        assert_eq!(KeyRing::new([(3, [0_u8; 31])], [0; 32]).err(), Some(KeyRingError::Short(3)));
        assert_eq!(KeyRing::new([(3, [0_u8; 32])], [0; 31]).err(), Some(KeyRingError::ShortIndex));
        assert_eq!(KeyRing::new([(3, [0_u8; 32]), (3, [1; 32])], [0; 32]).err(), Some(KeyRingError::Twice(3)));
        assert_eq!(format!("{:?}", ring(&[2, 1])), "[2, 1]");
    }
}
