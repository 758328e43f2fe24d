//! How money and dates are written, by what a file of `locales/` says.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use super::LocaleFile;
use crate::domain::{Currency, Locale, Money, SupportHours};

/// How money and dates are written. It follows the template that was found, not the one that was asked for: a French
/// borrower who is served the English text reads English dates in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumberForm(&'static LocaleFile);

/// An amount with its currency, as a page in that language writes it.
#[must_use]
pub fn money_text(locale: &Locale, money: &Money) -> String {
    NumberForm::of(locale).money(money)
}

/// Sums by currency, as a page in that language writes them.
#[must_use]
pub fn total_text(locale: &Locale, amounts: impl Iterator<Item = Money>) -> String {
    let amounts: Vec<_> = amounts.collect();
    NumberForm::of(locale).total(amounts.iter()).unwrap_or_default()
}

/// A date in full, as a page in that language writes it.
#[must_use]
pub fn date_text(locale: &Locale, date: NaiveDate) -> String {
    NumberForm::of(locale).date_full(date)
}

impl NumberForm {
    pub(super) fn of(locale: &Locale) -> Self {
        Self(LocaleFile::of(locale))
    }

    /// An amount with its currency.
    pub(super) fn money(self, money: &Money) -> String {
        self.amount(money.amount(), money.currency())
    }

    /// Opening hours, for a reader in a time zone.
    pub(super) fn hours(self, hours: &SupportHours, reader_zone: Tz, today: NaiveDate) -> String {
        self.0.hours.text(hours, reader_zone, today)
    }

    /// The words that differ between the variants of the language.
    pub(super) fn words(self) -> &'static BTreeMap<String, String> {
        &self.0.words
    }

    /// Sums by currency, in the order in which the currencies occur: `1,280.50元和20.00美元`. `None` if a sum exceeds what
    /// a `Decimal` holds, 28 digits.
    pub(super) fn total<'a>(self, amounts: impl Iterator<Item = &'a Money>) -> Option<String> {
        let mut sums: Vec<(Currency, Decimal)> = Vec::with_capacity(1);
        for money in amounts {
            match sums.iter_mut().find(|(currency, _)| *currency == money.currency()) {
                Some((_, sum)) => *sum = sum.checked_add(money.amount())?,
                None => sums.push((money.currency(), money.amount())),
            }
        }
        let last = sums.len().saturating_sub(1);
        let mut text = String::new();
        for (index, (currency, sum)) in sums.into_iter().enumerate() {
            if index > 0 {
                text.push_str(if index == last { &self.0.and } else { &self.0.comma });
            }
            text.push_str(&self.amount(sum, currency));
        }
        Some(text)
    }

    /// A date as a short message writes it.
    pub(super) fn date(self, date: NaiveDate, today: NaiveDate) -> String {
        let this_year = self.0.date_this_year.as_ref().filter(|_| date.year() == today.year());
        self.filled(this_year.unwrap_or(&self.0.date), date)
    }

    /// A date in full, for what may be read years later.
    pub(super) fn date_full(self, date: NaiveDate) -> String {
        self.filled(&self.0.date_full, date)
    }

    /// A form with the parts of a date in its places.
    fn filled(self, form: &str, date: NaiveDate) -> String {
        let (month, day) = (date.month(), date.day());
        let mut text = String::with_capacity(form.len() + 8);
        let mut rest = form;
        while let Some((before, (place, after))) =
            rest.split_once('{').and_then(|(before, place)| Some((before, place.split_once('}')?)))
        {
            text.push_str(before);
            match place {
                "year" => text.push_str(&date.year().to_string()),
                "month" => text.push_str(&month.to_string()),
                "day" => text.push_str(&day.to_string()),
                "month_digits" => text.push_str(&format!("{month:02}")),
                "day_digits" => text.push_str(&format!("{day:02}")),
                "month_name" => text.push_str(name_of(&self.0.months, month)),
                "mon" => text.push_str(name_of(&self.0.months_short, month)),
                _ => {}
            }
            rest = after;
        }
        text + rest
    }

    fn amount(self, amount: Decimal, currency: Currency) -> String {
        let code = currency.code();
        let mut number = grouped(&amount.to_string());
        if amount.fract().is_zero() && self.0.whole_amounts.iter().any(|whole| whole == code) {
            number.truncate(number.find('.').unwrap_or(number.len()));
        }
        match (self.0.units.get(code), self.0.symbols.get(code)) {
            (Some(unit), _) => number + unit,
            (None, Some(symbol)) => format!("{symbol}{number}"),
            (None, None) => format!("{code} {number}"),
        }
    }
}

/// The name of a month, 1 to 12.
fn name_of(months: &[String], month: u32) -> &str {
    months.get(month as usize - 1).map_or("", String::as_str)
}

/// Puts a comma before every third digit of a plain decimal number's whole part.
fn grouped(plain: &str) -> String {
    let (whole, fraction) = plain.split_at(plain.find('.').unwrap_or(plain.len()));
    let mut text = String::with_capacity(plain.len() + whole.len() / 3);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(fraction);
    text
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use rstest::rstest;

    use super::NumberForm;
    use crate::domain::{Currency, Locale, Money};

    fn money(amount: &str, code: &str) -> Money {
        Money::parse(amount, Currency::new(code).expect("a code")).expect("an amount")
    }

    fn form(tag: &str) -> NumberForm {
        NumberForm::of(&Locale::new(tag).expect("a tag"))
    }

    #[rstest]
    #[case("zh-CN", "1280.5", "CNY", "1,280.50元")]
    #[case("zh-CN", "99.9", "USD", "99.90美元")]
    #[case("zh-CN", "1.005", "KWD", "KWD 1.005")]
    #[case("zh-HK", "1280.5", "CNY", "CNY 1,280.50")]
    #[case("en", "1280.5", "CNY", "CNY 1,280.50")]
    #[case("en-GB", "1280.5", "GBP", "£1,280.50")]
    #[case("en", "1280.5", "USD", "$1,280.50")]
    #[case("en", "0", "EUR", "€0.00")]
    #[case("en", "5000", "JPY", "JPY 5,000")]
    #[case("en", "99999999999999.99", "USD", "$99,999,999,999,999.99")]
    #[case("en", "123", "JPY", "JPY 123")]
    #[case("de", "1280.5", "EUR", "EUR 1,280.50")]
    fn money_reads_as_in_the_language(#[case] tag: &str, #[case] amount: &str, #[case] code: &str, #[case] text: &str) {
        assert_eq!(form(tag).money(&money(amount, code)), text);
    }

    #[rstest]
    #[case("zh-CN", "11月25日", "2027年1月5日", "2026年11月25日")]
    #[case("en", "Nov 25, 2026", "Jan 5, 2027", "November 25, 2026")]
    #[case("en-GB", "25 Nov 2026", "5 Jan 2027", "25 November 2026")]
    #[case("de", "2026-11-25", "2027-01-05", "2026-11-25")]
    fn dates_read_as_in_the_language(
        #[case] tag: &str,
        #[case] this_year: &str,
        #[case] next_year: &str,
        #[case] full: &str,
    ) {
        let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).expect("a date");
        let (today, due) = (day(2026, 11, 22), day(2026, 11, 25));
        assert_eq!(form(tag).date(due, today), this_year);
        assert_eq!(form(tag).date(day(2027, 1, 5), today), next_year);
        assert_eq!(form(tag).date_full(due), full);
    }

    #[test]
    fn a_total_is_exact_and_keeps_currencies_apart() {
        let amounts = [money("0.1", "CNY"), money("20", "USD"), money("0.2", "CNY")];
        assert_eq!(form("zh-CN").total(amounts.iter()).as_deref(), Some("0.30元和20.00美元"));
        assert_eq!(form("en").total(amounts.iter()).as_deref(), Some("CNY 0.30 and $20.00"));
        let largest = [money("99999999999999.99", "CNY"), money("0.01", "CNY")];
        assert_eq!(form("zh").total(largest.iter()).as_deref(), Some("100,000,000,000,000.00元"));
    }
}
