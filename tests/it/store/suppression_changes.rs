//! The history of stops and suppressions: who changed them, when and why.

use std::time::Duration;

use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Address, AddressKey, Channel, EmailAddress, LiftResult, Lifter, ManualChange, Phone, Suppression,
    SuppressionAction, SuppressionReason, SuppressionScope,
};
use dueherald::store::{Stop, Store, SuppressionChangeFilter, SuppressionFilter};

use super::sample::{PHONE, merchant, suppression};

fn phone() -> AddressKey {
    Address::Phone(Phone::new(PHONE).expect("a number")).into()
}

fn mail() -> AddressKey {
    Address::Email(EmailAddress::new("li.wei@example.com").expect("an address")).into()
}

/// A change at this moment; each comes a minute after the one before.
fn next(clock: &SimClock, actor: &str, reason: &str) -> ManualChange {
    clock.advance(Duration::from_secs(60));
    ManualChange { actor: actor.into(), reason: reason.into(), at: clock.now() }
}

async fn listed(
    store: &dyn Store,
    filter: SuppressionChangeFilter,
) -> Vec<(SuppressionAction, SuppressionScope, ManualChange)> {
    let changes = store.suppression_changes(&filter).await.expect("listed");
    assert!(changes.is_sorted_by(|one, next| one.id > next.id), "the newest is first");
    changes.into_iter().map(|change| (change.action, change.scope, change.change)).collect()
}

fn all() -> SuppressionChangeFilter {
    SuppressionChangeFilter { limit: 10, ..SuppressionChangeFilter::default() }
}

pub(super) async fn what_people_do_to_stops_is_on_record(store: &dyn Store, clock: &SimClock) {
    let mall = merchant("mall");
    let ManualChange { actor, reason, at } = next(clock, "ana", "wrong amounts");
    let stop = Stop { merchant: Some(mall.clone()), channel: Some(Channel::Sms), actor, reason, since: at };
    store.stop(&stop).await.expect("stopped");
    let again = Stop { actor: "bo".into(), since: next(clock, "bo", "").at, ..stop.clone() };
    store.stop(&again).await.expect("stopped");
    let lift = next(clock, "cy", "amounts are right");
    assert!(!store.lift_stop(Some(&mall), None, &lift).await.expect("asked"), "there is none of that scope");
    assert!(store.lift_stop(Some(&mall), Some(Channel::Sms), &lift).await.expect("lifted"));
    assert!(!store.lift_stop(Some(&mall), Some(Channel::Sms), &lift).await.expect("asked"), "it is lifted");

    let scope = || SuppressionScope::Stop { merchant: Some(mall.clone()), channel: Some(Channel::Sms) };
    let expected = [
        (SuppressionAction::Lift, scope(), lift),
        (SuppressionAction::Stop, scope(), again.change()),
        (SuppressionAction::Stop, scope(), stop.change()),
    ];
    assert_eq!(listed(store, all()).await, expected, "a stop that another one replaced stays on record");
}

pub(super) async fn what_people_do_to_addresses_is_on_record(store: &dyn Store, clock: &SimClock) {
    let ours = suppression(Some("mall"), phone(), SuppressionReason::Manual);
    let theirs = suppression(None, mail(), SuppressionReason::OptedOut);
    store.suppress(std::slice::from_ref(&theirs), None).await.expect("a borrower follows a link");
    assert_eq!(listed(store, all()).await, [], "that was nobody's hand");

    let (add, import) = (next(clock, "ana", "called in"), next(clock, "bo", "list of the regulator"));
    store.suppress(std::slice::from_ref(&ours), Some(&add)).await.expect("suppressed");
    store.suppress(&[theirs, ours], Some(&import)).await.expect("suppressed");
    store.suppress(&[], Some(&import)).await.expect("nothing is nothing");
    let remove = next(clock, "cy", "asked for messages");
    let lift = async |address| store.lift_suppression(None, &address, Lifter::Borrower, &remove).await.expect("asked");
    assert_eq!(lift(phone()).await, LiftResult::NotSuppressed, "it is not for all");
    assert_eq!(lift(mail()).await, LiftResult::Lifted);

    let (whose, address) = (Some(merchant("mall")), phone());
    let expected = [
        (SuppressionAction::Remove, SuppressionScope::Address { merchant: None, address: mail() }, remove),
        (SuppressionAction::Add, SuppressionScope::Addresses(2), import),
        (SuppressionAction::Add, SuppressionScope::Address { merchant: whose, address }, add),
    ];
    assert_eq!(listed(store, all()).await, expected);
    let of = |address| SuppressionChangeFilter { address: Some(address), ..all() };
    assert_eq!(listed(store, of(mail())).await, expected[..2]);
    assert_eq!(listed(store, of(phone())).await, expected[1..]);

    let first = store.suppression_changes(&SuppressionChangeFilter { limit: 1, ..all() }).await.expect("listed");
    let rest = SuppressionChangeFilter { before: Some(first[0].id), ..all() };
    assert_eq!(listed(store, rest).await, expected[1..], "the next page");
}

pub(super) async fn an_opt_out_ends_by_two_persons(store: &dyn Store, clock: &SimClock) {
    let lift = async |lifter, actor: &str| {
        let by = next(clock, actor, "asked for messages");
        store.lift_suppression(Some(&merchant("mall")), &phone(), lifter, &by).await.expect("asked")
    };
    let suppress = async |reason| {
        let since = next(clock, "x", "").at;
        let one = Suppression { since, ..suppression(Some("mall"), phone(), reason) };
        store.suppress(&[one], None).await.expect("suppressed");
    };
    let is_there = async || {
        let filter = SuppressionFilter { address: Some(phone()), limit: 9, ..SuppressionFilter::default() };
        !store.suppressions(&filter).await.expect("listed").is_empty()
    };
    suppress(SuppressionReason::Manual).await;
    assert_eq!(lift(Lifter::Asks, "ana").await, LiftResult::Lifted, "what the staff entered, one person takes out");
    suppress(SuppressionReason::OptedOut).await;
    for (lifter, actor) in
        [(Lifter::Asks, "ana"), (Lifter::Confirms, "Ana"), (Lifter::Confirms, "ana by crm"), (Lifter::Asks, "bo")]
    {
        assert_eq!(lift(lifter, actor).await, LiftResult::OnePersonMore, "{actor}");
        assert!(is_there().await);
    }
    // Whoever opts out again meant it: what was asked for before does not count.
    suppress(SuppressionReason::OptedOut).await;
    assert_eq!(lift(Lifter::Confirms, "bo").await, LiftResult::OnePersonMore);
    // Another reason in its place hides no opt-out.
    suppress(SuppressionReason::Manual).await;
    assert_eq!(lift(Lifter::Confirms, "bo").await, LiftResult::OnePersonMore);
    clock.advance(Duration::from_secs(7 * 24 * 3_600));
    assert_eq!(lift(Lifter::Confirms, "ana").await, LiftResult::OnePersonMore, "the request was too old");
    assert_eq!(lift(Lifter::Confirms, "bo").await, LiftResult::Lifted);
    assert!(!is_there().await);
    assert_eq!(lift(Lifter::Confirms, "bo").await, LiftResult::NotSuppressed);
    suppress(SuppressionReason::Manual).await;
    assert_eq!(lift(Lifter::Asks, "bo").await, LiftResult::Lifted, "the opt-out is history");
    let lifts = listed(store, all()).await;
    assert_eq!(lifts.iter().filter(|(action, ..)| *action == SuppressionAction::Remove).count(), 3);
}
