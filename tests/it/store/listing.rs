//! The listings that staff see.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Channel, Code, EventKind, NewReminder, Next, Outcome, RejectScope, ReminderId, SkipReason, State,
};
use dueherald::plan::{Decision, DeferReason};
use dueherald::store::{ReminderFilter, Store};

use super::bench::START;
use super::sample::{DUE, always, claim, claim_all, date, instant, list, merchant, plan, plan_due, send, sms, view};

fn all() -> ReminderFilter {
    ReminderFilter { limit: 100, ..ReminderFilter::default() }
}

/// One reminder in each state that a dispatcher can bring about.
async fn one_in_each_state(store: &dyn Store, clock: &SimClock) -> Vec<(State, ReminderId)> {
    plan_due(store, 6).await;
    let skip_last = |reminder: &NewReminder, account: &dueherald::plan::Account, now| {
        let skip = reminder.key.borrower.id.as_str() == "b05";
        if skip { Decision::Skip(SkipReason::Expired) } else { send(reminder, account, now) }
    };
    let claimed = claim(store, 10, &skip_last).await;
    let mut found = vec![(State::Skipped, claimed.not_sent[0].0)];
    let mut settlements = Vec::new();
    for one in claimed.sending {
        let (outcome, next, state) = match one.reminder.key.borrower.id.as_str() {
            "b00" => (Outcome::Accepted { provider_id: None }, Next::Accepted, State::Accepted),
            "b01" => {
                let code = Code::new("smtp-550");
                (Outcome::Rejected { code, scope: RejectScope::Recipient }, Next::Failed, State::Failed)
            }
            "b02" => (Outcome::Unknown { code: Code::new("timeout") }, Next::Unknown, State::Unknown),
            "b03" => {
                let not_before = clock.now() + TimeDelta::hours(1);
                (
                    Outcome::NotSent { code: Code::new("connect") },
                    Next::Retry { not_before, gateway_index: 0 },
                    State::Planned,
                )
            }
            _ => {
                found.push((State::Sending, one.attempt.reminder()));
                continue;
            }
        };
        found.push((state, one.attempt.reminder()));
        settlements.push(one.attempt.settle(outcome, next, clock.now()));
    }
    assert_eq!(store.settle(&settlements).await.expect("outcomes are recorded"), 4);
    found
}

pub(super) async fn every_state_is_shown_and_found(store: &dyn Store, clock: &SimClock) {
    let found = one_in_each_state(store, clock).await;
    assert_eq!(found.len(), 6);
    for (state, id) in found {
        assert_eq!(view(store, id).await.state, state);
        assert_eq!(list(store, ReminderFilter { state: Some(state), ..all() }).await, [id], "{state}");
    }
    for state in [State::Delivered, State::Undelivered] {
        assert!(list(store, ReminderFilter { state: Some(state), ..all() }).await.is_empty(), "{state}");
    }
    let fresh = plan(store, &[sms("b99", START)]).await[0];
    let shown = view(store, fresh).await;
    assert_eq!((shown.state, shown.attempts, shown.last), (State::Planned, 0, None));
    assert_eq!(shown.next_try, Some(instant(START)));
    assert_eq!(list(store, ReminderFilter { state: Some(State::Planned), ..all() }).await.len(), 2);
}

pub(super) async fn reminders_are_found_by_what_is_known(store: &dyn Store, _: &SimClock) {
    let mut by_mail = sms("b1", START);
    by_mail.key.channel = Channel::Email;
    let mut elsewhere = sms("b1", START);
    elsewhere.key.borrower.merchant = merchant("arcade");
    let mut later = sms("b2", START);
    later.key.due_date = date("2026-12-25");
    let mut ids = Vec::new();
    for reminder in [sms("b1", START), by_mail, elsewhere, later] {
        ids.extend(plan(store, &[reminder]).await);
    }
    let newest_first = |places: &[usize]| places.iter().map(|place| ids[*place]).collect::<Vec<_>>();
    let borrower = Some("b1".parse().expect("a borrower"));
    assert_eq!(list(store, all()).await, newest_first(&[3, 2, 1, 0]));
    let of_borrower = ReminderFilter { borrower, ..all() };
    assert_eq!(list(store, of_borrower.clone()).await, newest_first(&[2, 1, 0]));
    let of_merchant = ReminderFilter { merchant: Some(merchant("mall")), ..of_borrower };
    assert_eq!(list(store, of_merchant.clone()).await, newest_first(&[1, 0]));
    let on_channel = ReminderFilter { channel: Some(Channel::Email), ..of_merchant.clone() };
    assert_eq!(list(store, on_channel).await, newest_first(&[1]));
    let about_day = ReminderFilter { due_date: Some(date("2026-12-25")), ..all() };
    assert_eq!(list(store, about_day).await, newest_first(&[3]));
    assert!(list(store, ReminderFilter { due_date: Some(date("2026-12-25")), ..of_merchant }).await.is_empty());
    assert_eq!(list(store, ReminderFilter { id: Some(ids[2]), ..all() }).await, newest_first(&[2]));
    assert!(list(store, ReminderFilter { id: Some(ReminderId(i64::MAX)), ..all() }).await.is_empty());
    let combined = ReminderFilter {
        id: Some(ids[0]),
        state: Some(State::Planned),
        merchant: Some(merchant("mall")),
        borrower: Some("b1".parse().expect("a borrower")),
        due_date: Some(date(DUE)),
        channel: Some(Channel::Sms),
        before: Some(ids[1]),
        limit: 1,
    };
    assert_eq!(list(store, combined).await, newest_first(&[0]), "all at once");
}

pub(super) async fn pages_go_from_new_to_old(store: &dyn Store, _: &SimClock) {
    let planned = plan_due(store, 7).await;
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = list(store, ReminderFilter { before, limit: 3, ..ReminderFilter::default() }).await;
        let Some(last) = page.last() else { break };
        before = Some(*last);
        seen.extend(page);
    }
    assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    assert_eq!(seen.len(), planned.len());
}

pub(super) async fn history_is_told_in_order(store: &dyn Store, clock: &SimClock) {
    let id = plan_due(store, 1).await[0];
    assert!(store.events(id).await.expect("events are read").is_empty());
    let later = Decision::Defer { until: clock.now() + TimeDelta::seconds(10), reason: DeferReason::ContactHours };
    claim(store, 1, &always(later.clone())).await;
    clock.advance(Duration::from_secs(10));
    let first = claim_all(store).await.sending.pop().expect("it is due");
    // The sender's clock runs behind the store's: the order is that of recording.
    let behind = clock.now() - TimeDelta::minutes(5);
    let outcome = Outcome::NotSent { code: Code::new("connect") };
    let settlement = first.attempt.settle(outcome, Next::Retry { not_before: clock.now(), gateway_index: 0 }, behind);
    store.settle(&[settlement]).await.expect("the outcome is recorded");
    let second = claim_all(store).await.sending.pop().expect("it is due");
    clock.advance(Duration::from_secs(60));
    store.reap(10).await.expect("leases are looked at");
    let settlement = second.attempt.settle(Outcome::Accepted { provider_id: None }, Next::Accepted, behind);
    store.settle(&[settlement]).await.expect("the outcome is recorded");

    let told = store.events(id).await.expect("events are read");
    let told: Vec<_> = told.iter().map(|event| (event.attempt, event.kind)).collect();
    use EventKind::{Accepted, Deferred, Retry, Unknown};
    assert_eq!(told, [(0, Deferred), (1, Retry), (2, Unknown), (2, Accepted)]);
    assert_eq!(view(store, id).await.last.map(|last| last.kind), Some(Accepted));
}
