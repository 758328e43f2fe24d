//! Dispatch over the store in memory: what leaves, what does not, and what is on record afterwards.

mod bench;
mod check_codes;
mod failover;
mod fallback;
mod health;
mod ledger_age;
mod opt_outs;
mod own_gateways;
mod rates;
mod registered;
mod stops;
mod unknown;

use std::sync::atomic::Ordering;
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::Clock;
use dueherald::domain::{Outcome, RejectScope, SkipReason, State};
use dueherald::pipeline::{LaneEnd, Tally};
use dueherald::store::{LedgerStore, ReminderFilter, ReminderStore, WriteMode};
use tokio_util::sync::CancellationToken;

use self::bench::{Bench, DUE, TEN, code, not_sent, unknown};
use crate::fixtures::{at, installment, row};

#[tokio::test]
async fn what_is_due_is_sent_once_and_never_again() {
    let bench = Bench::with(10, vec![]).await;
    assert_eq!(bench.drain().await.accepted, 10);
    assert_eq!(bench.drain().await, Tally::default());
    bench.clock.advance(Duration::from_secs(3600));
    assert_eq!(bench.reconciler.round().await.expect("reconciled").reaped, 0);
    assert_eq!(bench.drain().await, Tally::default());
    let script = bench.gateway("script");
    assert_eq!((script.seen().len(), script.references().len()), (10, 10));
    assert_eq!(script.most_in_flight(), 4, "as many as the gateway allows, and no more");
}

#[tokio::test]
async fn a_payment_between_planning_and_sending_is_honoured() {
    let bench = Bench::with(1, vec![]).await;
    let mut paid = installment("i-b0", "b0", DUE);
    paid.status = dueherald::domain::InstallmentStatus::Paid;
    bench.store.import(&[row(&paid)], WriteMode::Commit).await.expect("imported");
    assert_eq!(bench.drain().await.skipped, [(SkipReason::Paid, 1)].into());
    assert!(bench.gateway("script").seen().is_empty());
    assert_eq!(bench.story(1).await, ["0 skipped paid"]);
}

#[tokio::test]
async fn two_instalments_of_one_day_are_one_message() {
    let bench = Bench::with(1, vec![]).await;
    bench.store.import(&[row(&installment("more", "b0", DUE))], WriteMode::Commit).await.expect("imported");
    assert_eq!(bench.drain().await.accepted, 1);
    let text = &bench.gateway("script").seen()[0].text;
    assert!(text.contains("2,561.00"), "the sum of both: {text}");
}

#[tokio::test]
async fn what_was_not_sent_is_tried_again_after_a_pause() {
    let bench = Bench::with(1, vec![not_sent(), Outcome::RetryAfter { code: code(), after: None }]).await;
    assert_eq!(bench.drain().await.retried, 1);
    assert_eq!(bench.drain().await, Tally::default(), "not before the pause is over");
    for _ in 0..2 {
        bench.clock.advance(Duration::from_secs(120));
        bench.drain().await;
    }
    assert_eq!(bench.story(1).await, ["1 retry busy", "2 retry busy", "3 accepted -"]);
    assert_eq!(bench.gateway("script").references().len(), 1, "every attempt bears the same reference");
}

#[tokio::test]
async fn attempts_and_usefulness_are_bounded() {
    let bench = Bench::with(1, vec![not_sent(); 100]).await;
    for _ in 0..100 {
        bench.drain().await;
        bench.clock.advance(Duration::from_secs(30 * 60));
    }
    assert_eq!(bench.view(1).await.state, State::Failed);
    assert_eq!(bench.gateway("script").seen().len(), 6);

    let hour = Some(TimeDelta::hours(13));
    let bench = Bench::with(1, vec![Outcome::RetryAfter { code: code(), after: hour }]).await;
    bench.drain().await;
    bench.clock.advance(Duration::from_secs(13 * 3600));
    assert_eq!(bench.drain().await.skipped, [(SkipReason::Expired, 1)].into(), "12 hours is its lateness");
}

#[tokio::test]
async fn an_unknown_outcome_is_kept_and_never_sent_again() {
    let bench = Bench::with(1, vec![unknown()]).await;
    assert_eq!(bench.drain().await.unknown, 1);
    for _ in 0..20 {
        bench.clock.advance(Duration::from_secs(3600));
        bench.reconciler.round().await.expect("reconciled");
        assert_eq!(bench.drain().await, Tally::default());
    }
    assert_eq!(bench.gateway("script").seen().len(), 1);
    assert_eq!(bench.view(1).await.state, State::Unknown);
}

#[tokio::test]
async fn a_final_refusal_is_final() {
    let refused = Outcome::Rejected { code: code(), scope: RejectScope::Recipient };
    let bench = Bench::with(1, vec![refused]).await;
    assert_eq!(bench.drain().await.failed, 1);
    bench.clock.advance(Duration::from_secs(7200));
    assert_eq!(bench.drain().await, Tally::default());
    assert_eq!(bench.story(1).await, ["1 failed busy"]);
}

#[tokio::test]
async fn a_sender_that_dies_leaves_unknown_behind_and_nothing_is_sent_again() {
    let bench = Bench::with(3, vec![]).await;
    bench.gateway("script").silent.store(true, Ordering::SeqCst);
    let lane = bench.lanes[0].clone();
    let sender = tokio::spawn(async move { lane.run(LaneEnd::Drained, &CancellationToken::new()).await });
    while bench.gateway("script").seen().len() < 3 {
        tokio::task::yield_now().await;
    }
    sender.abort();
    assert!(sender.await.is_err());
    assert_eq!(bench.view(1).await.state, State::Sending);
    assert_eq!(bench.reconciler.round().await.expect("reconciled").reaped, 0, "the lease still runs");

    bench.gateway("script").silent.store(false, Ordering::SeqCst);
    bench.clock.advance(Duration::from_secs(61));
    assert_eq!(bench.reconciler.round().await.expect("reconciled").reaped, 3);
    assert_eq!(bench.drain().await, Tally::default());
    assert_eq!(bench.story(1).await, ["1 unknown lease_expired"]);
    assert_eq!(bench.gateway("script").seen().len(), 3);
}

#[tokio::test]
async fn a_stop_claims_nothing_more_and_settles_what_is_in_flight() {
    let bench = Bench::with(10, vec![]).await;
    let stop = CancellationToken::new();
    let lane = bench.lanes[0].clone();
    let stopper = stop.clone();
    let sender = tokio::spawn(async move { lane.run(LaneEnd::Stopped, &stopper).await });
    while bench.gateway("script").seen().is_empty() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    let tally = sender.await.expect("no panic").expect("the store does not fail");
    assert!((1..10).contains(&tally.accepted), "{tally:?}");
    let count = |state| ReminderFilter { state: Some(state), limit: 100, ..ReminderFilter::default() };
    assert!(bench.store.reminders(&count(State::Sending)).await.expect("listed").is_empty());
    let planned = bench.store.reminders(&count(State::Planned)).await.expect("listed").len() as u64;
    assert_eq!(tally.accepted + planned, 10);
    assert_eq!(bench.clock.now(), at(TEN), "nothing waited for time to pass");
}
