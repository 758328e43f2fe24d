//! The number of a person who answered, as a gateway gives it.

use std::collections::BTreeSet;

use super::check::phone_number;
use crate::domain::Phone;
use crate::plan::takes_sms;

/// Reads a sender's number: in international form, with or without its `+`, or in national form of one of `countries`
/// (two letters by ISO 3166). `None` for what is valid in none of them, and for what is another number in each of two.
#[must_use]
pub fn read_sender<'c>(text: &str, countries: impl IntoIterator<Item = &'c str>) -> Option<Phone> {
    let text = text.trim();
    let read = |text: &str, country| phone_number(text, country).ok();
    if let Some(phone) = read(text, None) {
        return Some(phone);
    }
    // Only a number that takes SMS can reply to one: 85261234567 is Hong Kong's, although Guizhou has such a landline.
    let of_country = |country: &str| read(text, Some(country.to_ascii_uppercase().parse().ok()?)).filter(takes_sms);
    let mut national: BTreeSet<_> = countries.into_iter().filter_map(of_country).collect();
    match (national.pop_first(), national.is_empty()) {
        (Some(phone), true) => Some(phone),
        (Some(_), false) => None,
        // In a query, a `+` that was not encoded reads as a space.
        (None, _) => read(&format!("+{}", text.strip_prefix("00").unwrap_or(text)), None),
    }
}

#[cfg(test)]
mod tests {
    use super::read_sender;
    use rstest::rstest;

    #[rstest]
    #[case::national("13800138003", &["CN"], Some("+8613800138003"))]
    #[case::blanks("+86 138 0013 8003", &["CN"], Some("+8613800138003"))]
    #[case::lost_plus(" 86 138 0013 8003", &["CN"], Some("+8613800138003"))]
    #[case::without_plus("8613800138003", &["CN"], Some("+8613800138003"))]
    #[case::without_plus_abroad("8613800138003", &["US"], Some("+8613800138003"))]
    #[case::zeros("008613800138003", &["US"], Some("+8613800138003"))]
    #[case::small_letters("13800138003", &["cn"], Some("+8613800138003"))]
    #[case::hong_kong("85261234567", &["CN"], Some("+85261234567"))]
    #[case::america("(202) 555-0123", &["US"], Some("+12025550123"))]
    #[case::one_of_two("2025550123", &["CN", "US"], Some("+12025550123"))]
    #[case::britain("07911 123456", &["GB"], Some("+447911123456"))]
    #[case::india("98765 43210", &["IN"], Some("+919876543210"))]
    #[case::twice_the_same("13800138003", &["CN", "CN"], Some("+8613800138003"))]
    #[case::each_another("0612345678", &["FR", "NL"], None)]
    #[case::a_landline_elsewhere("07911123456", &["GB", "IT"], Some("+447911123456"))]
    #[case::nowhere("12345", &["CN", "US"], None)]
    #[case::short_code("10690000abc", &["CN"], None)]
    #[case::nothing("", &["CN"], None)]
    fn a_sender_is_known_by_its_number(#[case] text: &str, #[case] countries: &[&str], #[case] phone: Option<&str>) {
        let read = read_sender(text, countries.iter().copied());
        assert_eq!(read.as_ref().map(crate::domain::Phone::as_e164), phone);
    }
}
