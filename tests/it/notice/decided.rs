//! Decisions about the message of a notice at send time.

use chrono::TimeDelta;
use dueherald::domain::{
    Channel, HoldCause, HoldReason, InstallmentStatus, NewReminder, NoticeFacts, NoticeState, Origin, ReminderId,
    SkipReason,
};
use dueherald::plan::{Account, Cap, Caps, Contact, Decision, DeferReason, Policy, Progress, decide};
use rstest::rstest;

use crate::fixtures::{at, borrower, installment, policy, reminder};

/// Ten in the morning in Shanghai.
const TEN: &str = "2026-11-22T02:00:00Z";
const DUE: &str = "2026-11-25";

fn message() -> NewReminder {
    let one = reminder("b1", DUE, "notice/moved", TEN);
    NewReminder { origin: Origin::Notice, expires_at: at(TEN) + TimeDelta::days(3), ..one }
}

fn account(state: NoticeState) -> Account {
    Account {
        borrower: Some(borrower("b1")),
        installments: vec![installment("i1", "b1", DUE)],
        notice: Some(NoticeFacts { state, template: "entry-moved".parse().expect("a template") }),
        ..Account::default()
    }
}

#[test]
fn it_is_made_from_its_template_and_no_other() {
    let Decision::Send(to_send) = decide(&policy(), &message(), &account(NoticeState::Sending), at(TEN)) else {
        panic!("it is sent");
    };
    let template = to_send.template.map(|template| template.to_string());
    assert_eq!((template.as_deref(), to_send.no_other_template), (Some("entry-moved"), true));
}

#[rstest]
#[case::draft(Some(NoticeState::Draft))]
#[case::not_approved(Some(NoticeState::AwaitingApproval))]
#[case::cancelled(Some(NoticeState::Cancelled))]
#[case::gone(None)]
fn nothing_leaves_of_a_notice_that_does_not_go_out(#[case] state: Option<NoticeState>) {
    let mut facts = account(NoticeState::Sending);
    facts.notice = facts.notice.and_then(|notice| Some(NoticeFacts { state: state?, ..notice }));
    assert_eq!(decide(&policy(), &message(), &facts, at(TEN)), Decision::Skip(SkipReason::NoticeCancelled));
}

#[test]
fn a_paused_notice_is_held() {
    let decision = decide(&policy(), &message(), &account(NoticeState::Paused), at(TEN));
    assert_eq!(decision, Decision::Hold(HoldCause::new(HoldReason::Paused, "moved")));
}

#[test]
fn who_has_paid_meanwhile_gets_nothing() {
    let mut facts = account(NoticeState::Sending);
    facts.installments[0].status = InstallmentStatus::Paid;
    assert_eq!(decide(&policy(), &message(), &facts, at(TEN)), Decision::Skip(SkipReason::Paid));
}

#[test]
fn at_night_it_waits_for_the_morning() {
    let night = at("2026-11-22T18:00:00Z");
    let decision = decide(&policy(), &message(), &account(NoticeState::Sending), night);
    assert!(matches!(decision, Decision::Defer { reason: DeferReason::ContactHours, .. }), "{decision:?}");
}

#[test]
fn who_got_a_message_today_gets_it_tomorrow() {
    let all = Cap { per_day: Some(1), per_7_days: None };
    let capped = Policy { caps: Some(Caps { all, ..Caps::default() }), ..policy() };
    let mut facts = account(NoticeState::Sending);
    let key = reminder("b1", DUE, "due/-3", TEN).key;
    facts.contacts = vec![Contact { id: ReminderId(7), key, progress: Progress::Sent(at(TEN)) }];
    let one = message();
    assert_eq!(one.key.channel, Channel::Sms);
    let midnight = at("2026-11-22T16:00:00Z");
    let decision = decide(&capped, &one, &facts, at(TEN));
    assert_eq!(decision, Decision::Defer { until: midnight, reason: DeferReason::Capped });
    let short = NewReminder { expires_at: midnight, ..one };
    assert_eq!(decide(&capped, &short, &facts, at(TEN)), Decision::Skip(SkipReason::Capped));
    facts.contacts[0].progress = Progress::Planned(at("2026-11-22T09:00:00Z"));
    assert!(matches!(decide(&capped, &short, &facts, at(TEN)), Decision::Send(_)), "it goes before what is planned");
}
