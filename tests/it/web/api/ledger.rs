//! Borrowers and instalments in batches, and read again.

use std::io::Write;

use axum::http::{Method, StatusCode};
use dueherald::http::api::{MAX_API_BODY, MAX_BATCH_BODY, MAX_BATCH_ITEMS};
use dueherald::store::{AuditStore, InstallmentFilter, LedgerStore, MemoryStore, RejectFilter, RejectStore};
use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use serde_json::{Value, json};

use super::super::Answer;
use super::{Bench, FOREIGN_TOKEN, bench, json_of, problem};

const INSTALLMENTS: &str = "/api/v1/installments";
const BORROWERS: &str = "/api/v1/borrowers";

async fn sent(bench: &Bench, path: &str, key: &str, body: &Value) -> Answer {
    bench.ask(Method::POST, path).header("idempotency-key", key).json(body).answer().await
}

async fn taken(bench: &Bench, key: &str, installments: Value) -> Value {
    let body = json!({ "merchant": "mall", "installments": installments });
    let answer = sent(bench, INSTALLMENTS, key, &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    json_of(&answer)
}

fn item(id: &str) -> Value {
    json!({
        "installment_id": id, "borrower_id": "b-7", "name": "李雷", "phone": "138 0013 8000",
        "amount": "128.50", "currency": "CNY", "due_date": "2026-12-01",
    })
}

fn with(id: &str, changes: Value) -> Value {
    let mut item = item(id);
    item.as_object_mut().expect("an object").extend(changes.as_object().expect("an object").clone());
    item
}

fn results(answer: &Value) -> Vec<&str> {
    answer["results"].as_array().expect("a list").iter().map(|one| one["result"].as_str().expect("a word")).collect()
}

async fn statuses(store: &MemoryStore, id: &str) -> Vec<(String, String)> {
    let filter = InstallmentFilter { installment: id.parse().ok(), limit: 9, ..InstallmentFilter::default() };
    let found = store.installments(&filter).await.expect("listed");
    found.iter().map(|one| (one.status.to_string(), one.paid_amount.amount().to_string())).collect()
}

#[tokio::test]
async fn each_item_has_its_result_and_a_bad_one_keeps_no_other() {
    let (bench, store) = bench().await;
    let first = taken(&bench, "k1", json!([item("n-1"), with("n-2", json!({ "amount": 12 })), item("n-3"), 7])).await;
    assert_eq!(results(&first), ["changed", "rejected", "changed", "rejected"]);
    assert_eq!((&first["changed"], &first["rejected"], &first["unchanged"]), (&json!(2), &json!(2), &json!(0)));
    let told = &first["results"];
    assert_eq!((&told[1]["index"], &told[1]["id"], &told[3]["id"]), (&json!(1), &json!("n-2"), &Value::Null));
    assert!(told[1]["reason"].as_str().is_some_and(|why| why.starts_with("amount is a bare number")), "{first}");
    assert_eq!(told[3]["reason"], "the item is no JSON object of fields");
    let kept = store.rejects(&RejectFilter { limit: 9, ..RejectFilter::default() }).await.expect("listed");
    let kept: Vec<_> = kept.iter().map(|kept| kept.record.installment.clone().expect("a number").to_string()).collect();
    assert_eq!(kept, ["n-2"], "as an import keeps it; an item without a number holds nothing");
    let again = taken(&bench, "k2", json!([item("n-1"), item("n-2")])).await;
    assert_eq!(results(&again), ["unchanged", "changed"]);
    assert!(store.rejects(&RejectFilter { limit: 9, ..RejectFilter::default() }).await.expect("listed").is_empty());
}

#[tokio::test]
async fn a_field_that_is_not_sound_is_left_out_and_an_unknown_one_is_named() {
    let (bench, _) = bench().await;
    let answer = taken(&bench, "k1", json!([with("n-1", json!({ "email": "x", "colour": "red" }))])).await;
    assert_eq!(results(&answer), ["changed"]);
    assert!(answer["results"][0]["left_out"].as_str().is_some_and(|why| why.starts_with("email ")), "{answer}");
    assert_eq!(answer["unknown_fields"], json!(["colour"]));
}

#[tokio::test]
async fn payments_and_cancellations_need_no_more_than_their_fields() {
    let (bench, store) = bench().await;
    let items = json!([
        item("n-1"),
        { "installment_id": "n-1", "paid_amount": "28.50", "currency": "CNY" },
        item("n-2"),
        { "installment_id": "n-2", "status": "cancelled" },
        { "installment_id": "later", "status": "paid" },
        { "installment_id": "n-1", "paid_amount": "28.50" },
    ]);
    let answer = taken(&bench, "k1", items).await;
    assert_eq!(results(&answer), ["changed", "changed", "changed", "changed", "waiting", "rejected"]);
    let why = |index: usize| answer["results"][index]["reason"].as_str().unwrap_or_default().to_owned();
    assert!(why(4).starts_with("installment_id is not in the ledger yet"), "{answer}");
    assert_eq!(why(5), "currency is missing");
    assert_eq!(statuses(&store, "n-1").await, [("open".to_owned(), "28.50".to_owned())]);
    assert_eq!(statuses(&store, "n-2").await, [("cancelled".to_owned(), "0.00".to_owned())]);
    taken(&bench, "k2", json!([item("later")])).await;
    assert_eq!(statuses(&store, "later").await, [("paid".to_owned(), "0.00".to_owned())]);
}

/// A later item counts, whatever lies between: a part writes its payments behind its instalments.
#[tokio::test]
async fn the_order_of_items_counts() {
    let (bench, store) = bench().await;
    let items = json!([
        item("n-1"),
        { "installment_id": "n-1", "status": "paid" },
        with("n-1", json!({ "status": "open" })),
        item("n-2"),
        { "installment_id": "n-2", "status": "paid" },
        with("n-2", json!({ "amount": "none" })),
    ]);
    let answer = taken(&bench, "k1", items).await;
    assert_eq!(results(&answer), ["changed", "changed", "changed", "changed", "changed", "rejected"]);
    assert_eq!(statuses(&store, "n-1").await, [("open".to_owned(), "0.00".to_owned())]);
    let kept = store.rejects(&RejectFilter { limit: 9, ..RejectFilter::default() }).await.expect("listed");
    assert_eq!(kept.len(), 1, "the last record of n-2 holds it");
}

#[tokio::test]
async fn an_item_of_another_merchant_is_refused_and_holds_nothing() {
    let (bench, store) = bench().await;
    let items = json!([
        with("i-1", json!({ "merchant": "harbour" })),
        with("i-1", json!({ "merchant": "harbour", "amount": 1 })),
        with("n-1", json!({ "merchant": "mall" })),
    ]);
    assert_eq!(results(&taken(&bench, "k1", items).await), ["rejected", "rejected", "changed"]);
    assert!(store.rejects(&RejectFilter { limit: 9, ..RejectFilter::default() }).await.expect("listed").is_empty());
    let body = json!({ "merchant": "mall", "installments": [item("n-2")] });
    let foreign = bench.ask(Method::POST, INSTALLMENTS).by(FOREIGN_TOKEN).header("idempotency-key", "k").json(&body);
    problem(&foreign.answer().await, StatusCode::NOT_FOUND);
    assert!(statuses(&store, "n-2").await.is_empty());
}

#[tokio::test]
async fn the_first_answer_is_given_again_byte_by_byte_and_writes_nothing() {
    let (bench, store) = bench().await;
    let body = json!({ "merchant": "mall", "installments": [item("n-1"), 7, with("n-2", json!({ "phone": "1" }))] });
    let first = sent(&bench, INSTALLMENTS, "k1", &body).await;
    assert_eq!(results(&json_of(&first)), ["changed", "rejected", "changed"]);
    taken(&bench, "k2", json!([{ "installment_id": "n-1", "status": "paid" }])).await;
    let again = sent(&bench, INSTALLMENTS, "k1", &body).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(statuses(&store, "n-1").await[0].0, "paid", "an old request does not open what is paid");
    let other = json!({ "merchant": "mall", "installments": [item("n-1")] });
    problem(&sent(&bench, INSTALLMENTS, "k1", &other).await, StatusCode::UNPROCESSABLE_ENTITY);
}

#[rstest]
#[case::no_object("[]", StatusCode::UNPROCESSABLE_ENTITY, "the body is no JSON object")]
#[case::cut_off(r#"{"merchant": "mall", "installments": [{"#, StatusCode::BAD_REQUEST, "the body is no JSON (line 1,")]
#[case::no_list(r#"{"merchant": "mall"}"#, StatusCode::UNPROCESSABLE_ENTITY, "installments is missing")]
#[case::empty(r#"{"merchant": "mall", "installments": []}"#, StatusCode::UNPROCESSABLE_ENTITY, "has no item")]
#[case::no_array(r#"{"merchant": "mall", "installments": {}}"#, StatusCode::UNPROCESSABLE_ENTITY, "is no array")]
#[case::no_merchant(r#"{"installments": [1]}"#, StatusCode::UNPROCESSABLE_ENTITY, "merchant is missing")]
#[case::unknown(
    r#"{"merchant": "mall", "installments": [1], "dry": true}"#,
    StatusCode::UNPROCESSABLE_ENTITY,
    "there is no field dry here; there is installments, merchant"
)]
#[tokio::test]
async fn a_batch_that_cannot_be_read_is_told(#[case] body: &str, #[case] status: StatusCode, #[case] expected: &str) {
    let (bench, _) = bench().await;
    let asked = bench.ask(Method::POST, INSTALLMENTS).header("idempotency-key", "k").body(body);
    let detail = problem(&asked.answer().await, status);
    assert!(detail.contains(expected), "{detail}");
}

#[tokio::test]
async fn a_batch_is_bounded_in_items_and_in_bytes() {
    let (bench, _) = bench().await;
    let send = |key: &'static str, body: Vec<u8>| {
        bench
            .ask(Method::POST, INSTALLMENTS)
            .header("idempotency-key", key)
            .header("content-encoding", "gzip")
            .body(body)
    };
    let zipped = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).expect("it is written");
        encoder.finish().expect("it ends")
    };
    let batch = |items: usize| {
        let items: Vec<_> = (0..items).map(|number| item(&format!("n-{number}"))).collect();
        json!({ "merchant": "mall", "installments": items }).to_string()
    };
    let whole = batch(MAX_BATCH_ITEMS);
    assert!(whole.len() > MAX_API_BODY && whole.len() < MAX_BATCH_BODY, "{}", whole.len());
    let answer = send("k1", zipped(&whole)).answer().await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(json_of(&answer)["changed"], MAX_BATCH_ITEMS);
    let detail =
        problem(&send("k2", zipped(&batch(MAX_BATCH_ITEMS + 1))).answer().await, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail.contains("has more than 10000 items"), "{detail}");
    let bomb = zipped(&" ".repeat(MAX_BATCH_BODY + 1));
    problem(&send("k3", bomb).answer().await, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn borrowers_come_without_instalments_as_well() {
    let (bench, store) = bench().await;
    let body = json!({ "merchant": "mall", "borrowers": [
        { "borrower_id": "b-9", "name": "韩梅梅", "phone": "+8613800138009", "locale": "en" },
        { "borrower_id": "b-1", "hold": "dispute" },
        { "borrower_id": "b-9", "amount": "1" },
        { "name": "nobody" },
    ] });
    let answer = json_of(&sent(&bench, BORROWERS, "k1", &body).await);
    assert_eq!(results(&answer), ["changed", "changed", "rejected", "rejected"]);
    assert_eq!(answer["results"][2]["reason"], "amount is no field of a borrower; send it with an instalment");
    let (_, shown) = bench.get("/api/v1/borrowers/mall/b-9").told().await;
    let masked = (&shown["name"], &shown["phone"], &shown["language"], &shown["installments"]);
    assert_eq!(masked, (&json!("韩…"), &json!("…8009"), &json!("en"), &json!([])));
    assert_eq!(store.audit_head().await.expect("read").number, 1, "the batch");
    let (_, whole) = bench.get("/api/v1/borrowers/mall/b-9?reveal=true").told().await;
    let record = store.audit_chain(1, 9).await.expect("read").remove(0).record;
    assert_eq!((&*record.action, &*record.signer, record.borrower.as_deref()), ("reveal", "crm", Some("b-9")));
    assert_eq!((&whole["name"], &whole["phone"]), (&json!("韩梅梅"), &json!("+8613800138009")));
    let (_, held) = bench.get("/api/v1/borrowers/mall/b-1").told().await;
    assert_eq!((&held["hold"]["reason"], &held["installments"][0]["installment"]), (&json!("dispute"), &json!("i-1")));
    assert_eq!(results(&json_of(&sent(&bench, BORROWERS, "k2", &body).await))[..2], ["unchanged", "unchanged"]);
}

#[tokio::test]
async fn borrowers_are_found_by_anything_and_masked() {
    let (bench, _) = bench().await;
    taken(&bench, "k1", json!([with("n-1", json!({ "borrower_id": "b/7 ü", "order_ref": "o-1" }))])).await;
    for text in ["b/7 ü", "n-1", "o-1", "8000", "138 0013 8000", "李雷"] {
        let body = json!({ "text": text });
        let (status, found) = bench.ask(Method::POST, "/api/v1/borrowers/search").json(&body).told().await;
        assert_eq!(status, StatusCode::OK, "{text}: {found}");
        let found = found["borrowers"].as_array().expect("a list").iter().find(|one| one["borrower"] == "b/7 ü");
        let found = found.unwrap_or_else(|| panic!("{text}"));
        assert_eq!(found["name"], "李…", "{text}");
        let (status, shown) = bench.get(found["href"].as_str().expect("a path")).told().await;
        assert_eq!((status, &shown["borrower"]), (StatusCode::OK, &json!("b/7 ü")), "{text}");
    }
    let foreign = bench.ask(Method::POST, "/api/v1/borrowers/search").by(FOREIGN_TOKEN).json(&json!({ "text": "n-1" }));
    assert_eq!(foreign.told().await.1["borrowers"], json!([]), "another merchant's is as if it were not there");
    for (body, status) in [
        (json!({ "text": " " }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "text": "x", "limit": 0 }), StatusCode::UNPROCESSABLE_ENTITY),
        (json!({ "text": "x", "merchant": "harbour" }), StatusCode::NOT_FOUND),
    ] {
        problem(&bench.ask(Method::POST, "/api/v1/borrowers/search").json(&body).answer().await, status);
    }
}

#[tokio::test]
async fn instalments_are_listed_in_pages() {
    let (bench, _) = bench().await;
    let items: Vec<_> = ["n-3", "n-1", "n-2"].map(item).to_vec();
    taken(&bench, "k1", json!(items)).await;
    let (mut path, mut seen) = (format!("{INSTALLMENTS}?borrower=b-7&limit=2"), Vec::new());
    loop {
        let (status, page) = bench.get(&path).told().await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let ids = page["installments"].as_array().expect("a list").iter();
        seen.extend(ids.map(|one| one["installment"].as_str().expect("a number").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("{INSTALLMENTS}?borrower=b-7&limit=2&cursor={next}");
    }
    assert_eq!(seen, ["n-1", "n-2", "n-3"]);
    problem(&bench.get("/api/v1/installments?cursor=x").answer().await, StatusCode::BAD_REQUEST);
}
