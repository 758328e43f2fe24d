//! Tokens of the API: random, shown once, and kept as a digest.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How every token begins, so that scanners for leaked secrets find it.
pub const TOKEN_PREFIX: &str = "dh_";

/// How many random bytes a token has.
pub const TOKEN_BYTES: usize = 32;

/// A token. Its text shows nowhere but where it is asked for.
#[derive(Debug, Clone)]
pub struct Token(SecretString);

impl Token {
    /// The token of random bytes.
    #[must_use]
    pub fn new(random: [u8; TOKEN_BYTES]) -> Self {
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self(format!("{TOKEN_PREFIX}{digits}").into())
    }

    /// A text that has the form of a token.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(TOKEN_PREFIX)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (digits.len() == 2 * TOKEN_BYTES && digits.bytes().all(is_digit)).then(|| Self(text.into()))
    }

    /// Its digest. Plain SHA-256 is enough: nobody finds 256 random bits by trying, and a slow hash would only slow
    /// down each request.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0.expose_secret()).into())
    }

    /// Its text, for the one who is to use it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The digest of a token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenDigest(pub [u8; 32]);

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{TOKEN_BYTES, Token};

    #[test]
    fn a_token_is_read_as_it_was_shown_and_hidden_elsewhere() {
        let token = Token::new([0x5a; TOKEN_BYTES]);
        let shown = token.reveal().to_owned();
        assert_eq!(Token::read(&shown).map(|read| read.digest()), Some(token.digest()));
        assert!(!format!("{token:?}{:?}", token.digest()).contains("5a5a"));
    }

    #[rstest]
    #[case::of_the_config("5d0c6d5b6a1e4d6f8b1f0a2c3e4d5f60")]
    #[case::cut_off("dh_5a5a")]
    #[case::in_capitals("dh_5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A5A")]
    fn what_is_no_token_is_not_looked_up(#[case] text: &str) {
        assert!(Token::read(text).is_none());
    }
}
