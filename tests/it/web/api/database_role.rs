//! The rights of a daemon that serves the API, as `deploy/postgres/roles.sql` grants them: every endpoint works.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use dueherald::clock::SimClock;
use dueherald::http::api::endpoints;
use dueherald::store::{PostgresStore, Store, WriteMode};
use serde_json::json;

use super::super::logged;
use super::{Bench, over};
use crate::fixtures::{at, installment, reminder, row};
use crate::store::roles::{make_roles, url_as};

const NOW: &str = "2026-11-22T02:00:00Z";

#[tokio::test]
async fn the_api_needs_no_more_than_it_is_granted() {
    let database = crate::postgres::database().await;
    let clock = SimClock::at(at(NOW));
    let open = async |url: String| {
        PostgresStore::connect(&url.into(), 4, Some(Arc::new(clock.clone()))).await.expect("the database is there")
    };
    let owner: Arc<dyn Store> = Arc::new(open(database.url()).await);
    owner.migrate().await.expect("the migrations run");
    owner.import(&[row(&installment("i-1", "b-1", "2026-11-25"))], WriteMode::Commit).await.expect("imported");
    let planned = [reminder("b-1", "2026-11-25", "due/-3", NOW)];
    let ids = owner.plan(&planned, at(NOW), WriteMode::Commit).await.expect("planned");
    make_roles(&database).await;
    let bench = over(Arc::new(open(url_as(&database, "dueherald_api")).await), &clock);
    let log = logged(works(&bench, ids[0].0)).await;
    let denied: Vec<_> = log.lines().filter(|line| line.contains("permission denied")).collect();
    assert!(denied.is_empty(), "{}", denied.join("\n"));
}

/// Reads all that there is, and changes something of each kind.
async fn works(bench: &Bench, id: i64) {
    for endpoint in endpoints().into_iter().filter(|endpoint| endpoint.method == Method::GET) {
        let path = endpoint.path.replace("{merchant}", "mall").replace("{borrower}", "b-1");
        let path = path.replace("{id}", &id.to_string());
        let query = if path.ends_with("/explain") { "?borrower=b-1" } else { "" };
        let status = bench.get(&format!("{path}{query}")).answer().await.status;
        let expected =
            if path.contains("{name}") || path.ends_with("/hold") { StatusCode::NOT_FOUND } else { StatusCode::OK };
        assert_eq!(status, expected, "{path}");
    }
    let item = json!({ "borrower_id": "b-2", "installment_id": "i-2", "amount": "1.00", "currency": "CNY",
        "due_date": "2026-12-01" });
    for (path, body, expected) in [
        ("/installments", json!({ "merchant": "mall", "installments": [item] }), StatusCode::OK),
        ("/borrowers/search", json!({ "text": "b-1" }), StatusCode::OK),
        ("/suppressions", json!({ "merchant": "mall", "address": "+8613800138001" }), StatusCode::CREATED),
        (
            "/suppressions/lift",
            json!({ "merchant": "mall", "address": "+8613800138001", "reason": "wrong" }),
            StatusCode::OK,
        ),
        (&*format!("/reminders/{id}/cancel"), json!({ "reason": "wrong person" }), StatusCode::OK),
    ] {
        let asked = bench.ask(Method::POST, &format!("/api/v1{path}")).header("idempotency-key", path);
        let answer = asked.json(&body).answer().await;
        assert_eq!(answer.status, expected, "{path}: {}", answer.body);
    }
}
