//! The gateway health that machines share with each other.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::domain::{GatewayState, RejectScope};
use dueherald::pipeline::LaneEnd;
use dueherald::store::GatewayStateStore;
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, TEN, code, not_sent, rejected};
use crate::fixtures::at;

async fn told(bench: &Bench) -> Vec<GatewayState> {
    bench.store.gateway_states(at(TEN) - TimeDelta::days(1)).await.expect("listed")
}

/// Gives a lane the time to do what it can without the clock moving.
async fn settle_down() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_breaker_that_opens_and_closes_is_told_at_once_and_by_a_daemon_that_ends() {
    let bench = Bench::with(6, vec![not_sent(); 6]).await;
    let stop = CancellationToken::new();
    let (lane, ends) = (bench.lanes[0].clone(), stop.clone());
    let daemon = tokio::spawn(async move { lane.run(LaneEnd::Stopped, &ends).await });
    let mut states = Vec::new();
    for _ in 0..400 {
        settle_down().await;
        states = told(&bench).await;
        if states.iter().any(|state| state.open_since.is_some()) {
            break;
        }
        bench.clock.advance(Duration::from_millis(5));
    }
    let [state] = &states[..] else { panic!("one machine, one gateway: {states:?}") };
    assert_eq!((state.gateway.as_str(), state.holder.as_str()), ("script", "machine 0"));
    assert!(state.open_since.is_some_and(|since| since >= at(TEN)));
    assert_eq!(state.last_error.as_ref().map(|(code, _)| code), Some(&code()));

    for _ in 0..400 {
        bench.clock.advance(Duration::from_millis(500));
        settle_down().await;
        if told(&bench).await[0].open_since.is_none() {
            break;
        }
    }
    let mended = told(&bench).await.remove(0);
    assert_eq!(mended.open_since, None, "the probe went through");
    assert!(mended.last_error.is_some(), "what was wrong stays known");

    stop.cancel();
    settle_down().await;
    bench.clock.advance(Duration::from_secs(60));
    daemon.await.expect("no panic").expect("the store does not fail");
}

#[tokio::test]
async fn who_ends_holds_nothing_back() {
    let bench = Bench::with(6, vec![not_sent(); 6]).await;
    bench.drain_in_time().await;
    let states = told(&bench).await;
    assert_eq!((states.len(), states[0].open_since), (1, None));
    assert!(states[0].last_error.is_some());
}

#[tokio::test]
async fn what_goes_well_or_is_about_one_recipient_is_not_told() {
    let bench = Bench::with(3, vec![rejected(RejectScope::Recipient), rejected(RejectScope::OptedOut)]).await;
    bench.drain().await;
    assert_eq!(told(&bench).await, []);
}

#[tokio::test]
async fn an_error_is_told_every_ten_seconds_at_most() {
    let bench = Bench::with(1, vec![not_sent(); 4]).await;
    let lane = bench.lanes[0].clone();
    let daemon = tokio::spawn(async move { lane.run(LaneEnd::Stopped, &CancellationToken::new()).await });
    let mut told_at = Vec::new();
    for step in 0..24 {
        if step % 4 == 3 && step < 12 {
            bench.add(1).await;
        }
        bench.clock.advance(Duration::from_millis(500));
        settle_down().await;
        told_at.extend(told(&bench).await.first().map(|state| state.at));
    }
    daemon.abort();
    told_at.dedup();
    let [first, second] = told_at[..] else { panic!("twice in twelve seconds: {told_at:?}") };
    assert!(second - first >= TimeDelta::seconds(10), "{first} {second}");
    assert!(bench.gateway("script").seen().len() >= 4);
}
