//! The suite that every gateway passes, whatever it speaks. `any_vendor.rs` asks the same of each vendor.

use std::sync::Arc;
use std::time::Duration;

use dueherald::clock::{Deadline, SimClock};
use dueherald::domain::Channel;
use dueherald::gateway::Gateway;
use rstest::rstest;

use super::vendors::Vendor;
use super::{AMPLE, capture_gateway, clock, deadline, http_gateway, kannel, send, send_to, shown, smtp_gateway};
use crate::sinks::http::{HttpSink, Reply, Script as HttpScript};
use crate::sinks::smtp::{At, NoticeAction, Script as SmtpScript, SmtpSink, Tls};
use crate::sinks::{closed_port, tls::Authority};

/// The ends there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Smtp,
    SmtpStartTls,
    SmtpTls,
    Http,
    Https,
    Vendor(Vendor),
    Capture,
}

/// How the peer takes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Peer {
    /// As it should.
    Willing,
    /// It has the whole message and says nothing.
    Silent,
    /// It is not there.
    Absent,
    /// Its certificate is not from an authority that the gateway trusts.
    Impostor,
}

#[derive(Debug)]
enum Sink {
    Smtp(SmtpSink),
    Http(HttpSink),
    None,
}

/// One end and its peer.
#[derive(Debug)]
struct GatewayPosition {
    gateway: Arc<dyn Gateway>,
    sink: Sink,
    clock: SimClock,
}

impl GatewayPosition {
    async fn new(end: End, peer: Peer) -> Self {
        let clock = clock();
        let authority = Authority::local();
        let trusted = if peer == Peer::Impostor { Authority::local().ca_pem } else { authority.ca_pem.clone() };
        let (gateway, sink): (Arc<dyn Gateway>, _) = match end {
            End::Smtp | End::SmtpStartTls | End::SmtpTls => {
                let script = match peer {
                    Peer::Silent => SmtpScript::default().at(At::Dot, NoticeAction::Silence),
                    _ => SmtpScript::default(),
                };
                let (security, tls) = match end {
                    End::SmtpStartTls => ("starttls", Tls::Upgrade(authority.server)),
                    End::SmtpTls => ("tls", Tls::Implicit(authority.server)),
                    _ => ("none", Tls::None),
                };
                let sink = SmtpSink::start(script.tls(tls)).await;
                let port = if peer == Peer::Absent { closed_port().await } else { sink.port() };
                let more = format!("security = '{security}'\nmax_connections = 2\nca_pem = '''{trusted}'''");
                (Arc::new(smtp_gateway(port, &clock, &more)), Sink::Smtp(sink))
            }
            End::Http | End::Https => {
                let mut script = HttpScript::always(match peer {
                    Peer::Silent => Reply::Silence,
                    _ => Reply::answer(202, "0: Accepted for delivery"),
                });
                if end == End::Https {
                    script = script.tls(authority.server);
                }
                let sink = HttpSink::start(script).await;
                let port = if peer == Peer::Absent { closed_port().await } else { sink.port() };
                let mut text = format!("max_in_flight = 2\nca_pem = '''{trusted}'''\n{}", kannel(port));
                if end == End::Https {
                    text = text.replace("http://", "https://");
                }
                (Arc::new(http_gateway(&text, &clock)), Sink::Http(sink))
            }
            End::Vendor(vendor) => {
                let reply = if peer == Peer::Silent { Reply::Silence } else { vendor.accepts() };
                let sink = HttpSink::start(HttpScript::always(reply).tls(authority.server)).await;
                let port = if peer == Peer::Absent { closed_port().await } else { sink.port() };
                let more = format!("max_in_flight = 2\nca_pem = '''{trusted}'''");
                let base = format!("https://127.0.0.1:{port}");
                (Arc::new(vendor.gateway_at(&base, &more, &clock)), Sink::Http(sink))
            }
            End::Capture => (Arc::new(capture_gateway(Channel::Sms, None, &clock)), Sink::None),
        };
        Self { gateway, sink, clock }
    }

    fn ample(&self) -> Deadline {
        deadline(&self.clock, AMPLE)
    }

    fn connections(&self) -> usize {
        match &self.sink {
            Sink::Smtp(sink) => sink.connections(),
            Sink::Http(sink) => sink.connections(),
            Sink::None => 0,
        }
    }

    fn most_connections(&self) -> usize {
        match &self.sink {
            Sink::Smtp(sink) => sink.most_connections(),
            Sink::Http(sink) => sink.most_connections(),
            Sink::None => 0,
        }
    }

    /// How many messages the peer took over.
    fn taken(&self) -> usize {
        match &self.sink {
            Sink::Smtp(sink) => sink.received().len(),
            Sink::Http(sink) => sink.received().iter().filter(|received| received.taken).count(),
            Sink::None => 0,
        }
    }

    /// Returns when the peer has a whole message.
    async fn handed_over(&self) {
        match &self.sink {
            Sink::Smtp(sink) => sink.reached(At::Dot, 1).await,
            Sink::Http(sink) => sink.reached(1).await,
            Sink::None => {}
        }
    }
}

#[rstest]
#[case::smtp(End::Smtp)]
#[case::starttls(End::SmtpStartTls)]
#[case::tls(End::SmtpTls)]
#[case::http(End::Http)]
#[case::https(End::Https)]
#[case::capture(End::Capture)]
#[tokio::test]
pub(super) async fn a_willing_peer_takes_each_message_once_over_one_connection(#[case] end: End) {
    let stand = GatewayPosition::new(end, Peer::Willing).await;
    for number in 1..=5 {
        let to = if stand.gateway.channel() == Channel::Sms { "+8613800138000" } else { "a@borrower.example" };
        let outcome = send_to(&*stand.gateway, to, &format!("ref-{number}"), &stand.ample()).await;
        assert_eq!(outcome.as_str(), "accepted", "{outcome:?}");
    }
    if end != End::Capture {
        assert_eq!((stand.taken(), stand.connections()), (5, 1), "messages, connections");
    }
}

#[rstest]
#[case::smtp(End::Smtp)]
#[case::tls(End::SmtpTls)]
#[case::http(End::Http)]
#[case::https(End::Https)]
#[tokio::test]
pub(super) async fn never_more_connections_are_open_than_allowed(#[case] end: End) {
    let stand = GatewayPosition::new(end, Peer::Willing).await;
    let deadline = stand.ample();
    let sends = (0..40).map(|_| send(&*stand.gateway, &deadline));
    for outcome in futures_util::future::join_all(sends).await {
        assert_eq!(outcome.as_str(), "accepted", "{outcome:?}");
    }
    assert_eq!((stand.taken(), stand.most_connections()), (40, 2), "messages, connections at once");
}

#[rstest]
#[case::smtp(End::Smtp)]
#[case::starttls(End::SmtpStartTls)]
#[case::http(End::Http)]
#[case::https(End::Https)]
#[case::capture(End::Capture)]
#[tokio::test]
pub(super) async fn a_deadline_that_has_run_out_lets_nothing_out(#[case] end: End) {
    let stand = GatewayPosition::new(end, Peer::Willing).await;
    let deadline = deadline(&stand.clock, Duration::from_secs(1));
    stand.clock.advance(Duration::from_secs(1));
    assert_eq!(shown(&send(&*stand.gateway, &deadline).await), "not_sent deadline");
    assert_eq!(stand.connections(), 0, "not even a connection is made");
}

#[rstest]
#[case::smtp(End::Smtp)]
#[case::starttls(End::SmtpStartTls)]
#[case::tls(End::SmtpTls)]
#[case::http(End::Http)]
#[case::https(End::Https)]
#[tokio::test]
pub(super) async fn a_peer_that_falls_silent_with_the_message_leaves_it_unknown(#[case] end: End) {
    for (after, code) in [(Duration::from_secs(5), "deadline"), (AMPLE, "no-answer")] {
        let stand = GatewayPosition::new(end, Peer::Silent).await;
        let deadline = deadline(&stand.clock, after);
        let time_passes = async {
            stand.handed_over().await;
            // To the deadline, or to the end of the gateway's own time-out (30 s at most), depending on the case.
            stand.clock.advance(after.min(Duration::from_secs(31)));
        };
        let (outcome, ()) = tokio::join!(send(&*stand.gateway, &deadline), time_passes);
        assert!(shown(&outcome).starts_with("unknown") && shown(&outcome).ends_with(code), "{outcome:?}");
        assert_eq!(stand.taken(), 1, "it was handed over once and not again");
    }
}

#[rstest]
#[case::smtp(End::Smtp)]
#[case::starttls(End::SmtpStartTls)]
#[case::tls(End::SmtpTls)]
#[case::http(End::Http)]
#[case::https(End::Https)]
#[tokio::test]
pub(super) async fn a_peer_that_is_not_there_was_sent_nothing(#[case] end: End) {
    let stand = GatewayPosition::new(end, Peer::Absent).await;
    assert_eq!(shown(&send(&*stand.gateway, &stand.ample()).await), "not_sent connect-refused");
    let problem = stand.gateway.check().await.unwrap_err().to_string();
    assert!(problem.contains("connect-refused") && problem.contains("127.0.0.1"), "{problem}");
}

#[rstest]
#[case::starttls(End::SmtpStartTls)]
#[case::tls(End::SmtpTls)]
#[case::https(End::Https)]
#[tokio::test]
pub(super) async fn an_impostor_is_sent_nothing(#[case] end: End) {
    let stand = GatewayPosition::new(end, Peer::Impostor).await;
    assert_eq!(shown(&send(&*stand.gateway, &stand.ample()).await), "not_sent tls");
    assert!(stand.gateway.check().await.is_err());
    assert_eq!(stand.taken(), 0);
}

#[rstest]
#[case::smtp(End::Smtp)]
#[case::starttls(End::SmtpStartTls)]
#[case::tls(End::SmtpTls)]
#[case::http(End::Http)]
#[case::https(End::Https)]
#[case::capture(End::Capture)]
#[tokio::test]
pub(super) async fn a_check_sends_no_message(#[case] end: End) {
    let stand = GatewayPosition::new(end, Peer::Willing).await;
    stand.gateway.check().await.unwrap();
    assert_eq!(stand.taken(), 0);
    if let Sink::Http(sink) = &stand.sink {
        assert!(sink.received().is_empty(), "no request at all: any could send");
    }
}
