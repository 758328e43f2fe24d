//! Connections that say nothing, or not enough: each is closed in time, and none keeps out who asks for a page.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use dueherald::http::{HEAD_TIMEOUT, IDLE_TIMEOUT, LIFETIME};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{GET, Server, answer, send, slow_page, start, start_with};

const KEEP_ALIVE: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Just before something happens.
const MOMENT: Duration = Duration::from_millis(1);

fn page() -> Router {
    Router::new().route("/", get(async || "fine"))
}

/// Lets the server work until it waits for nothing but that pause.
async fn until_it_waits(server: &Server, pause: Duration) {
    while server.clock.until_next_wake() != Some(pause) {
        tokio::task::yield_now().await;
    }
}

/// One answer of a connection that goes on.
async fn next_answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.ends_with("fine") {
        let mut some = [0; 256];
        let read = stream.read(&mut some).await.expect("the server answers");
        assert_ne!(read, 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&some[..read]).expect("ASCII"));
    }
    text
}

#[rstest::rstest]
#[case::nothing("")]
#[case::half_a_head("GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")]
#[tokio::test]
async fn who_does_not_ask_is_closed_in_time(#[case] text: &str) {
    let server = start(page()).await;
    let stream = send(server.address, text).await;
    until_it_waits(&server, HEAD_TIMEOUT).await;
    server.clock.advance(HEAD_TIMEOUT - MOMENT);
    until_it_waits(&server, MOMENT).await;
    server.clock.advance(MOMENT);
    assert_eq!(answer(stream).await, "", "closed without a word");
}

#[tokio::test]
async fn who_has_its_answer_is_closed_when_it_asks_for_nothing_more() {
    let server = start(page()).await;
    let mut stream = send(server.address, KEEP_ALIVE).await;
    next_answer(&mut stream).await;
    until_it_waits(&server, IDLE_TIMEOUT).await;
    // Half of the next request buys no time.
    server.clock.advance(IDLE_TIMEOUT - MOMENT);
    stream.write_all(b"GET / HT").await.expect("it is open");
    until_it_waits(&server, MOMENT).await;
    server.clock.advance(MOMENT);
    assert_eq!(answer(stream).await, "");
}

#[tokio::test]
async fn when_all_are_taken_the_one_that_is_idle_for_longest_makes_room() {
    let server = start_with(page(), 2).await;
    let mut oldest = send(server.address, KEEP_ALIVE).await;
    next_answer(&mut oldest).await;
    let mut other = send(server.address, KEEP_ALIVE).await;
    next_answer(&mut other).await;
    assert!(answer(send(server.address, GET).await).await.ends_with("fine"), "the next one is served at once");
    assert_eq!(answer(oldest).await, "");
    other.write_all(KEEP_ALIVE.as_bytes()).await.expect("it is open");
    assert!(next_answer(&mut other).await.ends_with("fine"));
}

#[tokio::test]
async fn a_crowd_that_says_nothing_keeps_nobody_out() {
    let server = start_with(page(), 4).await;
    let mut crowd = Vec::new();
    for number in 0..200 {
        crowd.push(send(server.address, if number % 2 == 0 { "" } else { "GET /" }).await);
        if number % 20 == 0 {
            assert!(answer(send(server.address, GET).await).await.ends_with("fine"));
        }
    }
}

#[tokio::test]
async fn who_is_being_answered_is_not_closed_to_make_room() {
    let (router, asked, go) = slow_page();
    let server = start_with(router, 1).await;
    let first = send(server.address, GET).await;
    asked.notified().await;
    let second = send(server.address, GET).await;
    go.notify_one();
    assert!(answer(first).await.ends_with("finished"));
    asked.notified().await;
    go.notify_one();
    assert!(answer(second).await.ends_with("finished"));
}

#[tokio::test]
async fn a_connection_in_steady_use_ends_too() {
    let server = start(page()).await;
    let mut stream = send(server.address, KEEP_ALIVE).await;
    next_answer(&mut stream).await;
    let step = IDLE_TIMEOUT / 2;
    for lived in (0..).map(|steps| step * steps).take_while(|lived| *lived + step < LIFETIME) {
        until_it_waits(&server, IDLE_TIMEOUT.min(LIFETIME - lived)).await;
        server.clock.advance(step);
        stream.write_all(KEEP_ALIVE.as_bytes()).await.expect("it is open");
        next_answer(&mut stream).await;
    }
    until_it_waits(&server, step).await;
    server.clock.advance(step);
    assert_eq!(answer(stream).await, "");
}
