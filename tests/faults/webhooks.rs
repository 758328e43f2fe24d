//! Webhooks at a receiver that counts, while daemons are killed and the receiver fails now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::{Channel, Click, EndpointKey, EventKind, Receipt, RecordPosition};
use dueherald::webhook::{WebhookSecret, signatures};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::bench::{Bench, QUICK};
use crate::chance::{Chance, of, tell};
use crate::patience::{pause, until};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TYPES: [&str; 3] = ["reminder.accepted", "reminder.delivered", "borrower.clicked"];

#[derive(Debug)]
struct Counts {
    /// The ids of events that were taken.
    ids: BTreeSet<String>,
    /// The types that were taken of each borrower, in the order in which each came first.
    of_borrower: BTreeMap<String, Vec<String>>,
    repeats: usize,
    chance: Chance,
    faults: Vec<String>,
}

type Shared = Arc<Mutex<Counts>>;

struct Receiver {
    url: String,
    counts: Shared,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    async fn start(chance: Chance) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hooks", listener.local_addr().expect("bound"));
        let (ids, of_borrower, faults) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
        let counts = Arc::new(Mutex::new(Counts { ids, of_borrower, repeats: 0, chance, faults }));
        let router = Router::new().route("/hooks", post(take)).with_state(Arc::clone(&counts));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { url, counts, serving }
    }

    fn taken(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).ids.len()
    }
}

/// Takes nine of ten.
async fn take(State(counts): State<Shared>, headers: HeaderMap, body: String) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let (id, at) = (header("webhook-id"), header("webhook-timestamp").parse().unwrap_or_default());
    let secret = WebhookSecret::new(SECRET).expect("a secret");
    let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
    if header("webhook-signature") != signatures(&[secret], &id, at, &body) {
        counts.faults.push(format!("{id} is not signed"));
    }
    if body.contains("13800138000") || body.contains("example.com") || body.contains("128.50") {
        counts.faults.push(format!("{id} has personal data"));
    }
    if counts.chance.below(10) == 0 {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let event: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    let borrower = event["data"]["borrower"].as_str().expect("a borrower").to_owned();
    if counts.ids.insert(id) {
        let kind = event["type"].as_str().expect("a type").to_owned();
        counts.of_borrower.entry(borrower).or_default().push(kind);
    } else {
        counts.repeats += 1;
    }
    StatusCode::NO_CONTENT
}

/// After each message left, a receipt and a click are recorded. Returns how many may have left only: their daemon was
/// killed before it had the answer.
async fn record_what_follows(bench: &Bench) -> usize {
    let mut in_doubt = 0;
    for id in bench.ids() {
        let mut last = None;
        until("the message leaves", async || {
            let events = bench.store.events(*id).await.expect("read");
            last = events.last().map(|event| event.kind);
            matches!(last, Some(EventKind::Accepted | EventKind::Unknown))
        })
        .await;
        in_doubt += usize::from(last == Some(EventKind::Unknown));
        let (at, gateway) = (SystemClock.now(), "sink".parse().expect("a gateway"));
        let receipt = Receipt { reminder: *id, gateway, arrived: true, code: None, at };
        bench.store.record(&[receipt]).await.expect("recorded");
        let click = Click { at: SystemClock.now(), reminder: *id, route: "web".parse().expect("a key") };
        bench.store.add_click(&click).await.expect("recorded");
    }
    in_doubt
}

/// Sends all with two daemons, and kills and restarts one of them so often.
async fn survive(case: &str, mut bench: Bench, reminders: usize, daemons: usize, kills: usize) {
    let mut chance = Chance::seeded(case);
    let receiver = Receiver::start(chance.split()).await;
    let mut config = OpenOptions::new().append(true).open(bench.config()).expect("it is ours");
    let section =
        format!("\n[[merchants.mall.webhooks]]\nname = \"crm\"\nurl = \"{}\"\nsecret = \"{SECRET}\"\n", receiver.url);
    config.write_all(section.as_bytes()).expect("it can be written");
    let key = EndpointKey { merchant: "mall".parse().expect("an id"), name: "crm".parse().expect("a name") };
    bench.store.add_webhook_endpoint(&key, RecordPosition::default()).await.expect("added");
    bench.plan(reminders).await;
    let mut running: Vec<_> = (0..daemons).map(|_| bench.start_daemon()).collect();
    let kill = async {
        for place in chance.places(kills, reminders * 2) {
            until("the next moment to kill", async || receiver.taken() >= place).await;
            pause(chance.moment() * 50).await;
            let victim = chance.below(daemons);
            running[victim].kill();
            running[victim] = bench.start_daemon();
        }
    };
    let ((), in_doubt) = tokio::join!(kill, record_what_follows(&bench));
    let all = reminders * TYPES.len() - in_doubt;
    until("every event is told", async || receiver.taken() >= all).await;
    let counts = receiver.counts.lock().unwrap_or_else(PoisonError::into_inner);
    tell(&format!("{case}: {kills} kills, {in_doubt} in doubt, {all} events, {} told more than once", counts.repeats));
    assert_eq!((counts.ids.len(), counts.of_borrower.len()), (all, reminders));
    let unknown = counts.of_borrower.values().filter(|types| **types == TYPES[1..]).count();
    let known = counts.of_borrower.values().filter(|types| **types == TYPES).count();
    assert_eq!((known, unknown), (reminders - in_doubt, in_doubt), "in order: {:?}", counts.of_borrower);
    assert_eq!(counts.faults, Vec::<String>::new());
    let log = fs::read_to_string(bench.log()).expect("it was written");
    assert!(!log.contains("MfKQ9r8"), "the secret is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_lost_and_order_is_kept_when_daemons_are_killed() {
    let bench = Bench::on_postgres(Channel::Sms, QUICK).await;
    survive("webhooks, PostgreSQL", bench, of(300, 3_000), 2, of(20, 200)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_them_too() {
    let bench = Bench::on_sqlite(Channel::Sms, QUICK).await;
    survive("webhooks, SQLite", bench, of(100, 1_000), 1, of(5, 50)).await;
}
