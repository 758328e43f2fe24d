//! The population of the simulation: merchants, borrowers in many time zones, their debts, and the rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime, TimeDelta, Weekday, WeekdaySet};
use chrono_tz::Tz;
use dueherald::domain::{
    BorrowerKey, Channel, Currency, EmailAddress, FieldUpdate, GatewayName, InstallmentStatus, Locale, Merchant, Money,
    PersonName, Phone, Route, RouteKind, Routes, Support,
};
use dueherald::plan::{
    Calendar, Cap, Caps, ChannelChoice, ChannelMode, Days, Filters, GatewayLists, OnHoliday, Policy, Rule, RulesMatch,
    Terms, TimeOfDay,
};
use dueherald::store::LedgerRow;
use fastrand::Rng;

/// How large a town is, and how long its simulated time before the faults stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) borrowers: u32,
    pub(crate) days: u32,
}

impl Size {
    /// Where each answer of the store takes real time.
    pub(crate) const SMALL: Self = Self { borrowers: 16, days: 6 };
}

impl Default for Size {
    fn default() -> Self {
        Self { borrowers: 100, days: 30 }
    }
}

const ABROAD: [Tz; 8] = [
    chrono_tz::America::New_York,
    chrono_tz::America::Los_Angeles,
    chrono_tz::America::Chicago,
    chrono_tz::Europe::Berlin,
    chrono_tz::Europe::London,
    chrono_tz::America::Santiago,
    chrono_tz::Australia::Lord_Howe,
    chrono_tz::Asia::Kathmandu,
];

/// The first day: most often one whose month has a change of the clocks in it.
pub(crate) fn first_day(rng: &mut Rng) -> NaiveDate {
    let (year, month, day) =
        [(2026, 10, 8), (2027, 2, 25), (2027, 3, 10), (2026, 8, 20), (2027, 6, 1)][rng.usize(0..5)];
    NaiveDate::from_ymd_opt(year, month, day).expect("a date of the calendar") + TimeDelta::days(rng.i64(0..10))
}

/// Chinese and American merchant.
pub(crate) fn merchants() -> [Merchant; 2] {
    let merchant = |id: &str, locale, zone, country: &str, jurisdiction: &str| Merchant {
        id: id.parse().expect("an id"),
        name: "Example Mall".into(),
        signature: "Example".into(),
        app_name: "Example Finance".into(),
        locale: Locale::new(locale).expect("a locale"),
        time_zone: zone,
        country: country.into(),
        countries: Vec::new(),
        jurisdiction: jurisdiction.parse().expect("a jurisdiction"),
        link_base: "https://pay.example.com".into(),
        bare_links: false,
        support: Support { phone: Some("400-000-0000".into()), email: None, hours: None },
        discreet: false,
        amount_unit: Default::default(),
        stopped: false,
    };
    [
        merchant("cn", "zh-CN", chrono_tz::Asia::Shanghai, "CN", "cn"),
        merchant("us", "en", chrono_tz::America::New_York, "US", "us"),
    ]
}

/// One page for each merchant on which to pay.
pub(crate) fn routes() -> Routes {
    let route = |merchant: Merchant| Route {
        key: merchant.id.as_str().parse().expect("a key"),
        merchant: merchant.id,
        product: None,
        kind: RouteKind::Web { url: "https://pay.example.com/bill".into() },
        valid_from: None,
        valid_until: None,
        closed: false,
        replaced_by: None,
    };
    Routes(merchants().into_iter().map(route).collect())
}

/// Days off of the Chinese merchant beside weekends, and weekend days that are worked.
pub(crate) const HOLIDAYS: [&str; 3] = ["2026-10-26", "2027-03-08", "2026-08-27"];
pub(crate) const WORKING_DAYS: [&str; 3] = ["2026-10-17", "2027-03-06", "2026-08-29"];

fn terms() -> Terms {
    let days = |days: [&str; 3]| days.iter().map(|day| day.parse().expect("a date")).collect();
    let weekend = WeekdaySet::from_array([Weekday::Sat, Weekday::Sun]);
    Terms { calendar: Some(Arc::new(Calendar::new(weekend, days(HOLIDAYS), days(WORKING_DAYS)))), ..Terms::default() }
}

/// How many messages one may get: in some towns there is no limit, so that it hides nothing.
pub(crate) fn caps(rng: &mut Rng) -> Option<Caps> {
    let all = [Cap { per_day: Some(1), per_7_days: Some(3) }, Cap { per_day: Some(2), per_7_days: Some(4) }];
    let sms = Cap { per_day: Some(1), per_7_days: Some(2) };
    let all = all.get(rng.usize(0..4)).copied()?;
    let channels = if rng.bool() { [(Channel::Sms, sms)].into() } else { BTreeMap::new() };
    Some(Caps { all, channels, across_merchants: rng.bool() })
}

/// The Chinese merchant has gateways of its own for SMS; after some changes of the config they are tried in another
/// order.
pub(crate) fn gateways(version: u32) -> GatewayLists {
    let names = |names: &[&str]| names.iter().map(|name| name.parse().expect("a name")).collect::<Vec<GatewayName>>();
    let own = if version % 3 == 1 { names(&["beta", "gamma"]) } else { names(&["gamma", "beta"]) };
    let shared = [(Channel::Sms, names(&["alpha", "beta"])), (Channel::Email, names(&["mail"]))].into();
    GatewayLists::new(shared, [("cn".parse().expect("an id"), [(Channel::Sms, own)].into())].into())
}

/// The rules, as they are at first (0) and after changes of the config.
pub(crate) fn policy(version: u32, caps: Option<Caps>) -> Policy {
    let both = [Channel::Sms, Channel::Email];
    let time = |hour, minute| NaiveTime::from_hms_opt(hour, minute, 0).expect("a time of day");
    let rule = |name: &str, offsets: &[i32], (hour, minute), mode, hours| Rule {
        name: name.parse().expect("a rule name"),
        line: 0,
        merchants: Vec::new(),
        filters: Filters::default(),
        days: Days::Offsets(offsets.iter().copied().collect()),
        at: TimeOfDay::At(time(hour, minute)),
        overdue_days: None,
        stop_after: None,
        on_holiday: OnHoliday::Send,
        calendar: None,
        channels: ChannelChoice { mode, order: both.to_vec() },
        template: None,
        discreet: None,
        second_route: None,
        priority: if name == "late" { 1 } else { 0 },
        digest: None,
        max_lateness: TimeDelta::hours(hours),
    };
    let late = ChannelMode::Fallback { after: TimeDelta::minutes(30) };
    let mut rules = vec![
        Rule {
            at: TimeOfDay::Spread { from: time(9, 0), to: time(11, 30) },
            on_holiday: OnHoliday::NextWorkingDay,
            ..rule("due-soon", &[-3, -2], (10, 0), ChannelMode::FirstAvailable, 30)
        },
        rule("on-day", &[0], (2, 30), ChannelMode::All, 10),
        rule("late", &[2], (18, 30), late, 24),
    ];
    match version % 3 {
        0 => {}
        1 => {
            let days = WeekdaySet::from_array([Weekday::Tue, Weekday::Sat]);
            rules[2] = Rule {
                days: Days::Weekdays { days, span: 1..=10 },
                stop_after: Some(8),
                ..rule("late", &[], (17, 0), late, 20)
            };
        }
        _ => drop(rules.remove(0)),
    }
    let merchants = merchants().map(|merchant| (merchant.id.clone(), merchant)).into();
    let terms = [("cn".parse().expect("an id"), terms())].into();
    Policy { merchants, rules, rules_match: RulesMatch::All, terms, caps, only_to: None, gateways: gateways(version) }
}

/// The ledger at the start.
pub(crate) fn books(rng: &mut Rng, first: NaiveDate, size: Size) -> Vec<LedgerRow> {
    (0..size.borrowers).flat_map(|number| debts(rng, (first, size.days), number)).collect()
}

fn debts(rng: &mut Rng, (first, days): (NaiveDate, u32), number: u32) -> Vec<LedgerRow> {
    let home = &merchants()[rng.usize(0..2)];
    let zone = match rng.u32(0..4) {
        0 => None,
        1 => Some(home.time_zone),
        _ => Some(ABROAD[rng.usize(0..ABROAD.len())]),
    };
    // An American borrower's phone tells several zones, a Chinese one's of the American merchant these and one more.
    let american = home.id.as_str() == "us" && rng.u32(0..4) > 0;
    let number_of = if american { format!("+1202555{number:04}") } else { format!("+8613800{number:06}") };
    let phone = (rng.u32(0..10) > 0).then(|| Phone::new(&number_of).expect("a number"));
    let email = (rng.u32(0..10) > 1).then(|| EmailAddress::new(&format!("b{number}@example.com")).expect("an address"));
    let locale = rng.bool().then(|| Locale::new("en").expect("a locale"));
    let currency = Currency::new(if home.id.as_str() == "cn" { "CNY" } else { "USD" }).expect("a currency");
    let mut due_date = first;
    let mut rows = Vec::new();
    for part in 1..=rng.u32(1..=3) {
        if part == 1 || rng.u32(0..3) > 0 {
            due_date = first + TimeDelta::days(rng.i64(0..i64::from(days)));
        }
        let borrower = BorrowerKey { merchant: home.id.clone(), id: format!("b{number}").parse().expect("an id") };
        let installment = format!("b{number}-{part}").parse().expect("an id");
        let amount = Money::parse("128.50", currency).expect("an amount");
        rows.push(LedgerRow {
            name: FieldUpdate::Set(Some(PersonName::new("Ann Example").expect("a name"))),
            phone: FieldUpdate::Set(phone.clone()),
            email: FieldUpdate::Set(email.clone()),
            locale: FieldUpdate::Set(locale.clone()),
            time_zone: FieldUpdate::Set(zone),
            account_phone: FieldUpdate::Set(phone.clone()),
            sequence: FieldUpdate::Set(Some(part)),
            of: FieldUpdate::Set(Some(3)),
            status: FieldUpdate::Set(Some(InstallmentStatus::Open)),
            ..LedgerRow::new(borrower, installment, amount, due_date)
        });
    }
    rows
}
