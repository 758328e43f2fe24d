//! Parts of the ledger that a request writes: only while it runs, and with its lease.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{
    Amendment, AmendmentResult, BorrowerUpdate, Channel, ContactPreferences, InstallmentStatus, PersonName,
    RecordCells, RecordKind, RejectedRecord,
};
use dueherald::store::{
    Change, FieldUpdate, KeptAnswer, KeyedRequest, LedgerPart, LedgerPartResult, RejectFilter, RequestClaim,
    RequestEnd, RequestStart, Store,
};

use super::sample::{DUE, date, installments, key, merchant, phone, row};

const LEASE: TimeDelta = TimeDelta::seconds(10);

fn request() -> KeyedRequest {
    KeyedRequest { token: "t1".to_owned(), key: "k".to_owned(), fingerprint: [1; 32], lease: LEASE }
}

async fn begun(store: &dyn Store) -> RequestClaim {
    match store.begin_request(&request()).await.expect("begun") {
        RequestStart::Begun(claim) => claim,
        other => panic!("{other:?}"),
    }
}

async fn written(store: &dyn Store, claim: &RequestClaim, part: &LedgerPart) -> Option<LedgerPartResult> {
    store.write_part(claim, LEASE, part).await.expect("the store answers")
}

fn name(text: &str) -> FieldUpdate<PersonName> {
    FieldUpdate::Set(Some(PersonName::new(text).expect("a name")))
}

fn borrower(id: &str) -> BorrowerUpdate {
    BorrowerUpdate {
        borrower: key(id),
        name: name("Li Lei"),
        phone: phone("+8613800138001"),
        email: FieldUpdate::Keep,
        locale: FieldUpdate::Keep,
        time_zone: FieldUpdate::Keep,
        account_phone: FieldUpdate::Keep,
        verifier: FieldUpdate::Keep,
        preferences: ContactPreferences::default(),
    }
}

fn payment(installment: &str) -> Amendment {
    Amendment {
        merchant: merchant("mall"),
        installment: installment.parse().expect("a number"),
        paid_amount: FieldUpdate::Keep,
        status: FieldUpdate::Set(Some(InstallmentStatus::Paid)),
    }
}

pub(super) fn rejected(installment: &str) -> RejectedRecord {
    RejectedRecord {
        source: None,
        kind: RecordKind::Amendment,
        merchant: Some(merchant("mall")),
        installment: installment.parse().ok(),
        cells: RecordCells(BTreeMap::from([("status".to_owned(), "?".to_owned())])),
        waits: false,
        reason: "status is none".to_owned(),
    }
}

async fn kept(store: &dyn Store) -> usize {
    store.rejects(&RejectFilter { limit: 9, ..RejectFilter::default() }).await.expect("listed").len()
}

pub(super) async fn a_part_is_written_while_its_request_runs(store: &dyn Store, clock: &SimClock) {
    let claim = begun(store).await;
    let part = LedgerPart { rows: vec![row("b1", "i1")], ..LedgerPart::default() };
    clock.advance(Duration::from_secs(9));
    let first = written(store, &claim, &part).await.expect("it runs");
    assert_eq!(first.rows, [Change::New]);
    clock.advance(Duration::from_secs(9));
    assert_eq!(store.begin_request(&request()).await.expect("asked"), RequestStart::Running, "its lease is renewed");
    assert_eq!(written(store, &claim, &part).await.map(|result| result.rows), Some(vec![Change::Same]));
    let answer = KeptAnswer { status: 200, body: "{}".to_owned() };
    store.end_request(&claim, &RequestEnd::Answer(answer)).await.expect("ended").expect("it was not taken over");
    assert_eq!(written(store, &claim, &part).await, None, "it has ended");
}

pub(super) async fn who_was_taken_over_writes_nothing(store: &dyn Store, clock: &SimClock) {
    let slow = begun(store).await;
    clock.advance(Duration::from_secs(11));
    let quick = begun(store).await;
    let part = |installment: &str| LedgerPart {
        borrowers: vec![borrower("b9")],
        rows: vec![row("b1", installment)],
        rejected: vec![rejected("i9")],
        amendments: vec![payment("i8")],
    };
    assert_eq!(written(store, &slow, &part("old")).await, None);
    assert!(installments(store).await.is_empty());
    assert_eq!(kept(store).await, 0);
    assert!(written(store, &quick, &part("new")).await.is_some());
    assert_eq!((installments(store).await.len(), kept(store).await), (1, 2));
}

pub(super) async fn borrowers_come_without_instalments(store: &dyn Store, _: &SimClock) {
    let claim = begun(store).await;
    let other = BorrowerUpdate { name: name("Han Meimei"), ..borrower("b1") };
    let part = LedgerPart { borrowers: vec![borrower("b1"), borrower("b1"), other], ..LedgerPart::default() };
    let changes = written(store, &claim, &part).await.expect("it runs").borrowers;
    assert_eq!(changes, [Change::New, Change::Same, Change::Changed]);
    let account = store.account(&key("b1"), date(DUE), Channel::Sms).await;
    let known = account.expect("read").borrower.expect("the borrower is known");
    assert_eq!(known.name.expect("a name").as_str(), "Han Meimei");
    assert_eq!(known.phone.expect("a number").as_e164(), "+8613800138001");
    let row = row("b1", "i1");
    let part = LedgerPart { rows: vec![row], ..LedgerPart::default() };
    assert_eq!(written(store, &claim, &part).await.expect("it runs").rows, [Change::New]);
}

pub(super) async fn payments_come_behind_rows_and_records(store: &dyn Store, _: &SimClock) {
    let claim = begun(store).await;
    let part = LedgerPart {
        rows: vec![row("b1", "i1")],
        rejected: vec![rejected("i1"), rejected("i2")],
        amendments: vec![payment("i1"), payment("i3")],
        ..LedgerPart::default()
    };
    let result = written(store, &claim, &part).await.expect("it runs");
    assert_eq!(result.amendments, [AmendmentResult::Changed, AmendmentResult::Unknown]);
    assert_eq!(installments(store).await[0].status, InstallmentStatus::Paid);
    assert_eq!(kept(store).await, 2, "the payment of i1 ends its record; i2 is faulty, and i3 waits");
}
