//! Resend by hand: what staff may send once more, what is refused and why, and what stays on record.

use std::sync::Arc;

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{
    Address, Channel, HoldReason, InstallmentStatus, LinkMode, Origin, ReminderId, SkipReason, Suppression,
    SuppressionReason,
};
use dueherald::pipeline::{
    AuditNote, LinkGate, Registry, ResendError, ResendRequest, ResendTarget, StaleSource, Staleness, resend,
    resend_outlook,
};
use dueherald::plan::{Cap, Caps, Decision, ResendChange, ResendRefusal};
use dueherald::store::{
    LedgerStore, MemoryStore, OutboxStore, ReminderFilter, ReminderStore, SuppressionStore, WriteMode,
};

use crate::fixtures::{at, borrower, day, installment, merchant, policy, reminder, routes, row};

const TEN: &str = "2026-11-22T02:00:00Z";
const DUE: &str = "2026-11-25";

async fn ledger() -> MemoryStore {
    let store = MemoryStore::new(Arc::new(SimClock::at(at(TEN))));
    store.import(&[row(&installment("i1", "b1", DUE))], WriteMode::Commit).await.expect("imported");
    store
}

fn wish(whom: ResendTarget) -> ResendRequest {
    ResendRequest {
        whom,
        merchant: None,
        due_date: None,
        channel: Channel::Sms,
        audit_note: AuditNote::new("li.na", "called in").expect("it is signed"),
        overrides_limits: false,
        seen: None,
        text_version: "1".to_owned(),
    }
}

fn to_borrower() -> ResendRequest {
    wish(ResendTarget::Borrower("b1".parse().expect("an id")))
}

fn refusals(error: &ResendError) -> &[ResendRefusal] {
    match error {
        ResendError::Refused(refusals) => refusals,
        _ => &[],
    }
}

async fn asked(store: &MemoryStore, request: ResendRequest, now: &str) -> Result<ReminderId, ResendError> {
    let gate = LinkGate::default();
    resend(store, &policy(), &|_| Some(&gate), request, at(now)).await
}

#[tokio::test]
async fn it_is_due_at_once_and_names_who_asked_and_what_is_sent_again() {
    let store = ledger().await;
    let first =
        store.plan(&[reminder("b1", DUE, "due/-3", TEN)], at(TEN), WriteMode::Commit).await.expect("planned")[0];
    let id = asked(&store, wish(ResendTarget::Installment("i1".parse().expect("an id"))), TEN)
        .await
        .expect("it may be sent");
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    let plan = store.reminders(&filter).await.expect("listed").remove(0).reminder.plan;
    assert_eq!((plan.not_before, plan.expires_at), (at(TEN), at(TEN) + TimeDelta::hours(1)));
    assert_eq!(plan.key.step.to_string(), "manual/1");
    let (actor, reason) = ("li.na".to_owned(), "called in".to_owned());
    assert_eq!(plan.origin, Origin::Manual { actor, reason, of: Some(first) });
}

#[tokio::test]
async fn outside_contact_hours_it_says_when_to_try_again() {
    let refused = asked(&ledger().await, to_borrower(), "2026-11-22T16:00:00Z").await.expect_err("it is midnight");
    let until = at("2026-11-23T00:00:00Z");
    assert!(refusals(&refused) == [ResendRefusal::ContactHours { until }], "{refused}");
}

#[tokio::test]
async fn what_would_not_be_sent_is_refused_with_its_reason() {
    let store = ledger().await;
    let phone = borrower("b1").phone.expect("the fixture has one");
    let suppression = Suppression {
        merchant: None,
        address: Address::Phone(phone).into(),
        reason: SuppressionReason::Bounced,
        source: "test".into(),
        since: at(TEN),
        until: None,
    };
    store.suppress(&[suppression], None).await.expect("suppressed");
    let refused = asked(&store, to_borrower(), TEN).await.expect_err("it is suppressed");
    assert!(refusals(&refused) == [ResendRefusal::Skip(SkipReason::Suppressed)], "{refused}");

    let store = ledger().await;
    let mut paid = installment("i1", "b1", DUE);
    paid.status = InstallmentStatus::Paid;
    store.import(&[row(&paid)], WriteMode::Commit).await.expect("imported");
    let refused = asked(&store, to_borrower(), TEN).await.expect_err("it is paid");
    assert!(refusals(&refused) == [ResendRefusal::Skip(SkipReason::Paid)], "{refused}");
    let filter = ReminderFilter { limit: 10, ..ReminderFilter::default() };
    assert!(store.reminders(&filter).await.expect("listed").is_empty(), "a refused wish leaves nothing behind");
}

#[tokio::test]
async fn what_the_route_guard_would_hold_is_refused_and_says_so() {
    let store = ledger().await;
    let mut closed = routes();
    closed.0.iter_mut().for_each(|route| route.closed = true);
    let gate = |routes, stale| LinkGate::new(LinkMode::Personal, Registry::of(routes).seen(), stale, Arc::default());
    let stale = StaleSource {
        source: "books".parse().expect("a name"),
        cause: Staleness::Pull(None),
        limit: TimeDelta::hours(1),
        merchants: [merchant().id].into(),
    };
    let cases = [
        (
            gate(closed, Vec::new()),
            HoldReason::NoRoute,
            "every way to repay that it could lead to is closed or out of order",
        ),
        (gate(routes(), vec![stale]), HoldReason::StaleSource, "too old to remind from"),
    ];
    for (gate, reason, words) in cases {
        let sent = resend(&store, &policy(), &|_| Some(&gate), to_borrower(), at(TEN)).await;
        let refused = sent.expect_err("it would be held");
        assert!(refusals(&refused) == [ResendRefusal::Held(reason)], "{refused}");
        assert!(refused.to_string().contains(words), "{refused}");
    }
    let filter = ReminderFilter { limit: 10, ..ReminderFilter::default() };
    assert!(store.reminders(&filter).await.expect("listed").is_empty(), "a refused wish leaves nothing behind");
    let open = gate(routes(), Vec::new());
    resend(&store, &policy(), &|_| Some(&open), to_borrower(), at(TEN)).await.expect("the way is open");
}

#[tokio::test]
async fn what_is_not_clear_is_asked_for() {
    let store = ledger().await;
    store.import(&[row(&installment("i2", "b1", "2026-12-25"))], WriteMode::Commit).await.expect("imported");
    let unclear = asked(&store, to_borrower(), TEN).await.expect_err("two dates are open");
    assert!(unclear.to_string().contains("2026-11-25, 2026-12-25"), "{unclear}");
    let named = ResendRequest { due_date: Some(day("2026-12-25")), ..to_borrower() };
    asked(&store, named, TEN).await.expect("the date is named");
    let nobody = wish(ResendTarget::Borrower("nobody".parse().expect("an id")));
    assert!(matches!(asked(&store, nobody, TEN).await, Err(ResendError::NotFound)));
}

#[tokio::test]
async fn what_changed_since_the_page_was_made_is_named_and_nothing_is_sent() {
    let store = ledger().await;
    let open = LinkGate::new(LinkMode::Personal, Registry::of(routes()).seen(), Vec::new(), Arc::default());
    let mut moved = routes();
    moved.0[0].kind = dueherald::domain::RouteKind::Web { url: "https://pay.example.com/other".into() };
    let elsewhere = LinkGate::new(LinkMode::Personal, Registry::of(moved).seen(), Vec::new(), Arc::default());
    let (policy, now) = (policy(), at(TEN));
    let outlook = resend_outlook(&store, &policy, &|_| Some(&open), &to_borrower(), now).await.expect("it is clear");
    assert!(matches!(outlook.decision, Decision::Send(_)) && outlook.refusals.is_empty(), "{outlook:?}");
    let seen = ResendRequest { seen: outlook.digest, ..to_borrower() };
    let sent = async |gate, request| match resend(&store, &policy, &|_| Some(gate), request, now).await {
        Err(ResendError::Changed(changes)) => changes.into_iter().map(ResendChange::word).collect(),
        Err(other) => panic!("{other}"),
        Ok(_) => Vec::new(),
    };
    assert_eq!(sent(&elsewhere, seen.clone()).await, ["route"]);
    let other_text = ResendRequest { text_version: "2".to_owned(), ..seen.clone() };
    assert_eq!(sent(&open, other_text).await, ["text"]);
    let mut part = installment("i1", "b1", DUE);
    part.paid_amount = dueherald::domain::Money::parse("1", part.amount.currency()).expect("an amount");
    store.import(&[row(&part)], WriteMode::Commit).await.expect("imported");
    assert_eq!(sent(&open, seen.clone()).await, ["amount"]);
    let mut paid = installment("i1", "b1", DUE);
    paid.status = InstallmentStatus::Paid;
    store.import(&[row(&paid)], WriteMode::Commit).await.expect("imported");
    assert_eq!(sent(&open, seen.clone()).await, ["paid"]);
    let filter = ReminderFilter { limit: 10, ..ReminderFilter::default() };
    assert!(store.reminders(&filter).await.expect("listed").is_empty(), "nothing was sent");
    store.import(&[row(&installment("i1", "b1", DUE))], WriteMode::Commit).await.expect("the payment is taken back");
    let none: [&str; 0] = [];
    assert_eq!(sent(&open, seen).await, none);
    assert_eq!(store.reminders(&filter).await.expect("listed").len(), 1);
}

#[tokio::test]
async fn a_cap_refuses_until_a_supervisor_overrides_it() {
    let store = ledger().await;
    let mut policy = policy();
    policy.caps = Some(Caps { all: Cap { per_day: Some(0), per_7_days: None }, ..Caps::default() });
    let gate = LinkGate::default();
    let ask = async |request| resend(&store, &policy, &|_| Some(&gate), request, at(TEN)).await;
    let refused = ask(to_borrower()).await.expect_err("the cap is reached");
    assert_eq!(refusals(&refused), [ResendRefusal::Capped]);
    ask(ResendRequest { overrides_limits: true, ..to_borrower() }).await.expect("a supervisor decides");
}
