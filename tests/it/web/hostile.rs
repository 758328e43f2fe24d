//! The table of hostile inputs, as far as they come over HTTP: bytes on the wire, and tokens at the wrong door.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use dueherald::domain::ReminderId;
use dueherald::http::MAX_BODY;
use dueherald::render::Purpose;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::fake::{REMINDER, World};
use super::refusals::{keys, router};
use super::server::{answer, start};
use super::{answered, get as ask_for, post_form};

/// A second request behind one whose end is in doubt: it must not be answered.
const BEHIND: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Requests that no honest client sends, each with its description and the status that it gets.
fn wire() -> Vec<(&'static str, String, u16)> {
    let head = |lines: &str| format!("POST / HTTP/1.1\r\nHost: x\r\n{lines}\r\n");
    let chunked = |body: &str| head("Connection: close\r\nTransfer-Encoding: chunked\r\n") + body;
    vec![
        ("two lengths", head("Content-Length: 5\r\nContent-Length: 6\r\n") + "helloX", 400),
        ("two lengths in one header", head("Content-Length: 5, 6\r\n") + "helloX", 400),
        ("a length of less than nothing", head("Content-Length: -1\r\n"), 400),
        ("a length with a sign", head("Content-Length: +5\r\n") + "hello", 400),
        ("a length beyond all numbers", head("Content-Length: 99999999999999999999999\r\n"), 400),
        ("an encoding that does not end", head("Transfer-Encoding: identity\r\n") + "GET /x HTTP/1.1\r\n\r\n", 400),
        ("chunks within something else", head("Transfer-Encoding: chunked, gzip\r\n") + "0\r\n\r\n", 400),
        ("chunks within chunks", head("Transfer-Encoding: chunked, chunked\r\n") + "0\r\n\r\n" + BEHIND, 400),
        (
            "an encoding said twice",
            head("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + "0\r\n\r\n" + BEHIND,
            400,
        ),
        ("chunks behind a vertical tab", head("Transfer-Encoding: \u{b}chunked\r\n") + "0\r\n\r\n" + BEHIND, 400),
        ("chunks as a name of its own", head("Transfer-Encoding: xchunked\r\n") + "0\r\n\r\n" + BEHIND, 400),
        ("chunks in a fold", head("X-A: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n") + BEHIND, 400),
        ("a length in hexadecimal", head("Content-Length: 0x5\r\n") + "hello" + BEHIND, 400),
        ("a chunk that a line feed ends", chunked("0\n\n") + BEHIND, 400),
        ("a chunk with a line feed behind it", chunked("5;\n a\r\nhello\r\n0\r\n\r\n") + BEHIND, 400),
        (
            "a chunk with a long remark",
            chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(100_000))) + BEHIND,
            400,
        ),
        ("a carriage return in a header", head("X-A: a\rX-B: b\r\n") + BEHIND, 400),
        ("a NUL in the path", format!("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n{BEHIND}"), 400),
        ("a space in the path", format!("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n{BEHIND}"), 400),
        ("chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 400),
        ("a space before the colon", head("Content-Length : 5\r\n") + "hello", 400),
        ("a header without a colon", head("nonsense\r\n"), 400),
        ("a folded header", head("X-A: a\r\n b: c\r\n"), 400),
        ("a NUL in a header", head("X-A: a\0b\r\n"), 400),
        ("a method that is none", "G@T / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 400),
        ("a version that is none", "GET / HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(), 400),
        ("a hundred and one headers", head(&"X-A: a\r\n".repeat(101)), 431),
        ("a header of half a megabyte", head(&format!("X-A: {}\r\n", "a".repeat(500_000))), 431),
        ("a path of 70,000 letters", format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000)), 431),
        ("a chunk whose size is no number", chunked("zz\r\nhello\r\n0\r\n\r\n"), 400),
        ("a chunk beyond all numbers", chunked("fffffffffffffffff\r\nhello\r\n0\r\n\r\n"), 400),
        (
            "a body beyond the limit",
            head(&format!("Content-Length: {}\r\n", MAX_BODY + 1)) + &"a".repeat(MAX_BODY + 1),
            413,
        ),
        ("chunks beyond the limit", chunked(&("1000\r\n".to_owned() + &"a".repeat(0x1000) + "\r\n").repeat(65)), 413),
    ]
}

#[tokio::test]
async fn a_hostile_request_is_refused_and_nothing_behind_it_is_answered() {
    let page = get(async || "fine").post(async |body: String| body);
    let server = start(Router::new().route("/", page)).await;
    for (what, request, status) in wire() {
        let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
        // It may have answered and closed before all of a bomb is written.
        drop(stream.write_all(request.as_bytes()).await);
        let answer = answer(stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) || answer.is_empty() && status >= 413,
            "{what}: {answer}"
        );
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{what}: a second answer: {answer}");
    }
}

/// A length and chunks: the chunks count (RFC 9112, 6.3), and as a front server may have counted the length, nothing
/// behind is answered.
#[tokio::test]
async fn behind_a_length_and_chunks_nothing_is_answered() {
    let page = get(async || "fine").post(async |body: String| body);
    let server = start(Router::new().route("/", page)).await;
    let (length, chunks) = ("Content-Length: 50\r\n", "Transfer-Encoding: chunked\r\n");
    for lines in [format!("{length}{chunks}"), format!("{chunks}{length}")] {
        let request = format!("POST / HTTP/1.1\r\nHost: x\r\n{lines}\r\n5\r\nhello\r\n0\r\n\r\n{BEHIND}");
        let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
        drop(stream.write_all(request.as_bytes()).await);
        let answer = answer(stream).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.ends_with("hello") && !answer.contains("fine"), "{answer}");
    }
}

/// A front server may have looked at the one host, and this program at the other.
#[tokio::test]
async fn a_request_that_names_two_hosts_is_of_none() {
    let landing = keys(9).seal(Purpose::Landing, REMINDER);
    let page = |hosts: &[&str]| {
        let request =
            hosts.iter().fold(Request::get(format!("/r/{landing}")), |request, host| request.header("host", *host));
        request.body(Body::empty()).expect("a request")
    };
    let router = router(World::new());
    assert_eq!(answered(router.clone(), page(&["localhost"])).await.status, StatusCode::OK);
    for hosts in [["localhost", "evil.example"], ["evil.example", "localhost"], ["localhost", "localhost"]] {
        assert_eq!(answered(router.clone(), page(&hosts)).await.status, StatusCode::NOT_FOUND, "{hosts:?}");
    }
}

/// Each token at each door that is not its own.
#[tokio::test]
async fn a_token_opens_no_other_door() {
    let mut world = World::new();
    world.http.requests_per_minute = 10_000;
    let router = router(world);
    let landing = keys(9).seal(Purpose::Landing, REMINDER);
    assert_eq!(ask_for(router.clone(), &format!("/r/{landing}")).await.status, StatusCode::OK);
    let tokens = [
        ("of another purpose", "r", keys(9).seal(Purpose::Unsubscribe, REMINDER)),
        ("a reference as a link", "r", keys(9).seal(Purpose::Reference, REMINDER)),
        ("under another key", "r", keys(8).seal(Purpose::Landing, REMINDER)),
        ("of no reminder", "r", keys(9).seal(Purpose::Landing, ReminderId(404))),
        ("a link to unsubscribe by", "u", landing.clone()),
        ("a reference to unsubscribe by", "u", keys(9).seal(Purpose::Reference, REMINDER)),
        ("of a stranger", "u", keys(8).seal(Purpose::Unsubscribe, REMINDER)),
        ("cut off", "r", landing[..landing.len() - 1].to_owned()),
        ("longer", "r", format!("{landing}A")),
        ("in other letters", "r", landing.to_ascii_lowercase() + "x"),
        ("a step up", "r", "..%2f..%2fetc%2fpasswd".to_owned()),
        ("SQL", "u", "'%20or%201=1--".to_owned()),
        ("a line break", "u", format!("{landing}%0d%0aSet-Cookie:%20a=b")),
    ];
    for (what, door, token) in tokens {
        let page = format!("/{door}/{token}");
        for answer in [ask_for(router.clone(), &page).await, post_form(router.clone(), &page, "digits=2222").await] {
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{what}");
            assert!(answer.header("set-cookie").is_empty() && answer.header("location").is_empty(), "{what}");
        }
    }
}
