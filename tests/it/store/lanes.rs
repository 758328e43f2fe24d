//! A reminder waits for one of its channel's gateways.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Channel, Next, Outcome, ReminderId};
use dueherald::plan::{Decision, DeferReason};
use dueherald::store::{ClaimRequest, ClaimResult, ClaimedReminder, DecideFn, Store};

use super::bench::START;
use super::outcomes::{retry, settle};
use super::sample::{always, claim_all, instant, plan, plan_due, request, send, sms};

async fn claim_for_gateway(store: &dyn Store, gateway_index: u16, decide: DecideFn<'_>) -> ClaimResult {
    let request = ClaimRequest { gateway_index, ..request(100) };
    store.claim(&request, decide).await.expect("the claim is recorded")
}

async fn waiting(store: &dyn Store, gateway_index: u16) -> Vec<ReminderId> {
    claim_for_gateway(store, gateway_index, &send).await.sending.iter().map(|one| one.attempt.reminder()).collect()
}

async fn fail_over(store: &dyn Store, claimed: ClaimedReminder, gateway_index: u16, clock: &SimClock) {
    let outcome = Outcome::NotSent { code: dueherald::domain::Code::new("connect") };
    let settlement =
        claimed.attempt.settle(outcome, Next::Retry { not_before: clock.now(), gateway_index }, clock.now());
    assert_eq!(settle(store, &settlement).await, 1);
}

pub(super) async fn a_retry_waits_for_the_gateway_it_names(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 3).await;
    assert!(waiting(store, 1).await.is_empty(), "all begin with the first gateway");
    for (gateway_index, claimed) in [2, 0, 1].into_iter().zip(claim_all(store).await.sending) {
        fail_over(store, claimed, gateway_index, clock).await;
    }
    let until = clock.now() + TimeDelta::minutes(1);
    let defer = always(Decision::Defer { until, reason: DeferReason::ContactHours });
    assert_eq!(claim_for_gateway(store, 1, &defer).await.not_sent.len(), 1);
    assert_eq!(waiting(store, 0).await, [ids[1]]);
    let second = claim_for_gateway(store, 2, &send).await.sending.pop().expect("it waits for the third");
    assert_eq!((second.attempt.reminder(), second.attempt.number()), (ids[0], 2));
    clock.advance(Duration::from_secs(60));
    assert!(waiting(store, 0).await.is_empty());
    assert_eq!(waiting(store, 1).await, [ids[2]], "put off, it waits for the same");
    assert_eq!(settle(store, &retry(second, clock, TimeDelta::zero())).await, 1);
    assert_eq!(waiting(store, 0).await, [ids[0]], "and it may go back to the first");
}

pub(super) async fn the_next_due_one_may_wait_for_any_gateway(store: &dyn Store, clock: &SimClock) {
    assert_eq!(store.next_due(Channel::Sms).await.expect("the head is read"), None);
    let later = instant("2026-11-22T03:00:00Z");
    plan_due(store, 2).await;
    plan(store, &[sms("later", "2026-11-22T03:00:00Z")]).await;
    for (gateway_index, claimed) in [3, 1].into_iter().zip(claim_all(store).await.sending) {
        let not_before = later - TimeDelta::minutes(i64::from(gateway_index));
        let outcome = Outcome::NotSent { code: dueherald::domain::Code::new("connect") };
        let settlement = claimed.attempt.settle(outcome, Next::Retry { not_before, gateway_index }, clock.now());
        assert_eq!(settle(store, &settlement).await, 1);
    }
    let head = async || store.next_due(Channel::Sms).await.expect("the head is read");
    assert_eq!(head().await, Some(later - TimeDelta::minutes(3)));
    assert_eq!(store.next_due(Channel::Email).await.expect("the head is read"), None);
    clock.step_to(later);
    assert_eq!(waiting(store, 3).await.len(), 1);
    assert_eq!(head().await, Some(later - TimeDelta::minutes(1)));
    assert_eq!(waiting(store, 1).await.len(), 1);
    assert_eq!(head().await, Some(later));
}

pub(super) async fn a_gateway_that_is_no_more_gives_its_reminders_to_the_first(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 4).await;
    for (gateway_index, claimed) in [0, 1, 2, 3].into_iter().zip(claim_all(store).await.sending) {
        fail_over(store, claimed, gateway_index, clock).await;
    }
    let mut by_mail = sms("b00", START);
    by_mail.key.channel = Channel::Email;
    plan(store, &[by_mail]).await;
    let under_way = waiting(store, 3).await;
    assert_eq!(under_way, [ids[3]]);
    let rehome =
        async |channel, gateway_count| store.rehome(channel, gateway_count).await.expect("the lanes are written");
    assert_eq!(rehome(Channel::Email, 0).await, 1);
    assert_eq!(rehome(Channel::Sms, 2).await, 1, "the third gateway's; what is under way stays so");
    assert_eq!(rehome(Channel::Sms, 2).await, 0);
    assert_eq!(waiting(store, 2).await, []);
    assert_eq!(waiting(store, 1).await, [ids[1]]);
    assert_eq!(waiting(store, 0).await, [ids[0], ids[2]]);
}

pub(super) async fn what_is_put_in_behind_the_head_is_soon_claimed(store: &dyn Store, clock: &SimClock) {
    let claim_one = async || {
        let one = store.claim(&request(1), &send).await.expect("the claim is recorded").sending.pop();
        one.map(|claimed| claimed.attempt.reminder())
    };
    let ids = plan_due(store, 10).await;
    assert_eq!([claim_one().await, claim_one().await], [Some(ids[0]), Some(ids[1])]);
    let late = plan(store, &[sms("late", "2026-11-20T00:00:00Z")]).await[0];
    let mut claimed = Vec::new();
    for _ in 0..3 {
        claimed.extend(claim_one().await);
        clock.advance(Duration::from_secs(1));
    }
    assert!(claimed.contains(&late), "passed over although it has waited longest: {late:?} is not in {claimed:?}");
    // It does not wait for a second either where there is little ahead.
    let later = plan(store, &[sms("later", "2026-11-20T00:00:00Z")]).await[0];
    let rest = waiting(store, 0).await;
    assert!(rest.contains(&later) && rest.len() == 7, "{later:?} is not in {rest:?}");
    assert_eq!(claim_one().await, None);
}
