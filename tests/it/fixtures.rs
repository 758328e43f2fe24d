//! Invented merchants, borrowers and instalments. Numbers and addresses are from ranges kept for examples.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use dueherald::domain::{
    Borrower, BorrowerKey, Channel, Currency, EmailAddress, Installment, Locale, ManualChange, Merchant, MerchantId,
    Money, NewReminder, Origin, PersonName, Phone, ReminderKey, Route, RouteKind, Routes, Step, Support,
};
use dueherald::pipeline::{Composer, Registry};
use dueherald::plan::{ChannelChoice, ChannelMode, Days, Filters, OnHoliday, Policy, Rule, TimeOfDay};
use dueherald::render::{LinkKeys, Renderer};
use dueherald::store::{FieldUpdate, LedgerRow};

/// An instant, from RFC 3339.
pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant in a test")
}

/// A date, from ISO 8601.
pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date in a test")
}

pub(crate) fn merchant() -> Merchant {
    Merchant {
        id: MerchantId::new("mall").expect("an id"),
        name: "示例商城".into(),
        signature: "示例商城".into(),
        app_name: "示例金融".into(),
        locale: Locale::new("zh-CN").expect("a locale"),
        time_zone: chrono_tz::Asia::Shanghai,
        country: "CN".into(),
        countries: Vec::new(),
        jurisdiction: "cn".parse().expect("a jurisdiction"),
        discreet: false,
        amount_unit: Default::default(),
        stopped: false,
        link_base: "https://pay.example.com".into(),
        bare_links: false,
        support: Support {
            phone: Some("400-000-0000".into()),
            email: None,
            hours: "daily 09:00-21:00 Asia/Shanghai".parse().ok(),
        },
    }
}

pub(crate) fn routes() -> Routes {
    Routes(vec![Route {
        key: "bill".parse().expect("a key"),
        merchant: merchant().id,
        product: None,
        kind: RouteKind::Web { url: "https://pay.example.com/bill".into() },
        valid_from: None,
        valid_until: None,
        closed: false,
        replaced_by: None,
    }])
}

/// Built-in templates, a link key of zeros, and [`routes`].
pub(crate) fn composer() -> Composer {
    Composer {
        renderer: Arc::new(Renderer::new(Vec::new()).expect("the built-in templates are sound")),
        links: Arc::new(LinkKeys::new([(1, [0_u8; 32])]).expect("a key")),
        routes: Arc::new(Registry::of(routes())),
    }
}

/// The row of an import for an instalment and the [`borrower`] who owes it.
pub(crate) fn row(installment: &Installment) -> LedgerRow {
    let borrower = borrower(installment.borrower.as_str());
    let installment = installment.clone();
    LedgerRow {
        borrower: borrower.key,
        installment: installment.id,
        amount: installment.amount,
        due_date: installment.due_date,
        name: FieldUpdate::Set(borrower.name),
        phone: FieldUpdate::Set(borrower.phone),
        email: FieldUpdate::Set(borrower.email),
        locale: FieldUpdate::Keep,
        time_zone: FieldUpdate::Keep,
        account_phone: FieldUpdate::Set(borrower.account_phone),
        verifier: FieldUpdate::Keep,
        order_ref: FieldUpdate::Set(installment.order_ref),
        product: FieldUpdate::Set(installment.product),
        sequence: FieldUpdate::Set(installment.sequence),
        of: FieldUpdate::Set(installment.of),
        paid_amount: FieldUpdate::Set(Some(installment.paid_amount)),
        status: FieldUpdate::Set(Some(installment.status)),
        route: FieldUpdate::Set(installment.route),
        tags: FieldUpdate::Set(Some(installment.tags)),
        grace_days: FieldUpdate::Set(installment.grace_days),
        preferences: dueherald::domain::ContactPreferences::default(),
        source: installment.source,
    }
}

pub(crate) fn rule(name: &str, offsets: &[i32], mode: ChannelMode, order: &[Channel]) -> Rule {
    Rule {
        name: name.parse().expect("a rule name"),
        line: 0,
        merchants: Vec::new(),
        filters: Filters::default(),
        days: Days::Offsets(offsets.iter().copied().collect()),
        at: TimeOfDay::At(NaiveTime::from_hms_opt(10, 0, 0).expect("ten o'clock")),
        overdue_days: None,
        stop_after: None,
        on_holiday: OnHoliday::Send,
        calendar: None,
        channels: ChannelChoice { mode, order: order.to_vec() },
        template: None,
        discreet: None,
        second_route: None,
        digest: None,
        max_lateness: TimeDelta::hours(12),
        priority: 0,
    }
}

/// One merchant, and one rule on SMS alone: three days before, one day before, on the day, one day after.
pub(crate) fn policy() -> Policy {
    let merchant = merchant();
    Policy {
        merchants: [(merchant.id.clone(), merchant)].into(),
        rules: vec![rule("due", &[-3, -1, 0, 1], ChannelMode::All, &[Channel::Sms])],
        caps: None,
        only_to: None,
        ..Policy::default()
    }
}

pub(crate) fn borrower(id: &str) -> Borrower {
    let key = BorrowerKey { merchant: merchant().id, id: id.parse().expect("an id") };
    Borrower {
        name: Some(PersonName::new("张三").expect("a name")),
        phone: Some(Phone::new("+8613800138000").expect("a number")),
        email: Some(EmailAddress::new("zhang@example.com").expect("an address")),
        account_phone: Some(Phone::new("+8613900139000").expect("a number")),
        ..Borrower::unknown(key)
    }
}

pub(crate) fn installment(id: &str, borrower: &str, due: &str) -> Installment {
    let money = |text| Money::parse(text, Currency::new("CNY").expect("a currency")).expect("an amount");
    let borrower = BorrowerKey { merchant: merchant().id, id: borrower.parse().expect("an id") };
    Installment {
        order_ref: Some("A-1001".into()),
        product: Some("分期购".into()),
        sequence: Some(3),
        of: Some(12),
        ..Installment::new(borrower, id.parse().expect("an id"), money("1280.50"), day(due))
    }
}

pub(crate) fn reminder(borrower: &str, due: &str, step: &str, not_before: &str) -> NewReminder {
    let key = BorrowerKey { merchant: merchant().id, id: borrower.parse().expect("an id") };
    let step: Step = step.parse().expect("a step");
    let not_before = at(not_before);
    NewReminder {
        key: ReminderKey { borrower: key, due_date: day(due), step, channel: Channel::Sms },
        origin: Origin::Schedule,
        not_before,
        expires_at: not_before + TimeDelta::hours(12),
    }
}

/// A change that somebody makes by hand.
pub(crate) fn by_hand() -> ManualChange {
    ManualChange { actor: "wang".into(), reason: "test".into(), at: at("2026-11-22T02:00:00Z") }
}
