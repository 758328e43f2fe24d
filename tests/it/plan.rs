//! When to remind and whom: the planner, and the decision at the send instant.

use crate::fixtures::{at, borrower, day, installment, policy, reminder, rule};
use chrono::TimeDelta;
use dueherald::domain::{
    Borrower, Channel, Currency, Hold, HoldCause, Installment, InstallmentStatus, Money, SkipReason, SuppressionReason,
};
use dueherald::plan::{
    Account, ChannelMode, Decision, DeferReason, Due, Horizon, Policy, TimeOfDay, decide, due_dates, plan,
};
use rstest::rstest;

/// Ten in the morning in Shanghai, three days before the due date: the instant at which the first step is due.
const TEN: &str = "2026-11-22T02:00:00Z";
const DUE: &str = "2026-11-25";

fn account() -> Account {
    Account {
        borrower: Some(borrower("b1")),
        installments: vec![installment("i1", "b1", DUE), installment("i2", "b1", DUE)],
        ..Account::default()
    }
}

fn decided(account: &Account, now: &str) -> Decision {
    decide(&policy(), &reminder("b1", DUE, "due/-3", TEN), account, at(now))
}

#[test]
fn what_is_open_on_one_day_becomes_one_message() {
    let Decision::Send(to_send) = decided(&account(), TEN) else { panic!("it is due") };
    assert_eq!(to_send.installments.len(), 2);
    assert_eq!(to_send.to.reveal(), "+8613800138000");
    assert_eq!(to_send.locale.as_str(), "zh-CN", "the merchant's, as the borrower named none");
    assert_eq!(to_send.today, day("2026-11-22"));
    assert_eq!(to_send.until, at(TEN) + TimeDelta::hours(12), "22:00, when the contact hours close and it expires");
}

#[test]
fn what_is_claimed_shortly_before_the_hours_close_must_leave_before_they_do() {
    let mut patient = reminder("b1", DUE, "due/-3", TEN);
    patient.expires_at = at(TEN) + TimeDelta::days(2);
    let Decision::Send(to_send) = decide(&policy(), &patient, &account(), at("2026-11-22T13:59:50Z")) else {
        panic!("it is ten seconds to ten")
    };
    assert_eq!(to_send.until, at("2026-11-22T14:00:00Z"));
}

#[test]
fn what_is_paid_is_left_out_of_the_message() {
    let mut account = account();
    account.installments[0].status = InstallmentStatus::Paid;
    let Decision::Send(to_send) = decided(&account, TEN) else { panic!("one is still open") };
    assert_eq!(to_send.installments, [account.installments[1].clone()]);
}

#[test]
fn an_installment_of_which_a_record_could_not_be_applied_holds_its_reminder() {
    let mut account = account();
    account.rejected = vec![account.installments[1].id.clone()];
    let cause = HoldCause::rejected(&account.installments[1].merchant, &account.installments[1].id);
    assert_eq!(decided(&account, TEN), Decision::Hold(cause), "it may be paid");
    account.installments[1].status = InstallmentStatus::Paid;
    let Decision::Send(to_send) = decided(&account, TEN) else { panic!("the message does not speak of it") };
    assert_eq!(to_send.installments, [account.installments[0].clone()]);
}

fn every(account: &mut Account, change: impl Fn(&mut Installment)) {
    account.installments.iter_mut().for_each(change);
}

fn them(account: &mut Account) -> &mut Borrower {
    account.borrower.as_mut().expect("the fixture has one")
}

#[rstest]
#[case::written_off(SkipReason::WrittenOff, |a: &mut Account| every(a, |i| i.status = InstallmentStatus::WrittenOff))]
#[case::disputed(SkipReason::Disputed, |a: &mut Account| every(a, |i| i.status = InstallmentStatus::Disputed))]
#[case::one_written_off_one_cancelled(SkipReason::WrittenOff, |a: &mut Account| {
    every(a, |i| i.status = InstallmentStatus::WrittenOff);
    a.installments[0].status = InstallmentStatus::Cancelled;
})]
#[case::one_written_off_one_paid(SkipReason::Paid, |a: &mut Account| {
    every(a, |i| i.status = InstallmentStatus::WrittenOff);
    a.installments[0].status = InstallmentStatus::Paid;
})]
#[case::one_disputed_one_paid(SkipReason::Disputed, |a: &mut Account| {
    every(a, |i| i.status = InstallmentStatus::Paid);
    a.installments[0].status = InstallmentStatus::Disputed;
})]
#[case::paid(SkipReason::Paid, |a: &mut Account| every(a, |i| i.status = InstallmentStatus::Paid))]
#[case::paid_in_full_but_open(SkipReason::Paid, |a: &mut Account| every(a, |i| i.paid_amount = i.amount))]
#[case::cancelled(SkipReason::Cancelled, |a: &mut Account| every(a, |i| i.status = InstallmentStatus::Cancelled))]
#[case::one_paid_one_cancelled(SkipReason::Paid, |a: &mut Account| {
    a.installments[0].status = InstallmentStatus::Paid;
    a.installments[1].status = InstallmentStatus::Cancelled;
})]
#[case::moved(SkipReason::Rescheduled, |a: &mut Account| a.installments.clear())]
#[case::held(SkipReason::OnHold, |a: &mut Account| them(a).hold = Some(Hold { reason: "dispute".into(), until: None }))]
#[case::no_phone(SkipReason::NoContact, |a: &mut Account| them(a).phone = None)]
#[case::opted_out(SkipReason::OptedOut, |a: &mut Account| a.suppressed = Some(SuppressionReason::OptedOut))]
#[case::bounced(SkipReason::Suppressed, |a: &mut Account| a.suppressed = Some(SuppressionReason::Bounced))]
fn what_must_not_leave_is_skipped_with_its_reason(#[case] reason: SkipReason, #[case] change: fn(&mut Account)) {
    let mut account = account();
    change(&mut account);
    assert_eq!(decided(&account, TEN), Decision::Skip(reason));
}

#[test]
fn a_hold_that_has_ended_holds_nothing() {
    let mut account = account();
    them(&mut account).hold = Some(Hold { reason: "dispute".into(), until: Some(at(TEN)) });
    assert!(matches!(decided(&account, TEN), Decision::Send(_)));
}

#[test]
fn at_night_it_waits_for_the_morning_and_expires_when_that_is_too_late() {
    let (night, morning) = ("2026-11-22T15:00:00Z", at("2026-11-23T00:00:00Z"));
    assert_eq!(decided(&account(), night), Decision::Skip(SkipReason::Expired), "useful for 12 hours only");
    let mut patient = reminder("b1", DUE, "due/-3", TEN);
    patient.expires_at = at(TEN) + TimeDelta::days(1);
    let decision = decide(&policy(), &patient, &account(), at(night));
    assert_eq!(decision, Decision::Defer { until: morning, reason: DeferReason::ContactHours });
}

#[test]
fn a_merchant_that_is_stopped_sends_nothing() {
    let mut policy = policy();
    policy.merchants.values_mut().for_each(|merchant| merchant.stopped = true);
    let decision = decide(&policy, &reminder("b1", DUE, "due/-3", TEN), &account(), at(TEN));
    assert_eq!(decision, Decision::Skip(SkipReason::MerchantStopped));
}

#[test]
fn a_rule_or_merchant_that_is_gone_sends_nothing() {
    let gone = reminder("b1", DUE, "old-rule/-3", TEN);
    assert_eq!(decide(&policy(), &gone, &account(), at(TEN)), Decision::Skip(SkipReason::Superseded));
    let nobody = Policy { rules: policy().rules, ..Policy::default() };
    let decision = decide(&nobody, &reminder("b1", DUE, "due/-3", TEN), &account(), at(TEN));
    assert_eq!(decision, Decision::Skip(SkipReason::UnknownMerchant));
}

#[test]
fn too_late_is_expired_but_paid_is_said_first() {
    let late = "2026-11-22T14:00:00Z";
    assert_eq!(decided(&account(), late), Decision::Skip(SkipReason::Expired));
    let mut paid = account();
    every(&mut paid, |i| i.status = InstallmentStatus::Paid);
    assert_eq!(decided(&paid, late), Decision::Skip(SkipReason::Paid));
}

fn due(borrower: Borrower, due_date: &str, suppressed: &[Channel]) -> Due {
    let installments = vec![installment("i1", borrower.key.id.as_str(), due_date)];
    Due { borrower, due_date: day(due_date), installments, suppressed: suppressed.to_vec() }
}

fn horizon(now: &str, hours: i64) -> Horizon {
    Horizon { now: at(now), until: at(now) + TimeDelta::hours(hours) }
}

fn steps(policy: &Policy, who: &Borrower, horizon: Horizon) -> Vec<String> {
    plan(policy, &due(who.clone(), DUE, &[]), horizon)
        .into_iter()
        .map(|planned| {
            format!("{} {} {}", planned.key.step, planned.key.channel, planned.not_before.format("%dT%H:%M"))
        })
        .collect()
}

#[test]
fn steps_are_planned_at_the_borrowers_own_ten_o_clock() {
    let whole = horizon("2026-11-20T00:00:00Z", 24 * 10);
    let days = ["due/-3 sms 22T02:00", "due/-1 sms 24T02:00", "due/0 sms 25T02:00", "due/1 sms 26T02:00"];
    assert_eq!(steps(&policy(), &borrower("b1"), whole), days);
    let mut abroad = borrower("b1");
    abroad.time_zone = Some(chrono_tz::America::New_York);
    assert_eq!(steps(&policy(), &abroad, whole)[0], "due/-3 sms 22T15:00");
}

#[test]
fn only_what_is_in_view_and_still_of_use_is_planned() {
    assert_eq!(
        steps(&policy(), &borrower("b1"), horizon("2026-11-24T03:00:00Z", 24)),
        ["due/-1 sms 24T02:00", "due/0 sms 25T02:00"]
    );
    assert_eq!(steps(&policy(), &borrower("b1"), horizon("2026-11-24T14:00:00Z", 12)), Vec::<String>::new());
}

#[test]
fn a_time_outside_contact_hours_moves_to_the_opening() {
    let mut policy = policy();
    policy.rules[0].at = TimeOfDay::At("06:30:00".parse().expect("a time"));
    assert_eq!(steps(&policy, &borrower("b1"), horizon("2026-11-21T20:00:00Z", 24)), ["due/-3 sms 22T00:00"]);
}

#[rstest]
#[case::all(ChannelMode::All, true, true, &[], &[Channel::Sms, Channel::Email])]
#[case::all_even_without_address(ChannelMode::All, false, true, &[], &[Channel::Sms, Channel::Email])]
#[case::first(ChannelMode::FirstAvailable, true, true, &[], &[Channel::Sms])]
#[case::first_has_no_phone(ChannelMode::FirstAvailable, false, true, &[], &[Channel::Email])]
#[case::first_is_suppressed(ChannelMode::FirstAvailable, true, true, &[Channel::Sms], &[Channel::Email])]
#[case::none_is_on_record(ChannelMode::FirstAvailable, false, false, &[], &[Channel::Sms])]
fn channels_follow_the_rule(
    #[case] mode: ChannelMode,
    #[case] phone: bool,
    #[case] email: bool,
    #[case] suppressed: &[Channel],
    #[case] expected: &[Channel],
) {
    let mut policy = policy();
    policy.rules = vec![rule("due", &[-3], mode, &[Channel::Sms, Channel::Email])];
    let mut who = borrower("b1");
    who.phone = who.phone.filter(|_| phone);
    who.email = who.email.filter(|_| email);
    let planned = plan(&policy, &due(who, DUE, suppressed), horizon(TEN, 1));
    assert_eq!(planned.iter().map(|one| one.key.channel).collect::<Vec<_>>(), expected);
}

#[test]
fn the_span_of_due_dates_covers_every_zone() {
    let span = due_dates(&policy(), horizon("2026-11-22T00:00:00Z", 24)).expect("there are rules");
    assert!(span.contains(&day("2026-11-26")) && span.contains(&day("2026-11-21")), "{span:?}");
    for zone in chrono_tz::TZ_VARIANTS {
        let mut who = borrower("b1");
        who.time_zone = Some(zone);
        let about = due(who, DUE, &[]);
        for due in (0..40).map(|days| day("2026-11-01") + TimeDelta::days(days)) {
            let planned = plan(&policy(), &Due { due_date: due, ..about.clone() }, horizon("2026-11-22T00:00:00Z", 24));
            assert!(planned.is_empty() || span.contains(&due), "{zone} {due} is planned but never looked at");
        }
    }
}

#[test]
fn the_total_left_is_what_was_not_paid() {
    let mut one = installment("i1", "b1", DUE);
    one.paid_amount = Money::parse("280.50", Currency::new("CNY").expect("a currency")).expect("an amount");
    assert_eq!(one.outstanding().amount().to_string(), "1000.00");
}

#[test]
fn a_rule_is_asked_again_when_its_reminder_is_claimed() {
    let decided = |change: &dyn Fn(&mut dueherald::plan::Rule)| {
        let mut policy = policy();
        change(&mut policy.rules[0]);
        decide(&policy, &reminder("b1", DUE, "due/-3", TEN), &account(), at(TEN))
    };
    let superseded = Decision::Skip(SkipReason::Superseded);
    assert_eq!(decided(&|rule| rule.merchants = vec!["shop".parse().expect("an id")]), superseded);
    assert_eq!(decided(&|rule| rule.filters.products = vec!["sofa".into()]), superseded);
    assert_eq!(decided(&|rule| rule.stop_after = Some(-4)), superseded);
    assert_eq!(decided(&|rule| rule.channels.order = vec![Channel::Email]), superseded, "each channel has its own");
    let later = TimeOfDay::At(chrono::NaiveTime::from_hms_opt(11, 0, 0).expect("eleven"));
    let eleven = Decision::Defer { until: at("2026-11-22T03:00:00Z"), reason: DeferReason::NotYet };
    assert_eq!(decided(&|rule| rule.at = later), eleven);
}
