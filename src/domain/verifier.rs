//! The answer that a page asks a borrower for: something that the message does not contain.

use std::fmt;

use super::BLIND_MARK;

/// Why a text verifies nobody. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is neither the last four characters of an ID, such as 123X, nor a day of birth, such as 03-12")]
pub struct VerifierError;

/// The kind of a verifier, which decides the question on the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerifierKind {
    /// The last four characters of an identity document.
    IdDigits,
    /// Month and day of birth.
    Birthday,
}

/// Four characters that a borrower knows: the end of an ID (`123X`), or month and day of birth (`0312`). `Debug` hides
/// them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Verifier {
    kind: VerifierKind,
    text: Box<str>,
}

/// Characters of a verifier.
const LENGTH: usize = 4;

impl Verifier {
    /// Reads a cell of the ledger: an ID or its end, or a date of birth with or without its year (`1990-03-12`, `3/12`,
    /// `3月12日`). Four digits without a separator are the end of an ID.
    ///
    /// # Errors
    /// [`VerifierError`].
    pub fn read(text: &str) -> Result<Self, VerifierError> {
        let text = half_width(text);
        match parts_of_date(&text) {
            Some(parts) => Self::birthday(&parts),
            None => Self::id_digits(&text),
        }
    }

    /// Reads an answer to the question of that kind. A birthday may be given as four digits, too.
    ///
    /// # Errors
    /// [`VerifierError`].
    pub fn answer(kind: VerifierKind, text: &str) -> Result<Self, VerifierError> {
        let text = half_width(text);
        match kind {
            VerifierKind::IdDigits => Self::id_digits(&text),
            VerifierKind::Birthday => match parts_of_date(&text) {
                Some(parts) => Self::birthday(&parts),
                None if text.len() == LENGTH && text.is_ascii() => Self::birthday(&[&text[..2], &text[2..]]),
                None => Err(VerifierError),
            },
        }
    }

    fn id_digits(text: &str) -> Result<Self, VerifierError> {
        let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect::<String>().to_ascii_uppercase();
        let sound = (LENGTH..=30).contains(&plain.len()) && plain.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !sound {
            return Err(VerifierError);
        }
        // The text is ASCII, so the cut is on a character border.
        let end = &plain[plain.len() - LENGTH..];
        let digits = end.bytes().filter(u8::is_ascii_digit).count();
        // A Chinese ID may end in X; letters elsewhere are a slip of the pen.
        if digits < LENGTH - 1 || end[..LENGTH - 1].bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return Err(VerifierError);
        }
        Ok(Self { kind: VerifierKind::IdDigits, text: end.into() })
    }

    fn birthday(parts: &[&str]) -> Result<Self, VerifierError> {
        let (month, day) = match parts {
            [year, month, day] if year.len() == 4 => (month, day),
            [month, day] => (month, day),
            _ => return Err(VerifierError),
        };
        let number = |text: &str| text.parse::<u32>().ok().filter(|_| text.len() <= 2).ok_or(VerifierError);
        let (month, day) = (number(month)?, number(day)?);
        // A leap year, so that the 29th of February is a birthday.
        if chrono::NaiveDate::from_ymd_opt(2000, month, day).is_none() {
            return Err(VerifierError);
        }
        Ok(Self { kind: VerifierKind::Birthday, text: format!("{month:02}{day:02}").into() })
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> VerifierKind {
        self.kind
    }

    /// The four characters in the clear.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// Digits and letters of Chinese keyboards are as good as others.
fn half_width(text: &str) -> String {
    let plain = |c: char| match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    };
    text.chars().map(plain).collect::<String>().trim().to_owned()
}

/// The numbers of a date; `None` if the text is not written as one.
fn parts_of_date(text: &str) -> Option<Vec<&str>> {
    let text = text.trim_end_matches(['日', '号']);
    let parts: Vec<_> = text.split(['-', '/', '.', '年', '月']).map(str::trim).collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    // Of an ID that is written in groups some are longer.
    let short = |part: &&str| part.len() <= 2;
    let dated = match parts.as_slice() {
        [month, day] => short(month) && short(day),
        [year, month, day] => year.len() == 4 && short(month) && short(day),
        _ => false,
    };
    (dated && parts.iter().all(digits)).then_some(parts)
}

/// A verifier as it is kept: a keyed hash, and what is to be asked for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifierHash {
    kind: VerifierKind,
    text: Box<str>,
}

impl VerifierHash {
    /// Of a hash as [`KeyRing`](super::KeyRing) makes it.
    #[must_use]
    pub(super) fn new(kind: VerifierKind, hash: &str) -> Self {
        let word = match kind {
            VerifierKind::IdDigits => "id",
            VerifierKind::Birthday => "birthday",
        };
        Self { kind, text: [word, hash].concat().into() }
    }

    /// Reads what [`VerifierHash::as_text`] wrote.
    ///
    /// # Errors
    /// [`VerifierError`].
    pub fn stored(text: &str) -> Result<Self, VerifierError> {
        let (word, _) = text.split_once(BLIND_MARK).ok_or(VerifierError)?;
        let kind = match word {
            "id" => VerifierKind::IdDigits,
            "birthday" => VerifierKind::Birthday,
            _ => return Err(VerifierError),
        };
        Ok(Self { kind, text: text.into() })
    }

    /// The kind of answer to ask for.
    #[must_use]
    pub fn kind(&self) -> VerifierKind {
        self.kind
    }

    /// As the store keeps it.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for VerifierHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierHash({:?}, …)", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{Verifier, VerifierKind};

    #[rstest]
    #[case::end_of_an_id("1234", VerifierKind::IdDigits, "1234")]
    #[case::id_that_ends_in_x("123x", VerifierKind::IdDigits, "123X")]
    #[case::whole_id("44030119900312123X", VerifierKind::IdDigits, "123X")]
    #[case::full_width("１２３Ｘ", VerifierKind::IdDigits, "123X")]
    #[case::groups("440301-19900312-1234", VerifierKind::IdDigits, "1234")]
    #[case::digits_that_may_be_a_day("0312", VerifierKind::IdDigits, "0312")]
    #[case::month_and_day("03-12", VerifierKind::Birthday, "0312")]
    #[case::without_zeros("3/12", VerifierKind::Birthday, "0312")]
    #[case::with_the_year("1990-03-12", VerifierKind::Birthday, "0312")]
    #[case::chinese("1990年3月12日", VerifierKind::Birthday, "0312")]
    #[case::chinese_without_year("3月12号", VerifierKind::Birthday, "0312")]
    #[case::leap_day("02-29", VerifierKind::Birthday, "0229")]
    fn a_cell_is_normalised(#[case] cell: &str, #[case] kind: VerifierKind, #[case] text: &str) {
        let read = Verifier::read(cell).expect("it verifies");
        assert_eq!((read.kind(), read.reveal()), (kind, text));
    }

    #[rstest]
    #[case::too_short("987")]
    #[case::letters("ABCD")]
    #[case::letter_inside("1X34")]
    #[case::no_such_day("02-30")]
    #[case::day_before_month("31-12")]
    #[case::words("see file")]
    #[case::chinese_words("一二三四")]
    #[case::sentence("1234, as on the card; call me back please")]
    fn what_verifies_nobody_is_refused(#[case] cell: &str) {
        let refused = Verifier::read(cell).expect_err("it is refused").to_string();
        assert!(!refused.contains(cell), "{refused}");
    }

    #[rstest]
    #[case("0312")]
    #[case("３月１２日")]
    #[case(" 3-12 ")]
    fn a_birthday_is_answered_in_any_form(#[case] said: &str) {
        let answer = Verifier::answer(VerifierKind::Birthday, said).expect("a day");
        assert_eq!(answer, Verifier::read("1990-03-12").expect("a day"));
    }
}
