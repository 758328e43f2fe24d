//! Deliveries of the lender's systems.

use std::time::Duration;

use dueherald::clock::SimClock;
use dueherald::domain::SourceName;
use dueherald::store::{KeptDelivery, NewDelivery, Store};

fn source() -> SourceName {
    "hook".parse().expect("a name")
}

fn delivery(digest: &str, is_signal: bool) -> NewDelivery {
    let body = Some(format!("{{\"of\": \"{digest}\"}}"));
    NewDelivery { source: source(), digest: digest.to_owned(), body, is_signal }
}

async fn keep(store: &dyn Store, delivery: &NewDelivery) -> KeptDelivery {
    store.keep_delivery(delivery).await.expect("kept")
}

async fn waiting(store: &dyn Store) -> Vec<String> {
    let waiting = store.waiting_deliveries(&source(), 10).await.expect("listed");
    waiting.into_iter().map(|one| one.body.expect("a body")).collect()
}

pub(super) async fn a_delivery_counts_once_and_a_signal_is_news_again(store: &dyn Store, clock: &SimClock) {
    let KeptDelivery::Waiting(first) = keep(store, &delivery("b", false)).await else { panic!("it is new") };
    clock.advance(Duration::from_secs(1));
    let KeptDelivery::Waiting(second) = keep(store, &delivery("a", true)).await else { panic!("it is new") };
    assert_eq!(keep(store, &delivery("b", false)).await, KeptDelivery::Waiting(first), "it was not applied yet");
    let other = NewDelivery { source: "other".parse().expect("a name"), ..delivery("b", false) };
    assert!(matches!(keep(store, &other).await, KeptDelivery::Waiting(id) if id != first));
    assert_eq!(waiting(store).await, [r#"{"of": "b"}"#, r#"{"of": "a"}"#], "in the order in which they came");
    for id in [first, second] {
        store.end_delivery(id).await.expect("ended");
    }
    assert_eq!(waiting(store).await, Vec::<String>::new());
    assert_eq!(keep(store, &delivery("b", false)).await, KeptDelivery::Done);
    assert_eq!(keep(store, &delivery("a", true)).await, KeptDelivery::Waiting(second));
    assert_eq!(waiting(store).await, [r#"{"of": "a"}"#]);
}
