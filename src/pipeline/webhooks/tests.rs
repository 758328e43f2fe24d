//! Tests of the rounds, over the memory store and a receiver that fails on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::endpoint::{EndpointWorker, Pause};
use super::feed::Feed;
use super::round::Progress;
use crate::clock::{Clock, SimClock};
use crate::domain::{
    BorrowerKey, Channel, Click, EndpointKey, EndpointState, ManualChange, MerchantId, NewReminder, Origin, ReminderId,
    ReminderKey, WebhookType,
};
use crate::store::{FunnelStore, MemoryStore, OutboxStore, WebhookStore, WriteMode};
use crate::webhook::{DeliveryResult, WebhookEndpoint, WebhookMessage, WebhookSecret, WebhookSender};

/// A receiver with an answer for each borrower; `*` is for all others.
#[derive(Debug, Default)]
struct Receiver {
    answers: Mutex<BTreeMap<String, DeliveryResult>>,
    calls: Mutex<usize>,
    /// It takes events and never answers.
    is_silent: AtomicBool,
    /// Borrower and webhook-id of what it took.
    taken: Mutex<Vec<(String, String)>>,
}

impl Receiver {
    fn answer(&self, borrower: &str, answer: Option<DeliveryResult>) {
        let mut answers = self.answers.lock().expect("no panic");
        match answer {
            Some(answer) => _ = answers.insert(borrower.to_owned(), answer),
            None => _ = answers.remove(borrower),
        }
    }

    fn calls(&self) -> usize {
        std::mem::take(&mut *self.calls.lock().expect("no panic"))
    }

    fn taken(&self) -> Vec<String> {
        let taken = std::mem::take(&mut *self.taken.lock().expect("no panic"));
        taken.into_iter().map(|(borrower, _)| borrower).collect()
    }
}

#[async_trait]
impl WebhookSender for Receiver {
    async fn deliver(&self, _: &WebhookEndpoint, message: &WebhookMessage) -> DeliveryResult {
        let body: serde_json::Value = serde_json::from_str(&message.body).expect("JSON");
        let borrower = body["data"]["borrower"].as_str().expect("a borrower").to_owned();
        *self.calls.lock().expect("no panic") += 1;
        if self.is_silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let answers = self.answers.lock().expect("no panic");
        let answer = answers.get(&borrower).or(answers.get("*")).cloned().unwrap_or(DeliveryResult::Delivered);
        if answer == DeliveryResult::Delivered {
            self.taken.lock().expect("no panic").push((borrower, message.id.clone()));
        }
        answer
    }
}

fn failed(code: &str) -> Option<DeliveryResult> {
    Some(DeliveryResult::Failed { code: code.to_owned(), retry_after: None })
}

struct World {
    clock: SimClock,
    store: Arc<MemoryStore>,
    receiver: Arc<Receiver>,
    worker: EndpointWorker,
    progress: Option<Progress>,
    saved_at: DateTime<Utc>,
    reminders: BTreeMap<String, ReminderId>,
}

impl World {
    async fn new() -> Self {
        let start = NaiveDate::from_ymd_opt(2026, 12, 1).and_then(|date| date.and_hms_opt(8, 0, 0)).expect("a time");
        let clock = SimClock::at(start.and_utc());
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let receiver = Arc::new(Receiver::default());
        let merchant: MerchantId = "mall".parse().expect("an id");
        let key = EndpointKey { merchant: merchant.clone(), name: "crm".parse().expect("a name") };
        store.add_webhook_endpoint(&key, Default::default()).await.expect("added");
        let secret = WebhookSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let endpoint = WebhookEndpoint {
            key,
            url: "https://crm.example.com/".parse().expect("an address"),
            secrets: vec![secret],
            types: WebhookType::ALL.iter().copied().collect(),
            allowed_networks: Vec::new(),
            ca_pem: None,
        };
        let worker = EndpointWorker {
            endpoint,
            store: Arc::clone(&store) as _,
            feed: Arc::new(Feed::new(Arc::clone(&store) as _, vec![merchant])),
            sender: Arc::clone(&receiver) as _,
            clock: Arc::new(clock.clone()),
            stop: CancellationToken::new(),
        };
        let saved_at = clock.now();
        Self { clock, store, receiver, worker, progress: None, saved_at, reminders: BTreeMap::new() }
    }

    /// A click of each borrower, in this order.
    async fn clicks(&mut self, borrowers: &[&str]) {
        for borrower in borrowers {
            let id = match self.reminders.get(*borrower) {
                Some(id) => *id,
                None => {
                    let key = ReminderKey {
                        borrower: BorrowerKey {
                            merchant: "mall".parse().expect("an id"),
                            id: borrower.parse().expect("an id"),
                        },
                        due_date: NaiveDate::from_ymd_opt(2026, 12, 4).expect("a date"),
                        step: "due-soon/-3".parse().expect("a step"),
                        channel: Channel::Sms,
                    };
                    let now = self.clock.now();
                    let (origin, expires_at) = (Origin::Schedule, now + TimeDelta::days(1));
                    let new = NewReminder { key, origin, not_before: now, expires_at };
                    self.store.plan(&[new], now, WriteMode::Commit).await.expect("planned");
                    let id = ReminderId(i64::try_from(self.reminders.len()).expect("few") + 1);
                    self.reminders.insert((*borrower).to_owned(), id);
                    id
                }
            };
            let click = Click { at: self.clock.now(), reminder: id, route: "web".parse().expect("a key") };
            self.store.add_click(&click).await.expect("kept");
        }
    }

    /// Rounds until there is a pause.
    async fn rounds(&mut self) -> Pause {
        self.worker.feed.look().await.expect("looked");
        for _ in 0..100 {
            let pause = self.worker.round(&mut self.progress, &mut self.saved_at).await.expect("the store works");
            if pause != Pause::Now {
                return pause;
            }
        }
        panic!("it never pauses");
    }

    async fn state(&self) -> EndpointState {
        self.store.webhook_endpoints().await.expect("read").remove(0)
    }

    async fn waiting(&self) -> Vec<String> {
        let waiting = self.store.webhook_waiting(&self.worker.endpoint.key).await.expect("read");
        waiting.into_iter().filter_map(|one| Some(one.borrower?.as_str().to_owned())).collect()
    }
}

#[tokio::test]
async fn events_are_told_once_and_in_order() {
    let mut world = World::new().await;
    world.clicks(&["a", "b", "a"]).await;
    assert_eq!(world.rounds().await, Pause::ForRecords(None));
    let mut taken = world.receiver.taken();
    taken.sort_unstable();
    assert_eq!(taken, ["a", "a", "b"]);
    assert_eq!(world.rounds().await, Pause::ForRecords(None));
    world.clicks(&["b"]).await;
    world.rounds().await;
    // Another process goes on from the store.
    world.progress = None;
    world.rounds().await;
    assert_eq!(world.receiver.taken(), ["b"]);
}

#[tokio::test]
async fn a_borrower_whose_event_fails_holds_up_nobody_else() {
    let mut world = World::new().await;
    world.receiver.answer("b", failed("http-500"));
    world.clicks(&["a", "b", "c", "b"]).await;
    world.rounds().await;
    let mut taken = world.receiver.taken();
    taken.sort_unstable();
    assert_eq!((taken, world.waiting().await), (vec!["a".to_owned(), "c".to_owned()], vec!["b".to_owned()]));
    world.clicks(&["b", "a"]).await;
    world.rounds().await;
    assert_eq!(world.receiver.taken(), ["a"], "b waits for its turn");
    world.receiver.answer("b", None);
    world.clock.advance(Duration::from_secs(3));
    world.clicks(&["b"]).await;
    world.rounds().await;
    assert_eq!(world.receiver.taken(), ["b"; 4]);
    assert!(world.waiting().await.is_empty());
}

/// Even if no other borrower has an event, and the daemon starts again meanwhile.
#[tokio::test]
async fn a_lone_failing_borrower_does_not_bring_the_endpoint_down() {
    let mut world = World::new().await;
    world.receiver.answer("b", failed("http-400"));
    for round in 0..10 {
        world.clicks(&["b"]).await;
        world.rounds().await;
        world.progress = None;
        world.clock.advance(Duration::from_secs(4 << round));
    }
    assert_eq!((world.state().await.failures, world.waiting().await), (0, vec!["b".to_owned()]));
    world.clicks(&["a"]).await;
    world.rounds().await;
    assert_eq!(world.receiver.taken(), ["a"]);
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_called_once_for_each_pause_and_loses_nothing() {
    let mut world = World::new().await;
    world.receiver.answer("*", failed("connect-failed"));
    let names: Vec<_> = (0..50).map(|number| format!("b{number:02}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    world.clicks(&names).await;
    world.rounds().await;
    assert!(world.receiver.calls() <= 20, "those that were under way");
    assert!(world.waiting().await.is_empty(), "they wait for the endpoint");
    let (begun, mut pauses) = (world.clock.now(), 0);
    while world.clock.now() - begun < TimeDelta::days(3) {
        let Pause::Until(until) = world.rounds().await else { panic!("it is down") };
        assert!(until - world.clock.now() <= TimeDelta::minutes(15));
        world.clock.advance((until - world.clock.now()).to_std().expect("later"));
        assert!(world.receiver.calls() <= 3, "a call or two for each pause");
        pauses += 1;
    }
    assert!(pauses < 500, "{pauses}");
    world.receiver.answer("*", None);
    world.clock.advance(Duration::from_secs(900));
    world.rounds().await;
    let mut taken = world.receiver.taken();
    taken.sort_unstable();
    assert_eq!(taken, names);
    assert_eq!(world.state().await.failures, 0);
}

#[tokio::test]
async fn three_borrowers_that_fail_with_nobody_else_mean_the_endpoint() {
    let mut world = World::new().await;
    world.receiver.answer("*", failed("http-500"));
    world.clicks(&["a", "b", "c", "d"]).await;
    assert!(matches!(world.rounds().await, Pause::Until(_)));
    assert_eq!(world.state().await.failures, 1);
    world.receiver.answer("*", None);
    world.receiver.answer("a", failed("http-500"));
    world.clock.advance(Duration::from_secs(900));
    world.rounds().await;
    let taken: BTreeSet<_> = world.receiver.taken().into_iter().collect();
    assert_eq!(taken, ["b", "c", "d"].map(str::to_owned).into());
    assert_eq!((world.state().await.failures, world.waiting().await), (0, vec!["a".to_owned()]));
}

#[tokio::test]
async fn an_answer_of_410_disables_until_a_person_enables() {
    let mut world = World::new().await;
    world.receiver.answer("*", Some(DeliveryResult::Gone));
    world.clicks(&["a"]).await;
    world.rounds().await;
    assert_eq!((world.receiver.calls(), world.state().await.disabled_at), (1, Some(world.clock.now())));
    world.receiver.answer("*", None);
    world.clock.advance(Duration::from_secs(1_000_000));
    world.rounds().await;
    assert_eq!(world.receiver.calls(), 0, "it is not called any more");
    let by = ManualChange { actor: "wang".into(), reason: "moved".into(), at: world.clock.now() };
    assert!(world.store.enable_webhook(&world.worker.endpoint.key, &by).await.expect("asked"));
    world.rounds().await;
    assert_eq!(world.receiver.taken(), ["a"]);
}

#[tokio::test]
async fn an_answer_of_410_disables_even_beside_events_that_are_taken() {
    let mut world = World::new().await;
    world.receiver.answer("b", Some(DeliveryResult::Gone));
    world.clicks(&["a", "b", "c"]).await;
    world.rounds().await;
    assert_eq!(world.state().await.disabled_at, Some(world.clock.now()));
    assert!(world.receiver.taken().iter().all(|borrower| borrower != "b"));
    world.receiver.answer("b", None);
    let by = ManualChange { actor: "wang".into(), reason: "moved".into(), at: world.clock.now() };
    assert!(world.store.enable_webhook(&world.worker.endpoint.key, &by).await.expect("asked"));
    world.rounds().await;
    assert_eq!(world.receiver.taken().iter().filter(|borrower| *borrower == "b").count(), 1);
}

#[tokio::test]
async fn a_pause_that_the_endpoint_asks_for_is_kept() {
    let mut world = World::new().await;
    let asked = DeliveryResult::Failed { code: "http-429".into(), retry_after: Some(Duration::from_secs(100)) };
    world.receiver.answer("*", Some(asked));
    world.clicks(&["a"]).await;
    assert_eq!(world.rounds().await, Pause::Until(world.clock.now() + TimeDelta::seconds(100)));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_an_endpoint_that_never_answers() {
    let mut world = World::new().await;
    world.receiver.is_silent.store(true, Ordering::Relaxed);
    world.clicks(&["a", "b"]).await;
    world.worker.feed.look().await.expect("looked");
    let position = world.state().await.position;
    let (clock, stop, receiver) = (world.clock.clone(), world.worker.stop.clone(), Arc::clone(&world.receiver));
    let stopping = async {
        while *receiver.calls.lock().expect("no panic") < 2 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        for _ in 0..100 {
            tokio::task::yield_now().await;
            clock.advance(Duration::from_millis(20));
        }
    };
    tokio::select! {
        result = world.worker.round(&mut world.progress, &mut world.saved_at) => {
            result.expect("the store works");
        }
        () = stopping => panic!("it waits for an answer"),
    }
    assert_eq!(world.state().await.position, position, "both are posted again");
    assert!(world.waiting().await.is_empty(), "it is no fault of theirs");
}

#[tokio::test]
async fn only_types_that_are_asked_for_are_told() {
    let mut world = World::new().await;
    world.worker.endpoint.types = [WebhookType::OptedOut].into();
    world.clicks(&["a"]).await;
    assert_eq!(world.rounds().await, Pause::ForRecords(None));
    assert_eq!(world.receiver.calls(), 0);
}

#[tokio::test]
async fn a_replay_tells_everything_once_more_under_the_same_ids() {
    let mut world = World::new().await;
    world.clicks(&["a", "b"]).await;
    world.rounds().await;
    let ids = |world: &World| -> BTreeSet<String> {
        let taken = std::mem::take(&mut *world.receiver.taken.lock().expect("no panic"));
        taken.into_iter().map(|(_, id)| id).collect()
    };
    let first = ids(&world);
    let by = ManualChange { actor: "wang".into(), reason: "lost".into(), at: world.clock.now() };
    let key = &world.worker.endpoint.key;
    assert!(world.store.replay_webhook(key, world.clock.now(), &by).await.expect("asked"));
    world.rounds().await;
    assert_eq!((first.len(), ids(&world)), (2, first));
}
