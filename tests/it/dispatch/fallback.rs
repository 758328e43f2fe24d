//! SMS first, e-mail if it does not arrive within half an hour.

use std::time::Duration;

use chrono::TimeDelta;
use dueherald::clock::Clock;
use dueherald::domain::{
    Address, Channel, InstallmentStatus, Outcome, Receipt, RejectScope, ReminderId, Suppression, SuppressionReason,
};
use dueherald::gateway::LookUp;
use dueherald::plan::ChannelMode;
use dueherald::store::{LedgerStore, OutboxStore, ReportStore, SuppressionStore, WriteMode};

use super::bench::{Bench, DUE, Setup, rejected, unknown};
use crate::fixtures::{borrower, installment, row};

const MINUTE: Duration = Duration::from_secs(60);

/// One reminder that was handed to the SMS gateway, which answered so.
async fn texted(answers: Vec<Outcome>) -> Bench {
    let mode = ChannelMode::Fallback { after: TimeDelta::minutes(30) };
    let bench = Bench::of(Setup::two_channels(mode, &[Channel::Sms, Channel::Email]));
    bench.gateway("texts").answers(answers);
    bench.add(1).await;
    bench.drain().await;
    assert_eq!((bench.gateway("texts").seen().len(), bench.gateway("mails").seen().len()), (1, 0));
    bench
}

async fn report(bench: &Bench, arrived: bool) {
    let gateway = "texts".parse().expect("a name");
    let receipt = Receipt { reminder: ReminderId(1), gateway, arrived, code: None, at: bench.clock.now() };
    assert_eq!(bench.store.record(&[receipt]).await.expect("recorded"), 1);
}

#[tokio::test]
async fn without_a_receipt_in_time_one_mail_follows_and_no_more() {
    let bench = texted(vec![]).await;
    bench.live(MINUTE, 29).await;
    assert_eq!(bench.gateway("mails").seen().len(), 0, "not before the half hour");
    assert_eq!(bench.live(MINUTE, 1).await.accepted, 1);
    bench.live(30 * MINUTE, 20).await;
    assert_eq!((bench.gateway("texts").seen().len(), bench.gateway("mails").seen().len()), (1, 1));
    assert_eq!(bench.states().await, ["sms accepted", "email accepted"]);
}

#[tokio::test]
async fn what_arrived_in_time_is_followed_by_nothing() {
    let bench = texted(vec![]).await;
    bench.live(MINUTE, 10).await;
    report(&bench, true).await;
    bench.live(10 * MINUTE, 60).await;
    assert_eq!(bench.states().await, ["sms delivered"]);
}

#[tokio::test]
async fn what_is_reported_undelivered_is_mailed_at_once() {
    let bench = texted(vec![]).await;
    report(&bench, false).await;
    assert_eq!(bench.reconcile_and_drain().await.accepted, 1);
    report(&bench, true).await;
    bench.live(10 * MINUTE, 10).await;
    assert_eq!(bench.states().await, ["sms delivered", "email accepted"], "a later receipt is the better truth");
}

#[tokio::test]
async fn what_was_refused_for_good_is_mailed_at_once() {
    let bench = texted(vec![rejected(RejectScope::Recipient)]).await;
    assert_eq!(bench.reconcile_and_drain().await.accepted, 1);
    assert_eq!(bench.states().await, ["sms failed", "email accepted"]);
}

#[tokio::test]
async fn what_may_have_gone_is_never_followed_by_a_mail() {
    let bench = texted(vec![unknown()]).await;
    bench.live(10 * MINUTE, 100).await;
    assert_eq!(bench.states().await, ["sms unknown"]);
}

#[tokio::test]
async fn what_was_in_doubt_and_did_not_arrive_is_mailed() {
    let bench = texted(vec![unknown()]).await;
    bench.live(MINUTE, 10).await;
    report(&bench, false).await;
    assert_eq!(bench.reconcile_and_drain().await.accepted, 1);
    assert_eq!(bench.states().await, ["sms undelivered", "email accepted"]);
}

#[tokio::test]
async fn a_mail_in_doubt_whose_second_copy_is_refused_is_not_followed_by_a_text() {
    let mode = ChannelMode::Fallback { after: TimeDelta::minutes(30) };
    let bench = Bench::of(Setup::two_channels(mode, &[Channel::Email, Channel::Sms]));
    bench.gateway("mails").answers(vec![unknown(), rejected(RejectScope::Recipient)]);
    bench.add(1).await;
    bench.drain().await;
    bench.live(10 * MINUTE, 100).await;
    assert_eq!((bench.gateway("mails").seen().len(), bench.gateway("texts").seen().len()), (2, 0));
    assert_eq!(bench.states().await, ["email unknown"]);
    assert_eq!(bench.story(1).await, ["1 unknown busy", "1 retry sent_once_more", "2 unknown busy"]);
}

#[tokio::test]
async fn the_mail_is_decided_afresh_and_an_opt_out_since_is_honoured() {
    let bench = texted(vec![]).await;
    let address = borrower("b0").email.map(Address::Email).expect("it has one");
    let (reason, since) = (SuppressionReason::OptedOut, bench.clock.now());
    let opt_out =
        Suppression { merchant: None, address: address.into(), reason, source: "test".into(), since, until: None };
    bench.store.suppress(&[opt_out], None).await.expect("suppressed");
    bench.live(10 * MINUTE, 6).await;
    assert_eq!(bench.states().await, ["sms accepted", "email skipped"]);
    assert_eq!(bench.story(2).await, ["0 skipped opted_out"]);
    assert!(bench.gateway("mails").seen().is_empty());
}

#[tokio::test]
async fn what_was_paid_since_is_not_mailed() {
    let bench = texted(vec![]).await;
    let mut paid = installment("i-b0", "b0", DUE);
    paid.status = InstallmentStatus::Paid;
    bench.store.import(&[row(&paid)], WriteMode::Commit).await.expect("imported");
    bench.live(10 * MINUTE, 6).await;
    assert_eq!(bench.story(2).await, ["0 skipped paid"]);
}

#[tokio::test]
async fn the_last_channel_is_followed_by_nothing() {
    let bench = texted(vec![]).await;
    bench.gateway("mails").answers(vec![rejected(RejectScope::Recipient)]);
    bench.live(10 * MINUTE, 60).await;
    assert_eq!(bench.states().await, ["sms accepted", "email failed"]);
}

#[tokio::test]
async fn what_a_look_up_finds_accepted_has_half_an_hour_to_arrive_like_any_other() {
    let bench = texted(vec![unknown()]).await;
    bench.gateway("texts").looks_up(LookUp::Accepted { provider_id: None, fate: None });
    bench.live(MINUTE, 30).await;
    assert_eq!(bench.states().await, ["sms accepted"]);
    bench.live(MINUTE, 1).await;
    assert_eq!(bench.states().await, ["sms accepted", "email accepted"]);
}

/// One e-mail to a borrower who prefers it, by a rule that texts first.
async fn mailed() -> Bench {
    let mode = ChannelMode::Fallback { after: TimeDelta::minutes(30) };
    let bench = Bench::of(Setup::two_channels(mode, &[Channel::Sms, Channel::Email]));
    let mut row = row(&installment("i0", "b0", DUE));
    row.preferences.preferred_channel = dueherald::domain::FieldUpdate::Set(Some(Channel::Email));
    bench.store.import(&[row], WriteMode::Commit).await.expect("imported");
    let mut one = crate::fixtures::reminder("b0", DUE, "due/-3", super::bench::TEN);
    one.key.channel = Channel::Email;
    bench.store.plan(&[one], bench.clock.now(), WriteMode::Commit).await.expect("planned");
    bench.drain().await;
    assert_eq!((bench.gateway("texts").seen().len(), bench.gateway("mails").seen().len()), (0, 1));
    bench
}

#[tokio::test]
async fn an_email_that_its_reader_prefers_is_not_doubled_as_nobody_reports_that_it_arrived() {
    let bench = mailed().await;
    bench.live(30 * MINUTE, 60).await;
    assert_eq!(bench.states().await, ["email accepted"]);
}

#[tokio::test]
async fn an_email_that_its_reader_prefers_is_followed_by_a_text_when_it_bounces() {
    let bench = mailed().await;
    bench.live(30 * MINUTE, 2).await;
    let gateway = "mails".parse().expect("a name");
    let receipt = Receipt { reminder: ReminderId(1), gateway, arrived: false, code: None, at: bench.clock.now() };
    assert_eq!(bench.store.record(&[receipt]).await.expect("recorded"), 1);
    assert_eq!(bench.reconcile_and_drain().await.accepted, 1);
    assert_eq!(bench.states().await, ["email undelivered", "sms accepted"]);
}
