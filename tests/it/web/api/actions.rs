//! Changes of reminders, holds, rejected records and notices.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use dueherald::domain::{Action, Channel, Notice, NoticeState, Recipient, Token};
use dueherald::store::{ApiStore, MemoryStore, NewToken, NoticeStore, OutboxStore, WriteMode};
use serde_json::{Value, json};

use super::super::Answer;
use super::{Bench, FOREIGN_TOKEN, bench, json_of, problem};
use crate::fixtures::{at, day, reminder};

const NOW: &str = "2026-11-22T02:00:00Z";
const HOLD: &str = "/api/v1/borrowers/mall/b-1/hold";

async fn post(bench: &Bench, path: &str, key: &str, body: Value) -> Answer {
    bench.ask(Method::POST, path).header("idempotency-key", key).json(&body).answer().await
}

#[tokio::test]
async fn a_waiting_reminder_is_cancelled_and_one_that_ended_is_not() {
    let (bench, store) = bench().await;
    let planned = [reminder("b-1", "2026-11-25", "due/-3", NOW)];
    let id = store.plan(&planned, at(NOW), WriteMode::Commit).await.expect("planned")[0];
    let path = format!("/api/v1/reminders/{id}/cancel");
    let body = json!({ "reason": "wrong person", "by": "wang" });
    let foreign = bench.ask(Method::POST, &path).by(FOREIGN_TOKEN).header("idempotency-key", "k").json(&body);
    problem(&foreign.answer().await, StatusCode::NOT_FOUND);
    problem(&post(&bench, &path, "k0", json!({ "by": "wang" })).await, StatusCode::UNPROCESSABLE_ENTITY);
    let first = post(&bench, &path, "k1", body.clone()).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    let again = post(&bench, &path, "k1", body.clone()).await;
    assert_eq!((again.status, &again.body), (StatusCode::OK, &first.body));
    let refused = post(&bench, &path, "k2", body.clone()).await;
    problem(&refused, StatusCode::CONFLICT);
    assert_eq!(json_of(&refused)["reason"], "not_waiting");
    let (_, shown) = bench.get(&format!("/api/v1/reminders/{id}")).told().await;
    assert_eq!(
        (&shown["state"], &shown["detail"]),
        (&json!("skipped"), &json!("withdrawn: wang by crm: wrong person"))
    );
    let (_, explained) = bench.get("/api/v1/explain?borrower=b-1").told().await;
    assert!(explained.to_string().contains("a person cancelled it (wang by crm: wrong person)"), "{explained}");
    problem(&post(&bench, "/api/v1/reminders/x/cancel", "k3", body).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_unknown_reminders_are_settled() {
    let (bench, store) = bench().await;
    let planned = [reminder("b-1", "2026-11-25", "due/-3", NOW)];
    let id = store.plan(&planned, at(NOW), WriteMode::Commit).await.expect("planned")[0].0;
    let body = json!({ "findings": [{ "reminder": id, "outcome": "sent" }, { "reminder": 77, "outcome": "not_sent" }],
        "reason": "report of the provider" });
    let answer = post(&bench, "/api/v1/reminders/resolve", "k1", body).await;
    assert_eq!(json_of(&answer), json!({ "settled": [], "not_settled": [id, 77] }));
    let wrong = json!({ "findings": [{ "reminder": "1", "outcome": "gone", "x": 1 }, 7], "reason": "r" });
    let told = json_of(&post(&bench, "/api/v1/reminders/resolve", "k2", wrong).await);
    let pointers: Vec<_> = told["errors"].as_array().expect("a list").iter().map(|one| &one["pointer"]).collect();
    assert_eq!(pointers, ["/findings/0/reminder", "/findings/0/outcome", "/findings/0/x", "/findings"]);
}

#[tokio::test]
async fn a_hold_is_set_shown_and_released() {
    let (bench, store) = bench().await;
    problem(&bench.get(HOLD).answer().await, StatusCode::NOT_FOUND);
    let put = |body: Value| bench.ask(Method::PUT, HOLD).json(&body).told();
    for _ in 0..2 {
        let (status, told) = put(json!({ "reason": "dispute: amount", "until": "2026-12-31", "by": "wang" })).await;
        assert_eq!((status, &told["reason"]), (StatusCode::OK, &json!("dispute: amount")), "{told}");
    }
    assert_eq!(bench.get(HOLD).told().await.1["reason"], "dispute: amount");
    problem(&bench.get(HOLD).by(FOREIGN_TOKEN).answer().await, StatusCode::NOT_FOUND);
    for _ in 0..2 {
        let gone = bench.ask(Method::DELETE, &format!("{HOLD}?by=wang")).answer().await;
        assert_eq!((gone.status, gone.body.as_str()), (StatusCode::NO_CONTENT, ""));
    }
    problem(&bench.get(HOLD).answer().await, StatusCode::NOT_FOUND);
    // A hold that only a supervisor ends takes an action of its own, by whichever way.
    put(json!({ "reason": "deceased" })).await;
    let token = token(&store, &[Action::ReadPreferences, Action::ChangePreferences]).await;
    let weak = |method: Method, path: &str| bench.ask(method, path).by(token.reveal());
    problem(&weak(Method::DELETE, HOLD).answer().await, StatusCode::FORBIDDEN);
    let other = json!({ "reason": "dispute" });
    problem(&weak(Method::PUT, HOLD).json(&other).answer().await, StatusCode::FORBIDDEN);
    let patch = weak(Method::PATCH, "/api/v1/borrowers/mall/b-1/preferences").json(&json!({ "hold": null }));
    problem(&patch.answer().await, StatusCode::FORBIDDEN);
    assert_eq!(bench.ask(Method::DELETE, HOLD).answer().await.status, StatusCode::NO_CONTENT);
}

async fn token(store: &MemoryStore, actions: &[Action]) -> Token {
    let token = Token::new([9; 32]);
    let new = NewToken {
        name: "weak".to_owned(),
        digest: token.digest(),
        merchants: ["mall".parse().expect("an id")].into(),
        actions: actions.iter().copied().collect(),
        created_at: at(NOW),
        expires_at: None,
    };
    store.add_token(&new).await.expect("kept");
    token
}

#[tokio::test]
async fn rejected_records_are_listed_retried_and_dropped() {
    let (bench, _) = bench().await;
    let faulty = |id: &str| json!({ "installment_id": id, "borrower_id": "b-7", "amount": "1", "currency": "CNY" });
    let body = json!({ "merchant": "mall", "installments": [faulty("n-1"), faulty("n-2"), faulty("n-3")] });
    post(&bench, "/api/v1/installments", "k1", body).await;
    let (_, page) = bench.get("/api/v1/rejects?limit=2").told().await;
    let next = page["next"].as_str().expect("there is more");
    let (_, last) = bench.get(&format!("/api/v1/rejects?limit=2&cursor={next}")).told().await;
    assert_eq!((page["rejects"].as_array().expect("a list").len(), &last["next"]), (2, &Value::Null));
    let first = &page["rejects"][0];
    let told = (&first["installment"], &first["state"], &first["kind"], &first["reason"]);
    assert_eq!(told, (&json!("n-1"), &json!("held"), &json!("row"), &json!("due_date is missing")));
    let id = first["id"].as_i64().expect("a number");
    let foreign = bench.get("/api/v1/rejects").by(FOREIGN_TOKEN).told().await.1;
    assert_eq!(foreign["rejects"], json!([]));
    let ids = json!({ "merchant": "mall", "ids": [id, 987] });
    let retried = json_of(&post(&bench, "/api/v1/rejects/retry", "k2", ids.clone()).await);
    assert_eq!(retried, json!({ "applied": [], "refused": [id], "missing": [987] }));
    problem(&post(&bench, "/api/v1/rejects/drop", "k3", ids.clone()).await, StatusCode::UNPROCESSABLE_ENTITY);
    let mut order = ids;
    order["reason"] = "entered twice".into();
    let dropped = json_of(&post(&bench, "/api/v1/rejects/drop", "k4", order.clone()).await);
    assert_eq!(dropped, json!({ "dropped": [id], "missing": [987] }));
    let again = json_of(&post(&bench, "/api/v1/rejects/drop", "k5", order).await);
    assert_eq!(again, json!({ "dropped": [], "missing": [id, 987] }));
}

async fn notice(store: &MemoryStore, name: &str, merchant: &str, made_by: &str) {
    let notice = Notice {
        name: name.parse().expect("a name"),
        template: "entry-moved".parse().expect("a template"),
        selection: format!("unpaid at {merchant}"),
        state: NoticeState::Draft,
        actor: made_by.to_owned(),
        reason: "moved".to_owned(),
        at: at(NOW),
    };
    assert!(store.add_notice(&notice).await.expect("kept"));
    let mut borrower = reminder("b-1", "2026-11-25", "due/-3", NOW).key.borrower;
    borrower.merchant = merchant.parse().expect("an id");
    let recipient = Recipient { borrower, due_date: day("2026-11-25"), channel: Channel::Sms };
    store.add_recipients(&notice.name, &[recipient]).await.expect("kept");
    let (state, at) = (NoticeState::AwaitingApproval, at(NOW) + TimeDelta::seconds(1));
    let change = dueherald::domain::NoticeChange { state, at, actor: made_by.to_owned(), reason: "moved".to_owned() };
    assert!(store.move_notice(&notice.name, NoticeState::Draft, &change).await.expect("moved"));
}

#[tokio::test]
async fn notices_are_listed_shown_and_approved_by_another_person() {
    let (bench, store) = bench().await;
    notice(&store, "moved", "mall", "Wang").await;
    notice(&store, "foreign", "harbour", "wang").await;
    let (_, page) = bench.get("/api/v1/notices").told().await;
    let names: Vec<_> = page["notices"].as_array().expect("a list").iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["moved"]);
    for path in ["/api/v1/notices/foreign", "/api/v1/notices/nothing", "/api/v1/notices/%20"] {
        problem(&bench.get(path).answer().await, StatusCode::NOT_FOUND);
    }
    let (_, shown) = bench.get("/api/v1/notices/moved").told().await;
    assert_eq!((&shown["status"], &shown["recipients"]), (&json!("awaiting_approval"), &json!(1)));
    let path = "/api/v1/notices/moved/approve";
    let same = post(&bench, path, "k1", json!({ "by": "wang", "reason": "seen" })).await;
    problem(&same, StatusCode::CONFLICT);
    assert_eq!(json_of(&same)["reason"], "same_person");
    let approved = post(&bench, path, "k2", json!({ "by": "li", "reason": "seen" })).await;
    assert_eq!((approved.status, &json_of(&approved)["state"]), (StatusCode::OK, &json!("sending")));
    let (_, shown) = bench.get("/api/v1/notices/moved").told().await;
    assert_eq!(shown["changes"][1]["actor"], "li by crm");
    problem(&post(&bench, path, "k3", json!({ "by": "li", "reason": "seen" })).await, StatusCode::CONFLICT);
    let foreign = post(&bench, "/api/v1/notices/foreign/approve", "k4", json!({ "by": "li", "reason": "seen" })).await;
    problem(&foreign, StatusCode::NOT_FOUND);
}
