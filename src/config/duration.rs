//! Durations as people write them: a whole number and a unit, `90s`, `15m`, `12h`, `2d`.

use std::time::Duration;

/// Why a text is no duration; the way to write one.
pub(super) const FORM: &str = r#"write a whole number and s, m, h or d, for example "90s", "15m", "12h" or "2d""#;

/// The longest that is taken, 10 years: everything above is a slip, and everything below fits every type of duration.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Reads a duration; `None` for anything else, and for more than ten years.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    // `parse` alone would take "+5".
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    number.checked_mul(seconds).map(Duration::from_secs).filter(|duration| *duration <= LONGEST)
}

/// Writes a duration in the largest unit that leaves a whole number.
pub(crate) fn format(duration: Duration) -> String {
    let seconds = duration.as_secs();
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
