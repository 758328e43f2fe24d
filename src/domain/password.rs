//! Passwords of the staff, and their hashes.
//!
//! Argon2id with 19 MiB of memory, two passes and one lane, as OWASP's Password Storage Cheat Sheet advises. A hash
//! takes some 30 ms of one core; callers hash off the async threads and bound how many run at once.

use std::fmt;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

/// The least characters of a new password.
pub const MIN_PASSWORD_CHARS: usize = 12;

/// The most characters of a password: hashing takes time by its length.
pub const MAX_PASSWORD_CHARS: usize = 256;

/// The least different characters of a new password.
const MIN_DIFFERENT_CHARS: usize = 5;

/// How many random bytes the salt of a hash has.
pub const SALT_BYTES: usize = 16;

/// A new password that is not accepted. The text does not quote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than [`MIN_PASSWORD_CHARS`] characters.
    #[error("the password is shorter than {MIN_PASSWORD_CHARS} characters; choose a longer one")]
    TooShort,
    /// More than [`MAX_PASSWORD_CHARS`] characters.
    #[error("the password is longer than {MAX_PASSWORD_CHARS} characters; choose a shorter one")]
    TooLong,
    /// The same few characters again and again.
    #[error("the password has fewer than {MIN_DIFFERENT_CHARS} different characters; choose another one")]
    TooPlain,
    /// A control character: a line break, or a key that a terminal passed on.
    #[error("the password has a control character in it; type it again")]
    BadCharacter,
}

/// A password in clear text, in Unicode's form NFKC: keyboards differ in how they compose characters.
#[derive(Debug, Clone)]
pub struct Password(SecretString);

impl Password {
    /// A new password.
    ///
    /// # Errors
    /// [`PasswordError`] when it is too short, too long, too plain or no line of text.
    pub fn new(text: &str) -> Result<Self, PasswordError> {
        let password = Self::entered(text).ok_or(PasswordError::TooLong)?;
        let mut chars: Vec<_> = password.0.expose_secret().chars().collect();
        if chars.iter().any(|one| one.is_control()) {
            return Err(PasswordError::BadCharacter);
        }
        if chars.len() < MIN_PASSWORD_CHARS {
            return Err(PasswordError::TooShort);
        }
        chars.sort_unstable();
        chars.dedup();
        if chars.len() < MIN_DIFFERENT_CHARS {
            return Err(PasswordError::TooPlain);
        }
        Ok(password)
    }

    /// A password that somebody enters to log in; `None` if it is longer than any.
    #[must_use]
    pub fn entered(text: &str) -> Option<Self> {
        // Some characters become several: what is longer than any password is not normalized in full.
        let normal: String = text.nfkc().take(MAX_PASSWORD_CHARS + 1).collect();
        (normal.chars().count() <= MAX_PASSWORD_CHARS).then(|| Self(normal.into()))
    }

    /// Its hash. Takes long: not for async threads.
    #[must_use]
    pub fn hash(&self, salt: [u8; SALT_BYTES]) -> PasswordHash {
        let hash: phc::PasswordHash = hasher()
            .hash_password_with_salt(self.0.expose_secret().as_bytes(), &salt)
            .expect("the parameters are sound, and the password is shorter than 4 GiB");
        PasswordHash(hash.to_string().into())
    }
}

/// A password's hash, with its salt and parameters, as a PHC string.
#[derive(Clone)]
pub struct PasswordHash(SecretString);

impl PasswordHash {
    /// A PHC string of Argon2; `None` for any other text.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let hash = phc::PasswordHash::new(text).ok()?;
        (hash.algorithm.as_str() == "argon2id" && hash.hash.is_some()).then(|| Self(text.into()))
    }

    /// A hash that no known password has. For a name that nobody has, comparing with it takes as long as with a user's.
    #[must_use]
    pub fn of_nobody() -> Self {
        const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keS1ubw$\
            AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
        Self(NOBODY.into())
    }

    /// Whether it is that password's. Takes long: not for async threads.
    #[must_use]
    pub fn matches(&self, password: &Password) -> bool {
        let Ok(hash) = phc::PasswordHash::new(self.0.expose_secret()) else { return false };
        hasher().verify_password(password.0.expose_secret().as_bytes(), &hash).is_ok()
    }

    /// The PHC string, for the store.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for PasswordHash {
    fn eq(&self, other: &Self) -> bool {
        self.reveal() == other.reveal()
    }
}

impl Eq for PasswordHash {}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

fn hasher() -> Argon2<'static> {
    const MEMORY_KIB: u32 = 19 * 1024;
    let params = Params::new(MEMORY_KIB, 2, 1, None).expect("the parameters are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Password, PasswordError, PasswordHash, SALT_BYTES};

    const TEXT: &str = "correct horse battery";

    fn entered(text: &str) -> Password {
        Password::entered(text).expect("short enough")
    }

    #[test]
    fn a_hash_matches_its_password_and_no_other() {
        let hash = Password::new(TEXT).expect("sound").hash([7; SALT_BYTES]);
        assert!(hash.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.reveal());
        let read = PasswordHash::read(hash.reveal()).expect("a hash");
        assert!(read.matches(&entered(TEXT)) && !read.matches(&entered("Correct horse battery")));
        assert_ne!(hash, Password::new(TEXT).expect("sound").hash([8; SALT_BYTES]), "salted");
        assert!(!format!("{hash:?}{:?}", entered(TEXT)).contains("horse"));
    }

    #[test]
    fn nobodys_hash_has_the_same_parameters() {
        let (nobody, hash) = (PasswordHash::of_nobody(), Password::new(TEXT).expect("sound").hash([7; SALT_BYTES]));
        let head = |hash: &PasswordHash| hash.reveal().rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(head(&nobody), head(&hash));
        assert_eq!(nobody.reveal().len(), hash.reveal().len());
        assert!(PasswordHash::read(nobody.reveal()).is_some() && !nobody.matches(&entered("")));
    }

    #[test]
    fn a_composed_character_is_the_same_however_it_is_typed() {
        let hash = Password::new("caf\u{e9}s of Paris").expect("sound").hash([7; SALT_BYTES]);
        assert!(hash.matches(&entered("cafe\u{301}s of Paris")));
    }

    #[rstest]
    #[case::short("elevenchars", PasswordError::TooShort)]
    #[case::short_in_chinese("一二三四五六七八九十一", PasswordError::TooShort)]
    #[case::plain("aaaaaaaabbbb", PasswordError::TooPlain)]
    #[case::of_two_lines("correct horse\nbattery", PasswordError::BadCharacter)]
    #[case::long(&"abcdefgh".repeat(33), PasswordError::TooLong)]
    #[case::long_once_it_is_normal(&"\u{fdfa}".repeat(100), PasswordError::TooLong)]
    fn a_new_password_is_long_enough_and_no_longer(#[case] text: &str, #[case] error: PasswordError) {
        assert_eq!(Password::new(text).err(), Some(error));
    }

    #[rstest]
    #[case("")]
    #[case("plain")]
    #[case("$argon2i$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keS0$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")]
    #[case("$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keS0")]
    fn a_text_that_is_no_hash_is_not_read(#[case] text: &str) {
        assert!(PasswordHash::read(text).is_none());
    }
}
