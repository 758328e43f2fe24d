//! From claimed to settled.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Code, EventKind, Next, Outcome, RejectScope, ReminderId, Settlement, State};
use dueherald::store::{ClaimedReminder, Store};

use super::sample::{claim_all, instant, plan_due, view};

/// Plans and claims one.
pub(super) async fn one(store: &dyn Store) -> (ReminderId, ClaimedReminder) {
    let id = plan_due(store, 1).await[0];
    let mut claimed = claim_all(store).await.sending;
    assert_eq!(view(store, id).await.state, State::Sending);
    (id, claimed.pop().expect("it was due"))
}

pub(crate) fn accepted(claimed: ClaimedReminder, clock: &SimClock) -> Settlement {
    claimed.attempt.settle(Outcome::Accepted { provider_id: Some("p-1".into()) }, Next::Accepted, clock.now())
}

pub(crate) fn unknown(claimed: ClaimedReminder, clock: &SimClock) -> Settlement {
    claimed.attempt.settle(Outcome::Unknown { code: Code::new("timeout") }, Next::Unknown, clock.now())
}

pub(super) fn retry(claimed: ClaimedReminder, clock: &SimClock, after: TimeDelta) -> Settlement {
    let outcome = Outcome::NotSent { code: Code::new("connect-refused") };
    claimed.attempt.settle(outcome, Next::Retry { not_before: clock.now() + after, gateway_index: 0 }, clock.now())
}

pub(crate) async fn settle(store: &dyn Store, settlement: &Settlement) -> usize {
    store.settle(std::slice::from_ref(settlement)).await.expect("the outcome is recorded")
}

pub(super) async fn kinds(store: &dyn Store, id: ReminderId) -> Vec<EventKind> {
    store.events(id).await.expect("events are read").into_iter().map(|event| event.kind).collect()
}

pub(super) async fn an_accepted_one_is_done(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    clock.advance(Duration::from_millis(1_250));
    let settlement = accepted(claimed, clock);
    assert_eq!(settle(store, &settlement).await, 1);
    let shown = view(store, id).await;
    assert_eq!((shown.state, shown.attempts, shown.next_try), (State::Accepted, 1, None));
    let last = shown.last.expect("it was accepted");
    assert_eq!(last, settlement.event());
    assert_eq!(last.at, instant("2026-11-22T02:00:01.250Z"));
    assert_eq!((last.provider_id.as_deref(), last.detail), (Some("p-1"), None));
    assert_eq!(last.gateway.as_ref().map(|gateway| gateway.as_str()), Some("kannel"));

    assert_eq!(settle(store, &settlement).await, 0, "an outcome counts once");
    assert_eq!(kinds(store, id).await, [EventKind::Accepted]);
    assert_eq!(store.settle(&[]).await.expect("nothing is nothing"), 0);
}

pub(super) async fn a_failed_one_is_done(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    let refused = Outcome::Rejected { code: Code::new("smtp-550"), scope: RejectScope::Recipient };
    assert_eq!(settle(store, &claimed.attempt.settle(refused, Next::Failed, clock.now())).await, 1);
    let shown = view(store, id).await;
    assert_eq!((shown.state, shown.attempts), (State::Failed, 1));
    assert_eq!(shown.last.and_then(|last| last.detail).as_deref(), Some("smtp-550"));
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(claim_all(store).await.taken(), 0);
    assert!(store.reap(10).await.expect("leases are looked at").is_empty());
}

pub(super) async fn a_retry_comes_back_with_the_next_attempt(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(settle(store, &retry(claimed, clock, TimeDelta::seconds(30))).await, 1);
    let shown = view(store, id).await;
    assert_eq!((shown.state, shown.attempts), (State::Planned, 1));
    assert_eq!(shown.next_try, Some(instant("2026-11-22T02:00:30Z")));
    assert_eq!(shown.last.map(|last| last.kind), Some(EventKind::Retry));
    clock.advance(Duration::from_secs(29));
    assert_eq!(claim_all(store).await.taken(), 0);
    clock.advance(Duration::from_secs(1));
    let again = claim_all(store).await.sending.pop().expect("it is due again");
    assert_eq!(again.attempt.number(), 2);
    assert_eq!(settle(store, &accepted(again, clock)).await, 1);
    assert_eq!((view(store, id).await.state, view(store, id).await.attempts), (State::Accepted, 2));
    assert_eq!(kinds(store, id).await, [EventKind::Retry, EventKind::Accepted]);
}

pub(super) async fn an_older_attempt_changes_nothing(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    let first = retry(claimed, clock, TimeDelta::zero());
    assert_eq!(settle(store, &first).await, 1);
    assert_eq!(settle(store, &first).await, 0, "it is planned again: nothing waits for this outcome");
    let second = claim_all(store).await.sending.pop().expect("it is due again");
    assert_eq!(settle(store, &first).await, 0, "the second attempt is under way");
    assert_eq!(view(store, id).await.state, State::Sending);

    // With others in one batch: those count, the late one does not.
    let others = plan_due(store, 3).await;
    let mut batch: Vec<_> =
        claim_all(store).await.sending.into_iter().map(|claimed| accepted(claimed, clock)).collect();
    assert_eq!((others.len(), batch.len()), (2, 2), "the first of the three keys is the one under way");
    batch.insert(1, first);
    assert_eq!(store.settle(&batch).await.expect("outcomes are recorded"), 2);
    assert_eq!(settle(store, &accepted(second, clock)).await, 1);
    assert_eq!(kinds(store, id).await, [EventKind::Retry, EventKind::Accepted]);
}

pub(super) async fn a_late_proof_counts_until_the_next_attempt(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(store.reap(10).await.expect("leases are looked at"), [id]);
    assert_eq!(view(store, id).await.state, State::Unknown);
    let late = retry(claimed, clock, TimeDelta::zero());
    assert_eq!(settle(store, &late).await, 1, "proof that it was not sent");
    let again = claim_all(store).await.sending.pop().expect("it is due again");
    clock.advance(Duration::from_secs(60));
    assert_eq!(store.reap(10).await.expect("leases are looked at"), [id]);
    assert_eq!(settle(store, &late).await, 0, "that was the attempt before");
    assert_eq!(settle(store, &accepted(again, clock)).await, 1);
    let told = kinds(store, id).await;
    assert_eq!(told, [EventKind::Unknown, EventKind::Retry, EventKind::Unknown, EventKind::Accepted]);
    assert_eq!(view(store, id).await.attempts, 2);
}

pub(super) async fn an_unknown_stays_for_proof(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    let settlement = unknown(claimed, clock);
    assert_eq!(settle(store, &settlement).await, 1);
    let shown = view(store, id).await;
    assert_eq!((shown.state, shown.attempts, shown.next_try), (State::Unknown, 1, None));
    assert_eq!(shown.last.and_then(|last| last.detail).as_deref(), Some("timeout"));
    assert_eq!(settle(store, &settlement).await, 0, "it says nothing that is not known");
    assert_eq!(kinds(store, id).await, [EventKind::Unknown]);
    clock.advance(Duration::from_secs(86_400));
    assert_eq!(claim_all(store).await.taken(), 0, "never sent again without proof");
    assert!(store.reap(10).await.expect("leases are looked at").is_empty());
}

pub(super) async fn only_leases_that_ran_out_are_reaped(store: &dyn Store, clock: &SimClock) {
    plan_due(store, 3).await;
    let first = claim_all(store).await.sending;
    clock.advance(Duration::from_secs(30));
    let late: Vec<_> = plan_due(store, 4).await;
    assert_eq!(claim_all(store).await.sending.len(), 1);
    clock.advance(Duration::from_micros(29_999_999));
    assert!(store.reap(10).await.expect("leases are looked at").is_empty(), "a lease lasts to its end");
    clock.advance(Duration::from_micros(1));
    assert_eq!(store.reap(2).await.expect("leases are looked at").len(), 2, "as many as asked for");
    let rest = store.reap(10).await.expect("leases are looked at");
    assert_eq!(rest.len(), 1);
    assert_eq!(view(store, late[0]).await.state, State::Sending);

    for claimed in first {
        let shown = view(store, claimed.attempt.reminder()).await;
        let last = shown.last.expect("its lease ran out");
        assert_eq!((shown.state, last.attempt, last.detail.as_deref()), (State::Unknown, 1, Some("lease_expired")));
        assert_eq!(last.gateway.as_ref(), Some(claimed.attempt.gateway()), "where to ask about it");
        assert_eq!(last.at, clock.now());
    }
    assert_eq!(claim_all(store).await.taken(), 0, "never back to planned");
}
