//! The people of the staff who log in to the console, and their sessions.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono_tz::Tz;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::{Locale, MerchantId, PasswordHash, StaffRole};

/// The most characters of a user's name.
const MAX_USER_NAME_CHARS: usize = 50;

/// The most characters of the subject of an OIDC provider (OpenID Connect Core 1.0, section 2).
const MAX_SUBJECT_CHARS: usize = 255;

/// How many random bytes the id of a session has.
pub const SESSION_BYTES: usize = 32;

/// A text that is no name of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no name of 1 to {MAX_USER_NAME_CHARS} letters, digits and . _ - @ +, which begins with a letter or digit")]
pub struct UserNameError;

/// The name by which a person logs in. Names that differ in case or in the form of a character are one name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Arc<str>);

impl UserName {
    /// Takes the name in small letters and in Unicode's form NFKC.
    ///
    /// # Errors
    /// [`UserNameError`] when it is empty, too long, or has other characters.
    pub fn new(text: &str) -> Result<Self, UserNameError> {
        let name: String = text.nfkc().flat_map(char::to_lowercase).nfkc().take(MAX_USER_NAME_CHARS + 1).collect();
        let is_part = |letter: char| letter.is_alphanumeric() || "._-@+".contains(letter);
        let is_sound = name.starts_with(char::is_alphanumeric)
            && name.chars().count() <= MAX_USER_NAME_CHARS
            && name.chars().all(is_part);
        is_sound.then(|| Self(name.into())).ok_or(UserNameError)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserName({:?})", &*self.0)
    }
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(text: &str) -> Result<Self, UserNameError> {
        Self::new(text)
    }
}

/// A text that is no subject of an OIDC provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no subject of 1 to {MAX_SUBJECT_CHARS} characters in one line")]
pub struct OidcSubjectError;

/// The identifier of a person at an OIDC provider: the claims `iss` and `sub`. Only both together never change hands:
/// another provider may give the same `sub` to somebody else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OidcSubject {
    issuer: Arc<str>,
    subject: Arc<str>,
}

impl OidcSubject {
    /// Takes both as they are: they are compared exactly.
    ///
    /// # Errors
    /// [`OidcSubjectError`] when the subject is empty, too long, or has a control character.
    pub fn new(issuer: &str, subject: &str) -> Result<Self, OidcSubjectError> {
        let is_sound = !subject.is_empty()
            && subject.chars().count() <= MAX_SUBJECT_CHARS
            && !subject.chars().any(char::is_control);
        is_sound.then(|| Self { issuer: issuer.into(), subject: subject.into() }).ok_or(OidcSubjectError)
    }

    /// The address of the provider.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The subject there.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.subject
    }
}

impl fmt::Debug for OidcSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OidcSubject(…)")
    }
}

/// The way in which a person proves who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// By a password, kept as its hash.
    Password(PasswordHash),
    /// By the OIDC provider.
    Subject(OidcSubject),
}

/// The extent of a person's work in the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserGrant {
    /// The role.
    pub role: StaffRole,
    /// The merchants whose borrowers the person works for.
    pub merchants: BTreeSet<MerchantId>,
}

/// How a user sees the console.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserDisplay {
    /// The language; `None` for that of the browser.
    pub locale: Option<Locale>,
    /// The zone of its times; `None` for that of the merchant.
    pub time_zone: Option<Tz>,
}

/// A person who may log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: UserName,
    /// The role and the merchants.
    pub grant: UserGrant,
    /// The language of the console; `None` for that of the browser.
    pub locale: Option<Locale>,
    /// The zone in which the console shows times; `None` for that of the merchant.
    pub time_zone: Option<Tz>,
    /// The way to log in.
    pub credential: Credential,
    /// Seals the cookies by which the person's devices are known. A new password comes with a new key.
    pub device_key: DeviceKey,
}

impl User {
    /// How the user sees the console.
    #[must_use]
    pub fn display(&self) -> UserDisplay {
        UserDisplay { locale: self.locale.clone(), time_zone: self.time_zone }
    }
}

/// A key of one user, under which devices that logged in before are known again.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceKey(pub [u8; 32]);

impl DeviceKey {
    /// The seal of a device's number.
    #[must_use]
    pub fn seal(&self, device: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(b"device");
        mac.update(device);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey(…)")
    }
}

/// The id of a session: random, in the browser's cookie, and kept as a digest only.
#[derive(Debug, Clone)]
pub struct SessionId(SecretString);

impl SessionId {
    /// The id of random bytes.
    #[must_use]
    pub fn new(random: [u8; SESSION_BYTES]) -> Self {
        Self(hex(&random).into())
    }

    /// A text that has the form of an id.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 2 * SESSION_BYTES && text.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    /// Its digest. Nobody finds 256 random bits by trying, so that a plain one is enough.
    #[must_use]
    pub fn digest(&self) -> SessionDigest {
        SessionDigest(Sha256::digest(self.0.expose_secret()).into())
    }

    /// Its text, for the cookie.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The digest of a session's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionDigest(pub [u8; 32]);

impl SessionDigest {
    /// A short text that tells the session from others on record; it opens nothing.
    #[must_use]
    pub fn tag(&self) -> String {
        hex(&self.0[..8])
    }
}

impl fmt::Debug for SessionDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionDigest(…)")
    }
}

/// The secret of a session that each of its forms carries.
#[derive(Clone, PartialEq, Eq)]
pub struct CsrfSecret(pub [u8; 32]);

impl CsrfSecret {
    /// The text of the hidden field.
    #[must_use]
    pub fn token(&self) -> String {
        hex(&self.0)
    }
}

impl fmt::Debug for CsrfSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfSecret(…)")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{CsrfSecret, DeviceKey, OidcSubject, SESSION_BYTES, SessionId, UserName};

    #[rstest]
    #[case::as_it_is("li.na", Some("li.na"))]
    #[case::in_capitals("Li.Na", Some("li.na"))]
    #[case::as_wide_letters("ｌｉ.na", Some("li.na"))]
    #[case::chinese("王芳", Some("王芳"))]
    #[case::an_address("li.na+desk@mall.example", Some("li.na+desk@mall.example"))]
    #[case::a_capital_that_becomes_two("İb", None)]
    #[case::of_nothing("", None)]
    #[case::with_a_space("li na", None)]
    #[case::of_an_option("--role", None)]
    #[case::with_a_mark("li<na", None)]
    #[case::too_long(&"a".repeat(51), None)]
    fn a_name_has_one_spelling(#[case] text: &str, #[case] expected: Option<&str>) {
        let name = UserName::new(text).ok();
        assert_eq!(name.as_ref().map(UserName::as_str), expected);
        let again = name.as_ref().and_then(|name| UserName::new(name.as_str()).ok());
        assert_eq!(again, name, "a name reads as itself");
    }

    #[test]
    fn a_session_is_read_as_it_was_shown() {
        let id = SessionId::new([0x5a; SESSION_BYTES]);
        assert_eq!(SessionId::read(id.reveal()).map(|read| read.digest()), Some(id.digest()));
        for text in ["", "5a", &id.reveal().to_uppercase(), &format!("{}0", id.reveal())] {
            assert!(SessionId::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret_of_a_user() {
        let id = SessionId::new([0x5a; SESSION_BYTES]);
        let subject = OidcSubject::new("5a5a", "5a5a").expect("a subject");
        let shown = format!("{id:?}{:?}{:?}{:?}{subject:?}", id.digest(), CsrfSecret([0x5a; 32]), DeviceKey([90; 32]));
        assert!(!shown.contains("5a5a") && !shown.contains("90"), "{shown}");
    }

    #[test]
    fn a_device_is_known_by_its_users_key_only() {
        let seal = DeviceKey([1; 32]).seal(b"device");
        assert_eq!(seal, DeviceKey([1; 32]).seal(b"device"));
        assert_ne!(seal, DeviceKey([2; 32]).seal(b"device"));
        assert_ne!(seal, DeviceKey([1; 32]).seal(b"another"));
    }
}
