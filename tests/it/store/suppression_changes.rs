//! The history of stops and suppressions: who changed them, when and why.

use std::time::Duration;

use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Address, AddressKey, Channel, EmailAddress, ManualChange, Phone, SuppressionAction, SuppressionReason,
    SuppressionScope,
};
use dueherald::store::{Stop, Store, SuppressionChangeFilter};

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
    assert!(!store.lift_suppression(None, &phone(), &remove).await.expect("asked"), "it is not for all");
    assert!(store.lift_suppression(None, &mail(), &remove).await.expect("lifted"));

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
