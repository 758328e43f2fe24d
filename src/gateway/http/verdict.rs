//! From an HTTP answer to an [`Outcome`]: the config's rules first, then what HTTP itself says.

use chrono::{DateTime, TimeDelta, Utc};

use super::client::{Answer, Body, NoAnswer};
use super::settings::HttpSettings;
use crate::domain::{Code, Outcome, RejectScope};
use crate::gateway::net;

/// What no answer came to.
pub(super) fn without_answer(no_answer: &NoAnswer) -> Outcome {
    match no_answer {
        NoAnswer::NotConnected(code) => net::not_sent(code),
        NoAnswer::Lost(code) => net::unknown(code),
    }
}

/// What the answer came to.
pub(super) fn outcome(settings: &HttpSettings, answer: &Answer, now: DateTime<Utc>) -> Outcome {
    // An answer that did not come whole proves no acceptance, whatever its status says.
    let whole = matches!(answer.body, Body::Whole(_));
    if whole && settings.accept.holds(answer) {
        let provider_id = settings.message_id.as_ref().and_then(|place| place.find(answer));
        return Outcome::Accepted { provider_id };
    }
    if let Some(rule) = settings.reject.iter().find(|rule| rule.condition.holds(answer)) {
        return Outcome::Rejected { code: code(answer, rule.condition.named()), scope: rule.scope };
    }
    if let Some(rule) = settings.retry.iter().find(|rule| rule.condition.holds(answer)) {
        let code = code(answer, rule.condition.named());
        return Outcome::RetryAfter { code, after: retry_after(answer, now).or(rule.after) };
    }
    by_status(answer, now)
}

fn by_status(answer: &Answer, now: DateTime<Utc>) -> Outcome {
    let code = code(answer, None);
    let scope = match answer.status {
        429 | 503 => return Outcome::RetryAfter { code, after: retry_after(answer, now) },
        // Not followed: where it leads to was not asked for, and a POST may arrive twice.
        300..=399 => RejectScope::Gateway,
        // Credentials, payment, address or method: none of them is about the recipient.
        401..=405 | 407 => RejectScope::Gateway,
        // The server lost patience with the request: with how much of it is not said.
        408 => return Outcome::Unknown { code },
        400..=499 => RejectScope::Recipient,
        _ => return Outcome::Unknown { code },
    };
    Outcome::Rejected { code, scope }
}

/// `http-400`, with the gateway's own error code where a rule named it, or how the body ended where it did not come whole.
fn code(answer: &Answer, named: Option<&str>) -> Code {
    let status = answer.status;
    match (named, &answer.body) {
        (Some(named), _) => Code::new(&format!("http-{status}-{named}")),
        (None, Body::Whole(_)) => Code::new(&format!("http-{status}")),
        (None, Body::TooLong) => Code::new(&format!("http-{status}-too-long")),
        (None, Body::Cut) => Code::new(&format!("http-{status}-cut")),
    }
}

/// Seconds or a date (RFC 9110, 10.2.3).
fn retry_after(answer: &Answer, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = answer.retry_after.as_deref()?.trim();
    let after = match text.parse() {
        Ok(seconds) => TimeDelta::try_seconds(seconds)?,
        Err(_) => DateTime::parse_from_rfc2822(text).ok()?.signed_duration_since(now),
    };
    Some(after).filter(|after| *after >= TimeDelta::zero())
}

#[cfg(test)]
mod tests {
    use super::outcome;
    use crate::domain::{Outcome, RejectScope};
    use crate::gateway::http::client::{Answer, Body};
    use chrono::{DateTime, TimeDelta, Utc};
    use rstest::rstest;

    const RULES: &str = r#"
        url = "https://sms.example/send"
        method = "GET"
        accept = { status = [202, "200-201"], json = { pointer = "/code", equals = "0" } }
        reject = [
            { json = { pointer = "/code", equals = 4 }, scope = "recipient" },
            { status = 200, body = "(?i)balance", scope = "gateway" },
        ]
        retry = [{ json = { pointer = "/code", equals = "busy" }, after = "5m" }]
        message_id = { pointer = "/id" }
    "#;

    fn judge(status: u16, retry_after: Option<&str>, body: Body) -> Outcome {
        judge_by(RULES, status, retry_after, body)
    }

    fn judge_by(rules: &str, status: u16, retry_after: Option<&str>, body: Body) -> Outcome {
        let settings = toml::from_str(rules).unwrap();
        let now = DateTime::parse_from_rfc3339("2026-11-22T12:00:00Z").unwrap().with_timezone(&Utc);
        outcome(&settings, &Answer { status, retry_after: retry_after.map(str::to_owned), body }, now)
    }

    fn shown(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Accepted { provider_id } => format!("accepted {provider_id:?}"),
            Outcome::Rejected { code, scope: RejectScope::Gateway } => format!("rejected gateway {code}"),
            Outcome::Rejected { code, scope: RejectScope::Recipient } => format!("rejected recipient {code}"),
            other => format!("{} {}", other.as_str(), other.code().unwrap()),
        }
    }

    #[rstest]
    #[case(200, r#"{"code":0,"id":17}"#, "accepted Some(\"17\")")]
    #[case(202, r#"{"code":"0"}"#, "accepted None")]
    #[case(203, r#"{"code":0}"#, "unknown http-203")]
    #[case(200, r#"{"code":4}"#, "rejected recipient http-200-4")]
    #[case(200, "Balance used up", "rejected gateway http-200")]
    #[case(200, r#"{"code":"busy"}"#, "retry_after http-200-busy")]
    #[case(200, r#"{"code":7}"#, "unknown http-200")]
    #[case(200, r#"{"code":0"#, "unknown http-200")]
    #[case(200, "<html>welcome</html>", "unknown http-200")]
    #[case(204, "", "unknown http-204")]
    #[case(302, "", "rejected gateway http-302")]
    #[case(400, "", "rejected recipient http-400")]
    #[case(401, "", "rejected gateway http-401")]
    #[case(403, "", "rejected gateway http-403")]
    #[case(404, "", "rejected gateway http-404")]
    #[case(408, "", "unknown http-408")]
    #[case(422, "", "rejected recipient http-422")]
    #[case(429, "", "retry_after http-429")]
    #[case(500, "", "unknown http-500")]
    #[case(502, "", "unknown http-502")]
    #[case(503, "", "retry_after http-503")]
    fn an_answer_means(#[case] status: u16, #[case] body: &str, #[case] expected: &str) {
        assert_eq!(shown(&judge(status, None, Body::Whole(body.into()))), expected);
    }

    #[test]
    fn half_an_answer_is_no_acceptance() {
        assert_eq!(shown(&judge(202, None, Body::Cut)), "unknown http-202-cut");
        let by_status = RULES.replace(r#", json = { pointer = "/code", equals = "0" } }"#, " }");
        assert_eq!(
            shown(&judge_by(&by_status, 202, None, Body::Cut)),
            "unknown http-202-cut",
            "even if only it is looked at"
        );
        assert_eq!(shown(&judge_by(&by_status, 202, None, Body::Whole(vec![]))), "accepted None");
        assert_eq!(shown(&judge(200, None, Body::TooLong)), "unknown http-200-too-long");
        assert_eq!(
            shown(&judge(503, None, Body::Cut)),
            "retry_after http-503-cut",
            "a refusal by status needs no body"
        );
    }

    #[rstest]
    #[case(Some("120"), Some(120))]
    #[case(Some("Sun, 22 Nov 2026 12:01:00 GMT"), Some(60))]
    #[case(Some("Sun, 22 Nov 2026 11:00:00 GMT"), None)]
    #[case(Some("-5"), None)]
    #[case(Some("9223372036854775807"), None)]
    #[case(Some("soon"), None)]
    #[case(None, None)]
    fn a_pause_is_taken_as_seconds_or_date(#[case] header: Option<&str>, #[case] seconds: Option<i64>) {
        let Outcome::RetryAfter { after, .. } = judge(429, header, Body::Whole(vec![])) else {
            panic!("429 means later")
        };
        assert_eq!(after, seconds.map(TimeDelta::seconds));
    }

    #[test]
    fn a_rule_may_say_how_long() {
        let busy = || Body::Whole(br#"{"code":"busy"}"#.into());
        for (header, minutes) in [(None, 5), (Some("60"), 1)] {
            let Outcome::RetryAfter { after, .. } = judge(200, header, busy()) else { panic!("the rule says later") };
            assert_eq!(after, Some(TimeDelta::minutes(minutes)));
        }
    }
}
