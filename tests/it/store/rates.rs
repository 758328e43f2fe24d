//! Permits of a gateway's rate are given once, whoever claims.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{NewReminder, SkipReason};
use dueherald::plan::{Account, Decision, RateLimit};
use dueherald::store::{ClaimRequest, Claimed, Decide, Store};

use super::sample::{claim_all, plan_due, request, send};

/// One every 10 ms; permits are given out for a quarter of a second ahead.
const HUNDRED: RateLimit = RateLimit { per_second: 100, burst: 1, per_day: None };

async fn claim_within(store: &dyn Store, rate: RateLimit, limit: u32, decide: Decide<'_>) -> Claimed {
    let request = ClaimRequest { rate: Some(rate), ..request(limit) };
    store.claim(&request, decide).await.expect("the claim is recorded")
}

fn pauses(claimed: &Claimed) -> Vec<i64> {
    claimed.sending.iter().map(|one| one.pause.num_milliseconds()).collect()
}

pub(super) async fn claimers_share_a_gateways_permits(store: &dyn Store, clock: &SimClock) {
    plan_due(store, 80).await;
    let first = claim_within(store, HUNDRED, 10, &send).await;
    assert_eq!((first.allowed, first.taken()), (10, 10));
    assert_eq!(pauses(&first), (0..10).map(|number| number * 10).collect::<Vec<_>>());
    let second = claim_within(store, HUNDRED, 50, &send).await;
    assert_eq!((second.allowed, second.taken()), (16, 16));
    assert_eq!(pauses(&second), (10..26).map(|number| number * 10).collect::<Vec<_>>(), "it goes on from the first");
    let third = claim_within(store, HUNDRED, 50, &send).await;
    assert_eq!((third.allowed, third.taken()), (0, 0));
    clock.advance(Duration::from_millis(100));
    assert_eq!(third.now + TimeDelta::milliseconds(100), claim_within(store, HUNDRED, 0, &send).await.now);
    let fourth = claim_within(store, HUNDRED, 50, &send).await;
    assert_eq!(pauses(&fourth), (16..26).map(|number| number * 10).collect::<Vec<_>>());

    let elsewhere = ClaimRequest { gateway: "other".parse().expect("a gateway"), rate: Some(HUNDRED), ..request(50) };
    assert_eq!(store.claim(&elsewhere, &send).await.expect("the claim is recorded").allowed, 26, "a rate of its own");
    let free = claim_all(store).await;
    assert_eq!((free.allowed, free.taken(), pauses(&free).iter().sum()), (1_000, 18, 0), "no rate, no limit");
}

pub(super) async fn what_is_not_sent_uses_no_permit(store: &dyn Store, _: &SimClock) {
    plan_due(store, 10).await;
    let odd_only = |reminder: &NewReminder, account: &Account, now| {
        let odd = reminder.key.borrower.id.as_str().ends_with(['1', '3', '5', '7', '9']);
        if odd { send(reminder, account, now) } else { Decision::Skip(SkipReason::Paid) }
    };
    let first = claim_within(store, HUNDRED, 4, &odd_only).await;
    assert_eq!((first.put_aside.len(), pauses(&first)), (2, vec![0, 10]));
    let second = claim_within(store, HUNDRED, 4, &odd_only).await;
    assert_eq!((second.put_aside.len(), pauses(&second)), (2, vec![20, 30]));
}

pub(super) async fn a_gateways_day_has_its_end(store: &dyn Store, clock: &SimClock) {
    plan_due(store, 20).await;
    let rate = RateLimit { per_day: Some(7), ..HUNDRED };
    assert_eq!(claim_within(store, rate, 5, &send).await.sending.len(), 5);
    assert_eq!(claim_within(store, rate, 5, &send).await.sending.len(), 2);
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(claim_within(store, rate, 5, &send).await.allowed, 0);
    clock.advance(Duration::from_secs(21 * 3_600));
    assert_eq!(claim_within(store, rate, 10, &send).await.sending.len(), 7, "the next UTC day has its own");
}

pub(super) async fn after_a_pause_a_burst_leaves_at_once(store: &dyn Store, clock: &SimClock) {
    plan_due(store, 80).await;
    let rate = RateLimit { burst: 5, ..HUNDRED };
    let at_once = |claimed: &Claimed| pauses(claimed).into_iter().filter(|pause| *pause == 0).count();
    let first = claim_within(store, rate, 50, &send).await;
    assert_eq!((first.allowed, at_once(&first)), (30, 5));
    clock.advance(Duration::from_millis(270));
    let second = claim_within(store, rate, 50, &send).await;
    assert_eq!(at_once(&second), 2, "it has not been quiet for long");
    clock.advance(Duration::from_secs(10));
    assert_eq!(at_once(&claim_within(store, rate, 20, &send).await), 5);
}
