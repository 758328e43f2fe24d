//! Payments that are reported one by one: what counts, what holds, and what the ledger says in the end.

use std::collections::BTreeSet;
use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Amendment, Channel, FieldUpdate, LedgerRow, PaymentReport, PaymentResult, PaymentStage, PaymentState, SourceName,
    SourceState,
};
use dueherald::plan::RecentContacts;
use dueherald::store::{Change, InstallmentFilter, PaymentSettlement, Store, WriteMode};

use super::sample::{DUE, date, import, key, merchant, money, row};

const LASTS: TimeDelta = TimeDelta::hours(48);

fn report(id: &str, installment: &str, amount: &str, state: PaymentState) -> PaymentReport {
    PaymentReport {
        merchant: merchant("mall"),
        id: id.parse().expect("an id"),
        installment: installment.parse().expect("an id"),
        amount: money(amount, "CNY"),
        paid_at: None,
        state,
    }
}

async fn tell(store: &dyn Store, reports: &[PaymentReport]) -> Vec<PaymentResult> {
    store.report_payments(reports, LASTS).await.expect("reported")
}

/// The amount paid of `i1`, and the stages of its payments.
async fn paid(store: &dyn Store) -> (String, Vec<PaymentStage>) {
    let id = "i1".parse().expect("an id");
    let filter = InstallmentFilter { installment: Some("i1".parse().expect("an id")), limit: 2, ..Default::default() };
    let found = store.installments(&filter).await.expect("listed").remove(0);
    let payments = store.payments(&merchant("mall"), &id).await.expect("listed");
    (found.paid_amount.amount().to_string(), payments.iter().map(|one| one.stage).collect())
}

/// A row of `i1` that says what is paid.
fn stating(amount: &str) -> LedgerRow {
    LedgerRow { paid_amount: FieldUpdate::Set(Some(money(amount, "CNY"))), ..row("b00", "i1") }
}

async fn pending(store: &dyn Store) -> Vec<String> {
    let account = store.account(&key("b00"), date(DUE), Channel::Sms).await.expect("the account is read");
    account.pending.iter().map(ToString::to_string).collect()
}

pub(super) async fn what_is_posted_counts_and_an_older_row_does_not_undo_it(store: &dyn Store, _: &SimClock) {
    use PaymentStage::{Booked, Counted, Reversed};
    import(store, &[row("b00", "i1"), row("b00", "i2")]).await;
    let (first, second) =
        (report("p1", "i1", "28.50", PaymentState::Posted), report("p2", "i1", "10.00", PaymentState::Posted));
    assert_eq!(
        tell(store, &[first.clone(), first.clone(), second]).await[..2],
        [PaymentResult::Changed, PaymentResult::Unchanged]
    );
    assert_eq!(paid(store).await, ("38.50".into(), vec![Counted, Counted]));
    let older = store.import(&[stating("0")], WriteMode::Commit).await.expect("imported");
    assert_eq!((older[0], paid(store).await), (Change::Same, ("38.50".into(), vec![Counted, Counted])));
    let dry = store.import(&[stating("28.50")], WriteMode::DryRun).await.expect("tried");
    assert_eq!(dry, [Change::Same], "the sum is the same, though one of them is booked");
    assert_eq!(paid(store).await.1, [Counted, Counted], "it was a trial");
    import(store, &[stating("28.50"), stating("28.50")]).await;
    assert_eq!(paid(store).await, ("38.50".into(), vec![Booked, Counted]));
    let amendment = Amendment {
        merchant: merchant("mall"),
        installment: "i1".parse().expect("an id"),
        paid_amount: FieldUpdate::Set(Some(money("28.50", "CNY"))),
        status: FieldUpdate::Keep,
    };
    store.amend(&[amendment], None, WriteMode::Commit).await.expect("amended");
    assert_eq!(paid(store).await, ("38.50".into(), vec![Booked, Counted]));
    let other = [report("p1", "i2", "28.50", PaymentState::Posted), report("p1", "i1", "1", PaymentState::Posted)];
    assert_eq!(tell(store, &other).await, [PaymentResult::OtherPayment; 2]);
    tell(store, &[report("p2", "i1", "10.00", PaymentState::Reversed)]).await;
    assert_eq!(paid(store).await, ("28.50".into(), vec![Booked, Reversed]));
}

pub(super) async fn what_is_pending_holds_until_it_lapses(store: &dyn Store, clock: &SimClock) {
    import(store, &[row("b00", "i1"), row("b00", "i2")]).await;
    tell(store, &[report("p1", "i1", "28.50", PaymentState::Pending)]).await;
    assert_eq!((pending(store).await, paid(store).await.0), (vec!["i1".to_owned()], "0.00".to_owned()));
    let beside = RecentContacts { contacts_within: TimeDelta::days(7), across_merchants: true, days_ahead: 2 };
    let day_before = date(DUE).pred_opt().expect("a day");
    let account = store.account_beside(&key("b00"), day_before, Channel::Sms, beside).await.expect("read");
    assert_eq!(account.pending.len(), 1, "of the days that follow as well");
    assert_eq!(store.pending_payments().await.expect("listed").len(), 1);
    clock.advance(Duration::from_secs(48 * 3_600 - 1));
    assert_eq!(store.settle_payments(&[]).await.expect("settled"), PaymentSettlement::default());
    clock.advance(Duration::from_secs(1));
    let lapsed = PaymentSettlement { lapsed: 1, overruled: 0 };
    assert_eq!(store.settle_payments(&[]).await.expect("settled"), lapsed);
    assert_eq!((pending(store).await, paid(store).await), (vec![], ("0.00".into(), vec![PaymentStage::Lapsed])));
    tell(store, &[report("p1", "i1", "28.50", PaymentState::Pending)]).await;
    assert_eq!(pending(store).await, Vec::<String>::new(), "the same report again does not hold again");
    tell(store, &[report("p1", "i1", "28.50", PaymentState::Posted)]).await;
    assert_eq!(paid(store).await, ("28.50".into(), vec![PaymentStage::Counted]));

    tell(store, &[report("p2", "i2", "5", PaymentState::Pending)]).await;
    assert_eq!(pending(store).await, ["i2"]);
    let booked = LedgerRow { paid_amount: FieldUpdate::Set(Some(money("5", "CNY"))), ..row("b00", "i2") };
    import(store, &[booked]).await;
    assert_eq!(pending(store).await, Vec::<String>::new(), "the ledger has booked it");
}

pub(super) async fn a_payment_waits_for_its_instalment(store: &dyn Store, _: &SimClock) {
    let early = tell(store, &[report("p1", "i1", "28.50", PaymentState::Posted)]).await;
    assert_eq!(early, [PaymentResult::Unknown]);
    import(store, &[row("b00", "i1")]).await;
    assert_eq!(paid(store).await, ("28.50".into(), vec![PaymentStage::Counted]));
    let dollars = PaymentReport { amount: money("1", "USD"), ..report("p2", "i1", "1", PaymentState::Posted) };
    assert_eq!(tell(store, &[dollars]).await, [PaymentResult::OtherCurrency]);
    assert_eq!(paid(store).await.0, "28.50");
}

pub(super) async fn the_ledger_is_right_in_the_end(store: &dyn Store, clock: &SimClock) {
    use PaymentStage::{Booked, Counted, Overruled};
    let core: SourceName = "core".parse().expect("a name");
    let pulled = |at| SourceState {
        pulled_at: Some(at),
        merchants: BTreeSet::from([merchant("mall")]),
        ..SourceState::new(core.clone())
    };
    import(store, &[stating("0")]).await;
    store.note_source(&pulled(clock.now())).await.expect("noted");
    tell(store, &[report("p1", "i1", "28.50", PaymentState::Posted)]).await;
    clock.advance(Duration::from_secs(48 * 3_600));
    let telling = std::slice::from_ref(&core);
    store.settle_payments(telling).await.expect("settled");
    assert_eq!(paid(store).await, ("28.50".into(), vec![Counted]), "the source was not read since");
    store.note_source(&pulled(clock.now())).await.expect("noted");
    clock.advance(Duration::from_secs(3_600));
    let settled = store.settle_payments(telling).await.expect("settled");
    assert_eq!(settled, PaymentSettlement { lapsed: 0, overruled: 1 });
    assert_eq!(paid(store).await, ("0.00".into(), vec![Overruled]));

    tell(store, &[report("p2", "i1", "10.00", PaymentState::Posted)]).await;
    clock.advance(Duration::from_secs(48 * 3_600));
    store.settle_payments(&[]).await.expect("settled");
    assert_eq!(paid(store).await, ("10.00".into(), vec![Overruled, Booked]), "no source tells of payments");
}
