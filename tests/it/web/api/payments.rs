//! `POST /api/v1/payments`.

use axum::http::{Method, StatusCode};
use dueherald::store::{InstallmentFilter, LedgerStore, MemoryStore, PaymentStore};
use rstest::rstest;
use serde_json::{Value, json};

use super::super::Answer;
use super::{Bench, FOREIGN_TOKEN, READER_TOKEN, bench, json_of, problem};

const PATH: &str = "/api/v1/payments";

async fn sent(bench: &Bench, key: &str, payments: Value) -> Answer {
    let body = json!({ "merchant": "mall", "payments": payments });
    bench.ask(Method::POST, PATH).header("idempotency-key", key).json(&body).answer().await
}

fn item(id: &str, state: &str) -> Value {
    json!({
        "payment_id": id, "installment_id": "i-1", "amount": "28.50", "currency": "CNY", "state": state,
        "paid_at": "2026-11-22T01:00:00+08:00",
    })
}

fn with(id: &str, changes: Value) -> Value {
    let mut item = item(id, "posted");
    item.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    item
}

async fn paid(store: &MemoryStore) -> String {
    let filter = InstallmentFilter { installment: "i-1".parse().ok(), limit: 9, ..InstallmentFilter::default() };
    store.installments(&filter).await.expect("listed").remove(0).paid_amount.amount().to_string()
}

fn results(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let results = json_of(answer)["results"].as_array().expect("a list").clone();
    results.iter().map(|one| one["result"].as_str().expect("a word").to_owned()).collect()
}

#[tokio::test]
async fn a_payment_counts_once_whatever_the_request() {
    let (bench, store) = bench().await;
    let first = sent(&bench, "k1", json!([item("p-1", "pending"), item("p-2", "posted")])).await;
    assert_eq!((results(&first), paid(&store).await), (vec!["changed".into(), "changed".into()], "28.50".into()));
    assert_eq!(store.pending_payments().await.expect("listed").len(), 1);
    let again = sent(&bench, "k1", json!([item("p-1", "pending"), item("p-2", "posted")])).await;
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body));
    assert_eq!(results(&sent(&bench, "k2", json!([item("p-2", "posted")])).await), ["unchanged"]);
    let later =
        sent(&bench, "k3", json!([item("p-1", "posted"), item("p-2", "reversed"), item("p-2", "posted")])).await;
    assert_eq!(results(&later), ["changed", "changed", "unchanged"]);
    assert_eq!(paid(&store).await, "28.50");
    let odd = json!([with("p-1", json!({ "amount": "1" })), with("p-9", json!({ "installment_id": "i-9" }))]);
    let odd = sent(&bench, "k4", odd).await;
    assert_eq!(results(&odd), ["rejected", "waiting"]);
    assert!(json_of(&odd)["results"][1]["reason"].as_str().is_some_and(|why| why.contains("not in the ledger yet")));
}

#[rstest]
#[case::no_text(json!({ "amount": 28.5 }), "amount is no text")]
#[case::zero(json!({ "amount": "0.00" }), "amount is zero")]
#[case::negative(json!({ "amount": "-1" }), "amount ")]
#[case::decimals(json!({ "amount": "1.234" }), "amount ")]
#[case::currency(json!({ "currency": "yuan" }), "currency ")]
#[case::state(json!({ "state": "booked" }), "state is none of pending, posted, reversed")]
#[case::paid_at(json!({ "paid_at": "yesterday" }), "paid_at is no instant")]
#[case::id(json!({ "payment_id": " " }), "payment_id is empty")]
#[case::missing(json!({ "installment_id": null }), "installment_id is missing")]
#[case::unknown(json!({ "paid_amount": "1" }), "there is no field paid_amount here")]
#[tokio::test]
async fn a_mistake_is_named_and_nothing_is_taken(#[case] changes: Value, #[case] fault: &str) {
    let (bench, store) = bench().await;
    let answer = sent(&bench, "k1", json!([item("p-1", "posted"), with("p-2", changes)])).await;
    problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    let told = json_of(&answer);
    assert!(told["errors"][0]["detail"].as_str().is_some_and(|detail| detail.starts_with(fault)), "{told}");
    assert!(told["errors"][0]["pointer"].as_str().is_some_and(|at| at.starts_with("/payments/1/")), "{told}");
    assert_eq!(paid(&store).await, "0.00");
}

#[tokio::test]
async fn only_who_may_change_the_ledger_of_the_merchant_reports() {
    let (bench, store) = bench().await;
    let body = json!({ "merchant": "mall", "payments": [item("p-1", "posted")] });
    for (token, status) in [(READER_TOKEN, StatusCode::FORBIDDEN), (FOREIGN_TOKEN, StatusCode::NOT_FOUND)] {
        let asked = bench.ask(Method::POST, PATH).by(token).header("idempotency-key", "k").json(&body);
        problem(&asked.answer().await, status);
    }
    assert_eq!(paid(&store).await, "0.00");
}
