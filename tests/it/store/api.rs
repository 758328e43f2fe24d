//! Tokens of the API, and requests that count once.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Action, Address, AddressKey, Lifter, ManualChange, NewReminder, Phone, ReminderId, SuppressionReason, TokenDigest,
};
use dueherald::store::{
    ApiEffect, EffectResult, KeptAnswer, KeyedRequest, NewToken, REQUEST_KEPT, ReminderFilter, RequestClaim,
    RequestEnd, RequestStart, Store, SuppressionChangeFilter, SuppressionFilter,
};

use super::sample::{PHONE, import, merchant, row_with_phone, suppression};
use crate::fixtures::reminder;

fn token(name: &str, digest: u8, expires_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> NewToken {
    NewToken {
        name: name.to_owned(),
        digest: TokenDigest([digest; 32]),
        merchants: [merchant("mall"), merchant("harbour")].into(),
        actions: [Action::Resend, Action::Explain].into(),
        created_at: now,
        expires_at,
    }
}

pub(super) async fn a_token_is_found_while_it_is_valid(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    let tomorrow = now + TimeDelta::days(1);
    let crm = token("crm", 1, Some(tomorrow), now);
    assert!(store.add_token(&crm).await.expect("kept").is_some());
    assert!(store.add_token(&token("desk", 2, None, now)).await.expect("kept").is_some());
    assert_eq!(store.add_token(&token("crm", 3, None, now)).await.expect("asked"), None, "the name is taken");
    let found = async |digest: u8, at| store.use_token(&TokenDigest([digest; 32]), at).await.expect("looked up");
    assert_eq!(found(1, now).await.map(|record| record.token), Some(crm.clone()));
    assert_eq!(found(1, tomorrow).await, None, "it has expired");
    assert_eq!(found(3, now).await, None, "what was refused is not kept");
    assert!(store.revoke_token("crm", now).await.expect("revoked"));
    assert!(!store.revoke_token("crm", now).await.expect("asked"), "it is revoked already");
    assert_eq!(found(1, now).await, None, "it is revoked");
    assert!(found(2, now).await.is_some());
    assert!(store.add_token(&token("crm", 4, None, now)).await.expect("kept").is_some(), "the name is free");
    let listed = store.tokens().await.expect("listed");
    let shown: Vec<_> = listed.iter().map(|one| (one.token.name.as_str(), one.revoked_at)).collect();
    assert_eq!(shown, [("crm", Some(now)), ("desk", None), ("crm", None)]);
}

pub(super) async fn a_use_is_recorded_once_a_minute(store: &dyn Store, clock: &SimClock) {
    let now = clock.now();
    store.add_token(&token("crm", 1, None, now)).await.expect("kept");
    for (seconds, recorded) in [(0, 0), (59, 0), (60, 60), (90, 60), (200, 200)] {
        let at = now + TimeDelta::seconds(seconds);
        store.use_token(&TokenDigest([1; 32]), at).await.expect("looked up").expect("it is valid");
        let used_at = store.tokens().await.expect("listed")[0].used_at;
        assert_eq!(used_at, Some(now + TimeDelta::seconds(recorded)), "after {seconds} s");
    }
}

fn keyed(token: &str, key: &str, fingerprint: u8) -> KeyedRequest {
    let (token, key) = (token.to_owned(), key.to_owned());
    KeyedRequest { token, key, fingerprint: [fingerprint; 32], lease: TimeDelta::seconds(10) }
}

async fn begun(store: &dyn Store, request: &KeyedRequest) -> RequestClaim {
    match store.begin_request(request).await.expect("begun") {
        RequestStart::Begun(claim) => claim,
        other => panic!("{other:?}"),
    }
}

fn answer(body: &str) -> KeptAnswer {
    KeptAnswer { status: 201, body: body.to_owned() }
}

pub(super) async fn a_key_has_one_answer(store: &dyn Store, clock: &SimClock) {
    let first = keyed("t1", "k", 1);
    let claim = begun(store, &first).await;
    assert_eq!(store.begin_request(&first).await.expect("asked"), RequestStart::Running);
    assert_eq!(store.begin_request(&keyed("t1", "k", 2)).await.expect("asked"), RequestStart::Different);
    begun(store, &keyed("t2", "k", 2)).await;
    begun(store, &keyed("t1", "l", 2)).await;
    let end = RequestEnd::Answer(answer("{}"));
    assert_eq!(store.end_request(&claim, &end).await.expect("ended"), Some(answer("{}")));
    assert_eq!(store.end_request(&claim, &end).await.expect("asked"), None, "it has ended");
    clock.advance(Duration::from_secs(60));
    assert_eq!(store.begin_request(&first).await.expect("asked"), RequestStart::Answered(answer("{}")));
    assert_eq!(store.begin_request(&keyed("t1", "k", 2)).await.expect("asked"), RequestStart::Different);
    clock.advance(REQUEST_KEPT.to_std().expect("it is positive"));
    begun(store, &keyed("t1", "other", 1)).await;
    begun(store, &first).await;
}

fn planned(now: DateTime<Utc>) -> NewReminder {
    NewReminder {
        expires_at: now + TimeDelta::hours(1),
        ..reminder("b1", "2026-11-25", "manual/1", "2026-11-22T02:00:00Z")
    }
}

fn by_number(_: &ApiEffect, result: EffectResult) -> KeptAnswer {
    answer(&match result {
        EffectResult::Planned(ReminderId(_)) => "planned".to_owned(),
        other => format!("{other:?}"),
    })
}

fn effect(effect: ApiEffect) -> RequestEnd {
    RequestEnd::Effect { effect, answer: by_number }
}

async fn reminders(store: &dyn Store) -> usize {
    store.reminders(&ReminderFilter { limit: 10, ..ReminderFilter::default() }).await.expect("listed").len()
}

pub(super) async fn who_was_taken_over_does_nothing(store: &dyn Store, clock: &SimClock) {
    import(store, &[row_with_phone("b1", "i1")]).await;
    let now = clock.now();
    let request = keyed("t1", "k", 1);
    let slow = begun(store, &request).await;
    clock.advance(Duration::from_secs(11));
    let quick = begun(store, &request).await;
    let end = effect(ApiEffect::Plan { reminder: planned(now), at: now });
    assert_eq!(store.end_request(&slow, &end).await.expect("asked"), None);
    assert_eq!(reminders(store).await, 0, "its effect is undone");
    store.release_request(&slow).await.expect("asked");
    assert_eq!(store.begin_request(&request).await.expect("asked"), RequestStart::Running, "the other one goes on");
    assert_eq!(store.end_request(&quick, &end).await.expect("ended"), Some(answer("planned")));
    assert_eq!(store.end_request(&slow, &end).await.expect("asked"), None);
    assert_eq!(reminders(store).await, 1);
    assert_eq!(store.begin_request(&request).await.expect("asked"), RequestStart::Answered(answer("planned")));
}

pub(super) async fn what_could_not_end_may_begin_again_at_once(store: &dyn Store, _: &SimClock) {
    let request = keyed("t1", "k", 1);
    let claim = begun(store, &request).await;
    store.release_request(&claim).await.expect("released");
    let next = begun(store, &request).await;
    assert_ne!(claim, next);
}

pub(super) async fn an_effect_and_its_answer_are_there_together(store: &dyn Store, clock: &SimClock) {
    import(store, &[row_with_phone("b1", "i1")]).await;
    let now = clock.now();
    let address = AddressKey::from(Address::Phone(Phone::new(PHONE).expect("a number")));
    let by = ManualChange { actor: "crm".to_owned(), reason: "test".to_owned(), at: now };
    let one = suppression(Some("mall"), address.clone(), SuppressionReason::Manual);
    let lift = ApiEffect::LiftSuppression { merchant: merchant("mall"), address, lifter: Lifter::Asks, by: by.clone() };
    let effects = [
        (ApiEffect::Plan { reminder: planned(now), at: now }, "planned"),
        (ApiEffect::Plan { reminder: planned(now), at: now }, "Unchanged"),
        (ApiEffect::Suppress { suppression: one, by }, "Done"),
        (lift.clone(), "Lifted(Lifted)"),
        (lift, "Lifted(NotSuppressed)"),
    ];
    let mut suppressed = Vec::new();
    for (number, (what, expected)) in effects.into_iter().enumerate() {
        let request = keyed("t1", &number.to_string(), 1);
        let claim = begun(store, &request).await;
        assert_eq!(store.end_request(&claim, &effect(what)).await.expect("ended"), Some(answer(expected)), "{number}");
        assert_eq!(store.begin_request(&request).await.expect("asked"), RequestStart::Answered(answer(expected)));
        let filter = SuppressionFilter { limit: 9, ..SuppressionFilter::default() };
        suppressed.push(store.suppressions(&filter).await.expect("listed").len());
    }
    assert_eq!((reminders(store).await, suppressed), (1, vec![0, 0, 1, 0, 0]));
    let filter = SuppressionChangeFilter { limit: 9, ..SuppressionChangeFilter::default() };
    assert_eq!(store.suppression_changes(&filter).await.expect("listed").len(), 2, "both are on record, by name");
}

pub(super) async fn of_many_at_once_one_begins(store: &dyn Store, _: &SimClock) {
    let request = keyed("t1", "k", 1);
    let starts = futures_util::future::join_all((0..8).map(|_| store.begin_request(&request))).await;
    let begun = starts.iter().filter(|start| matches!(start, Ok(RequestStart::Begun(_)))).count();
    let waiting = starts.iter().filter(|start| matches!(start, Ok(RequestStart::Running))).count();
    assert_eq!((begun, waiting), (1, 7));
}
