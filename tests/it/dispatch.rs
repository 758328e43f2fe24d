//! Dispatch over the store in memory: what leaves, what does not, and what is on record afterwards.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Channel, Code, GatewayName, LinkMode, Message, Outcome, RejectScope, ReminderId, SkipReason, State,
};
use dueherald::gateway::{Gateway, GatewayError, Handover};
use dueherald::pipeline::{DispatchSettings, Dispatcher, Lane, Poison, Post, Reconciler, Tally, Until};
use dueherald::store::{MemoryStore, ReminderFilter, ReminderView, Store, WriteMode};
use tokio_util::sync::CancellationToken;

use crate::fixtures::{at, composer, installment, policy, reminder, row};

const TEN: &str = "2026-11-22T02:00:00Z";
const DUE: &str = "2026-11-25";

/// A gateway that answers by script, then accepts. It records what it was handed.
#[derive(Debug)]
struct Scripted {
    name: GatewayName,
    answers: Mutex<VecDeque<Outcome>>,
    seen: Mutex<Vec<(String, u32, String)>>,
    silent: AtomicBool,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

#[async_trait]
impl Gateway for Scripted {
    fn name(&self) -> &GatewayName {
        &self.name
    }

    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn link_mode(&self) -> LinkMode {
        LinkMode::Personal
    }

    fn max_in_flight(&self) -> usize {
        4
    }

    async fn send(&self, handover: &Handover<'_>) -> Outcome {
        let flying = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(flying, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let Message::Sms(text) = handover.message else { panic!("an SMS gateway") };
        let record = (handover.reference.to_owned(), handover.attempt, text.0.clone());
        self.seen.lock().expect("no panic").push(record);
        if self.silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.answers.lock().expect("no panic").pop_front().unwrap_or(Outcome::Accepted { provider_id: None })
    }

    async fn check(&self) -> Result<(), GatewayError> {
        Ok(())
    }
}

struct Bench {
    clock: SimClock,
    store: Arc<MemoryStore>,
    gateway: Arc<Scripted>,
    lane: Lane,
    reconciler: Reconciler,
}

impl Bench {
    /// `reminders` borrowers b0, b1, … with one instalment each, whose first step is due now.
    async fn with(reminders: usize, answers: Vec<Outcome>) -> Self {
        let clock = SimClock::at(at(TEN));
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        let gateway = Arc::new(Scripted {
            name: "script".parse().expect("a name"),
            answers: Mutex::new(answers.into()),
            seen: Mutex::default(),
            silent: AtomicBool::new(false),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        let dispatcher = Dispatcher {
            store: store.clone(),
            policy: Arc::new(policy()),
            composer: composer(),
            clock: Arc::new(clock.clone()),
            settings: DispatchSettings { lease: Duration::from_secs(60), ..DispatchSettings::default() },
            poison: Poison::default(),
        };
        let dispatcher = Arc::new(dispatcher);
        let lane = Lane::of_channel(&dispatcher, Channel::Sms, vec![Post::new(gateway.clone(), None)]).remove(0);
        let reconciler = Reconciler { dispatcher, gateways: BTreeMap::new() };
        for number in 0..reminders {
            let who = format!("b{number}");
            store
                .import(&[row(&installment(&format!("i{number}"), &who, DUE))], WriteMode::Commit)
                .await
                .expect("imported");
            let planned = store.plan(&[reminder(&who, DUE, "due/-3", TEN)], at(TEN), WriteMode::Commit).await;
            assert_eq!(planned.expect("planned").len(), 1);
        }
        Self { clock, store, gateway, lane, reconciler }
    }

    async fn drain(&self) -> Tally {
        self.lane.run(Until::Drained, &CancellationToken::new()).await.expect("the store does not fail")
    }

    async fn view(&self, id: i64) -> ReminderView {
        let filter = ReminderFilter { id: Some(ReminderId(id)), limit: 1, ..ReminderFilter::default() };
        self.store.reminders(&filter).await.expect("listed").remove(0)
    }

    async fn story(&self, id: i64) -> Vec<String> {
        let events = self.store.events(ReminderId(id)).await.expect("listed");
        let line = |event: &dueherald::domain::Event| {
            format!("{} {} {}", event.attempt, event.kind, event.detail.as_deref().unwrap_or("-"))
        };
        events.iter().map(line).collect()
    }

    fn seen(&self) -> Vec<(String, u32, String)> {
        self.gateway.seen.lock().expect("no panic").clone()
    }
}

fn code() -> Code {
    Code::new("busy")
}

#[tokio::test]
async fn what_is_due_is_sent_once_and_never_again() {
    let bench = Bench::with(10, vec![]).await;
    assert_eq!(bench.drain().await.accepted, 10);
    assert_eq!(bench.drain().await, Tally::default());
    bench.clock.advance(Duration::from_secs(3600));
    assert_eq!(bench.reconciler.round().await.expect("reconciled").reaped, 0);
    assert_eq!(bench.drain().await, Tally::default());
    let references: std::collections::BTreeSet<_> = bench.seen().into_iter().map(|(reference, ..)| reference).collect();
    assert_eq!((bench.seen().len(), references.len()), (10, 10));
    assert_eq!(bench.gateway.most_in_flight.load(Ordering::SeqCst), 4, "as many as the gateway allows, and no more");
}

#[tokio::test]
async fn a_payment_between_planning_and_sending_is_honoured() {
    let bench = Bench::with(1, vec![]).await;
    let mut paid = installment("i0", "b0", DUE);
    paid.status = dueherald::domain::InstallmentStatus::Paid;
    bench.store.import(&[row(&paid)], WriteMode::Commit).await.expect("imported");
    assert_eq!(bench.drain().await.skipped, [(SkipReason::Paid, 1)].into());
    assert!(bench.seen().is_empty());
    assert_eq!(bench.story(1).await, ["0 skipped paid"]);
}

#[tokio::test]
async fn two_instalments_of_one_day_are_one_message() {
    let bench = Bench::with(1, vec![]).await;
    bench.store.import(&[row(&installment("more", "b0", DUE))], WriteMode::Commit).await.expect("imported");
    assert_eq!(bench.drain().await.accepted, 1);
    assert!(bench.seen()[0].2.contains("2,561.00"), "the sum of both: {}", bench.seen()[0].2);
}

#[tokio::test]
async fn what_was_not_sent_is_tried_again_after_a_pause() {
    let bench =
        Bench::with(1, vec![Outcome::NotSent { code: code() }, Outcome::RetryAfter { code: code(), after: None }])
            .await;
    assert_eq!(bench.drain().await.retried, 1);
    assert_eq!(bench.drain().await, Tally::default(), "not before the pause is over");
    for _ in 0..2 {
        bench.clock.advance(Duration::from_secs(120));
        bench.drain().await;
    }
    assert_eq!(bench.story(1).await, ["1 retry busy", "2 retry busy", "3 accepted -"]);
    let references: std::collections::BTreeSet<_> = bench.seen().into_iter().map(|(reference, ..)| reference).collect();
    assert_eq!(references.len(), 1, "every attempt bears the same reference");
}

#[tokio::test]
async fn attempts_and_usefulness_are_bounded() {
    let bench = Bench::with(1, vec![Outcome::NotSent { code: code() }; 100]).await;
    for _ in 0..100 {
        bench.drain().await;
        bench.clock.advance(Duration::from_secs(30 * 60));
    }
    assert_eq!(bench.view(1).await.state, State::Failed);
    assert_eq!(bench.seen().len(), 6);

    let hour = Some(TimeDelta::hours(13));
    let bench = Bench::with(1, vec![Outcome::RetryAfter { code: code(), after: hour }]).await;
    bench.drain().await;
    bench.clock.advance(Duration::from_secs(13 * 3600));
    assert_eq!(bench.drain().await.skipped, [(SkipReason::Expired, 1)].into(), "12 hours is its lateness");
}

#[tokio::test]
async fn an_unknown_outcome_is_kept_and_never_sent_again() {
    let bench = Bench::with(1, vec![Outcome::Unknown { code: code() }]).await;
    assert_eq!(bench.drain().await.unknown, 1);
    for _ in 0..20 {
        bench.clock.advance(Duration::from_secs(3600));
        bench.reconciler.round().await.expect("reconciled");
        assert_eq!(bench.drain().await, Tally::default());
    }
    assert_eq!(bench.seen().len(), 1);
    assert_eq!(bench.view(1).await.state, State::Unknown);
}

#[tokio::test]
async fn a_final_refusal_is_final() {
    let refused = Outcome::Rejected { code: code(), scope: RejectScope::Recipient };
    let bench = Bench::with(1, vec![refused]).await;
    assert_eq!(bench.drain().await.failed, 1);
    bench.clock.advance(Duration::from_secs(7200));
    assert_eq!(bench.drain().await, Tally::default());
    assert_eq!(bench.story(1).await, ["1 failed busy"]);
}

#[tokio::test]
async fn a_sender_that_dies_leaves_unknown_behind_and_nothing_is_sent_again() {
    let bench = Bench::with(3, vec![]).await;
    bench.gateway.silent.store(true, Ordering::SeqCst);
    let lane = bench.lane.clone();
    let sender = tokio::spawn(async move { lane.run(Until::Drained, &CancellationToken::new()).await });
    while bench.seen().len() < 3 {
        tokio::task::yield_now().await;
    }
    sender.abort();
    assert!(sender.await.is_err());
    assert_eq!(bench.view(1).await.state, State::Sending);
    assert_eq!(bench.reconciler.round().await.expect("reconciled").reaped, 0, "the lease still runs");

    bench.gateway.silent.store(false, Ordering::SeqCst);
    bench.clock.advance(Duration::from_secs(61));
    assert_eq!(bench.reconciler.round().await.expect("reconciled").reaped, 3);
    assert_eq!(bench.drain().await, Tally::default());
    assert_eq!(bench.story(1).await, ["1 unknown lease_expired"]);
    assert_eq!(bench.seen().len(), 3);
}

#[tokio::test]
async fn a_stop_claims_nothing_more_and_settles_what_is_in_flight() {
    let bench = Bench::with(10, vec![]).await;
    let stop = CancellationToken::new();
    let lane = bench.lane.clone();
    let stopper = stop.clone();
    let sender = tokio::spawn(async move { lane.run(Until::Stopped, &stopper).await });
    while bench.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    let tally = sender.await.expect("no panic").expect("the store does not fail");
    assert!((1..10).contains(&tally.accepted), "{tally:?}");
    let count = |state| ReminderFilter { state: Some(state), limit: 100, ..ReminderFilter::default() };
    assert!(bench.store.reminders(&count(State::Sending)).await.expect("listed").is_empty());
    let planned = bench.store.reminders(&count(State::Planned)).await.expect("listed").len() as u64;
    assert_eq!(tally.accepted + planned, 10);
    assert_eq!(bench.clock.now(), at(TEN), "nothing waited for time to pass");
}
