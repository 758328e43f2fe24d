//! Answers of providers to a message or to a look-up: bytes that others control.

use std::sync::LazyLock;

use chrono::TimeDelta;
use dueherald::domain::{Address, Outcome, Phone};
use dueherald::gateway::sms::SmsGateway;
use dueherald::gateway::{Inquiry, LookUp};
use proptest::prelude::*;
use proptest::sample::select;

use super::{cases, damaged, watched};
use crate::gateway::clock;
use crate::gateway::vendors::Vendor;

const VENDORS: [Vendor; 4] = [Vendor::Aliyun, Vendor::Tencent, Vendor::Twilio, Vendor::Generic];

const ANSWERS: &[&str] = &[
    r#"{"Code":"OK","Message":"OK","BizId":"9006^0","RequestId":"F655A8D5"}"#,
    r#"{"Code":"isv.BUSINESS_LIMIT_CONTROL","Message":"触发号码天级流控Permits:10"}"#,
    r#"{"TotalCount":1,"SmsSendDetailDTOs":{"SmsSendDetailDTO":[{"SendStatus":3,"OutId":"msg-2","ErrCode":"DELIVERED"}]},"Code":"OK"}"#,
    r#"{"Response":{"SendStatusSet":[{"SerialNo":"5000:1","PhoneNumber":"+8613800138000","Code":"Ok","Message":"ok"}],"RequestId":"a0aabda6"}}"#,
    r#"{"Response":{"Error":{"Code":"FailedOperation.InsufficientBalanceInSmsPackage","Message":"x"},"RequestId":"a0aabda6"}}"#,
    r#"{"Response":{"PullSmsSendStatusSet":[{"SerialNo":"5000:1","ReportStatus":"FAIL","Description":"UNDELIV"}],"RequestId":"a"}}"#,
    r#"{"sid":"SM1","status":"queued","error_code":null,"body":"x"}"#,
    r#"{"code":21610,"message":"Attempt to send to unsubscribed recipient","status":400}"#,
    r#"{"messages":[{"sid":"SM1","status":"undelivered","error_code":30006,"body":"tok3n"}]}"#,
    r#"{"code":0,"id":"m-1","state":"arrived"}"#,
    "0: Accepted for delivery",
];

const OF_ANSWERS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "-1",
    "1e309",
    "0",
    "200",
    "\\u0000",
    "\\ud800",
    "\"code\":",
    "\"Code\":\"OK\",",
    "13800138000",
    "\u{feff}",
    "\u{0}",
    "退",
    "\"id\":\"+8613800138000\"",
    "[[[[[[[[",
    "\n",
];

/// The fastest, most usual, oddest and most tempting statuses.
const STATUSES: &[u16] = &[100, 200, 201, 202, 204, 301, 302, 400, 401, 404, 408, 429, 499, 500, 502, 503, 599, 999];

const PAUSES: &[Option<&str>] = &[
    None,
    Some(""),
    Some("-1"),
    Some("60"),
    Some("99999999999999999999"),
    Some("9223372036854775807"),
    Some("Fri, 31 Dec 9999 23:59:59 GMT"),
    Some("Fri, 31 Dec 0000 23:59:59 GMT"),
    Some("é"),
];

static GATEWAYS: LazyLock<Vec<SmsGateway>> =
    LazyLock::new(|| VENDORS.iter().map(|vendor| vendor.gateway(1, "", &clock())).collect());

/// No code, which goes into logs and records, can hold a phone number.
fn is_code(code: &str) -> bool {
    let longest_run = code.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or_default();
    code.len() <= 80 && longest_run < 6 && code.is_ascii()
}

fn check(outcome: &Outcome, status: u16) -> Result<(), TestCaseError> {
    match outcome {
        Outcome::Accepted { provider_id } => {
            prop_assert!((200..300).contains(&status), "accepted with {}", status);
            prop_assert!(provider_id.as_ref().is_none_or(|id| id.len() <= 128));
        }
        Outcome::RetryAfter { code, after } => {
            prop_assert!(is_code(&code.to_string()), "{}", code);
            let week = TimeDelta::zero()..=TimeDelta::days(31);
            prop_assert!(after.is_none_or(|after| week.contains(&after)), "{:?}", after);
        }
        Outcome::Rejected { code, .. } | Outcome::Unknown { code } => {
            prop_assert!(is_code(&code.to_string()), "{}", code)
        }
        Outcome::NotSent { code } => prop_assert!(false, "an answer proves that it left: {}", code),
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn fuzz_answers(body in damaged(ANSWERS, OF_ANSWERS), status in select(STATUSES), pause in select(PAUSES), vendor in 0..4_usize) {
        let gateway = &GATEWAYS[vendor];
        let outcome = watched("answers", body.len(), || gateway.outcome_of(status, pause, &body));
        check(&outcome, status)?;
        let to = Address::Phone(Phone::new("+8613800138000").expect("a phone"));
        let inquiry = Inquiry {
            reference: "msg-2",
            provider_id: Some("SM1"),
            to: &to,
            handed_over_by: "2026-11-22T03:00:00Z".parse().expect("an instant"),
            traces: &["tok3n".to_owned()],
        };
        let found = watched("look-ups", body.len(), || gateway.look_up_of(&inquiry, status, &body));
        if let LookUp::Accepted { provider_id: Some(id), .. } = found {
            prop_assert!(id.len() <= 128);
        }
    }
}
