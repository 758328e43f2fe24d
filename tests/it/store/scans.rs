//! The progress that scans store, and the reminders that they put into the outbox.

use std::time::Duration;

use chrono::{DateTime, Utc};
use dueherald::clock::SimClock;
use dueherald::domain::{
    Channel, Code, EventKind, HoldCause, HoldReason, NewReminder, Next, Outcome, ReminderKey, SkipReason, State,
};
use dueherald::plan::{Account, Decision, DeferReason, Mark, PlanItem, rules_of};
use dueherald::store::{ClaimRequest, LedgerRow, PlanResult, ScanState, Store, WriteMode};

use super::bench::START;
use super::sample::{
    always, claim, claim_all, date, import, instant, phone, plan, request, row, row_with_phone, said, send, sms,
    suppression, view,
};

fn mark(step: &str, fingerprint: &str, first: &str, last: &str) -> Mark {
    let step = step.parse().expect("a step");
    Mark { step, fingerprint: fingerprint.into(), first: date(first), last: date(last), passed: None }
}

/// The days 20 to 26 of November are in view.
async fn announce(store: &dyn Store) -> ScanState {
    let view = [mark("due/-3", "a", "2026-11-24", "2026-11-26"), mark("due/1", "a", "2026-11-20", "2026-11-22")];
    store.announce(&view, instant(START)).await.expect("it is announced")
}

/// Borrower and due date of each change that is there.
async fn changed(store: &dyn Store) -> Vec<String> {
    let changes = store.changes(None, 100).await.expect("changes are read");
    changes.due.iter().map(|(_, due)| format!("{} {}", due.borrower.key.id, due.due_date)).collect()
}

/// The route that an instalment leads to and the values of a template come from the books; a stop does not.
pub(super) async fn a_changed_due_date_releases_what_is_held_for_its_books(store: &dyn Store, _: &SimClock) {
    let state = announce(store).await;
    let borrowers = ["b1", "b2", "b3", "b4"];
    let reasons = [HoldReason::NoRoute, HoldReason::NoRoute, HoldReason::BadTemplate, HoldReason::Stopped];
    import(store, &borrowers.map(|borrower| row(borrower, borrower))).await;
    take_all(store, &state).await;
    for (borrower, reason) in borrowers.into_iter().zip(reasons) {
        plan(store, &[sms(borrower, START)]).await;
        let held = claim(store, 1, &always(Decision::Hold(HoldCause::new(reason, "as-it-is")))).await;
        assert_eq!(held.not_sent.len(), 1);
    }
    import(store, &["b1", "b3", "b4"].map(|borrower| LedgerRow { product: said("phone"), ..row(borrower, borrower) }))
        .await;
    assert_eq!(claim_all(store).await.taken(), 0, "nothing is released before the change is planned for");
    take_all(store, &state).await;
    let released = claim_all(store).await.sending;
    let mut released: Vec<_> = released.iter().map(|one| one.reminder.key.borrower.id.to_string()).collect();
    released.sort_unstable();
    assert_eq!(released, ["b1", "b3"]);
}

async fn take_all(store: &dyn Store, state: &ScanState) {
    let ids = store.changes(None, 100).await.expect("changes are read").ids;
    assert!(store.done_with(&ids, &rules_of(&state.marks)).await.expect("they are taken out"));
}

pub(super) async fn what_changes_within_the_view_is_written_down(store: &dyn Store, clock: &SimClock) {
    let due = |id: &str, day: &str| LedgerRow { due_date: date(day), ..row("b1", id) };
    import(store, &[due("before", "2026-11-25")]).await;
    assert_eq!(changed(store).await, Vec::<String>::new(), "nothing is in view yet");
    let state = announce(store).await;
    let rows = [due("i1", "2026-11-24"), due("gap", "2026-11-23"), due("far", "2026-11-27"), due("old", "2026-11-19")];
    import(store, &rows).await;
    import(store, &[LedgerRow { status: said("paid"), ..due("paid", "2026-11-24") }]).await;
    assert_eq!(changed(store).await, ["b1 2026-11-24"]);
    take_all(store, &state).await;
    import(store, &rows).await;
    assert_eq!(changed(store).await, Vec::<String>::new(), "the same changes nothing");

    import(store, &[LedgerRow { phone: phone("+8613900139000"), ..due("i1", "2026-11-24") }]).await;
    assert_eq!(changed(store).await, ["b1 2026-11-24", "b1 2026-11-25"], "all that the borrower has open in view");
    clock.advance(Duration::from_secs(60));
    import(store, &[due("i1", "2026-11-26")]).await;
    let changes = store.changes(None, 100).await.expect("changes are read");
    let since: Vec<_> = changes.due.iter().map(|(since, due)| (due.due_date.to_string(), *since)).collect();
    let (before, now) = (instant(START), instant("2026-11-22T02:01:00Z"));
    assert_eq!(since, [("2026-11-25".into(), before), ("2026-11-26".into(), now)], "of the 24th nothing is left");
    take_all(store, &state).await;
    store.import(&[due("dry", "2026-11-24")], WriteMode::DryRun).await.expect("compared");
    assert_eq!(changed(store).await, Vec::<String>::new(), "a dry run keeps nothing");
}

pub(super) async fn a_change_while_others_are_taken_stays(store: &dyn Store, _: &SimClock) {
    let state = announce(store).await;
    import(store, &[LedgerRow { due_date: date("2026-11-24"), ..row("b1", "i1") }]).await;
    let read = store.changes(None, 100).await.expect("changes are read");
    import(store, &[LedgerRow { due_date: date("2026-11-24"), ..row("b1", "i2") }]).await;
    assert!(!store.done_with(&read.ids, "other rules").await.expect("asked"), "others take nothing away");
    assert!(store.done_with(&read.ids, &rules_of(&state.marks)).await.expect("taken out"));
    assert_eq!(changed(store).await, ["b1 2026-11-24"]);
    let rest = store.changes(None, 1).await.expect("changes are read");
    let after = rest.ids.last().copied();
    assert_eq!(store.changes(after, 1).await.expect("changes are read").ids, Vec::<i64>::new());
}

pub(super) async fn marks_follow_what_is_announced(store: &dyn Store, _: &SimClock) {
    assert_eq!(store.scan_state().await.expect("read"), ScanState::default());
    let state = announce(store).await;
    assert_eq!(store.scan_state().await.expect("read"), state);
    store.passed(&state.marks).await.expect("recorded");
    let passed: Vec<_> = store.scan_state().await.expect("read").marks.iter().map(|mark| mark.passed).collect();
    assert_eq!(passed, [Some(date("2026-11-26")), Some(date("2026-11-22"))]);
    // One step is gone, one is new, one comes from a scanner whose clock is behind.
    let behind = mark("due/-3", "a", "2026-11-23", "2026-11-25");
    let next = [behind, mark("late/2", "a", "2026-11-20", "2026-11-21")];
    let state = store.announce(&next, instant("2026-11-23T00:00:00Z")).await.expect("announced");
    assert_eq!(state.start, Some(instant(START)), "the first day is remembered");
    let told: Vec<_> = state.marks.iter().map(|mark| (mark.step.to_string(), mark.last, mark.passed)).collect();
    let passed = Some(date("2026-11-26"));
    let expected = [("due/-3", date("2026-11-26"), passed), ("late/2", date("2026-11-21"), None)];
    assert_eq!(told, expected.map(|(step, last, passed)| (step.to_owned(), last, passed)));
    // Another fingerprint: passed over again, and who passed the old one has passed nothing.
    let other = [mark("due/-3", "b", "2026-11-23", "2026-11-25")];
    store.announce(&other, instant(START)).await.expect("announced");
    store.passed(&state.marks).await.expect("recorded");
    let marks = store.scan_state().await.expect("read").marks;
    assert_eq!(marks, other);
}

fn planned(reminder: NewReminder) -> PlanItem {
    PlanItem { reminder, is_sole: false, skip: None }
}

fn by_email(reminder: &NewReminder) -> NewReminder {
    let key = ReminderKey { channel: Channel::Email, ..reminder.key.clone() };
    NewReminder { key, ..reminder.clone() }
}

async fn put_in(store: &dyn Store, found: &[PlanItem]) -> PlanResult {
    store.put_in(found, instant(START), WriteMode::Commit).await.expect("it is put in")
}

pub(super) async fn what_was_missed_is_on_record(store: &dyn Store, _: &SimClock) {
    let missed = |id: &str, reason| PlanItem { skip: Some(reason), ..planned(sms(id, "2026-11-20T02:00:00Z")) };
    let (expired, superseded) = (missed("b1", SkipReason::Expired), missed("b2", SkipReason::Superseded));
    let found = [expired, planned(sms("b3", START)), superseded];
    let tried = store.put_in(&found, instant(START), WriteMode::DryRun).await.expect("it is tried");
    assert_eq!((tried.planned.len(), tried.skipped.len()), (1, 2));
    let put = put_in(store, &found).await;
    assert_eq!((put.planned.len(), put.skipped.len(), put.revived.len()), (1, 2, 0));
    let mut reasons = Vec::new();
    for id in &put.skipped {
        let view = view(store, *id).await;
        assert_eq!((view.state, view.attempts, view.next_try), (State::Skipped, 0, None));
        reasons.push(view.last.expect("an event").detail.expect("a reason"));
    }
    reasons.sort_unstable();
    assert_eq!(reasons, ["expired", "superseded"]);
    assert_eq!(put_in(store, &found).await, PlanResult::default(), "once");
    assert_eq!(claim_all(store).await.sending.len(), 1, "what was missed is not sent");
}

pub(super) async fn a_sole_step_is_planned_on_one_channel(store: &dyn Store, _: &SimClock) {
    let (one, other) = (sms("b1", START), sms("b2", START));
    plan(store, &[one.clone(), other.clone()]).await;
    assert_eq!(claim_all(store).await.sending.len(), 2);
    let sole = PlanItem { is_sole: true, ..planned(by_email(&one)) };
    let put = put_in(store, &[sole.clone(), planned(by_email(&other))]).await;
    assert_eq!((put.planned.len(), put.switched.len()), (1, 0), "the step is under way on another channel");
    assert_eq!(view(store, put.planned[0]).await.reminder.plan.key.borrower.id.as_str(), "b2");
    let alone = PlanItem { reminder: by_email(&sms("b3", START)), ..sole };
    assert_eq!(put_in(store, &[alone]).await.planned.len(), 1);
}

pub(super) async fn a_step_that_waits_changes_its_channel(store: &dyn Store, _: &SimClock) {
    let text = sms("b1", START);
    let id = plan(store, std::slice::from_ref(&text)).await[0];
    let mail = PlanItem { is_sole: true, ..planned(by_email(&text)) };
    let tried =
        store.put_in(std::slice::from_ref(&mail), instant(START), WriteMode::DryRun).await.expect("it is tried");
    assert_eq!(tried.switched.len(), 1);
    assert_eq!(view(store, id).await.state, State::Planned, "it was only tried");
    let put = put_in(store, std::slice::from_ref(&mail)).await;
    assert_eq!((put.switched.len(), put.planned.len()), (1, 0), "{put:?}");
    assert_eq!(view(store, id).await.last.expect("an event").detail.as_deref(), Some("superseded"));
    assert_eq!(put_in(store, std::slice::from_ref(&mail)).await, PlanResult::default(), "once");
    let back = PlanItem { is_sole: true, ..planned(text) };
    assert_eq!(put_in(store, &[back]).await.switched, [id], "and back again");
    assert_eq!(view(store, put.switched[0]).await.state, State::Skipped);
    assert_eq!(claim_all(store).await.sending.len(), 1);
    let mails = ClaimRequest { channel: Channel::Email, ..request(10) };
    assert_eq!(store.claim(&mails, &send).await.expect("claimed").sending.len(), 0, "one message");
}

pub(super) async fn what_waits_gets_its_new_time_and_what_was_tried_keeps_its_own(store: &dyn Store, clock: &SimClock) {
    let reminders = [sms("b1", START), sms("b2", START)];
    let ids = plan(store, &reminders).await;
    let only_b2 = |reminder: &NewReminder, account: &_, now| match reminder.key.borrower.id.as_str() {
        "b2" => send(reminder, account, now),
        _ => Decision::Defer { until: now + chrono::TimeDelta::minutes(5), reason: DeferReason::ContactHours },
    };
    for claimed in claim(store, 10, &only_b2).await.sending {
        let code = Code::new("busy");
        let next = Next::Retry { not_before: instant(START) + chrono::TimeDelta::minutes(1), gateway_index: 0 };
        let outcome = claimed.attempt.settle(Outcome::NotSent { code }, next, instant(START));
        store.settle(&[outcome]).await.expect("settled");
    }
    let later = instant("2026-11-22T08:00:00Z");
    let expires_at = later + chrono::TimeDelta::hours(1);
    let moved = reminders.map(|one| planned(NewReminder { not_before: later, expires_at, ..one }));
    let put = put_in(store, &moved).await;
    assert_eq!(put.moved, [ids[0]], "put off is not tried, but refused by a gateway is");
    let told = view(store, ids[0]).await;
    assert_eq!((told.next_try, told.reminder.plan.not_before), (Some(later), later));
    assert_eq!(told.reminder.plan.expires_at, expires_at);
    assert_eq!(told.last.expect("an event").kind, EventKind::Moved);
    assert_eq!(put_in(store, &moved).await, PlanResult::default(), "once");
    clock.advance(Duration::from_secs(6 * 3_600 - 1));
    assert_eq!(claim_all(store).await.sending.len(), 1, "the one that was tried");
    clock.advance(Duration::from_secs(1));
    assert_eq!(claim_all(store).await.sending.len(), 1);
}

pub(super) async fn what_cannot_go_on_its_channel_goes_on_another(store: &dyn Store, clock: &SimClock) {
    let ids = plan(store, &[sms("b1", START), sms("b2", START)]).await;
    // The second was tried before, and may have arrived.
    let doubted =
        |reminder: &NewReminder, account: &Account, now: DateTime<Utc>| match reminder.key.borrower.id.as_str() {
            "b2" => send(reminder, account, now),
            _ => Decision::Defer { until: now, reason: DeferReason::ContactHours },
        };
    for claimed in claim(store, 10, &doubted).await.sending {
        let outcome = Outcome::Unknown { code: Code::new("silence") };
        store.settle(&[claimed.attempt.settle(outcome, Next::Unknown, instant(START))]).await.expect("settled");
    }
    for unknown in store.unknown(Channel::Sms, None, 10).await.expect("unknown ones") {
        let next = Next::Retry { not_before: instant(START), gateway_index: 0 };
        let outcome = unknown.attempt.settle(Outcome::NotSent { code: Code::new("proven") }, next, instant(START));
        store.settle(&[outcome]).await.expect("settled");
    }
    let switch = Decision::Switch { reason: SkipReason::OptedOut, to: Channel::Email };
    let not_sent = claim(store, 10, &always(switch)).await.not_sent;
    assert_eq!(not_sent.len(), 2);
    for id in ids {
        let told = view(store, id).await;
        assert_eq!((told.state, told.last.expect("an event").detail.as_deref()), (State::Skipped, Some("opted_out")));
    }
    clock.advance(Duration::from_secs(1));
    let mails = ClaimRequest { channel: Channel::Email, ..request(10) };
    let sending = store.claim(&mails, &send).await.expect("claimed").sending;
    let whom: Vec<_> = sending.iter().map(|claimed| claimed.reminder.key.borrower.id.as_str()).collect();
    assert_eq!(whom, ["b1"], "nothing follows what may have arrived");
}

pub(super) async fn what_the_books_give_back_is_planned_again(store: &dyn Store, _: &SimClock) {
    let reasons = [
        ("b0", SkipReason::Rescheduled),
        ("b1", SkipReason::Paid),
        ("b2", SkipReason::OptedOut),
        ("b3", SkipReason::Rescheduled),
    ];
    let mut reminders: Vec<_> = reasons.iter().map(|(id, _)| sms(id, START)).collect();
    // Of no use any more when it comes back.
    reminders[3].expires_at = instant("2026-11-22T02:00:30Z");
    let ids = plan(store, &reminders).await;
    let skip = move |reminder: &NewReminder, _: &_, _| {
        let of = reasons.iter().find(|(id, _)| *id == reminder.key.borrower.id.as_str());
        Decision::Skip(of.expect("one of them").1)
    };
    assert_eq!(claim(store, 10, &skip).await.not_sent.len(), 4);
    let mut found: Vec<_> = reminders.iter().cloned().map(planned).collect();
    found[3].skip = Some(SkipReason::Expired);
    let later = instant("2026-11-22T02:01:00Z");
    let tried = store.put_in(&found, later, WriteMode::DryRun).await.expect("it is tried");
    assert_eq!(tried.revived.len(), 2, "{tried:?}");
    let put = store.put_in(&found, later, WriteMode::Commit).await.expect("it is put in");
    let mut revived = put.revived.clone();
    revived.sort_unstable();
    assert_eq!((revived, put.planned.len()), (ids[..2].to_vec(), 0), "only what the books had said");
    let told = store.events(ids[0]).await.expect("events");
    assert_eq!(told.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Skipped, EventKind::Revived]);
    assert_eq!(view(store, ids[0]).await.state, State::Planned);
    let again = store.put_in(&found, later, WriteMode::Commit).await.expect("it is put in");
    assert_eq!(again, PlanResult::default(), "it is planned already");
    assert_eq!(claim_all(store).await.sending.len(), 2);
}

/// A suppression of a number changes no plan, and a row that is told twice changes nothing.
pub(super) async fn what_changes_no_plan_is_not_written_down(store: &dyn Store, _: &SimClock) {
    import(store, &[LedgerRow { due_date: date("2026-11-24"), ..row_with_phone("b1", "i1") }]).await;
    announce(store).await;
    let number = dueherald::domain::Phone::new(super::sample::PHONE).expect("a number");
    let bounced = dueherald::domain::SuppressionReason::Bounced;
    let address = dueherald::domain::Address::Phone(number);
    store.suppress(&[suppression(Some("mall"), address, bounced)], None).await.expect("written");
    import(store, &[LedgerRow { due_date: date("2026-11-24"), ..row_with_phone("b1", "i1") }]).await;
    assert_eq!(changed(store).await, Vec::<String>::new());
}
