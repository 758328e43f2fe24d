//! A crowd of clients that connect and say nothing, or not enough, beside the sending: it takes nothing from it.
//!
//! The daemon gets 1,024 descriptors. The long form compares three runs with the crowd to three without, by their
//! medians; the short form only sees that everything works meanwhile, since a machine that is busy otherwise proves no
//! speed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::Channel;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::bench::{Bench, Pace};
use crate::chance::{of, tell};
use crate::daemon::Daemon;
use crate::patience::{pause, until};
use crate::sink::Reply;

/// No lease runs out while the machine is busy.
const PATIENT: Pace = Pace { lease: Duration::from_secs(8), timeout: Duration::from_secs(6) };

/// The daemon's limit of open file descriptors.
const DESCRIPTORS: usize = 1_024;

/// The time that a gateway takes to answer.
const ANSWER: Duration = Duration::from_millis(5);

/// Between planning and sending: the daemon starts meanwhile.
const LEAD: Duration = Duration::from_secs(3);

/// Connections to database and gateway that come and go meanwhile.
const SLACK: usize = 12;

/// Without the pages of the program itself, of which an unoptimised build has 56 MiB.
const MOST_MEMORY_KIB: usize = 64 * 1024;

/// The request that each client sends. The last one is complete: its client reads the answer and asks nothing more.
/// Such connections last three times as long, so the short form has none.
const SAYINGS: [&str; 4] = [
    "",
    "GET /verify HTTP/1.1\r\nHost: mall.example\r\nX-Slow: ",
    "POST /verify HTTP/1.1\r\nHost: mall.example\r\nContent-Length: 900\r\n\r\ncode=",
    "GET /verify HTTP/1.1\r\nHost: mall.example\r\n\r\n",
];

/// Connects, says its piece, and waits to be closed.
async fn loiter(address: String, saying: &'static str) {
    if let Ok(mut stream) = TcpStream::connect(&address).await {
        let _ = stream.write_all(saying.as_bytes()).await;
        let mut some = [0; 1_024];
        while stream.read(&mut some).await.is_ok_and(|read| read > 0) {}
    }
}

/// An answer, and how long it took.
pub(crate) async fn ask(address: &str, path: &str) -> (String, Duration) {
    let begun = SystemClock.elapsed();
    let mut stream = TcpStream::connect(address).await.expect("the daemon listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: mall.example\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    // One that had to make room before its request was read asks again.
    let _ = stream.read_to_string(&mut answer).await;
    (answer, SystemClock.elapsed() - begun)
}

/// Room for the sockets of the crowd in this process.
fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the hard limit anybody may");
}

/// How many sockets the daemon has open.
fn sockets(daemon: &Daemon) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("the process is there");
    let is_socket = |path: &PathBuf| fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("socket:"));
    descriptors.filter_map(|entry| Some(entry.ok()?.path())).filter(is_socket).count()
}

/// The most memory that the daemon had, without the pages of its program.
fn peak_memory_kib(daemon: &Daemon) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).expect("the process is there");
    let kib_of = |title| {
        let line = status.lines().find_map(|line| line.strip_prefix(title)).expect("Linux says so");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number")
    };
    kib_of("VmHWM:") - kib_of("RssFile:")
}

#[derive(Debug, Default)]
struct Run {
    /// From the first message to the last.
    sending: Duration,
    slowest_health: Duration,
    memory_kib: usize,
    /// From the last client that connected until all were closed.
    closing: Duration,
}

/// Sends so many messages beside a crowd of so many clients.
async fn run(messages: usize, crowd: usize) -> Run {
    let mut bench = Bench::on_postgres(Channel::Sms, PATIENT).await;
    bench.sink.behave(|_, _| Reply::Accept(ANSWER));
    let start = SystemClock.elapsed() + LEAD + Duration::from_millis(messages as u64);
    bench.plan_in(messages, LEAD + Duration::from_millis(messages as u64)).await;
    let mut daemon = Daemon::start_with_descriptors(&bench.config(), &bench.log(), DESCRIPTORS);
    until("the pages are served", async || daemon.pages().is_some()).await;
    let (pages, ops) = (daemon.pages().expect("they are"), daemon.ops().expect("it is served first"));
    pause(start.saturating_sub(SystemClock.elapsed())).await;

    let before = sockets(&daemon);
    let (mut clients, mut ran) = (JoinSet::new(), Run::default());
    let sayings = &SAYINGS[..of(3, 4)];
    for number in 0..crowd {
        clients.spawn(loiter(pages.clone(), sayings[number % sayings.len()]));
    }
    let connected = SystemClock.elapsed();
    let mut asked = 0;
    until("all is sent", async || {
        let (answer, took) = ask(&ops, "/healthz").await;
        assert!(answer.ends_with("ok\n"), "{answer:?}");
        ran.slowest_health = ran.slowest_health.max(took);
        asked += 1;
        bench.sink.total() == messages
    })
    .await;
    ran.sending = SystemClock.elapsed() - start;
    until("a page is served", async || ask(&pages, "/verify").await.0.starts_with("HTTP/1.1 200 ")).await;
    // Seen from the daemon: a client whose connection never came through believes to have one.
    until("all are closed", async || sockets(&daemon) <= before + SLACK).await;
    ran.closing = SystemClock.elapsed() - connected;
    ran.memory_kib = peak_memory_kib(&daemon);
    clients.shutdown().await;
    bench.drained().await;
    daemon.signal(Signal::TERM);
    assert!(daemon.ended().await.success(), "it stops softly");
    bench.assert_once_each(0).await;
    assert!(!daemon.said("ERROR"), "errors in the log: {}", daemon.first_line_with("ERROR"));
    tell(&format!("{messages} messages, {crowd} clients, {asked} looks at /healthz: {ran:?}"));
    ran
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values[values.len() / 2]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_that_says_nothing_takes_nothing_from_the_sending() {
    raise_limit();
    let (messages, crowd, rounds) = of((300, 1_500, 0), (8_000, 10_000, 3));
    if rounds == 0 {
        let ran = run(messages, crowd).await;
        assert!(ran.memory_kib <= MOST_MEMORY_KIB, "{ran:?}");
        return;
    }
    let (mut quiet, mut crowded) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        quiet.push(run(messages, 0).await.sending);
        let ran = run(messages, crowd).await;
        assert!(ran.memory_kib <= MOST_MEMORY_KIB, "{ran:?}");
        assert!(ran.slowest_health < Duration::from_millis(100), "{ran:?}");
        assert!(ran.closing <= Duration::from_secs(60), "{ran:?}");
        crowded.push(ran.sending);
    }
    let (quiet, crowded) = (median(quiet), median(crowded));
    tell(&format!("median of {rounds}: {quiet:?} without the crowd, {crowded:?} with it"));
    assert!(crowded <= quiet + quiet / 20, "{crowded:?} is more than 5 % above {quiet:?}");
}
