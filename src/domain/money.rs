//! Amounts of money with their currency (ISO 4217).

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Why a text is no amount of money. Never holds the amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a code of ISO 4217.
    #[error("is not a currency code of ISO 4217 such as CNY")]
    UnknownCurrency,
    /// Not a plain decimal number.
    #[error("is not a plain decimal number such as 1280.50")]
    NotANumber,
    /// Below zero.
    #[error("is negative")]
    Negative,
    /// Above [`MAX_INTEGER_DIGITS`] digits before the point.
    #[error("is larger than {MAX_INTEGER_DIGITS} digits before the point")]
    TooLarge,
    /// More digits after the point than the currency has.
    #[error("has more than {exponent} decimals, which is all that {currency} has")]
    TooManyDecimals {
        /// The currency's code.
        currency: &'static str,
        /// How many decimals it has.
        exponent: u32,
    },
    /// No whole number of minor units.
    #[error("is in minor units and so a whole number such as 12850; a fraction suggests another amount_unit")]
    NotWhole,
    /// A sum of two currencies.
    #[error("mixes currencies")]
    MixedCurrencies,
}

/// The most digits before the decimal point: what `numeric(18, 4)` in the PostgreSQL migration holds.
pub const MAX_INTEGER_DIGITS: u32 = 14;

/// The unit in which a lender writes amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AmountUnit {
    /// The currency's own unit: `128.50` CNY.
    #[default]
    Major,
    /// The smallest unit that ISO 4217 gives the currency, in whole numbers: `12850` is 128.50 CNY, 12850 JPY or 12.850
    /// KWD.
    Minor,
}

/// A word that is no [`AmountUnit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not one of major, minor")]
pub struct UnknownAmountUnit;

impl AmountUnit {
    /// Reads an amount in this unit.
    ///
    /// # Errors
    /// As [`Money::parse`], and [`MoneyError::NotWhole`].
    pub fn parse(self, text: &str, currency: Currency) -> Result<Money, MoneyError> {
        match self {
            Self::Major => Money::parse(text, currency),
            Self::Minor => Money::parse_minor(text, currency),
        }
    }
}

impl std::str::FromStr for AmountUnit {
    type Err = UnknownAmountUnit;
    fn from_str(word: &str) -> Result<Self, UnknownAmountUnit> {
        match word.to_ascii_lowercase().as_str() {
            "major" => Ok(Self::Major),
            "minor" => Ok(Self::Minor),
            _ => Err(UnknownAmountUnit),
        }
    }
}

impl fmt::Display for AmountUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Major => "major",
            Self::Minor => "minor",
        })
    }
}

/// A currency of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// Finds a currency by its three-letter code, in either case.
    ///
    /// # Errors
    /// [`MoneyError::UnknownCurrency`].
    pub fn new(code: &str) -> Result<Self, MoneyError> {
        iso_currency::Currency::from_code(&code.to_ascii_uppercase()).map(Self).ok_or(MoneyError::UnknownCurrency)
    }

    /// The three-letter code.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Digits after the decimal point, by ISO 4217: 2 for CNY, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(code: String) -> Result<Self, MoneyError> {
        Self::new(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

/// An amount, zero or more, in a currency, with at most as many decimals as the currency has. `Debug` hides the amount.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    amount: Decimal,
    currency: Currency,
}

impl Money {
    /// Checks sign, size and decimals, and gives the amount the currency's scale (`128.5` CNY becomes `128.50`).
    ///
    /// # Errors
    /// [`MoneyError::Negative`], [`MoneyError::TooLarge`] or [`MoneyError::TooManyDecimals`].
    pub fn new(amount: Decimal, currency: Currency) -> Result<Self, MoneyError> {
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(MoneyError::Negative);
        }
        if amount.trunc() >= Decimal::from(10_u64.pow(MAX_INTEGER_DIGITS)) {
            return Err(MoneyError::TooLarge);
        }
        let exponent = currency.exponent();
        if amount.normalize().scale() > exponent {
            return Err(MoneyError::TooManyDecimals { currency: currency.code(), exponent });
        }
        let mut amount = amount.abs();
        amount.rescale(exponent);
        Ok(Self { amount, currency })
    }

    /// Reads a plain decimal number: digits, at most one point, no exponent, no grouping.
    ///
    /// # Errors
    /// As [`Money::new`], and [`MoneyError::NotANumber`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let plain = text.strip_prefix('-').unwrap_or(text);
        let shaped = plain.starts_with(|c: char| c.is_ascii_digit())
            && plain.ends_with(|c: char| c.is_ascii_digit())
            && plain.bytes().filter(|byte| *byte == b'.').count() <= 1
            && plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if !shaped {
            return Err(MoneyError::NotANumber);
        }
        let whole = plain.split('.').next().unwrap_or_default().trim_start_matches('0');
        if whole.len() > MAX_INTEGER_DIGITS as usize {
            return Err(MoneyError::TooLarge);
        }
        // Exact: an inexact parse would round a long tail of decimals away without a word.
        let amount = Decimal::from_str_exact(text)
            .map_err(|_| MoneyError::TooManyDecimals { currency: currency.code(), exponent: currency.exponent() })?;
        Self::new(amount, currency)
    }

    /// Reads a whole number of the currency's smallest units. A point is refused even before zeros: whoever writes
    /// `128.50` does not mean 1.28.
    fn parse_minor(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(MoneyError::NotANumber);
        }
        if digits.contains('.') {
            return Err(MoneyError::NotWhole);
        }
        let number: i64 = text.parse().map_err(|_| MoneyError::TooLarge)?;
        Self::new(Decimal::new(number, currency.exponent()), currency)
    }

    /// The number, at the currency's scale.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        self.amount
    }

    /// The currency.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// The remainder after `paid` of the same currency, zero at least. An amount in another currency pays nothing.
    #[must_use]
    pub fn less(&self, paid: &Self) -> Self {
        let paid = if paid.currency == self.currency { paid.amount } else { Decimal::ZERO };
        let mut amount = (self.amount - paid).max(Decimal::ZERO);
        amount.rescale(self.currency.exponent());
        Self { amount, currency: self.currency }
    }

    /// The sum of two amounts of one currency.
    ///
    /// # Errors
    /// [`MoneyError::MixedCurrencies`]; [`MoneyError::TooLarge`].
    pub fn plus(&self, other: &Self) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::MixedCurrencies);
        }
        Self::new(self.amount + other.amount, self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Money(… {})", self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::{AmountUnit, Currency, Money, MoneyError};

    fn parse(text: &str, code: &str) -> Result<String, MoneyError> {
        Money::parse(text, Currency::new(code)?).map(|money| money.amount().to_string())
    }

    #[test]
    fn amounts_are_exact_and_bounded() {
        assert_eq!(parse("128.5", "CNY").as_deref(), Ok("128.50"));
        assert_eq!(parse("0", "cny").as_deref(), Ok("0.00"));
        assert_eq!(parse("5000", "JPY").as_deref(), Ok("5000"));
        assert_eq!(parse("1.005", "KWD").as_deref(), Ok("1.005"));
        assert_eq!(parse("1.100", "CNY").as_deref(), Ok("1.10"), "zeros at the end are no decimals");
        assert_eq!(parse("99999999999999.99", "CNY").as_deref(), Ok("99999999999999.99"));
    }

    #[test]
    fn minor_units_have_the_exponent_of_the_currency() {
        let parse = |text: &str, code: &str| {
            AmountUnit::Minor.parse(text, Currency::new(code)?).map(|money| money.amount().to_string())
        };
        for (text, code, expected) in [
            ("12345", "CNY", "123.45"),
            ("12345", "JPY", "12345"),
            ("12345", "KWD", "12.345"),
            ("5", "CNY", "0.05"),
            ("0", "CNY", "0.00"),
            ("-0", "CNY", "0.00"),
            ("007", "KWD", "0.007"),
            ("9999999999999999", "CNY", "99999999999999.99"),
        ] {
            assert_eq!(parse(text, code).as_deref(), Ok(expected), "{text} {code}");
        }
        for (text, code, expected) in [
            ("123.45", "CNY", MoneyError::NotWhole),
            ("123.00", "CNY", MoneyError::NotWhole),
            ("12345.", "JPY", MoneyError::NotWhole),
            ("-1", "CNY", MoneyError::Negative),
            ("10000000000000000", "CNY", MoneyError::TooLarge),
            ("100000000000000", "JPY", MoneyError::TooLarge),
            ("99999999999999999999", "CNY", MoneyError::TooLarge),
            ("", "CNY", MoneyError::NotANumber),
            ("-", "CNY", MoneyError::NotANumber),
            ("1e3", "CNY", MoneyError::NotANumber),
            ("12,345", "CNY", MoneyError::NotANumber),
            ("+5", "CNY", MoneyError::NotANumber),
        ] {
            assert_eq!(parse(text, code), Err(expected), "{text} {code}");
        }
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "NaN", "inf", "1e3", "1,280.50", "¥5", " 5", "5.", ".5", "+5", "1.2.3", "０"] {
            assert_eq!(parse(text, "CNY"), Err(MoneyError::NotANumber), "{text:?}");
        }
        assert_eq!(parse("-0.01", "CNY"), Err(MoneyError::Negative));
        assert_eq!(parse("100000000000000", "CNY"), Err(MoneyError::TooLarge));
        assert_eq!(parse(&"9".repeat(60), "CNY"), Err(MoneyError::TooLarge));
        let too_fine = Err(MoneyError::TooManyDecimals { currency: "CNY", exponent: 2 });
        assert_eq!(parse("1.005", "CNY"), too_fine);
        assert_eq!(parse(&format!("1.{}1", "0".repeat(40)), "CNY"), too_fine);
        assert_eq!(parse("1", "XYZ"), Err(MoneyError::UnknownCurrency));
    }
}
