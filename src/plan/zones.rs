//! Time zones that a borrower may live in, by country.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono_tz::Tz;

use crate::domain::{Borrower, Merchant, Phone};

/// The time zones that a borrower may live in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zones {
    home: Tz,
    others: Vec<Tz>,
}

impl Zones {
    /// This zone and no other.
    #[must_use]
    pub fn one(zone: Tz) -> Self {
        Self { home: zone, others: Vec::new() }
    }

    /// The borrower's own zone, where the ledger has it. Else the merchant's, which is sure for a country of one zone;
    /// where the merchant's country has several, or the phone is of another country than the merchant, each zone that
    /// it could be.
    #[must_use]
    pub fn of(borrower: &Borrower, merchant: &Merchant) -> Self {
        if let Some(zone) = borrower.time_zone {
            return Self::one(zone);
        }
        let countries = &*COUNTRIES;
        let at_home: &[Tz] = countries.zones.get(merchant.country.as_str()).map_or(&[], Vec::as_slice);
        // The only zone of its country is what the config says that it is.
        let at_home = if at_home.len() > 1 { at_home } else { &[] };
        let phone = borrower.phone.as_ref().map_or(&[][..], |phone| countries.of_phone(phone));
        let abroad = phone.iter().filter(|country| **country != merchant.country);
        let mut others = at_home.to_vec();
        others.extend(abroad.flat_map(|country| countries.zones.get(country)).flatten());
        others.sort_unstable_by_key(|zone| zone.name());
        others.dedup();
        others.retain(|zone| *zone != merchant.time_zone);
        Self { home: merchant.time_zone, others }
    }

    /// The likeliest: whose date and time of day count for rules and texts.
    #[must_use]
    pub fn home(&self) -> Tz {
        self.home
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Tz> {
        std::iter::once(self.home).chain(self.others.iter().copied())
    }
}

/// The content of `countries.txt`.
struct Countries {
    zones: BTreeMap<&'static str, Vec<Tz>>,
    by_prefix: BTreeMap<&'static str, Vec<&'static str>>,
    longest_prefix: usize,
}

static COUNTRIES: LazyLock<Countries> = LazyLock::new(|| {
    let mut countries = Countries { zones: BTreeMap::new(), by_prefix: BTreeMap::new(), longest_prefix: 0 };
    for line in include_str!("countries.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let (Some(country), Some(prefixes)) = (words.next(), words.next()) else { continue };
        // A name that chrono-tz does not know would be a test's failure.
        countries.zones.insert(country, words.filter_map(|zone| zone.parse().ok()).collect());
        for prefix in prefixes.split(',').filter(|prefix| *prefix != "-") {
            countries.by_prefix.entry(prefix).or_default().push(country);
            countries.longest_prefix = countries.longest_prefix.max(prefix.len());
        }
    }
    countries
});

impl Countries {
    /// The countries that a number may be of: by the longest prefix that fits.
    fn of_phone(&self, phone: &Phone) -> &[&'static str] {
        let digits = &phone.as_e164()[1..];
        let prefixes = (1..=self.longest_prefix.min(digits.len())).rev().map(|length| &digits[..length]);
        prefixes.filter_map(|prefix| self.by_prefix.get(prefix)).next().map_or(&[], Vec::as_slice)
    }
}

/// The countries that a number may be of; none for numbers of no country, such as those of satellite networks.
pub(super) fn countries_of(phone: &Phone) -> &'static [&'static str] {
    COUNTRIES.of_phone(phone)
}

#[cfg(test)]
mod tests {
    use super::COUNTRIES;
    use crate::domain::Phone;
    use rstest::rstest;

    #[test]
    fn every_zone_of_the_table_is_known() {
        let names = include_str!("countries.txt").lines().filter(|line| !line.starts_with('#'));
        for line in names {
            let zones = line.split(' ').skip(2).count();
            let country = line.split(' ').next().unwrap_or_default();
            assert!(zones > 0 && COUNTRIES.zones[country].len() == zones, "{line}");
        }
    }

    #[rstest]
    #[case("+8613800138000", &["CN"])]
    #[case("+14155552671", &["US"])]
    #[case("+14165552671", &["CA"])]
    #[case("+18765552671", &["JM"])]
    #[case("+447911123456", &["GB"])]
    #[case("+919876543210", &["IN"])]
    #[case("+79161234567", &["RU"])]
    #[case("+77011234567", &["KZ"])]
    #[case("+85291234567", &["HK"])]
    #[case("+262692123456", &["RE", "YT"])]
    #[case("+870773111632", &[])]
    fn a_number_tells_its_country(#[case] number: &str, #[case] countries: &[&str]) {
        assert_eq!(COUNTRIES.of_phone(&Phone::new(number).unwrap()), countries);
    }

    #[test]
    fn prefixes_agree_with_the_library() {
        for (prefix, countries) in &COUNTRIES.by_prefix {
            for country in countries {
                let known = phonenumber::metadata::DATABASE.by_id(*country);
                let code = known.map(|known| known.country_code().to_string()).unwrap();
                assert!(prefix.starts_with(&code), "{country} has {code}, not {prefix}");
            }
        }
    }
}
