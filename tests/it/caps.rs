//! Frequency caps: what one person may get, and what loses.

use std::collections::BTreeMap;

use crate::fixtures::{at, borrower, day, installment, policy, reminder, rule};
use dueherald::domain::{Channel, NewReminder, Origin, ReminderId, SkipReason, Step};
use dueherald::plan::{Account, Cap, Caps, ChannelMode, Contact, Decision, Policy, Progress, decide};
use rstest::rstest;

/// Ten in the morning in Shanghai.
const TEN: &str = "2026-11-22T02:00:00Z";
const DUE: &str = "2026-11-25";

fn cap(per_day: u32, per_7_days: u32) -> Cap {
    let limit = |number| (number > 0).then_some(number);
    Cap { per_day: limit(per_day), per_7_days: limit(per_7_days) }
}

/// Rules of three priorities, and one that falls back.
fn capped(all: Cap, sms: Cap) -> Policy {
    let order = [Channel::Sms, Channel::Email];
    let with = |name, priority, mode| dueherald::plan::Rule { priority, ..rule(name, &[-3, 0], mode, &order) };
    let after = chrono::TimeDelta::minutes(30);
    Policy {
        rules: vec![
            with("low", -1, ChannelMode::All),
            with("due", 0, ChannelMode::All),
            with("high", 1, ChannelMode::All),
            with("late", 0, ChannelMode::Fallback { after }),
        ],
        caps: Some(Caps { all, channels: BTreeMap::from([(Channel::Sms, sms)]), across_merchants: false }),
        ..policy()
    }
}

/// Another message that the borrower got or is to get, by step and channel, about another due date.
fn contact(step: &str, channel: Channel, progress: Progress) -> Contact {
    let mut key = reminder("b1", "2026-11-28", step, TEN).key;
    key.channel = channel;
    Contact { id: ReminderId(7), key, progress }
}

fn decided(policy: &Policy, one: &NewReminder, contacts: Vec<Contact>) -> Decision {
    let account = Account {
        borrower: Some(borrower("b1")),
        installments: vec![installment("i1", "b1", DUE)],
        contacts,
        ..Account::default()
    };
    decide(policy, one, &account, at(TEN))
}

fn is_capped(policy: &Policy, contacts: Vec<Contact>) -> bool {
    match decided(policy, &reminder("b1", DUE, "due/-3", TEN), contacts) {
        Decision::Send(_) => false,
        Decision::Skip(SkipReason::Capped) => true,
        other => panic!("{other:?}"),
    }
}

fn sent(at_instant: &str) -> Contact {
    contact("due/0", Channel::Email, Progress::Sent(at(at_instant)))
}

#[rstest]
#[case::the_same_local_day(cap(1, 0), "2026-11-21T16:00:00Z", true)]
#[case::the_local_day_before(cap(1, 0), "2026-11-21T15:59:59Z", false)]
#[case::the_seventh_day(cap(0, 1), "2026-11-15T16:00:00Z", true)]
#[case::the_eighth_day(cap(0, 1), "2026-11-15T15:59:59Z", false)]
#[case::room_for_two(cap(2, 2), TEN, false)]
#[case::a_fast_clock_elsewhere(cap(1, 0), "2026-11-22T02:01:00Z", true)]
fn days_are_the_borrowers_local_days(#[case] all: Cap, #[case] left: &str, #[case] expected: bool) {
    assert_eq!(is_capped(&capped(all, Cap::default()), vec![sent(left)]), expected);
}

#[test]
fn what_is_under_way_counts_and_what_waits_does_not() {
    let one = capped(cap(1, 0), Cap::default());
    assert!(is_capped(&one, vec![contact("due/0", Channel::Email, Progress::Sending)]));
    assert!(!is_capped(&one, vec![contact("due/0", Channel::Email, Progress::Planned(at(TEN)))]));
    assert!(!is_capped(&one, Vec::new()));
}

#[test]
fn a_channel_has_a_cap_of_its_own() {
    let one_sms = capped(Cap::default(), cap(1, 0));
    assert!(!is_capped(&one_sms, vec![sent(TEN)]), "that was an e-mail");
    assert!(is_capped(&one_sms, vec![contact("due/0", Channel::Sms, Progress::Sending)]));
}

#[rstest]
#[case::later_today("high/0", "2026-11-22T12:00:00Z", true)]
#[case::due_since_yesterday("high/0", "2026-11-21T02:00:00Z", true)]
#[case::tomorrow("high/0", "2026-11-23T02:00:00Z", false)]
#[case::lower("low/0", "2026-11-22T12:00:00Z", false)]
#[case::of_a_rule_that_is_gone("gone/0", "2026-11-22T12:00:00Z", false)]
#[case::by_hand("manual/1", "2026-11-22T12:00:00Z", true)]
fn what_goes_first_keeps_its_place(#[case] step: &str, #[case] planned: &str, #[case] expected: bool) {
    let one = capped(cap(1, 0), Cap::default());
    assert_eq!(is_capped(&one, vec![contact(step, Channel::Email, Progress::Planned(at(planned)))]), expected);
}

#[test]
fn a_week_keeps_places_for_its_later_days() {
    let contacts = || {
        let planned = |day| Progress::Planned(at(&format!("2026-11-{day}T02:00:00Z")));
        vec![sent("2026-11-20T02:00:00Z"), contact("high/0", Channel::Sms, planned(26))]
    };
    assert!(is_capped(&capped(cap(0, 2), Cap::default()), contacts()), "20, 22 and 26 are within 7 days");
    assert!(!is_capped(&capped(cap(0, 3), Cap::default()), contacts()));
    let far = vec![
        sent("2026-11-20T02:00:00Z"),
        contact("high/0", Channel::Sms, Progress::Planned(at("2026-11-27T02:00:00Z"))),
    ];
    assert!(!is_capped(&capped(cap(0, 2), Cap::default()), far), "20 to 27 are eight");
}

#[test]
fn a_resend_by_hand_is_not_stopped_but_counts() {
    let one = capped(cap(1, 0), cap(1, 0));
    let mut by_hand = reminder("b1", DUE, "manual/1", TEN);
    by_hand.origin = Origin::Manual { actor: "ann".into(), reason: "asked".into(), of: None };
    assert!(matches!(decided(&one, &by_hand, vec![sent(TEN)]), Decision::Send(_)));
    assert!(is_capped(&one, vec![contact("manual/1", Channel::Email, Progress::Sent(at(TEN)))]));
}

#[test]
fn a_fallback_takes_the_place_of_its_first_message() {
    let first = |about: &str| {
        let mut first = contact("late/-3", Channel::Sms, Progress::Sent(at(TEN)));
        first.key.due_date = day(about);
        first
    };
    let mut second = reminder("b1", DUE, "late/-3", TEN);
    second.key.channel = Channel::Email;
    let one = capped(cap(1, 0), Cap::default());
    assert!(matches!(decided(&one, &second, vec![first(DUE)]), Decision::Send(_)));
    assert_eq!(
        decided(&one, &second, vec![first("2026-11-28")]),
        Decision::Skip(SkipReason::Capped),
        "another's first"
    );
    // A pair is one message to others over all channels, and one on each channel.
    let pair = || vec![first("2026-11-28"), contact("late/-3", Channel::Email, Progress::Sent(at(TEN)))];
    assert!(!is_capped(&capped(cap(2, 0), Cap::default()), pair()));
    assert!(is_capped(&capped(cap(2, 0), cap(1, 0)), pair()));
}

#[test]
fn a_reminder_does_not_count_against_itself() {
    let again = reminder("b1", DUE, "due/-3", TEN);
    let itself = Contact { id: ReminderId(1), key: again.key.clone(), progress: Progress::Sent(at(TEN)) };
    assert!(matches!(decided(&capped(cap(1, 1), cap(1, 1)), &again, vec![itself]), Decision::Send(_)));
    assert!(matches!(again.key.step, Step::Rule { .. }));
}
