//! Classifies answers by the rules of the config.

use chrono::{DateTime, Utc};

use super::settings::{HttpSettings, LookUpSettings};
use crate::domain::{Code, Outcome, RejectScope, ReportedState};
use crate::gateway::LookUp;
use crate::gateway::sms::client::{Body, ProviderResponse};
use crate::gateway::sms::verdict::{by_status, retry_after, status_code};

/// The outcome of a hand-over, by its answer.
pub(super) fn outcome(settings: &HttpSettings, answer: &ProviderResponse, now: DateTime<Utc>) -> Outcome {
    // An answer that did not come whole proves no acceptance, whatever its status says.
    let whole = matches!(answer.body, Body::Whole(_));
    if whole && settings.accept.holds(answer) {
        let provider_id = settings.message_id.as_ref().and_then(|place| place.find(answer));
        return Outcome::Accepted { provider_id };
    }
    if let Some(rule) = settings.reject.iter().find(|rule| rule.condition.holds(answer)) {
        return Outcome::Rejected { code: status_code(answer, rule.condition.named()), scope: rule.scope };
    }
    if let Some(rule) = settings.retry.iter().find(|rule| rule.condition.holds(answer)) {
        let code = status_code(answer, rule.condition.named());
        return Outcome::RetryAfter { code, after: retry_after(answer, now).or(rule.after) };
    }
    by_status(answer, now, RejectScope::Recipient)
}

/// Reads the answer to a look-up about a message that was handed over by `handed_over_by`.
pub(super) fn found(
    settings: &LookUpSettings,
    answer: &ProviderResponse,
    handed_over_by: DateTime<Utc>,
    now: DateTime<Utc>,
) -> LookUp {
    if !matches!(answer.body, Body::Whole(_)) {
        return LookUp::Unclear;
    }
    let holds =
        |condition: &Option<_>| condition.as_ref().is_some_and(|condition: &super::Condition| condition.holds(answer));
    let fate = if holds(&settings.delivered) {
        Some(ReportedState::Delivered)
    } else if holds(&settings.undelivered) {
        let named = settings.undelivered.as_ref().and_then(|condition| condition.named());
        Some(ReportedState::Undelivered { code: named.map(Code::new), for_good: false })
    } else {
        None
    };
    if fate.is_some() || settings.accepted.holds(answer) {
        let provider_id = settings.message_id.as_ref().and_then(|place| place.find(answer));
        return LookUp::Accepted { provider_id, fate };
    }
    let proves = settings.not_sent.as_ref().is_some_and(|rule| {
        rule.condition.holds(answer) && rule.after.is_some_and(|after| handed_over_by + after <= now)
    });
    if proves { LookUp::NotSent } else { LookUp::Unclear }
}

#[cfg(test)]
mod tests {
    use super::outcome;
    use crate::domain::{Outcome, RejectScope};
    use crate::gateway::sms::client::{Body, ProviderResponse};
    use chrono::{DateTime, TimeDelta, Utc};
    use rstest::rstest;

    const RULES: &str = r#"
        url = "https://sms.example/send"
        method = "GET"
        accept = { status = [202, "200-201"], json = { pointer = "/code", equals = "0" } }
        reject = [
            { json = { pointer = "/code", equals = 4 }, scope = "recipient" },
            { json = { pointer = "/code", equals = 5 }, scope = "opted_out" },
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
        outcome(&settings, &ProviderResponse::new(status, retry_after.map(str::to_owned), body), now)
    }

    fn shown(outcome: &Outcome) -> String {
        match outcome {
            Outcome::Accepted { provider_id } => format!("accepted {provider_id:?}"),
            Outcome::Rejected { code, scope: RejectScope::Gateway } => format!("rejected gateway {code}"),
            Outcome::Rejected { code, scope: RejectScope::Recipient } => format!("rejected recipient {code}"),
            Outcome::Rejected { code, scope: RejectScope::Content } => format!("rejected content {code}"),
            Outcome::Rejected { code, scope: RejectScope::OptedOut } => format!("rejected opted_out {code}"),
            other => format!("{} {}", other.as_str(), other.code().unwrap()),
        }
    }

    #[rstest]
    #[case(200, r#"{"code":0,"id":17}"#, "accepted Some(\"17\")")]
    #[case(202, r#"{"code":"0"}"#, "accepted None")]
    #[case(203, r#"{"code":0}"#, "unknown http-203")]
    #[case(200, r#"{"code":4}"#, "rejected recipient http-200-4")]
    #[case(200, r#"{"code":5}"#, "rejected opted_out http-200-5")]
    #[case(200, "Balance used up", "rejected gateway http-200")]
    #[case(200, r#"{"code":"busy"}"#, "retry_after http-200-busy")]
    #[case(200, r#"{"code":7}"#, "unknown http-200")]
    #[case(200, r#"{"code":0"#, "unknown http-200")]
    #[case(200, "<html>welcome</html>", "unknown http-200")]
    #[case(204, "", "unknown http-204")]
    #[case(301, "", "rejected gateway http-301")]
    #[case(302, "", "unknown http-302")]
    #[case(400, "", "rejected recipient http-400")]
    #[case(401, "", "rejected gateway http-401")]
    #[case(403, "", "rejected gateway http-403")]
    #[case(404, "", "rejected gateway http-404")]
    #[case(408, "", "unknown http-408")]
    #[case(422, "", "rejected recipient http-422")]
    #[case(429, "", "retry_after http-429")]
    #[case(500, "", "unknown http-500")]
    #[case(502, "", "unknown http-502")]
    #[case(503, "", "unknown http-503")]
    fn an_answer_means(#[case] status: u16, #[case] body: &str, #[case] expected: &str) {
        assert_eq!(shown(&judge(status, None, Body::Whole(body.into()))), expected);
    }

    #[rstest]
    #[case::byte_order_mark(b"\xef\xbb\xbf{\"code\":0,\"id\":17}")]
    #[case::gbk(b"{\"code\":0,\"message\":\"\xcc\xe1\xbd\xbb\xb3\xc9\xb9\xa6\",\"id\":17}")]
    #[case::neither(b"{\"code\":0,\"message\":\"\xff\",\"id\":17}")]
    fn how_a_text_is_encoded_does_not_make_the_number_beside_it_doubtful(#[case] body: &[u8]) {
        assert_eq!(shown(&judge(200, None, Body::Whole(body.into()))), "accepted Some(\"17\")");
    }

    #[test]
    fn half_an_answer_is_no_acceptance() {
        assert_eq!(shown(&judge(202, None, Body::Cut)), "unknown http-202-cut");
        let by_status = RULES.replace(r#", json = { pointer = "/code", equals = "0" } }"#, " }");
        assert_eq!(
            shown(&judge_by(&by_status, 202, None, Body::Cut)),
            "unknown http-202-cut",
            "even if the rules read only the status"
        );
        assert_eq!(shown(&judge_by(&by_status, 202, None, Body::Whole(vec![]))), "accepted None");
        assert_eq!(shown(&judge(200, None, Body::TooLong)), "unknown http-200-too-long");
        assert_eq!(
            shown(&judge(429, None, Body::Cut)),
            "retry_after http-429-cut",
            "a refusal by status needs no body"
        );
    }

    #[rstest]
    #[case(Some("120"), Some(120))]
    #[case(Some("Sun, 22 Nov 2026 12:01:00 GMT"), Some(60))]
    #[case(Some("Sun, 22 Nov 2026 11:00:00 GMT"), None)]
    #[case(Some("-5"), None)]
    #[case(Some("99999999999999"), Some(604_800))]
    #[case(Some("9223372036854775807"), Some(604_800))]
    #[case(Some("Fri, 31 Dec 9999 23:59:59 GMT"), Some(604_800))]
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
