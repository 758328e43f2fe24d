//! Check codes: short enough to be read over the phone, and a proof that a message is one of ours.
//!
//! A code is a reminder's number, put through a permutation of all numbers of 50 bits that only the link key knows: a
//! balanced Feistel network of eight rounds over HMAC-SHA256 (Luby and Rackoff, 1988). So nothing is stored, and a code
//! opens to its reminder. With ten million messages one guess in a hundred million is one of ours, and tells no more
//! than whose name it was sent in and when.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::LinkKeys;
use crate::domain::ReminderId;

/// Without 0 and O, 1 and I: ten of these are 50 bits.
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const CHARS: usize = 10;

/// Each half of a number.
const HALF_BITS: u32 = 25;
const HALF: u64 = (1 << HALF_BITS) - 1;

const ROUNDS: u8 = 8;

/// Separates this use of a key from all others.
const LABEL: &[u8] = b"dueherald check code, 1";

impl LinkKeys {
    /// The check code of a reminder: ten letters and digits, the same every time; `None` for numbers that no database
    /// gives.
    #[must_use]
    pub fn check_code(&self, reminder: ReminderId) -> Option<String> {
        let number = u64::try_from(reminder.0).ok().filter(|number| number >> (2 * HALF_BITS) == 0)?;
        let (mut left, mut right) = (number >> HALF_BITS, number & HALF);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ mixed(self.first(), round, right));
        }
        Some(written((left << HALF_BITS) | right))
    }

    /// The reminders that a code may be of, one for each key; none for what is no code. Most numbers are no reminder's:
    /// that is for the store to say. Small letters, spaces and hyphens are as good, and so is I or 1 for L.
    #[must_use]
    pub fn open_check_code(&self, code: &str) -> Vec<ReminderId> {
        let Some(number) = number(code) else { return Vec::new() };
        let open = |key: &[u8; 64]| {
            let (mut left, mut right) = (number >> HALF_BITS, number & HALF);
            for round in (0..ROUNDS).rev() {
                (left, right) = (right ^ mixed(key, round, left), left);
            }
            i64::try_from((left << HALF_BITS) | right).map(ReminderId).ok()
        };
        self.secrets().filter_map(open).collect()
    }
}

/// A number in the letters of a code.
fn written(number: u64) -> String {
    let letter = |place: usize| {
        // The remainder is below 32.
        let letter = usize::try_from((number >> (5 * place)) % 32).unwrap_or_default();
        char::from(LETTERS[letter])
    };
    (0..CHARS).rev().map(letter).collect()
}

/// Decodes the letters of a code; `None` for text that is no code.
fn number(code: &str) -> Option<u64> {
    let mut number = 0;
    let mut count = 0;
    for letter in code.bytes().filter(|letter| !matches!(letter, b' ' | b'-')) {
        let letter = match letter.to_ascii_uppercase() {
            b'I' | b'1' => b'L',
            letter => letter,
        };
        count += 1;
        let place = LETTERS.iter().position(|known| *known == letter).filter(|_| count <= CHARS)?;
        number = (number << 5) | u64::try_from(place).ok()?;
    }
    (count == CHARS).then_some(number)
}

fn mixed(key: &[u8; 64], round: u8, half: u64) -> u64 {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(LABEL);
    mac.update(&[round]);
    mac.update(&half.to_be_bytes());
    let bytes = mac.finalize().into_bytes();
    u64::from_be_bytes(std::array::from_fn(|place| bytes[place])) & HALF
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::LinkKeys;
    use crate::domain::ReminderId;

    fn keys(ids: &[u8]) -> LinkKeys {
        LinkKeys::new(ids.iter().map(|id| (*id, [*id ^ 0x5a; 32]))).expect("32 bytes each")
    }

    #[test]
    fn a_code_opens_to_its_reminder_and_is_the_same_every_time() {
        let keys = keys(&[1]);
        for id in [0, 1, 2, 41, 10_000_000, (1 << 50) - 1] {
            let code = keys.check_code(ReminderId(id)).expect("a code");
            assert_eq!(code.len(), 10);
            assert!(code.bytes().all(|letter| letter.is_ascii_alphanumeric() && !b"01OI".contains(&letter)), "{code}");
            assert_eq!(keys.check_code(ReminderId(id)).as_ref(), Some(&code));
            assert_eq!(keys.open_check_code(&code), [ReminderId(id)]);
        }
        for none in [-1, 1 << 50, i64::MAX, i64::MIN] {
            assert_eq!(keys.check_code(ReminderId(none)), None);
        }
    }

    #[test]
    fn a_code_of_this_version_opens_in_every_later_one() {
        assert_eq!(keys(&[7]).check_code(ReminderId(42)).as_deref(), Some("ZZ7X3BP8XY"));
    }

    #[test]
    fn people_may_write_a_code_as_they_like() {
        let keys = keys(&[1]);
        let mut written = 0;
        for id in 0..200 {
            let code = keys.check_code(ReminderId(id)).expect("a code");
            let spaced = format!(" {}-{} ", code[..5].to_lowercase(), &code[5..]);
            assert_eq!(keys.open_check_code(&spaced), [ReminderId(id)]);
            if code.contains('L') {
                written += 1;
                assert_eq!(keys.open_check_code(&code.replace('L', "1")), [ReminderId(id)]);
                assert_eq!(keys.open_check_code(&code.replace('L', "i")), [ReminderId(id)]);
            }
        }
        assert!(written > 0);
    }

    #[test]
    fn what_is_no_code_opens_nothing() {
        let keys = keys(&[1]);
        let long = "A".repeat(1_000_000);
        for text in ["", "ABCDE", "ABCDEFGHJKL", "ABCDEFGHJ0", "ABCDEFGHJé", "ABCDE_FGHJ", &long] {
            assert_eq!(keys.open_check_code(text), [], "{:.20}", text);
        }
    }

    #[test]
    fn neighbours_look_nothing_alike_and_guesses_find_nothing() {
        let keys = keys(&[1]);
        let codes: Vec<_> = (0..10_000).filter_map(|id| keys.check_code(ReminderId(id))).collect();
        let starts: BTreeSet<_> = codes.iter().map(|code| &code[..6]).collect();
        // Six letters are 30 bits: of ten thousand some 0.05 pairs would agree by chance.
        assert!(starts.len() >= codes.len() - 2, "{} of {}", starts.len(), codes.len());
        // Counting up from a code that is known leads to none of them.
        let known = super::number(&codes[5]).expect("a code");
        let found =
            (1..10_000).filter(|step| keys.open_check_code(&super::written((known + step) % (1 << 50)))[0].0 < 10_000);
        assert_eq!(found.count(), 0);
    }

    #[test]
    fn after_a_rotation_old_codes_open_among_others() {
        let old = keys(&[1]).check_code(ReminderId(5)).expect("a code");
        let opened = keys(&[2, 1]).open_check_code(&old);
        assert!(opened.len() == 2 && opened.contains(&ReminderId(5)));
        assert_ne!(keys(&[2]).open_check_code(&old), [ReminderId(5)]);
    }
}
