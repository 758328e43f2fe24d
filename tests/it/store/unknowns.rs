//! Reminders with an unknown outcome: they may or may not have been sent.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{Channel, EventKind, ManualChange, Next, Outcome, ReminderId, State};
use dueherald::store::{NextLook, Store, UnknownReminder};

use super::outcomes::{kinds, one, retry, settle, unknown};
use super::sample::{claim_all, plan_due, view};

pub(super) async fn listed(store: &dyn Store, after: Option<ReminderId>, limit: u32) -> Vec<UnknownReminder> {
    store.unknown(Channel::Sms, after, limit).await.expect("unknown ones are listed")
}

pub(super) async fn unknown_ones_are_listed_with_their_story(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 4).await;
    let claimed = claim_all(store).await.sending;
    let planned: Vec<_> = claimed.iter().map(|one| one.reminder.clone()).collect();
    for claimed in claimed.into_iter().take(2) {
        clock.advance(Duration::from_secs(1));
        assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    }
    let second_since = clock.now();
    assert_eq!(listed(store, None, 10).await.len(), 2, "what is under way is not unknown");
    clock.advance(Duration::from_secs(60));
    assert_eq!(store.reap(1).await.expect("leases are looked at").len(), 1);

    let first_page = listed(store, None, 2).await;
    let of = |page: &[UnknownReminder]| page.iter().map(|one| one.attempt.reminder()).collect::<Vec<_>>();
    assert_eq!(of(&first_page), ids[..2]);
    let second = &first_page[1];
    assert_eq!((second.attempt.number(), second.attempt.gateway().as_str()), (1, "kannel"));
    assert_eq!((&second.reminder, second.since, second.times), (&planned[1], second_since, 1));
    let rest = listed(store, Some(ids[1]), 10).await;
    assert_eq!((of(&rest).len(), rest[0].since, rest[0].times), (1, clock.now(), 1));
    assert!(listed(store, Some(ids[3]), 10).await.is_empty());
    assert!(store.unknown(Channel::Email, None, 10).await.expect("unknown ones are listed").is_empty());
}

pub(super) async fn an_unknown_counts_its_times(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    let first = listed(store, None, 10).await.pop().expect("it is unknown");
    clock.advance(Duration::from_secs(5));
    let again = first.attempt.settle(
        Outcome::NotSent { code: dueherald::domain::Code::new("looked-up") },
        Next::Retry { not_before: clock.now(), gateway_index: 0 },
        clock.now(),
    );
    assert_eq!(settle(store, &again).await, 1);
    assert!(listed(store, None, 10).await.is_empty());
    let claimed = claim_all(store).await.sending.pop().expect("it is due again");
    clock.advance(Duration::from_secs(5));
    assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    let second = listed(store, None, 10).await.pop().expect("it is unknown again");
    assert_eq!((second.attempt.reminder(), second.attempt.number()), (id, 2));
    assert_eq!((second.since, second.times), (clock.now(), 2));
}

pub(super) async fn an_unknown_is_resolved_by_settling_it(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    let [found, stale] = [listed(store, None, 10).await, listed(store, None, 10).await];
    let resolve = |unknowns: Vec<UnknownReminder>| {
        let attempt = unknowns.into_iter().next().expect("it is unknown").attempt;
        let outcome = Outcome::Accepted { provider_id: None };
        let by = ManualChange { actor: "ana".into(), reason: "seen at the provider".into(), at: clock.now() };
        attempt.settle(outcome, Next::Accepted, clock.now()).resolved_by(by)
    };
    let resolved = resolve(found);
    assert_eq!(settle(store, &resolved).await, 1);
    assert_eq!(settle(store, &resolve(stale)).await, 0, "two people resolved it");
    let shown = view(store, id).await;
    assert_eq!(shown.state, State::Accepted);
    assert_eq!(shown.last.and_then(|last| last.detail).as_deref(), Some("ana: seen at the provider"));
    assert!(listed(store, None, 10).await.is_empty());
}

pub(super) async fn what_was_resolved_before_the_next_attempt_does_not_touch_it(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    let stale = listed(store, None, 10).await.pop().expect("it is unknown");
    let found = listed(store, None, 10).await.pop().expect("it is unknown");
    let not_before = clock.now();
    let outcome = || Outcome::NotSent { code: dueherald::domain::Code::new("looked-up") };
    let again = found.attempt.settle(outcome(), Next::Retry { not_before, gateway_index: 0 }, clock.now());
    assert_eq!(settle(store, &again).await, 1);
    let second = claim_all(store).await.sending.pop().expect("it is due again");
    assert_eq!(settle(store, &stale.attempt.settle(outcome(), Next::Failed, clock.now())).await, 0);
    assert_eq!(view(store, id).await.state, State::Sending);
    assert_eq!(settle(store, &retry(second, clock, TimeDelta::zero())).await, 1);
    assert_eq!(kinds(store, id).await, [EventKind::Unknown, EventKind::Retry, EventKind::Retry]);
}

async fn due_for_a_look(store: &dyn Store) -> Vec<UnknownReminder> {
    store.unknown_due(Channel::Sms, 10).await.expect("unknown ones are listed")
}

pub(super) async fn an_unknown_is_looked_at_when_its_time_has_come(store: &dyn Store, clock: &SimClock) {
    plan_due(store, 3).await;
    for claimed in claim_all(store).await.sending {
        assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    }
    let due = due_for_a_look(store).await;
    assert_eq!(due.len(), 3, "at once");
    let in_a_minute = Some(clock.now() + TimeDelta::minutes(1));
    let looks = [in_a_minute, None, in_a_minute];
    let looks = due.iter().zip(looks).map(|(one, at)| NextLook {
        reminder: one.attempt.reminder(),
        attempt: one.attempt.number(),
        at,
    });
    let mut looks = Vec::from_iter(looks);
    // Of an attempt that is not the latest any more.
    looks[2].attempt += 1;
    store.look_again(&looks).await.expect("it is put off");
    let ids = |due: &[UnknownReminder]| due.iter().map(|one| one.attempt.reminder()).collect::<Vec<_>>();
    assert_eq!(ids(&due_for_a_look(store).await), [looks[2].reminder]);
    clock.advance(Duration::from_secs(60));
    let mut due = ids(&due_for_a_look(store).await);
    due.sort();
    assert_eq!(due, [looks[0].reminder, looks[2].reminder]);
    clock.advance(Duration::from_secs(100 * 24 * 3600));
    assert_eq!(due_for_a_look(store).await.len(), 2, "one is a person's");
    assert_eq!(listed(store, None, 10).await.len(), 3, "who finds all of them");
}
