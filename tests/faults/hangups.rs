//! Visitors who hang up: their requests end in the middle of an operation on the database, beside the sending.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::Channel;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::bench::{Bench, Pace};
use crate::chance::{Chance, of, tell};
use crate::patience::{pause, until};
use crate::server::Server;

/// Longer than the database is frozen, so that nothing is in doubt by that.
const PATIENT: Pace = Pace { lease: Duration::from_secs(12), timeout: Duration::from_secs(5) };

const VISITORS: usize = 12;

/// Visitors who wait for the answer instead.
const PATIENT_VISITORS: usize = 2;

/// Due at once: fewer than a claim would take, so that claims use whatever connection comes.
const PORTION: usize = 6;

/// Shorter than a page waits for the database.
const FROZEN: Duration = Duration::from_secs(2);

/// A request for something that writes.
fn post(token: &str, place: &str, body: &str) -> String {
    format!(
        "POST /r/{token}{place} HTTP/1.1\r\nhost: mall.example\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The same, and waits for the answer.
async fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the daemon listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer
}

/// Asks, and hangs up after 0.5 to 30 ms, again and again.
async fn visit(address: String, tokens: Vec<String>, mut chance: Chance) {
    loop {
        let token = &tokens[chance.below(tokens.len())];
        let request = match chance.below(2) {
            0 => post(token, "", "digits=0000"),
            _ => post(token, "/go", "route=web"),
        };
        if let Ok(mut stream) = TcpStream::connect(&address).await {
            // One that is refused comes again.
            let _ = stream.write_all(request.as_bytes()).await;
            pause(Duration::from_micros(500) + chance.moment() * 3 / 2).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_who_hang_up_double_no_message_and_lose_none() {
    let mut chance = Chance::seeded("hang-ups");
    let server = Server::start().await;
    let mut bench = Bench::on(&server.url(), Channel::Sms, PATIENT).await;
    bench.plan(50).await;
    let mut daemon = bench.start_daemon_with_pages();
    let (lasting, freezes) = of((Duration::from_secs(10), 2), (Duration::from_secs(120), 12));
    until("the pages are served", async || daemon.pages().is_some()).await;
    let address = daemon.pages().expect("they are");
    let tokens: Vec<_> = (0..50).map(|number| bench.landing_token(number)).collect();
    let answer = ask(&address, &post(&tokens[0], "/go", "route=web")).await;
    assert!(answer.contains("https://pay.mall.example/bill"), "who waits is led on: {answer}");
    let mut visitors = JoinSet::new();
    for _ in 0..VISITORS {
        visitors.spawn(visit(address.clone(), tokens.clone(), chance.split()));
    }
    let served = Arc::new(AtomicUsize::new(0));
    for _ in 0..PATIENT_VISITORS {
        let (address, token, served) = (address.clone(), tokens[0].clone(), Arc::clone(&served));
        visitors.spawn(async move {
            loop {
                let answer = ask(&address, &post(&token, "/go", "route=web")).await;
                // One that is not led on leaves an error in the log.
                served.fetch_add(usize::from(answer.contains("https://pay.mall.example/bill")), Ordering::Relaxed);
            }
        });
    }
    let begun = SystemClock.elapsed();
    let mut frozen = 0;
    while SystemClock.elapsed() - begun < lasting {
        bench.plan(PORTION).await;
        pause(Duration::from_millis(20) + chance.moment()).await;
        let next = lasting * (frozen + 1) / (freezes + 1);
        if frozen < freezes && SystemClock.elapsed() - begun >= next {
            frozen += 1;
            let stopped = server.freeze();
            pause(FROZEN).await;
            stopped.thaw();
        }
    }
    visitors.shutdown().await;
    bench.drained().await;
    let served = served.load(Ordering::Relaxed);
    tell(&format!("{} messages, {served} visitors who waited", bench.planned()));
    assert!(served > 20, "who waits is served: {served}");
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success(), "it stops softly");
    let notices =
        server.log_lines("already a transaction in progress") + server.log_lines("no transaction in progress");
    assert_eq!(notices, 0, "transactions leaked");
    bench.assert_once_each(0).await;
    assert!(!daemon.said("ERROR"), "errors in the log: {}", daemon.first_line_with("ERROR"));
}
