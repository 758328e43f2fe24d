//! Answers that a person has to read: they hold what would go to their address until then.

use std::collections::BTreeMap;

use dueherald::clock::SimClock;
use dueherald::domain::{
    Address, AddressKey, Channel, HoldCause, HoldReason, Intent, NewReminder, Phone, SuppressionReason,
};
use dueherald::plan::{Account, Decision};
use dueherald::store::{IncomingReply, ReplyFilter, ReplyReading, ReplyRecord, ReportBatch, Sender, Store};

use super::bench::START;
use super::sample::{DUE, PHONE, date, import, instant, key, plan, request, row_with_phone, send, sms};

fn known() -> Sender {
    AddressKey::from(Address::Phone(Phone::new(PHONE).expect("a number"))).into()
}

async fn answer(store: &dyn Store, from: Sender, intent: Intent, said: &str) {
    let (at, about, provider_id) = (instant(START), None, Some(said.to_owned()));
    let reply = IncomingReply { from, about, said: said.to_owned(), intent, at, provider_id };
    let gateway = "kannel".parse().expect("a gateway");
    let told = ReportBatch { gateway, fates: Vec::new(), replies: vec![reply], confirm: BTreeMap::new() };
    assert_eq!(store.take_in(&told).await.expect("it is taken in").replies, 1);
}

async fn listed(store: &dyn Store, unread: bool) -> Vec<ReplyRecord> {
    let filter = ReplyFilter { unread: Some(unread), limit: 10, ..ReplyFilter::default() };
    store.replies(&filter).await.expect("listed")
}

async fn read(store: &dyn Store, reply: i64, is_stop: bool) -> Option<ReplyRecord> {
    let reading = ReplyReading { reply, actor: "wang".to_owned(), is_stop, at: instant(START) };
    store.read_reply(&reading).await.expect("it is read")
}

/// The answer that holds messages on a channel, and why the address is suppressed.
async fn held(store: &dyn Store, channel: Channel) -> (Option<i64>, Option<SuppressionReason>) {
    let account = store.account(&key("b1"), date(DUE), channel).await.expect("the account is read");
    (account.unread_reply, account.suppressed)
}

pub(super) async fn what_may_be_a_refusal_holds_until_it_is_read(store: &dyn Store, _: &SimClock) {
    import(store, &[row_with_phone("b1", "i1")]).await;
    answer(store, known(), Intent::Other, "paid").await;
    assert_eq!(held(store, Channel::Sms).await, (None, None));
    answer(store, known(), Intent::Unclear, "I will not stop paying").await;
    let waiting = listed(store, true).await;
    assert_eq!(waiting.iter().map(|one| one.said.as_str()).collect::<Vec<_>>(), ["I will not stop paying"]);
    assert_eq!(held(store, Channel::Sms).await, (Some(waiting[0].id), None));
    assert_eq!(held(store, Channel::Email).await, (None, None), "on that channel only");
    plan(store, &[sms("b1", START)]).await;
    let ask = |one: &NewReminder, account: &Account, now| match account.unread_reply {
        Some(reply) => Decision::Hold(HoldCause::new(HoldReason::UnreadReply, reply)),
        None => send(one, account, now),
    };
    assert!(store.claim(&request(9), &ask).await.expect("claimed").sending.is_empty());
    let cause = HoldCause::new(HoldReason::UnreadReply, waiting[0].id);
    assert_eq!(store.holds().await.expect("told"), [(cause, Channel::Sms)]);
    assert_eq!(read(store, waiting[0].id, false).await.map(|one| one.id), Some(waiting[0].id));
    assert_eq!(held(store, Channel::Sms).await, (None, None));
    assert_eq!(store.claim(&request(9), &ask).await.expect("claimed").sending.len(), 1, "it is released at once");
    assert_eq!((listed(store, true).await.len(), listed(store, false).await.len()), (0, 2));
    assert_eq!(read(store, waiting[0].id, false).await, None, "it was read");
}

pub(super) async fn a_refusal_that_a_person_reads_suppresses(store: &dyn Store, _: &SimClock) {
    import(store, &[row_with_phone("b1", "i1")]).await;
    answer(store, known(), Intent::Unclear, "stop it or I call my lawyer").await;
    answer(store, known(), Intent::Unclear, "stop, I said!").await;
    let waiting = listed(store, true).await;
    assert!(read(store, waiting[1].id, true).await.is_some());
    assert_eq!(held(store, Channel::Sms).await, (Some(waiting[0].id), Some(SuppressionReason::OptedOut)));
    assert!(read(store, waiting[0].id, false).await.is_some());
    assert_eq!(held(store, Channel::Sms).await, (None, Some(SuppressionReason::OptedOut)));
}

pub(super) async fn an_answer_of_nobody_known_waits_and_holds_nothing(store: &dyn Store, _: &SimClock) {
    import(store, &[row_with_phone("b1", "i1")]).await;
    answer(store, Sender::Unreadable("12345".to_owned()), Intent::Stop, "退订").await;
    let waiting = listed(store, true).await;
    assert_eq!((waiting[0].from.reveal(), waiting[0].merchant.as_ref()), ("12345", None));
    assert_eq!(held(store, Channel::Sms).await, (None, None));
    assert!(read(store, waiting[0].id, true).await.is_some(), "a person finds the borrower");
    assert!(listed(store, true).await.is_empty());
}
