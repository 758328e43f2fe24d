//! Permits of a gateway's rate are given once, whoever claims.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{HoldCause, HoldReason, NewReminder, SkipReason};
use dueherald::plan::{Account, DailyQuota, Decision, RateLimit};
use dueherald::store::{ClaimRequest, ClaimResult, DecideFn, Store};

use super::bench::START;
use super::sample::{claim_all, plan, plan_due, request, send, sms};

/// One every 10 ms; permits are given out for a quarter of a second ahead.
const HUNDRED: RateLimit = RateLimit { per_second: 100, burst: 1, per_day: None };

async fn claim_within(store: &dyn Store, rate: RateLimit, limit: u32, decide: DecideFn<'_>) -> ClaimResult {
    let request = ClaimRequest { rate: Some(rate), ..request(limit) };
    store.claim(&request, decide).await.expect("the claim is recorded")
}

fn pauses(claimed: &ClaimResult) -> Vec<i64> {
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
    assert_eq!((first.not_sent.len(), pauses(&first)), (4, vec![0, 10, 20, 30]), "four were allowed");
    let second = claim_within(store, HUNDRED, 4, &odd_only).await;
    assert_eq!((second.not_sent.len(), pauses(&second)), (1, vec![40]));
}

/// Two merchants' reminders on one gateway: those of the one are put aside, and the other's leave all the same.
pub(super) async fn what_is_not_sent_keeps_nobody_from_being_sent(store: &dyn Store, clock: &SimClock) {
    let aside: Vec<_> = (0..2_500).map(|number| sms(&format!("aside-{number}"), START)).collect();
    for some in aside.chunks(1_000) {
        plan(store, some).await;
    }
    clock.advance(Duration::from_secs(1));
    plan(store, &[sms("other-1", "2026-11-22T02:00:01Z"), sms("other-2", "2026-11-22T02:00:01Z")]).await;
    let others_only = |reminder: &NewReminder, account: &Account, now| {
        let other = reminder.key.borrower.id.as_str().starts_with("other");
        let cause = || HoldCause::new(HoldReason::Stopped, "mall");
        if other { send(reminder, account, now) } else { Decision::Hold(cause()) }
    };
    let one_a_second = RateLimit { per_second: 1, ..HUNDRED };
    let (mut claims, mut held) = (0, 0);
    let claimed = loop {
        let claimed = claim_within(store, one_a_second, 50, &others_only).await;
        (claims, held) = (claims + 1, held + claimed.not_sent.len());
        assert!(claims <= 5, "it takes as many claims as there are permits");
        if !claimed.sending.is_empty() {
            break claimed;
        }
    };
    assert_eq!((claimed.allowed, pauses(&claimed), held), (1, vec![0], 2_500));
    clock.advance(Duration::from_secs(1));
    let claimed = claim_within(store, one_a_second, 50, &others_only).await;
    let number = claimed.sending.iter().map(|one| one.attempt.number()).collect::<Vec<_>>();
    assert_eq!((claimed.not_sent.len(), number), (0, vec![1]), "what was looked at and not sent is as it was");
}

pub(super) async fn a_gateways_day_has_its_end(store: &dyn Store, clock: &SimClock) {
    plan_due(store, 20).await;
    let rate = RateLimit { per_day: Some(DailyQuota { most: 7, zone: chrono_tz::Tz::UTC }), ..HUNDRED };
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
    let at_once = |claimed: &ClaimResult| pauses(claimed).into_iter().filter(|pause| *pause == 0).count();
    let first = claim_within(store, rate, 50, &send).await;
    assert_eq!((first.allowed, at_once(&first)), (30, 5));
    clock.advance(Duration::from_millis(270));
    let second = claim_within(store, rate, 50, &send).await;
    assert_eq!(at_once(&second), 2, "it has not been quiet for long");
    clock.advance(Duration::from_secs(10));
    assert_eq!(at_once(&claim_within(store, rate, 20, &send).await), 5);
}
