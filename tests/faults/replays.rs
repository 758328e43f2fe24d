//! `kill -9` between the commit of a request of the API and its answer: whoever asks again gets the answer, and nothing
//! happens twice.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Range;

use dueherald::domain::{Channel, Step};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{Bench, QUICK};
use crate::chance::{Chance, of, tell};
use crate::daemon::Daemon;
use crate::patience::{pause, until};

const TOKEN: &str = "a-token-of-the-tests-0123456789-abcdef";

/// How many requests are on their way when a daemon is killed.
const AT_ONCE: usize = 20;

/// A bench whose daemons serve the API.
fn with_api(bench: Bench) -> Bench {
    let mut config = fs::OpenOptions::new().append(true).open(bench.config()).expect("the bench wrote it");
    let section = format!(
        "\n[api]\nlisten = \"127.0.0.1:0\"\nrequests_per_minute = 60000\n[[api.tokens]]\nname = \"crm\"\n\
         token = \"{TOKEN}\"\nmerchants = [\"mall\"]\nactions = [\"resend\"]\n"
    );
    config.write_all(section.as_bytes()).expect("it is ours");
    bench
}

/// A daemon that serves the API and sends nothing, and the address of the API.
async fn started(bench: &Bench, number: usize) -> (Daemon, String) {
    let log = bench.folder.join(format!("api-{number}.log"));
    let mut daemon = Daemon::start_pages_alone(&bench.config(), &log);
    let mut address = None;
    until("the API is served", async || {
        assert!(!daemon.is_gone(), "{}", fs::read_to_string(&log).unwrap_or_default());
        address = daemon.api();
        address.is_some()
    })
    .await;
    (daemon, address.expect("it listens"))
}

/// Sends the wish that the so-manieth borrower is reminded once more, under the same key each time.
async fn ask(address: &str, number: usize) -> TcpStream {
    let body = json!({
        "merchant": "mall", "borrower": format!("b{number}"), "channel": "sms", "reason": "called in"
    });
    let body = body.to_string();
    let request = format!(
        "POST /api/v1/reminders/resend HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {TOKEN}\r\n\
         idempotency-key: \"call-{number}\"\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.expect("the daemon listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    stream
}

/// The number of the reminder in the answer; `None` while the first request may still run.
async fn answer(mut stream: TcpStream) -> Option<i64> {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("it answers");
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole answer");
    let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {text}"));
    match head.split(' ').nth(1) {
        Some("201") => Some(body["id"].as_i64().expect("a number")),
        Some("409") if body["type"].as_str().is_some_and(|kind| kind.ends_with("#still-running")) => None,
        _ => panic!("{text}"),
    }
}

/// The reminders by hand, by borrower.
async fn by_hand(bench: &Bench) -> BTreeMap<String, Vec<i64>> {
    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for view in bench.views().await.into_values() {
        let key = view.reminder.plan.key;
        if matches!(key.step, Step::Manual { .. }) {
            found.entry(key.borrower.id.to_string()).or_default().push(view.reminder.id.0);
        }
    }
    found
}

/// Kills the daemon while it answers, and asks again. Gives how many requests had been carried out by then.
async fn round(bench: &Bench, chance: &mut Chance, number: usize, borrowers: Range<usize>) -> usize {
    let (mut daemon, address) = started(bench, 2 * number).await;
    let mut lost = Vec::new();
    for borrower in borrowers.clone() {
        lost.push(ask(&address, borrower).await);
    }
    // The short form kills when all is committed and nobody has read an answer; the long one every other time at any
    // moment.
    if of(true, number.is_multiple_of(2)) {
        until("all is committed", async || by_hand(bench).await.len() == borrowers.end).await;
    } else {
        pause(chance.moment() * 5).await;
    }
    daemon.kill();
    drop(lost);
    let done = by_hand(bench).await.len() - borrowers.start;
    let (_daemon, address) = started(bench, 2 * number + 1).await;
    let mut answers = BTreeMap::new();
    for borrower in borrowers {
        let mut told = None;
        until("the answer", async || {
            told = answer(ask(&address, borrower).await).await;
            told.is_some()
        })
        .await;
        let again = answer(ask(&address, borrower).await).await;
        assert_eq!(told, again, "every try gets one answer");
        answers.insert(format!("b{borrower}"), Vec::from_iter(told));
    }
    let mut known = by_hand(bench).await;
    known.retain(|borrower, _| answers.contains_key(borrower));
    assert_eq!(known, answers, "each gets one reminder, the one of the answer");
    done
}

async fn replay(case: &str, mut bench: Bench, requests: usize) {
    let mut chance = Chance::seeded(case);
    bench.plan(requests).await;
    let mut done = 0;
    for number in 0..requests / AT_ONCE {
        done += round(&bench, &mut chance, number, number * AT_ONCE..(number + 1) * AT_ONCE).await;
    }
    let found = by_hand(&bench).await;
    let twice = found.values().filter(|ids| ids.len() != 1).count();
    tell(&format!("{case}: {requests} requests, {done} carried out before the kill, {twice} double effects"));
    assert_eq!((found.len(), twice), (requests, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_counts_once_when_its_daemon_dies_before_it_answers() {
    replay("API, PostgreSQL", with_api(Bench::on_postgres(Channel::Sms, QUICK).await), of(20, 1_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_counts_once_on_sqlite_too() {
    replay("API, SQLite", with_api(Bench::on_sqlite(Channel::Sms, QUICK).await), of(20, 1_000)).await;
}
