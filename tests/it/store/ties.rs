//! Which of several messages to one person a cap lets go: the same whichever lane asks first, and never one that cannot
//! be sent.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use dueherald::clock::SimClock;
use dueherald::domain::{
    Address, Channel, EmailAddress, FieldUpdate, InstallmentStatus, LedgerRow, NewReminder, Phone, RecordCells,
    RecordKind, RejectedRecord, SkipReason, SuppressionReason,
};
use dueherald::plan::{Cap, Caps, ChannelMode, Decision, Policy, Rule};
use dueherald::store::{ClaimRequest, Stop, Store};

use super::bench::START;
use super::sample::{by, date, import, instant, key, merchant, phone, plan, request, row, sms, suppression};
use crate::fixtures;

/// One message a day; `order` is that of the rules, and `first` has priority.
fn policy(order: [Channel; 2]) -> Policy {
    let rule = |name, priority| Rule {
        priority,
        max_lateness: TimeDelta::days(3),
        ..fixtures::rule(name, &[-3], ChannelMode::All, &order)
    };
    let all = Cap { per_day: Some(1), per_7_days: None };
    let caps = Some(Caps { all, channels: BTreeMap::new(), across_merchants: false });
    Policy { rules: vec![rule("due-soon", 0), rule("first", 9)], caps, ..fixtures::policy() }
}

/// A borrower who can be sent texts and e-mails.
fn reachable(who: &str, number: &str) -> LedgerRow {
    let email = EmailAddress::new(&format!("{who}@example.com")).expect("an address");
    LedgerRow { phone: phone(number), email: FieldUpdate::Set(Some(email)), ..row(who, &format!("i-{who}")) }
}

fn step(who: &str, name: &str, channel: Channel) -> NewReminder {
    let mut one = sms(who, START);
    (one.key.step, one.key.channel) = (name.parse().expect("a step"), channel);
    one
}

/// Plans one step of the borrower on both channels, the second one first.
async fn plan_both(store: &dyn Store, who: &str) {
    plan(store, &[Channel::Email, Channel::Sms].map(|channel| step(who, "due-soon/-3", channel))).await;
}

/// How many the lanes send that claim one after the other, and how many are capped.
async fn claim(store: &dyn Store, policy: &Policy, lanes: &[Channel]) -> Vec<(Channel, usize, usize)> {
    let mut done = Vec::new();
    for channel in lanes {
        let request = ClaimRequest { channel: *channel, recent_contacts: policy.recent_contacts(), ..request(100) };
        let claimed = store.claim(&request, &by(policy)).await.expect("the claim is recorded");
        let is_capped = |decision: &Decision| *decision == Decision::Skip(SkipReason::Capped);
        let capped = claimed.not_sent.iter().filter(|(_, decision)| is_capped(decision)).count();
        done.push((*channel, claimed.sending.len(), capped));
    }
    done
}

pub(super) async fn a_tie_goes_by_the_rules_order(store: &dyn Store, _: &SimClock) {
    let (sms, email) = (Channel::Sms, Channel::Email);
    let cases = [([sms, email], [sms, email]), ([sms, email], [email, sms]), ([email, sms], [sms, email])];
    for (number, (order, lanes)) in cases.into_iter().enumerate() {
        let who = format!("b{number}");
        import(store, &[reachable(&who, &format!("+861390013900{number}"))]).await;
        plan_both(store, &who).await;
        let claimed = claim(store, &policy(order), &lanes).await;
        let sent: Vec<_> = claimed.iter().filter(|(_, sent, _)| *sent > 0).map(|(channel, ..)| *channel).collect();
        assert_eq!(sent, [order[0]], "the rule's first, however {lanes:?} claim");
        assert_eq!(claimed.iter().map(|(.., capped)| capped).sum::<usize>(), 1);
    }
}

/// A way to stop what goes to a borrower by SMS.
type Obstacle = (&'static str, fn(&str) -> LedgerRow);

pub(super) async fn what_cannot_be_sent_neither_takes_a_place_nor_keeps_others_waiting(
    store: &dyn Store,
    _: &SimClock,
) {
    let number = "+8613900139000";
    let cases: [Obstacle; 3] = [
        ("no phone", |who| LedgerRow { phone: FieldUpdate::Keep, ..reachable(who, "+8613900139001") }),
        ("a landline", |who| reachable(who, "+861065529988")),
        ("opted out", |who| reachable(who, "+8613900139000")),
    ];
    let opted_out = Address::Phone(Phone::new(number).expect("a number"));
    store.suppress(&[suppression(None, opted_out, SuppressionReason::OptedOut)], None).await.expect("suppressed");
    for (number, (why, row)) in cases.into_iter().enumerate() {
        let who = format!("b{number}");
        import(store, &[row(&who)]).await;
        plan_both(store, &who).await;
        let claimed = claim(store, &policy([Channel::Sms, Channel::Email]), &[Channel::Email, Channel::Sms]).await;
        assert_eq!(claimed, [(Channel::Email, 1, 0), (Channel::Sms, 0, 0)], "{why}");
    }
}

pub(super) async fn what_is_held_keeps_no_place(store: &dyn Store, _: &SimClock) {
    import(store, &[reachable("b0", "+8613900139000")]).await;
    plan_both(store, "b0").await;
    let stop = Stop {
        merchant: None,
        channel: Some(Channel::Sms),
        actor: "ana".into(),
        reason: "wrong amounts".into(),
        since: instant(START),
    };
    store.stop(&stop).await.expect("the stop is written");
    let claimed = claim(store, &policy([Channel::Sms, Channel::Email]), &[Channel::Email, Channel::Sms]).await;
    assert_eq!(claimed, [(Channel::Email, 1, 0), (Channel::Sms, 0, 0)]);
    assert_eq!(store.holds().await.expect("holds are read").len(), 1, "the text is held");
}

/// Another due date of the borrower, about which a step with priority waits.
fn other_date(who: &str) -> (LedgerRow, NewReminder) {
    let row = LedgerRow {
        due_date: date("2026-11-26"),
        installment: format!("j-{who}").parse().expect("a number"),
        ..reachable(who, "+8613900139000")
    };
    let mut first = step(who, "first/-3", Channel::Sms);
    first.key.due_date = row.due_date;
    (row, first)
}

pub(super) async fn what_is_paid_keeps_no_place(store: &dyn Store, _: &SimClock) {
    let (due, first) = other_date("b0");
    let paid = LedgerRow { status: FieldUpdate::Set(Some(InstallmentStatus::Paid)), ..due.clone() };
    let in_full = LedgerRow { paid_amount: FieldUpdate::Set(Some(due.amount)), ..due.clone() };
    for (number, row) in [paid, in_full].into_iter().enumerate() {
        let who = format!("b{number}");
        let (due, mut first) = (LedgerRow { borrower: key(&who), ..due.clone() }, first.clone());
        first.key.borrower = key(&who);
        let row = LedgerRow { borrower: key(&who), ..row };
        let installment =
            |row: LedgerRow| LedgerRow { installment: format!("j{number}").parse().expect("a number"), ..row };
        import(store, &[reachable(&who, "+8613900139000"), installment(due)]).await;
        // In one claim, and by lanes of their own.
        let low = if number == 0 { Channel::Email } else { Channel::Sms };
        plan(store, &[step(&who, "due-soon/-3", low), first]).await;
        import(store, &[installment(row)]).await;
        let claimed = claim(store, &policy([Channel::Sms, Channel::Email]), &[low, Channel::Sms]).await;
        assert_eq!(claimed[0], (low, 1, 0), "the other date is paid");
    }
}

pub(super) async fn what_may_be_paid_keeps_no_place(store: &dyn Store, _: &SimClock) {
    let (due, first) = other_date("b0");
    import(store, &[reachable("b0", "+8613900139000"), due]).await;
    plan(store, &[step("b0", "due-soon/-3", Channel::Email), first]).await;
    let unclear = RejectedRecord {
        source: None,
        kind: RecordKind::Row,
        merchant: Some(merchant("mall")),
        installment: Some("j-b0".parse().expect("a number")),
        cells: RecordCells::default(),
        waits: false,
        reason: "status is not one of open, paid, cancelled, written_off, disputed".into(),
    };
    store.import_batch(&[], &[unclear], dueherald::store::WriteMode::Commit).await.expect("it is kept");
    let claimed = claim(store, &policy([Channel::Sms, Channel::Email]), &[Channel::Email, Channel::Sms]).await;
    assert_eq!(claimed, [(Channel::Email, 1, 0), (Channel::Sms, 0, 0)]);
}

pub(super) async fn the_borrowers_preferred_channel_goes_first(store: &dyn Store, _: &SimClock) {
    let preferences = dueherald::domain::ContactPreferences {
        preferred_channel: FieldUpdate::Set(Some(Channel::Email)),
        ..Default::default()
    };
    import(store, &[LedgerRow { preferences, ..reachable("b0", "+8613900139000") }]).await;
    plan_both(store, "b0").await;
    let claimed = claim(store, &policy([Channel::Sms, Channel::Email]), &[Channel::Sms, Channel::Email]).await;
    assert_eq!(claimed, [(Channel::Sms, 0, 1), (Channel::Email, 1, 0)]);
}

pub(super) async fn what_has_waited_too_long_keeps_no_place(store: &dyn Store, clock: &SimClock) {
    import(store, &[reachable("b0", "+8613900139000")]).await;
    let mut later = step("b0", "due-soon/-3", Channel::Email);
    later.not_before += TimeDelta::minutes(61);
    let mut second = Policy::clone(&policy([Channel::Sms, Channel::Email]));
    // Rules of one priority at two times of the day.
    let mut rule = second.rules[0].clone();
    rule.name = "evening".parse().expect("a name");
    rule.at = dueherald::plan::TimeOfDay::At(chrono::NaiveTime::from_hms_opt(11, 1, 0).expect("a time"));
    second.rules.push(rule);
    later.key.step = "evening/-3".parse().expect("a step");
    plan(store, &[step("b0", "due-soon/-3", Channel::Sms), later]).await;
    clock.advance(TimeDelta::minutes(70).to_std().expect("a while"));
    let claimed = claim(store, &second, &[Channel::Email, Channel::Sms]).await;
    assert_eq!(claimed, [(Channel::Email, 1, 0), (Channel::Sms, 0, 1)], "the text's gateway has trouble");
}
