//! The vendors of SMS over HTTP: settings, answers, and what each one's codes mean.

use std::time::Duration;

use dueherald::clock::SimClock;
use dueherald::domain::{Phone, ReportedState};
use dueherald::gateway::sms::{SmsGateway, aliyun, tencent};
use dueherald::gateway::{CallbackAddress, Gateway, Inquiry, LookUp};
use rstest::rstest;

use super::{AMPLE, PHONE, REFERENCE, clock, deadline, name, send, shown};
use crate::sinks::http::{HttpSink, Reply, Script};

/// The providers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vendor {
    Aliyun,
    Tencent,
    Twilio,
    Generic,
}

impl Vendor {
    pub(super) const ALL: [Self; 4] = [Self::Aliyun, Self::Tencent, Self::Twilio, Self::Generic];

    /// A gateway to a peer on this machine, by the settings that a config would hold.
    pub(crate) fn gateway(self, port: u16, more: &str, clock: &SimClock) -> SmsGateway {
        let base = format!("http://127.0.0.1:{port}");
        self.gateway_at(&base, more, clock)
    }

    pub(crate) fn gateway_at(self, base: &str, more: &str, clock: &SimClock) -> SmsGateway {
        self.gateway_of(base, &format!("{more}\n{}", self.settings()), clock)
    }

    /// The same with settings of the test's own.
    pub(super) fn gateway_of(self, base: &str, settings: &str, clock: &SimClock) -> SmsGateway {
        let clock = std::sync::Arc::new(clock.clone());
        let callback =
            CallbackAddress::new("https://pay.mall.example", &name("sms"), &"sesame-sesame-sesame-1234".into());
        let settings = settings.replace("http://127.0.0.1:PORT", base);
        let text = format!("url = '{base}/'\n{settings}");
        let fits = "the settings of the test";
        match self {
            Self::Aliyun => SmsGateway::aliyun(name("sms"), toml::from_str(&text).expect(fits), clock),
            Self::Tencent => SmsGateway::tencent(name("sms"), toml::from_str(&text).expect(fits), clock),
            Self::Twilio => SmsGateway::twilio(name("sms"), toml::from_str(&text).expect(fits), Some(callback), clock),
            Self::Generic => SmsGateway::http(name("sms"), toml::from_str(&text).expect(fits), Some(callback), clock),
        }
        .expect("a gateway")
    }

    pub(super) fn settings(self) -> &'static str {
        match self {
            Self::Aliyun => {
                "account = { access_key_id = 'fake-id', access_key_secret = 'open sesame' }
                [templates.before-due]
                code = 'SMS_154950909'
                text = '您的${amount}账单将于${date}到期'
                parameters = { amount = '{{ total }}', date = '{{ due_date }}' }"
            }
            Self::Tencent => {
                "account = { secret_id = 'fake-id', secret_key = 'open sesame', sdk_app_id = '1400006666' }
                [templates.before-due]
                code = '1234567'
                text = '您的{1}账单将于{2}到期'
                parameters = ['{{ total }}', '{{ due_date }}']"
            }
            Self::Twilio => {
                "account = { sid = 'AC-fake-account', token = 'open sesame', webhook_key = 'sesame key' }
                from = { number = '+15005550006' }
                validity = '4h'"
            }
            Self::Generic => {
                "method = 'POST'
                headers = { Authorization = 'Bearer open sesame' }
                body = { json = { to = '{{ to }}', text = '{{ text }}', report = '{{ callback }}' } }
                accept = { status = 200, json = { pointer = '/code', equals = 0 } }
                reject = [{ json = { pointer = '/code', equals = 21 }, scope = 'recipient' }]
                retry = [{ json = { pointer = '/code', equals = 9 }, after = '1m' }]
                message_id = { pointer = '/id' }
                [look_up]
                url = 'http://127.0.0.1:PORT/status'
                query = { ref = '{{ reference }}' }
                accepted = { json = { pointer = '/state', equals = 'sent' } }
                delivered = { json = { pointer = '/state', equals = 'arrived' } }
                undelivered = { json = { pointer = '/state', equals = 'lost' } }
                not_sent = { status = 404, json = { pointer = '/state', equals = 'unknown' }, after = '10m' }
                message_id = { pointer = '/id' }"
            }
        }
    }

    /// The vendor's answer to a message that it accepts, and the number that it gives the message.
    pub(super) fn acceptance(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Aliyun => (
                200,
                r#"{"Message":"OK","RequestId":"F655A8D5","Code":"OK","BizId":"134523^4351232"}"#,
                "134523^4351232",
            ),
            Self::Tencent => (
                200,
                r#"{"Response":{"SendStatusSet":[{"SerialNo":"5000:1045","PhoneNumber":"+8613800138000","Fee":1,"SessionContext":"","Code":"Ok","Message":"send success"}],"RequestId":"a0aabda6"}}"#,
                "5000:1045",
            ),
            Self::Twilio => (
                201,
                r#"{"sid":"SM0000","to":"+8613800138000","status":"queued","error_code":null,"error_message":null}"#,
                "SM0000",
            ),
            Self::Generic => (200, r#"{"code":0,"id":"m-17"}"#, "m-17"),
        }
    }

    pub(super) fn accepts(self) -> Reply {
        let (status, body, _) = self.acceptance();
        Reply::answer(status, body)
    }
}

/// Hands one message to a peer that replies so; what came of it, and how many requests it took.
pub(super) async fn handed_to(vendor: Vendor, reply: Reply) -> (String, usize) {
    let sink = HttpSink::start(Script::always(reply)).await;
    let clock = clock();
    let gateway = vendor.gateway(sink.port(), "", &clock);
    let outcome = send(&gateway, &deadline(&clock, AMPLE)).await;
    (shown(&outcome), sink.received().len())
}

#[rstest]
#[case::aliyun(Vendor::Aliyun)]
#[case::tencent(Vendor::Tencent)]
#[case::twilio(Vendor::Twilio)]
#[case::generic(Vendor::Generic)]
#[tokio::test]
async fn a_vendors_request_looks_so_on_the_wire(#[case] vendor: Vendor) {
    let sink = HttpSink::start(Script::always(vendor.accepts())).await;
    let clock = clock();
    let outcome = send(&vendor.gateway(sink.port(), "", &clock), &deadline(&clock, AMPLE)).await;
    assert_eq!(shown(&outcome), format!("accepted {}", vendor.acceptance().2));
    insta::assert_snapshot!(format!("{vendor:?}").to_lowercase(), golden(vendor, &sink));
}

#[rstest]
#[case::aliyun(Vendor::Aliyun)]
#[case::tencent(Vendor::Tencent)]
#[case::twilio(Vendor::Twilio)]
#[case::generic(Vendor::Generic)]
#[tokio::test]
async fn a_vendor_is_asked_so_on_the_wire(#[case] vendor: Vendor) {
    let sink = HttpSink::start(Script::always(Reply::answer(500, ""))).await;
    let clock = clock();
    let handed_over_by = dueherald::clock::Clock::now(&clock);
    let to = dueherald::domain::Address::Phone(Phone::new(PHONE).expect("a phone"));
    let inquiry =
        Inquiry { reference: REFERENCE, provider_id: None, to: &to, handed_over_by, traces: &["tok3n".to_owned()] };
    assert_eq!(vendor.gateway(sink.port(), "", &clock).look_up(&inquiry).await, LookUp::Unclear);
    insta::assert_snapshot!(format!("{vendor:?}-look-up").to_lowercase(), golden(vendor, &sink));
}

/// The first request as it stood on the wire, without what differs from run to run; its signature is checked.
fn golden(vendor: Vendor, sink: &HttpSink) -> String {
    let text = sink.received().remove(0).text;
    is_signed_as_sent(vendor, &text);
    let text = text.replace(&format!(":{}", sink.port()), ":PORT").replace("\r\n", "\n");
    let text = text.replace(concat!("dueherald/", env!("CARGO_PKG_VERSION")), "dueherald/VERSION");
    // It covers the port, which is another each time.
    let signature = regex::Regex::new("Signature=[0-9a-f]{64}").expect("a pattern");
    signature.replace(&text, "Signature=…").into_owned()
}

/// The signature covers what really stands on the wire.
fn is_signed_as_sent(vendor: Vendor, text: &str) {
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.lines();
    let (method, rest) = lines.next().and_then(|line| line.split_once(' ')).expect("a request line");
    let target = rest.trim_end_matches(" HTTP/1.1");
    let headers: Vec<(String, String)> =
        lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into())).collect();
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    match vendor {
        Vendor::Aliyun => {
            let account = toml::from_str("access_key_id = 'fake-id'\naccess_key_secret = 'open sesame'").expect("one");
            let (path, query) = target.split_once('?').expect("a query");
            let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let covered = |(name, _): &&(String, String)| name == "host" || name.starts_with("x-acs-");
            let covered: Vec<_> = headers.iter().filter(covered).cloned().collect();
            let hash = header("x-acs-content-sha256");
            let expected = aliyun::authorization(&account, (method, path), &query, &covered, hash);
            assert_eq!(header("authorization"), expected);
        }
        Vendor::Tencent => {
            let signed = tencent::SignedRequest {
                method,
                path: target,
                query: "",
                content_type: header("content-type"),
                host: header("host"),
                body: body.as_bytes(),
                timestamp: header("x-tc-timestamp").parse().expect("seconds"),
            };
            let expected = tencent::authorization("fake-id", &"open sesame".into(), &signed);
            assert_eq!(header("authorization"), expected);
        }
        Vendor::Twilio | Vendor::Generic => {}
    }
}

#[rstest]
#[case::by_minute(
    "isv.BUSINESS_LIMIT_CONTROL",
    "触发分钟级流控Permits:1",
    "retry_after isv.BUSINESS_LIMIT_CONTROL 60s"
)]
#[case::by_hour(
    "isv.BUSINESS_LIMIT_CONTROL",
    "触发小时级流控Permits:5",
    "retry_after isv.BUSINESS_LIMIT_CONTROL 3600s"
)]
#[case::by_day("isv.BUSINESS_LIMIT_CONTROL", "触发天级流控Permits:10", "retry_after isv.BUSINESS_LIMIT_CONTROL 43200s")]
#[case::day("isv.DAY_LIMIT_CONTROL", "", "retry_after isv.DAY_LIMIT_CONTROL 43200s")]
#[case::month("isv.MONTH_LIMIT_CONTROL", "", "retry_after isv.MONTH_LIMIT_CONTROL 734400s")]
#[case::system("isp.SYSTEM_ERROR", "", "retry_after isp.SYSTEM_ERROR")]
#[case::throttled("Throttling.User", "", "retry_after Throttling.User")]
#[case::number("isv.MOBILE_NUMBER_ILLEGAL", "", "rejected recipient isv.MOBILE_NUMBER_ILLEGAL")]
#[case::template("isv.SMS_TEMPLATE_ILLEGAL", "", "rejected gateway isv.SMS_TEMPLATE_ILLEGAL")]
#[case::signature("isv.SMS_SIGNATURE_ILLEGAL", "", "rejected gateway isv.SMS_SIGNATURE_ILLEGAL")]
#[case::parameters("isv.TEMPLATE_MISSING_PARAMETERS", "", "rejected gateway isv.TEMPLATE_MISSING_PARAMETERS")]
#[case::length("isv.PARAM_LENGTH_LIMIT", "", "rejected recipient isv.PARAM_LENGTH_LIMIT")]
#[case::link("isv.PARAM_NOT_SUPPORT_URL", "", "rejected gateway isv.PARAM_NOT_SUPPORT_URL")]
#[case::word("isv.BLACK_KEY_CONTROL_LIMIT", "", "rejected recipient isv.BLACK_KEY_CONTROL_LIMIT")]
#[case::service("isv.OUT_OF_SERVICE", "", "rejected gateway isv.OUT_OF_SERVICE")]
#[case::balance("isv.AMOUNT_NOT_ENOUGH", "", "rejected gateway isv.AMOUNT_NOT_ENOUGH")]
#[case::unheard_of("isv.SOMETHING_NEW", "", "unknown isv.SOMETHING_NEW")]
#[case::a_phone("8613800138000", "", "unknown http-200")]
#[tokio::test]
async fn aliyuns_codes(#[case] code: &str, #[case] message: &str, #[case] expected: &str) {
    let body = format!(r#"{{"Code":"{code}","Message":"{message}","RequestId":"F655A8D5"}}"#);
    assert_eq!(handed_to(Vendor::Aliyun, Reply::answer(200, &body)).await.0, expected);
}

#[rstest]
#[case("LimitExceeded.PhoneNumberThirtySecondLimit", "retry_after LimitExceeded.PhoneNumberThirtySecondLimit 30s")]
#[case("LimitExceeded.PhoneNumberOneHourLimit", "retry_after LimitExceeded.PhoneNumberOneHourLimit 3600s")]
#[case("LimitExceeded.PhoneNumberDailyLimit", "retry_after LimitExceeded.PhoneNumberDailyLimit 43200s")]
#[case(
    "LimitExceeded.PhoneNumberSameContentDailyLimit",
    "retry_after LimitExceeded.PhoneNumberSameContentDailyLimit 43200s"
)]
#[case("LimitExceeded.AppDailyLimit", "retry_after LimitExceeded.AppDailyLimit 43200s")]
#[case("LimitExceeded.DeliveryFrequencyLimit", "retry_after LimitExceeded.DeliveryFrequencyLimit")]
#[case("FailedOperation.PhoneNumberInBlacklist", "rejected opted_out FailedOperation.PhoneNumberInBlacklist")]
#[case("InvalidParameterValue.IncorrectPhoneNumber", "rejected recipient InvalidParameterValue.IncorrectPhoneNumber")]
#[case(
    "FailedOperation.TemplateIncorrectOrUnapproved",
    "rejected gateway FailedOperation.TemplateIncorrectOrUnapproved"
)]
#[case(
    "FailedOperation.SignatureIncorrectOrUnapproved",
    "rejected gateway FailedOperation.SignatureIncorrectOrUnapproved"
)]
#[case(
    "FailedOperation.InsufficientBalanceInSmsPackage",
    "rejected gateway FailedOperation.InsufficientBalanceInSmsPackage"
)]
#[case(
    "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter",
    "rejected gateway InvalidParameterValue.ProhibitedUseUrlInTemplateParameter"
)]
#[case("AuthFailure.SignatureFailure", "rejected gateway AuthFailure.SignatureFailure")]
#[case("InternalError.Timeout", "unknown InternalError.Timeout")]
#[case("InternalError.SendAndRecvFail", "unknown InternalError.SendAndRecvFail")]
#[case("FailedOperation.SomethingNew", "unknown FailedOperation.SomethingNew")]
#[tokio::test]
async fn tencents_codes(#[case] code: &str, #[case] expected: &str) {
    let of_number = format!(r#"{{"Response":{{"SendStatusSet":[{{"SerialNo":"","Code":"{code}","Message":"m"}}]}}}}"#);
    let of_call = format!(r#"{{"Response":{{"Error":{{"Code":"{code}","Message":"m"}},"RequestId":"a"}}}}"#);
    for body in [of_number, of_call] {
        assert_eq!(handed_to(Vendor::Tencent, Reply::answer(200, &body)).await.0, expected, "{body}");
    }
}

#[rstest]
#[case::nothing(r#"{"Response":{"SendStatusSet":[],"RequestId":"a"}}"#)]
#[case::two(r#"{"Response":{"SendStatusSet":[{"SerialNo":"1","Code":"Ok"},{"SerialNo":"2","Code":"Ok"}]}}"#)]
#[case::no_number(r#"{"Response":{"SendStatusSet":[{"Code":"Ok"}]}}"#)]
#[case::something_else(r#"{"Response":{"RequestId":"a"}}"#)]
#[tokio::test]
async fn a_200_of_tencent_proves_nothing_by_itself(#[case] body: &str) {
    let outcome = handed_to(Vendor::Tencent, Reply::answer(200, body)).await.0;
    assert!(outcome.starts_with("unknown"), "{outcome}");
}

#[rstest]
#[case::throttled(429, 20429, "retry_after twilio-20429")]
#[case::day(400, 63038, "retry_after twilio-63038")]
#[case::passing(400, 30003, "retry_after twilio-30003")]
#[case::opted_out(400, 21610, "rejected opted_out twilio-21610")]
#[case::no_number(400, 21211, "rejected recipient twilio-21211")]
#[case::no_mobile(400, 21614, "rejected recipient twilio-21614")]
#[case::unknown_handset(400, 30005, "rejected recipient twilio-30005")]
#[case::landline(400, 30006, "rejected recipient twilio-30006")]
#[case::filtered(400, 30007, "rejected recipient twilio-30007")]
#[case::password(401, 20003, "rejected gateway twilio-20003")]
#[case::unheard_of(400, 99999, "rejected gateway twilio-99999")]
#[case::unheard_of_by_a_server_in_trouble(500, 99999, "unknown twilio-99999")]
#[tokio::test]
async fn twilios_codes(#[case] status: u16, #[case] code: u32, #[case] expected: &str) {
    let body = format!(r#"{{"code":{code},"message":"to +8613800138000","status":{status}}}"#);
    assert_eq!(handed_to(Vendor::Twilio, Reply::answer(status, &body)).await.0, expected);
}

fn undelivered(code: &str) -> LookUp {
    let code = Some(dueherald::domain::Code::new(code));
    accepted(None, Some(ReportedState::Undelivered { code, for_good: false }))
}

fn accepted(provider_id: Option<&str>, fate: Option<ReportedState>) -> LookUp {
    LookUp::Accepted { provider_id: provider_id.map(str::to_owned), fate }
}

/// A detail as Aliyun lists it.
fn detail(reference: &str, status: u8) -> String {
    format!(
        r#"{{"Code":"OK","TotalCount":1,"SmsSendDetailDTOs":{{"SmsSendDetailDTO":[{{"PhoneNum":"13800138000","OutId":"{reference}","SendStatus":{status},"ErrCode":"UNDELIV"}}]}}}}"#
    )
}

fn pulled(reference: &str, status: &str) -> String {
    format!(
        r#"{{"Response":{{"PullSmsSendStatusSet":[{{"SerialNo":"5000:1","SessionContext":"{reference}","ReportStatus":"{status}","Description":"UNDELIV"}}]}}}}"#
    )
}

fn listed(text: &str, status: &str, code: &str) -> String {
    format!(r#"{{"messages":[{{"sid":"SM1","body":"{text}","status":"{status}","error_code":{code}}}]}}"#)
}

#[rstest]
#[case::waiting(Vendor::Aliyun, 200, detail(REFERENCE, 1), accepted(None, None))]
#[case::arrived(Vendor::Aliyun, 200, detail(REFERENCE, 3), accepted(None, Some(ReportedState::Delivered)))]
#[case::lost(Vendor::Aliyun, 200, detail(REFERENCE, 2), undelivered("UNDELIV"))]
#[case::another(Vendor::Aliyun, 200, detail("another", 3), LookUp::Unclear)]
#[case::nothing(Vendor::Aliyun, 200, r#"{"Code":"OK","TotalCount":0}"#.into(), LookUp::Unclear)]
#[case::refused(Vendor::Aliyun, 403, r#"{"Code":"Forbidden"}"#.into(), LookUp::Unclear)]
#[case::tencent_arrived(
    Vendor::Tencent,
    200,
    pulled(REFERENCE, "SUCCESS"),
    accepted(Some("5000:1"), Some(ReportedState::Delivered))
)]
#[case::tencent_another(Vendor::Tencent, 200, pulled("another", "SUCCESS"), LookUp::Unclear)]
#[case::tencent_nothing(Vendor::Tencent, 200, r#"{"Response":{"PullSmsSendStatusSet":[]}}"#.into(), LookUp::Unclear)]
#[case::twilio_arrived(
    Vendor::Twilio,
    200,
    listed("x /r/tok3n", "delivered", "null"),
    accepted(Some("SM1"), Some(ReportedState::Delivered))
)]
#[case::twilio_on_its_way(Vendor::Twilio, 200, listed("x /r/tok3n", "sent", "null"), accepted(Some("SM1"), None))]
#[case::twilio_another(Vendor::Twilio, 200, listed("x /r/other", "delivered", "null"), LookUp::Unclear)]
#[case::generic_sent(Vendor::Generic, 200, r#"{"state":"sent","id":7}"#.into(), accepted(Some("7"), None))]
#[case::generic_arrived(Vendor::Generic, 200, r#"{"state":"arrived"}"#.into(), accepted(None, Some(ReportedState::Delivered)))]
#[case::generic_lost(Vendor::Generic, 200, r#"{"state":"lost"}"#.into(), undelivered("lost"))]
#[case::generic_documented(Vendor::Generic, 404, r#"{"state":"unknown"}"#.into(), LookUp::NotSent)]
#[case::generic_status_alone(Vendor::Generic, 404, String::new(), LookUp::Unclear)]
#[case::generic_else(Vendor::Generic, 500, String::new(), LookUp::Unclear)]
#[tokio::test]
async fn a_vendor_is_asked(
    #[case] vendor: Vendor,
    #[case] status: u16,
    #[case] body: String,
    #[case] expected: LookUp,
) {
    assert_eq!(asked(vendor, status, &body, Duration::from_secs(600)).await, expected);
}

/// The result of a look-up, for a vendor that answers so, about a message that was sent so long ago.
async fn asked(vendor: Vendor, status: u16, body: &str, ago: Duration) -> LookUp {
    let sink = HttpSink::start(Script::always(Reply::answer(status, body))).await;
    let clock = clock();
    let now = dueherald::clock::Clock::now(&clock);
    clock.advance(ago);
    let gateway = vendor.gateway(sink.port(), "", &clock);
    assert!(gateway.can_be_asked());
    let to = dueherald::domain::Address::Phone(Phone::new(PHONE).expect("a phone"));
    let inquiry = Inquiry {
        reference: REFERENCE,
        provider_id: None,
        to: &to,
        handed_over_by: now,
        traces: &["tok3n".to_owned()],
    };
    gateway.look_up(&inquiry).await
}

#[tokio::test]
async fn what_is_not_there_yet_is_no_proof_before_the_documented_delay() {
    assert_eq!(asked(Vendor::Generic, 404, r#"{"state":"unknown"}"#, Duration::from_secs(599)).await, LookUp::Unclear);
}

/// A message that was handed over after midnight may have been sent before.
#[tokio::test]
async fn aliyun_is_asked_about_both_days_at_midnight() {
    let sink = HttpSink::start(Script::always(Reply::answer(200, r#"{"Code":"OK"}"#))).await;
    let clock = clock();
    let gateway = Vendor::Aliyun.gateway(sink.port(), "", &clock);
    let to = dueherald::domain::Address::Phone(Phone::new(PHONE).expect("a phone"));
    let handed_over_by = "2026-11-21T16:10:00Z".parse().expect("a time");
    let inquiry = Inquiry { reference: REFERENCE, provider_id: None, to: &to, handed_over_by, traces: &[] };
    assert_eq!(gateway.look_up(&inquiry).await, LookUp::Unclear);
    let days: Vec<_> = sink
        .received()
        .iter()
        .map(|request| {
            let days = ["20261121", "20261122"];
            days.into_iter().find(|day| request.text.contains(&format!("SendDate={day}")))
        })
        .collect();
    assert_eq!(days, [Some("20261122"), Some("20261121")]);
}
