//! How the values of keys are read: each function gives the value, or what is wrong with it and what to write instead.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use reqwest::Url;
use rust_decimal::Decimal;
use toml::Spanned;
use toml::de::DeValue;

use super::origin::RawNumber;
use crate::domain::{AmountUnit, LONGEST_GRACE};
use crate::plan::{DayHours, GraceDays, read_time_zone};

/// A value of the tree, with how it was written if it did not come from the file.
pub(super) struct Value<'v> {
    pub(super) node: &'v DeValue<'v>,
    pub(super) raw: Option<&'v RawNumber>,
}

impl<'v> Value<'v> {
    /// The value as it may be quoted in an error.
    pub(super) fn shown(&self) -> String {
        const LONGEST: usize = 60;
        let text = match (self.raw, self.node) {
            (Some(RawNumber { secret: true, .. }), _) => return "the value".into(),
            (_, DeValue::String(text)) => text.as_ref(),
            _ => return self.kind().into(),
        };
        let cut: String = text.chars().take(LONGEST).collect();
        if cut.len() < text.len() { format!("{:?}", cut + "…") } else { format!("{cut:?}") }
    }

    /// The kind of the value, for error messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.node {
            DeValue::String(_) => "text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with decimals",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }

    /// The text of it; what came from the environment or from a secret's place is text whatever it looks like.
    fn text(&self) -> Result<&'v str, String> {
        match (self.node, self.raw) {
            (DeValue::String(text), _) => Ok(text),
            (_, Some(raw)) => Ok(&raw.text),
            _ => Err(format!("is {}; write text in quotes", self.kind())),
        }
    }
}

/// Text that is not empty, without outer white space and without control characters.
pub(super) fn text(value: &Value<'_>) -> Result<String, String> {
    let text = value.text()?;
    if text.trim().is_empty() {
        return Err("is empty; write something or leave the key out".into());
    }
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err("has white space at an end or a control character in it; leave that out".into());
    }
    Ok(text.to_owned())
}

/// Text of one or many lines that is not empty.
pub(super) fn lines(value: &Value<'_>) -> Result<String, String> {
    let text = value.text()?;
    if text.trim().is_empty() { Err("is empty; write it".into()) } else { Ok(text.to_owned()) }
}

/// Any text that [`FromStr`] takes: `what` it is to be, `example` as TOML.
pub(super) fn parsed<T: FromStr>(value: &Value<'_>, what: &str, example: &str) -> Result<T, String> {
    let wrong = || format!("{} is {what}; write for example {example}", value.shown());
    value.text()?.parse().map_err(|_| wrong())
}

/// A whole number.
pub(super) fn integer<T>(value: &Value<'_>, range: RangeInclusive<T>) -> Result<T, String>
where
    T: TryFrom<i64> + PartialOrd + std::fmt::Display,
{
    let wanted = || format!("write a whole number from {} to {}", range.start(), range.end());
    let number = match (value.node, value.raw) {
        (DeValue::Integer(digits), _) => i64::from_str_radix(digits.as_str(), digits.radix()).ok(),
        (DeValue::String(_), Some(raw)) => Some(raw.text.parse().map_err(|_| format!("is no number; {}", wanted()))?),
        _ => return Err(format!("is {}; {}", value.kind(), wanted())),
    };
    let fitting = number.and_then(|number| T::try_from(number).ok()).filter(|number| range.contains(number));
    fitting.ok_or_else(|| format!("is out of range; {}", wanted()))
}

/// `true` or `false`.
pub(super) fn flag(value: &Value<'_>) -> Result<bool, String> {
    match (value.node, value.raw) {
        (DeValue::Boolean(flag), _) => Ok(*flag),
        (DeValue::String(_), Some(raw)) if raw.text.parse::<bool>().is_ok() => Ok(raw.text == "true"),
        _ => Err(format!("is {}; write true or false, without quotes", value.kind())),
    }
}

/// A duration longer than nothing.
pub(super) fn duration(value: &Value<'_>) -> Result<Duration, String> {
    let wrong = |shown: &str| format!("{shown} is no duration; {}", crate::domain::duration::FORM);
    let DeValue::String(text) = value.node else { return Err(wrong(value.kind())) };
    let duration = crate::domain::duration::parse(text).ok_or_else(|| wrong(&value.shown()))?;
    if duration.is_zero() { Err(format!("is no time at all; {}", crate::domain::duration::FORM)) } else { Ok(duration) }
}

/// A date.
pub(super) fn date(value: &Value<'_>) -> Result<NaiveDate, String> {
    let written = match value.node {
        // TOML knows dates of its own, without quotes.
        DeValue::Datetime(date) => date.to_string(),
        _ => value.text()?.to_owned(),
    };
    written.parse().map_err(|_| format!(r#"{} is no date; write for example "2026-11-22""#, value.shown()))
}

/// A time of day.
pub(super) fn time(value: &Value<'_>) -> Result<NaiveTime, String> {
    let written = match value.node {
        // TOML knows times of its own, without quotes.
        DeValue::Datetime(time) => time.to_string(),
        _ => value.text()?.to_owned(),
    };
    let time =
        NaiveTime::parse_from_str(&written, "%H:%M").or_else(|_| NaiveTime::parse_from_str(&written, "%H:%M:%S"));
    time.map_err(|_| format!(r#"{} is no time of day; write for example "10:00""#, value.shown()))
}

/// A span of a day.
pub(super) fn day_hours(value: &Value<'_>) -> Result<DayHours, String> {
    text(value)?.parse().map_err(|problem| format!("{} {problem}", value.shown()))
}

/// A whole number of days, written as a duration.
pub(super) fn days(value: &Value<'_>) -> Result<i32, String> {
    const DAY: u64 = 24 * 60 * 60;
    let seconds = duration(value)?.as_secs();
    let days = i32::try_from(seconds / DAY).ok().filter(|_| seconds.is_multiple_of(DAY));
    days.ok_or_else(|| r#"is no whole number of days; write for example "60d""#.to_owned())
}

/// A day of the week.
pub(super) fn weekday(value: &Value<'_>) -> Result<Weekday, String> {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let words = [
        ("monday", Mon),
        ("tuesday", Tue),
        ("wednesday", Wed),
        ("thursday", Thu),
        ("friday", Fri),
        ("saturday", Sat),
        ("sunday", Sun),
    ];
    word(value, &words)
}

/// An amount of money without its currency, not negative.
pub(super) fn decimal(value: &Value<'_>) -> Result<Decimal, String> {
    let written = match value.node {
        DeValue::Integer(digits) => digits.as_str().to_owned(),
        _ => value.text()?.to_owned(),
    };
    let amount = Decimal::from_str_exact(&written).ok().filter(|amount| !amount.is_sign_negative());
    amount.ok_or_else(|| format!(r#"{} is no amount; write for example "99.50""#, value.shown()))
}

/// Days of grace: a number for all, or a table of products; what the table does not name has none.
pub(super) fn grace_days(value: &Value<'_>) -> Result<GraceDays, String> {
    let days = |value: &Value<'_>| integer(value, 0..=LONGEST_GRACE);
    let DeValue::Table(products) = value.node else {
        return Ok(GraceDays { all: days(value)?, products: BTreeMap::new() });
    };
    let of_product = |(product, node): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
        let product = product.get_ref();
        let days = days(&Value { node: node.get_ref(), raw: None });
        days.map(|days| (product.to_string(), days)).map_err(|problem| format!("of {product:?} {problem}"))
    };
    Ok(GraceDays { all: 0, products: products.iter().map(of_product).collect::<Result<_, _>>()? })
}

/// A share of a whole, from 0 to 1.
pub(super) fn share(value: &Value<'_>) -> Result<Decimal, String> {
    let written = match value.node {
        DeValue::Integer(digits) => digits.as_str().to_owned(),
        DeValue::Float(digits) => digits.as_str().to_owned(),
        _ => value.text()?.to_owned(),
    };
    let share = Decimal::from_str_exact(&written).ok().filter(|share| (Decimal::ZERO..=Decimal::ONE).contains(share));
    share.ok_or_else(|| format!("{} is no share; write 0 to 1, for example 0.05", value.shown()))
}

/// The unit of amounts.
pub(super) fn amount_unit(value: &Value<'_>) -> Result<AmountUnit, String> {
    word(value, &[("major", AmountUnit::Major), ("minor", AmountUnit::Minor)])
}

/// A time zone.
pub(super) fn time_zone(value: &Value<'_>) -> Result<Tz, String> {
    read_time_zone(value.text()?).map_err(|problem| format!("{} {problem}", value.shown()))
}

/// An address to listen on.
pub(super) fn listen(value: &Value<'_>) -> Result<SocketAddr, String> {
    parsed(value, "no address and port to listen on", r#""127.0.0.1:8080""#)
}

/// One of a closed list of words.
pub(super) fn word<T: Clone>(value: &Value<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let text = value.text()?;
    let names = || super::mistake::any_of(words.iter().map(|(name, _)| *name));
    let found = words.iter().find(|(name, _)| *name == text);
    found.map(|(_, word)| word.clone()).ok_or_else(|| format!("{} is unknown; write {}", value.shown(), names()))
}

/// An https address without user-info, with plain http for this machine only; as it was written.
pub(super) fn web_address(value: &Value<'_>) -> Result<String, String> {
    let written = text(value)?;
    let url: Url = parsed(value, "no address", r#""https://pay.example.com/""#)?;
    match (url.scheme(), url.host_str()) {
        ("https", Some(_)) | ("http", Some("localhost" | "127.0.0.1" | "[::1]")) => without_user(&url)?,
        ("http", _) => return Err("is not encrypted; write https:// (http:// is for localhost only)".into()),
        _ => return Err("is no web address; write one that begins with https://".into()),
    }
    Ok(written)
}

/// The address that something is put behind: as [`web_address`], without query and fragment, and without a slash at its
/// end.
pub(super) fn base_address(value: &Value<'_>) -> Result<String, String> {
    let written = web_address(value)?;
    if written.contains(['?', '#']) {
        return Err("has a ? or # in it, but a path is put behind it; leave out what begins there".into());
    }
    Ok(written.trim_end_matches('/').to_owned())
}

/// An instant.
pub(super) fn instant(value: &Value<'_>) -> Result<DateTime<Utc>, String> {
    let written = match value.node {
        // TOML knows instants of its own, without quotes.
        DeValue::Datetime(instant) => instant.to_string(),
        _ => value.text()?.to_owned(),
    };
    let wrong = |_| {
        let shown = value.shown();
        format!(r#"{shown} is no instant with its distance from UTC; write for example "2026-12-01T00:00:00+08:00""#)
    };
    DateTime::parse_from_rfc3339(&written).map(|instant| instant.to_utc()).map_err(wrong)
}

fn without_user(url: &Url) -> Result<(), String> {
    if url.username().is_empty() && url.password().is_none() {
        Ok(())
    } else {
        Err("names a user or a password, which must not be part of an address; remove the part before the @".into())
    }
}
