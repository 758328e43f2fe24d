//! Things to put into a store, and the ways to claim them.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use dueherald::domain::{
    Address, AddressKey, BorrowerKey, Channel, Currency, Installment, MerchantId, Money, NewReminder, Origin, Phone,
    ReminderId, ReminderKey, Suppression, SuppressionReason,
};
use dueherald::plan::{Account, Decision, Policy, SendPlan, decide};
use dueherald::store::{
    Change, ClaimRequest, ClaimResult, DecideFn, FieldUpdate, InstallmentFilter, LedgerRow, ReminderFilter,
    ReminderView, Store, WriteMode,
};

pub(super) const DUE: &str = "2026-11-25";

pub(super) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an RFC 3339 instant")
}

pub(super) fn date(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

pub(super) fn money(text: &str, code: &str) -> Money {
    Money::parse(text, Currency::new(code).expect("a currency")).expect("an amount")
}

pub(super) fn merchant(name: &str) -> MerchantId {
    name.parse().expect("a merchant")
}

/// A borrower of the merchant `mall`.
pub(super) fn key(borrower: &str) -> BorrowerKey {
    BorrowerKey { merchant: merchant("mall"), id: borrower.parse().expect("a borrower") }
}

/// A row with what is required: 128.50 CNY, due on [`DUE`].
pub(super) fn row(borrower: &str, installment: &str) -> LedgerRow {
    let installment = installment.parse().expect("a number");
    LedgerRow::new(key(borrower), installment, money("128.50", "CNY"), date(DUE))
}

pub(super) fn said<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> FieldUpdate<T> {
    FieldUpdate::Set(Some(text.parse().expect("a sound value")))
}

pub(super) fn phone(text: &str) -> FieldUpdate<Phone> {
    FieldUpdate::Set(Some(Phone::new(text).expect("a number")))
}

/// The number of [`row_with_phone`].
pub(super) const PHONE: &str = "+8613800138000";

pub(super) fn row_with_phone(borrower: &str, installment: &str) -> LedgerRow {
    LedgerRow { phone: phone(PHONE), ..row(borrower, installment) }
}

pub(super) async fn import(store: &dyn Store, rows: &[LedgerRow]) -> Vec<Change> {
    store.import(rows, WriteMode::Commit).await.expect("the rows are written")
}

pub(super) async fn installments(store: &dyn Store) -> Vec<Installment> {
    let filter = InstallmentFilter { limit: 1_000, ..InstallmentFilter::default() };
    store.installments(&filter).await.expect("instalments are listed")
}

pub(super) fn suppression(
    merchant: Option<&str>,
    address: impl Into<AddressKey>,
    reason: SuppressionReason,
) -> Suppression {
    Suppression {
        merchant: merchant.map(self::merchant),
        address: address.into(),
        reason,
        source: "test".into(),
        since: instant("2026-01-01T00:00:00Z"),
        until: None,
    }
}

/// An SMS about [`DUE`], due at `not_before`.
pub(super) fn sms(borrower: &str, not_before: &str) -> NewReminder {
    let not_before = instant(not_before);
    NewReminder {
        key: ReminderKey {
            borrower: key(borrower),
            due_date: date(DUE),
            step: "due-soon/-3".parse().expect("a step"),
            channel: Channel::Sms,
        },
        origin: Origin::Schedule,
        not_before,
        expires_at: not_before + TimeDelta::days(1),
    }
}

/// Puts in what is due at the start of the case, for borrowers `b00`, `b01`, ….
pub(super) async fn plan_due(store: &dyn Store, count: usize) -> Vec<ReminderId> {
    let reminders: Vec<_> = (0..count).map(|number| sms(&format!("b{number:02}"), super::bench::START)).collect();
    plan(store, &reminders).await
}

pub(super) async fn plan(store: &dyn Store, reminders: &[NewReminder]) -> Vec<ReminderId> {
    store.plan(reminders, instant(super::bench::START), WriteMode::Commit).await.expect("reminders are planned")
}

pub(super) fn request(limit: u32) -> ClaimRequest {
    ClaimRequest {
        channel: Channel::Sms,
        gateway: "kannel".parse().expect("a gateway"),
        limit,
        lease: TimeDelta::seconds(60),
        gateway_index: 0,
        rate: None,
        fence: None,
        recent_contacts: None,
    }
}

pub(super) async fn claim(store: &dyn Store, limit: u32, decide: DecideFn<'_>) -> ClaimResult {
    store.claim(&request(limit), decide).await.expect("the claim is recorded")
}

/// Claims all that is due, and sends whatever it is.
pub(crate) async fn claim_all(store: &dyn Store) -> ClaimResult {
    claim(store, 1_000, &send).await
}

/// Decides the same about all.
pub(super) fn always(decision: Decision) -> impl Fn(&NewReminder, &Account, DateTime<Utc>) -> Decision + Clone {
    move |_, _, _| decision.clone()
}

/// Decides as the policy has it.
pub(super) fn by(policy: &Policy) -> impl Fn(&NewReminder, &Account, DateTime<Utc>) -> Decision + Clone + use<> {
    let policy = Arc::new(policy.clone());
    move |reminder, account, now| decide(&policy, reminder, account, now)
}

/// Decides to send whatever it is.
pub(super) fn send(_: &NewReminder, account: &Account, now: DateTime<Utc>) -> Decision {
    Decision::Send(SendPlan {
        to: Address::Phone(Phone::new(PHONE).expect("a number")),
        installments: account.installments.clone(),
        locale: "zh-CN".parse().expect("a locale"),
        today: now.date_naive(),
        template: None,
        no_other_template: false,
        discreet: false,
        required: dueherald::domain::RequiredTexts::default(),
        second_route: None,
        until: now + TimeDelta::hours(1),
    })
}

/// The one reminder with that number.
pub(super) async fn view(store: &dyn Store, id: ReminderId) -> ReminderView {
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    let mut views = store.reminders(&filter).await.expect("reminders are listed");
    views.pop().expect("the reminder is there")
}

pub(super) async fn list(store: &dyn Store, filter: ReminderFilter) -> Vec<ReminderId> {
    let views = store.reminders(&filter).await.expect("reminders are listed");
    views.into_iter().map(|view| view.reminder.id).collect()
}
