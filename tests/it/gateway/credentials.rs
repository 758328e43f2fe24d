//! Credentials that are being changed: whichever of the list the provider takes carries the message, and it leaves
//! once.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dueherald::domain::{Address, Phone};
use dueherald::gateway::sms::SmsGateway;
use dueherald::gateway::{Gateway, Inquiry, LookUp};
use rstest::rstest;

use super::secrecy::listening;
use super::vendors::Vendor;
use super::{AMPLE, PHONE, REFERENCE, clock, deadline, send, shown, smtp_gateway};
use crate::sinks::http::{HttpSink, Reply, Script};
use crate::sinks::smtp::{At, Script as SmtpScript, SmtpSink, Tls, header};
use crate::sinks::tls::Authority;

/// The settings of a vendor with a new and an old credential, and by what a request with each is known.
fn changing(vendor: Vendor) -> (String, [String; 2]) {
    let settings = vendor.settings().to_owned();
    let listed = |one: &str, other: &str| {
        let account = settings.lines().next().and_then(|line| line.strip_prefix("account = ")).expect("it comes first");
        settings.replacen(account, &format!("[{}, {}]", one, other), 1)
    };
    let marks = |new: &str, old: &str| [new.to_owned(), old.to_owned()];
    match vendor {
        Vendor::Aliyun => {
            let account = |id: &str| format!("{{ access_key_id = '{id}', access_key_secret = 'open sesame' }}");
            (listed(&account("new-id"), &account("old-id")), marks("new-id", "old-id"))
        }
        Vendor::Tencent => {
            let account =
                |id: &str| format!("{{ secret_id = '{id}', secret_key = 'open sesame', sdk_app_id = '1400006666' }}");
            (listed(&account("new-id"), &account("old-id")), marks("new-id", "old-id"))
        }
        Vendor::Twilio => {
            let basic = |token: &str| STANDARD.encode(format!("AC-fake-account:{token}"));
            let settings = settings.replace("'open sesame'", "['new sesame', 'old sesame']");
            (settings, marks(&basic("new sesame"), &basic("old sesame")))
        }
        Vendor::Generic => {
            let settings = settings
                .replace("'Bearer open sesame'", "'Bearer {{ secrets.bearer }}'")
                .replace("method = 'POST'", "method = 'POST'\nsecrets = { bearer = ['new sesame', 'old sesame'] }")
                .replace("{ ref = '{{ reference }}' }", "{ ref = '{{ reference }}', key = '{{ secrets.bearer }}' }");
            (settings, marks("new sesame", "old sesame"))
        }
    }
}

/// How a vendor refuses a credential.
fn refusal(vendor: Vendor) -> Reply {
    match vendor {
        Vendor::Aliyun => Reply::answer(
            404,
            r#"{"Code":"InvalidAccessKeyId.NotFound","Message":"Specified access key is not found."}"#,
        ),
        Vendor::Tencent => Reply::answer(
            200,
            r#"{"Response":{"Error":{"Code":"AuthFailure.SecretIdNotFound","Message":""},"RequestId":"a"}}"#,
        ),
        Vendor::Twilio => Reply::answer(401, r#"{"code":20003,"message":"Authenticate","status":401}"#),
        Vendor::Generic => Reply::answer(401, r#"{"code":40}"#),
    }
}

fn gateway(vendor: Vendor, settings: &str, sink: &HttpSink) -> SmsGateway {
    vendor.gateway_of(&format!("http://127.0.0.1:{}", sink.port()), settings, &clock())
}

#[rstest]
#[tokio::test]
async fn while_a_credential_is_changed_the_one_that_is_taken_is_used(
    #[values(Vendor::Aliyun, Vendor::Tencent, Vendor::Twilio, Vendor::Generic)] vendor: Vendor,
    #[values(0, 1)] refused: usize,
) {
    let (log, _listening) = listening();
    let (settings, marks) = changing(vendor);
    let sink = HttpSink::start(Script::always(vendor.accepts()).when(&marks[refused], refusal(vendor))).await;
    let gateway = gateway(vendor, &settings, &sink);
    for _ in 0..2 {
        assert!(shown(&send(&gateway, &deadline(&clock(), AMPLE)).await).starts_with("accepted"));
    }
    // Where the first of the list is refused, one call more finds that out, and the next begins with the other.
    assert_eq!(sink.received().len(), if refused == 0 { 3 } else { 2 });
    let told = log.text();
    assert_eq!(told.matches("another of the list is in use").count(), usize::from(refused == 0), "{told}");
    assert!(refused == 1 || told.contains("refused=1 used=2"), "{told}");
    assert!(!told.contains("sesame") && !marks.iter().any(|mark| told.contains(mark)), "{told}");
}

#[rstest]
#[tokio::test]
async fn when_every_credential_is_refused_the_gateway_has_the_trouble(
    #[values(Vendor::Aliyun, Vendor::Tencent, Vendor::Twilio, Vendor::Generic)] vendor: Vendor,
) {
    let (settings, _) = changing(vendor);
    let sink = HttpSink::start(Script::always(refusal(vendor))).await;
    let outcome = send(&gateway(vendor, &settings, &sink), &deadline(&clock(), AMPLE)).await;
    assert!(shown(&outcome).starts_with("rejected gateway"), "{outcome:?}");
    assert_eq!(sink.received().len(), 2, "each once");
}

/// After an answer that leaves open whether the message was sent, or a refusal for another reason, the gateway sends no
/// second request.
#[rstest]
#[case::no_answer(Reply::Close)]
#[case::broken(Reply::answer(500, ""))]
#[case::half(Reply::Half(401, "Unauthorized"))]
#[case::of_the_request(Reply::answer(400, r#"{"code":21}"#))]
#[case::busy(Reply::answer(429, ""))]
#[tokio::test]
async fn nothing_but_a_refused_credential_is_tried_again(
    #[values(Vendor::Aliyun, Vendor::Tencent, Vendor::Twilio, Vendor::Generic)] vendor: Vendor,
    #[case] reply: Reply,
) {
    let (settings, _) = changing(vendor);
    let is_refusal = matches!(reply, Reply::Half(401, _)) && matches!(vendor, Vendor::Twilio | Vendor::Generic);
    let sink = HttpSink::start(Script::always(reply)).await;
    send(&gateway(vendor, &settings, &sink), &deadline(&clock(), AMPLE)).await;
    assert_eq!(sink.received().len(), if is_refusal { 2 } else { 1 });
}

#[rstest]
#[tokio::test]
async fn a_look_up_uses_the_credential_that_is_taken(
    #[values(Vendor::Aliyun, Vendor::Tencent, Vendor::Twilio, Vendor::Generic)] vendor: Vendor,
) {
    let (settings, [new, old]) = changing(vendor);
    let script = Script::always(Reply::answer(500, "")).when(&new, refusal(vendor));
    let script = script.when(&new.replace(' ', "+"), refusal(vendor));
    let sink = HttpSink::start(script).await;
    let clock = clock();
    let to = Address::Phone(Phone::new(PHONE).expect("a phone"));
    let handed_over_by = dueherald::clock::Clock::now(&clock);
    let inquiry =
        Inquiry { reference: REFERENCE, provider_id: None, to: &to, handed_over_by, traces: &["tok3n".to_owned()] };
    assert_eq!(gateway(vendor, &settings, &sink).look_up(&inquiry).await, LookUp::Unclear);
    assert!(
        sink.received()
            .last()
            .is_some_and(|last| last.text.contains(&old) || last.text.contains(&old.replace(' ', "+"))),
        "the old one was asked with"
    );
}

#[rstest]
#[case::new_is_not_known_yet("['new sesame', 'old sesame']", 2, 1)]
#[case::old_is_gone("['old sesame', 'new sesame']", 1, 0)]
#[tokio::test]
async fn a_mail_server_gets_the_password_that_it_takes(
    #[case] passwords: &str,
    #[case] logins: usize,
    #[case] changes: usize,
) {
    let (log, _listening) = listening();
    let authority = Authority::local();
    let script = SmtpScript::default().login("repay", "old sesame").tls(Tls::Upgrade(authority.server.clone()));
    let sink = SmtpSink::start(script).await;
    let clock = clock();
    let more = format!(
        "security = 'starttls'\nca_pem = '''{}'''\ncredentials = {{ username = 'repay', password = {passwords} }}",
        authority.ca_pem
    );
    let gateway = smtp_gateway(sink.port(), &clock, &more);
    for _ in 0..2 {
        assert_eq!(send(&gateway, &deadline(&clock, AMPLE)).await.as_str(), "accepted");
        // The connection has gone idle: the next message opens one.
        clock.advance(Duration::from_secs(60));
    }
    assert_eq!(sink.received().len(), 2);
    assert_eq!(sink.count(At::Auth), logins + 1, "from then on the one that was taken comes first");
    let told = log.text();
    assert_eq!(told.matches("another of the list is in use").count(), changes, "{told}");
    assert!(!told.contains("sesame"), "{told}");
}

#[tokio::test]
async fn an_account_may_change_with_its_password_and_all_may_be_refused() {
    let authority = Authority::local();
    let script = SmtpScript::default().login("repay-2", "new sesame").tls(Tls::Implicit(authority.server.clone()));
    let sink = SmtpSink::start(script).await;
    let clock = clock();
    let with = |credentials: &str| {
        let ca_pem = &authority.ca_pem;
        let more = format!("security = 'tls'\nca_pem = '''{ca_pem}'''\ncredentials = {credentials}");
        smtp_gateway(sink.port(), &clock, &more)
    };
    let both = "[{ username = 'repay-1', password = 'old sesame' }, { username = 'repay-2', password = 'new sesame' }]";
    assert_eq!(send(&with(both), &deadline(&clock, AMPLE)).await.as_str(), "accepted");
    let neither = "{ username = 'repay-2', password = ['one', 'two'] }";
    let outcome = send(&with(neither), &deadline(&clock, AMPLE)).await;
    assert_eq!(shown(&outcome), "rejected gateway smtp-535-5.7.8");
    assert_eq!((sink.count(At::Auth), sink.received().len()), (4, 1));
}

/// The key of RFC 8463, appendix A.2.
const KEY: &str = "key = '''-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----'''";

#[tokio::test]
async fn a_new_dkim_key_signs_from_the_instant_that_the_config_names() {
    let sink = SmtpSink::start(SmtpScript::default()).await;
    let clock = clock();
    let from = dueherald::clock::Clock::now(&clock) + chrono::TimeDelta::hours(1);
    let more = format!(
        "security = 'none'\n[[dkim]]\nselector = 's2'\ndomain = 'mall.example'\nvalid_from = '{}'\n{KEY}\n\
         [[dkim]]\nselector = 's1'\ndomain = 'mall.example'\n{KEY}\n",
        from.to_rfc3339()
    );
    let gateway = smtp_gateway(sink.port(), &clock, &more);
    for selector in ["s1", "s2"] {
        assert_eq!(send(&gateway, &deadline(&clock, AMPLE)).await.as_str(), "accepted");
        let received = sink.received();
        let signature = header(&received.last().expect("one").raw, "DKIM-Signature");
        assert!(signature.contains(&format!("s={selector};")), "{signature}");
        clock.advance(Duration::from_secs(3600));
    }
}
