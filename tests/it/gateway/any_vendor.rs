//! Tests of every vendor of SMS over HTTP, whatever its codes mean.

use std::time::Duration;

use rstest::rstest;

use super::every_end::{self, End};
use super::vendors::{Vendor, handed_to};
use super::{AMPLE, clock, deadline, send, shown};
use crate::sinks::http::{HttpSink, Reply, Script};

/// The outcome that a status stands for by itself.
fn by_status(vendor: Vendor, status: u16) -> String {
    let refused = if vendor == Vendor::Generic { "recipient" } else { "gateway" };
    match status {
        429 => format!("retry_after http-{status}"),
        301 | 307 | 308 | 401..=405 | 407 => format!("rejected gateway http-{status}"),
        408 => "unknown http-408".to_owned(),
        400..=499 => format!("rejected {refused} http-{status}"),
        _ => format!("unknown http-{status}"),
    }
}

#[tokio::test]
async fn every_status_without_a_word_is_classified() {
    for vendor in Vendor::ALL {
        for status in 200..=599 {
            let seen = handed_to(vendor, Reply::answer(status, "")).await;
            assert_eq!(seen, (by_status(vendor, status), 1), "outcome, requests");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_none_leaves_it_unknown() {
    for vendor in Vendor::ALL {
        let (status, body, _) = vendor.acceptance();
        let endless = format!("{}{}", &body[..body.len() - 1], " ".repeat(10 << 20));
        let cases = [
            (Reply::answer(status, ""), format!("unknown http-{status}")),
            (Reply::answer(status, &body[..body.len() / 2]), format!("unknown http-{status}")),
            (Reply::answer(status, "<!doctype html><title>OK</title><p>Code: OK"), format!("unknown http-{status}")),
            (Reply::answer(status, &endless), format!("unknown http-{status}-too-long")),
            (Reply::Half(status, body), format!("unknown http-{status}-cut")),
            (Reply::Raw("HTTP/1.1 200 O"), "unknown http-connection-lost".to_owned()),
            (Reply::Reset, "unknown http-connection-lost".to_owned()),
        ];
        for (reply, expected) in cases {
            let shown = format!("{reply:.60?}");
            assert_eq!(handed_to(vendor, reply).await, (expected, 1), "{}", shown.chars().take(80).collect::<String>());
        }
    }
}

#[tokio::test]
async fn an_answer_that_takes_for_ever_leaves_it_unknown() {
    for vendor in Vendor::ALL {
        let (status, body, _) = vendor.acceptance();
        let sink = HttpSink::start(Script::always(Reply::Slow(status, body))).await;
        let clock = clock();
        let gateway = vendor.gateway(sink.port(), "", &clock);
        let deadline = deadline(&clock, AMPLE);
        let time_passes = async {
            sink.reached(1).await;
            clock.advance(Duration::from_secs(21));
        };
        let (outcome, ()) = tokio::join!(send(&gateway, &deadline), time_passes);
        assert_eq!(shown(&outcome), "unknown http-no-answer");
    }
}

#[tokio::test]
async fn no_vendor_is_followed_elsewhere() {
    for vendor in Vendor::ALL {
        for status in [301, 302, 303, 307, 308] {
            let target = HttpSink::start(Script::always(vendor.accepts())).await;
            let elsewhere = format!("http://127.0.0.1:{}/", target.port());
            let seen = handed_to(vendor, Reply::with_header(status, "Location", &elsewhere)).await;
            assert_eq!((seen.0, target.connections()), (by_status(vendor, status), 0));
        }
    }
}

#[tokio::test]
async fn a_vendor_holds_what_every_end_holds() {
    for vendor in Vendor::ALL.into_iter().filter(|vendor| *vendor != Vendor::Generic) {
        let end = End::Vendor(vendor);
        every_end::a_willing_peer_takes_each_message_once_over_one_connection(end).await;
        every_end::never_more_connections_are_open_than_allowed(end).await;
        every_end::a_deadline_that_has_run_out_lets_nothing_out(end).await;
        every_end::a_peer_that_falls_silent_with_the_message_leaves_it_unknown(end).await;
        every_end::a_peer_that_is_not_there_was_sent_nothing(end).await;
        every_end::an_impostor_is_sent_nothing(end).await;
        every_end::a_check_sends_no_message(end).await;
    }
}

#[rstest]
#[case::twilio(Vendor::Twilio, "senders = { mall = { number = '+15005550007' } }", "From=%2B15005550007")]
#[case::twilio_of_another(Vendor::Twilio, "senders = { x = { number = '+15005550007' } }", "From=%2B15005550006")]
#[case::generic(Vendor::Generic, "query = { from = '{{ sender }}' }\nsenders = { mall = 'MALLHK' }", "from=MALLHK")]
#[tokio::test]
async fn a_merchants_messages_come_from_its_own_sender(#[case] vendor: Vendor, #[case] more: &str, #[case] sent: &str) {
    let sink = HttpSink::start(Script::always(vendor.accepts())).await;
    let clock = clock();
    let outcome = send(&vendor.gateway(sink.port(), more, &clock), &deadline(&clock, AMPLE)).await;
    assert!(shown(&outcome).starts_with("accepted"), "{}", shown(&outcome));
    let request = sink.received().remove(0).text;
    assert!(request.contains(sent), "{request}");
}
