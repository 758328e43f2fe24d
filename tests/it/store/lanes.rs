//! A reminder waits for one of its channel's gateways.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Channel, EventKind, HoldCause, HoldReason, NewReminder, Next, Outcome, ReminderId};
use dueherald::plan::{Decision, DeferReason, GatewayLists};
use dueherald::store::{ClaimRequest, ClaimResult, ClaimedReminder, DecideFn, RehomeScope, Store};

use super::bench::{START, lists, own_lists};
use super::outcomes::{retry, settle};
use super::sample::{always, claim_all, instant, merchant, plan, plan_due, request, send, sms};

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
    let lists = lists(&["a", "b"], &[]);
    let rehome = async || store.rehome(Channel::Sms, &lists, RehomeScope::All).await.expect("the lanes are written");
    assert_eq!(rehome().await, 1, "the third gateway's; what is under way stays so");
    assert_eq!(rehome().await, 0);
    assert_eq!(waiting(store, 2).await, []);
    assert_eq!(waiting(store, 1).await, [ids[1]]);
    assert_eq!(waiting(store, 0).await, [ids[0], ids[2]]);
}

/// A daemon that still has the config of before settles a retry into a gateway that there is no more: nobody's lane
/// looks for it.
pub(super) async fn what_waits_for_no_lane_is_rescued_once_it_is_late(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 4).await;
    for (gateway_index, claimed) in [1, 2, 18, 48].into_iter().zip(claim_all(store).await.sending) {
        fail_over(store, claimed, gateway_index, clock).await;
    }
    let lists = lists(&["a", "b"], &[("outlet", &["c"])]);
    let rescue = async |due_before| {
        let scope = RehomeScope::Stranded { due_before };
        store.rehome(Channel::Sms, &lists, scope).await.expect("the lanes are written")
    };
    let late = clock.now();
    assert_eq!(rescue(late - TimeDelta::seconds(1)).await, 0, "the other daemon may still send them");
    assert_eq!(rescue(late).await, 3);
    assert_eq!(rescue(late).await, 0);
    assert_eq!(waiting(store, 1).await, [ids[0]], "its lane is there");
    assert_eq!(waiting(store, 0).await, [ids[1], ids[3]]);
    assert_eq!(waiting(store, 16).await, [ids[2]], "in the list that it was in");
}

fn stopped() -> HoldCause {
    HoldCause::new(HoldReason::Stopped, "outlet")
}

/// A reminder of the outlet, which has gateways of its own.
fn of_outlet(borrower: &str) -> NewReminder {
    let mut one = sms(borrower, START);
    one.key.borrower.merchant = merchant("outlet");
    one
}

pub(super) async fn a_new_reminder_waits_for_a_gateway_of_its_merchant(store: &dyn Store, _: &SimClock) {
    let ids = plan(store, &[sms("b00", START), of_outlet("b00"), sms("b01", START)]).await;
    assert_eq!(waiting(store, 0).await, [ids[0], ids[2]]);
    assert_eq!(waiting(store, 16).await, [ids[1]]);
    let mut by_mail = of_outlet("b01");
    by_mail.key.channel = Channel::Email;
    let by_mail = plan(store, &[by_mail]).await;
    let request = ClaimRequest { channel: Channel::Email, ..request(10) };
    let claimed = store.claim(&request, &send).await.expect("the claim is recorded").sending;
    assert_eq!(claimed.iter().map(|one| one.attempt.reminder()).collect::<Vec<_>>(), by_mail, "it has none for e-mail");
}

pub(super) async fn what_is_found_in_the_wrong_list_is_passed_on(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 2).await;
    let pass_on = always(Decision::PassOn { gateway_index: 33 });
    assert_eq!(claim_for_gateway(store, 0, &pass_on).await.not_sent.len(), 2);
    assert!(waiting(store, 0).await.is_empty());
    let found = claim_for_gateway(store, 33, &send).await.sending;
    let attempts: Vec<_> = found.iter().map(|one| (one.attempt.reminder(), one.attempt.number())).collect();
    assert_eq!(attempts, [(ids[0], 1), (ids[1], 1)], "it used up no attempt, and waits no longer");
    let last = store.events(ids[0]).await.expect("listed").pop().expect("it is on record");
    assert_eq!((last.kind, last.detail.as_deref(), last.at), (EventKind::Deferred, Some("other_gateway"), clock.now()));
}

pub(super) async fn after_a_change_reminders_wait_for_the_gateways_of_their_merchants(
    store: &dyn Store,
    clock: &SimClock,
) {
    let ids = plan(store, &[sms("b00", START), of_outlet("b00"), sms("b01", START), of_outlet("b01")]).await;
    let hold = always(Decision::Hold(stopped()));
    let held = claim_for_gateway(store, 16, &hold).await.not_sent;
    assert_eq!(held.len(), 2, "the outlet's are held");
    let rehome = async |lists: GatewayLists| {
        store.rehome(Channel::Sms, &lists, RehomeScope::All).await.expect("the lanes are written")
    };
    assert_eq!(rehome(own_lists()).await, 0, "all are where they belong");
    assert_eq!(rehome(lists(&["kannel"], &[("mall", &["a", "b"]), ("outlet", &["c"])])).await, 4);
    assert_eq!(store.release(&stopped(), Channel::Sms, 10).await.expect("released"), 2);
    let fail = async |gateway_index: u16, next: u16| {
        for claimed in claim_for_gateway(store, gateway_index, &send).await.sending {
            fail_over(store, claimed, next, clock).await;
        }
    };
    fail(16, 17).await;
    assert_eq!(rehome(lists(&["kannel"], &[("mall", &["a"]), ("outlet", &["c"])])).await, 2, "the second is no more");
    fail(32, 32).await;
    assert_eq!(rehome(lists(&["kannel"], &[])).await, 4, "nobody has gateways of its own any more");
    assert_eq!(waiting(store, 0).await.len(), ids.len());
}

pub(super) async fn what_is_released_begins_with_the_first_gateway_of_its_list(store: &dyn Store, clock: &SimClock) {
    let ids = plan(store, &[of_outlet("b00")]).await;
    let claimed = claim_for_gateway(store, 16, &send).await.sending.pop().expect("it is due");
    fail_over(store, claimed, 17, clock).await;
    let hold = always(Decision::Hold(stopped()));
    assert_eq!(claim_for_gateway(store, 17, &hold).await.not_sent.len(), 1);
    assert_eq!(store.release(&stopped(), Channel::Sms, 10).await.expect("released"), 1);
    assert_eq!(waiting(store, 16).await, ids);
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
