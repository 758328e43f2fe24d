//! The token of a link in a message, short because an SMS pays for every character: 16 characters, 96 bits, of which 8
//! are the key's id.
//!
//! The other 88 are a check value of 48 zero bits and a reminder's number of 40 bits, enciphered together by FF1 (NIST
//! SP 800-38G) with AES-256 and radix 2, with purpose and key id as the tweak. FF1 is a permutation of all texts of 88
//! bits that only the key knows: a token that nobody sealed opens to a check value of zeros once in 2⁴⁸ tries. A
//! million guesses a day for ten years find one with a chance of 1.3 in 100,000.
//!
//! The crate `fpe` has FF1 for texts of any length, and takes 5 µs for each, a seventh of all that an SMS costs. For 88
//! bits each of the ten rounds is one block of AES and an addition, together 0.3 µs; tests compare the two.

use aes::cipher::{BlockEncrypt, KeyInit};
use aes::{Aes256, Block};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// How many bits of the text are the number; the rest of its 88 is the check value.
const NUMBER_BITS: u32 = 40;
const TEXT_BITS: u32 = 88;
const CHECK_BITS: u32 = TEXT_BITS - NUMBER_BITS;
const TEXT_BYTES: usize = 11;
/// Twelve bytes are sixteen characters with no bit to spare, so each token has one way of writing it.
const TOKEN_CHARS: usize = 16;

/// Each half of a text.
const HALF_BITS: u32 = TEXT_BITS / 2;
const HALF: u64 = (1 << HALF_BITS) - 1;
/// How many bytes a half takes.
const HALF_BYTES: usize = 6;
const ROUNDS: u8 = 10;

/// The cipher of one key.
pub(super) struct ShortCipher(Aes256);

impl ShortCipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256::new(&(*key).into()))
    }

    /// The token of a number; `None` for one that is too large.
    pub(super) fn seal(&self, purpose: &[u8], key_id: u8, number: i64) -> Option<String> {
        let number = u64::try_from(number).ok().filter(|number| number >> NUMBER_BITS == 0)?;
        let sealed = self.encipher(&tweak(purpose, key_id), u128::from(number)).to_be_bytes();
        let mut token = [key_id; 1 + TEXT_BYTES];
        token[1..].copy_from_slice(&sealed[16 - TEXT_BYTES..]);
        Some(URL_SAFE_NO_PAD.encode(token))
    }

    /// The number of a token that was sealed for that purpose.
    pub(super) fn open(&self, purpose: &[u8], token: &ShortToken) -> Option<i64> {
        self.open_checked(purpose, token, CHECK_BITS)
    }

    /// The number, if that many bits of the check value are zero.
    fn open_checked(&self, purpose: &[u8], token: &ShortToken, check_bits: u32) -> Option<i64> {
        let text = self.decipher(&tweak(purpose, token.key_id), token.text);
        let check = (text >> NUMBER_BITS) & ((1 << check_bits) - 1);
        if check == 0 { i64::try_from(text & ((1 << NUMBER_BITS) - 1)).ok() } else { None }
    }

    /// FF1.Encrypt, where the bits of the text are its numerals, the highest first.
    fn encipher(&self, tweak: &[u8], text: u128) -> u128 {
        let (mut left, mut right) = halves(text);
        let beginning = self.beginning(tweak);
        for round in 0..ROUNDS {
            (left, right) = (right, (left + self.mixed(beginning, tweak, round, right)) & HALF);
        }
        joined(left, right)
    }

    /// FF1.Decrypt.
    fn decipher(&self, tweak: &[u8], text: u128) -> u128 {
        let (mut left, mut right) = halves(text);
        let beginning = self.beginning(tweak);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right.wrapping_sub(self.mixed(beginning, tweak, round, left)) & HALF, left);
        }
        joined(left, right)
    }

    /// The state of the PRF after the block P: version 1, method 2, addition 1, radix, rounds, and the lengths.
    fn beginning(&self, tweak: &[u8]) -> Block {
        let mut block = [1, 2, 1, 0, 0, 2, ROUNDS, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        block[7] = u8::try_from(HALF_BITS).unwrap_or_default();
        block[8..12].copy_from_slice(&TEXT_BITS.to_be_bytes());
        block[12..].copy_from_slice(&u32::try_from(tweak.len()).unwrap_or_default().to_be_bytes());
        let mut block = Block::from(block);
        self.0.encrypt_block(&mut block);
        block
    }

    /// The PRF over the blocks Q: the tweak, the round, and a half. Of its number only the lowest bits count, as it is
    /// added to a half.
    fn mixed(&self, beginning: Block, tweak: &[u8], round: u8, half: u64) -> u64 {
        let mut rest = [0; 32];
        let length = (tweak.len() + 1 + HALF_BYTES).next_multiple_of(16);
        rest[..tweak.len()].copy_from_slice(tweak);
        rest[length - HALF_BYTES - 1] = round;
        rest[length - HALF_BYTES..length].copy_from_slice(&half.to_be_bytes()[8 - HALF_BYTES..]);
        let mut block = beginning;
        for next in rest[..length].chunks(16) {
            block.iter_mut().zip(next).for_each(|(byte, next)| *byte ^= next);
            self.0.encrypt_block(&mut block);
        }
        // S is the first twelve bytes.
        u64::from_be_bytes(std::array::from_fn(|place| block[4 + place])) & HALF
    }
}

fn halves(text: u128) -> (u64, u64) {
    let half = |text: u128| u64::try_from(text & u128::from(HALF)).unwrap_or_default();
    (half(text >> HALF_BITS), half(text))
}

fn joined(left: u64, right: u64) -> u128 {
    u128::from(left) << HALF_BITS | u128::from(right)
}

fn tweak(purpose: &[u8], key_id: u8) -> Vec<u8> {
    [purpose, &[key_id]].concat()
}

/// A token that has the right form.
pub(super) struct ShortToken {
    pub(super) key_id: u8,
    text: u128,
}

impl ShortToken {
    /// Reads a token; `None` for what has not its form.
    pub(super) fn read(token: &str) -> Option<Self> {
        // The length first, so that a megabyte of nonsense costs nothing.
        let token = Some(token).filter(|token| token.len() == TOKEN_CHARS)?;
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (key_id, text) = bytes.split_first()?;
        Some(Self { key_id: *key_id, text: text.iter().fold(0, |text, byte| text << 8 | u128::from(*byte)) })
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

    /// The bytes of a text as `fpe` and the vectors of Zcash write it: its first numeral is the lowest bit.
    fn written(text: u128) -> [u8; 11] {
        (text.reverse_bits() >> 40).to_le_bytes()[..11].try_into().expect("eleven of sixteen")
    }

    #[test]
    fn the_cipher_gives_the_published_vectors() {
        // zcash-test-vectors, ff1, of 88 bits: enciphered zeros, and those again.
        let cipher = ShortCipher::new(&KEY);
        let once = cipher.encipher(&[], 0);
        assert_eq!(written(once), [0x90, 0xac, 0xee, 0x3f, 0x83, 0xcd, 0xe7, 0xae, 0x56, 0x22, 0xf3]);
        let twice = cipher.encipher(&[], once);
        assert_eq!(written(twice), [0x5b, 0x8b, 0xf1, 0x20, 0xf3, 0x9b, 0xab, 0x85, 0x27, 0xea, 0x1b]);
        // The crate that it is compared with gives NIST's sample 7 (FF1samples.pdf).
        let decimal = FF1::<Aes256>::new(&KEY, 10).expect("a radix");
        let text = FlexibleNumeralString::from((0..10).collect::<Vec<u16>>());
        let sealed: Vec<u16> = decimal.encrypt(&[], &text).expect("digits").into();
        assert_eq!(sealed, [6, 6, 5, 7, 6, 6, 7, 0, 0, 9]);
    }

    #[test]
    fn the_cipher_is_ff1() {
        let (cipher, theirs) = (ShortCipher::new(&KEY), FF1::<Aes256>::new(&KEY, 2).expect("a radix"));
        for number in 0..200_u32 {
            let noise = Sha256::digest(number.to_be_bytes());
            let text = noise[..11].iter().fold(0, |text, byte| text << 8 | u128::from(*byte));
            let tweak = &noise[12..12 + (number % 20) as usize];
            let sealed = cipher.encipher(tweak, text);
            let expected = theirs.encrypt(tweak, &BinaryNumeralString::from_bytes_le(&written(text))).expect("bits");
            assert_eq!(written(sealed).as_slice(), expected.to_bytes_le(), "{number}");
            assert_eq!(cipher.decipher(tweak, sealed), text);
        }
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
        let tokens = if std::env::var_os("DUEHERALD_FUZZ").is_some() { 10_000 } else { 30 };
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
        let guesses = if std::env::var_os("DUEHERALD_FUZZ").is_some() { 10_000_000_u32 } else { 100_000 };
        let (cipher, check_bits) = (ShortCipher::new(&KEY), if guesses > 1_000_000 { 16 } else { 10 });
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
