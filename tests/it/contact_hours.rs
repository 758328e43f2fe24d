//! Hours of contact: in every zone, over every change of the clocks, for borrowers whose zone is known and for others.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc, Weekday, WeekdaySet};
use chrono::{Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use dueherald::domain::{Borrower, Channel, Merchant, NewReminder, Phone};
use dueherald::plan::{
    Account, Calendar, ChannelMode, ContactHours, DayHours, Decision, Due, Horizon, OnHoliday, Policy, TimeOfDay,
    Zones, decide, plan,
};
use fastrand::Rng;
use proptest::prelude::{Strategy, any, prop_assert, proptest};
use rstest::rstest;

use crate::fixtures::{at, borrower, day, installment, merchant, rule};

fn hours(text: &str, zones: Zones) -> ContactHours<'static> {
    ContactHours { hours: text.parse::<DayHours>().expect("hours").into(), zones, working_days: None }
}

fn offset(zone: Tz, instant: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()
}

/// The days of those twenty years in which the clocks of a zone change, by UTC.
fn days_of_changes(zone: Tz) -> Vec<DateTime<Utc>> {
    let first = at("2017-01-01T00:00:00Z");
    let days = (0..20 * 366).map(|days| first + TimeDelta::days(days));
    days.filter(|day| offset(zone, *day) != offset(zone, *day + TimeDelta::days(1))).collect()
}

/// By the clock on the wall alone, minute by minute; asked about wherever hours begin or end, and now and then between.
fn check_around(day: DateTime<Utc>, zone: Tz, text: &str) {
    let contact = hours(text, Zones::one(zone));
    let span: DayHours = text.parse().expect("hours");
    let on_the_wall = |instant: DateTime<Utc>| span.contain(instant.with_timezone(&zone).time());
    let last = day + TimeDelta::hours(36);
    let mut minute = day + TimeDelta::hours(84);
    let (mut next_allowed, mut next_closed, mut was_open) = (None, None, false);
    while minute > day - TimeDelta::hours(12) {
        let is_open = on_the_wall(minute);
        *(if is_open { &mut next_allowed } else { &mut next_closed }) = Some(minute);
        if minute < last && (is_open != was_open || minute.timestamp() % (31 * 60) == 0) {
            assert_eq!(contact.next_allowed(minute), next_allowed, "from {minute} in {zone}, {text}");
            if is_open {
                assert_eq!(Some(contact.closing(minute)), next_closed, "closing after {minute} in {zone}, {text}");
            }
        }
        was_open = is_open;
        minute -= TimeDelta::minutes(1);
    }
}

#[test]
fn in_every_zone_over_twenty_years_hours_are_those_on_the_wall() {
    let mut seen = BTreeSet::new();
    for zone in TZ_VARIANTS {
        let days = days_of_changes(zone);
        // Many names stand for one zone.
        let alike: Vec<_> = days.iter().map(|day| (*day, offset(zone, *day))).collect();
        if !seen.insert((alike, offset(zone, at("2017-01-01T00:00:00Z")))) {
            continue;
        }
        for day in days.into_iter().chain([at("2026-11-22T00:00:00Z")]) {
            check_around(day, zone, "08:00-21:00");
            // Where clocks change in the middle of them.
            check_around(day, zone, "00:30-03:30");
        }
    }
    assert!(seen.len() > 80, "{} zones", seen.len());
}

#[rstest]
#[case::own("+8613800138000", "CN", "Asia/Shanghai", Some("America/New_York"), &["America/New_York"])]
#[case::one_zone("+8613800138000", "CN", "Asia/Shanghai", None, &["Asia/Shanghai"])]
#[case::no_phone("", "CN", "Asia/Shanghai", None, &["Asia/Shanghai"])]
#[case::the_config_knows_a_land_of_one_zone("+447911123456", "GB", "Europe/Jersey", None, &["Europe/Jersey"])]
#[case::abroad("+447911123456", "CN", "Asia/Shanghai", None, &["Asia/Shanghai", "Europe/London"])]
#[case::no_such_country("+870773111632", "CN", "Asia/Shanghai", None, &["Asia/Shanghai"])]
#[case::several("+61491570006", "AU", "Australia/Sydney", None, &[
    "Australia/Sydney", "Antarctica/Macquarie", "Australia/Brisbane", "Australia/Broken_Hill", "Australia/Darwin",
    "Australia/Eucla", "Australia/Lord_Howe", "Australia/Perth",
])]
fn a_zone_that_is_not_known_is_each_that_it_could_be(
    #[case] phone: &str,
    #[case] country: &str,
    #[case] home: Tz,
    #[case] own: Option<&str>,
    #[case] zones: &[&str],
) {
    let merchant = Merchant { country: country.into(), time_zone: home, ..merchant() };
    let own = own.map(|zone| zone.parse().expect("a zone"));
    let who = Borrower { phone: Phone::new(phone).ok(), time_zone: own, ..borrower("b1") };
    assert_eq!(Zones::of(&who, &merchant).iter().map(|zone| zone.name()).collect::<Vec<_>>(), zones);
}

#[test]
fn the_hours_of_several_zones_are_those_that_all_of_them_allow() {
    let american = Merchant { country: "US".into(), time_zone: chrono_tz::America::New_York, ..merchant() };
    let who = Borrower { phone: Phone::new("+12025550100").ok(), ..borrower("b1") };
    let contact = hours("08:00-21:00", Zones::of(&who, &american));
    let morning = contact.next_allowed(at("2026-11-22T13:00:00Z"));
    assert_eq!(morning, Some(at("2026-11-22T18:00:00Z")), "eight o'clock in Honolulu, not in New York");
    assert_eq!(contact.closing(at("2026-11-22T18:00:00Z")), at("2026-11-23T02:00:00Z"), "nine in New York");
}

#[test]
fn where_no_hour_is_allowed_everywhere_nothing_is_planned_and_nothing_leaves() {
    let mut policy = policy("in", OnHoliday::Send);
    policy.merchants.values_mut().for_each(|merchant| merchant.time_zone = chrono_tz::America::Santiago);
    let who = Borrower { phone: Phone::new("+8613800138000").ok(), ..borrower("b1") };
    policy.merchants.values_mut().for_each(|merchant| merchant.country = "CL".into());
    let due = due(who.clone(), day("2026-11-25"));
    let horizon = Horizon { now: at("2026-11-20T00:00:00Z"), until: at("2026-12-20T00:00:00Z") };
    assert_eq!(plan(&policy, &due, horizon), []);
    let reminder = crate::fixtures::reminder("b1", "2026-11-25", "due/-3", "2026-11-22T15:00:00Z");
    for hour in 0..12 {
        let now = at("2026-11-22T15:00:00Z") + TimeDelta::hours(hour);
        let decision = decide(&policy, &reminder, &account(&due), now);
        assert!(!matches!(decision, Decision::Send(_)), "{decision:?} at {now}");
    }
}

/// One merchant of that jurisdiction, and one rule for a day before, at any hour.
fn policy(jurisdiction: &str, on_holiday: OnHoliday) -> Policy {
    let merchant = Merchant { jurisdiction: jurisdiction.parse().expect("a jurisdiction"), ..merchant() };
    let rule = rule("due", &[-3], ChannelMode::All, &[Channel::Sms]);
    Policy {
        merchants: [(merchant.id.clone(), merchant)].into(),
        rules: vec![dueherald::plan::Rule { on_holiday, ..rule }],
        ..Policy::default()
    }
}

fn due(borrower: Borrower, due_date: NaiveDate) -> Due {
    let installments = vec![installment("i1", borrower.key.id.as_str(), &due_date.to_string())];
    Due { borrower, due_date, installments, suppressed: Vec::new() }
}

fn account(due: &Due) -> Account {
    Account { borrower: Some(due.borrower.clone()), installments: due.installments.clone(), ..Account::default() }
}

const PACKS: [(&str, u32, u32); 4] = [("cn", 8, 22), ("us", 8, 21), ("in", 8, 19), ("uk", 8, 20)];

/// Where merchants and phones are: the country, its zone at home, the beginning of its numbers.
const COUNTRIES: [(&str, Tz, &str); 7] = [
    ("CN", chrono_tz::Asia::Shanghai, "+8613800"),
    ("US", chrono_tz::America::New_York, "+1202555"),
    ("GB", chrono_tz::Europe::London, "+4479111"),
    ("IN", chrono_tz::Asia::Kolkata, "+9198765"),
    ("AU", chrono_tz::Australia::Sydney, "+6149157"),
    ("BR", chrono_tz::America::Sao_Paulo, "+5511912"),
    ("CL", chrono_tz::America::Santiago, "+5691234"),
];

/// A world of its own for each seed, of which `days` borrower-days are played. Gives how many messages left.
fn play(seed: u64, days: u32) -> u32 {
    let mut rng = Rng::with_seed(seed);
    let holidays = (0..40).map(|_| any_day(&mut rng)).collect();
    let weekend = WeekdaySet::from_array([Weekday::Sat, Weekday::Sun]);
    let calendar = std::sync::Arc::new(Calendar::new(weekend, holidays, BTreeSet::new()));
    let mut sent = 0;
    for _ in 0..days {
        let (jurisdiction, from, to) = PACKS[rng.usize(0..4)];
        let holiday = [OnHoliday::Send, OnHoliday::NextWorkingDay, OnHoliday::PreviousWorkingDay][rng.usize(0..3)];
        let mut policy = policy(jurisdiction, holiday);
        let (country, home, _) = COUNTRIES[rng.usize(0..COUNTRIES.len())];
        for merchant in policy.merchants.values_mut() {
            (merchant.country, merchant.time_zone) = (country.into(), home);
            merchant.countries = COUNTRIES.iter().map(|(country, ..)| (*country).to_owned()).collect();
        }
        let minute = |rng: &mut Rng| NaiveTime::from_hms_opt(rng.u32(0..23), rng.u32(0..60), 0).expect("a time");
        let time = minute(&mut rng);
        let spread = TimeOfDay::Spread { from: time, to: NaiveTime::from_hms_opt(23, 59, 0).expect("a time") };
        policy.rules[0].at = if rng.bool() { TimeOfDay::At(time) } else { spread };
        policy.rules[0].calendar = Some(std::sync::Arc::clone(&calendar));
        let mut who = borrower(&format!("b{}", rng.u32(0..1_000_000)));
        who.time_zone = (rng.u32(0..4) > 0).then(|| TZ_VARIANTS[rng.usize(0..TZ_VARIANTS.len())]);
        who.phone =
            Phone::new(&format!("{}{:05}", COUNTRIES[rng.usize(0..COUNTRIES.len())].2, rng.u32(0..100_000))).ok();
        let due = due(who, any_day(&mut rng));
        let zones: Vec<_> = Zones::of(&due.borrower, &policy.merchants[&merchant().id]).iter().collect();
        let is_decent = |instant: DateTime<Utc>| {
            zones.iter().all(|zone| (from..to).contains(&instant.with_timezone(zone).hour()))
                && (holiday == OnHoliday::Send
                    || calendar.is_working_day(instant.with_timezone(&zones[0]).date_naive()))
        };
        let noon = due.due_date.and_time(NaiveTime::MIN).and_utc() - TimeDelta::days(3);
        let horizon = Horizon { now: noon - TimeDelta::days(30), until: noon + TimeDelta::days(30) };
        for reminder in plan(&policy, &due, horizon) {
            assert!(is_decent(reminder.not_before), "planned at {} for {zones:?}", reminder.not_before);
            let any_time = reminder.not_before + TimeDelta::seconds(rng.i64(-86_400..86_400));
            for now in [reminder.not_before, any_time] {
                sent += leaves(&policy, &reminder, &due, now, &is_decent);
            }
        }
    }
    sent
}

/// Whether a message leaves now: if so, it must be a decent moment, and so must the last one at which it may.
fn leaves(
    policy: &Policy,
    reminder: &NewReminder,
    due: &Due,
    now: DateTime<Utc>,
    is_decent: &impl Fn(DateTime<Utc>) -> bool,
) -> u32 {
    match decide(policy, reminder, &account(due), now) {
        Decision::Send(to_send) => {
            let last = to_send.until - TimeDelta::milliseconds(1);
            assert!(is_decent(now) && is_decent(last), "{:?} leaves from {now} to {last}", due.borrower);
            1
        }
        Decision::Defer { until, .. } => {
            assert!(is_decent(until), "{:?} is put off to {until}", due.borrower);
            0
        }
        Decision::Skip(_) | Decision::Switch { .. } | Decision::Hold(_) | Decision::PassOn { .. } => 0,
    }
}

fn any_day(rng: &mut Rng) -> NaiveDate {
    day("2017-01-01") + TimeDelta::days(rng.i64(0..20 * 365))
}

#[test]
fn a_million_borrower_days_and_no_message_outside_contact_hours() {
    let sent: u32 = std::thread::scope(|scope| {
        let players: Vec<_> = (0..4).map(|seed| scope.spawn(move || play(seed, 250_000))).collect();
        players.into_iter().map(|player| player.join().expect("every message leaves at a decent hour")).sum()
    });
    assert!(sent > 500_000, "only {sent} messages left");
}

fn any_zones() -> impl Strategy<Value = (Vec<usize>, u32, u32, i64)> {
    let place = 0..TZ_VARIANTS.len();
    (
        proptest::collection::vec(place, 1..4),
        0_u32..23,
        1_u32..14,
        any::<u32>().prop_map(|at| i64::from(at % 630_720_000)),
    )
}

proptest! {
    #[test]
    fn the_next_allowed_moment_is_the_first_and_the_closing_the_end((zones, from, length, seconds) in any_zones()) {
        let to = (from + length).min(23);
        let zones: Vec<_> = zones.into_iter().map(|zone| TZ_VARIANTS[zone]).collect();
        let text = format!("{from:02}:00-{to:02}:30");
        let all: Vec<_> = zones.iter().map(|zone| hours(&text, Zones::one(*zone))).collect();
        let span: DayHours = text.parse().expect("hours");
        // Several zones at once are met through the country of a phone only; here by hand.
        let allowed = |instant: DateTime<Utc>| {
            zones.iter().all(|zone| span.contain(instant.with_timezone(zone).time()))
        };
        let asked = at("2017-01-01T00:00:00Z") + TimeDelta::seconds(seconds);
        for one in &all {
            let next = one.next_allowed(asked).expect("one zone has hours every day");
            prop_assert!(next >= asked && one.allow(next));
            prop_assert!(!one.allow(one.closing(next)) && one.allow(one.closing(next) - TimeDelta::milliseconds(1)));
            prop_assert!(next == asked || !one.allow(next - TimeDelta::milliseconds(1)));
        }
        let together = all.iter().all(|one| one.allow(asked));
        prop_assert!(together == allowed(asked));
    }
}
