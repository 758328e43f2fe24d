//! From planned to claimed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{
    Channel, EventKind, InstallmentStatus, NewReminder, Origin, SkipReason, State, SuppressionReason,
};
use dueherald::plan::{Decision, DeferReason};
use dueherald::store::{LedgerRow, QueueCounts, Store, WriteMode};
use futures_util::future::join_all;

use super::bench::START;
use super::sample::{
    PHONE, always, claim, claim_all, import, instant, plan, plan_due, row, row_with_phone, said, send, sms,
    suppression, view,
};

pub(super) async fn a_plan_can_be_tried_without_keeping_it(store: &dyn Store, _: &SimClock) {
    let wanted = [sms("b1", START), sms("b2", START)];
    assert_eq!(plan(store, &wanted[..1]).await.len(), 1);
    let tried = store.plan(&wanted, instant(START), WriteMode::DryRun).await.expect("it is tried");
    assert_eq!(tried.len(), 1, "what is there already would not be planned");
    assert_eq!(plan(store, &wanted).await.len(), 1, "nothing was kept");
}

pub(super) async fn a_key_is_planned_once(store: &dyn Store, clock: &SimClock) {
    let (one, two) = (sms("b1", START), sms("b2", START));
    let first = plan(store, &[one.clone(), two.clone(), one.clone()]).await;
    assert_eq!(first.len(), 2, "twice in one batch is once");
    assert!(plan(store, &[one.clone(), two]).await.is_empty());
    let mut later = one.clone();
    later.not_before += TimeDelta::hours(1);
    assert!(plan(store, &[later]).await.is_empty(), "the time is not part of the key");
    let mut by_mail = one.clone();
    by_mail.key.channel = Channel::Email;
    let mut other_step = one.clone();
    other_step.key.step = "due-soon/-1".parse().expect("a step");
    assert_eq!(plan(store, &[by_mail, other_step]).await.len(), 2);
    assert!(plan(store, &[]).await.is_empty());

    clock.advance(Duration::from_secs(1));
    for claimed in claim_all(store).await.sending {
        store.settle(&[accepted(claimed)]).await.expect("it is settled");
    }
    assert!(plan(store, &[one]).await.is_empty(), "what was sent is never planned again");
    assert!(claim_all(store).await.sending.is_empty());
}

pub(super) fn accepted(claimed: dueherald::store::ClaimedReminder) -> dueherald::domain::Settlement {
    let outcome = dueherald::domain::Outcome::Accepted { provider_id: None };
    claimed.attempt.settle(outcome, dueherald::domain::Next::Accepted, instant(START))
}

pub(super) async fn only_what_is_due_is_claimed_the_longest_waiting_first(store: &dyn Store, clock: &SimClock) {
    let times = ["02:00:00.000001", "01:59:59", "02:00:00", "01:00:00", "02:00:05"];
    let reminders: Vec<_> = times
        .iter()
        .enumerate()
        .map(|(number, time)| sms(&format!("b{number}"), &format!("2026-11-22T{time}Z")))
        .collect();
    plan(store, &reminders).await;
    let mut by_mail = sms("mail", START);
    by_mail.key.channel = Channel::Email;
    plan(store, &[by_mail]).await;
    let borrowers = |claimed: &dueherald::store::ClaimResult| -> Vec<String> {
        claimed.sending.iter().map(|one| one.reminder.key.borrower.id.to_string()).collect()
    };

    assert!(claim(store, 0, &send).await.sending.is_empty());
    let first = claim(store, 2, &send).await;
    assert_eq!((borrowers(&first), first.taken()), (vec!["b3".to_owned(), "b1".to_owned()], 2));
    let second = claim(store, 100, &send).await;
    assert_eq!(borrowers(&second), ["b2"], "to the microsecond, and of its own channel only");
    assert_eq!(second.sending[0].attempt.number(), 1);
    assert_eq!(second.sending[0].attempt.gateway().as_str(), "kannel");
    assert_eq!(second.sending[0].reminder, reminders[2]);
    clock.advance(Duration::from_secs(5));
    assert_eq!(borrowers(&claim_all(store).await), ["b0", "b4"]);
}

pub(super) async fn two_claimers_never_get_the_same(store: &dyn Store, _: &SimClock) {
    let planned = plan_due(store, 20).await;
    let claims = join_all((0..4).map(|_| claim(store, 7, &send))).await;
    let taken: Vec<_> = claims.iter().flat_map(|claimed| &claimed.sending).map(|one| one.attempt.reminder()).collect();
    assert_eq!(taken.len(), 20);
    assert_eq!(BTreeSet::from_iter(taken), BTreeSet::from_iter(planned));
}

pub(super) async fn a_claim_sees_what_was_recorded_before_it(store: &dyn Store, clock: &SimClock) {
    import(store, &[row_with_phone("b00", "i1"), row("b00", "i2"), row("b01", "i3")]).await;
    plan_due(store, 3).await;
    let paid = LedgerRow { status: said("paid"), ..row("b00", "i1") };
    import(store, &[paid]).await;
    let phone = dueherald::domain::Address::Phone(dueherald::domain::Phone::new(PHONE).expect("a number"));
    store.suppress(&[suppression(None, phone, SuppressionReason::OptedOut)], None).await.expect("it is written");
    clock.advance(Duration::from_secs(1));

    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let decide = move |reminder: &NewReminder, account: &dueherald::plan::Account, now| {
        noted.lock().expect("one thread").push((reminder.key.borrower.id.to_string(), account.clone(), now));
        send(reminder, account, now)
    };
    let claimed = claim(store, 10, &decide).await;
    let seen = seen.lock().expect("one thread").clone();
    assert_eq!(claimed.sending.len(), 3);
    assert!(claimed.sending.iter().zip(&seen).all(|(one, (_, account, _))| one.account == *account));

    let (borrower, account, now) = &seen[0];
    assert_eq!((borrower.as_str(), *now), ("b00", instant("2026-11-22T02:00:01Z")));
    let statuses: Vec<_> = account.installments.iter().map(|held| (held.id.as_str(), held.status)).collect();
    assert_eq!(statuses, [("i1", InstallmentStatus::Paid), ("i2", InstallmentStatus::Open)]);
    assert_eq!(account.suppressed, Some(SuppressionReason::OptedOut));
    assert_eq!(account.borrower.as_ref().and_then(|known| known.phone.as_ref()).map(|it| it.as_e164()), Some(PHONE));
    assert_eq!((seen[1].1.installments.len(), seen[1].1.suppressed), (1, None), "no number, so none is suppressed");
    assert_eq!(seen[2].1, dueherald::plan::Account::default(), "the ledger does not know the borrower");
}

pub(super) async fn what_is_skipped_ends_with_its_reason(store: &dyn Store, _: &SimClock) {
    let ids = plan_due(store, 2).await;
    let decide = |reminder: &NewReminder, account: &dueherald::plan::Account, now| {
        if reminder.key.borrower.id.as_str() == "b00" {
            Decision::Skip(SkipReason::Paid)
        } else {
            send(reminder, account, now)
        }
    };
    let claimed = claim(store, 10, &decide).await;
    assert_eq!((claimed.sending.len(), claimed.taken()), (1, 2));
    let skipped = claimed.not_sent[0].0;
    assert!(ids.contains(&skipped));
    assert_eq!(claimed.not_sent, [(skipped, Decision::Skip(SkipReason::Paid))]);
    let shown = view(store, skipped).await;
    assert_eq!((shown.state, shown.attempts, shown.next_try), (State::Skipped, 0, None));
    let last = shown.last.expect("it was skipped");
    assert_eq!((last.kind, last.detail.as_deref(), last.at), (EventKind::Skipped, Some("paid"), instant(START)));
    assert_eq!(claim_all(store).await.taken(), 0);
}

pub(super) async fn what_is_deferred_comes_back_and_uses_up_no_attempt(store: &dyn Store, clock: &SimClock) {
    let id = plan_due(store, 1).await[0];
    let until = instant("2026-11-22T03:00:00Z");
    let later = Decision::Defer { until, reason: DeferReason::ContactHours };
    let claimed = claim(store, 10, &always(later.clone())).await;
    assert_eq!((claimed.sending.len(), claimed.not_sent), (0, vec![(id, later)]));
    let shown = view(store, id).await;
    assert_eq!((shown.state, shown.attempts, shown.next_try), (State::Planned, 0, Some(until)));
    let last = shown.last.expect("it was deferred");
    assert_eq!((last.kind, last.attempt, last.detail.as_deref()), (EventKind::Deferred, 0, Some("contact_hours")));
    assert_eq!(shown.reminder.plan.not_before, instant(START), "what was planned stays on record");

    clock.advance(Duration::from_secs(3_599));
    assert_eq!(claim_all(store).await.taken(), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(claim_all(store).await.sending[0].attempt.number(), 1);
}

pub(super) async fn a_resend_keeps_who_and_why(store: &dyn Store, _: &SimClock) {
    let first = plan_due(store, 1).await[0];
    let mut again = sms("b00", START);
    again.key.step = "manual/1".parse().expect("a step");
    again.origin = Origin::Manual { actor: "li".into(), reason: "asked by phone: \"again\"".into(), of: Some(first) };
    let mut unlinked = sms("b01", START);
    unlinked.origin = Origin::Manual { actor: "li".into(), reason: "lost".into(), of: None };
    let ids = plan(store, &[again.clone()]).await;
    let shown = view(store, ids[0]).await.reminder;
    assert_eq!((shown.plan, shown.planned_at), (again, instant(START)));
    let ids = plan(store, &[unlinked.clone()]).await;
    assert_eq!(view(store, ids[0]).await.reminder.plan, unlinked);
}

pub(super) async fn counts_and_next_due_follow_the_queue(store: &dyn Store, clock: &SimClock) {
    let counts = || async {
        let all = store.queue_counts().await.expect("the queue is counted");
        assert_eq!(all.iter().map(|lane| lane.channel).collect::<Vec<_>>(), Channel::ALL, "every channel, always");
        all.into_iter().next().expect("the lane of SMS")
    };
    let of = |planned, due, sending, unknown, oldest_due| QueueCounts {
        planned,
        due,
        sending,
        unknown,
        oldest_due,
        ..QueueCounts::none(Channel::Sms)
    };
    assert_eq!(counts().await, of(0, 0, 0, 0, None));
    assert_eq!(store.next_due(Channel::Sms).await.expect("the head is read"), None);

    let early = instant("2026-11-22T01:59:00Z");
    plan(store, &[sms("b1", "2026-11-22T01:59:00Z"), sms("b2", START), sms("b3", "2026-11-22T02:00:01Z")]).await;
    assert_eq!(counts().await, of(3, 2, 0, 0, Some(early)));
    assert_eq!(store.next_due(Channel::Sms).await.expect("the head is read"), Some(early));
    assert_eq!(store.next_due(Channel::Email).await.expect("the head is read"), None);
    assert_eq!(claim_all(store).await.sending.len(), 2);
    assert_eq!(counts().await, of(1, 0, 2, 0, None));
    assert_eq!(store.next_due(Channel::Sms).await.expect("the head is read"), Some(instant("2026-11-22T02:00:01Z")));
    clock.advance(Duration::from_secs(60));
    store.reap(1).await.expect("leases are looked at");
    assert_eq!(counts().await, of(1, 1, 1, 1, Some(instant("2026-11-22T02:00:01Z"))));
}

pub(super) async fn a_turn_is_held_by_one(store: &dyn Store, clock: &SimClock) {
    let take = |task: &'static str, holder: &'static str| async move {
        store.take_turn(task, holder, TimeDelta::seconds(10)).await.expect("the turn is asked for")
    };
    assert!(take("scan", "a").await);
    assert!(!take("scan", "b").await, "another has it");
    assert!(take("reap", "b").await, "another task");
    clock.advance(Duration::from_secs(9));
    assert!(take("scan", "a").await, "renewed by its holder");
    clock.advance(Duration::from_secs(9));
    assert!(!take("scan", "b").await);
    clock.advance(Duration::from_secs(1));
    assert!(take("scan", "b").await, "free when it ran out");
    assert!(!take("scan", "a").await);
}
