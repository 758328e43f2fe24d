//! Shared by the readers of callbacks and look-ups. They keep no value longer than necessary.

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Asia::Shanghai;
use serde_json::Value;

use crate::domain::{Reply, Report};
use crate::gateway::callback::CallbackError;
use crate::gateway::decode::decode;

/// The most reports that are taken from one callback; providers put a hundred at most into one.
pub(super) const MAX_REPORTS: usize = 1_000;

/// The most characters of a sender that are kept: a number in any form is shorter.
const MAX_SENDER: usize = 40;

/// The reports in a JSON array. An unreadable element is only dropped. If all are unreadable or there are too many, the
/// whole callback is refused, so that the provider repeats it and somebody notices.
pub(super) fn reports(body: &[u8], read: impl Fn(&Value) -> Option<Report>) -> Result<Vec<Report>, CallbackError> {
    let elements = match serde_json::from_str(&decode(body)) {
        Ok(Value::Array(elements)) if elements.len() <= MAX_REPORTS => elements,
        _ => return Err(CallbackError::Unreadable),
    };
    let reports: Vec<_> = elements.iter().filter_map(read).collect();
    let unreadable = elements.len() - reports.len();
    if unreadable > 0 && reports.is_empty() {
        return Err(CallbackError::Unreadable);
    }
    if unreadable > 0 {
        tracing::warn!(
            unreadable,
            "some reports of a callback are not what this provider sends; the others are taken in"
        );
    }
    Ok(reports)
}

/// A field that is not empty, as text: providers are careless about `1` and `"1"`.
pub(super) fn field(value: &Value, name: &str) -> Option<String> {
    let text = match value.get(name)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

/// A reference or a provider's number: at most 128 characters, none of them a control character.
pub(super) fn identifier(text: &str) -> Option<String> {
    let sound = (1..=128).contains(&text.len()) && !text.chars().any(char::is_control);
    sound.then(|| text.to_owned())
}

/// The words of a reply.
pub(super) fn clipped(text: &str) -> String {
    text.chars().take(Reply::MAX_CHARS).collect()
}

/// The number of somebody who replies, as it is written. What is too long to be one is cut.
pub(super) fn sender(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(MAX_SENDER).collect()
}

/// A time in China without a zone, `2026-11-22 08:03:04`.
pub(super) fn chinese_time(text: &str) -> Option<DateTime<Utc>> {
    let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
    Some(Shanghai.from_local_datetime(&time).earliest()?.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::{chinese_time, identifier, sender};

    #[test]
    fn a_sender_is_kept_as_it_is_written() {
        assert_eq!(sender(" +86 138 0013 8003\n"), "+86 138 0013 8003");
        assert_eq!(sender(&"9".repeat(100)).len(), 40);
    }

    #[test]
    fn times_in_china_are_eight_hours_ahead() {
        assert_eq!(chinese_time("2026-11-22 08:03:04").unwrap().to_rfc3339(), "2026-11-22T00:03:04+00:00");
        assert_eq!(chinese_time("yesterday"), None);
    }

    #[test]
    fn an_identifier_is_short_and_plain() {
        assert_eq!(identifier("134523^4351232").as_deref(), Some("134523^4351232"));
        assert_eq!((identifier(""), identifier("a\nb"), identifier(&"x".repeat(129))), (None, None, None));
    }
}
