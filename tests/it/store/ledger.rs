//! The data that the ledger returns.

use std::time::Duration;

use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Address, Channel, EmailAddress, InstallmentStatus, LiftResult, Lifter, Phone, SuppressionReason,
};
use dueherald::plan::{Account, Due};
use dueherald::store::{DueCursor, FieldUpdate, InstallmentFilter, LedgerRow, Store};

use super::sample::{DUE, PHONE, date, import, instant, key, merchant, money, row, row_with_phone, said, suppression};
use crate::fixtures::by_hand;

/// Groups of unequal size over two merchants and three days, and some that are not open.
async fn import_groups(store: &dyn Store) {
    let mut rows = Vec::new();
    for (day, borrower, count) in [
        ("2026-11-24", "b3", 1),
        ("2026-11-24", "B4", 2),
        ("2026-11-25", "b1", 3),
        ("2026-11-25", "b2", 1),
        ("2026-11-26", "b1", 2),
        ("2026-11-27", "b9", 1),
    ] {
        for number in 0..count {
            let id = format!("{day}-{borrower}-{number}");
            rows.push(LedgerRow { due_date: date(day), ..row(borrower, &id) });
        }
    }
    let mut other = row("b2", "2026-11-25-b2-0");
    other.borrower.merchant = merchant("arcade");
    rows.push(other);
    rows.push(LedgerRow { status: said("paid"), ..row("b1", "paid") });
    rows.push(LedgerRow { status: said("cancelled"), ..row("b5", "cancelled") });
    import(store, &rows).await;
}

/// Every page of the days 24 to 26.
async fn all_pages(store: &dyn Store, limit: u32) -> Vec<Due> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let days = date("2026-11-24")..=date("2026-11-26");
        let page = store.due_page(days, after.as_ref(), limit).await.expect("the page is read");
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last() else { return all };
        let cursor = DueCursor::after(last);
        assert!(after.as_ref() < Some(&cursor), "a page goes on from the one before");
        after = Some(cursor);
        all.extend(page);
    }
}

pub(super) async fn pages_hold_every_open_group_once_and_whole(store: &dyn Store, _: &SimClock) {
    import_groups(store).await;
    for limit in 1..=7 {
        let groups: Vec<_> = all_pages(store, limit)
            .await
            .into_iter()
            .map(|due| {
                assert!(due.installments.iter().all(|held| held.status == InstallmentStatus::Open));
                assert!(due.installments.iter().all(|held| held.borrower == due.borrower.key.id));
                let ids = due.installments.iter().map(|held| held.id.as_str().to_owned());
                assert!(ids.is_sorted());
                let key = due.borrower.key;
                (due.due_date.to_string(), key.merchant.to_string(), key.id.to_string(), due.installments.len())
            })
            .collect();
        let expected = [
            ("2026-11-24", "mall", "B4", 2),
            ("2026-11-24", "mall", "b3", 1),
            ("2026-11-25", "arcade", "b2", 1),
            ("2026-11-25", "mall", "b1", 3),
            ("2026-11-25", "mall", "b2", 1),
            ("2026-11-26", "mall", "b1", 2),
        ];
        let expected =
            expected.map(|(day, merchant, id, count)| (day.to_owned(), merchant.to_owned(), id.to_owned(), count));
        assert_eq!(groups, expected, "in pages of {limit}");
    }
}

pub(super) async fn pages_stay_within_their_dates(store: &dyn Store, _: &SimClock) {
    import_groups(store).await;
    let days = date("2026-11-26")..=date("2026-11-26");
    let early = Due {
        borrower: dueherald::domain::Borrower::unknown(key("b1")),
        due_date: date("2026-11-24"),
        installments: Vec::new(),
        suppressed: Vec::new(),
    };
    for after in [None, Some(DueCursor::after(&early))] {
        let page = store.due_page(days.clone(), after.as_ref(), 100).await.expect("the page is read");
        assert_eq!(page.len(), 1, "a place before the first date does not widen the dates");
        assert_eq!(page[0].due_date, date("2026-11-26"));
    }
    let none = store.due_page(date("2027-01-01")..=date("2027-02-01"), None, 100).await.expect("the page is read");
    assert_eq!(none, []);
}

fn sms_to(number: &str) -> Address {
    Address::Phone(Phone::new(number).expect("a number"))
}

fn mail_to(address: &str) -> Address {
    Address::Email(EmailAddress::new(address).expect("an address"))
}

fn reachable(borrower: &str) -> LedgerRow {
    let email = EmailAddress::new("wang@example.com").expect("an address");
    LedgerRow { email: FieldUpdate::Set(Some(email)), ..row_with_phone(borrower, borrower) }
}

pub(super) async fn a_page_names_the_suppressed_channels(store: &dyn Store, _: &SimClock) {
    import(store, &[reachable("b1"), row("b2", "b2")]).await;
    let suppressed = || async {
        let page = store.due_page(date(DUE)..=date(DUE), None, 10).await.expect("the page is read");
        page.into_iter().map(|due| due.suppressed).collect::<Vec<_>>()
    };
    assert_eq!(suppressed().await, [vec![], vec![]]);
    let bounced = SuppressionReason::Bounced;
    let elsewhere = suppression(Some("arcade"), sms_to(PHONE), bounced);
    store
        .suppress(&[elsewhere, suppression(None, mail_to("wang@example.com"), bounced)], None)
        .await
        .expect("it is written");
    assert_eq!(suppressed().await, [vec![Channel::Email], vec![]]);
    store.suppress(&[suppression(Some("mall"), sms_to(PHONE), bounced)], None).await.expect("it is written");
    assert_eq!(suppressed().await, [vec![Channel::Sms, Channel::Email], vec![]]);
}

async fn account(store: &dyn Store, borrower: &str, channel: Channel) -> Account {
    store.account(&key(borrower), date(DUE), channel).await.expect("the account is read")
}

pub(super) async fn an_account_tells_all_of_the_day(store: &dyn Store, _: &SimClock) {
    import(
        store,
        &[
            LedgerRow { status: said("paid"), ..row_with_phone("b1", "i3") },
            row("b1", "i1"),
            LedgerRow { due_date: date("2026-12-25"), ..row("b1", "i2") },
            row("b2", "i4"),
        ],
    )
    .await;
    let told = account(store, "b1", Channel::Sms).await;
    let ids: Vec<_> = told.installments.iter().map(|held| (held.id.as_str(), held.status)).collect();
    assert_eq!(ids, [("i1", InstallmentStatus::Open), ("i3", InstallmentStatus::Paid)]);
    assert_eq!(told.borrower.expect("the borrower is known").phone.expect("a number").as_e164(), PHONE);
    assert_eq!(told.suppressed, None);
    assert_eq!(account(store, "nobody", Channel::Sms).await, Account::default());
    let free = store.account(&key("b1"), date("2026-12-24"), Channel::Email).await.expect("the account is read");
    assert!(free.borrower.is_some() && free.installments.is_empty());
}

pub(super) async fn a_suppression_holds_for_its_merchant_or_for_all(store: &dyn Store, _: &SimClock) {
    use SuppressionReason::{Bounced, Complained, OptedOut};
    import(store, &[reachable("b1")]).await;
    store.suppress(&[suppression(Some("arcade"), sms_to(PHONE), Bounced)], None).await.expect("it is written");
    assert_eq!(account(store, "b1", Channel::Sms).await.suppressed, None, "another merchant's");
    store.suppress(&[suppression(None, sms_to(PHONE), Complained)], None).await.expect("it is written");
    assert_eq!(account(store, "b1", Channel::Sms).await.suppressed, Some(Complained));
    assert_eq!(account(store, "b1", Channel::Email).await.suppressed, None, "another channel's");
    store.suppress(&[suppression(Some("mall"), sms_to(PHONE), OptedOut)], None).await.expect("it is written");
    assert_eq!(account(store, "b1", Channel::Sms).await.suppressed, Some(Complained), "an opt-out is told last");
    let lifted = store.lift_suppression(None, &sms_to(PHONE).into(), Lifter::Borrower, &by_hand()).await;
    assert_eq!(lifted.expect("it is lifted"), LiftResult::Lifted);
    assert_eq!(account(store, "b1", Channel::Sms).await.suppressed, Some(OptedOut));
    store.suppress(&[], None).await.expect("nothing is nothing");
}

pub(super) async fn a_suppression_ends_and_is_replaced(store: &dyn Store, clock: &SimClock) {
    use SuppressionReason::{Bounced, Manual, OptedOut};
    import(store, &[reachable("b1")]).await;
    let mut ends = suppression(None, sms_to(PHONE), Bounced);
    ends.until = Some(instant("2026-11-22T02:00:10Z"));
    let mut replaced = suppression(None, sms_to(PHONE), Manual);
    replaced.until = Some(instant("2026-11-23T02:00:00Z"));
    store.suppress(&[replaced, ends.clone()], None).await.expect("the last word of a batch counts");
    assert_eq!(account(store, "b1", Channel::Sms).await.suppressed, Some(Bounced));
    clock.advance(Duration::from_secs(9));
    assert_eq!(account(store, "b1", Channel::Sms).await.suppressed, Some(Bounced));
    clock.advance(Duration::from_secs(1));
    assert_eq!(account(store, "b1", Channel::Sms).await.suppressed, None, "at its end it is over");
    let page = store.due_page(date(DUE)..=date(DUE), None, 10).await.expect("the page is read");
    assert_eq!(page[0].suppressed, []);
    store.suppress(&[suppression(None, sms_to(PHONE), OptedOut)], None).await.expect("it is written");
    assert_eq!(account(store, "b1", Channel::Sms).await.suppressed, Some(OptedOut), "the new one has no end");
}

pub(super) async fn installments_are_found_by_what_is_known(store: &dyn Store, _: &SimClock) {
    import_groups(store).await;
    let find = |filter: InstallmentFilter| async move {
        let found = store.installments(&filter).await.expect("instalments are listed");
        found.into_iter().map(|held| format!("{} {}", held.merchant, held.id)).collect::<Vec<_>>()
    };
    let all = InstallmentFilter { limit: 100, ..InstallmentFilter::default() };
    assert_eq!(find(all.clone()).await.len(), 13);
    assert_eq!(
        find(InstallmentFilter { limit: 2, ..all.clone() }).await,
        ["mall 2026-11-24-B4-0", "mall 2026-11-24-B4-1"]
    );
    let of_borrower = InstallmentFilter { borrower: Some("b2".parse().expect("a number")), ..all.clone() };
    assert_eq!(find(of_borrower.clone()).await, ["arcade 2026-11-25-b2-0", "mall 2026-11-25-b2-0"]);
    let of_merchant = InstallmentFilter { merchant: Some(merchant("arcade")), ..of_borrower };
    assert_eq!(find(of_merchant).await, ["arcade 2026-11-25-b2-0"]);
    let by_number = InstallmentFilter { installment: Some("paid".parse().expect("a number")), ..all.clone() };
    assert_eq!(find(by_number.clone()).await, ["mall paid"]);
    let elsewhere = InstallmentFilter { merchant: Some(merchant("arcade")), ..by_number };
    assert!(find(elsewhere).await.is_empty());
    let of_order = LedgerRow { order_ref: FieldUpdate::Set(Some("ORD-7".to_owned())), ..row("b9", "i9") };
    import(store, &[of_order]).await;
    let by_order = |order: &str| InstallmentFilter { order_ref: Some(order.to_owned()), ..all.clone() };
    assert_eq!(find(by_order("ORD-7")).await, ["mall i9"]);
    assert_eq!(find(by_order("ORD")).await, [""; 0], "an order number is found as a whole");
}

pub(super) async fn since_when_nothing_is_owed_is_on_record(store: &dyn Store, clock: &SimClock) {
    let settled_at = async || {
        let account = store.account(&key("b1"), date(DUE), Channel::Sms).await.expect("the account is read");
        account.settled_at
    };
    import(store, &[row("b1", "i1"), row("b1", "i2")]).await;
    assert_eq!(settled_at().await, None, "both are open");
    clock.advance(Duration::from_secs(60));
    import(store, &[LedgerRow { status: said("paid"), ..row("b1", "i1") }]).await;
    assert_eq!(settled_at().await, None, "one is open");
    clock.advance(Duration::from_secs(60));
    import(store, &[LedgerRow { status: said("paid"), ..row("b1", "i2") }]).await;
    let settled = settled_at().await.expect("both are paid");
    clock.advance(Duration::from_secs(60));
    import(store, &[LedgerRow { order_ref: FieldUpdate::Set(Some("O-1".to_owned())), ..row("b1", "i2") }]).await;
    assert_eq!(settled_at().await, Some(settled), "another change is no payment");
    import(store, &[LedgerRow { status: said("open"), ..row("b1", "i2") }]).await;
    assert_eq!(settled_at().await, None, "it is open again");
}

pub(super) async fn payments_are_known_since_they_were_imported(store: &dyn Store, clock: &SimClock) {
    let settled = async || {
        let all = store.settled_installments(&key("b1")).await.expect("read");
        all.into_iter().map(|one| (one.installment.to_string(), one.at)).collect::<Vec<_>>()
    };
    let with = |id: &str, status| LedgerRow { status: FieldUpdate::Set(Some(status)), ..row("b1", id) };
    import(store, &[row("b1", "i1"), row("b1", "i2"), row("b1", "i3"), row("b2", "i4")]).await;
    assert_eq!(settled().await, []);
    clock.advance(Duration::from_secs(60));
    let first = clock.now();
    import(store, &[with("i2", InstallmentStatus::Paid)]).await;
    clock.advance(Duration::from_secs(60));
    let second = clock.now();
    let part = LedgerRow { paid_amount: FieldUpdate::Set(Some(money("1.00", "CNY"))), ..row("b1", "i3") };
    import(store, &[with("i1", InstallmentStatus::Cancelled), with("i2", InstallmentStatus::Paid), part]).await;
    assert_eq!(settled().await, [("i2".to_owned(), first), ("i1".to_owned(), second)], "a part of it is no settlement");
    assert_eq!(store.settled_installments(&key("b3")).await.expect("read"), []);
    // A payment that is taken back was none.
    import(store, &[with("i2", InstallmentStatus::Open)]).await;
    assert_eq!(settled().await, [("i1".to_owned(), second)]);
}
