//! `/api/v1/…`, as a lender's own system meets it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use dueherald::clock::SimClock;
use dueherald::config::ApiAction::{self, ChangePreferences, ReadPreferences};
use dueherald::config::ApiToken;
use dueherald::domain::BorrowerKey;
use dueherald::http::api::{Api, router};
use dueherald::store::{LedgerStore, MemoryStore, PreferenceStore, WriteMode};
use rstest::rstest;
use serde_json::{Value, json};

use super::fake::{Health, World, instant};
use super::{Answer, answered};
use crate::fixtures::{installment, merchant, policy, row};

const TOKEN: &str = "5d0c6d5b6a1e4d6f8b1f0a2c3e4d5f60";
const OLD_TOKEN: &str = "the-token-before-that-is-replaced-1";
const SHOP_TOKEN: &str = "another-token-of-another-system-1";
const READER_TOKEN: &str = "a-token-for-reading-of-a-system-1";
const PATH: &str = "/api/v1/borrowers/mall/b-1/preferences";

async fn bench() -> (Router, Arc<MemoryStore>) {
    let clock = SimClock::at(instant("2026-11-22T02:00:00Z"));
    let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    let known = [row(&installment("i-1", "b-1", "2026-11-25"))];
    store.import(&known, WriteMode::Commit).await.expect("it is imported");
    let tokens = vec![
        token("crm", &[TOKEN, OLD_TOKEN], &["mall"], &[ReadPreferences, ChangePreferences]),
        token("shop", &[SHOP_TOKEN], &["other"], &[ReadPreferences, ChangePreferences]),
        token("hotline", &[READER_TOKEN], &["mall"], &[ReadPreferences]),
    ];
    (router(Api::with(store.clone(), Arc::new(policy()), Arc::new(clock), tokens)), store)
}

fn token(name: &str, shown: &[&str], merchants: &[&str], actions: &[ApiAction]) -> ApiToken {
    ApiToken {
        name: name.to_owned(),
        tokens: shown.iter().map(|shown| (*shown).into()).collect(),
        merchants: merchants.iter().map(|merchant| merchant.parse().expect("an id")).collect(),
        actions: actions.iter().copied().collect(),
    }
}

async fn ask(router: &Router, method: Method, path: &str, authorization: Option<&str>, body: String) -> Answer {
    let request = Request::builder().method(method).uri(path);
    let request = match authorization {
        Some(shown) => request.header("authorization", shown),
        None => request,
    };
    answered(router.clone(), request.body(Body::from(body)).expect("a request")).await
}

async fn patch(router: &Router, body: &Value) -> (StatusCode, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let answer = ask(router, Method::PATCH, PATH, Some(&bearer), body.to_string()).await;
    (answer.status, serde_json::from_str(&answer.body).expect("JSON"))
}

async fn record(store: &MemoryStore) -> Vec<String> {
    let key = BorrowerKey { merchant: merchant().id, id: "b-1".parse().expect("an id") };
    let record = store.preferences(&key).await.expect("the record is read");
    record.iter().map(|one| format!("{}: {}", one.actor, one.said)).collect()
}

#[tokio::test]
async fn a_system_holds_a_borrower_and_takes_wishes_down_on_record() {
    let (router, store) = bench().await;
    let preferences = json!({
        "hold": { "reason": "dispute", "until": "2026-12-01" }, "language": "en", "channel": "email",
        "hours": "18:00-20:00", "by": "wang"
    });
    let told = json!({
        "merchant": "mall", "borrower": "b-1", "hold": { "reason": "dispute", "until": "2026-12-01T16:00:00Z" },
        "language": "en", "channel": "email", "hours": "18:00-20:00"
    });
    assert_eq!(patch(&router, &preferences).await, (StatusCode::OK, told.clone()), "the last day is the merchant's");
    let bearer = format!("bearer {TOKEN}");
    let seen = ask(&router, Method::GET, PATH, Some(&bearer), String::new()).await;
    assert_eq!(serde_json::from_str::<Value>(&seen.body).expect("JSON"), told);
    assert_eq!((seen.header("cache-control"), seen.header("content-type")), ("no-store", "application/json"));
    // A field that is left out keeps its value, `null` clears it.
    let (status, told) = patch(&router, &json!({ "hold": null })).await;
    assert_eq!((status, &told["hold"], &told["language"]), (StatusCode::OK, &Value::Null, &json!("en")));
    let said =
        "wang by crm: hold dispute until 2026-12-01T16:00:00+00:00, language en, channel email, hours 18:00-20:00";
    assert_eq!(record(&store).await, [said, "crm: hold none"]);
}

#[rstest]
#[case::nothing(json!({}), "empty update: set at least one of hold, language, channel, hours")]
#[case::nothing_but_who(json!({ "by": "wang" }), "empty update")]
#[case::misspelled(json!({ "chanel": "sms" }), "unknown field `chanel`")]
#[case::no_channel(json!({ "channel": "fax" }), "channel is not sms or email")]
#[case::no_hours(json!({ "hours": "21:00-18:00" }), "is not a span of hours such as 18:00-21:00")]
#[case::no_language(json!({ "language": "?" }), "language is no language tag")]
#[case::past(json!({ "hold": { "reason": "dispute", "until": "2026-11-01" } }), "until is not a day to come")]
#[case::no_reason(json!({ "hold": { "reason": " " } }), "a reason must be given")]
#[case::no_object(json!("hold"), "invalid type")]
#[case::nobody(json!({ "channel": "sms", "by": "a\nb" }), "an actor must be given")]
#[tokio::test]
async fn what_cannot_be_wished_for_is_told_and_changes_nothing(#[case] body: Value, #[case] expected: &str) {
    let (router, store) = bench().await;
    let (status, told) = patch(&router, &body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(told["error"].as_str().is_some_and(|error| error.contains(expected)), "{told}");
    assert!(record(&store).await.is_empty());
}

#[rstest]
#[case::none(None)]
#[case::wrong(Some("Bearer 5d0c6d5b6a1e4d6f8b1f0a2c3e4d5f61".to_owned()))]
#[case::of_no_scheme(Some(TOKEN.to_owned()))]
#[case::of_another_scheme(Some(format!("Basic {TOKEN}")))]
#[case::shortened(Some(format!("Bearer {}", &TOKEN[..31])))]
#[case::by_its_name(Some("Bearer crm".to_owned()))]
#[tokio::test]
async fn without_a_token_nothing_is_told_or_done(#[case] shown: Option<String>) {
    let (router, store) = bench().await;
    for path in [PATH, "/api/v1/borrowers/mall/nobody/preferences", "/api/v1/nothing"] {
        for method in [Method::GET, Method::PATCH] {
            let answer = ask(&router, method, path, shown.as_deref(), r#"{"channel":"sms"}"#.to_owned()).await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (StatusCode::UNAUTHORIZED, "Bearer"));
        }
    }
    assert!(record(&store).await.is_empty());
}

#[rstest]
#[case::unknown_borrower("/api/v1/borrowers/mall/nobody/preferences", StatusCode::NOT_FOUND)]
#[case::another_merchant("/api/v1/borrowers/other/b-1/preferences", StatusCode::FORBIDDEN)]
#[case::no_merchant("/api/v1/borrowers/%FF/b-1/preferences", StatusCode::NOT_FOUND)]
#[case::no_path("/api/v1/borrowers", StatusCode::NOT_FOUND)]
#[tokio::test]
async fn what_is_not_there_is_told(#[case] path: &str, #[case] expected: StatusCode) {
    let (router, _) = bench().await;
    for method in [Method::GET, Method::PATCH] {
        let bearer = format!("Bearer {TOKEN}");
        let answer = ask(&router, method, path, Some(&bearer), r#"{"channel":"sms"}"#.to_owned()).await;
        assert_eq!(answer.status, expected);
        assert!(answer.body.starts_with(r#"{"error":""#), "{}", answer.body);
    }
}

#[rstest]
#[case::its_own(TOKEN, StatusCode::OK, StatusCode::OK)]
#[case::the_one_before(OLD_TOKEN, StatusCode::OK, StatusCode::OK)]
#[case::for_reading(READER_TOKEN, StatusCode::OK, StatusCode::FORBIDDEN)]
#[case::of_another_merchant(SHOP_TOKEN, StatusCode::FORBIDDEN, StatusCode::FORBIDDEN)]
#[tokio::test]
async fn a_token_is_for_its_merchants_and_actions(
    #[case] token: &str,
    #[case] reads: StatusCode,
    #[case] changes: StatusCode,
) {
    let (router, store) = bench().await;
    let bearer = format!("Bearer {token}");
    assert_eq!(ask(&router, Method::GET, PATH, Some(&bearer), String::new()).await.status, reads);
    let changed = ask(&router, Method::PATCH, PATH, Some(&bearer), r#"{"channel":"sms"}"#.to_owned()).await;
    assert_eq!(changed.status, changes);
    assert_eq!(record(&store).await.len(), usize::from(changes == StatusCode::OK));
}

#[tokio::test]
async fn a_body_without_end_is_not_read() {
    let (router, _) = bench().await;
    let bearer = format!("Bearer {TOKEN}");
    let body = format!(r#"{{"by":"{}"}}"#, "a".repeat(16 * 1024));
    assert_eq!(ask(&router, Method::PATCH, PATH, Some(&bearer), body).await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_store_that_fails_is_no_secret_and_no_details() {
    let mut world = World::new();
    world.store.health = Health::Failing;
    let public = world.public();
    let path = "/api/v1/borrowers/yunfan/B-1001/preferences";
    let router = router(Api::with(
        public.store,
        public.policy,
        public.clock,
        vec![token("crm", &[TOKEN], &["yunfan"], &[ReadPreferences])],
    ));
    let answer = ask(&router, Method::GET, path, Some(&format!("Bearer {TOKEN}")), String::new()).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "60"));
    assert!(!answer.body.contains("db.internal"), "{}", answer.body);
}
