//! Delivery reports of gateways, in any order.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Code, EventKind, Next, Outcome, Receipt, RejectScope, ReminderId, SkipReason, State};
use dueherald::plan::Decision;
use dueherald::store::Store;

use super::outcomes::{accepted, kinds, one, retry, settle, unknown};
use super::sample::{always, claim, claim_all, instant, plan_due, view};
use super::unknowns::listed;

const AT: &str = "2026-11-22T02:10:00Z";

pub(super) fn delivered(reminder: ReminderId) -> Receipt {
    Receipt { reminder, gateway: "kannel".parse().expect("a gateway"), arrived: true, code: None, at: instant(AT) }
}

pub(super) fn undelivered(reminder: ReminderId) -> Receipt {
    Receipt { arrived: false, code: Some(Code::new("absent-1")), ..delivered(reminder) }
}

pub(super) async fn record(store: &dyn Store, receipts: &[Receipt]) -> usize {
    store.record(receipts).await.expect("receipts are recorded")
}

pub(super) async fn a_receipt_after_the_acceptance_tells_the_end(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(settle(store, &accepted(claimed, clock)).await, 1);
    assert_eq!(record(store, &[]).await, 0);
    assert_eq!(record(store, &[delivered(ReminderId(id.0 + 100))]).await, 0, "there is no such reminder");
    assert_eq!(record(store, &[delivered(id)]).await, 1);
    let shown = view(store, id).await;
    assert_eq!((shown.state, shown.attempts), (State::Delivered, 1));
    let last = shown.last.expect("it was delivered");
    assert_eq!((last.at, last.attempt, last.detail.as_deref()), (instant(AT), 1, None));
    assert_eq!(last.gateway.as_ref().map(|gateway| gateway.as_str()), Some("kannel"));
    assert_eq!(record(store, &[delivered(id)]).await, 0, "the same counts once");
    assert_eq!(record(store, &[undelivered(id)]).await, 0, "what arrived has arrived");
    assert_eq!(kinds(store, id).await, [EventKind::Accepted, EventKind::Delivered]);
}

pub(super) async fn the_later_truth_is_the_better_one(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(settle(store, &accepted(claimed, clock)).await, 1);
    assert_eq!(record(store, &[undelivered(id), undelivered(id)]).await, 1);
    let shown = view(store, id).await;
    assert_eq!(shown.state, State::Undelivered);
    assert_eq!(shown.last.and_then(|last| last.detail).as_deref(), Some("absent-1"));
    assert_eq!(record(store, &[undelivered(id)]).await, 0);
    assert_eq!(record(store, &[undelivered(id), delivered(id), delivered(id), undelivered(id)]).await, 1);
    assert_eq!(view(store, id).await.state, State::Delivered);
    assert_eq!(kinds(store, id).await, [EventKind::Accepted, EventKind::Undelivered, EventKind::Delivered]);
}

pub(super) async fn an_early_undelivered_stands_when_the_answer_comes(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(record(store, &[undelivered(id)]).await, 1);
    assert_eq!(view(store, id).await.state, State::Sending, "the answer is still to come");
    assert_eq!(record(store, &[undelivered(id)]).await, 0);
    let settlement = accepted(claimed, clock);
    assert_eq!(settle(store, &settlement).await, 1);
    assert_eq!(settle(store, &settlement).await, 0);
    let shown = view(store, id).await;
    assert_eq!((shown.state, shown.attempts), (State::Undelivered, 1));
    assert_eq!(kinds(store, id).await, [EventKind::Undelivered]);
    assert_eq!(record(store, &[delivered(id)]).await, 1);
    assert_eq!(view(store, id).await.state, State::Delivered);
}

pub(super) async fn an_early_delivered_is_the_end(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(record(store, &[undelivered(id), delivered(id)]).await, 2);
    assert_eq!(view(store, id).await.state, State::Delivered);
    assert_eq!(settle(store, &accepted(claimed, clock)).await, 0, "there is nothing left to say");
    clock.advance(Duration::from_secs(3_600));
    assert!(store.reap(10).await.expect("leases are looked at").is_empty());
    assert_eq!(kinds(store, id).await, [EventKind::Undelivered, EventKind::Delivered]);
}

pub(super) async fn an_early_undelivered_leaves_nothing_unknown(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 2).await;
    let mut claimed = claim_all(store).await.sending;
    claimed.pop().expect("its sender is not heard of again");
    let no_answer = unknown(claimed.pop().expect("two were due"), clock);
    assert_eq!(record(store, &[undelivered(ids[1]), undelivered(ids[0])]).await, 2);
    assert_eq!(settle(store, &no_answer).await, 1);
    assert_eq!(settle(store, &no_answer).await, 0);
    clock.advance(Duration::from_secs(60));
    assert_eq!(store.reap(10).await.expect("leases are looked at"), [ids[1]]);
    assert!(store.reap(10).await.expect("leases are looked at").is_empty());
    assert!(listed(store, None, 10).await.is_empty());
    for id in ids {
        assert_eq!(view(store, id).await.state, State::Undelivered);
        assert_eq!(kinds(store, id).await, [EventKind::Undelivered]);
    }
}

pub(super) async fn an_early_undelivered_is_about_its_own_attempt(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 2).await;
    let mut claimed = claim_all(store).await.sending;
    assert_eq!(record(store, &[undelivered(ids[0]), undelivered(ids[1])]).await, 2);
    let refused = Outcome::Rejected { code: Code::new("smtp-550"), scope: RejectScope::Recipient };
    let failed = claimed.pop().expect("two were due").attempt.settle(refused, Next::Failed, clock.now());
    let again = retry(claimed.pop().expect("two were due"), clock, TimeDelta::zero());
    assert_eq!(store.settle(&[failed, again]).await.expect("outcomes are recorded"), 2);
    assert_eq!(view(store, ids[1]).await.state, State::Failed);
    assert_eq!(kinds(store, ids[1]).await, [EventKind::Undelivered, EventKind::Failed]);
    assert_eq!(view(store, ids[0]).await.state, State::Planned);
    let second = claim_all(store).await.sending.pop().expect("it is due again");
    assert_eq!(settle(store, &accepted(second, clock)).await, 1);
    assert_eq!(view(store, ids[0]).await.state, State::Accepted, "the receipt was about the attempt before");
    assert_eq!(kinds(store, ids[0]).await, [EventKind::Undelivered, EventKind::Retry, EventKind::Accepted]);
}

pub(super) async fn a_receipt_for_a_planned_retry_proves_that_it_arrived(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(settle(store, &retry(claimed, clock, TimeDelta::zero())).await, 1);
    assert_eq!(record(store, &[undelivered(id)]).await, 0, "it is tried again anyway");
    assert_eq!(view(store, id).await.state, State::Planned);
    assert_eq!(record(store, &[delivered(id)]).await, 1);
    assert_eq!((view(store, id).await.state, view(store, id).await.attempts), (State::Delivered, 1));
    assert_eq!(claim_all(store).await.taken(), 0, "it is not sent again");
}

pub(super) async fn a_receipt_resolves_an_unknown(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 2).await;
    let claimed = claim_all(store).await.sending;
    let unknown: Vec<_> = claimed.into_iter().map(|claimed| unknown(claimed, clock)).collect();
    assert_eq!(store.settle(&unknown).await.expect("outcomes are recorded"), 2);
    assert_eq!(record(store, &[delivered(ids[0]), undelivered(ids[1])]).await, 2);
    assert_eq!(view(store, ids[0]).await.state, State::Delivered);
    assert_eq!(view(store, ids[1]).await.state, State::Undelivered);
    assert!(listed(store, None, 10).await.is_empty());
    assert_eq!(record(store, &[delivered(ids[1])]).await, 1);
    assert_eq!(kinds(store, ids[1]).await, [EventKind::Unknown, EventKind::Undelivered, EventKind::Delivered]);
}

pub(super) async fn a_receipt_wakes_nothing_that_ended_otherwise(store: &dyn Store, clock: &SimClock) {
    let skipped = plan_due(store, 1).await[0];
    claim(store, 1, &always(Decision::Skip(SkipReason::Paid))).await;
    let failed = plan_due(store, 2).await[0];
    let claimed = claim_all(store).await.sending.pop().expect("it was due");
    let refused = Outcome::Rejected { code: Code::new("smtp-550"), scope: RejectScope::Recipient };
    assert_eq!(settle(store, &claimed.attempt.settle(refused, Next::Failed, clock.now())).await, 1);
    for (id, state) in [(skipped, State::Skipped), (failed, State::Failed)] {
        assert_eq!(record(store, &[delivered(id), undelivered(id)]).await, 0);
        assert_eq!(view(store, id).await.state, state);
    }
}
