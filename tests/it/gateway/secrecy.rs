//! Whatever happens, and however much is logged: no secret, phone, address or text leaves an end but towards its peer.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use dueherald::domain::{Address, Channel, Phone};
use dueherald::gateway::{Gateway, Inquiry};
use rstest::rstest;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use super::vendors::Vendor;
use super::{AMPLE, EMAIL, PHONE, capture_gateway, clock, deadline, http_gateway, kannel, send, shown, smtp_gateway};
use crate::sinks::http::{HttpSink, Reply, Script as HttpScript};
use crate::sinks::smtp::{At, NoticeAction, Script as SmtpScript, SmtpSink, Tls};
use crate::sinks::{closed_port, tls::Authority};

/// Everything that this thread logs, from `tracing` and from `log`.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Runs the gateway once through send and check, and looks for what must not be seen.
async fn tells_nothing(gateway: &dyn Gateway, log: &Log, clock: &dueherald::clock::SimClock) -> String {
    let outcome = send(gateway, &deadline(clock, AMPLE)).await;
    let check = gateway.check().await.map_err(|error| format!("{error} {error:?}"));
    let seen = format!("{outcome:?}\n{check:?}\n{gateway:?}\n{}", log.text());
    let phone = PHONE.trim_start_matches('+');
    for secret in
        ["sesame", "b3BlbiBzZXNhbWU", phone, "13800138000", EMAIL, "zhang.san", "128.50", "tok3n", "还款", "%E8%BF%98"]
    {
        assert!(!seen.contains(secret), "{secret:?} is to be read in:\n{seen}");
    }
    seen
}

/// Listens to the log of this thread until the guard is dropped.
pub(super) fn listening() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_max_level(LevelFilter::TRACE).with_writer(log.clone());
    let listening = subscriber.finish().set_default();
    tracing::trace!("captured from here on");
    (log, listening)
}

#[rstest]
#[case::accepted(Reply::answer(202, "0: Accepted +8613800138000"))]
#[case::refused(Reply::answer(400, "denied: 8613800138000"))]
#[case::redirected(Reply::with_header(302, "Location", "http://127.0.0.1:1/?to=8613800138000"))]
#[case::garbage(Reply::Raw("8613800138000\r\n\r\n"))]
#[case::reset(Reply::Reset)]
#[case::half(Reply::Half(202, "0: 8613800138000"))]
#[tokio::test]
async fn http_tells_nothing(#[case] reply: Reply) {
    let (log, _listening) = listening();
    let sink = HttpSink::start(HttpScript::always(reply)).await;
    let clock = clock();
    let text = kannel(sink.port()).replace("[query]", "headers = { Authorization = 'Bearer sesame' }\n[query]");
    let seen = tells_nothing(&http_gateway(&text, &clock), &log, &clock).await;
    assert!(seen.contains("captured from here on"), "the log is being captured: {seen}");
}

#[rstest]
#[tokio::test]
async fn no_vendor_tells_anything(
    #[values(Vendor::Aliyun, Vendor::Tencent, Vendor::Twilio, Vendor::Generic)] vendor: Vendor,
    #[values(
        vendor.accepts(),
        Reply::answer(400, r#"{"Code":"8613800138000","code":8613800138000,"Message":"13800138000 sesame"}"#),
        Reply::answer(200, r#"{"Code":"isv.NEW","Message":"13800138000","Response":{"Error":{"Code":"New.Code"}}}"#),
        Reply::with_header(302, "Location", "http://127.0.0.1:1/?to=8613800138000"),
        Reply::Raw("8613800138000\r\n\r\n"),
        Reply::Half(200, "8613800138000"),
        Reply::Reset
    )]
    reply: Reply,
) {
    let (log, _listening) = listening();
    let sink = HttpSink::start(HttpScript::always(reply)).await;
    let clock = clock();
    let gateway = vendor.gateway(sink.port(), "", &clock);
    let seen = tells_nothing(&gateway, &log, &clock).await;
    assert!(seen.contains("captured from here on"), "the log is being captured: {seen}");
    let to = Address::Phone(Phone::new(PHONE).expect("a phone"));
    let handed_over_by = dueherald::clock::Clock::now(&clock);
    let inquiry =
        Inquiry { reference: "ref", provider_id: None, to: &to, handed_over_by, traces: &["tok3n".to_owned()] };
    let found = format!("{inquiry:?} {:?}", gateway.look_up(&inquiry).await);
    tells_nothing(&gateway, &log, &clock).await;
    assert!(!found.contains("13800138000") && !found.contains("tok3n"), "{found}");
}

#[tokio::test]
async fn a_code_that_nobody_knows_is_told_once() {
    let (log, _listening) = listening();
    let body = r#"{"Code":"isv.NEW","Message":"for 13800138000"}"#;
    let sink = HttpSink::start(HttpScript::always(Reply::answer(200, body))).await;
    let clock = clock();
    let gateway = Vendor::Aliyun.gateway(sink.port(), "", &clock);
    for _ in 0..3 {
        assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), "unknown isv.NEW");
    }
    let told = log.text().lines().filter(|line| line.contains("WARN") && line.contains("isv.NEW")).count();
    assert_eq!(told, 1, "{}", log.text());
}

#[tokio::test]
async fn http_without_a_peer_tells_nothing() {
    let (log, _listening) = listening();
    let clock = clock();
    let gateway = http_gateway(&kannel(closed_port().await), &clock);
    tells_nothing(&gateway, &log, &clock).await;
}

#[rstest]
#[case::accepted(At::Dot, NoticeAction::Say("250 ok <zhang.san@borrower.example>"))]
#[case::unknown(At::Rcpt, NoticeAction::Say("550 <zhang.san@borrower.example> unknown"))]
#[case::later(At::Dot, NoticeAction::Say("451 4.3.0 zhang.san@borrower.example later"))]
#[case::garbage(At::Rcpt, NoticeAction::Say("zhang.san@borrower.example what?"))]
#[case::lost(At::Dot, NoticeAction::Reset)]
#[case::password(At::Auth, NoticeAction::Say("535 5.7.8 not with open sesame"))]
#[tokio::test]
async fn smtp_tells_nothing(#[case] at: At, #[case] act: NoticeAction) {
    let (log, _listening) = listening();
    let authority = Authority::local();
    let script = SmtpScript::default().tls(Tls::Upgrade(authority.server)).login("repay", "open sesame").at(at, act);
    let sink = SmtpSink::start(script).await;
    let clock = clock();
    let credentials = "credentials = { username = 'repay', password = 'open sesame' }";
    let gateway = smtp_gateway(sink.port(), &clock, &format!("{credentials}\nca_pem = '''{}'''", authority.ca_pem));
    let seen = tells_nothing(&gateway, &log, &clock).await;
    assert!(seen.contains("rustls"), "the log is being captured: {seen}");
}

#[tokio::test]
async fn capture_tells_nothing() {
    let (log, _listening) = listening();
    let clock = clock();
    for channel in [Channel::Sms, Channel::Email] {
        tells_nothing(&capture_gateway(channel, None, &clock), &log, &clock).await;
    }
}
