//! The kill switch.

use std::sync::{Arc, Mutex};

use dueherald::clock::SimClock;
use dueherald::domain::{Channel, MerchantId, NewReminder};
use dueherald::plan::Account;
use dueherald::store::{Stop, Store};

use super::sample::{DUE, claim, date, import, instant, key, merchant, plan_due, row_with_phone, send};
use crate::fixtures::by_hand;

fn stop(merchant: Option<&str>, channel: Option<Channel>, since: &str) -> Stop {
    Stop {
        merchant: merchant.map(super::sample::merchant),
        channel,
        actor: "ana".into(),
        reason: "wrong amounts".into(),
        since: instant(since),
    }
}

async fn put(store: &dyn Store, stop: &Stop) {
    store.stop(stop).await.expect("the stop is written");
}

async fn lift(store: &dyn Store, merchant: Option<&MerchantId>, channel: Option<Channel>) -> bool {
    store.lift_stop(merchant, channel, &by_hand()).await.expect("the stop is lifted")
}

/// Whether it is stopped for the mall's SMS and e-mail, and for the arcade's SMS and e-mail.
async fn stopped(store: &dyn Store) -> [bool; 4] {
    let mut found = [false; 4];
    let asked =
        [("mall", Channel::Sms), ("mall", Channel::Email), ("arcade", Channel::Sms), ("arcade", Channel::Email)];
    for (found, (name, channel)) in found.iter_mut().zip(asked) {
        let mut borrower = key("b00");
        borrower.merchant = merchant(name);
        *found = store.account(&borrower, date(DUE), channel).await.expect("the account is read").stopped;
    }
    found
}

pub(super) async fn a_stop_holds_for_its_scope_until_it_is_lifted(store: &dyn Store, _: &SimClock) {
    let since = "2026-11-22T01:00:00Z";
    assert_eq!(stopped(store).await, [false; 4]);
    for (name, channel, expected) in [
        (Some("mall"), Some(Channel::Sms), [true, false, false, false]),
        (Some("mall"), None, [true, true, false, false]),
        (None, Some(Channel::Email), [false, true, false, true]),
        (None, None, [true; 4]),
    ] {
        let scope = name.map(merchant);
        put(store, &stop(name, channel, since)).await;
        assert_eq!(stopped(store).await, expected, "{name:?} {channel:?}");
        assert!(!lift(store, Some(&merchant("other")), channel).await, "no such stop");
        assert_eq!(stopped(store).await, expected);
        assert!(lift(store, scope.as_ref(), channel).await);
        assert!(!lift(store, scope.as_ref(), channel).await, "it was lifted");
        assert_eq!(stopped(store).await, [false; 4]);
    }
}

pub(super) async fn stops_are_listed_and_lifted_one_by_one(store: &dyn Store, _: &SimClock) {
    let all = stop(None, None, "2026-11-22T01:00:00Z");
    let mall = stop(Some("mall"), None, "2026-11-22T01:00:01Z");
    let sms = stop(None, Some(Channel::Sms), "2026-11-22T01:00:02Z");
    for one in [&sms, &all, &mall] {
        put(store, one).await;
    }
    let again = Stop { actor: "bo".into(), reason: "still wrong".into(), ..all.clone() };
    put(store, &again).await;
    assert_eq!(store.stops().await.expect("stops are listed"), [again, mall.clone(), sms.clone()]);
    assert!(lift(store, None, None).await);
    assert_eq!(stopped(store).await, [true, true, true, false]);
    assert!(lift(store, None, Some(Channel::Sms)).await);
    assert_eq!(stopped(store).await, [true, true, false, false]);
    assert_eq!(store.stops().await.expect("stops are listed"), [mall]);
}

pub(super) async fn the_next_claim_sees_a_stop(store: &dyn Store, _: &SimClock) {
    import(store, &[row_with_phone("b00", "i1"), row_with_phone("b00", "i2")]).await;
    plan_due(store, 2).await;
    put(store, &stop(Some("mall"), Some(Channel::Sms), "2026-11-22T01:00:00Z")).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let decide = move |reminder: &NewReminder, account: &Account, now| {
        noted.lock().expect("one thread").push((account.stopped, account.installments.len()));
        send(reminder, account, now)
    };
    claim(store, 1, &decide).await;
    assert!(lift(store, Some(&merchant("mall")), Some(Channel::Sms)).await);
    claim(store, 1, &decide).await;
    assert_eq!(*seen.lock().expect("one thread"), [(true, 2), (false, 0)]);
}
