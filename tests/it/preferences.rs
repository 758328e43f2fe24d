//! Holds and wishes: what a borrower, or somebody for the borrower, may ask for.

use crate::fixtures::{at, borrower, day, installment, policy, reminder, rule};
use chrono::TimeDelta;
use dueherald::domain::{Borrower, Channel, Hold, Next, PreferredHours, SkipReason};
use dueherald::plan::{
    Account, ChannelMode, Decision, DeferReason, Due, Horizon, Policy, decide, fall_back, fall_back_at, plan,
};
use rstest::rstest;

/// Ten in the morning in Shanghai; the reminder is of use until 22:00.
const TEN: &str = "2026-11-22T02:00:00Z";
const DUE: &str = "2026-11-25";

fn decided(change: impl FnOnce(&mut Borrower)) -> Decision {
    let mut who = borrower("b1");
    change(&mut who);
    let account =
        Account { borrower: Some(who), installments: vec![installment("i1", "b1", DUE)], ..Account::default() };
    decide(&policy(), &reminder("b1", DUE, "due/-3", TEN), &account, at(TEN))
}

fn hours(text: &str) -> PreferredHours {
    text.parse().expect("hours")
}

#[rstest]
#[case::it_ends_while_it_is_of_use(Some("2026-11-22T08:00:00Z"), Some("2026-11-22T08:00:00Z"))]
#[case::it_ends_too_late(Some("2026-11-22T14:00:00Z"), None)]
#[case::it_has_no_end(None, None)]
fn a_hold_puts_off_what_outlasts_it_and_skips_the_rest(#[case] until: Option<&str>, #[case] put_off: Option<&str>) {
    let hold = Hold { reason: "dispute".into(), until: until.map(at) };
    let expected = match put_off {
        Some(until) => Decision::Defer { until: at(until), reason: DeferReason::OnHold },
        None => Decision::Skip(SkipReason::OnHold),
    };
    assert_eq!(decided(|who| who.hold = Some(hold)), expected);
}

#[rstest]
#[case::within("09:00-11:00", None)]
#[case::in_the_evening("18:00-21:00", Some("2026-11-22T10:00:00Z"))]
#[case::nothing_in_common("23:00-23:30", None)]
#[case::tomorrow_would_be_too_late("08:00-09:00", None)]
fn preferred_hours_narrow_the_contact_hours(#[case] wished: &str, #[case] put_off: Option<&str>) {
    match (decided(|who| who.preferred_hours = Some(hours(wished))), put_off) {
        (Decision::Send(_), None) => {}
        // The rule plans it for these hours, so that its time has not come.
        (Decision::Defer { until, reason: DeferReason::NotYet }, Some(expected)) => {
            assert_eq!(until, at(expected))
        }
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn what_is_claimed_in_preferred_hours_leaves_within_them() {
    let Decision::Send(sent) = decided(|who| who.preferred_hours = Some(hours("09:00-11:00"))) else {
        panic!("it is ten")
    };
    assert_eq!(sent.until, at("2026-11-22T03:00:00Z"));
}

fn planned(who: Borrower, mode: ChannelMode) -> Vec<String> {
    let policy = Policy { rules: vec![rule("due", &[-3], mode, &[Channel::Sms, Channel::Email])], ..policy() };
    let installments = vec![installment("i1", "b1", DUE)];
    let due = Due { borrower: who, due_date: day(DUE), installments, suppressed: Vec::new() };
    let now = at("2026-11-21T16:00:00Z");
    let reminders = plan(&policy, &due, Horizon { now, until: now + TimeDelta::days(1) });
    reminders.iter().map(|one| format!("{} {}", one.key.channel, one.not_before.format("%dT%H:%M"))).collect()
}

#[rstest]
#[case::as_the_rule_says(None, None, ChannelMode::FirstAvailable, &["sms 22T02:00"])]
#[case::the_preferred_first(Some(Channel::Email), None, ChannelMode::FirstAvailable, &["email 22T02:00"])]
#[case::all_are_all(Some(Channel::Email), None, ChannelMode::All, &["sms 22T02:00", "email 22T02:00"])]
#[case::later_the_same_day(None, Some("18:00-20:00"), ChannelMode::FirstAvailable, &["sms 22T10:00"])]
#[case::earlier_the_same_day(None, Some("08:00-09:00"), ChannelMode::FirstAvailable, &["sms 22T00:00"])]
fn wishes_shape_the_plan(
    #[case] channel: Option<Channel>,
    #[case] wished: Option<&str>,
    #[case] mode: ChannelMode,
    #[case] expected: &[&str],
) {
    let who = Borrower { preferred_channel: channel, preferred_hours: wished.map(hours), ..borrower("b1") };
    assert_eq!(planned(who, mode), expected);
}

#[test]
fn who_prefers_e_mail_falls_back_to_sms() {
    let after = TimeDelta::minutes(30);
    let order = [Channel::Sms, Channel::Email];
    let policy = Policy { rules: vec![rule("due", &[-3], ChannelMode::Fallback { after }, &order)], ..policy() };
    let mut mail = reminder("b1", DUE, "due/-3", TEN);
    mail.key.channel = Channel::Email;
    let at_ten = |preferred| fall_back_at(&policy, &mail, preferred, &Next::Failed, at(TEN));
    assert_eq!(at_ten(Some(Channel::Email)), Some(at(TEN)));
    assert_eq!(at_ten(None), None, "e-mail is the last");
    let next = fall_back(&policy, &mail, at(TEN)).expect("there is another channel");
    assert_eq!(next.key.channel, Channel::Sms);
}
