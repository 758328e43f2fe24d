//! The behaviour that only HTTP gateways have.

use std::time::Duration;

use dueherald::domain::{Address, Merchant, Message, Phone, RegisteredSms, SmsText};
use dueherald::gateway::{Gateway, Handover};
use rstest::rstest;

use super::{AMPLE, PHONE, REFERENCE, clock, deadline, http_gateway, kannel, merchant, send, send_to, shown};
use crate::sinks::http::{HttpSink, Reply, Script};

fn json(port: u16) -> String {
    format!(
        "url = 'http://127.0.0.1:{port}/v1/messages?tenant=mall'\nmethod = 'POST'\n\
        headers = {{ Authorization = 'Bearer open sesame', Idempotency-Key = '{{{{ reference }}}}' }}\n\
        body = {{ json = {{ to = '{{{{ to }}}}', text = '【{{{{ sender }}}}】{{{{ text }}}}', priority = 1, tags = \
        ['due'] }} }}\n\
        accept = {{ status = '200-299', json = {{ pointer = '/code', equals = 0 }} }}\n\
        reject = [{{ json = {{ pointer = '/code', equals = 21 }}, scope = 'recipient' }},\n\
        {{ json = {{ pointer = '/code', equals = 22 }}, scope = 'opted_out' }},\n\
        {{ json = {{ pointer = '/code', equals = 40 }}, scope = 'gateway' }}]\n\
        retry = [{{ json = {{ pointer = '/code', equals = 9 }}, after = '1m' }}]\n\
        message_id = {{ pointer = '/data/id' }}\n"
    )
}

fn form(port: u16) -> String {
    format!(
        "url = 'http://127.0.0.1:{port}/send'\nmethod = 'POST'\n\
        body = {{ form = {{ mobile = '{{{{ to_digits }}}}', content = '{{{{ text }}}}', ref = '{{{{ reference }}}}' \
        }} }}\n\
        accept = {{ status = 200, body = '^OK' }}\nmessage_id = {{ regex = 'OK ([0-9a-f]+)' }}\n"
    )
}

/// The request without what differs from run to run.
fn golden(sink: &HttpSink) -> String {
    let text = sink.received().remove(0).text;
    let version = concat!("dueherald/", env!("CARGO_PKG_VERSION"));
    let text = text.replace(&format!(":{}", sink.port()), ":PORT").replace(version, "dueherald/VERSION");
    text.replace("\r\n", "\n")
}

#[rstest]
#[case::kannel("kannel", kannel, "0: Accepted for delivery", "accepted")]
#[case::json("json", json, r#"{"code":0,"data":{"id":"m-17"}}"#, "accepted m-17")]
#[case::form("form", form, "OK 00af", "accepted 00af")]
#[tokio::test]
async fn a_request_looks_so_on_the_wire(
    #[case] name: &str,
    #[case] settings: fn(u16) -> String,
    #[case] body: &str,
    #[case] expected: &str,
) {
    let status = if name == "kannel" { 202 } else { 200 };
    let sink = HttpSink::start(Script::always(Reply::answer(status, body))).await;
    let clock = clock();
    let gateway = http_gateway(&settings(sink.port()), &clock);
    assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), expected);
    insta::assert_snapshot!(name, golden(&sink));
}

#[rstest]
#[case::queued(Reply::answer(202, "3: Queued for later delivery"), "accepted")]
#[case::html(Reply::answer(200, "<html>Welcome to our proxy</html>"), "unknown http-200")]
#[case::other_body(Reply::answer(202, "1: Something"), "unknown http-202")]
#[case::bad_password(Reply::answer(403, "Authorization failed for sendsms"), "rejected gateway http-403")]
#[case::bad_request(Reply::answer(400, "Missing receiver number, rejected"), "rejected recipient http-400")]
#[case::no_such_path(Reply::answer(404, "Not found"), "rejected gateway http-404")]
#[case::throttled(Reply::with_header(429, "Retry-After", "90"), "retry_after http-429 90s")]
#[case::until(Reply::with_header(429, "retry-after", "Sun, 22 Nov 2026 04:05:00 GMT"), "retry_after http-429 300s")]
#[case::perhaps_a_proxy(Reply::with_header(503, "retry-after", "90"), "unknown http-503")]
#[case::throttled_somehow(Reply::answer(429, ""), "retry_after http-429")]
#[case::broken(Reply::answer(500, "0: Accepted for delivery"), "unknown http-500")]
#[case::bad_gateway(Reply::answer(502, ""), "unknown http-502")]
#[case::garbage(Reply::Raw("lorem ipsum\r\n\r\n"), "unknown http-connection-lost")]
#[case::half_a_head(Reply::Raw("HTTP/1.1 202 Accep"), "unknown http-connection-lost")]
#[case::closed(Reply::Close, "unknown http-connection-lost")]
#[case::reset(Reply::Reset, "unknown http-connection-lost")]
#[case::half(Reply::Half(202, "0: Accepted"), "unknown http-202-cut")]
#[case::half_a_refusal(Reply::Half(403, "Authorization"), "rejected gateway http-403-cut")]
#[tokio::test]
async fn a_peer_that_answers(#[case] reply: Reply, #[case] expected: &str) {
    let sink = HttpSink::start(Script::always(reply)).await;
    let clock = clock();
    let gateway = http_gateway(&kannel(sink.port()), &clock);
    assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), expected);
    assert_eq!(sink.received().len(), 1, "nothing is tried twice");
}

#[rstest]
#[case(r#"{"code":21}"#, "rejected recipient http-200-21")]
#[case(r#"{"code":22}"#, "rejected opted_out http-200-22")]
#[case(r#"{"code":"40"}"#, "rejected gateway http-200-40")]
#[case(r#"{"code":9}"#, "retry_after http-200-9 60s")]
#[case(r#"{"code":77}"#, "unknown http-200")]
#[case(r#"{"code":0,"data""#, "unknown http-200")]
#[tokio::test]
async fn rules_of_the_config_decide_first(#[case] body: &str, #[case] expected: &str) {
    let sink = HttpSink::start(Script::always(Reply::answer(200, body))).await;
    let clock = clock();
    let gateway = http_gateway(&json(sink.port()), &clock);
    assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), expected);
}

#[rstest]
#[case(301, "rejected gateway http-301")]
#[case(302, "unknown http-302")]
#[case(303, "unknown http-303")]
#[case(307, "rejected gateway http-307")]
#[case(308, "rejected gateway http-308")]
#[tokio::test]
async fn a_redirect_is_never_followed(#[case] status: u16, #[case] expected: &str) {
    let target = HttpSink::start(Script::always(Reply::answer(202, "0: Accepted"))).await;
    let elsewhere = format!("http://127.0.0.1:{}/cgi-bin/sendsms", target.port());
    let sink = HttpSink::start(Script::always(Reply::with_header(status, "Location", &elsewhere))).await;
    let clock = clock();
    let gateway = http_gateway(&kannel(sink.port()), &clock);
    let outcome = send(&gateway, &deadline(&clock, AMPLE)).await;
    assert_eq!(shown(&outcome), expected);
    assert_eq!((sink.received().len(), target.connections()), (1, 0));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let sink = HttpSink::start(Script::always(Reply::answer(202, &"0: Accepted ".repeat(1 << 20)))).await;
    let clock = clock();
    let gateway = http_gateway(&kannel(sink.port()), &clock);
    assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), "unknown http-202-too-long");
}

#[rstest]
#[case::no_answer(Reply::Silence)]
#[case::slow_body(Reply::Slow(202, "0: Accepted"))]
#[tokio::test]
async fn patience_ends(#[case] reply: Reply) {
    let sink = HttpSink::start(Script::always(reply)).await;
    let clock = clock();
    let gateway = http_gateway(&kannel(sink.port()), &clock);
    let deadline = deadline(&clock, AMPLE);
    let time_passes = async {
        sink.reached(1).await;
        clock.advance(Duration::from_secs(20));
    };
    let (outcome, ()) = tokio::join!(send(&gateway, &deadline), time_passes);
    assert_eq!(shown(&outcome), "unknown http-no-answer");
}

#[tokio::test]
async fn each_recipient_gets_its_own_outcome() {
    let script = Script::always(Reply::answer(202, "0: Accepted")).when("8613800138001", Reply::answer(400, "denied"));
    let sink = HttpSink::start(script).await;
    let clock = clock();
    let gateway =
        http_gateway(&form(sink.port()).replace("^OK", "^0:").replace("status = 200", "status = 202"), &clock);
    let deadline = deadline(&clock, AMPLE);
    assert_eq!(shown(&send_to(&gateway, "+8613800138001", "ref-a", &deadline).await), "rejected recipient http-400");
    assert_eq!(shown(&send_to(&gateway, "+8613800138002", "ref-b", &deadline).await), "accepted");
    assert_eq!((sink.accepted("ref-a"), sink.accepted("ref-b")), (0, 1));
}

#[tokio::test]
async fn a_text_stays_inside_its_field() {
    let sink = HttpSink::start(Script::always(Reply::answer(202, "0: Accepted"))).await;
    let clock = clock();
    let gateway = http_gateway(&kannel(sink.port()), &clock);
    let message = Message::Sms(SmsText("a&to=%2B1999\r\nX-Evil: 1 #?=".into()));
    let deadline = deadline(&clock, AMPLE);
    let (merchant, to) = (&merchant(), &Address::Phone(Phone::new(PHONE).unwrap()));
    let handover = Handover { merchant, to, message: &message, reference: REFERENCE, attempt: 1, deadline: &deadline };
    assert_eq!(shown(&gateway.send(&handover).await), "accepted");
    let text = &sink.received()[0].text;
    assert_eq!(text.matches("&to=").count(), 1, "{text}");
    assert!(!text.contains("\nX-Evil"), "{text}");

    let in_header = kannel(sink.port()).replace("[query]", "headers = { X-Text = '{{ text }}' }\n[query]");
    let outcome = http_gateway(&in_header, &clock).send(&handover).await;
    assert_eq!(shown(&outcome), "not_sent bad-request", "a line break cannot stand in a header");
}

#[tokio::test]
async fn ids_of_india_and_the_registered_text_reach_the_gateway() {
    let sink = HttpSink::start(Script::always(Reply::answer(200, "OK"))).await;
    let clock = clock();
    let settings = format!(
        "url = 'http://127.0.0.1:{}/send'\nmethod = 'POST'\naccept = {{ status = 200 }}\n\
         [body.form]\npe = '{{{{ dlt_entity_id }}}}'\ntemplate = '{{{{ dlt_template_id }}}}'\ntext = '{{{{ text }}}}'\n\
         [dlt]\nentity_id = '1101234567890123456'\nentity_ids = {{ harbour = '1101234567890123457' }}\n\
         [dlt.templates.before-due]\ntemplate_id = '1107234567890123456'\ntext = 'Due: {{#numeric#}}'\n\
         variables = ['{{{{ count }}}}']\n",
        sink.port()
    );
    let gateway = http_gateway(&settings, &clock);
    let to = Address::Phone(Phone::new(PHONE).expect("a phone"));
    let registered = Message::Registered(RegisteredSms {
        code: "1107234567890123456".into(),
        sign_name: String::new(),
        parameters: vec![("1".into(), "2".into())],
        text: "Due: 2".into(),
    });
    for id in ["mall", "harbour"] {
        let merchant = Merchant { id: id.parse().expect("an id"), ..merchant() };
        let deadline = deadline(&clock, AMPLE);
        let handover = |message| Handover {
            merchant: &merchant,
            to: &to,
            message,
            reference: REFERENCE,
            attempt: 1,
            deadline: &deadline,
        };
        assert_eq!(shown(&gateway.send(&handover(&registered)).await), "accepted");
        let free = Message::Sms(SmsText("Due: 2".into()));
        assert_eq!(shown(&gateway.send(&handover(&free)).await), "not_sent wrong-channel", "no other text leaves");
    }
    let bodies: Vec<_> =
        sink.received().iter().map(|request| request.text.lines().last().unwrap_or_default().to_owned()).collect();
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    assert!(bodies[0].contains("pe=1101234567890123456&template=1107234567890123456&text=Due%3A+2"), "{bodies:?}");
    assert!(bodies[1].contains("pe=1101234567890123457&"), "{bodies:?}");
}
