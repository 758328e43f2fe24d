//! A text as its difference from a base that is known to writer and reader: pieces that are copied from the base, and
//! bytes that are not in it.
//!
//! A delta is a sequence of steps. Each begins with a number whose lowest bit says which: 0, literal bytes follow, as
//! many as the rest of the number says; 1, that many bytes are copied from the base, at the place where the last copy
//! ended, moved by the signed number that follows (zigzag). No literal is empty: 0 says that an earlier one comes
//! again, and its number follows, counted from 0. An e-mail says an amount, a date and a link several times, so this
//! saves two fifths of its delta. Numbers are little-endian groups of seven bits; the highest bit of a byte says that
//! another one follows.

/// Shorter pieces are not copied: a copy takes three bytes or more itself.
const SHORTEST_COPY: usize = 6;

/// How many literals are looked through for one that comes again. A number below it takes one byte.
const MOST_REPEATED: usize = 128;

/// How many bytes are read to find a piece of [`SHORTEST_COPY`].
const WINDOW: usize = 8;

/// Fibonacci hashing: 2^64 divided by the golden ratio.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// A base with an index of its pieces, which is made once.
pub(super) struct DeltaBase {
    text: Box<[u8]>,
    /// By the hash of a piece: its first place in the text, from 1; 0 where there is none.
    places: Box<[u32]>,
    shift: u32,
}

impl DeltaBase {
    pub(super) fn new(text: Vec<u8>) -> Self {
        let size = text.len().next_power_of_two().max(2);
        let mut base =
            Self { text: text.into(), places: vec![0; size].into(), shift: u64::BITS - size.trailing_zeros() };
        for place in (0..base.text.len().saturating_sub(WINDOW - 1)).rev() {
            let slot = base.slot(window(&base.text[place..]).unwrap_or_default());
            base.places[slot] = u32::try_from(place + 1).unwrap_or_default();
        }
        base
    }

    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// How much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        self.text.len() + size_of_val(&*self.places)
    }

    /// Appends the delta of a text, which comes in parts.
    pub(super) fn encode(&self, parts: &[&str], delta: &mut Vec<u8>) {
        let mut writer = DeltaWriter::new(delta);
        parts.iter().for_each(|part| self.encode_part(part.as_bytes(), &mut writer));
    }

    fn encode_part<'t>(&self, target: &'t [u8], writer: &mut DeltaWriter<'t, '_>) {
        let (mut at, mut written) = (0, 0);
        while let Some(piece) = target.get(at..).and_then(window) {
            let Some(from) = self.find(piece) else {
                at += 1;
                continue;
            };
            let length = common_start(&self.text[from..], &target[at..]);
            if length < SHORTEST_COPY {
                at += 1;
                continue;
            }
            let back = common_end(&self.text[..from], &target[written..at]);
            writer.literal(&target[written..at - back]);
            writer.copy(from - back, length + back);
            at += length;
            written = at;
        }
        writer.literal(&target[written..]);
    }

    fn find(&self, piece: u64) -> Option<usize> {
        let place = self.places[self.slot(piece)].checked_sub(1)?;
        usize::try_from(place).ok()
    }

    fn slot(&self, piece: u64) -> usize {
        usize::try_from(piece.wrapping_mul(MULTIPLIER) >> self.shift).unwrap_or_default()
    }
}

/// Appends the steps of a delta.
struct DeltaWriter<'t, 'd> {
    delta: &'d mut Vec<u8>,
    /// Those that were written, in their order.
    literals: Vec<&'t [u8]>,
    /// Where in the base the last copy ended.
    expected: usize,
}

impl<'t, 'd> DeltaWriter<'t, 'd> {
    fn new(delta: &'d mut Vec<u8>) -> Self {
        Self { delta, literals: Vec::new(), expected: 0 }
    }

    fn literal(&mut self, text: &'t [u8]) {
        if text.is_empty() {
            return;
        }
        match self.literals.iter().take(MOST_REPEATED).position(|earlier| *earlier == text) {
            Some(number) if text.len() > 1 => {
                write_number(self.delta, 0);
                write_number(self.delta, number);
            }
            _ => {
                write_number(self.delta, text.len() << 1);
                self.delta.extend_from_slice(text);
                self.literals.push(text);
            }
        }
    }

    fn copy(&mut self, from: usize, length: usize) {
        write_number(self.delta, length << 1 | 1);
        write_number(self.delta, zigzag(from, self.expected));
        self.expected = from + length;
    }
}

/// Appends the delta of a text that needs no base, which comes in parts.
pub(super) fn encode_literal(parts: &[&str], delta: &mut Vec<u8>) {
    let mut writer = DeltaWriter::new(delta);
    parts.iter().for_each(|part| writer.literal(part.as_bytes()));
}

/// The text of a delta; `None` if it is none, or of more than `limit` bytes.
pub(super) fn decode(base: &[u8], mut delta: &[u8], limit: usize) -> Option<Vec<u8>> {
    let (mut text, mut expected) = (Vec::new(), 0);
    let mut literals: Vec<&[u8]> = Vec::new();
    while !delta.is_empty() {
        let step = read_number(&mut delta)?;
        let piece: &[u8] = match (step >> 1, step & 1) {
            (0, 0) => literals.get(read_number(&mut delta)?).copied()?,
            (length, 0) => {
                let literal = delta.split_off(..length)?;
                literals.push(literal);
                literal
            }
            (length, _) => {
                let from = unzigzag(read_number(&mut delta)?, expected)?;
                expected = from.checked_add(length)?;
                base.get(from..expected)?
            }
        };
        if piece.len() > limit - text.len() {
            return None;
        }
        text.extend_from_slice(piece);
    }
    Some(text)
}

pub(super) fn write_number(into: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        into.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    into.push(number.to_le_bytes()[0]);
}

/// Takes a number off the front; `None` if there is none below 2^28.
pub(super) fn read_number(from: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for group in 0..4 {
        let byte = *from.split_off_first()?;
        number |= usize::from(byte & 0x7f) << (7 * group);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn zigzag(place: usize, expected: usize) -> usize {
    if place >= expected { (place - expected) << 1 } else { (expected - place) << 1 | 1 }
}

fn unzigzag(number: usize, expected: usize) -> Option<usize> {
    match (number >> 1, number & 1) {
        (distance, 0) => expected.checked_add(distance),
        // Each place has one way of writing it.
        (0, _) => None,
        (distance, _) => expected.checked_sub(distance),
    }
}

/// The first [`SHORTEST_COPY`] bytes as a number, if there are [`WINDOW`].
fn window(text: &[u8]) -> Option<u64> {
    let first: &[u8; WINDOW] = text.first_chunk()?;
    Some(u64::from_le_bytes(*first) << (8 * (WINDOW - SHORTEST_COPY)))
}

/// How many bytes two texts begin with in common.
fn common_start(one: &[u8], other: &[u8]) -> usize {
    let (ours, _) = one.as_chunks::<WINDOW>();
    let (theirs, _) = other.as_chunks::<WINDOW>();
    let whole = ours.iter().zip(theirs).take_while(|(one, other)| one == other).count() * WINDOW;
    whole + one[whole..].iter().zip(&other[whole..]).take_while(|(one, other)| one == other).count()
}

/// How many bytes two texts end with in common.
fn common_end(one: &[u8], other: &[u8]) -> usize {
    one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DeltaBase, decode};

    const LIMIT: usize = 1 << 20;

    fn delta(base: &str, target: &str) -> Vec<u8> {
        let mut delta = Vec::new();
        DeltaBase::new(base.into()).encode(&[target], &mut delta);
        delta
    }

    #[test]
    fn what_two_texts_share_is_not_written_again() {
        let base =
            "【示例商城】王小明您好，您11月25日应还1,000.00元，请打开 https://pay.example.com/r/AWk3xSampleToken 还款";
        let like = "【示例商城】李伟您好，您12月1日应还88.10元，请打开 https://pay.example.com/r/B9jZqMJ_XJWzZBIE 还款";
        let delta = delta(base, like);
        assert!(delta.len() < 64, "{} of {} bytes", delta.len(), like.len());
        assert_eq!(decode(base.as_bytes(), &delta, LIMIT).as_deref(), Some(like.as_bytes()));
        assert_eq!(decode(base.as_bytes(), &delta, like.len() - 1), None, "it is longer than that");
    }

    #[test]
    fn what_a_text_says_again_is_written_once() {
        let base = "Dear Ann, pay at https://pay.example.com/r/AWk3xSampleToken or <a href=\"https://pay.example.com/r/\
                    AWk3xSampleToken\">here</a>, Ann. https://pay.example.com/r/AWk3xSampleToken";
        let like = base.replace("AWk3xSampleToken", "B9jZqMJ_XJWzZBIE").replace("Ann", "李伟");
        let delta = delta(base, &like);
        assert!(delta.len() < 55, "{} bytes", delta.len());
        assert_eq!(decode(base.as_bytes(), &delta, LIMIT).as_deref(), Some(like.as_bytes()));
        assert_eq!(decode(base.as_bytes(), &delta, like.len() - 1), None, "it is longer than that");
        assert_eq!(decode(b"", &[4, b'a', b'b', 0, 0, 0, 0], LIMIT).as_deref(), Some(&b"ababab"[..]));
        assert_eq!(decode(b"", &[4, b'a', b'b', 0, 1], LIMIT), None, "there is only one");
    }

    #[test]
    fn what_is_no_delta_is_refused() {
        let whole = delta("a text to be copied from", "a text to be copied, and more");
        for cut in 1..whole.len() {
            let text = decode(b"a text to be copied from", &whole[..cut], LIMIT);
            assert!(text.is_none_or(|text| text.len() < 29), "{cut} bytes of it");
        }
        // A copy from behind the end, from before the beginning, a number that does not end, a literal that is cut.
        for garbage in [&[0x09, 0x7e][..], &[0x09, 0x01], &[0xff, 0xff, 0xff, 0xff, 0xff], &[0x08, b'a']] {
            assert_eq!(decode(b"short", garbage, LIMIT), None, "{garbage:?}");
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(base in "[ab您好0-9]{0,90}", target in "[ab您好0-9]{0,90}", shared in ".{0,40}") {
            let (base, target) = (format!("{base}{shared}{base}"), format!("{shared}{target}{shared}"));
            let delta = delta(&base, &target);
            prop_assert_eq!(decode(base.as_bytes(), &delta, LIMIT), Some(target.into_bytes()));
        }

        #[test]
        fn garbage_neither_panics_nor_grows(garbage: Vec<u8>) {
            let text = decode(b"a base of some bytes", &garbage, 1000);
            prop_assert!(text.is_none_or(|text| text.len() <= 1000));
        }
    }
}
