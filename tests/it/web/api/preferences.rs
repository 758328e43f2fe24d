//! Preferences of a borrower.

use axum::http::{Method, StatusCode};
use dueherald::clock::SimClock;
use dueherald::domain::BorrowerKey;
use dueherald::store::{MemoryStore, PreferenceStore};
use rstest::rstest;
use serde_json::{Value, json};

use super::super::fake::{Health, World, instant};
use super::{Bench, FOREIGN_TOKEN, OLD_TOKEN, READER_TOKEN, TOKEN, bench, over, problem};
use crate::fixtures::merchant;

const PATH: &str = "/api/v1/borrowers/mall/b-1/preferences";

async fn patch(bench: &Bench, body: &Value) -> (StatusCode, Value) {
    bench.ask(Method::PATCH, PATH).json(body).told().await
}

async fn record(store: &MemoryStore) -> Vec<String> {
    let key = BorrowerKey { merchant: merchant().id, id: "b-1".parse().expect("an id") };
    let record = store.preferences(&key).await.expect("the record is read");
    record.iter().map(|one| format!("{}: {}", one.actor, one.said)).collect()
}

#[tokio::test]
async fn a_system_holds_a_borrower_and_takes_wishes_down_on_record() {
    let (bench, store) = bench().await;
    let preferences = json!({
        "hold": { "reason": "dispute", "until": "2026-12-01" }, "language": "en", "channel": "email",
        "hours": "18:00-20:00", "by": "wang"
    });
    let told = json!({
        "merchant": "mall", "borrower": "b-1", "hold": { "reason": "dispute", "until": "2026-12-01T16:00:00Z" },
        "language": "en", "channel": "email", "hours": "18:00-20:00"
    });
    assert_eq!(patch(&bench, &preferences).await, (StatusCode::OK, told.clone()), "the last day is the merchant's");
    let seen = bench.get(PATH).shown(&format!("bearer {TOKEN}")).answer().await;
    assert_eq!(serde_json::from_str::<Value>(&seen.body).expect("JSON"), told);
    assert_eq!((seen.header("cache-control"), seen.header("content-type")), ("no-store", "application/json"));
    // A field that is left out keeps its value, `null` clears it.
    let (status, told) = patch(&bench, &json!({ "hold": null })).await;
    assert_eq!((status, &told["hold"], &told["language"]), (StatusCode::OK, &Value::Null, &json!("en")));
    let said =
        "wang by crm: hold dispute until 2026-12-01T16:00:00+00:00, language en, channel email, hours 18:00-20:00";
    assert_eq!(record(&store).await, [said, "crm: hold none"]);
}

#[rstest]
#[case::nothing(json!({}), "the body changes nothing: set at least one of hold, language, channel, hours")]
#[case::nothing_but_who(json!({ "by": "wang" }), "the body changes nothing")]
#[case::misspelled(json!({ "chanel": "sms" }), "there is no field chanel here; there is by, channel, hold, hours, language")]
#[case::no_channel(json!({ "channel": "fax" }), "channel is not sms or email")]
#[case::no_text(json!({ "channel": 5 }), "channel is no text")]
#[case::no_hours(json!({ "hours": "21:00-18:00" }), "is not a span of hours such as 18:00-21:00")]
#[case::no_language(json!({ "language": "?" }), "language is no language tag")]
#[case::past(json!({ "hold": { "reason": "dispute", "until": "2026-11-01" } }), "until is not a day to come")]
#[case::blank_reason(json!({ "hold": { "reason": " " } }), "a reason must be given")]
#[case::no_reason(json!({ "hold": { "until": "2026-12-01" } }), "reason is missing")]
#[case::no_hold(json!({ "hold": "dispute" }), "hold is no object")]
#[case::no_object(json!("hold"), "the body is no JSON object")]
#[case::nobody(json!({ "channel": "sms", "by": "a\nb" }), "by is no name of at most 140 characters in one line")]
#[case::several(json!({ "channel": 5, "hold": { "x": 1 } }), "there is no field x here; there is reason, until; channel is no text")]
#[tokio::test]
async fn what_cannot_be_wished_for_is_told_and_changes_nothing(#[case] body: Value, #[case] expected: &str) {
    let (bench, store) = bench().await;
    let answer = bench.ask(Method::PATCH, PATH).json(&body).answer().await;
    let detail = problem(&answer, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(detail.contains(expected), "{detail}");
    assert!(record(&store).await.is_empty());
}

#[rstest]
#[case::none("")]
#[case::wrong("Bearer 5d0c6d5b6a1e4d6f8b1f0a2c3e4d5f61")]
#[case::of_no_scheme(TOKEN)]
#[case::of_another_scheme("Basic 5d0c6d5b6a1e4d6f8b1f0a2c3e4d5f60")]
#[case::shortened("Bearer 5d0c6d5b6a1e4d6f8b1f0a2c3e4d5f6")]
#[case::by_its_name("Bearer crm")]
#[tokio::test]
async fn without_a_token_nothing_is_told_or_done(#[case] shown: &str) {
    let (bench, store) = bench().await;
    for path in [PATH, "/api/v1/borrowers/mall/nobody/preferences", "/api/v1/nothing"] {
        for method in [Method::GET, Method::PATCH] {
            let answer = bench.ask(method, path).shown(shown).json(&json!({ "channel": "sms" })).answer().await;
            problem(&answer, StatusCode::UNAUTHORIZED);
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
        }
    }
    assert!(record(&store).await.is_empty());
}

#[rstest]
#[case::its_own(TOKEN, StatusCode::OK, StatusCode::OK)]
#[case::the_one_before(OLD_TOKEN, StatusCode::OK, StatusCode::OK)]
#[case::for_reading(READER_TOKEN, StatusCode::OK, StatusCode::FORBIDDEN)]
#[case::of_another_merchant(FOREIGN_TOKEN, StatusCode::NOT_FOUND, StatusCode::NOT_FOUND)]
#[tokio::test]
async fn a_token_is_for_its_merchants_and_actions(
    #[case] token: &str,
    #[case] reads: StatusCode,
    #[case] changes: StatusCode,
) {
    let (bench, store) = bench().await;
    assert_eq!(bench.get(PATH).by(token).answer().await.status, reads);
    let changed = bench.ask(Method::PATCH, PATH).by(token).json(&json!({ "channel": "sms" })).answer().await;
    assert_eq!(changed.status, changes);
    assert_eq!(record(&store).await.len(), usize::from(changes == StatusCode::OK));
}

#[tokio::test]
async fn a_store_that_fails_is_no_secret_and_no_details() {
    let mut world = World::new();
    world.store.health = Health::Failing;
    let bench = over(world.public().store, &SimClock::at(instant("2026-11-22T02:00:00Z")));
    let answer = bench.get(PATH).answer().await;
    let detail = problem(&answer, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "60");
    assert!(!answer.body.contains("db.internal"), "{detail}");
}
