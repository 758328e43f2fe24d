//! Durations as people write them in settings: a whole number and a unit, `500ms`, `90s`, `15m`, `12h`, `2d`.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Why a text is no duration; the way to write one.
pub const FORM: &str = r#"write a whole number and ms, s, m, h or d, for example "90s", "15m", "12h" or "2d""#;

/// The longest that is taken, 10 years: everything above is a slip, and everything below fits every type of duration.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Reads a duration; `None` for anything else, and for more than ten years.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60 * 1_000,
        "h" => 60 * 60 * 1_000,
        "d" => 24 * 60 * 60 * 1_000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    number.checked_mul(millis).map(Duration::from_millis).filter(|duration| *duration <= LONGEST)
}

/// For `#[serde(with = "crate::domain::duration")]`: a duration longer than nothing.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).filter(|duration| !duration.is_zero()).ok_or_else(|| de::Error::custom(FORM))
}

/// Writes a duration in the largest unit that leaves a whole number.
#[must_use]
pub fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_millis() > 0 {
        return format!("{}ms", duration.as_millis());
    }
    let unit = [(24 * 60 * 60, 'd'), (60 * 60, 'h'), (60, 'm')];
    match unit.into_iter().find(|(size, _)| seconds > 0 && seconds.is_multiple_of(*size)) {
        Some((size, letter)) => format!("{}{letter}", seconds / size),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::{format, parse};
    use rstest::rstest;

    #[rstest]
    #[case("90s", 90)]
    #[case("15m", 900)]
    #[case("12h", 43_200)]
    #[case("2d", 172_800)]
    #[case("0s", 0)]
    fn a_number_and_a_unit_is_a_duration(#[case] text: &str, #[case] seconds: u64) {
        assert_eq!(parse(text).map(|duration| duration.as_secs()), Some(seconds));
    }

    #[rstest]
    #[case("")]
    #[case("s")]
    #[case("90")]
    #[case("90 s")]
    #[case("+5s")]
    #[case("-5s")]
    #[case("1.5h")]
    #[case("1h30m")]
    #[case("5 分")]
    #[case("5分")]
    #[case("99999999999999999999d")]
    #[case("9999999999999999d")]
    #[case("3661d")]
    fn everything_else_is_none(#[case] text: &str) {
        assert_eq!(parse(text), None);
    }

    #[test]
    fn what_is_written_reads_back() {
        for text in ["90s", "15m", "12h", "2d", "0s", "25h"] {
            assert_eq!(parse(text).map(format).as_deref(), Some(text));
        }
    }
}
