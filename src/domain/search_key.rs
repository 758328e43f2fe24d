//! Search keys of borrowers, in the one form in which they are compared: the input of staff and the values of the
//! ledger go through the same functions.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::{PersonName, Phone};

/// A name in the form in which names are searched: in small letters, without accents, spaces and punctuation,
/// compatible characters unified. `Anne-Marie d'Été` and `anne marie d’ete` are one; traditional and simplified
/// characters are two. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NameKey(Box<str>);

impl NameKey {
    /// Reads what somebody searches for; `None` where no letter and no digit is in it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let is_accent = |letter: &char| matches!(letter, '\u{300}'..='\u{36f}');
        let plain = text.nfkd().filter(|letter| !is_accent(letter));
        // By way of capitals: ß has none of its own, and Greek has two small forms of one letter, Turkish of another.
        let small = plain.flat_map(char::to_uppercase).flat_map(char::to_lowercase).map(without_stroke);
        let is_kept = |letter: &char| letter.is_alphanumeric() || is_combining_mark(*letter);
        let key: String = small.filter(is_kept).nfc().collect();
        key.chars().any(char::is_alphanumeric).then(|| Self(key.into()))
    }

    /// The key in the clear, as a database without encryption keeps it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Letters with a stroke, which no normal form takes off.
fn without_stroke(letter: char) -> char {
    match letter {
        'đ' | 'ð' => 'd',
        'ł' => 'l',
        'ø' => 'o',
        other => other,
    }
}

impl PersonName {
    /// The name as names are searched.
    #[must_use]
    pub fn key(&self) -> Option<NameKey> {
        NameKey::read(self.as_str())
    }
}

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameKey(…)")
    }
}

/// The last four digits of a phone number. `Debug` hides them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneTail(Box<str>);

impl PhoneTail {
    /// Reads what somebody searches for: four digits as any keyboard writes them; `None` for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let digits: String = text.trim().nfkc().collect();
        let is_tail = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_tail.then(|| Self(digits.into()))
    }

    /// The digits in the clear, as a database without encryption keeps them.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&Phone> for PhoneTail {
    fn from(phone: &Phone) -> Self {
        Self(phone.tail().into())
    }
}

impl fmt::Debug for PhoneTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneTail(…)")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{NameKey, PhoneTail};
    use crate::domain::Phone;

    #[rstest]
    #[case::capitals("LI WEI", "Li Wei")]
    #[case::spaces("欧阳 晓雯", "欧阳晓雯")]
    #[case::middle_dot("阿卜杜拉·买买提", "阿卜杜拉 买买提")]
    #[case::full_width("Ｌｉ　Ｗｅｉ", "li wei")]
    #[case::accents("Anne-Marie d'Été", "anne marie d’ete")]
    #[case::decomposed("Nguye\u{302}\u{303}n", "Nguyễn")]
    #[case::without_tones("Đặng Thị Ánh", "dang thi anh")]
    #[case::sharp_s("Groß", "GROSS")]
    #[case::final_sigma("Νίκος", "ΝΙΚΟΣ")]
    #[case::turkish("İpek Işık", "ipek isik")]
    #[case::half_width_kana("ﾀﾅｶ", "タナカ")]
    fn spellings_of_one_name_are_one(#[case] one: &str, #[case] other: &str) {
        let key = NameKey::read(one).expect("a name");
        assert_eq!(Some(&key), NameKey::read(other).as_ref());
        assert_eq!(NameKey::read(key.reveal()), Some(key.clone()), "the form is its own form");
    }

    #[rstest]
    #[case::characters("李伟", "李玮")]
    #[case::voiced_kana("かき", "がき")]
    #[case::vowel_signs("रवि", "रव")]
    #[case::hangul("김민수", "김민서")]
    fn two_names_are_two(#[case] one: &str, #[case] other: &str) {
        assert_ne!(NameKey::read(one).expect("a name"), NameKey::read(other).expect("a name"));
    }

    #[test]
    fn what_has_no_letter_is_no_name() {
        for text in ["", " ", "·-'", "❤\u{fe0f}", "\u{301}"] {
            assert_eq!(NameKey::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn four_digits_are_the_end_of_a_number() {
        let phone = Phone::new("+8613800130013").expect("a number");
        for text in ["0013", " 0013 ", "００１３"] {
            assert_eq!(PhoneTail::read(text), Some(PhoneTail::from(&phone)), "{text}");
        }
        for text in ["", "013", "00013", "001a", "٠٠١٣"] {
            assert_eq!(PhoneTail::read(text), None, "{text}");
        }
    }
}
