//! The token of a link in a message, short because an SMS pays for every character: 16 characters, 96 bits, of which 8
//! are the key's id.
//!
//! The other 88 are a reminder's number of 40 bits and a check value of 48 zero bits, enciphered together by FF1 (NIST
//! SP 800-38G) with AES-256, with purpose and key id as the tweak. FF1 is a permutation of all texts of 88 bits that
//! only the key knows: a token that nobody sealed opens to a check value of zeros once in 2⁴⁸ tries. A million guesses
//! a day for ten years find one with a chance of 1.3 in 100,000.

use aes::Aes256;
use fpe::ff1::{BinaryNumeralString, FF1};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How many bits of the text are the number; the rest of its 88 is the check value.
pub(super) const NUMBER_BITS: u32 = 40;
const TEXT_BYTES: usize = 11;
/// Twelve bytes are sixteen characters with no bit to spare, so each token has one way of writing it.
pub(super) const SHORT_TOKEN_CHARS: usize = 16;

const TEXTS_ARE_BINARY: &str = "eleven bytes are digits of radix 2, and long enough for FF1";

/// The cipher of one key.
pub(super) struct ShortCipher(FF1<Aes256>);

impl ShortCipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(FF1::new(key, 2).expect("2 is a radix, and the key of AES-256 has 32 bytes"))
    }

    /// The token of a number; `None` for one that is too large.
    pub(super) fn seal(&self, purpose: &[u8], key_id: u8, number: i64) -> Option<String> {
        let number = u64::try_from(number).ok().filter(|number| number >> NUMBER_BITS == 0)?;
        let mut text = [0; TEXT_BYTES];
        text[..8].copy_from_slice(&number.to_le_bytes());
        let text = BinaryNumeralString::from_bytes_le(&text);
        let sealed = self.0.encrypt(&tweak(purpose, key_id), &text).expect(TEXTS_ARE_BINARY);
        let mut token = vec![key_id];
        token.extend(sealed.to_bytes_le());
        Some(URL_SAFE_NO_PAD.encode(token))
    }

    /// The number of a token that was sealed for that purpose.
    pub(super) fn open(&self, purpose: &[u8], token: &ShortToken) -> Option<i64> {
        self.open_checked(purpose, token, 8 * TEXT_BYTES as u32 - NUMBER_BITS)
    }

    /// The number, if that many bits of the check value are zero.
    fn open_checked(&self, purpose: &[u8], token: &ShortToken, check_bits: u32) -> Option<i64> {
        let text = BinaryNumeralString::from_bytes_le(&token.text);
        let opened = self.0.decrypt(&tweak(purpose, token.key_id), &text).expect(TEXTS_ARE_BINARY).to_bytes_le();
        let mut number = [0; 16];
        number[..TEXT_BYTES].copy_from_slice(opened.get(..TEXT_BYTES)?);
        let number = u128::from_le_bytes(number);
        let check = (number >> NUMBER_BITS) & ((1 << check_bits) - 1);
        let number = number & ((1 << NUMBER_BITS) - 1);
        if check == 0 { i64::try_from(number).ok() } else { None }
    }
}

fn tweak(purpose: &[u8], key_id: u8) -> Vec<u8> {
    [purpose, &[key_id]].concat()
}

/// A token that has the right form.
pub(super) struct ShortToken {
    pub(super) key_id: u8,
    text: [u8; TEXT_BYTES],
}

impl ShortToken {
    /// Reads a token; `None` for what has not its form.
    pub(super) fn read(token: &str) -> Option<Self> {
        // The length first, so that a megabyte of nonsense costs nothing.
        let bytes = Some(token).filter(|token| token.len() == SHORT_TOKEN_CHARS)?;
        let bytes = URL_SAFE_NO_PAD.decode(bytes).ok()?;
        let (key_id, text) = bytes.split_first()?;
        Some(Self { key_id: *key_id, text: text.try_into().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use aes::Aes256;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use fpe::ff1::{BinaryNumeralString, FF1, FlexibleNumeralString};
    use sha2::{Digest, Sha256};

    use super::{ShortCipher, ShortToken};

    /// The key of NIST's samples for AES-256.
    const KEY: [u8; 32] = [
        0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c, 0xef, 0x43,
        0x59, 0xd8, 0xd5, 0x80, 0xaa, 0x4f, 0x7f, 0x03, 0x6d, 0x6f, 0x04, 0xfc, 0x6a, 0x94,
    ];

    #[test]
    fn the_cipher_gives_the_published_vectors() {
        // NIST's FF1samples.pdf, sample 7.
        let decimal = FF1::<Aes256>::new(&KEY, 10).expect("a radix");
        let text = FlexibleNumeralString::from((0..10).collect::<Vec<u16>>());
        let sealed: Vec<u16> = decimal.encrypt(&[], &text).expect("digits").into();
        assert_eq!(sealed, [6, 6, 5, 7, 6, 6, 7, 0, 0, 9]);
        // zcash-test-vectors, ff1: 88 bits, as here.
        let binary = FF1::<Aes256>::new(&KEY, 2).expect("a radix");
        let sealed = binary.encrypt(&[], &BinaryNumeralString::from_bytes_le(&[0; 11])).expect("bits").to_bytes_le();
        assert_eq!(sealed, [0x90, 0xac, 0xee, 0x3f, 0x83, 0xcd, 0xe7, 0xae, 0x56, 0x22, 0xf3]);
    }

    #[test]
    fn every_number_of_a_database_has_a_token() {
        let cipher = ShortCipher::new(&KEY);
        for number in [0, 1, 2, 255, 256, 10_000_000, (1 << 40) - 1] {
            let token = cipher.seal(b"landing", 7, number).expect("a token");
            assert_eq!(token.len(), 16);
            let read = ShortToken::read(&token).expect("a token");
            assert_eq!((read.key_id, cipher.open(b"landing", &read)), (7, Some(number)));
            assert_eq!(cipher.open(b"unsubscribe", &read), None, "it is for another purpose");
        }
        for number in [-1, 1 << 40, i64::MAX, i64::MIN] {
            assert_eq!(cipher.seal(b"landing", 7, number), None);
        }
    }

    #[test]
    fn no_character_of_a_token_can_be_changed() {
        // `DUEHERALD_FUZZ=long` changes every character of ten thousand tokens.
        let tokens = if std::env::var_os("DUEHERALD_FUZZ").is_some() { 10_000 } else { 5 };
        let cipher = ShortCipher::new(&KEY);
        let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        for number in 0..tokens {
            let token = cipher.seal(b"landing", 7, number * 7_919).expect("a token").into_bytes();
            for place in 0..token.len() {
                for letter in letters.iter().filter(|letter| **letter != token[place]) {
                    let mut changed = token.clone();
                    changed[place] = *letter;
                    let changed = ShortToken::read(str::from_utf8(&changed).expect("ASCII")).expect("the form");
                    assert_eq!(cipher.open(b"landing", &changed), None, "{number} {place}");
                }
            }
        }
    }

    #[test]
    fn guesses_open_nothing_and_would_with_a_short_check_value() {
        // `DUEHERALD_FUZZ=long` makes ten million guesses.
        let guesses = if std::env::var_os("DUEHERALD_FUZZ").is_some() { 10_000_000_u32 } else { 10_000 };
        let (cipher, check_bits) = (ShortCipher::new(&KEY), if guesses > 1_000_000 { 16 } else { 6 });
        let (mut opened, mut opened_short) = (0_u32, 0_u32);
        for guess in 0..guesses {
            let mut bytes = [7; 12];
            bytes[1..].copy_from_slice(&Sha256::digest(guess.to_be_bytes())[..11]);
            let token = ShortToken::read(&URL_SAFE_NO_PAD.encode(bytes)).expect("the form");
            opened += u32::from(cipher.open(b"landing", &token).is_some());
            opened_short += u32::from(cipher.open_checked(b"landing", &token, check_bits).is_some());
        }
        assert_eq!(opened, 0);
        // Five standard deviations on both sides of what chance says.
        let expected = guesses >> check_bits;
        let spread = 5 * expected.isqrt();
        assert!(opened_short.abs_diff(expected) <= spread, "{opened_short}, expected {expected}");
    }
}
