//! Scans over days, as the daemon does them: downtime, changes on the way, an old ledger.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{FieldUpdate, InstallmentStatus, LedgerRow, Next, Outcome};
use dueherald::pipeline::{ScanOrder, ScanReport, ScanScope, scan};
use dueherald::plan::{Filters, GraceDays, Horizon, Policy, Rule, Terms};
use dueherald::store::{ReminderFilter, Store, WriteMode};

use super::sample::{by, claim, import, request};
use crate::fixtures::{at, day, installment, policy, row};

/// Everything happens in Shanghai.
fn shanghai(text: &str) -> DateTime<Utc> {
    at(&format!("{text}+08:00"))
}

fn order(now: DateTime<Utc>, extent: ScanScope) -> ScanOrder {
    ScanOrder {
        horizon: Horizon { now, until: now + TimeDelta::hours(12) },
        extent,
        mode: WriteMode::Commit,
        start_from: None,
        first_day: shanghai(&now.with_timezone(&chrono_tz::Asia::Shanghai).format("%FT00:00:00").to_string()),
        guard: None,
    }
}

fn owes(borrower: &str, due: &str) -> LedgerRow {
    row(&installment(&format!("{borrower}-{due}"), borrower, due))
}

async fn scan_at(store: &dyn Store, policy: &Policy, clock: &SimClock, extent: ScanScope) -> ScanReport {
    scan(store, policy, &order(clock.now(), extent)).await.expect("it is scanned")
}

fn go_to(clock: &SimClock, when: &str) {
    clock.advance((shanghai(when) - clock.now()).to_std().expect("time goes on"));
}

/// Sends what is due; gives borrower, step and local time of each, in order.
async fn send(store: &dyn Store, policy: &Policy, clock: &SimClock) -> Vec<String> {
    let claimed = store.claim(&request(100), &by(policy)).await;
    let sending = claimed.expect("the claim is recorded").sending;
    let time = clock.now().with_timezone(&chrono_tz::Asia::Shanghai).format("%dT%H:%M").to_string();
    let mut sent = Vec::new();
    for one in sending {
        sent.push(format!("{} {} {time}", one.reminder.key.borrower.id, one.reminder.key.step));
        let outcome = Outcome::Accepted { provider_id: None };
        store.settle(&[one.attempt.settle(outcome, Next::Accepted, clock.now())]).await.expect("recorded");
    }
    sent.sort();
    sent
}

/// The daemon at work until then: scans and sends every half hour.
async fn work(store: &dyn Store, policy: &Policy, clock: &SimClock, until: &str) -> Vec<String> {
    let mut sent = Vec::new();
    while clock.now() <= shanghai(until) {
        scan_at(store, policy, clock, ScanScope::News).await;
        sent.extend(send(store, policy, clock).await);
        clock.advance(Duration::from_secs(1800));
    }
    sent
}

/// Borrower, step and reason of everything that was skipped, in order.
async fn skipped(store: &dyn Store) -> Vec<String> {
    let all = ReminderFilter { limit: 1_000, ..ReminderFilter::default() };
    let views = store.reminders(&all).await.expect("listed");
    let skipped = views.into_iter().filter(|view| view.state.as_str() == "skipped").map(|view| {
        let key = view.reminder.plan.key;
        let reason = view.last.and_then(|event| event.detail).unwrap_or_default();
        format!("{} {} {reason}", key.borrower.id, key.step)
    });
    let mut skipped: Vec<_> = skipped.collect();
    skipped.sort();
    skipped
}

/// Three days before, one day before, on the day, one day after, at ten; of use for so many hours.
fn ladder(hours: i64) -> Policy {
    let mut policy = policy();
    policy.rules[0].max_lateness = TimeDelta::hours(hours);
    policy
}

/// Five borrowers, and a daemon that is down from the 20th, 10:30, to the 23rd, 09:00.
async fn three_days_down(store: &dyn Store, policy: &Policy, clock: &SimClock) -> (ScanReport, Vec<String>) {
    // The cases begin on the 22nd: the same, a month later.
    go_to(clock, "2026-12-20T08:00:00");
    let due = [("a", "24"), ("b", "25"), ("c", "23"), ("d", "22"), ("e", "21")];
    import(store, &due.map(|(who, day)| owes(who, &format!("2026-12-{day}")))).await;
    let before = work(store, policy, clock, "2026-12-20T10:30:00").await;
    assert_eq!(before, ["c due/-3 20T10:00", "e due/-1 20T10:00"]);
    go_to(clock, "2026-12-23T09:00:00");
    let report = scan_at(store, policy, clock, ScanScope::News).await;
    (report, work(store, policy, clock, "2026-12-27T12:00:00").await)
}

pub(super) async fn after_three_days_each_gets_the_nearest_step(store: &dyn Store, clock: &SimClock) {
    let policy = ladder(36);
    let (report, sent) = three_days_down(store, &policy, clock).await;
    assert_eq!((report.late, report.expired, report.superseded), (2, 0, 2), "{report:?}");
    let expected = [
        "b due/-3 23T09:00",
        "e due/1 23T09:00",
        "a due/-1 23T10:00",
        "c due/0 23T10:00",
        "d due/1 23T10:00",
        "a due/0 24T10:00",
        "b due/-1 24T10:00",
        "c due/1 24T10:00",
        "a due/1 25T10:00",
        "b due/0 25T10:00",
        "b due/1 26T10:00",
    ];
    assert_eq!(sent, expected);
    // Reminders planned before the downtime expire when they are claimed; the others were never planned.
    let expected =
        ["a due/-3 expired", "c due/-1 superseded", "d due/-1 expired", "d due/0 superseded", "e due/0 expired"];
    assert_eq!(skipped(store).await, expected);
    assert_eq!(scan_at(store, &policy, clock, ScanScope::Full).await.found, 0);
}

pub(super) async fn what_is_of_no_use_after_a_downtime_is_on_record(store: &dyn Store, clock: &SimClock) {
    let (report, sent) = three_days_down(store, &ladder(12), clock).await;
    assert_eq!((report.late, report.expired, report.superseded), (0, 4, 0), "{report:?}");
    assert_eq!(sent[..3], ["a due/-1 23T10:00", "c due/0 23T10:00", "d due/1 23T10:00"]);
    assert!(skipped(store).await.iter().all(|skipped| skipped.ends_with("expired")));
    assert_eq!(skipped(store).await.len(), 7);
}

pub(super) async fn what_came_in_before_a_downtime_is_on_record(store: &dyn Store, clock: &SimClock) {
    let policy = ladder(12);
    go_to(clock, "2026-12-20T08:00:00");
    scan_at(store, &policy, clock, ScanScope::News).await;
    import(store, &[owes("a", "2026-12-21")]).await;
    go_to(clock, "2026-12-26T09:00:00");
    let report = scan_at(store, &policy, clock, ScanScope::News).await;
    assert_eq!((report.planned, report.expired), (0, 3), "{report:?}");
    assert_eq!(skipped(store).await, ["a due/-1 expired", "a due/0 expired", "a due/1 expired"]);
}

pub(super) async fn a_late_step_gives_way_on_the_day_of_a_nearer_one(store: &dyn Store, clock: &SimClock) {
    let policy = ladder(36);
    go_to(clock, "2026-12-20T08:00:00");
    import(store, &[owes("a", "2026-12-22")]).await;
    scan_at(store, &policy, clock, ScanScope::News).await;
    // Sending was down, scanning was not: the step before waits in the outbox.
    go_to(clock, "2026-12-22T09:00:00");
    assert_eq!(work(store, &policy, clock, "2026-12-22T10:00:00").await, ["a due/0 22T10:00"]);
    assert_eq!(skipped(store).await, ["a due/-1 superseded"]);
}

pub(super) async fn an_old_ledger_starts_no_storm(store: &dyn Store, clock: &SimClock) {
    let policy = ladder(24 * 30);
    go_to(clock, "2026-12-20T11:00:00");
    let old = ["2026-12-01", "2026-12-10", "2026-12-18", "2026-12-19", "2026-12-20"];
    import(store, &old.map(|due| owes(&format!("b{}", &due[8..]), due))).await;
    let sent = work(store, &policy, clock, "2026-12-20T12:00:00").await;
    assert_eq!(sent, ["b19 due/1 20T11:00", "b20 due/0 20T11:00"], "of the day of the first scan, and no older");
    assert_eq!(skipped(store).await, Vec::<String>::new(), "nothing is on record of what lies before");
    let earlier =
        ScanOrder { start_from: Some(shanghai("2026-12-19T00:00:00")), ..order(clock.now(), ScanScope::News) };
    let report = scan(store, &policy, &earlier).await.expect("it is scanned");
    assert_eq!((report.planned, report.superseded), (1, 2), "an earlier start is another pass: {report:?}");
}

pub(super) async fn a_scan_looks_at_what_is_new_or_has_changed(store: &dyn Store, clock: &SimClock) {
    let policy = ladder(12);
    go_to(clock, "2026-12-20T08:00:00");
    let rows: Vec<_> = (0..30).map(|number| owes(&format!("b{number:02}"), "2026-12-23")).collect();
    import(store, &rows).await;
    let first = scan_at(store, &policy, clock, ScanScope::News).await;
    assert_eq!((first.planned, first.looked_at), (30, 30));
    let second = scan_at(store, &policy, clock, ScanScope::News).await;
    assert_eq!(second, ScanReport::default(), "nothing is new");

    let paid = LedgerRow { status: FieldUpdate::Set(Some(InstallmentStatus::Paid)), ..rows[0].clone() };
    let moved = LedgerRow { due_date: day("2026-12-21"), ..rows[1].clone() };
    import(store, &[paid, moved, owes("new", "2026-12-23"), owes("far", "2027-02-23")]).await;
    let third = scan_at(store, &policy, clock, ScanScope::News).await;
    assert_eq!((third.planned, third.looked_at), (3, 2), "who is new, and two steps of whose date moved: {third:?}");
    assert_eq!(scan_at(store, &policy, clock, ScanScope::Full).await.found, 0);

    // Another rule is passed over again; what it says is in the outbox already.
    let other = ladder(13);
    let again = scan_at(store, &other, clock, ScanScope::News).await;
    assert_eq!((again.planned, again.looked_at > 25), (0, true), "{again:?}");
}

pub(super) async fn a_due_date_that_comes_back_is_reminded_of(store: &dyn Store, clock: &SimClock) {
    let policy = ladder(12);
    go_to(clock, "2026-12-20T08:00:00");
    import(store, &[owes("a", "2026-12-23")]).await;
    scan_at(store, &policy, clock, ScanScope::News).await;
    let away = LedgerRow { due_date: day("2027-01-23"), ..owes("a", "2026-12-23") };
    import(store, &[away]).await;
    go_to(clock, "2026-12-20T10:00:00");
    assert_eq!(send(store, &policy, clock).await, Vec::<String>::new());
    assert_eq!(skipped(store).await, ["a due/-3 rescheduled"]);
    import(store, &[owes("a", "2026-12-23")]).await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(scan_at(store, &policy, clock, ScanScope::News).await.revived, 1);
    assert_eq!(send(store, &policy, clock).await, ["a due/-3 20T10:01"]);
    assert_eq!(claim(store, 10, &by(&policy)).await.taken(), 0);
}

/// Nothing is sent while an instalment is disputed or written off; when the ledger says that it is open again, it is
/// reminded of.
pub(super) async fn what_is_disputed_or_written_off_waits_for_the_ledger(store: &dyn Store, clock: &SimClock) {
    let policy = ladder(12);
    go_to(clock, "2026-12-20T08:00:00");
    import(store, &[owes("a", "2026-12-23"), owes("b", "2026-12-23")]).await;
    scan_at(store, &policy, clock, ScanScope::News).await;
    let of_status = |id: &str, status| LedgerRow { status: FieldUpdate::Set(Some(status)), ..owes(id, "2026-12-23") };
    import(store, &[of_status("a", InstallmentStatus::Disputed), of_status("b", InstallmentStatus::WrittenOff)]).await;
    go_to(clock, "2026-12-20T10:00:00");
    assert_eq!(send(store, &policy, clock).await, Vec::<String>::new());
    assert_eq!(skipped(store).await, ["a due/-3 disputed", "b due/-3 written_off"]);
    assert_eq!(scan_at(store, &policy, clock, ScanScope::Full).await.found, 0, "nothing is planned for them");
    import(store, &[of_status("a", InstallmentStatus::Open), of_status("b", InstallmentStatus::Open)]).await;
    clock.advance(Duration::from_secs(60));
    assert_eq!(scan_at(store, &policy, clock, ScanScope::News).await.revived, 2);
    assert_eq!(send(store, &policy, clock).await, ["a due/-3 20T10:01", "b due/-3 20T10:01"]);
}

/// One rule for what is debited automatically, one for everything else: the tags are asked for again when a message
/// leaves.
pub(super) async fn a_tag_that_came_or_went_changes_the_message(store: &dyn Store, clock: &SimClock) {
    let mut policy = ladder(12);
    let autopay = Rule {
        name: "autopay".parse().expect("a name"),
        filters: Filters { tags: vec!["autopay".into()], ..Filters::default() },
        ..policy.rules[0].clone()
    };
    policy.rules[0].filters.not_tags = vec!["autopay".into()];
    policy.rules.push(autopay);
    let owes = |borrower: &str, tags: &str| LedgerRow {
        tags: FieldUpdate::Set(Some(tags.parse().expect("tags"))),
        ..owes(borrower, "2026-12-23")
    };
    go_to(clock, "2026-12-20T08:00:00");
    import(store, &[owes("comes", ""), owes("goes", "autopay;vip"), owes("late", ""), owes("stays", "autopay")]).await;
    assert_eq!(scan_at(store, &policy, clock, ScanScope::News).await.planned, 4);
    import(store, &[owes("comes", "autopay"), owes("goes", "vip")]).await;
    assert_eq!(scan_at(store, &policy, clock, ScanScope::News).await.planned, 2);
    // After the last scan.
    import(store, &[owes("late", "autopay")]).await;
    go_to(clock, "2026-12-20T10:00:00");
    let sent = send(store, &policy, clock).await;
    assert_eq!(sent, ["comes autopay/-3 20T10:00", "goes due/-3 20T10:00", "stays autopay/-3 20T10:00"]);
    let skips = ["comes due/-3 superseded", "goes autopay/-3 superseded", "late due/-3 superseded"];
    assert_eq!(skipped(store).await, skips);
    scan_at(store, &policy, clock, ScanScope::News).await;
    assert_eq!(send(store, &policy, clock).await, ["late autopay/-3 20T10:00"]);
}

/// Before and on the due date nothing changes; what comes after it comes so many days later, by the ledger's word or
/// the config's, and follows a change of either.
pub(super) async fn overdue_steps_count_from_the_end_of_the_grace(store: &dyn Store, clock: &SimClock) {
    let mut policy = ladder(12);
    let grace = GraceDays { all: 0, products: [("sofa".to_owned(), 2)].into() };
    let id = policy.merchants.keys().next().cloned().expect("one");
    policy.terms.insert(id, Terms { grace, ..Terms::default() });
    let owes = |borrower: &str, product: &str, grace_days: Option<u16>| LedgerRow {
        product: FieldUpdate::Set(Some(product.into())),
        grace_days: FieldUpdate::Set(grace_days),
        ..owes(borrower, "2026-12-21")
    };
    go_to(clock, "2026-12-20T11:00:00");
    let rows = [
        owes("five", "sofa", Some(5)),
        owes("month", "lamp", Some(31)),
        owes("none", "sofa", Some(0)),
        owes("product", "sofa", None),
        owes("shorter", "lamp", Some(9)),
    ];
    import(store, &rows).await;
    let sent = work(store, &policy, clock, "2026-12-22T09:00:00").await;
    assert_eq!(sent.iter().filter(|one| one.ends_with("due/0 21T10:00")).count(), 5, "{sent:?}");
    import(store, &[owes("shorter", "lamp", Some(1))]).await;
    let sent = work(store, &policy, clock, "2026-12-28T09:00:00").await;
    let expected = ["none due/1 22T10:00", "shorter due/1 23T10:00", "product due/1 24T10:00", "five due/1 27T10:00"];
    assert_eq!(sent, expected);
    assert_eq!(scan_at(store, &policy, clock, ScanScope::Full).await.found, 0);
    // The config gives the sofa no grace any more, and the lamp some; the ledger's word counts all the same.
    policy.terms.values_mut().for_each(|terms| terms.grace = GraceDays { all: 9, ..GraceDays::default() });
    assert_eq!(work(store, &policy, clock, "2027-01-22T10:00:00").await, ["month due/1 22T10:00"]);
    assert_eq!(skipped(store).await, Vec::<String>::new());
}

pub(super) async fn a_merchant_that_comes_back_is_reminded_for(store: &dyn Store, clock: &SimClock) {
    let policy = ladder(12);
    let without = Policy { merchants: std::collections::BTreeMap::new(), ..ladder(12) };
    go_to(clock, "2026-12-20T08:00:00");
    import(store, &[owes("a", "2026-12-23")]).await;
    scan_at(store, &policy, clock, ScanScope::News).await;
    go_to(clock, "2026-12-20T10:00:00");
    scan_at(store, &without, clock, ScanScope::News).await;
    assert_eq!(send(store, &without, clock).await, Vec::<String>::new());
    assert_eq!(skipped(store).await, ["a due/-3 unknown_merchant"]);
    clock.advance(Duration::from_secs(60));
    assert_eq!(scan_at(store, &policy, clock, ScanScope::News).await.revived, 1);
    assert_eq!(send(store, &policy, clock).await, ["a due/-3 20T10:01"]);
}

pub(super) async fn a_full_check_plans_and_tells_what_was_missed(store: &dyn Store, clock: &SimClock) {
    let policy = ladder(12);
    go_to(clock, "2026-12-20T08:00:00");
    scan_at(store, &policy, clock, ScanScope::News).await;
    import(store, &[owes("a", "2026-12-23"), owes("b", "2026-12-23")]).await;
    // Somebody loses a change.
    let changes = store.changes(None, 1).await.expect("read");
    let marks = store.scan_state().await.expect("read").marks;
    store.done_with(&changes.ids, &dueherald::plan::rules_of(&marks)).await.expect("taken out");
    let report = scan_at(store, &policy, clock, ScanScope::Full).await;
    assert_eq!((report.planned, report.found), (2, 1), "{report:?}");
    assert_eq!(scan_at(store, &policy, clock, ScanScope::Full).await.found, 0);
}
