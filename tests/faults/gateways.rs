//! Gateways that take a message over and do not say so.

use std::time::Duration;

use dueherald::domain::{Channel, State};

use crate::bench::{Bench, QUICK};
use crate::sink::Reply;

const REPLIES: [Reply; 4] = [Reply::Silence, Reply::Reset, Reply::Half, Reply::Garbage];

/// How often each of them: too few in a row for the breaker to open.
const EACH: usize = 3;

async fn doubt(channel: Channel) {
    let mut bench = Bench::on_postgres(channel, QUICK).await;
    bench.plan(90).await;
    let faults = REPLIES.len() * EACH;
    let bad: Vec<_> = (0..faults).map(|fault| (bench.reference(fault * 6), REPLIES[fault % REPLIES.len()])).collect();
    // An e-mail is sent once more after an unknown, and then it goes through.
    bench.sink.behave(move |reference, times| match bad.iter().find(|(bad, _)| bad == reference) {
        Some((_, reply)) if times == 1 => *reply,
        _ => Reply::Accept(Duration::ZERO),
    });
    let mut daemon = bench.start_daemon();
    bench.drained().await;
    assert!(!daemon.is_gone(), "the daemon goes on");
    bench.assert_once_each(faults).await;
    let views = bench.views().await;
    for number in 0..bench.planned() {
        let is_bad = number % 6 == 0 && number / 6 < faults;
        let id = bench.id(number);
        match views[&id].state {
            State::Accepted if !is_bad => assert_eq!(bench.story(id).await, "1 accepted -"),
            // The second hand-over of an e-mail went through.
            State::Accepted if channel == Channel::Email => assert!(bench.story(id).await.starts_with("1 unknown")),
            State::Unknown if is_bad => {}
            state => panic!("{id} is {state}: {}", bench.story(id).await),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sms_gateway_that_does_not_answer_soundly_leaves_unknown_behind() {
    doubt(Channel::Sms).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_does_not_answer_soundly_leaves_unknown_behind() {
    doubt(Channel::Email).await;
}
