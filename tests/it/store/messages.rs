//! A message is kept with its attempt, and shown again as it was.

use std::sync::Arc;

use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Code, EmailParts, EventKind, Message, MessageFault, MessageForm, MessageRecord, Next, Outcome, SmsText,
};
use dueherald::store::{SentMessage, Store};

use super::outcomes::{accepted, one, retry, settle, unknown};
use super::receipts::{delivered, undelivered};
use super::sample::claim_all;

/// The form of [`to`].
pub(super) fn form() -> Arc<MessageForm> {
    Arc::new(MessageForm::of(&text(
        "【示例商城】王小明您好，您应还1,000.00元，请打开 https://pay.example.com/r/sample 还款",
    )))
}

pub(super) fn text(text: &str) -> Message {
    Message::Sms(SmsText(text.to_owned()))
}

/// A message that is like [`form`].
pub(super) fn to(name: &str, amount: &str) -> Message {
    text(&format!("【示例商城】{name}您好，您应还{amount}元，请打开 https://pay.example.com/r/{name} 还款"))
}

fn told(sent: &[SentMessage]) -> Vec<(u32, EventKind, Result<Message, MessageFault>)> {
    sent.iter().map(|one| (one.attempt, one.kind, one.message.clone())).collect()
}

pub(super) async fn what_was_handed_over_is_shown_again_as_it_was(store: &dyn Store, clock: &SimClock) {
    let form = form();
    store.keep_form(&form).await.expect("kept");
    store.keep_form(&form).await.expect("a form is kept once");
    let (id, claimed) = one(store).await;
    assert_eq!(store.messages(id).await.expect("read"), [], "nothing was handed over yet");

    let refused = to("李伟", "88.10");
    let again = retry(claimed, clock, TimeDelta::zero());
    settle(store, &again.keeping(|| MessageRecord::of(&refused, Some(&form)))).await;
    assert_eq!(store.messages(id).await.expect("read"), [], "what was refused says nothing to the borrower");

    let claimed = claim_all(store).await.sending.pop().expect("it is tried again");
    let maybe = to("李伟", "66.60");
    let settlement = unknown(claimed, clock).keeping(|| MessageRecord::of(&maybe, Some(&form)));
    assert_eq!(settle(store, &settlement).await, 1);
    let sent = store.messages(id).await.expect("read");
    assert_eq!(told(&sent), [(2, EventKind::Unknown, Ok(maybe.clone()))]);
    assert_eq!(sent[0].gateway.as_ref().map(|gateway| gateway.as_str()), Some("kannel"));
    assert_eq!(sent[0].at, clock.now());

    // Proof comes later, by somebody who does not know what it said.
    let mut doubtful = store.unknown(dueherald::domain::Channel::Sms, None, 9).await.expect("listed");
    let attempt = doubtful.pop().expect("it is unknown").attempt;
    let proved = attempt.settle(Outcome::Accepted { provider_id: None }, Next::Accepted, clock.now());
    assert_eq!(settle(store, &proved).await, 1);
    assert_eq!(told(&store.messages(id).await.expect("read")), [(2, EventKind::Accepted, Ok(maybe))]);

    let (subject, unsubscribe) = ("您的账单".to_owned(), Some("https://pay.example.com/u/x".to_owned()));
    let html = "<p>您好</p>\n".repeat(3_000);
    let mail = Message::Email(EmailParts { subject, text: "\u{0}odd \\ \" text\r\n".to_owned(), html, unsubscribe });
    let (id, claimed) = other(store, "b77").await;
    settle(store, &accepted(claimed, clock).keeping(|| MessageRecord::of(&mail, None))).await;
    assert_eq!(store.record(&[delivered(id)]).await.expect("recorded"), 1);
    assert_eq!(told(&store.messages(id).await.expect("read")), [(1, EventKind::Delivered, Ok(mail))]);
}

/// Plans and claims one more.
async fn other(
    store: &dyn Store,
    borrower: &str,
) -> (dueherald::domain::ReminderId, dueherald::store::ClaimedReminder) {
    let id = super::sample::plan(store, &[super::sample::sms(borrower, super::bench::START)]).await[0];
    let claimed = claim_all(store).await.sending.pop().expect("it was due");
    (id, claimed)
}

pub(super) async fn a_message_whose_form_is_lost_is_named(store: &dyn Store, clock: &SimClock) {
    let form = form();
    let (id, claimed) = one(store).await;
    settle(store, &accepted(claimed, clock).keeping(|| MessageRecord::of(&to("李伟", "88.10"), Some(&form)))).await;
    let fault = Err(MessageFault::NoForm(form.hash()));
    assert_eq!(told(&store.messages(id).await.expect("read")), [(1, EventKind::Accepted, fault)]);
    store.keep_form(&form).await.expect("kept");
    let shown = Ok(to("李伟", "88.10"));
    assert_eq!(told(&store.messages(id).await.expect("read")), [(1, EventKind::Accepted, shown)]);

    let (id, claimed) = other(store, "b78").await;
    let outcome = Outcome::Unknown { code: Code::new("timeout") };
    settle(store, &claimed.attempt.settle(outcome, Next::Unknown, clock.now())).await;
    let fault = Err(MessageFault::NotKept);
    assert_eq!(told(&store.messages(id).await.expect("read")), [(1, EventKind::Unknown, fault)], "it is not hidden");
}

pub(super) async fn a_report_that_overtakes_the_answer_leaves_no_message(store: &dyn Store, clock: &SimClock) {
    let (id, claimed) = one(store).await;
    store.record(&[undelivered(id)]).await.expect("recorded");
    settle(store, &accepted(claimed, clock).keeping(|| MessageRecord::of(&to("李伟", "88.10"), None))).await;
    let fault = Err(MessageFault::NotKept);
    assert_eq!(told(&store.messages(id).await.expect("read")), [(1, EventKind::Undelivered, fault)]);
}
