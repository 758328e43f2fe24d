//! Records that cannot be applied: what they hold, and what ends it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{
    Amendment, AmendmentResult, Channel, FieldUpdate, HoldCause, InstallmentStatus, LedgerRow, NewReminder,
    RecordCells, RecordKind, RejectedRecord, SoundRecord, SourceName,
};
use dueherald::plan::{Account, Decision, RecentContacts};
use dueherald::store::{DropOrder, KeptRecord, RejectCounts, RejectFilter, Store, WriteMode};

use super::sample::{DUE, claim, date, import, installments, instant, key, merchant, money, plan_due, row, send};

const FAULT: &str = "status is not one of open, paid, cancelled, written_off, disputed";

/// A row of `i1` whose status nobody understands.
fn faulty() -> RejectedRecord {
    let cells = [
        ("merchant", "mall"),
        ("borrower_id", "b00"),
        ("installment_id", "i1"),
        ("currency", "CNY"),
        ("amount", "128.50"),
        ("due_date", DUE),
        ("status", "settled"),
    ];
    RejectedRecord {
        source: None,
        kind: RecordKind::Row,
        merchant: Some(merchant("mall")),
        installment: Some("i1".parse().expect("a number")),
        cells: RecordCells(cells.map(|(column, text)| (column.to_owned(), text.to_owned())).into()),
        waits: false,
        reason: FAULT.to_owned(),
    }
}

fn paid(id: &str) -> LedgerRow {
    LedgerRow { status: FieldUpdate::Set(Some(InstallmentStatus::Paid)), ..row("b00", id) }
}

pub(super) fn payment(id: &str) -> Amendment {
    Amendment {
        merchant: merchant("mall"),
        installment: id.parse().expect("a number"),
        paid_amount: FieldUpdate::Set(Some(money("28.50", "CNY"))),
        status: FieldUpdate::Keep,
    }
}

fn source(name: &str) -> SourceName {
    name.parse().expect("a name")
}

async fn reject(store: &dyn Store, record: RejectedRecord) {
    store.import_batch(&[], &[record], WriteMode::Commit).await.expect("it is kept");
}

async fn kept(store: &dyn Store) -> Vec<KeptRecord> {
    let filter = RejectFilter { limit: 100, ..RejectFilter::default() };
    store.rejects(&filter).await.expect("they are listed")
}

/// The instalments of `b00` due on [`DUE`] that are held.
async fn held(store: &dyn Store) -> Vec<String> {
    let account = store.account(&key("b00"), date(DUE), Channel::Sms).await.expect("the account is read");
    account.rejected.iter().map(ToString::to_string).collect()
}

async fn amend(store: &dyn Store, amendment: &Amendment, from: &str) -> AmendmentResult {
    let amendments = std::slice::from_ref(amendment);
    store.amend(amendments, Some(&source(from)), WriteMode::Commit).await.expect("amended")[0]
}

pub(super) async fn a_rejected_record_holds_its_installment_until_a_sound_row_comes(store: &dyn Store, _: &SimClock) {
    import(store, &[row("b00", "i1"), row("b00", "i2"), row("b01", "i3")]).await;
    plan_due(store, 2).await;
    store.import_batch(&[], &[faulty()], WriteMode::DryRun).await.expect("tried");
    assert_eq!((kept(store).await, held(store).await), (vec![], vec![]), "it was a trial");

    reject(store, faulty()).await;
    assert_eq!(held(store).await, ["i1"]);
    let seen = Arc::new(Mutex::new(BTreeMap::new()));
    let noted = Arc::clone(&seen);
    let decide = move |reminder: &NewReminder, account: &Account, now| {
        let rejected: Vec<_> = account.rejected.iter().map(ToString::to_string).collect();
        noted.lock().expect("one thread").insert(reminder.key.borrower.id.to_string(), rejected);
        send(reminder, account, now)
    };
    claim(store, 10, &decide).await;
    let seen = seen.lock().expect("one thread").clone();
    assert_eq!(seen, BTreeMap::from([("b00".into(), vec!["i1".into()]), ("b01".into(), vec![])]), "a claim sees it");
    let first = kept(store).await;
    reject(store, faulty()).await;
    assert_eq!(kept(store).await, first, "the same file twice changes nothing");

    import(store, &[paid("i2")]).await;
    assert_eq!(held(store).await, ["i1"], "another instalment answers for nothing");
    import(store, &[paid("i1")]).await;
    assert_eq!((kept(store).await, held(store).await), (vec![], vec![]));
}

/// Claims as [`decide`](dueherald::plan::decide) would, as far as it goes by rejected records. Gives how many are sent.
async fn sent(store: &dyn Store) -> usize {
    let decide = |reminder: &NewReminder, account: &Account, now| match account.rejected.first() {
        Some(id) => Decision::Hold(HoldCause::rejected(&reminder.key.borrower.merchant, id)),
        None => send(reminder, account, now),
    };
    claim(store, 10, &decide).await.sending.len()
}

pub(super) async fn whatever_ends_a_record_releases_what_it_held(store: &dyn Store, _: &SimClock) {
    import(store, &[row("b00", "i1"), row("b01", "i2"), row("b02", "i3"), row("b03", "i4")]).await;
    let ids = plan_due(store, 4).await;
    let records = ["i1", "i2", "i3", "i4"].map(|id| RejectedRecord { installment: id.parse().ok(), ..faulty() });
    let from_source =
        RejectedRecord { source: Some(source("payments")), kind: RecordKind::Amendment, ..records[3].clone() };
    let [first, second, third, _] = records;
    let records = [first, second, third, from_source];
    store.import_batch(&[], &records, WriteMode::Commit).await.expect("kept");
    assert_eq!(sent(store).await, 0);
    assert_eq!(store.holds().await.expect("listed").len(), 4, "each is held by its own record");
    assert_eq!(store.rejected_installments().await.expect("listed").len(), 4);

    import(store, &[LedgerRow { status: FieldUpdate::Set(None), ..row("b00", "i1") }]).await;
    assert_eq!(sent(store).await, 1, "a sound row");
    let order = DropOrder { actor: "ana".into(), reason: "a test row".into(), at: instant("2026-11-22T03:00:00Z") };
    let kept_of = |id: &'static str, kept: Vec<KeptRecord>| {
        kept.into_iter().find(|one| one.record.installment.as_ref().is_some_and(|own| own.as_str() == id))
    };
    let second = kept_of("i2", kept(store).await).expect("it is kept");
    store.drop_rejects(&[second.id], &order).await.expect("dropped");
    assert_eq!(sent(store).await, 1, "a person");
    let third = kept_of("i3", kept(store).await).expect("it is kept");
    store.retry_reject(&third, &SoundRecord::Row(Box::new(row("b02", "i3")))).await.expect("tried");
    assert_eq!(sent(store).await, 1, "another try");
    amend(store, &payment("i4"), "payments").await;
    assert_eq!(sent(store).await, 1, "the source's next word");
    assert_eq!(store.holds().await.expect("listed"), []);
    let events = store.events(ids[0]).await.expect("events are read");
    let kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["held", "released"]);
}

pub(super) async fn what_comes_later_in_a_batch_counts(store: &dyn Store, _: &SimClock) {
    let rows = [row("b00", "i1"), paid("i1"), row("b00", "i2")];
    let record = RejectedRecord { installment: Some("i2".parse().expect("a number")), ..faulty() };
    store.import_batch(&rows, &[faulty(), record.clone(), record], WriteMode::Commit).await.expect("written");
    let status: Vec<_> = installments(store).await.into_iter().map(|one| one.status).collect();
    assert_eq!(status, [InstallmentStatus::Paid, InstallmentStatus::Open]);
    assert_eq!(kept(store).await.len(), 2, "records are not older than the rows of their batch, and each is kept once");
}

pub(super) async fn a_row_that_does_not_speak_of_the_payment_leaves_it(store: &dyn Store, _: &SimClock) {
    reject(store, faulty()).await;
    import(store, &[row("b00", "i1")]).await;
    let left = kept(store).await;
    assert_eq!((left.len(), left[0].record.kind), (1, RecordKind::Amendment));
    assert_eq!(left[0].record.cells.0.get("status").map(String::as_str), Some("settled"));
    assert!(!left[0].record.cells.0.contains_key("amount"), "the row is newer");
    assert_eq!(held(store).await, ["i1"]);
    import(store, &[LedgerRow { status: FieldUpdate::Set(Some(InstallmentStatus::Open)), ..row("b00", "i1") }]).await;
    assert_eq!(held(store).await, [""; 0]);
}

pub(super) async fn a_payment_waits_for_its_installment(store: &dyn Store, _: &SimClock) {
    let in_full = Amendment { paid_amount: FieldUpdate::Set(Some(money("128.50", "CNY"))), ..payment("i1") };
    assert_eq!(amend(store, &payment("i1"), "payments").await, AmendmentResult::Unknown);
    assert_eq!(amend(store, &in_full, "payments").await, AmendmentResult::Unknown);
    let counts = store.reject_counts().await.expect("counted");
    assert_eq!(counts, RejectCounts { waiting: 1, ..RejectCounts::default() }, "the later one takes its place");
    import(store, &[row("b00", "i2"), row("b00", "i1")]).await;
    let known = installments(store).await;
    assert_eq!((known[0].paid_amount, known[0].is_due()), (money("128.50", "CNY"), false));
    assert!(known[1].is_due());
    assert_eq!(kept(store).await, []);
}

pub(super) async fn a_payment_that_does_not_fit_holds_until_one_fits(store: &dyn Store, _: &SimClock) {
    import(store, &[row("b00", "i1")]).await;
    let foreign = Amendment { paid_amount: FieldUpdate::Set(Some(money("1.00", "KWD"))), ..payment("i1") };
    assert_eq!(amend(store, &foreign, "payments").await, AmendmentResult::OtherCurrency);
    assert_eq!(held(store).await, ["i1"]);
    amend(store, &payment("i1"), "another").await;
    assert_eq!(held(store).await, ["i1"], "another source does not answer for it");
    amend(store, &payment("i1"), "payments").await;
    assert_eq!(held(store).await, [""; 0]);
    amend(store, &foreign, "payments").await;
    let in_dinars = LedgerRow { amount: money("1.000", "KWD"), ..row("b00", "i1") };
    import(store, &[in_dinars]).await;
    assert_eq!(held(store).await, [""; 0], "the instalment is in that currency now");
    assert!(!installments(store).await[0].is_due(), "and it is paid");
}

pub(super) async fn what_cannot_be_read_holds_nothing_and_is_kept_once(store: &dyn Store, _: &SimClock) {
    import(store, &[row("b00", "i1")]).await;
    let unreadable = RejectedRecord { installment: None, ..faulty() };
    let other = RejectedRecord { cells: RecordCells(BTreeMap::new()), ..unreadable.clone() };
    for record in [&unreadable, &other, &unreadable] {
        reject(store, record.clone()).await;
    }
    assert_eq!(held(store).await, [""; 0]);
    let counts = store.reject_counts().await.expect("counted");
    assert_eq!(counts, RejectCounts { unreadable: 2, ..RejectCounts::default() });
}

pub(super) async fn a_record_is_dropped_on_record(store: &dyn Store, clock: &SimClock) {
    import(store, &[row("b00", "i1")]).await;
    reject(store, faulty()).await;
    let id = kept(store).await[0].id;
    clock.advance(TimeDelta::hours(1).to_std().expect("an hour"));
    let order = DropOrder { actor: "ana".into(), reason: "a test row".into(), at: instant("2026-11-22T03:00:00Z") };
    assert_eq!(store.drop_rejects(&[id, id + 1, id], &order).await.expect("dropped"), [id]);
    assert_eq!((kept(store).await, held(store).await), (vec![], vec![]));
    let dropped = store.dropped_rejects(10).await.expect("listed");
    assert_eq!((dropped.len(), dropped[0].id, dropped[0].fault.as_str()), (1, id, FAULT));
    assert_eq!((&dropped[0].order, dropped[0].installment.as_ref()), (&order, faulty().installment.as_ref()));
    assert_eq!(store.drop_rejects(&[id], &order).await.expect("dropped"), [0; 0]);
}

pub(super) async fn a_retry_applies_a_record_unless_another_took_its_place(store: &dyn Store, _: &SimClock) {
    reject(store, faulty()).await;
    let before = kept(store).await.remove(0);
    let newer = RejectedRecord { reason: "amount is negative".into(), ..faulty() };
    reject(store, newer).await;
    let sound = SoundRecord::Row(Box::new(paid("i1")));
    assert!(!store.retry_reject(&before, &sound).await.expect("tried"), "a newer one is kept");
    assert_eq!(installments(store).await, []);
    let current = kept(store).await.remove(0);
    assert_eq!(current.id, before.id);
    assert!(store.retry_reject(&current, &sound).await.expect("tried"));
    assert_eq!(installments(store).await[0].status, InstallmentStatus::Paid);
    assert_eq!(kept(store).await, []);
}

pub(super) async fn a_retried_payment_may_have_to_wait(store: &dyn Store, _: &SimClock) {
    let record = RejectedRecord { source: Some(source("payments")), kind: RecordKind::Amendment, ..faulty() };
    reject(store, record).await;
    let faulty = kept(store).await.remove(0);
    assert!(store.retry_reject(&faulty, &SoundRecord::Amendment(payment("i1"))).await.expect("tried"));
    let waiting = kept(store).await;
    assert_eq!((waiting.len(), waiting[0].record.waits), (1, true), "its instalment is not there yet");
    import(store, &[row("b00", "i1")]).await;
    assert_eq!(installments(store).await[0].paid_amount, money("28.50", "CNY"));
    assert_eq!(kept(store).await, []);
}

pub(super) async fn what_a_digest_would_take_along_is_told_as_well(store: &dyn Store, _: &SimClock) {
    let next_day = LedgerRow { due_date: date("2026-11-26"), ..row("b00", "i1") };
    import(store, &[row("b00", "i2"), next_day]).await;
    reject(store, faulty()).await;
    let recent_contacts =
        RecentContacts { contacts_within: TimeDelta::days(1), days_ahead: 2, across_merchants: false };
    let account =
        store.account_beside(&key("b00"), date(DUE), Channel::Sms, recent_contacts).await.expect("it is read");
    assert_eq!(account.following.len(), 1);
    assert_eq!(account.rejected.iter().map(ToString::to_string).collect::<Vec<_>>(), ["i1"]);
}
