//! Spans of time in settings: `500ms`, `30s`, `5m`, `2h`.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// For `#[serde(with = "crate::gateway::duration")]`.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = Cow::<'de, str>::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| de::Error::custom("write a time longer than nothing, such as 500ms, 30s, 5m or 2h"))
}

fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    match unit.trim_start() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;
    use std::time::Duration;

    #[test]
    fn a_time_needs_a_number_and_a_unit() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("2h", 7200), (" 1 s ", 1)] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text:?}");
        }
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        for text in ["", "30", "s", "-1s", "0s", "1.5s", "1 day", "99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
