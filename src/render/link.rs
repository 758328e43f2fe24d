//! Link tokens: sealed, bound to a purpose, with rotating keys.

use std::fmt;
use std::sync::Arc;

use aes_siv::KeyInit;
use aes_siv::siv::Aes256Siv;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha512};

use super::short_token::{ShortCipher, ShortToken};
use crate::domain::ReminderId;

/// The purpose of a token. A token made for one purpose does not open for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `/r/{token}`: the landing page.
    Landing,
    /// `/u/{token}`: unsubscribing.
    Unsubscribe,
    /// The reference of a reminder at gateways: Message-ID, idempotency key.
    Reference,
    /// That somebody who holds a link answered its question as well; see [`LinkKeys::seal_proof`].
    Proof,
}

impl Purpose {
    /// Whether its tokens are short: those that an SMS pays for.
    fn is_short(self) -> bool {
        self == Self::Landing
    }

    /// Part of every token for good: a change of a word makes all tokens of that purpose void.
    fn label(self) -> &'static [u8] {
        match self {
            Self::Landing => b"landing",
            Self::Unsubscribe => b"unsubscribe",
            Self::Reference => b"reference",
            Self::Proof => b"proof",
        }
    }
}

/// Why keys cannot be used. Holds no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkKeysError {
    /// None was given.
    #[error("there is no link key; give one at least")]
    Empty,
    /// Too little to be a secret.
    #[error("link key {0} is shorter than {MIN_SECRET_BYTES} bytes; make one with `openssl rand -hex 32`")]
    Short(u8),
    /// An id stands for two keys.
    #[error("link key {0} is given twice; give each key an id of its own")]
    Twice(u8),
}

/// The least length of a link key's secret.
pub const MIN_SECRET_BYTES: usize = 32;

/// Separates these keys from all others that may be made of the same secret.
const DERIVATION: &[u8] = b"dueherald link token, AES-256-SIV, 1";

const SHORT_DERIVATION: &[u8] = b"dueherald short link token, AES-256-FF1, 1";

/// Separates pseudonyms from keys and tokens.
const PSEUDONYM: &[u8] = b"dueherald pseudonym of a client, 1";

const TAG_BYTES: usize = 16;
const ID_BYTES: usize = 8;
/// Key id, synthetic IV (which is the tag as well), sealed reminder id: 34 characters of base64url.
const TOKEN_BYTES: usize = 1 + TAG_BYTES + ID_BYTES;
const TOKEN_CHARS: usize = 34;

/// The keys that seal and open tokens.
///
/// The token of a landing page is short: see `short_token.rs`. Every other token, and those of landing pages in
/// messages of earlier versions, is base64url of a key id, and the reminder's id sealed with AES-SIV (RFC 5297) under
/// that key, with key id and purpose as associated data. AES-SIV is deterministic: the same reminder gives the same
/// token every time, which a resend with the same Message-ID needs, and nothing but "the same or not" can be read from
/// two tokens.
#[derive(Clone)]
pub struct LinkKeys {
    /// The first one seals, all open.
    keys: Vec<SigningKey>,
}

#[derive(Clone)]
struct SigningKey {
    id: u8,
    key: [u8; 64],
    short: Arc<ShortCipher>,
}

impl LinkKeys {
    /// Takes keys as (id, secret): the first one seals, all of them open. To rotate, put a new key with a new id first,
    /// and take the old one away when no message with its links is of use any more.
    ///
    /// # Errors
    /// No key, a secret shorter than [`MIN_SECRET_BYTES`], an id that occurs twice.
    pub fn new<S: AsRef<[u8]>>(keys: impl IntoIterator<Item = (u8, S)>) -> Result<Self, LinkKeysError> {
        let mut taken: Vec<SigningKey> = Vec::new();
        for (id, secret) in keys {
            let secret = secret.as_ref();
            if secret.len() < MIN_SECRET_BYTES {
                return Err(LinkKeysError::Short(id));
            }
            if taken.iter().any(|key| key.id == id) {
                return Err(LinkKeysError::Twice(id));
            }
            taken.push(SigningKey::new(id, secret));
        }
        if taken.is_empty() { Err(LinkKeysError::Empty) } else { Ok(Self { keys: taken }) }
    }

    /// The token of a reminder: `A-Z a-z 0-9 - _`, the same every time, neither countable nor personal. 16 characters
    /// for a landing page, else 34.
    #[must_use]
    pub fn seal(&self, purpose: Purpose, reminder: ReminderId) -> String {
        // `new` refuses an empty list.
        self.keys[0].seal(purpose, reminder)
    }

    /// Every token that a message about a reminder may hold, the present one first: under each key, and as earlier
    /// versions sealed it.
    pub fn seal_with_each(&self, purpose: Purpose, reminder: ReminderId) -> impl Iterator<Item = Vec<String>> {
        self.keys.iter().map(move |key| {
            let mut tokens = vec![key.seal(purpose, reminder), key.seal_number(&[purpose.label()], reminder.0)];
            tokens.dedup();
            tokens
        })
    }

    /// The reminder of a token; `None` for anything that was not sealed for this purpose with one of the keys.
    #[must_use]
    pub fn open(&self, purpose: Purpose, token: &str) -> Option<ReminderId> {
        let number = match ShortToken::read(token).filter(|_| purpose.is_short()) {
            Some(short) => self.key(short.key_id)?.short.open(purpose.label(), &short),
            None => self.open_number(&[purpose.label()], token),
        };
        number.map(ReminderId)
    }

    /// A proof for the page of one reminder that is good until then, to the second; it looks like a token.
    #[must_use]
    pub fn seal_proof(&self, reminder: ReminderId, until: DateTime<Utc>) -> String {
        self.seal_number(&[Purpose::Proof.label(), &reminder.0.to_be_bytes()], until.timestamp())
    }

    /// Whether a proof is one for the page of that reminder, and still good.
    #[must_use]
    pub fn proves(&self, proof: &str, reminder: ReminderId, now: DateTime<Utc>) -> bool {
        let until = self.open_number(&[Purpose::Proof.label(), &reminder.0.to_be_bytes()], proof);
        until.is_some_and(|until| now.timestamp() < until)
    }

    /// A name for a client that tells nobody its address: the same for the same client until the first key changes.
    #[must_use]
    pub fn pseudonym(&self, client: &[u8]) -> String {
        let digest =
            Sha512::new().chain_update(PSEUDONYM).chain_update(self.keys[0].key).chain_update(client).finalize();
        URL_SAFE_NO_PAD.encode(&digest[..TAG_BYTES])
    }

    fn seal_number(&self, labels: &[&[u8]], number: i64) -> String {
        // `new` refuses an empty list.
        self.keys[0].seal_number(labels, number)
    }

    fn open_number(&self, labels: &[&[u8]], token: &str) -> Option<i64> {
        // The length first, so that a megabyte of nonsense costs nothing.
        if token.len() != TOKEN_CHARS {
            return None;
        }
        // This engine refuses padding and set bits after the last byte: each token has one way of writing it.
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (id, sealed) = bytes.split_first()?;
        let key = self.key(*id)?;
        let opened = key.cipher().decrypt(labels.iter().copied().chain([&[*id][..]]), sealed).ok()?;
        opened.try_into().ok().map(i64::from_be_bytes)
    }
}

impl LinkKeys {
    fn key(&self, id: u8) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The key that seals, with its id.
    pub(super) fn first_with_id(&self) -> (u8, &[u8; 64]) {
        (self.keys[0].id, &self.keys[0].key)
    }

    /// The key of that id.
    pub(super) fn secret(&self, id: u8) -> Option<&[u8; 64]> {
        self.key(id).map(|key| &key.key)
    }

    /// The key that seals.
    pub(super) fn first(&self) -> &[u8; 64] {
        &self.keys[0].key
    }

    /// Every key, that one first.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &[u8; 64]> {
        self.keys.iter().map(|key| &key.key)
    }
}

impl SigningKey {
    fn new(id: u8, secret: &[u8]) -> Self {
        let derived = |label: &[u8]| Sha512::new().chain_update(label).chain_update(secret).finalize();
        let short: [u8; 32] = std::array::from_fn({
            let derived = derived(SHORT_DERIVATION);
            move |place| derived[place]
        });
        Self { id, key: derived(DERIVATION).into(), short: Arc::new(ShortCipher::new(&short)) }
    }

    fn seal(&self, purpose: Purpose, reminder: ReminderId) -> String {
        let label = purpose.label();
        let short = if purpose.is_short() { self.short.seal(label, self.id, reminder.0) } else { None };
        short.unwrap_or_else(|| self.seal_number(&[label], reminder.0))
    }

    fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new(&self.key.into())
    }

    fn seal_number(&self, labels: &[&[u8]], number: i64) -> String {
        let sealed = self
            .cipher()
            .encrypt(labels.iter().copied().chain([&[self.id][..]]), &number.to_be_bytes())
            .expect("AES-SIV refuses only more than 126 headers or buffers that cannot grow");
        let mut token = Vec::with_capacity(TOKEN_BYTES);
        token.push(self.id);
        token.extend(sealed);
        URL_SAFE_NO_PAD.encode(token)
    }
}

impl fmt::Debug for LinkKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| key.id)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use chrono::DateTime;
    use sha2::{Digest, Sha256};

    use super::{LinkKeys, LinkKeysError, Purpose};
    use crate::domain::ReminderId;

    fn keys(ids: &[u8]) -> LinkKeys {
        LinkKeys::new(ids.iter().map(|id| (*id, [*id ^ 0x5a; 32]))).expect("32 bytes each")
    }

    #[test]
    fn a_token_opens_to_its_reminder_and_is_the_same_every_time() {
        let keys = keys(&[1]);
        for id in [0, 1, 2, 1_000_000, i64::MAX, i64::MIN, -1] {
            let token = keys.seal(Purpose::Landing, ReminderId(id));
            // Numbers that no database gives are as long as they were.
            assert_eq!(token.len(), if (0..=1_000_000).contains(&id) { 16 } else { 34 });
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')));
            assert_eq!(token, keys.seal(Purpose::Landing, ReminderId(id)));
            assert_eq!(keys.open(Purpose::Landing, &token), Some(ReminderId(id)));
        }
    }

    #[test]
    fn a_token_of_this_version_opens_in_every_later_one() {
        // Links in messages that were sent must outlive an update.
        let token = keys(&[7]).seal(Purpose::Landing, ReminderId(42));
        assert_eq!(token, "B9jZqMJ_XJWzZBIE");
        assert_eq!(keys(&[7]).open(Purpose::Landing, "ByH5TPoiOxr00De9P7Csitl1tdUcbkrCfw"), Some(ReminderId(42)));
        let reference = keys(&[7]).seal(Purpose::Reference, ReminderId(42));
        assert_eq!(keys(&[7]).open(Purpose::Reference, &reference), Some(ReminderId(42)));
    }

    #[test]
    fn after_a_rotation_old_links_open_until_their_key_is_gone() {
        let old = keys(&[1]).seal(Purpose::Landing, ReminderId(5));
        let both = keys(&[2, 1]);
        assert_eq!(both.open(Purpose::Landing, &old), Some(ReminderId(5)));
        let fresh = both.seal(Purpose::Landing, ReminderId(5));
        assert_ne!(fresh, old);
        assert_eq!(keys(&[2]).open(Purpose::Landing, &fresh), Some(ReminderId(5)));
        assert_eq!(keys(&[2]).open(Purpose::Landing, &old), None);
        let same_id_other_secret = LinkKeys::new([(1, [9; 32])]).expect("32 bytes");
        assert_eq!(same_id_other_secret.open(Purpose::Landing, &old), None);
    }

    #[test]
    fn a_token_is_good_for_one_purpose() {
        let keys = keys(&[1]);
        let purposes = [Purpose::Landing, Purpose::Unsubscribe, Purpose::Reference, Purpose::Proof];
        for made in purposes {
            let token = keys.seal(made, ReminderId(5));
            for used in purposes {
                assert_eq!(keys.open(used, &token).is_some(), made == used, "{made:?} as {used:?}");
            }
        }
    }

    #[test]
    fn a_proof_is_good_for_one_page_and_some_time() {
        let keys = keys(&[1]);
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("an instant");
        let proof = keys.seal_proof(ReminderId(5), at(900));
        assert!(keys.proves(&proof, ReminderId(5), at(0)) && keys.proves(&proof, ReminderId(5), at(899)));
        assert!(!keys.proves(&proof, ReminderId(5), at(900)), "its time is over");
        assert!(!keys.proves(&proof, ReminderId(6), at(0)), "it is another's");
        assert!(!keys.proves(&keys.seal(Purpose::Landing, ReminderId(i64::MAX)), ReminderId(5), at(0)), "it is a link");
        assert!(!keys.proves(&keys.seal(Purpose::Proof, ReminderId(i64::MAX)), ReminderId(5), at(0)));
        assert_eq!(keys.open(Purpose::Landing, &proof), None);
    }

    #[test]
    fn no_bit_of_a_token_can_be_changed() {
        let keys = keys(&[1, 0]);
        let token = keys.seal(Purpose::Landing, ReminderId(5));
        let bytes = URL_SAFE_NO_PAD.decode(&token).expect("a token is base64url");
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(keys.open(Purpose::Landing, &URL_SAFE_NO_PAD.encode(bytes)), None, "bit {bit}");
        }
        for bit in 0..token.len() * 8 {
            let mut bytes = token.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(text) = String::from_utf8(bytes) {
                assert_eq!(keys.open(Purpose::Landing, &text), None, "bit {bit} of the text");
            }
        }
    }

    #[test]
    fn what_is_no_token_opens_nothing() {
        let keys = keys(&[1]);
        let token = keys.seal(Purpose::Landing, ReminderId(5));
        for text in ["", "A", "..", &token[1..], &format!("{token}="), &format!("{token}A"), &format!("{token}=="), "é"]
        {
            assert_eq!(keys.open(Purpose::Landing, text), None, "{text:?}");
        }
        for number in 0..100_000_u32 {
            let noise = Sha256::digest(number.to_be_bytes());
            // Half of them with a key id that is known, so that not the id alone turns them away.
            let mut bytes = [0; 25];
            bytes.copy_from_slice(&noise[..25]);
            if number % 2 == 0 {
                bytes[0] = 1;
            }
            assert_eq!(keys.open(Purpose::Landing, &URL_SAFE_NO_PAD.encode(bytes)), None);
        }
    }

    #[test]
    fn neighbours_look_nothing_alike() {
        let keys = keys(&[1]);
        let mut starts = HashSet::new();
        for id in 0..10_000 {
            let bytes = URL_SAFE_NO_PAD.decode(keys.seal(Purpose::Landing, ReminderId(id))).expect("base64url");
            assert_eq!(bytes[0], 1, "the key id");
            // Eight bytes: chance would make two of ten thousand agree once in 4e11 runs.
            assert!(starts.insert(bytes[1..9].to_vec()), "two tokens begin alike");
        }
    }

    #[test]
    fn keys_are_checked_and_not_shown() {
        let none: [(u8, &[u8]); 0] = [];
        assert_eq!(LinkKeys::new(none).err(), Some(LinkKeysError::Empty));
        assert_eq!(LinkKeys::new([(3, [0_u8; 31])]).err(), Some(LinkKeysError::Short(3)));
        assert_eq!(LinkKeys::new([(3, [0_u8; 32]), (3, [1; 32])]).err(), Some(LinkKeysError::Twice(3)));
        assert_eq!(format!("{:?}", keys(&[2, 1])), "[2, 1]");
    }
}
