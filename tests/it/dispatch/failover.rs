//! A channel with two gateways, and gateways that are not well.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::Clock;
use dueherald::domain::{Outcome, RejectScope, ReminderId, State};
use dueherald::http::health::Health;
use dueherald::http::ops::{Figures, Ops, router};
use dueherald::pipeline::Tally;
use dueherald::store::{ReminderStore, Store};
use rstest::rstest;

use super::bench::{Bench, Setup, TEN, code, not_sent, rejected, unknown};
use crate::fixtures::at;
use crate::web::get;

#[rstest]
#[case::not_sent(not_sent())]
#[case::not_now(Outcome::RetryAfter { code: code(), after: Some(TimeDelta::hours(1)) })]
#[case::account_closed(rejected(RejectScope::Gateway))]
#[tokio::test]
async fn what_one_gateway_does_not_take_goes_to_the_next_at_once(#[case] answer: Outcome) {
    let bench = Bench::of(Setup::pair());
    bench.gateway("first").answers(vec![answer]);
    bench.add(1).await;
    let tally = bench.drain().await;
    assert_eq!((tally.accepted, tally.passed_on, tally.retried), (1, 1, 0), "{tally:?}");
    assert_eq!(bench.clock.now(), at(TEN));
    assert_eq!(bench.story(1).await, ["1 retry busy", "2 accepted -"]);
    let events = bench.store.events(ReminderId(1)).await.expect("listed");
    let gateways: Vec<_> = events.iter().filter_map(|event| event.gateway.as_ref()).map(|name| name.as_str()).collect();
    assert_eq!(gateways, ["first", "second"]);
    assert_eq!(bench.gateway("first").references(), bench.gateway("second").references(), "one message, one reference");
}

#[rstest]
#[case::in_doubt(unknown(), State::Unknown)]
#[case::this_number_only(rejected(RejectScope::Recipient), State::Failed)]
#[tokio::test]
async fn what_may_have_gone_or_is_final_goes_to_no_other_gateway(#[case] answer: Outcome, #[case] state: State) {
    let bench = Bench::of(Setup::pair());
    bench.gateway("first").answers(vec![answer]);
    bench.add(1).await;
    bench.drain().await;
    bench.live(Duration::from_secs(600), 60).await;
    assert_eq!((bench.gateway("first").seen().len(), bench.gateway("second").seen().len()), (1, 0));
    assert_eq!(bench.view(1).await.state, state);
}

#[tokio::test]
async fn after_the_last_gateway_it_is_the_first_again_after_a_pause() {
    let bench = Bench::of(Setup::pair());
    bench.gateway("first").answers(vec![not_sent()]);
    bench.gateway("second").answers(vec![not_sent()]);
    bench.add(1).await;
    let tally = bench.drain().await;
    assert_eq!((tally.passed_on, tally.retried), (1, 1));
    assert_eq!(bench.drain().await, Tally::default(), "not before the pause is over");
    bench.clock.advance(Duration::from_secs(30));
    assert_eq!(bench.drain().await.accepted, 1);
    assert_eq!((bench.gateway("first").seen().len(), bench.gateway("second").seen().len()), (2, 1));
}

#[tokio::test]
async fn a_gateway_that_fails_again_and_again_rests_and_the_next_takes_its_place() {
    let bench = Bench::of(Setup::pair());
    let (first, second) = (bench.gateway("first"), bench.gateway("second"));
    first.answers(vec![not_sent(); 100]);
    bench.add(40).await;
    let tally = bench.drain().await;
    assert_eq!((tally.accepted, tally.failed), (40, 0), "{tally:?}");
    let tried = first.seen().len();
    assert!((5..=8).contains(&tried), "five failures open it, and three may be on their way: {tried}");
    let straight = second.seen().iter().filter(|sent| sent.attempt == 1).count();
    assert_eq!(straight, 40 - tried, "what was not tried yet went straight to the second");

    bench.clock.advance(Duration::from_secs(9));
    bench.add(3).await;
    assert_eq!(bench.drain().await.accepted, 3);
    assert_eq!(first.seen().len(), tried, "it rests ten seconds");

    bench.clock.advance(Duration::from_secs(1));
    bench.add(3).await;
    first.most_in_flight();
    assert_eq!(bench.drain().await.accepted, 3, "the probe and the others went by the second");
    assert_eq!((first.seen().len(), first.most_in_flight()), (tried + 1, 1), "one probe");

    bench.clock.advance(Duration::from_secs(20));
    first.answers(vec![]);
    bench.add(6).await;
    assert_eq!(bench.drain().await.accepted, 6);
    assert_eq!(first.seen().len(), tried + 7, "the probe went through: it is well again");
    assert_eq!(second.seen().len(), 46);
}

#[tokio::test]
async fn a_text_that_one_gateway_refuses_goes_to_the_next_and_speaks_against_none() {
    let bench = Bench::of(Setup::pair());
    bench.gateway("first").answers(vec![rejected(RejectScope::Content); 100]);
    bench.add(20).await;
    assert_eq!(bench.drain().await.accepted, 20);
    assert_eq!((bench.gateway("first").seen().len(), bench.gateway("second").seen().len()), (20, 20));
    bench.gateway("second").answers(vec![rejected(RejectScope::Content); 100]);
    bench.add(1).await;
    assert_eq!(bench.drain().await.failed, 1, "no other is left that might take it");
}

#[tokio::test]
async fn the_reminders_of_a_single_dead_gateway_wait_without_using_up_their_attempts() {
    let bench = Bench::with(10, vec![not_sent(); 1000]).await;
    assert_eq!(bench.drain().await.retried, 8);
    let untouched = (bench.view(9).await, bench.view(10).await);
    assert_eq!((untouched.0.attempts, untouched.1.attempts), (0, 0));
    // Six attempts take a quarter of an hour: without a breaker all would have failed by then.
    let hour = bench.live(Duration::from_secs(5), 720).await;
    assert_eq!((hour.failed, hour.accepted), (0, 0), "{hour:?}");
    assert!(bench.gateway("script").seen().len() < 30, "only probes: {}", bench.gateway("script").seen().len());

    bench.gateway("script").answers(vec![]);
    assert_eq!(bench.live(Duration::from_secs(60), 60).await.accepted, 10);
}

#[test]
fn whether_a_gateway_rests_is_among_the_metrics() {
    let figures = Figures::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let shown = |bench: &Bench, name: &str| {
        let ops = Ops {
            store: (bench.store.clone() as Arc<dyn Store>).into(),
            clock: Arc::new(bench.clock.clone()),
            figures: figures.clone(),
            freshness: Arc::default(),
            health: Health::default(),
        };
        let text = runtime.block_on(get(router(ops), "/metrics")).body;
        let line = format!("dueherald_breaker_open{{gateway=\"{name}\"}} ");
        text.lines().find_map(|found| found.strip_prefix(&line).map(str::to_owned))
    };
    figures.locally(|| {
        let bench = Bench::of(Setup::pair());
        bench.gateway("first").answers(vec![not_sent(); 100]);
        runtime.block_on(bench.add(20));
        runtime.block_on(bench.drain());
        assert_eq!((shown(&bench, "first").as_deref(), shown(&bench, "second").as_deref()), (Some("1"), Some("0")));
        bench.gateway("first").answers(vec![]);
        bench.clock.advance(Duration::from_secs(10));
        runtime.block_on(bench.add(1));
        runtime.block_on(bench.drain());
        assert_eq!(shown(&bench, "first").as_deref(), Some("0"), "the probe went through");
    });
}
