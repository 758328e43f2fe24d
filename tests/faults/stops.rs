//! SIGTERM while sending.

use std::time::Duration;

use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::Channel;
use rustix::process::Signal;

use crate::bench::{Bench, IN_FLIGHT, Pace, QUICK};
use crate::patience::until;
use crate::sink::Reply;

#[tokio::test(flavor = "multi_thread")]
async fn a_soft_stop_settles_what_is_in_flight_and_leaves_the_rest_planned() {
    let mut bench = Bench::on_postgres(Channel::Sms, QUICK).await;
    bench.plan(300).await;
    bench.sink.behave(|_, _| Reply::Accept(Duration::from_millis(100)));
    let mut daemon = bench.start_daemon();
    until("it is sending", async || bench.sink.total() >= 20).await;
    daemon.signal(Signal::TERM);
    let asked = SystemClock.elapsed();
    let status = daemon.ended().await;
    let took = SystemClock.elapsed() - asked;
    assert!(status.success(), "{status}");
    assert!(took < Duration::from_secs(10), "nothing in flight takes so long: {took:?}");
    let counts = bench.queue().await.expect("the database answers");
    assert_eq!((counts.sending, counts.unknown), (0, 0));
    let left = usize::try_from(counts.planned).expect("few");
    assert_eq!(left + bench.sink.total(), 300);
    assert!(left > 0, "it stopped in the middle");

    let _daemon = bench.start_daemon();
    bench.sink.behave(|_, _| Reply::Accept(Duration::ZERO));
    bench.drained().await;
    bench.assert_once_each(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    let slow = Pace { lease: Duration::from_secs(60), timeout: Duration::from_secs(40) };
    let mut bench = Bench::on_postgres(Channel::Sms, slow).await;
    bench.plan(50).await;
    bench.sink.behave(|_, _| Reply::Silence);
    let mut daemon = bench.start_daemon();
    until("all slots wait for an answer", async || bench.sink.total() == IN_FLIGHT).await;
    daemon.signal(Signal::TERM);
    until("the first signal was heard", async || daemon.said("a second signal stops at once")).await;
    assert!(!daemon.is_gone(), "it waits for what is in flight");
    daemon.signal(Signal::TERM);
    let asked = SystemClock.elapsed();
    let status = daemon.ended().await;
    let took = SystemClock.elapsed() - asked;
    assert_eq!(status.code(), Some(1), "{status}");
    assert!(took < Duration::from_secs(20), "it did not wait for the gateway: {took:?}");
    assert_eq!(bench.sink.total(), IN_FLIGHT);
}
