//! The shape of every answer: problems, ids of requests, bounded bodies, and how often a token may ask.

use std::io::Write;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use serde_json::json;

use super::super::fake::{Health, World, instant};
use super::super::logged;
use super::{FOREIGN_TOKEN, bench, over, problem};
use dueherald::clock::SimClock;
use dueherald::http::api::MAX_API_BODY;

const PATH: &str = "/api/v1/borrowers/mall/b-1/preferences";

#[rstest]
#[case::unknown_borrower("/api/v1/borrowers/mall/nobody/preferences")]
#[case::another_merchant("/api/v1/borrowers/harbour/b-1/preferences")]
#[case::no_such_merchant("/api/v1/borrowers/nowhere/b-1/preferences")]
#[case::no_text("/api/v1/borrowers/%FF/b-1/preferences")]
#[case::no_path("/api/v1/lenders")]
#[tokio::test]
async fn what_is_not_there_is_told(#[case] path: &str) {
    let (bench, _) = bench().await;
    for method in [Method::GET, Method::PATCH] {
        let answer = bench.ask(method, path).json(&json!({ "channel": "sms" })).answer().await;
        problem(&answer, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn what_belongs_to_another_merchant_is_as_if_it_were_not_there() {
    let (bench, _) = bench().await;
    let foreign = problem(&bench.get(PATH).by(FOREIGN_TOKEN).answer().await, StatusCode::NOT_FOUND);
    let nobody = bench.get("/api/v1/borrowers/harbour/nobody/preferences").by(FOREIGN_TOKEN).answer().await;
    assert_eq!(foreign, problem(&nobody, StatusCode::NOT_FOUND));
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_names_those_that_it_has() {
    let (bench, _) = bench().await;
    let answer = bench.ask(Method::DELETE, PATH).answer().await;
    problem(&answer, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), "GET,HEAD,PATCH");
}

#[rstest]
#[case::taken_over("call-17.a_B", "call-17.a_B")]
#[case::too_long("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "")]
#[case::with_a_space("a b", "")]
#[case::with_a_mark("a\"b", "")]
#[case::empty("", "")]
#[tokio::test]
async fn every_answer_has_the_id_of_its_request(#[case] given: &str, #[case] expected: &str) {
    let (bench, _) = bench().await;
    let (mut first, mut second) = (String::new(), String::new());
    for (path, id) in [(PATH, &mut first), ("/api/v1/nothing", &mut second)] {
        *id = bench.get(path).header("x-request-id", given).answer().await.header("x-request-id").to_owned();
    }
    if expected.is_empty() {
        assert_eq!((first.len(), second.len()), (24, 24), "each gets one of its own");
        assert_ne!(first, second);
    } else {
        assert_eq!([first.as_str(), second.as_str()], [expected; 2]);
    }
}

#[tokio::test]
async fn the_log_names_the_id_of_a_request_that_failed_and_nobody() {
    let mut world = World::new();
    world.store.health = Health::Failing;
    let bench = over(world.public().store, &SimClock::at(instant("2026-11-22T02:00:00Z")));
    let log = logged(async {
        _ = bench.get(PATH).header("x-request-id", "call-17").answer().await;
    })
    .await;
    let line = log.lines().find(|line| line.contains("ERROR")).expect("the failure is logged");
    for part in ["call-17", "/api/v1/borrowers/{merchant}/{borrower}/preferences", "crm", "503", "db.internal"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!log.contains("b-1"), "{log}");
}

#[rstest]
#[case::json("application/json; charset=utf-8", true)]
#[case::merge_patch("application/merge-patch+json", true)]
#[case::form("application/x-www-form-urlencoded", false)]
#[case::text("text/plain", false)]
#[tokio::test]
async fn only_json_is_read(#[case] kind: &str, #[case] is_read: bool) {
    let (bench, _) = bench().await;
    let asked = bench.ask(Method::PATCH, PATH).header("content-type", kind).body(r#"{"channel":"sms"}"#);
    let answer = asked.answer().await;
    if is_read {
        assert_eq!(answer.status, StatusCode::OK);
    } else {
        problem(&answer, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(answer.header("accept-encoding"), "gzip");
    }
}

#[rstest]
#[case::cut_off(r#"{"channel":"#, "the body is no JSON (line 1, column 11)")]
#[case::empty("", "the body is no JSON (line 1, column 0)")]
#[tokio::test]
async fn what_is_no_json_is_told_by_its_place(#[case] body: &str, #[case] expected: &str) {
    let (bench, _) = bench().await;
    let asked = bench.ask(Method::PATCH, PATH).header("content-type", "application/json").body(body);
    assert_eq!(problem(&asked.answer().await, StatusCode::BAD_REQUEST), expected);
}

fn zipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).expect("it is written");
    encoder.finish().expect("it ends")
}

#[tokio::test]
async fn a_body_may_be_compressed_and_is_bounded_before_and_after() {
    let (bench, _) = bench().await;
    let patch = |body: Vec<u8>, encoding: &str| {
        bench.ask(Method::PATCH, PATH).header("content-encoding", encoding).body(body).answer()
    };
    assert_eq!(patch(zipped(br#"{"channel":"sms"}"#), "gzip").await.status, StatusCode::OK);
    problem(&patch(zipped(b"{}")[..9].to_vec(), "gzip").await, StatusCode::BAD_REQUEST);
    problem(&patch(zipped(b"{}"), "br").await, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = format!(r#"{{"by":"{}"}}"#, "a".repeat(MAX_API_BODY)).into_bytes();
    let bomb = zipped(&long);
    assert!(bomb.len() < 1_000, "it is small on the way");
    problem(&patch(bomb, "gzip").await, StatusCode::PAYLOAD_TOO_LARGE);
    problem(&patch(long, "identity").await, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_token_may_ask_so_often_and_no_more() {
    let (bench, _) = bench().await;
    for _ in 0..50 {
        assert_eq!(bench.get(PATH).answer().await.status, StatusCode::OK);
    }
    let answer = bench.get(PATH).answer().await;
    let detail = problem(&answer, StatusCode::TOO_MANY_REQUESTS);
    assert!(detail.contains("50 times in a minute"), "{detail}");
    assert_eq!(answer.header("retry-after"), "2", "1.2 seconds, rounded up");
    problem(&bench.get(PATH).by(FOREIGN_TOKEN).answer().await, StatusCode::NOT_FOUND);
    bench.clock.advance(Duration::from_secs(2));
    assert_eq!(bench.get(PATH).answer().await.status, StatusCode::OK, "it may ask again");
}

#[tokio::test]
async fn a_store_that_is_silent_is_not_waited_for() {
    let mut world = World::new();
    world.store.health = Health::Silent;
    let bench = over(world.public().store, &SimClock::at(instant("2026-11-22T02:00:00Z")));
    let (answer, ()) = tokio::join!(bench.get(PATH).answer(), async {
        tokio::task::yield_now().await;
        bench.clock.advance(Duration::from_secs(5));
    });
    problem(&answer, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "60");
}
