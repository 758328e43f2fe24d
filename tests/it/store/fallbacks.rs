//! Another channel, when the first did not get through.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Channel, Code, EventKind, NewReminder, Next, Outcome, RejectScope, Reminder, ReminderId, SENT_ONCE_MORE, State,
};
use dueherald::store::{ReminderFilter, Store};

use super::bench::START;
use super::outcomes::{accepted, kinds, one, settle, unknown};
use super::receipts::{delivered, record, undelivered};
use super::sample::{claim_all, instant, list, plan, plan_due, sms, view};

fn half_an_hour() -> TimeDelta {
    TimeDelta::minutes(30)
}

fn by_mail(first: &Reminder) -> NewReminder {
    let mut next = first.plan.clone();
    next.key.channel = Channel::Email;
    next
}

async fn due(store: &dyn Store) -> Vec<ReminderId> {
    let due = store.fallbacks_due(100).await.expect("fallbacks are listed");
    due.into_iter().map(|reminder| reminder.id).collect()
}

async fn fall_back(store: &dyn Store, pairs: &[(ReminderId, Option<NewReminder>)]) {
    store.fall_back(pairs, instant(START)).await.expect("the second is planned");
}

/// One that was accepted, with another channel to be tried in half an hour.
async fn waiting(store: &dyn Store, clock: &SimClock) -> ReminderId {
    let (id, claimed) = one(store).await;
    let at = clock.now() + half_an_hour();
    assert_eq!(settle(store, &accepted(claimed, clock).falling_back_at(at)).await, 1);
    id
}

async fn mails(store: &dyn Store) -> Vec<ReminderId> {
    list(store, ReminderFilter { channel: Some(Channel::Email), limit: 100, ..ReminderFilter::default() }).await
}

pub(super) async fn without_a_receipt_another_channel_is_tried_in_time(store: &dyn Store, clock: &SimClock) {
    let id = waiting(store, clock).await;
    let shown = view(store, id).await;
    assert_eq!((shown.state, shown.attempts, shown.next_try), (State::Accepted, 1, None), "as people see it");
    for state in [State::Planned, State::Sending, State::Unknown, State::Accepted] {
        let found = list(store, ReminderFilter { state: Some(state), limit: 10, ..ReminderFilter::default() }).await;
        assert_eq!(found.contains(&id), state == State::Accepted, "{state}");
    }
    let counts = store.queue_counts().await.expect("the queue is counted");
    assert!(counts.iter().all(|lane| lane.planned + lane.due + lane.sending + lane.unknown == 0));
    assert_eq!(store.next_due(Channel::Sms).await.expect("the head is read"), None);

    clock.advance(Duration::from_secs(30 * 60 - 1));
    assert!(due(store).await.is_empty());
    clock.advance(Duration::from_secs(1));
    assert_eq!(due(store).await, [id]);
    assert_eq!(claim_all(store).await.taken(), 0, "the first is never sent again");
    assert!(store.reap(10).await.expect("leases are looked at").is_empty());
}

pub(super) async fn a_receipt_in_time_spares_the_other_channel(store: &dyn Store, clock: &SimClock) {
    let id = waiting(store, clock).await;
    assert_eq!(record(store, &[delivered(id)]).await, 1);
    assert_eq!(view(store, id).await.state, State::Delivered);
    clock.advance(Duration::from_secs(3_600));
    assert!(due(store).await.is_empty());
}

pub(super) async fn what_did_not_arrive_is_tried_elsewhere_at_once(store: &dyn Store, clock: &SimClock) {
    let id = waiting(store, clock).await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(record(store, &[undelivered(id)]).await, 1);
    assert_eq!((view(store, id).await.state, due(store).await), (State::Undelivered, vec![id]));
    assert_eq!(record(store, &[undelivered(id)]).await, 0);
    assert_eq!(record(store, &[delivered(id)]).await, 1, "it arrived after all, before the other was planned");
    assert!(due(store).await.is_empty());
}

pub(super) async fn an_early_undelivered_is_tried_elsewhere_at_once(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    clock.step_to(undelivered(id).at);
    assert_eq!(record(store, &[undelivered(id)]).await, 1);
    assert!(due(store).await.is_empty());
    let at = clock.now() + half_an_hour();
    assert_eq!(settle(store, &accepted(claimed, clock).falling_back_at(at)).await, 1);
    assert_eq!((view(store, id).await.state, due(store).await), (State::Undelivered, vec![id]));
    assert_eq!(kinds(store, id).await, [EventKind::Undelivered]);
}

pub(super) async fn an_unknown_that_did_not_arrive_is_tried_elsewhere_at_once(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    assert!(due(store).await.is_empty(), "what is in doubt never falls back");
    clock.step_to(undelivered(id).at);
    assert_eq!(record(store, &[undelivered(id)]).await, 1);
    assert_eq!((view(store, id).await.state, due(store).await), (State::Undelivered, vec![id]));
    fall_back(store, &[(id, None)]).await;
    assert_eq!((view(store, id).await.state, due(store).await.len()), (State::Undelivered, 0), "or rests");
}

pub(super) async fn an_early_undelivered_without_an_answer_is_tried_elsewhere(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    clock.step_to(undelivered(id).at);
    assert_eq!(record(store, &[undelivered(id)]).await, 1);
    assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    assert_eq!((view(store, id).await.state, due(store).await), (State::Undelivered, vec![id]));
    assert_eq!(kinds(store, id).await, [EventKind::Undelivered]);
}

/// Two copies of an e-mail may exist: what is said of one says nothing of the other.
pub(super) async fn what_two_copies_may_have_reached_is_not_tried_elsewhere(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    assert!(!claimed.in_doubt);
    assert_eq!(settle(store, &unknown(claimed, clock)).await, 1);
    let doubt = store.unknown(Channel::Sms, None, 10).await.expect("unknown ones are listed").pop().expect("one is");
    let once_more = Outcome::Unknown { code: Code::new(SENT_ONCE_MORE) };
    let again = doubt.attempt.settle(once_more, Next::Retry { not_before: clock.now(), gateway_index: 0 }, clock.now());
    assert_eq!(settle(store, &again).await, 1);
    let second = claim_all(store).await.sending.pop().expect("the second copy is sent");
    assert!(second.in_doubt, "whoever sends it knows that it is the second");
    clock.step_to(undelivered(id).at);
    assert_eq!(record(store, &[undelivered(id)]).await, 1);
    let accepted = accepted(second, clock).falling_back_at(clock.now() + half_an_hour());
    assert_eq!(settle(store, &accepted).await, 1);
    assert!(due(store).await.is_empty(), "the report may be about the first copy");
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(due(store).await, [id], "and without one that it arrived, the other channel follows in time");
}

pub(super) async fn what_failed_is_tried_elsewhere_at_once(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    let refused = Outcome::Rejected { code: Code::new("smtp-550"), scope: RejectScope::Recipient };
    let failed = claimed.attempt.settle(refused, Next::Failed, clock.now()).falling_back_at(clock.now());
    assert_eq!(settle(store, &failed).await, 1);
    assert_eq!(settle(store, &failed).await, 0);
    assert_eq!((view(store, id).await.state, due(store).await), (State::Failed, vec![id]));
    assert_eq!(record(store, &[delivered(id), undelivered(id)]).await, 0, "what failed was not taken over");
    let page = store.fallbacks_due(1).await.expect("fallbacks are listed");
    fall_back(store, &[(id, Some(by_mail(&page[0])))]).await;
    assert_eq!((view(store, id).await.state, due(store).await.len()), (State::Failed, 0));
    assert_eq!(mails(store).await.len(), 1);
}

pub(super) async fn a_second_is_planned_once(store: &dyn Store, clock: &SimClock) {
    let id = waiting(store, clock).await;
    clock.advance(Duration::from_secs(3_600));
    let first = store.fallbacks_due(10).await.expect("fallbacks are listed").pop().expect("it is due");
    assert_eq!((first.id, &first.plan.key.channel), (id, &Channel::Sms));
    let pair = [(id, Some(by_mail(&first)))];
    fall_back(store, &[pair[0].clone(), pair[0].clone()]).await;
    let second = mails(store).await;
    assert_eq!(second.len(), 1);
    let shown = view(store, second[0]).await;
    assert_eq!((shown.state, shown.attempts, &shown.reminder.plan), (State::Planned, 0, &by_mail(&first)));
    assert_eq!(shown.reminder.planned_at, instant(START));
    fall_back(store, &pair).await;
    assert_eq!((mails(store).await, due(store).await.len()), (second, 0), "another daemon did the same");
    assert_eq!(view(store, id).await.state, State::Accepted);
    assert_eq!(record(store, &[undelivered(id)]).await, 1, "receipts still tell about the first");
    assert!(due(store).await.is_empty(), "but the other channel was tried");
}

pub(super) async fn only_what_is_falling_back_has_a_second(store: &dyn Store, clock: &SimClock) {
    let id = waiting(store, clock).await;
    clock.advance(Duration::from_secs(3_600));
    let first = store.fallbacks_due(10).await.expect("fallbacks are listed").pop().expect("it is due");
    assert_eq!(record(store, &[delivered(id)]).await, 1);
    fall_back(store, &[(id, Some(by_mail(&first)))]).await;
    assert!(mails(store).await.is_empty(), "the receipt came first");
    let planned = plan(store, &[sms("other", START)]).await[0];
    fall_back(store, &[(planned, Some(by_mail(&first)))]).await;
    assert!(mails(store).await.is_empty());
    assert_eq!(view(store, planned).await.state, State::Planned);
    fall_back(store, &[]).await;
}

pub(super) async fn a_first_may_rest_without_a_second(store: &dyn Store, clock: &SimClock) {
    let ids = plan_due(store, 3).await;
    let taken = {
        let mut mail = sms("b01", START);
        mail.key.channel = Channel::Email;
        plan(store, &[mail]).await
    };
    for (minutes, claimed) in [3, 2, 1].into_iter().zip(claim_all(store).await.sending) {
        let at = clock.now() + TimeDelta::minutes(minutes);
        assert_eq!(settle(store, &accepted(claimed, clock).falling_back_at(at)).await, 1);
    }
    clock.advance(Duration::from_secs(3_600));
    let page = store.fallbacks_due(2).await.expect("fallbacks are listed");
    assert_eq!(page.iter().map(|one| one.id).collect::<Vec<_>>(), [ids[2], ids[1]], "the longest waiting first");
    fall_back(store, &[(ids[2], None), (ids[1], Some(by_mail(&page[1])))]).await;
    assert_eq!(due(store).await, [ids[0]]);
    assert_eq!(mails(store).await, taken, "its key was there already");
}
