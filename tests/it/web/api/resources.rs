//! Reminders, suppressions, routes and explanations.

use axum::http::{Method, StatusCode};
use dueherald::clock::Clock;
use dueherald::domain::{Action, Address, Phone, Suppression, SuppressionReason, Token};
use dueherald::store::{ApiStore, AuditStore, LedgerStore, NewToken, OutboxStore, SuppressionStore, WriteMode};
use rstest::rstest;
use serde_json::{Value, json};

use super::{FOREIGN_TOKEN, bench, json_of, problem};
use crate::fixtures::{at, installment, reminder, row};

const NOW: &str = "2026-11-22T02:00:00Z";

#[tokio::test]
async fn reminders_are_listed_in_pages_and_shown_whole() {
    let (bench, store) = bench().await;
    let steps = ["due/-3", "due/-2", "due/-1"].map(|step| reminder("b-1", "2026-11-25", step, NOW));
    let ids = store.plan(&steps, at(NOW), WriteMode::Commit).await.expect("planned");
    let (status, first) = bench.get("/api/v1/reminders?limit=2&channel=sms&state=planned").told().await;
    assert_eq!(status, StatusCode::OK);
    let numbers = |page: &Value| -> Vec<i64> {
        let all = page["reminders"].as_array().expect("a list").iter();
        all.map(|one| one["id"].as_i64().expect("a number")).collect()
    };
    assert_eq!(numbers(&first), [ids[2].0, ids[1].0], "newest first");
    let next = first["next"].as_str().expect("there is more");
    let (_, last) = bench.get(&format!("/api/v1/reminders?limit=2&merchant=mall&cursor={next}")).told().await;
    assert_eq!((numbers(&last), &last["next"]), (vec![ids[0].0], &Value::Null));
    let href = last["reminders"][0]["href"].as_str().expect("a path");
    let (status, shown) = bench.get(href).told().await;
    assert_eq!((status, &shown["step"], &shown["state"]), (StatusCode::OK, &json!("due/-3"), &json!("planned")));
    assert_eq!((&shown["events"], &shown["tries"], &shown["messages"]), (&json!([]), &json!([]), &json!([])));
    let foreign = problem(&bench.get(href).by(FOREIGN_TOKEN).answer().await, StatusCode::NOT_FOUND);
    let nothing = problem(&bench.get("/api/v1/reminders/987654").answer().await, StatusCode::NOT_FOUND);
    assert_eq!(foreign, nothing, "another merchant's is as if it were not there");
    let (_, foreign) = bench.get("/api/v1/reminders").by(FOREIGN_TOKEN).told().await;
    assert_eq!(foreign["reminders"], json!([]));
    let asked = bench.get("/api/v1/reminders?merchant=mall").by(FOREIGN_TOKEN);
    problem(&asked.answer().await, StatusCode::NOT_FOUND);
}

#[rstest]
#[case::state("/api/v1/reminders?state=gone", "state is none of ")]
#[case::limit("/api/v1/reminders?limit=0", "limit is no whole number from 1 to 200")]
#[case::cursor("/api/v1/reminders?cursor=x", "cursor is none that a page before gave")]
#[case::twice("/api/v1/reminders?state=held&state=held", "state is given twice")]
#[case::unknown("/api/v1/routes?page=2", "there is no parameter page here; there is cursor, limit, merchant")]
#[case::date("/api/v1/explain?borrower=b-1&date=today", "the date is none such as 2026-11-25")]
#[case::before_all("/api/v1/explain?borrower=b-1&date=-262143-01-01", "the date is none such as 2026-11-25")]
#[case::after_all("/api/v1/explain?borrower=b-1&date=%2B262142-12-31", "the date is none such as 2026-11-25")]
#[case::five_digits("/api/v1/reminders?due_date=%2B10000-01-01", "the date is none such as 2026-11-25")]
#[case::missing("/api/v1/explain", "borrower is missing")]
#[tokio::test]
async fn a_query_that_cannot_be_read_is_told(#[case] path: &str, #[case] expected: &str) {
    let (bench, _) = bench().await;
    let detail = problem(&bench.get(path).answer().await, StatusCode::BAD_REQUEST);
    assert!(detail.contains(expected), "{detail}");
}

#[tokio::test]
async fn a_token_for_several_merchants_names_one() {
    let (bench, store) = bench().await;
    let token = Token::new([7; 32]);
    let new = NewToken {
        name: "both".to_owned(),
        digest: token.digest(),
        merchants: ["mall", "harbour"].map(|id| id.parse().expect("an id")).into(),
        actions: [Action::ReadReminders].into(),
        created_at: bench.clock.now(),
        expires_at: None,
    };
    store.add_token(&new).await.expect("kept");
    let detail = problem(&bench.get("/api/v1/reminders").by(token.reveal()).answer().await, StatusCode::BAD_REQUEST);
    assert!(detail.contains("this token is for several"), "{detail}");
    let named = bench.get("/api/v1/reminders?merchant=harbour").by(token.reveal()).answer().await;
    assert_eq!(named.status, StatusCode::OK);
}

#[rstest]
#[case::nobody(json!({ "borrower": "nobody" }), StatusCode::NOT_FOUND, "there is no such borrower")]
#[case::another_merchant(json!({ "merchant": "harbour" }), StatusCode::NOT_FOUND, "there is no such merchant")]
#[case::both(json!({ "installment": "i-1" }), StatusCode::UNPROCESSABLE_ENTITY, "name either borrower or installment")]
#[case::no_channel(json!({ "channel": "fax" }), StatusCode::UNPROCESSABLE_ENTITY, "channel is not sms or email")]
#[case::no_reason(json!({ "reason": null }), StatusCode::UNPROCESSABLE_ENTITY, "reason is missing")]
#[tokio::test]
async fn a_resend_that_is_not_clear_is_told(#[case] change: Value, #[case] status: StatusCode, #[case] expected: &str) {
    let (bench, _) = bench().await;
    let mut body = json!({ "merchant": "mall", "borrower": "b-1", "channel": "sms", "reason": "called in" });
    body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
    let asked = bench.ask(Method::POST, "/api/v1/reminders/resend").header("idempotency-key", "k").json(&body);
    let detail = problem(&asked.answer().await, status);
    assert!(detail.contains(expected), "{detail}");
}

#[tokio::test]
async fn a_resend_of_what_is_open_twice_names_its_due_date() {
    let (bench, store) = bench().await;
    store.import(&[row(&installment("i-2", "b-1", "2026-12-25"))], WriteMode::Commit).await.expect("imported");
    let resend = |key: &'static str, date: Value| {
        let body = json!({ "merchant": "mall", "borrower": "b-1", "channel": "sms", "reason": "x", "due_date": date });
        bench.ask(Method::POST, "/api/v1/reminders/resend").header("idempotency-key", key).json(&body).answer()
    };
    let unclear = resend("k1", Value::Null).await;
    let detail = problem(&unclear, StatusCode::CONFLICT);
    assert_eq!(json_of(&unclear)["reason"], "several_due_dates");
    assert!(detail.contains("2026-11-25, 2026-12-25") && !detail.contains("--"), "{detail}");
    assert_eq!(resend("k2", json!("2026-12-25")).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_address_is_suppressed_listed_and_taken_off_again() {
    let (bench, store) = bench().await;
    let list = |query: &'static str| bench.get(query).told();
    let post = |path: &'static str, key: &'static str, body: Value| {
        bench.ask(Method::POST, path).header("idempotency-key", key).json(&body).answer()
    };
    let one = json!({ "merchant": "mall", "address": "138 0013 8000", "reason": "opted_out", "by": "wang" });
    let added = post("/api/v1/suppressions", "k1", one).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    assert!(!added.body.contains("13800138000"), "{}", added.body);
    let (_, masked) = list("/api/v1/suppressions").await;
    let shown = &masked["suppressions"][0];
    let told = (&shown["address"], &shown["reason"], &shown["source"]);
    assert_eq!(told, (&json!("…8000"), &json!("opted_out"), &json!("wang by crm")));
    assert_eq!(store.audit_head().await.expect("read").number, 1);
    let (_, whole) = list("/api/v1/suppressions?reveal=true").await;
    let record = store.audit_chain(1, 9).await.expect("read").remove(0).record;
    assert_eq!((&*record.action, record.object.as_deref()), ("reveal", Some("addresses 1")));
    assert_eq!(whole["suppressions"][0]["address"], "+8613800138000");
    let (_, of_borrower) = list("/api/v1/suppressions?borrower=b-1").await;
    assert_eq!(of_borrower["suppressions"], masked["suppressions"]);
    let lift =
        |by: &str| json!({ "merchant": "mall", "address": "+8613800138000", "reason": "asked for it", "by": by });
    for (key, by, status) in [
        ("k2", "li", StatusCode::ACCEPTED),
        ("k2", "li", StatusCode::ACCEPTED),
        ("k3", "Li", StatusCode::ACCEPTED),
        ("k4", "wang", StatusCode::OK),
    ] {
        let answer = post("/api/v1/suppressions/lift", key, lift(by)).await;
        assert_eq!((answer.status, &json_of(&answer)["lifted"]), (status, &json!(status == StatusCode::OK)), "{by}");
    }
    problem(&post("/api/v1/suppressions/lift", "k5", lift("li")).await, StatusCode::NOT_FOUND);
    assert_eq!(list("/api/v1/suppressions").await.1["suppressions"], json!([]));
    let wrong = json!({ "merchant": "mall", "address": "12", "until": "2020-01-01" });
    let told = json_of(&post("/api/v1/suppressions", "k6", wrong).await);
    let pointers: Vec<_> = told["errors"].as_array().expect("a list").iter().map(|one| &one["pointer"]).collect();
    assert_eq!(pointers, ["/address", "/until"]);
}

/// Of 5 suppressions of `mall` and 1 of `harbour`, pages of 2: each once, and no cursor shows an address.
#[tokio::test]
async fn suppressions_are_listed_in_pages_whose_cursors_show_nothing() {
    let (bench, store) = bench().await;
    let add = async |merchant: &str, token: &str, number: usize, address: &str| {
        let body = json!({ "merchant": merchant, "address": address });
        let asked = bench.ask(Method::POST, "/api/v1/suppressions").by(token);
        let added = asked.header("idempotency-key", &format!("{merchant}-{number}")).json(&body).answer().await;
        assert_eq!(added.status, StatusCode::CREATED, "{}", added.body);
    };
    let addresses = ["+8613800138001", "+8613800138002", "a@example.com", "+8613800138003", "b@example.com"];
    for (number, address) in addresses.into_iter().enumerate() {
        add("mall", super::TOKEN, number, address).await;
    }
    add("harbour", FOREIGN_TOKEN, 0, "+8613800138009").await;
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None::<String>, Vec::new());
    loop {
        let behind = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let (status, page) = bench.get(&format!("/api/v1/suppressions?limit=2&reveal=true{behind}")).told().await;
        assert_eq!(status, StatusCode::OK, "{page}");
        let listed = page["suppressions"].as_array().expect("a list");
        pages.push(listed.len());
        seen.extend(listed.iter().map(|one| one["address"].as_str().expect("a text").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        assert!(!next.contains("138") && !next.contains("example") && !next.contains('@'), "{next}");
        cursor = Some(next.to_owned());
    }
    assert_eq!((pages, seen.len()), (vec![2, 2, 1], 5));
    seen.sort();
    assert_eq!(seen, ["+8613800138001", "+8613800138002", "+8613800138003", "a@example.com", "b@example.com"]);
    let (_, first) = bench.get("/api/v1/suppressions?limit=2").told().await;
    let next = first["next"].as_str().expect("there is more").to_owned();
    for (path, token) in [
        (format!("/api/v1/suppressions?cursor={next}"), FOREIGN_TOKEN),
        (format!("/api/v1/suppressions?cursor={}", &next[..next.len() - 2]), super::TOKEN),
        (format!("/api/v1/routes?cursor={next}"), super::TOKEN),
        (format!("/api/v1/reminders?cursor={next}"), super::TOKEN),
        ("/api/v1/suppressions?cursor=7".to_owned(), super::TOKEN),
        ("/api/v1/suppressions?cursor=".to_owned(), super::TOKEN),
        ("/api/v1/suppressions?limit=1001".to_owned(), super::TOKEN),
    ] {
        problem(&bench.get(&path).by(token).answer().await, StatusCode::BAD_REQUEST);
    }
    let both = Suppression {
        merchant: None,
        address: Address::Phone(Phone::new("+8613800138000").expect("a number")).into(),
        reason: SuppressionReason::Bounced,
        source: "gateway".to_owned(),
        since: bench.clock.now(),
        until: None,
    };
    store.suppress(&[both], None).await.expect("suppressed");
    add("mall", super::TOKEN, 5, "+8613800138000").await;
    let (_, page) = bench.get("/api/v1/suppressions?borrower=b-1&limit=1").told().await;
    let next = page["next"].as_str().expect("there is more");
    let (_, last) = bench.get(&format!("/api/v1/suppressions?borrower=b-1&limit=1&cursor={next}")).told().await;
    let merchants = [&page, &last].map(|page| page["suppressions"][0]["merchant"].clone());
    assert_eq!((merchants, &last["next"]), ([Value::Null, json!("mall")], &Value::Null));
}

#[tokio::test]
async fn routes_are_listed_in_pages() {
    let (bench, _) = bench().await;
    let (_, first) = bench.get("/api/v1/routes?limit=1").told().await;
    assert_eq!((&first["routes"][0]["key"], &first["next"]), (&json!("mall-web"), &json!("mall-web")));
    let (_, last) = bench.get("/api/v1/routes?limit=1&cursor=mall-web").told().await;
    assert_eq!((&last["routes"][0]["key"], &last["next"]), (&json!("mall-app"), &Value::Null));
    let (_, behind) = bench.get("/api/v1/routes?cursor=mall-app").told().await;
    assert_eq!(behind, json!({ "routes": [], "next": null }));
    for path in ["/api/v1/routes?cursor=harbour-web", "/api/v1/routes?cursor=", "/api/v1/routes?limit=0"] {
        problem(&bench.get(path).answer().await, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn routes_are_those_of_the_merchant() {
    let (bench, _) = bench().await;
    let keys = async |token: &str| -> Vec<Value> {
        let (_, told) = bench.get("/api/v1/routes").by(token).told().await;
        told["routes"].as_array().expect("a list").iter().map(|one| one["key"].clone()).collect()
    };
    assert_eq!(keys(super::TOKEN).await, ["mall-web", "mall-app"]);
    assert_eq!(keys(FOREIGN_TOKEN).await, ["harbour-web"]);
}

#[tokio::test]
async fn a_borrower_is_explained() {
    let (bench, _) = bench().await;
    let (status, told) = bench.get("/api/v1/explain?borrower=b-1").told().await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!((&told["borrower"], &told["due_dates"][0]["due_date"]), (&json!("b-1"), &json!("2026-11-25")));
    assert_eq!(told["due_dates"][0]["rules"][0]["rule"], "due-soon");
    for path in ["/api/v1/explain?borrower=nobody", "/api/v1/explain?merchant=harbour&borrower=b-1"] {
        problem(&bench.get(path).answer().await, StatusCode::NOT_FOUND);
    }
    problem(&bench.get("/api/v1/explain?borrower=b-1").by(FOREIGN_TOKEN).answer().await, StatusCode::NOT_FOUND);
}
