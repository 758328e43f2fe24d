//! Classifies answers without the provider's own codes: by HTTP alone, the same for all providers.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Asia::Shanghai;

use super::client::{Body, NoAnswer, ProviderResponse};
use crate::domain::{Code, Outcome, RejectScope};
use crate::gateway::net;

/// The outcome that an answer means.
#[derive(Debug)]
pub(super) struct ReadResponse {
    pub(super) outcome: Outcome,
    /// The provider's code, if none of our tables contains it.
    pub(super) undocumented: Option<Code>,
}

impl From<Outcome> for ReadResponse {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, undocumented: None }
    }
}

/// The outcome of a request without an answer.
pub(super) fn without_answer(no_answer: &NoAnswer) -> Outcome {
    match no_answer {
        NoAnswer::NotConnected(code) => net::not_sent(code),
        NoAnswer::Lost(code) => net::unknown(code),
    }
}

/// The outcome by status alone. `scope` is that of a 4xx that does not point to the gateway.
pub(super) fn by_status(answer: &ProviderResponse, now: DateTime<Utc>, scope: RejectScope) -> Outcome {
    let code = status_code(answer, None);
    let scope = match answer.status {
        429 => return Outcome::RetryAfter { code, after: retry_after(answer, now) },
        // Not followed, and what it was said to was not done (RFC 9110, 15.4). A 302 or 303 may follow what was.
        301 | 307 | 308 => RejectScope::Gateway,
        // Credentials, payment, address or method: none of them is about the recipient.
        401..=405 | 407 => RejectScope::Gateway,
        // The server lost patience with the request: with how much of it is not said.
        408 => return Outcome::Unknown { code },
        400..=499 => scope,
        // 503 among them: a proxy says it too when the one behind it fell silent with the message in its hands.
        _ => return Outcome::Unknown { code },
    };
    Outcome::Rejected { code, scope }
}

/// The outcome of a provider's code that none of its tables contains. A 4xx refuses the request: nothing was sent, and
/// the gateway is blamed, since another try can do no harm. With every other status the fate of the message is unknown,
/// since a second text would be an incident.
pub(super) fn undocumented(answer: &ProviderResponse, code: Option<Code>, now: DateTime<Utc>) -> ReadResponse {
    let by_status = by_status(answer, now, RejectScope::Gateway);
    let Some(code) = code else { return by_status.into() };
    let outcome = match by_status {
        Outcome::Rejected { scope, .. } => Outcome::Rejected { code: code.clone(), scope },
        Outcome::RetryAfter { after, .. } => Outcome::RetryAfter { code: code.clone(), after },
        _ => Outcome::Unknown { code: code.clone() },
    };
    ReadResponse { outcome, undocumented: Some(code) }
}

/// A provider's code as ours, if it looks like one: a long run of digits may be a phone.
pub(super) fn provider_code(text: &str) -> Option<Code> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let longest_run = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or_default();
    let sound = (1..=64).contains(&text.len()) && text.chars().all(is_word) && longest_run < 6;
    sound.then(|| Code::new(text))
}

/// `http-400`, with the gateway's own error code where a rule named it, or how the body ended where it did not come
/// whole.
pub(super) fn status_code(answer: &ProviderResponse, named: Option<&str>) -> Code {
    let status = answer.status;
    match (named, &answer.body) {
        (Some(named), _) => Code::new(&format!("http-{status}-{named}")),
        (None, Body::Whole(_)) => Code::new(&format!("http-{status}")),
        (None, Body::TooLong) => Code::new(&format!("http-{status}-too-long")),
        (None, Body::Cut) => Code::new(&format!("http-{status}-cut")),
    }
}

/// The longest pause that a provider may ask for: nobody means more, and every reminder has expired by then.
const LONGEST_PAUSE: TimeDelta = TimeDelta::days(7);

/// Seconds or a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(answer: &ProviderResponse, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = answer.retry_after.as_deref()?.trim();
    let after = match text.parse() {
        Ok(seconds) => TimeDelta::try_seconds(seconds).unwrap_or(LONGEST_PAUSE),
        Err(_) => DateTime::parse_from_rfc2822(text).ok()?.signed_duration_since(now),
    };
    Some(after.min(LONGEST_PAUSE)).filter(|after| *after >= TimeDelta::zero())
}

/// How long until the next day begins in China: providers there count by its calendar.
pub(super) fn until_midnight(now: DateTime<Utc>) -> TimeDelta {
    until(now, china_day(now).succ_opt())
}

/// How long until the next month begins in China.
pub(super) fn until_next_month(now: DateTime<Utc>) -> TimeDelta {
    until(now, china_day(now).with_day(1).and_then(|first| first.checked_add_months(Months::new(1))))
}

fn china_day(now: DateTime<Utc>) -> NaiveDate {
    now.with_timezone(&Shanghai).date_naive()
}

fn until(now: DateTime<Utc>, day: Option<NaiveDate>) -> TimeDelta {
    let begins = day.and_then(|day| Shanghai.from_local_datetime(&day.and_time(NaiveTime::MIN)).earliest());
    begins.map_or(TimeDelta::days(1), |begins| begins.signed_duration_since(now))
}

#[cfg(test)]
mod tests {
    use super::{provider_code, until_midnight, until_next_month};
    use chrono::TimeDelta;
    use rstest::rstest;

    #[test]
    fn days_and_months_end_in_china() {
        let now = "2026-11-30T15:00:00Z".parse().unwrap();
        assert_eq!((until_midnight(now), until_next_month(now)), (TimeDelta::hours(1), TimeDelta::hours(1)));
        let now = "2026-11-30T16:00:00Z".parse().unwrap();
        assert_eq!((until_midnight(now), until_next_month(now)), (TimeDelta::days(1), TimeDelta::days(31)));
    }

    #[rstest]
    #[case("isv.SOMETHING_ELSE", true)]
    #[case("21610", true)]
    #[case("13800138000", false)]
    #[case("sent to 138", false)]
    #[case("", false)]
    fn only_what_looks_like_a_code_is_one(#[case] text: &str, #[case] sound: bool) {
        assert_eq!(provider_code(text).is_some(), sound);
    }
}
