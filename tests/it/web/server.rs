//! Server behaviour: timeouts, limits, shutdown.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use dueherald::clock::SimClock;
use dueherald::http::{ConnectionLimits, DRAIN, MAX_BODY, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::fake::instant;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) clock: SimClock,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

pub(super) async fn start(router: Router) -> Server {
    start_with(router, 100).await
}

/// With room for so many connections.
pub(super) async fn start_with(router: Router, total: usize) -> Server {
    let limits = ConnectionLimits { total, per_client: None };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let clock = SimClock::at(instant("2026-11-22T01:00:00Z"));
    let stop = CancellationToken::new();
    let running = tokio::spawn(serve(listener, router, limits, Arc::new(clock.clone()), stop.clone()));
    Server { address, clock, stop, running }
}

pub(super) async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    stream
}

/// Everything up to the end of the connection.
pub(super) async fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    // A server that ends with bytes of the request unread may reset the connection; what it said before counts.
    drop(stream.read_to_string(&mut text).await);
    text
}

pub(super) const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fn panicking() -> &'static str {
    panic!("on purpose")
}

#[tokio::test]
async fn a_panic_ends_one_request_only() {
    let router = Router::new().route("/panic", get(async || panicking())).route("/", get(async || "fine"));
    let server = start(router).await;
    let failed = answer(send(server.address, &GET.replace("/ ", "/panic ")).await).await;
    assert!(failed.starts_with("HTTP/1.1 500 ") && !failed.contains("on purpose"), "{failed}");
    assert!(answer(send(server.address, GET).await).await.ends_with("fine"));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let server = start(Router::new().route("/", post(async |body: String| body.len().to_string()))).await;
    let request = |length: usize| {
        format!(
            "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{}",
            "a".repeat(length)
        )
    };
    assert!(answer(send(server.address, &request(MAX_BODY)).await).await.ends_with("262144"));
    assert!(answer(send(server.address, &request(MAX_BODY + 1)).await).await.starts_with("HTTP/1.1 413 "));
}

/// A page that tells when it was asked for and answers when it is let go.
pub(super) fn slow_page() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&asked), Arc::clone(&go));
    let page = async move || {
        tell.notify_one();
        wait.notified().await;
        "finished"
    };
    (Router::new().route("/", get(page)), asked, go)
}

#[tokio::test]
async fn a_stop_lets_the_request_in_flight_finish() {
    let (router, asked, go) = slow_page();
    let server = start(router).await;
    let stream = send(server.address, GET).await;
    asked.notified().await;
    server.stop.cancel();
    go.notify_one();
    assert!(answer(stream).await.ends_with("finished"));
    server.running.await.expect("no panic");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_stop_waits_for_a_request_that_never_ends_no_longer_than_the_drain() {
    let (router, asked, _go) = slow_page();
    let server = start(router).await;
    let stream = send(server.address, GET).await;
    asked.notified().await;
    server.stop.cancel();
    // Not before the drain is over: the server is still there after every turn it could take.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!server.running.is_finished());
    server.clock.advance(DRAIN);
    server.running.await.expect("no panic");
    assert_eq!(answer(stream).await, "", "the drain ended it, not the request's own time-out");
}
