//! `Idempotency-Key`: a request counts once, however often it is sent.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use dueherald::clock::Clock;
use dueherald::domain::{Action, Token};
use dueherald::store::{ApiStore, AuditStore, MemoryStore, NewToken, ReminderFilter, ReminderStore};
use rstest::rstest;
use serde_json::{Value, json};

use super::super::Answer;
use super::{Bench, bench, json_of, problem};

const PATH: &str = "/api/v1/reminders/resend";

/// One letter longer than a key may be.
const LONG: &str = "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\
    kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\
    kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\
    kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk";

fn wish() -> Value {
    json!({ "merchant": "mall", "borrower": "b-1", "channel": "sms", "reason": "called in", "by": "wang" })
}

async fn resend(bench: &Bench, key: &str, body: &Value) -> Answer {
    bench.ask(Method::POST, PATH).header("idempotency-key", key).json(body).answer().await
}

async fn count(store: &MemoryStore) -> usize {
    store.reminders(&ReminderFilter { limit: 99, ..ReminderFilter::default() }).await.expect("listed").len()
}

#[tokio::test]
async fn the_first_answer_is_given_again_and_sends_nothing() {
    let (bench, store) = bench().await;
    let first = resend(&bench, "\"a-1\"", &wish()).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.body);
    let href = json_of(&first)["href"].as_str().expect("a path").to_owned();
    assert_eq!((first.header("location"), first.header("idempotency-replayed")), (href.as_str(), ""));
    for key in ["\"a-1\"", "a-1"] {
        let again = resend(&bench, key, &wish()).await;
        assert_eq!((again.status, &again.body), (StatusCode::CREATED, &first.body));
        assert_eq!((again.header("location"), again.header("idempotency-replayed")), (href.as_str(), "true"));
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    }
    assert_eq!(count(&store).await, 1);
    let record = store.audit_chain(0, 9).await.expect("read").remove(0).record;
    let place = first.header("x-request-id");
    assert_eq!((&*record.door, &*record.signer, &*record.place, &*record.actor), ("api", "crm", place, "wang by crm"));
    assert_eq!(store.audit_head().await.expect("read").number, 1, "a replay leaves no entry");
    let shown = bench.get(&href).told().await.1;
    assert_eq!(shown["resent_by"], json!({ "actor": "wang by crm", "reason": "called in", "of": null }));
}

#[tokio::test]
async fn a_refusal_is_an_answer_as_well() {
    let (bench, store) = bench().await;
    resend(&bench, "k1", &wish()).await;
    let refused = resend(&bench, "k2", &wish()).await;
    let detail = problem(&refused, StatusCode::CONFLICT);
    assert_eq!(json_of(&refused)["reason"], "on_its_way");
    assert!(detail.contains("is an earlier resend of the same") && !detail.contains("--"), "{detail}");
    // The same facts, an hour later: a new request would be sent.
    bench.clock.advance(Duration::from_secs(3_601));
    let again = resend(&bench, "k2", &wish()).await;
    assert_eq!((problem(&again, StatusCode::CONFLICT), again.header("idempotency-replayed")), (detail, "true"));
    assert_eq!(resend(&bench, "k3", &wish()).await.status, StatusCode::CREATED);
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn a_changed_request_needs_a_key_of_its_own() {
    let (bench, store) = bench().await;
    resend(&bench, "k1", &wish()).await;
    let mut changed = wish();
    changed["reason"] = "called in twice".into();
    problem(&resend(&bench, "k1", &changed).await, StatusCode::UNPROCESSABLE_ENTITY);
    let elsewhere = bench.ask(Method::POST, "/api/v1/suppressions").header("idempotency-key", "k1");
    let body = json!({ "merchant": "mall", "address": "+8613800138000" });
    problem(&elsewhere.json(&body).answer().await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(count(&store).await, 1);
}

#[rstest]
#[case::missing(&[])]
#[case::empty(&[""])]
#[case::empty_in_quotes(&["\"\""])]
#[case::open_quote(&["\"k"])]
#[case::with_a_space(&["a b"])]
#[case::a_list(&["a, b"])]
#[case::twice(&["a", "b"])]
#[case::too_long(&[LONG])]
#[tokio::test]
async fn every_post_needs_a_key(#[case] keys: &[&str]) {
    let (bench, store) = bench().await;
    let posts = dueherald::http::api::endpoints().into_iter().filter(|endpoint| endpoint.method == Method::POST);
    // A search changes nothing, and its answer, which holds personal data, is not kept.
    let posts = posts.filter(|endpoint| endpoint.path != "/api/v1/borrowers/search");
    for endpoint in posts {
        let asked =
            keys.iter().fold(bench.ask(Method::POST, endpoint.path), |asked, key| asked.header("idempotency-key", key));
        let detail = problem(&asked.json(&wish()).answer().await, StatusCode::BAD_REQUEST);
        assert!(detail.contains("Idempotency-Key"), "{detail}");
    }
    assert_eq!(count(&store).await, 0);
}

#[tokio::test]
async fn a_key_of_one_token_says_nothing_to_another() {
    let (bench, _) = bench().await;
    resend(&bench, "k1", &wish()).await;
    let mut foreign = wish();
    foreign["merchant"] = "harbour".into();
    let asked = bench.ask(Method::POST, PATH).by(super::FOREIGN_TOKEN).header("idempotency-key", "k1");
    let answer = asked.json(&foreign).answer().await;
    assert_eq!((answer.status, answer.header("idempotency-replayed")), (StatusCode::NOT_FOUND, ""));
}

#[tokio::test]
async fn of_many_at_once_one_is_sent() {
    let (bench, store) = bench().await;
    let wish = wish();
    let answers = futures_util::future::join_all((0..8).map(|_| resend(&bench, "k1", &wish))).await;
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    assert!(statuses.iter().all(|status| [StatusCode::CREATED, StatusCode::CONFLICT].contains(status)), "{statuses:?}");
    assert_eq!(count(&store).await, 1);
}

#[tokio::test]
async fn an_override_needs_its_action_and_passes_the_cool_down() {
    let (bench, store) = bench().await;
    let token = Token::new([7; 32]);
    let new = NewToken {
        name: "agent".to_owned(),
        digest: token.digest(),
        merchants: ["mall".parse().expect("a name")].into(),
        actions: [Action::Resend].into(),
        created_at: bench.clock.now(),
        expires_at: None,
    };
    store.add_token(&new).await.expect("kept");
    let mut wish = wish();
    wish["override"] = true.into();
    let asked = bench
        .ask(Method::POST, PATH)
        .shown(&format!("Bearer {}", token.reveal()))
        .header("idempotency-key", "k1")
        .json(&wish);
    problem(&asked.answer().await, StatusCode::FORBIDDEN);
    assert_eq!(count(&store).await, 0);
    assert_eq!(resend(&bench, "k1", &wish).await.status, StatusCode::CREATED);
    let refused = resend(&bench, "k2", &wish).await;
    problem(&refused, StatusCode::CONFLICT);
    assert_eq!(json_of(&refused)["reason"], "on_its_way", "an override sends nothing twice");
}
