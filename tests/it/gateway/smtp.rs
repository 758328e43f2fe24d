//! The behaviour that only SMTP gateways have.

use std::time::Duration;

use dueherald::clock::Clock;
use dueherald::domain::{Address, EmailAddress, EmailParts, Merchant, Message};
use dueherald::gateway::{Gateway, Handover};
use rstest::rstest;

use super::{AMPLE, EMAIL, REFERENCE, clock, deadline, email, merchant, send, send_to, shown, smtp_gateway};
use crate::sinks::smtp::{At, NoticeAction, Offers, Script, SmtpSink, Tls, header};
use crate::sinks::tls::Authority;

const PLAIN: &str = "security = 'none'";

#[rstest]
#[tokio::test]
async fn a_message_looks_so_on_the_wire(
    #[values(Offers::Nothing, Offers::Pipelining, Offers::Chunking)] offers: Offers,
) {
    let sink = SmtpSink::start(Script::default().offers(offers)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let outcome = send(&gateway, &deadline(&clock, AMPLE)).await;
    assert_eq!(shown(&outcome), "accepted 4SiNK", "with the server's own number");
    let received = sink.received().remove(0);
    assert_eq!((received.from.as_str(), received.to.as_str()), ("repay@mall.example", EMAIL));
    assert_eq!(sink.accepted(&format!("{REFERENCE}@mall.example")), 1);
    assert!(received.raw.is_ascii());
    assert_eq!(sink.count(At::Data), usize::from(offers != Offers::Chunking), "how often it was asked for");
    insta::assert_snapshot!("mail", received.raw.replace("\r\n", "\n"));
}

#[tokio::test]
async fn every_attempt_has_the_same_message_id() {
    let sink = SmtpSink::start(Script::default()).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    for _ in 0..2 {
        send(&gateway, &deadline(&clock, AMPLE)).await;
        clock.advance(Duration::from_secs(3600));
    }
    assert_eq!(sink.accepted(&format!("{REFERENCE}@mall.example")), 2);
}

#[tokio::test]
async fn nothing_that_a_message_holds_becomes_a_header() {
    let sink = SmtpSink::start(Script::default()).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let evil = "x\r\nBcc: all@borrower.example\r\n\r\nbody";
    let merchant = Merchant { name: evil.into(), ..merchant() };
    let (subject, text, html) = (evil.into(), evil.into(), evil.into());
    let handover = Handover {
        merchant: &merchant,
        to: &Address::Email(EmailAddress::new(EMAIL).unwrap()),
        message: &Message::Email(EmailParts { subject, text, html, unsubscribe: None }),
        reference: REFERENCE,
        attempt: 1,
        deadline: &deadline(&clock, AMPLE),
    };
    assert_eq!(gateway.send(&handover).await.as_str(), "accepted");
    let raw = sink.received().remove(0).raw;
    let head = raw.split("\r\n\r\n").next().unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    assert_eq!(header(&raw, "To"), EMAIL);
    assert_eq!(header(&raw, "Subject"), "x  Bcc: all@borrower.example    body");

    let forged = Handover { reference: "x>\r\nBcc: all@borrower.example", ..handover };
    assert_eq!(shown(&gateway.send(&forged).await), "rejected recipient bad-reference");
}

#[rstest]
#[tokio::test]
async fn a_line_that_begins_with_a_dot_ends_no_message(#[values(Offers::Pipelining, Offers::Chunking)] offers: Offers) {
    let sink = SmtpSink::start(Script::default().offers(offers)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let (subject, text, html) = ("x".into(), "one\n.\n..two\nthree".into(), "<p>x</p>".into());
    let handover = Handover {
        merchant: &merchant(),
        to: &Address::Email(EmailAddress::new(EMAIL).unwrap()),
        message: &Message::Email(EmailParts { subject, text, html, unsubscribe: None }),
        reference: REFERENCE,
        attempt: 1,
        deadline: &deadline(&clock, AMPLE),
    };
    assert_eq!(gateway.send(&handover).await.as_str(), "accepted");
    let raw = sink.received().remove(0).raw;
    assert!(raw.contains("\r\none\r\n.\r\n..two\r\nthree\r\n"), "{raw}");
}

#[rstest]
#[case::greeting_later(At::Greeting, NoticeAction::SayThenClose("421 4.7.0 busy"), "retry_after smtp-421-4.7.0")]
#[case::greeting_refused(
    At::Greeting,
    NoticeAction::SayThenClose("554 5.7.1 go away"),
    "rejected gateway smtp-554-5.7.1"
)]
#[case::greeting_garbage(At::Greeting, NoticeAction::Say("SSH-2.0-OpenSSH"), "not_sent smtp-garbage")]
#[case::greeting_close(At::Greeting, NoticeAction::Close, "not_sent smtp-connection-lost")]
#[case::greeting_reset(At::Greeting, NoticeAction::Reset, "not_sent smtp-connection-lost")]
#[case::ehlo_refused(At::Ehlo, NoticeAction::Say("502 5.5.1 no"), "rejected gateway smtp-502-5.5.1")]
#[case::sender_refused(At::Mail, NoticeAction::Say("550 5.7.1 we do not know you"), "rejected gateway smtp-550-5.7.1")]
#[case::sender_later(At::Mail, NoticeAction::Say("451 4.3.0 later"), "retry_after smtp-451-4.3.0")]
#[case::sender_lost(At::Mail, NoticeAction::Close, "not_sent smtp-connection-lost")]
#[case::unknown_recipient(
    At::Rcpt,
    NoticeAction::Say("550 5.1.1 <a@b.example> unknown"),
    "rejected recipient smtp-550-5.1.1"
)]
#[case::greylisted(At::Rcpt, NoticeAction::Say("450 4.7.1 greylisted"), "retry_after smtp-450-4.7.1")]
#[case::relay_denied(At::Rcpt, NoticeAction::Say("554 5.7.1 Relay access denied"), "rejected gateway smtp-554-5.7.1")]
#[case::going_down(At::Rcpt, NoticeAction::SayThenClose("421 4.3.2 bye"), "retry_after smtp-421-4.3.2")]
#[case::recipient_garbage(At::Rcpt, NoticeAction::Say("lorem ipsum"), "not_sent smtp-garbage")]
#[case::recipient_lost(At::Rcpt, NoticeAction::Reset, "not_sent smtp-connection-lost")]
#[case::data_refused(At::Data, NoticeAction::Say("554 5.5.1 no valid recipients"), "rejected gateway smtp-554-5.5.1")]
#[case::data_is_no_go_ahead(At::Data, NoticeAction::Say("250 ok"), "not_sent smtp-garbage")]
#[case::data_lost(At::Data, NoticeAction::Close, "not_sent smtp-connection-lost")]
#[case::content_refused(At::Dot, NoticeAction::Say("554 5.6.0 spam"), "rejected content smtp-554-5.6.0")]
#[case::client_refused_late(
    At::Rcpt,
    NoticeAction::Say("554 5.7.1 <app[10.1.2.3]>: Client host rejected: Access denied"),
    "rejected gateway smtp-554-5.7.1"
)]
#[case::sender_refused_late(
    At::Dot,
    NoticeAction::Say("550 5.7.23 rejected because of Sender Policy Framework violation"),
    "rejected gateway smtp-550-5.7.23"
)]
#[case::quota_of_ours(
    At::Rcpt,
    NoticeAction::Say("550 5.4.5 Daily user sending quota exceeded"),
    "rejected gateway smtp-550-5.4.5"
)]
#[case::unknown_in_relay_table(
    At::Rcpt,
    NoticeAction::Say("550 5.1.1 <a@b.example>: Recipient address rejected: User unknown in relay recipient table"),
    "rejected recipient smtp-550-5.1.1"
)]
#[case::content_too_big(At::Dot, NoticeAction::Say("552 5.3.4 too big"), "rejected content smtp-552-5.3.4")]
#[case::content_later(At::Dot, NoticeAction::Say("452 4.3.1 disk full"), "retry_after smtp-452-4.3.1")]
#[case::answer_lost(At::Dot, NoticeAction::Close, "unknown smtp-connection-lost")]
#[case::answer_reset(At::Dot, NoticeAction::Reset, "unknown smtp-connection-lost")]
#[case::answer_garbage(At::Dot, NoticeAction::Say("lorem ipsum"), "unknown smtp-garbage")]
#[case::answer_is_no_end(At::Dot, NoticeAction::Say("354 more"), "unknown smtp-garbage")]
#[tokio::test]
async fn a_peer_that_misbehaves(
    #[case] at: At,
    #[case] act: NoticeAction,
    #[case] expected: &str,
    #[values(Offers::Nothing, Offers::Pipelining)] offers: Offers,
) {
    let sink = SmtpSink::start(Script::default().offers(offers).at(at, act)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let outcome = send(&gateway, &deadline(&clock, AMPLE)).await;
    assert_eq!(shown(&outcome), expected);
    let taken = sink.received().len();
    assert_eq!(taken > 0, outcome.as_str() == "unknown", "taken over {taken} times");
    assert_eq!(sink.connections(), 1, "nothing is tried twice");
}

#[rstest]
#[case::greeting(At::Greeting, "not_sent connect-timeout")]
#[case::ehlo(At::Ehlo, "not_sent connect-timeout")]
#[case::sender(At::Mail, "not_sent smtp-no-answer")]
#[case::recipient(At::Rcpt, "not_sent smtp-no-answer")]
#[case::data(At::Data, "not_sent smtp-no-answer")]
#[case::dot(At::Dot, "unknown smtp-no-answer")]
#[tokio::test]
async fn a_peer_that_falls_silent(
    #[case] at: At,
    #[case] expected: &str,
    #[values(Offers::Nothing, Offers::Pipelining)] offers: Offers,
) {
    let sink = SmtpSink::start(Script::default().offers(offers).at(at, NoticeAction::Silence)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let deadline = deadline(&clock, AMPLE);
    let time_passes = async {
        sink.reached(at, 1).await;
        clock.advance(Duration::from_secs(30));
    };
    let (outcome, ()) = tokio::join!(send(&gateway, &deadline), time_passes);
    assert_eq!(shown(&outcome), expected);
}

/// Failures of a message sent in one go: once all of it has left, only a refusal proves that the server did not accept
/// it.
#[rstest]
#[case::sender_later(At::Mail, NoticeAction::Say("451 4.3.0 later"), "retry_after smtp-451-4.3.0")]
#[case::sender_refused(At::Mail, NoticeAction::Say("550 5.7.1 we do not know you"), "rejected gateway smtp-550-5.7.1")]
#[case::sender_lost(At::Mail, NoticeAction::Close, "unknown smtp-connection-lost")]
#[case::sender_silent(At::Mail, NoticeAction::Silence, "unknown smtp-no-answer")]
#[case::unknown_recipient(At::Rcpt, NoticeAction::Say("550 5.1.1 gone"), "rejected recipient smtp-550-5.1.1")]
#[case::greylisted(At::Rcpt, NoticeAction::Say("450 4.7.1 greylisted"), "retry_after smtp-450-4.7.1")]
#[case::going_down(At::Rcpt, NoticeAction::SayThenClose("421 4.3.2 bye"), "retry_after smtp-421-4.3.2")]
#[case::recipient_garbage(At::Rcpt, NoticeAction::Say("lorem ipsum"), "unknown smtp-garbage")]
#[case::recipient_lost(At::Rcpt, NoticeAction::Reset, "unknown smtp-connection-lost")]
#[case::taken_all_the_same(At::Rcpt, NoticeAction::Say("550 5.1.1 gone\r\n250 2.0.0 ok"), "unknown smtp-garbage")]
#[case::content_refused(At::Dot, NoticeAction::Say("554 5.6.0 spam"), "rejected content smtp-554-5.6.0")]
#[case::content_later(At::Dot, NoticeAction::Say("452 4.3.1 disk full"), "retry_after smtp-452-4.3.1")]
#[case::answer_lost(At::Dot, NoticeAction::Close, "unknown smtp-connection-lost")]
#[case::answer_silent(At::Dot, NoticeAction::Silence, "unknown smtp-no-answer")]
#[case::answer_is_no_end(At::Dot, NoticeAction::Say("354 more"), "unknown smtp-garbage")]
#[tokio::test]
async fn a_message_in_one_go(#[case] at: At, #[case] act: NoticeAction, #[case] expected: &str) {
    let sink = SmtpSink::start(Script::default().offers(Offers::Chunking).at(at, act)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let deadline = deadline(&clock, AMPLE);
    let time_passes = async {
        sink.reached(at, 1).await;
        if matches!(act, NoticeAction::Silence) {
            clock.advance(Duration::from_secs(30));
        }
    };
    let (outcome, ()) = tokio::join!(send(&gateway, &deadline), time_passes);
    assert_eq!(shown(&outcome), expected);
    assert!(sink.received().is_empty() || outcome.as_str() == "unknown", "taken over, and called {expected}");
    assert_eq!((sink.connections(), sink.count(At::Data)), (1, 0), "nothing is tried twice");
}

#[tokio::test]
async fn a_server_that_cannot_do_what_it_offers_gets_messages_by_data() {
    let sink = SmtpSink::start(Script::default().offers(Offers::Chunking)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, "security = 'none'\nchunking = false");
    assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), "accepted 4SiNK");
    assert_eq!(sink.count(At::Data), 1);
}

#[tokio::test]
async fn after_a_refused_chunk_the_server_is_told_to_forget_it() {
    let script = Script::default().offers(Offers::Chunking);
    let sink = SmtpSink::start(script.for_recipient("a@b.example", At::Dot, NoticeAction::Say("554 5.6.0 spam"))).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let deadline = deadline(&clock, AMPLE);
    assert_eq!(shown(&send_to(&gateway, "a@b.example", "a", &deadline).await), "rejected content smtp-554-5.6.0");
    assert_eq!(shown(&send_to(&gateway, "b@b.example", "b", &deadline).await), "accepted 4SiNK");
    assert_eq!((sink.connections(), sink.count(At::Rset)), (1, 1), "connections, resets");
}

#[rstest]
#[case::data(Script::default().at(At::Data, NoticeAction::SayThenStall("354 go ahead")), At::Data)]
#[case::chunk(Script::default().offers(Offers::Chunking).at(At::Mail, NoticeAction::SayThenStall("250 2.1.0 \
    ok")), At::Mail)]
#[tokio::test]
async fn a_message_cut_short_by_the_deadline_is_not_sent(#[case] script: Script, #[case] at: At) {
    // The sink does not read the message: more of it is on its way than the system's buffers hold.
    let sink = SmtpSink::start(script).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let deadline = deadline(&clock, Duration::from_secs(10));
    let long =
        EmailParts { subject: "x".into(), text: "账".repeat(2 << 20), html: "<p>x</p>".into(), unsubscribe: None };
    let (merchant, to) = (merchant(), Address::Email(EmailAddress::new(EMAIL).unwrap()));
    let message = Message::Email(long);
    let (merchant, to, message) = (&merchant, &to, &message);
    let handover = Handover { merchant, to, message, reference: REFERENCE, attempt: 1, deadline: &deadline };
    let time_passes = async {
        sink.reached(at, 1).await;
        clock.advance(Duration::from_secs(10));
    };
    let (outcome, ()) = tokio::join!(gateway.send(&handover), time_passes);
    assert_eq!(shown(&outcome), "not_sent deadline", "without its end no server takes it over");
}

#[rstest]
#[tokio::test]
async fn no_byte_leaves_after_the_deadline_even_when_the_answer_came_in_time(
    #[values(Offers::Nothing, Offers::Pipelining)] offers: Offers,
) {
    // The clock jumps while the sink's answer is on its way, as it does for a process that was stopped and goes on.
    let sink = SmtpSink::start(Script::default().offers(offers)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let deadline = deadline(&clock, Duration::from_secs(10));
    let stopped = async {
        sink.reached(At::Rcpt, 1).await;
        clock.advance(Duration::from_secs(10));
    };
    let (outcome, ()) = tokio::join!(send(&gateway, &deadline), stopped);
    assert_eq!(shown(&outcome), "not_sent deadline");
    assert_eq!(sink.count(At::Dot), 0, "nothing of the message left");
    assert!(offers == Offers::Pipelining || sink.count(At::Data) == 0, "DATA was never asked for");
}

#[rstest]
#[tokio::test]
async fn one_bad_recipient_costs_no_connection(
    #[values(Offers::Nothing, Offers::Pipelining, Offers::Chunking)] offers: Offers,
) {
    let script = Script::default().offers(offers).for_recipient(
        "gone@borrower.example",
        At::Rcpt,
        NoticeAction::Say("550 5.1.1 gone"),
    );
    let sink = SmtpSink::start(script).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let deadline = deadline(&clock, AMPLE);
    let expected = [("a", "accepted 4SiNK"), ("gone", "rejected recipient smtp-550-5.1.1"), ("b", "accepted 4SiNK")];
    for (user, expected) in expected {
        let outcome = send_to(&gateway, &format!("{user}@borrower.example"), user, &deadline).await;
        assert_eq!(shown(&outcome), expected);
    }
    assert_eq!((sink.connections(), sink.count(At::Rset)), (1, 1), "connections, resets");
}

#[tokio::test]
async fn a_server_that_wants_the_message_although_it_refused_the_recipient_gets_none() {
    let gone = NoticeAction::Say("550 5.1.1 gone\r\n354 go ahead");
    let sink = SmtpSink::start(Script::default().for_recipient("gone@borrower.example", At::Rcpt, gone)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let deadline = deadline(&clock, AMPLE);
    let refused = send_to(&gateway, "gone@borrower.example", "gone", &deadline).await;
    assert_eq!(shown(&refused), "rejected recipient smtp-550-5.1.1");
    assert_eq!(shown(&send_to(&gateway, "a@borrower.example", "a", &deadline).await), "accepted 4SiNK");
    assert_eq!((sink.received().len(), sink.connections()), (1, 2), "messages, connections");
}

#[rstest]
#[case::closed(NoticeAction::Close)]
#[case::reset(NoticeAction::Reset)]
#[case::timed_out(NoticeAction::SayThenClose("421 4.4.2 idle too long"))]
#[tokio::test]
async fn a_parked_connection_that_died_is_replaced_once(
    #[case] act: NoticeAction,
    #[values(Offers::Pipelining, Offers::Chunking)] offers: Offers,
) {
    // The first message goes through; MAIL for the second finds the connection dead.
    let sink = SmtpSink::start(Script::default().offers(offers).for_recipient(EMAIL, At::Mail, act)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    for _ in 0..2 {
        let outcome = send(&gateway, &deadline(&clock, AMPLE)).await;
        assert_eq!(outcome.as_str(), "accepted", "{outcome:?}");
        // It lies idle for so long that the message itself is not risked before the server has shown that it lives.
        clock.advance(Duration::from_secs(2));
    }
    assert_eq!((sink.received().len(), sink.connections()), (2, 2), "messages, connections");
}

#[tokio::test]
async fn a_connection_that_dies_with_a_message_is_not_replaced() {
    let sink =
        SmtpSink::start(Script::default().for_recipient("b@borrower.example", At::Dot, NoticeAction::Reset)).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let deadline = deadline(&clock, AMPLE);
    send_to(&gateway, "a@borrower.example", "a", &deadline).await;
    let outcome = send_to(&gateway, "b@borrower.example", "b", &deadline).await;
    assert_eq!(shown(&outcome), "unknown smtp-connection-lost");
    assert_eq!(sink.accepted("b@mall.example"), 1, "never twice");
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_a_farewell() {
    let sink = SmtpSink::start(Script::default()).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, "security = 'none'\nidle_timeout = '5s'");
    send(&gateway, &deadline(&clock, AMPLE)).await;
    // Lets the sweeper take its place before time passes.
    tokio::task::yield_now().await;
    clock.advance(Duration::from_secs(5));
    sink.reached(At::Quit, 1).await;
    send(&gateway, &deadline(&clock, AMPLE)).await;
    assert_eq!(sink.connections(), 2, "the next message gets a fresh one");
}

fn with_login(security: &str, authority: &Authority, password: &str) -> String {
    let ca_pem = &authority.ca_pem;
    let credentials = format!("{{ username = 'repay', password = '{password}' }}");
    format!("security = '{security}'\nca_pem = '''{ca_pem}'''\ncredentials = {credentials}")
}

#[rstest]
#[case::starttls("starttls")]
#[case::tls("tls")]
#[tokio::test]
async fn a_password_opens_the_door_and_a_wrong_one_is_our_own_trouble(#[case] security: &str) {
    let authority = Authority::local();
    let server = authority.server.clone();
    let tls = if security == "tls" { Tls::Implicit(server) } else { Tls::Upgrade(server) };
    let sink = SmtpSink::start(Script::default().tls(tls).login("repay", "open sesame")).await;
    let clock = clock();
    let right = smtp_gateway(sink.port(), &clock, &with_login(security, &authority, "open sesame"));
    right.check().await.unwrap();
    assert_eq!(send(&right, &deadline(&clock, AMPLE)).await.as_str(), "accepted");
    let wrong = smtp_gateway(sink.port(), &clock, &with_login(security, &authority, "open barley"));
    assert_eq!(shown(&send(&wrong, &deadline(&clock, AMPLE)).await), "rejected gateway smtp-535-5.7.8");
    let problem = wrong.check().await.unwrap_err().to_string();
    assert!(problem.contains("smtp-535-5.7.8") && problem.contains("credentials"), "{problem}");
}

#[tokio::test]
async fn a_server_that_is_busy_at_the_door_is_asked_again_later() {
    let authority = Authority::local();
    let script = Script::default().login("repay", "open sesame").at(At::Auth, NoticeAction::Say("454 4.7.0 later"));
    let sink = SmtpSink::start(script.tls(Tls::Upgrade(authority.server.clone()))).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, &with_login("starttls", &authority, "open sesame"));
    assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), "retry_after smtp-454-4.7.0");
}

#[rstest]
#[case::no_starttls(Script::default(), "not_sent starttls-missing")]
#[case::starttls_later(Script::default().at(At::StartTls, NoticeAction::Say("454 4.7.0 not \
    now")), "retry_after smtp-454-4.7.0")]
#[case::starttls_lost(Script::default().at(At::StartTls, NoticeAction::Close), "not_sent tls")]
#[case::injected(Script::default().inject_behind_starttls("250 evil.example\r\n250 ok"), "not_sent tls")]
#[tokio::test]
async fn without_sound_encryption_nothing_is_sent(#[case] script: Script, #[case] expected: &str) {
    let authority = Authority::local();
    let offered = expected != "not_sent starttls-missing";
    let tls = if offered { Tls::Upgrade(authority.server.clone()) } else { Tls::None };
    let sink = SmtpSink::start(script.tls(tls).login("repay", "open sesame")).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, &with_login("starttls", &authority, "open sesame"));
    assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), expected);
    assert_eq!((sink.count(At::Auth), sink.count(At::Mail)), (0, 0), "neither password nor address left");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::of("mail.other.example");
    let sink = SmtpSink::start(Script::default().tls(Tls::Implicit(authority.server.clone()))).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, &with_login("tls", &authority, "open sesame"));
    assert_eq!(shown(&send(&gateway, &deadline(&clock, AMPLE)).await), "not_sent tls");
}

#[tokio::test]
async fn sms_are_not_for_it() {
    let sink = SmtpSink::start(Script::default()).await;
    let clock = clock();
    let gateway = smtp_gateway(sink.port(), &clock, PLAIN);
    let to = Address::Phone(dueherald::domain::Phone::new(super::PHONE).unwrap());
    let deadline = deadline(&clock, AMPLE);
    let (merchant, message) = (&merchant(), &email());
    let handover = Handover { merchant, to: &to, message, reference: REFERENCE, attempt: 1, deadline: &deadline };
    assert_eq!(shown(&gateway.send(&handover).await), "not_sent wrong-channel");
    assert_eq!(clock.elapsed(), Duration::ZERO);
}
