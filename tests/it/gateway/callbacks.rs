//! Reports that providers send on their own.

use dueherald::domain::{Code, Reply, Report, ReportSubject, ReportedState};
use dueherald::gateway::sms::twilio::{SignatureAlgorithm, signature};
use dueherald::gateway::{Callback, CallbackError, Gateway};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::sample::Index;
use rstest::rstest;

use super::vendors::Vendor;
use super::{PHONE, clock, http_gateway, kannel};
use crate::fuzz::{cases, watched};

const URL: &str = "https://pay.mall.example/callbacks/sms/sesame-sesame-sesame-1234";

/// Kannel as the documentation of the gateway has it.
pub(crate) fn kannel_gateway() -> impl Gateway {
    let mapping = "\n[receipts]\nstatus = { query = 'type' }\ndelivered = [1]\nundelivered = [2, 16]\n\
        [replies]\nfrom = { query = 'from' }\ntext = 'body'\nprovider_id = { query = 'id' }\n";
    http_gateway(&(kannel(13013) + mapping), &clock())
}

pub(crate) fn read(
    gateway: &dyn Gateway,
    query: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Vec<Report>, CallbackError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        map.insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    let url = if query.is_empty() { URL.to_owned() } else { format!("{URL}?{query}") };
    let callback = Callback { url: &url, query, headers: &map, body };
    gateway.callbacks().expect("it is called back").read(&callback)
}

fn fate(about: ReportSubject, fate: ReportedState, at: Option<&str>) -> Report {
    Report::Fate { about, fate, at: at.map(|at| at.parse().expect("a time")) }
}

fn lost(code: &str, for_good: bool) -> ReportedState {
    ReportedState::Undelivered { code: Some(Code::new(code)), for_good }
}

fn reference(text: &str) -> ReportSubject {
    ReportSubject::Reference(text.into())
}

fn number(text: &str) -> ReportSubject {
    ReportSubject::ProviderId(text.into())
}

fn reply(text: &str, at: Option<&str>, provider_id: Option<&str>) -> Report {
    Report::Reply(Reply {
        from: PHONE.to_owned(),
        country: None,
        about: None,
        text: text.into(),
        at: at.map(|at| at.parse().expect("a time")),
        provider_id: provider_id.map(str::to_owned),
    })
}

fn reply_from(from: &str, country: Option<&str>, reply: Report) -> Report {
    let Report::Reply(reply) = reply else { panic!("it is a reply") };
    Report::Reply(Reply { from: from.to_owned(), country: country.map(str::to_owned), ..reply })
}

const ALIYUN_RECEIPTS: &str = r#"[
    {"phone_number":"13800138000","send_time":"2026-11-22 12:00:00","report_time":"2026-11-22 12:00:05","success":true,
     "err_code":"DELIVERED","err_msg":"用户接收成功","sms_size":"1","biz_id":"1^2","out_id":"ref-1"},
    {"phone_number":"13800138001","report_time":"2026-11-22 12:00:06","success":false,"err_code":"MK:0001","biz_id":"3^4","out_id":""},
    {"phone_number":"13800138002","success":false,"err_code":"isv.MOBILE_NUMBER_ILLEGAL","biz_id":"5^6"},
    {"unheard_of":1}]"#;
const ALIYUN_REPLY: &str = r#"[{"phone_number":"13800138000","send_time":"2026-11-22 12:01:00","content":"退订","sign_name":"示例商城",
    "dest_code":"1234","sequence_id":1234567890}]"#;
const TENCENT_RECEIPTS: &str = r#"[
    {"user_receive_time":"2026-11-22 12:00:05","nationcode":"86","mobile":"13800138000","report_status":"SUCCESS","errmsg":"DELIVRD",
     "description":"用户短信送达成功","sid":"5000:1"},
    {"user_receive_time":"2026-11-22 12:00:06","nationcode":"86","mobile":"13800138001","report_status":"FAIL","errmsg":"MI:0013",
     "description":"","sid":"5000:2"}]"#;
const TENCENT_REPLY: &str =
    r#"{"extend":"","mobile":"13800138000","nationcode":"86","sign":"示例商城","text":"退订","time":1795320060}"#;

#[test]
fn aliyun_reports_by_our_reference_or_by_its_number() {
    let gateway = Vendor::Aliyun.gateway(1, "", &clock());
    let told = read(&gateway, "", &[], ALIYUN_RECEIPTS.as_bytes()).unwrap();
    assert_eq!(
        told,
        [
            fate(reference("ref-1"), ReportedState::Delivered, Some("2026-11-22T04:00:05Z")),
            fate(number("3^4"), lost("MK0001", false), Some("2026-11-22T04:00:06Z")),
            fate(number("5^6"), lost("isv.MOBILE_NUMBER_ILLEGAL", true), None),
        ]
    );
    let told = read(&gateway, "", &[], ALIYUN_REPLY.as_bytes()).unwrap();
    assert_eq!(
        told,
        [reply_from("13800138000", Some("CN"), reply("退订", Some("2026-11-22T04:01:00Z"), Some("1234567890")))]
    );
    let callbacks = gateway.callbacks().unwrap();
    assert_eq!((callbacks.answer().body, callbacks.is_proof()), (r#"{"code":0,"msg":"接收成功"}"#, false));
}

#[test]
fn tencent_reports_by_its_number() {
    let gateway = Vendor::Tencent.gateway(1, "", &clock());
    let told = read(&gateway, "", &[], TENCENT_RECEIPTS.as_bytes()).unwrap();
    assert_eq!(
        told,
        [
            fate(number("5000:1"), ReportedState::Delivered, Some("2026-11-22T04:00:05Z")),
            fate(number("5000:2"), lost("MI0013", false), Some("2026-11-22T04:00:06Z")),
        ]
    );
    let told = read(&gateway, "", &[], TENCENT_REPLY.as_bytes()).unwrap();
    assert_eq!(told, [reply("退订", Some("2026-11-22T04:01:00Z"), None)]);
    let callbacks = gateway.callbacks().unwrap();
    assert_eq!((callbacks.answer().body, callbacks.is_proof()), (r#"{"result":0,"errmsg":"OK"}"#, false));
}

/// As they came from a real one; see `dlr-url` and `post-url` in the documentation of the gateway.
#[rstest]
#[case::arrived("reference=msg-2&type=1&answer=&to=%2B8613800138001&ts=1795361331&fid=d7b4", "", Ok(vec![fate(reference("msg-2"), ReportedState::Delivered, None)]))]
#[case::failed("reference=sim-3&type=2&answer=&fid=4609da77&smsc=SIM", "", Ok(vec![fate(reference("sim-3"), lost("2", false), None)]))]
#[case::refused("reference=sim-1&type=16&answer=NACK%2FNO+blacklisted", "", Ok(vec![fate(reference("sim-1"), lost("16", false), None)]))]
#[case::taken_over("reference=msg-2&type=8&answer=ACK%2F", "", Ok(vec![]))]
#[case::kept("reference=sim-4&type=4&answer=", "", Ok(vec![]))]
#[case::reply("from=%2B8613800138000&id=a90d730d&ticks=2026-11-22+15:33:03", "退订", Ok(vec![reply("退订", None, Some("a90d730d"))]))]
#[case::nothing("hello=1", "", Err(CallbackError::Unreadable))]
#[case::nobody("from=Mall&id=1", "T", Ok(vec![reply_from("Mall", None, reply("T", None, Some("1")))]))]
#[case::no_sender("from=&id=1", "T", Err(CallbackError::Unreadable))]
#[case::lost_plus("from=+8613800138000&id=1", "T", Ok(vec![reply_from("8613800138000", None, reply("T", None, Some("1")))]))]
fn kannels_callbacks(#[case] query: &str, #[case] body: &str, #[case] expected: Result<Vec<Report>, CallbackError>) {
    assert_eq!(read(&kannel_gateway(), query, &[], body.as_bytes()), expected);
}

/// One whose callbacks are lists of JSON and forms.
pub(crate) fn mapped_gateway() -> impl Gateway {
    let mapping = "\n[receipts]\neach = '/reports'\nprovider_id = { pointer = '/id' }\nstatus = { pointer = '/state' \
        }\n\
        delivered = ['ok']\nundelivered = ['gone', 'late']\nfor_good = ['gone']\ncode = { pointer = '/why' }\n\
        [replies]\nfrom = { form = 'msisdn' }\ntext = { form = 'words' }\ncountry = 'CN'\n";
    http_gateway(&(kannel(13013) + mapping), &clock())
}

const LISTED: &str =
    r#"{"reports":[{"id":1,"state":"ok"},{"id":2,"state":"gone","why":"E7"},{"id":3,"state":"queued"}]}"#;

#[test]
fn a_mapping_reads_forms_and_lists() {
    let gateway = mapped_gateway();
    let told = read(&gateway, "", &[], LISTED.as_bytes()).unwrap();
    assert_eq!(told, [fate(number("1"), ReportedState::Delivered, None), fate(number("2"), lost("E7", true), None)]);
    let expected = [reply_from("13800138000", Some("CN"), reply("退订", None, None))];
    let told = read(&gateway, "", &[], b"msisdn=13800138000&words=%E9%80%80%E8%AE%A2").unwrap();
    assert_eq!(told, expected);
    let gbk = b"msisdn=13800138000&words=%CD%CB%B6%A9";
    assert_eq!(read(&gateway, "", &[], gbk).unwrap(), expected, "what is not UTF-8 is GBK");
    let headers = [("content-type", "application/x-www-form-urlencoded; charset=GBK")];
    assert_eq!(read(&gateway, "", &headers, gbk).unwrap(), expected);
    // 联通 in GBK are bytes that could be UTF-8 as well.
    let either = b"msisdn=13800138000&words=%C1%AA%CD%A8";
    let told = read(&gateway, "", &headers, either).unwrap();
    assert_eq!(told, [reply_from("13800138000", Some("CN"), reply("联通", None, None))]);
}

const DELIVERED: &[(&str, &str)] = &[("MessageSid", "SM1"), ("MessageStatus", "delivered"), ("To", PHONE)];
const QUEUED: &[(&str, &str)] = &[("MessageSid", "SM1"), ("MessageStatus", "queued")];
const LANDLINE: &[(&str, &str)] = &[("MessageSid", "SM1"), ("MessageStatus", "undelivered"), ("ErrorCode", "30006")];
const OFF: &[(&str, &str)] = &[("MessageSid", "SM1"), ("MessageStatus", "failed"), ("ErrorCode", "30003")];
const INBOUND: &[(&str, &str)] =
    &[("MessageSid", "SM2"), ("SmsStatus", "received"), ("From", PHONE), ("Body", "STOP 退订"), ("NumMedia", "0")];

/// A callback as Twilio makes it: over the address, with or without the usual port.
fn signed(
    algorithm: SignatureAlgorithm,
    key: &str,
    url: &str,
    form: &[(&str, &str)],
) -> (Vec<(&'static str, String)>, Vec<u8>) {
    let pairs: Vec<_> = form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut headers = vec![
        ("content-type", "application/x-www-form-urlencoded; charset=UTF-8".to_owned()),
        ("x-twilio-signature", signature(algorithm, &key.into(), url, &pairs)),
    ];
    if algorithm == SignatureAlgorithm::HmacSha256 {
        headers.push(("x-twilio-webhooks-signature-settings", "algorithm=HMAC_SHA256".to_owned()));
    }
    (headers, dueherald::gateway::sms::twilio::form(form).into_bytes())
}

fn read_signed(
    query: &str,
    (headers, body): &(Vec<(&'static str, String)>, Vec<u8>),
) -> Result<Vec<Report>, CallbackError> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    read(&Vendor::Twilio.gateway(1, "", &clock()), query, &headers, body)
}

#[rstest]
#[case::arrived(DELIVERED, vec![fate(reference("ref-1"), ReportedState::Delivered, None)])]
#[case::on_its_way(QUEUED, vec![])]
#[case::landline(LANDLINE, vec![fate(reference("ref-1"), lost("twilio-30006", true), None)])]
#[case::switched_off(OFF, vec![fate(reference("ref-1"), lost("twilio-30003", false), None)])]
#[case::inbound(INBOUND, vec![reply("STOP 退订", None, Some("SM2"))])]
fn twilio_reports_under_a_signature(#[case] form: &[(&str, &str)], #[case] expected: Vec<Report>) {
    let url = format!("{URL}?reference=ref-1");
    for (algorithm, key) in
        [(SignatureAlgorithm::HmacSha1, "open sesame"), (SignatureAlgorithm::HmacSha256, "sesame key")]
    {
        for url in [url.clone(), url.replace("mall.example/", "mall.example:443/")] {
            assert_eq!(read_signed("reference=ref-1", &signed(algorithm, key, &url, form)), Ok(expected.clone()));
        }
    }
}

#[test]
fn while_a_token_is_changed_twilio_may_sign_with_either() {
    let settings = Vendor::Twilio.settings().replace("'open sesame'", "['new token', 'old token']");
    let settings = settings.replace("'sesame key'", "['new key', 'old key']");
    let gateway = Vendor::Twilio.gateway_of("http://127.0.0.1:1", &settings, &clock());
    let read = |algorithm, key: &str| {
        let (headers, body) = signed(algorithm, key, URL, DELIVERED);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        read(&gateway, "", &headers, &body).map(|reports| reports.len())
    };
    for age in ["new", "old"] {
        assert_eq!(read(SignatureAlgorithm::HmacSha1, &format!("{age} token")), Ok(1));
        assert_eq!(read(SignatureAlgorithm::HmacSha256, &format!("{age} key")), Ok(1));
    }
    assert_eq!(read(SignatureAlgorithm::HmacSha1, "new key"), Err(CallbackError::Unsigned));
    assert_eq!(read(SignatureAlgorithm::HmacSha256, "old token"), Err(CallbackError::Unsigned));
}

#[test]
fn what_twilio_did_not_sign_counts_for_nothing() {
    let unsigned = Err(CallbackError::Unsigned);
    let good = signed(SignatureAlgorithm::HmacSha1, "open sesame", URL, DELIVERED);
    assert!(read_signed("", &good).is_ok());
    assert_eq!(read_signed("reference=another", &good), unsigned, "another address");
    assert_eq!(
        read_signed("", &signed(SignatureAlgorithm::HmacSha1, "a guess", URL, DELIVERED)),
        unsigned,
        "another key"
    );
    let cross = signed(SignatureAlgorithm::HmacSha256, "open sesame", URL, DELIVERED);
    assert_eq!(read_signed("", &cross), unsigned, "the key of the other algorithm");
    let (headers, body) = &good;
    let forged = String::from_utf8(body.clone()).unwrap().replace("delivered", "failed").into_bytes();
    assert_eq!(read_signed("", &(headers.clone(), forged)), unsigned, "another body");
    assert_eq!(read_signed("", &(headers[..1].to_vec(), body.clone())), unsigned, "no signature");
    let cut: Vec<_> = headers.iter().map(|(name, value)| (*name, value[..value.len() - 4].to_owned())).collect();
    assert_eq!(read_signed("", &(cut, body.clone())), unsigned, "half a signature");
    let as_json = vec![("content-type", "application/json".to_owned()), headers[1].clone()];
    assert_eq!(read_signed("", &(as_json, body.clone())), unsigned, "a form that says it is none");
}

#[test]
fn a_body_that_is_no_callback_is_refused_whatever_its_size() {
    let deep = "[".repeat(1 << 20);
    let bodies = ["", "null", "{}", "<html>", "[1,2", &deep];
    for vendor in [Vendor::Aliyun, Vendor::Tencent] {
        let gateway = vendor.gateway(1, "", &clock());
        for body in bodies {
            assert_eq!(read(&gateway, "", &[], body.as_bytes()), Err(CallbackError::Unreadable), "{body:.20}");
        }
        let one = if vendor == Vendor::Aliyun { ALIYUN_REPLY } else { TENCENT_RECEIPTS };
        let one = one.trim_matches(['[', ']']);
        let many = format!("[{}]", [one].repeat(20_000).join(","));
        assert_eq!(read(&gateway, "", &[], many.as_bytes()), Err(CallbackError::Unreadable), "what is kept is bounded");
    }
}

/// Bytes, or a callback that somebody has tampered with.
fn hostile(sound: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<Index>(), 0_usize..12, prop::collection::vec(any::<u8>(), 0..12)), 0..4);
    let tampered = edits.prop_map(move |edits| {
        let mut bytes = sound.as_bytes().to_vec();
        for (at, taken, put) in edits {
            let from = at.index(bytes.len() + 1);
            let to = (from + taken).min(bytes.len());
            bytes.splice(from..to, put);
        }
        bytes
    });
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..200), 4 => tampered]
}

/// Reads it; what comes of it is bounded by what came in.
fn survives(gateway: &dyn Gateway, query: &[u8], headers: &[(&str, &str)], body: &[u8]) {
    let query = String::from_utf8_lossy(query);
    let reports =
        watched("callbacks", query.len() + body.len(), || read(gateway, &query, headers, body)).unwrap_or_default();
    assert!(reports.len() <= 1_000);
    for report in reports {
        match report {
            Report::Reply(reply) => assert!(reply.text.chars().count() <= 2_000 && reply.from.len() <= 160),
            Report::Fate { about: ReportSubject::Reference(id) | ReportSubject::ProviderId(id), .. } => {
                assert!(id.len() <= 128)
            }
            Report::Fate { about: ReportSubject::Copy { .. }, .. } => unreachable!("an SMS is not forwarded"),
        }
    }
}

proptest! {
    #![proptest_config(cases(20_000))]

    #[test]
    fn fuzz_aliyun(body in prop_oneof![hostile(ALIYUN_RECEIPTS), hostile(ALIYUN_REPLY)]) {
        thread_local!(static GATEWAY: dueherald::gateway::sms::SmsGateway = Vendor::Aliyun.gateway(1, "", &clock()));
        GATEWAY.with(|gateway| survives(gateway, b"", &[], &body));
    }

    #[test]
    fn fuzz_tencent(body in prop_oneof![hostile(TENCENT_RECEIPTS), hostile(TENCENT_REPLY)]) {
        thread_local!(static GATEWAY: dueherald::gateway::sms::SmsGateway = Vendor::Tencent.gateway(1, "", &clock()));
        GATEWAY.with(|gateway| survives(gateway, b"", &[], &body));
    }

    #[test]
    fn fuzz_kannel(query in hostile("reference=msg-2&type=1&from=%2B8613800138000&id=a90d"), body in hostile("退订")) {
        thread_local!(static GATEWAY: Box<dyn Gateway> = Box::new(kannel_gateway()));
        GATEWAY.with(|gateway| survives(&**gateway, &query, &[], &body));
    }

    #[test]
    fn fuzz_mappings(body in prop_oneof![hostile(LISTED), hostile("msisdn=13800138000&words=%CD%CB%B6%A9")], charset in 0..3_usize) {
        thread_local!(static GATEWAY: Box<dyn Gateway> = Box::new(mapped_gateway()));
        let types = ["application/json", "application/x-www-form-urlencoded; \
            charset=GBK", "text/plain; charset=utf-16"];
        GATEWAY.with(|gateway| survives(&**gateway, b"", &[("content-type", types[charset])], &body));
    }

    #[test]
    fn fuzz_twilio(body in hostile("MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30006&From=%2B8613800138000&Body=STOP")) {
        thread_local!(static GATEWAY: dueherald::gateway::sms::SmsGateway = Vendor::Twilio.gateway(1, "", &clock()));
        // Signed, so that it is read to its end.
        let form: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
        let signature = signature(SignatureAlgorithm::HmacSha1, &"open sesame".into(), URL, &form);
        let headers = [("x-twilio-signature", signature.as_str())];
        GATEWAY.with(|gateway| survives(gateway, b"", &headers, &body));
    }
}
