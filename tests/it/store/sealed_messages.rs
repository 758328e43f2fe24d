//! Messages in a database that is encrypted, and in one that is not: what is changed or moved is seen, and a change of
//! keys makes none unreadable in silence.

use dueherald::clock::SimClock;
use dueherald::domain::{Message, MessageFault, MessageRecord, ReminderId};
use dueherald::store::Store;
use rstest::rstest;

use super::bench::START;
use super::encryption::{Place, file, keys, server};
use super::messages::{form, to};
use super::outcomes::{accepted, settle};
use super::sample::{claim_all, instant, plan_due};

/// Two messages that were accepted, with their reminders.
async fn two(store: &dyn Store) -> [(ReminderId, Message); 2] {
    let form = form();
    store.keep_form(&form).await.expect("kept");
    plan_due(store, 2).await;
    let mut sent = Vec::new();
    for (claimed, name) in claim_all(store).await.sending.into_iter().zip(["李伟", "王芳"]) {
        let (id, message) = (claimed.attempt.reminder(), to(name, "88.10"));
        let clock = SimClock::at(instant(START));
        settle(store, &accepted(claimed, &clock).keeping(|| MessageRecord::of(&message, Some(&form)))).await;
        sent.push((id, message));
    }
    sent.try_into().expect("two")
}

async fn shown(store: &dyn Store, id: ReminderId) -> Result<Message, MessageFault> {
    store.messages(id).await.expect("read").remove(0).message
}

async fn are_shown(store: &dyn Store, sent: &[(ReminderId, Message); 2]) {
    for (id, message) in sent {
        assert_eq!(shown(store, *id).await.as_ref(), Ok(message));
    }
}

async fn place(on_server: bool) -> Box<dyn Place> {
    if on_server { Box::new(server().await) } else { Box::new(file()) }
}

#[rstest]
#[case::sqlite(false)]
#[case::postgres(true)]
#[tokio::test]
async fn what_was_changed_is_not_shown(#[case] on_server: bool) {
    let place = place(on_server).await;
    let store = place.open(None).await;
    store.migrate().await.expect("the migrations run");
    let [first, second] = two(&*store).await;
    are_shown(&*store, &[first.clone(), second.clone()]).await;
    let changed = place.replaced("message", "88.1", "99.1");
    place.execute(format!("update event set message = {changed} where reminder_id = {}", first.0)).await;
    assert_eq!(shown(&*store, first.0).await, Err(MessageFault::OtherHash));
    let cut = "update event set message = substr(message, 1, length(message) - 1)";
    place.execute(format!("{cut} where reminder_id = {}", second.0)).await;
    assert_eq!(shown(&*store, second.0).await, Err(MessageFault::Damaged));
}

#[rstest]
#[case::sqlite(false)]
#[case::postgres(true)]
#[tokio::test]
async fn an_encrypted_message_opens_in_its_own_row_only(#[case] on_server: bool) {
    let place = place(on_server).await;
    let store = place.open(keys(&[1])).await;
    store.migrate().await.expect("the migrations run");
    let [first, second] = two(&*store).await;
    are_shown(&*store, &[first.clone(), second.clone()]).await;
    let of_first = format!("(select m.message from event m where m.reminder_id = {})", first.0);
    place.execute(format!("update event set message = {of_first} where reminder_id = {}", second.0)).await;
    assert_eq!(shown(&*store, second.0).await, Err(MessageFault::Damaged));
    assert_eq!(shown(&*store, first.0).await, Ok(first.1));
    let plain = MessageRecord::of(&to("李伟", "1.00"), None).bytes();
    let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
    let bytes = if on_server { format!("'\\x{hex}'") } else { format!("x'{hex}'") };
    place.execute(format!("update event set message = {bytes} where reminder_id = {}", first.0)).await;
    assert_eq!(shown(&*store, first.0).await, Err(MessageFault::Damaged), "nobody without the key writes one");
}

#[rstest]
#[case::sqlite(false)]
#[case::postgres(true)]
#[tokio::test]
async fn messages_outlive_the_key_that_encrypted_them(#[case] on_server: bool) {
    let place = place(on_server).await;
    let store = place.open(keys(&[1])).await;
    store.migrate().await.expect("the migrations run");
    let sent = two(&*store).await;
    let early = place.open(keys(&[2])).await;
    assert_eq!(shown(&*early, sent[0].0).await, Err(MessageFault::NoKey(1)), "the key was taken away too early");
    let both = place.open(keys(&[2, 1])).await;
    are_shown(&*both, &sent).await;
    assert_eq!(both.protection().await.expect("counted").message_keys_to_renew, 2, "one is older, one is missing");
    assert_eq!(both.renew_encryption(None).await.expect("renewed").written, 2);
    assert_eq!(both.protection().await.expect("counted").message_keys_to_renew, 0);
    let later = place.open(keys(&[2])).await;
    are_shown(&*later, &sent).await;
    assert_eq!(later.renew_encryption(None).await.expect("there is nothing to do").written, 0);
    // An earlier version of dueherald encrypted the database, and knew of no such keys.
    place.execute("delete from message_key".to_owned()).await;
    assert_eq!(both.migrate().await.expect("nothing but the keys is missing"), 0);
    are_shown(&*later, &sent).await;
}

#[rstest]
#[case::sqlite(false)]
#[case::postgres(true)]
#[tokio::test]
async fn messages_of_a_plain_database_are_encrypted_with_it(#[case] on_server: bool) {
    let place = place(on_server).await;
    let plain = place.open(None).await;
    plain.migrate().await.expect("the migrations run");
    let sent = two(&*plain).await;
    let store = place.open(keys(&[1])).await;
    assert_eq!(store.migrate().await.expect("it is encrypted"), 0);
    are_shown(&*store, &sent).await;
    assert_eq!(shown(&*plain, sent[0].0).await, Err(MessageFault::NoKey(1)), "nobody reads it without the key");
}
