//! The keys that encrypt messages at rest.
//!
//! Messages are many and never written again, so a change of keys does not encrypt them anew: each key of
//! `[encryption]` has a key for messages of its own, which stays in the database, sealed under whichever key is the
//! first. The first key therefore reads every message, and an older key can be taken away.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha512};
use subtle::ConstantTimeEq;

use super::ReminderId;

/// Separates these keys from all others that may be made of the same secret.
const DERIVATION: &[u8] = b"dueherald messages at rest, AES-256-SIV, 1";

/// A key that seals messages, each for its reminder and attempt: in another row it does not open.
#[derive(Clone)]
pub struct MessageKey {
    key: [u8; 64],
    /// Made once, as expanding a key costs as much as sealing an SMS. It takes turns, which are shorter than two
    /// microseconds.
    cipher: Arc<Mutex<Aes256Siv>>,
}

impl MessageKey {
    /// The key for messages that belongs to a secret of `[encryption]`.
    pub(super) fn derive(secret: &[u8]) -> Self {
        Self::new(Sha512::new().chain_update(DERIVATION).chain_update(secret).finalize().into())
    }

    fn new(key: [u8; 64]) -> Self {
        Self { key, cipher: Arc::new(Mutex::new(Aes256Siv::new(&key.into()))) }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.key.ct_eq(&other.key).into()
    }

    pub(super) fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key)
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self::new)
    }

    pub(super) fn seal(&self, reminder: ReminderId, attempt: u32, record: &[u8]) -> Vec<u8> {
        self.cipher()
            .encrypt([place(reminder, attempt)], record)
            .expect("AES-SIV refuses only more than 126 headers or buffers that cannot grow")
    }

    /// The record that was sealed for that attempt; `None` for anything else.
    #[must_use]
    pub fn open(&self, reminder: ReminderId, attempt: u32, sealed: &[u8]) -> Option<Vec<u8>> {
        self.cipher().decrypt([place(reminder, attempt)], sealed).ok()
    }

    pub(super) fn seal_audit(&self, number: i64, text: &str) -> Vec<u8> {
        self.cipher()
            .encrypt([audit_place(number)], text.as_bytes())
            .expect("AES-SIV refuses only more than 126 headers or buffers that cannot grow")
    }

    /// The personal values that were sealed for that entry of the audit log; `None` for anything else.
    #[must_use]
    pub fn open_audit(&self, number: i64, sealed: &[u8]) -> Option<String> {
        let text = self.cipher().decrypt([audit_place(number)], sealed).ok()?;
        String::from_utf8(text).ok()
    }

    fn cipher(&self) -> MutexGuard<'_, Aes256Siv> {
        // It holds nothing from one use to the next, so it is whole whoever panicked.
        self.cipher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Associated data: one header, as each costs another pass of the cipher.
fn place(reminder: ReminderId, attempt: u32) -> [u8; 12] {
    let mut place = [0; 12];
    place[..8].copy_from_slice(&reminder.0.to_be_bytes());
    place[8..].copy_from_slice(&attempt.to_be_bytes());
    place
}

/// The same for an entry of the audit log. It is longer, so that it is no place of a message.
fn audit_place(number: i64) -> [u8; 13] {
    let mut place = *b"audit\0\0\0\0\0\0\0\0";
    place[5..].copy_from_slice(&number.to_be_bytes());
    place
}

#[cfg(test)]
mod tests {
    use crate::domain::{KeyRing, ReminderId};

    fn ring(ids: &[u8]) -> KeyRing {
        KeyRing::new(ids.iter().map(|id| (*id, [*id ^ 0x5a; 32])), [7; 32]).expect("32 bytes each")
    }

    #[test]
    fn a_sealed_message_opens_for_its_attempt_only() {
        let ring = ring(&[1]);
        let (id, sealed) = ring.seal_message(ReminderId(7), 2, b"a record");
        let key = ring.message_key(id).expect("the first one");
        assert_eq!(key.open(ReminderId(7), 2, &sealed).as_deref(), Some(&b"a record"[..]));
        assert_eq!(key.open(ReminderId(8), 2, &sealed), None, "of another reminder");
        assert_eq!(key.open(ReminderId(7), 1, &sealed), None, "of another attempt");
        for place in 0..sealed.len() {
            let mut other = sealed.clone();
            other[place] ^= 1;
            assert_eq!(key.open(ReminderId(7), 2, &other), None, "byte {place}");
        }
    }

    #[test]
    fn sealed_values_of_the_audit_log_open_for_their_entry_only() {
        let ring = ring(&[1]);
        let (id, sealed) = ring.seal_audit(7, "{}");
        let key = ring.message_key(id).expect("the first one");
        assert_eq!(key.open_audit(7, &sealed).as_deref(), Some("{}"));
        assert_eq!(key.open_audit(8, &sealed), None, "of another entry");
        assert_eq!(key.open(ReminderId(7), 0, &sealed), None, "it is no message");
    }

    #[test]
    fn what_was_sealed_by_this_version_opens_in_every_later_one() {
        let (id, sealed) = ring(&[7]).seal_message(ReminderId(42), 1, b"abc");
        let written: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((id, &*written), (7, "7288ca7c397f5571ee7eb7cb86b1f710f24512"));
    }

    #[test]
    fn a_message_outlives_the_key_that_was_the_first() {
        let (id, sealed) = ring(&[1]).seal_message(ReminderId(7), 2, b"a record");
        let both = ring(&[2, 1]);
        let kept: Vec<_> = both.sealed_message_keys().collect();
        assert_eq!(kept.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2, 1]);
        let later = ring(&[2]);
        assert!(later.message_key(id).is_none(), "the key was taken away");
        let key = later.open_message_key(id, &kept[1].1).expect("it is kept under the new one");
        assert_eq!(key.open(ReminderId(7), 2, &sealed).as_deref(), Some(&b"a record"[..]));
        assert!(later.open_message_key(2, &kept[1].1).is_none(), "it is not another's");
        assert!(ring(&[3]).open_message_key(id, &kept[1].1).is_none(), "the first key is needed");
    }
}
