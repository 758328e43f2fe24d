use chrono::{Datelike, NaiveDate};
use rust_decimal::Decimal;

use crate::domain::{Currency, Locale, Money};

/// How money and dates are written. It follows the template that was found, not the one that was asked for: a French
/// borrower who is served the English text reads English dates in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// 1,280.50元, 11月25日.
    Simplified,
    /// CNY 1,280.50, 11月25日: outside the mainland 元 alone does not say which one.
    Traditional,
    /// $1,280.50, CNY 1,280.50, 25 Nov 2026: nothing in it is outside GSM-7, and no date can be misread.
    English,
    /// CNY 1,280.50, 2026-11-25: for languages whose form this version does not know.
    Neutral,
}

/// An amount with its currency, as a page in that language writes it.
#[must_use]
pub fn money_text(locale: &Locale, money: &Money) -> String {
    Form::of(locale).money(money)
}

impl Form {
    pub(super) fn of(locale: &Locale) -> Self {
        let traditional = |tag: &str| tag.split('-').any(|part| matches!(part, "Hant" | "TW" | "HK" | "MO"));
        match locale.language() {
            "zh" if traditional(locale.as_str()) => Self::Traditional,
            "zh" => Self::Simplified,
            "en" => Self::English,
            _ => Self::Neutral,
        }
    }

    /// An amount with its currency.
    pub(super) fn money(self, money: &Money) -> String {
        self.amount(money.amount(), money.currency())
    }

    /// Sums by currency, in the order in which the currencies occur: `1,280.50元和20.00美元`. `None` if a sum exceeds what a
    /// `Decimal` holds, 28 digits.
    pub(super) fn total<'a>(self, amounts: impl Iterator<Item = &'a Money>) -> Option<String> {
        let mut sums: Vec<(Currency, Decimal)> = Vec::with_capacity(1);
        for money in amounts {
            match sums.iter_mut().find(|(currency, _)| *currency == money.currency()) {
                Some((_, sum)) => *sum = sum.checked_add(money.amount())?,
                None => sums.push((money.currency(), money.amount())),
            }
        }
        let (comma, and) = match self {
            Self::Simplified | Self::Traditional => ("、", "和"),
            Self::English => (", ", " and "),
            Self::Neutral => (" + ", " + "),
        };
        let last = sums.len().saturating_sub(1);
        let mut text = String::new();
        for (index, (currency, sum)) in sums.into_iter().enumerate() {
            if index > 0 {
                text.push_str(if index == last { and } else { comma });
            }
            text.push_str(&self.amount(sum, currency));
        }
        Some(text)
    }

    /// A date as a short message writes it; the Chinese form leaves out the year if it is this year's.
    pub(super) fn date(self, date: NaiveDate, today: NaiveDate) -> String {
        let (year, month, day) = (date.year(), date.month(), date.day());
        match self {
            Self::Simplified | Self::Traditional if year == today.year() => format!("{month}月{day}日"),
            Self::English => format!("{day} {} {year}", &english_month(month)[..3]),
            Self::Simplified | Self::Traditional | Self::Neutral => self.date_full(date),
        }
    }

    /// A date in full, for what may be read years later.
    pub(super) fn date_full(self, date: NaiveDate) -> String {
        let (year, month, day) = (date.year(), date.month(), date.day());
        match self {
            Self::Simplified | Self::Traditional => format!("{year}年{month}月{day}日"),
            Self::English => format!("{day} {} {year}", english_month(month)),
            Self::Neutral => date.to_string(),
        }
    }

    fn amount(self, amount: Decimal, currency: Currency) -> String {
        let number = grouped(&amount.to_string());
        let code = currency.code();
        match (self, code) {
            (Self::Simplified, _) => match simplified_unit(code) {
                Some(unit) => number + unit,
                None => format!("{code} {number}"),
            },
            (Self::English, "USD") => format!("${number}"),
            (Self::English, "GBP") => format!("£{number}"),
            (Self::English, "EUR") => format!("€{number}"),
            // Not ¥: it stands for two currencies.
            (Self::English | Self::Traditional | Self::Neutral, _) => format!("{code} {number}"),
        }
    }
}

fn simplified_unit(code: &str) -> Option<&'static str> {
    Some(match code {
        "CNY" => "元",
        "USD" => "美元",
        "HKD" => "港元",
        "EUR" => "欧元",
        "GBP" => "英镑",
        "JPY" => "日元",
        _ => return None,
    })
}

fn english_month(month: u32) -> &'static str {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    // chrono's months are 1 to 12.
    MONTHS[(month as usize - 1) % 12]
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

    use super::Form;
    use crate::domain::{Currency, Locale, Money};

    fn money(amount: &str, code: &str) -> Money {
        Money::parse(amount, Currency::new(code).expect("a code")).expect("an amount")
    }

    fn form(tag: &str) -> Form {
        Form::of(&Locale::new(tag).expect("a tag"))
    }

    #[rstest]
    #[case("zh-CN", "1280.5", "CNY", "1,280.50元")]
    #[case("zh-CN", "99.9", "USD", "99.90美元")]
    #[case("zh-CN", "1.005", "KWD", "KWD 1.005")]
    #[case("zh-TW", "1280.5", "CNY", "CNY 1,280.50")]
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
    #[case("en", "25 Nov 2026", "5 Jan 2027", "25 November 2026")]
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
