//! Normalises phone numbers to E.164.

use phonenumber::country;

use crate::domain::Phone;

/// The most digits that a number may have with an international prefix and a trunk zero: 15 by E.164 and some.
const MAX_DIGITS: usize = 20;

/// The most digits of an extension.
const MAX_EXTENSION: usize = 5;

/// Brings a phone number as people write it into E.164 form. `country` is the one whose national numbers are meant.
///
/// White space, hyphens, dots, slashes and brackets between the digits do not matter, nor do full-width digits and the
/// invisible direction marks that phone books put around a number. Anything else, an extension included, is no number.
/// Digits at the end that may be an extension or decimals are none of the number, and then which number is meant is not
/// known: a stranger may have the longer one. Only `.0`, which a spreadsheet adds, is sure, and passed over.
pub(super) fn normalise(text: &str, country: Option<country::Id>) -> Option<Phone> {
    let mut buffer = [0; MAX_DIGITS + 1];
    // A leading apostrophe marks a number as text in a spreadsheet.
    let (number, end) = bare(text.strip_prefix('\'').unwrap_or(text), &mut buffer)?;
    let number = if end.is_decimal_zero(number) { &number[..number.len() - end.length] } else { number };
    if number.len() > end.begin && end.may_be_extension(|| read(&number[..end.begin], country).is_some()) {
        return None;
    }
    read(number, country)
}

/// Reads a number without separators.
fn read(number: &str, country: Option<country::Id>) -> Option<Phone> {
    if let Some(mobile) = mainland_mobile(number, country) {
        let mut e164 = *b"+8600000000000";
        e164[3..].copy_from_slice(mobile.as_bytes());
        return Phone::new(str::from_utf8(&e164).ok()?).ok();
    }
    match (number.strip_prefix('+'), country) {
        (Some(digits), _) => international(digits),
        (None, Some(country)) => match after_international_prefix(number, country) {
            Some(digits) => international(digits),
            None => checked(&phonenumber::parse(Some(country), number).ok()?),
        },
        (None, None) => None,
    }
}

/// The separator between the last digits of a number and those before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Separator {
    #[default]
    Nothing,
    /// White space, or a bracket that closes.
    Space,
    /// A hyphen or a slash.
    Hyphen,
    Dot,
    /// A bracket that opens: what is in brackets at the end is a remark.
    Bracket,
}

/// The last digits of a number that stand by themselves.
#[derive(Debug, Clone, Copy, Default)]
struct LastGroup {
    separator: Separator,
    /// Where they begin.
    begin: usize,
    length: usize,
    /// How many digits the group before has.
    before: usize,
}

impl LastGroup {
    /// Whether they are the decimals of a number that went through a spreadsheet or a program as a number.
    fn is_decimal_zero(self, number: &str) -> bool {
        self.separator == Separator::Dot
            && self.length <= 2
            && self.before > 2
            && number[self.begin..].bytes().all(|digit| digit == b'0')
    }

    /// Whether they may be an extension. Numbers are grouped in pairs (06.12.34.56.78, 345-67), but a pair behind a
    /// longer group is none of these; more digits may be one if the rest is a number without them.
    fn may_be_extension(self, is_number_without: impl FnOnce() -> bool) -> bool {
        let is_short = self.length == 1 || (self.length == 2 && self.before > 3);
        match self.separator {
            Separator::Nothing => false,
            Separator::Bracket => self.length <= MAX_EXTENSION,
            Separator::Hyphen | Separator::Dot => is_short || (self.length <= MAX_EXTENSION && is_number_without()),
            Separator::Space => is_short && is_number_without(),
        }
    }
}

/// The digits of `text` with at most one `+`, which is at the front, and the last group of them.
fn bare<'a>(text: &str, buffer: &'a mut [u8; MAX_DIGITS + 1]) -> Option<(&'a str, LastGroup)> {
    let mut length = 0;
    let mut group = LastGroup::default();
    let mut separator = Separator::Nothing;
    for letter in text.chars() {
        let byte = match letter {
            '0'..='9' => letter as u8,
            '０'..='９' => b'0' + u8::try_from(u32::from(letter) - u32::from('０')).ok()?,
            '+' | '＋' if length == 0 => b'+',
            '-' | '/' | '－' | '／' | '\u{2010}'..='\u{2015}' | '\u{2212}' => {
                separator = Separator::Hyphen;
                continue;
            }
            '.' | '．' => {
                separator = Separator::Dot;
                continue;
            }
            '(' | '（' => {
                separator = Separator::Bracket;
                continue;
            }
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' => continue,
            _ if letter.is_whitespace() || matches!(letter, ')' | '）') => {
                // A hyphen with a space beside it is a hyphen.
                if separator == Separator::Nothing || letter == ')' || letter == '）' {
                    separator = Separator::Space;
                }
                continue;
            }
            _ => return None,
        };
        if separator != Separator::Nothing && length > 0 {
            group = LastGroup { separator, begin: length, length: 0, before: group.length };
        }
        separator = Separator::Nothing;
        group.length += usize::from(byte != b'+');
        *buffer.get_mut(length)? = byte;
        length += 1;
    }
    Some((str::from_utf8(&buffer[..length]).ok()?, group))
}

/// The eleven digits of a mobile number of mainland China, if `number` is surely one.
///
/// This spares most rows the library's 9 µs. It is a part of the library's own pattern for such numbers (its metadata
/// 9.0.33: `1(?:[38]\d|5[0-35-9]|…)\d{8}`), and a test holds it against the library for every prefix; all others go to
/// the library.
fn mainland_mobile(number: &str, country: Option<country::Id>) -> Option<&str> {
    let mobile = match number.strip_prefix("+86") {
        Some(rest) => rest,
        None if country == Some(country::CN) => number.strip_prefix("0086").unwrap_or(number),
        None => return None,
    };
    let sure = matches!(mobile.as_bytes(), [b'1', b'3' | b'8', _, ..] | [b'1', b'5', b'0'..=b'3' | b'5'..=b'9', ..]);
    (sure && mobile.len() == 11).then_some(mobile)
}

/// The digits after the prefix that is dialled in `country` to call another one, `00` in most.
fn after_international_prefix(number: &str, country: country::Id) -> Option<&str> {
    let prefix = phonenumber::metadata::DATABASE.by_id(country.as_ref())?.international_prefix()?;
    let found = prefix.find(number).filter(|found| found.start() == 0)?;
    Some(&number[found.end()..])
}

/// Reads a number that begins with its country code.
fn international(digits: &str) -> Option<Phone> {
    // Without a country, so that the library does not strip another country's trunk prefix from it.
    let number = phonenumber::parse(None, format!("+{digits}")).ok()?;
    // Only a trunk zero, as in +44 (0)20 …, may have been taken out: nobody else's number may come of it.
    let national = digits.strip_prefix(&number.code().value().to_string())?;
    let kept = number.national().to_string();
    (national == kept || national.strip_prefix('0') == Some(&kept)).then_some(())?;
    checked(&number)
}

fn checked(number: &phonenumber::PhoneNumber) -> Option<Phone> {
    if number.extension().is_some() || !phonenumber::is_valid(number) {
        return None;
    }
    Phone::new(&format!("+{}{}", number.code().value(), number.national())).ok()
}

#[cfg(test)]
mod tests {
    use phonenumber::country::{self, Id};
    use rstest::rstest;

    use super::{checked, mainland_mobile, normalise};

    #[rstest]
    #[case::plain(country::CN, "13800138000", "+8613800138000")]
    #[case::spaces(country::CN, "138 0013 8000", "+8613800138000")]
    #[case::hyphens(country::CN, "138-0013-8000", "+8613800138000")]
    #[case::plus(country::CN, "+86 138 0013 8000", "+8613800138000")]
    #[case::brackets(country::CN, "(+86)13800138000", "+8613800138000")]
    #[case::idd(country::CN, "0086 138 0013 8000", "+8613800138000")]
    #[case::no_plus(country::CN, "8613800138000", "+8613800138000")]
    #[case::full_width(country::CN, "＋８６　１３８００１３８０００", "+8613800138000")]
    #[case::direction_marks(country::CN, "\u{202d}13800138000\u{202c}", "+8613800138000")]
    #[case::narrow_block(country::CN, "17400012345", "+8617400012345")]
    #[case::newer_block(country::CN, "19912345678", "+8619912345678")]
    #[case::landline(country::CN, "010-6552 9988", "+861065529988")]
    #[case::landline_abroad(country::CN, "+86 (0)755 8328 8888", "+8675583288888")]
    #[case::hong_kong(country::CN, "+852 9123 4567", "+85291234567")]
    #[case::hong_kong_idd(country::CN, "00852 91234567", "+85291234567")]
    #[case::from_us(country::US, "+86 138 0013 8000", "+8613800138000")]
    #[case::from_us_idd(country::US, "011 86 138 0013 8000", "+8613800138000")]
    #[case::us(country::US, "(415) 555-2671", "+14155552671")]
    #[case::us_long_distance(country::US, "1 415 555 2671", "+14155552671")]
    #[case::us_dots(country::US, "415.555.2671", "+14155552671")]
    #[case::us_plus(country::CN, "+1 415 555 2671", "+14155552671")]
    #[case::uk(country::GB, "020 7946 0958", "+442079460958")]
    #[case::uk_trunk_zero(country::GB, "+44 (0)20 7946 0958", "+442079460958")]
    #[case::uk_mobile(country::GB, "07911 123456", "+447911123456")]
    // The library, given US, would strip the leading 1 of this one as an American trunk prefix.
    #[case::uk_from_us(country::US, "+44 1273 123456", "+441273123456")]
    #[case::india(country::IN, "098765 43210", "+919876543210")]
    #[case::float(country::CN, "13800138000.0", "+8613800138000")]
    #[case::landline_float(country::CN, "010-65529988.0", "+861065529988")]
    #[case::float_of_two_decimals(country::CN, "8613800138000.00", "+8613800138000")]
    #[case::float_abroad(country::CN, "+43664348319.0", "+43664348319")]
    #[case::float_without_trunk_zero(country::ID, "812007996.0", "+62812007996")]
    #[case::text_of_a_spreadsheet(country::CN, "'13800138000", "+8613800138000")]
    #[case::french_pairs(country::FR, "06.12.34.56.78", "+33612345678")]
    #[case::russian_pairs(country::RU, "8 (912) 345-67-89", "+79123456789")]
    #[case::a_space_beside_the_hyphen(country::CN, "0755 - 8328 8888", "+8675583288888")]
    #[case::italy_keeps_its_zero(country::IT, "02 3661 8300", "+390236618300")]
    fn a_number_comes_out_in_e164(#[case] country: Id, #[case] text: &str, #[case] e164: &str) {
        assert_eq!(normalise(text, Some(country)).map(|phone| phone.as_e164().to_owned()).as_deref(), Some(e164));
    }

    #[rstest]
    #[case::empty("")]
    #[case::plus_alone("+")]
    #[case::word("unknown")]
    #[case::short("1380013800")]
    #[case::long("138001380000")]
    #[case::no_such_block("12345678901")]
    #[case::landline_without_area("65529988")]
    #[case::service_number("95588")]
    #[case::emergency("110")]
    #[case::two_numbers("13800138000/13900139000")]
    #[case::two_pluses("+86+13800138000")]
    #[case::plus_inside("86+13800138000")]
    #[case::extension("010-65529988 ext 12")]
    #[case::extension_x("010-65529988x12")]
    #[case::extension_hash("010-65529988#12")]
    #[case::extension_in_chinese("010-65529988转12")]
    #[case::extension_in_chinese_words("010-65529988分机12")]
    #[case::extension_by_hyphen("010-65529988-1")]
    #[case::extension_by_hyphen_of_a_short_number("0539-8123456-8")]
    #[case::extension_of_three_digits("0539-8123456-801")]
    #[case::extension_abroad("+43 664 348319-10")]
    #[case::extension_by_slash("010-65529988/2")]
    #[case::extension_by_full_width_hyphen("0539－8123456－8")]
    #[case::extension_by_space("0539-8123456 8")]
    #[case::extension_in_brackets("0539-8123456(8)")]
    #[case::extension_by_comma("010-65529988,,12")]
    #[case::decimals("0539-8123456.5")]
    #[case::decimal_of_a_mobile("1380013800.5")]
    #[case::masked("138****8000")]
    #[case::excel("1.38E+10")]
    #[case::no_such_country("+999 123 456 789")]
    #[case::us_invalid("+1 155 555 2671")]
    #[case::double_country_code("+86 86 13800138000")]
    #[case::trunk_prefix_abroad("+1 1 415 555 2671")]
    #[case::carrier_prefix_abroad("+86 17951 13800138000")]
    #[case::zeros("00000000000")]
    #[case::endless("138001380001380013800013800138000")]
    fn what_is_no_number_is_refused(#[case] text: &str) {
        assert_eq!(normalise(text, Some(country::CN)), None);
    }

    /// As every country writes its numbers, at home and abroad, by the library's own example and format of each.
    #[test]
    fn numbers_as_each_country_writes_them_are_understood() {
        use phonenumber::Mode::{International, National, Rfc3966};
        let mut lost = Vec::new();
        for plan in phonenumber::metadata::DATABASE.iter() {
            let Ok(country) = plan.id().parse::<Id>() else { continue };
            let Some(example) = plan.descriptors().mobile().and_then(|mobile| mobile.example()) else { continue };
            let Ok(number) = phonenumber::parse(Some(country), example) else { continue };
            let Some(expected) = checked(&number) else { continue };
            for mode in [International, National, Rfc3966] {
                let written = number.format().mode(mode).to_string();
                let written = written.trim_start_matches("tel:");
                // If the library itself cannot read a number back, its data is at fault.
                let is_sound = phonenumber::parse(Some(country), written)
                    .is_ok_and(|read| checked(&read) == Some(expected.clone()));
                if is_sound && normalise(written, Some(country)).as_ref() != Some(&expected) {
                    lost.push((plan.id().to_owned(), written.to_owned()));
                }
            }
        }
        assert!(lost.is_empty(), "{lost:?}");
    }

    #[test]
    fn without_a_country_only_international_form_is_understood() {
        assert!(normalise("+8613800138000", None).is_some());
        assert!(normalise("+14155552671", None).is_some());
        assert_eq!(normalise("13800138000", None), None);
    }

    #[test]
    fn the_short_way_for_mainland_mobiles_agrees_with_the_library() {
        let mut sure = 0;
        for prefix in 0..10_000 {
            for tail in ["0000000", "5555555", "9999999"] {
                let number = format!("{prefix:04}{tail}");
                if mainland_mobile(&number, Some(country::CN)).is_none() {
                    continue;
                }
                let parsed = phonenumber::parse(Some(country::CN), &number).unwrap();
                let phone = checked(&parsed).unwrap();
                assert_eq!(phone.as_e164(), format!("+86{number}"));
                assert_eq!(normalise(&number, Some(country::CN)).as_ref(), Some(&phone));
                sure += 1;
            }
        }
        assert_eq!(sure, (10 + 9 + 10) * 10 * 3, "13x, 15x but for 154, 18x");
    }
}
