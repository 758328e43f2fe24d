//! Figures, the funnel of a day and the forecast.

use std::time::Duration;

use axum::http::StatusCode;
use dueherald::clock::Clock;
use dueherald::domain::{Action, Token};
use dueherald::store::{ApiStore, LedgerStore, MemoryStore, NewToken, OutboxStore, Stop, StopStore, WriteMode};
use rstest::rstest;
use serde_json::{Value, json};

use super::{Bench, FOREIGN_TOKEN, bench, problem};
use crate::fixtures::{at, installment, reminder, row};
use crate::store::outcomes::{accepted, settle};
use crate::store::sample::claim_all;

const NOW: &str = "2026-11-22T02:00:00Z";

/// A gateway takes over a message to `b-1`.
async fn send(bench: &Bench, store: &MemoryStore) {
    store.plan(&[reminder("b-1", "2026-11-25", "due/-3", NOW)], at(NOW), WriteMode::Commit).await.expect("planned");
    for claimed in claim_all(store).await.sending {
        settle(store, &accepted(claimed, &bench.clock)).await;
    }
}

/// A token of `mall` and `harbour` for both kinds of figures.
async fn token_of_both(bench: &Bench, store: &MemoryStore) -> Token {
    let token = Token::new([9; 32]);
    let new = NewToken {
        name: "both".to_owned(),
        digest: token.digest(),
        merchants: ["mall", "harbour"].map(|id| id.parse().expect("an id")).into(),
        actions: [Action::ReadFigures, Action::ReadForecast].into(),
        created_at: bench.clock.now(),
        expires_at: None,
    };
    store.add_token(&new).await.expect("kept").expect("the name is free");
    token
}

#[tokio::test]
async fn figures_count_what_happened_to_messages_of_the_tokens_merchants() {
    let (bench, store) = bench().await;
    send(&bench, &store).await;
    let token = token_of_both(&bench, &store).await;
    let sent = async |path: &str, token: &str| {
        let (status, told) = bench.get(path).by(token).told().await;
        assert_eq!(status, StatusCode::OK, "{told}");
        let hours = told["hours"].as_array().expect("a list");
        assert_eq!((hours.len(), &hours[23]["start"]), (24, &json!(NOW)));
        let gateways = told["gateways"].as_array().expect("a list").len();
        (told["merchants"].clone(), hours[23]["sent"].clone(), gateways)
    };
    assert_eq!(sent("/api/v1/figures", super::TOKEN).await, (json!(["mall"]), json!(1), 1));
    assert_eq!(sent("/api/v1/figures", FOREIGN_TOKEN).await, (json!(["harbour"]), json!(0), 0));
    assert_eq!(sent("/api/v1/figures", token.reveal()).await, (json!(["harbour", "mall"]), json!(1), 1));
    let narrowed = sent("/api/v1/figures?merchant=harbour", token.reveal()).await;
    assert_eq!(narrowed, (json!(["harbour"]), json!(0), 0));
}

#[tokio::test]
async fn the_funnel_is_of_a_day_three_days_ago_and_of_the_tokens_merchants() {
    let (bench, store) = bench().await;
    send(&bench, &store).await;
    let lines = async |token: &str| -> Value {
        let (status, told) = bench.get("/api/v1/figures/funnel").by(token).told().await;
        assert_eq!(status, StatusCode::OK, "{told}");
        told["lines"].clone()
    };
    assert_eq!(lines(super::TOKEN).await, json!([]), "it is too young");
    bench.clock.advance(Duration::from_secs(3 * 86_400 + 60));
    let expected = json!([{
        "merchant": "mall", "route": "mall-web", "step": "due/-3", "channel": "sms",
        "sent": 1, "delivered": 0, "clicked": 0, "paid": 0
    }]);
    assert_eq!(lines(super::TOKEN).await, expected);
    assert_eq!(lines(FOREIGN_TOKEN).await, json!([]));
    bench.clock.advance(Duration::from_secs(86_400));
    assert_eq!(lines(super::TOKEN).await, json!([]), "it is too old");
}

#[tokio::test]
async fn a_forecast_is_of_the_tokens_merchants_and_tells_nothing_about_others() {
    let (bench, store) = bench().await;
    let mut of_harbour = row(&installment("i-2", "b-2", "2026-11-26"));
    of_harbour.borrower.merchant = "harbour".parse().expect("an id");
    store.import(&[of_harbour], WriteMode::Commit).await.expect("imported");
    let stop = Stop {
        merchant: Some("harbour".parse().expect("an id")),
        channel: None,
        actor: "wang".to_owned(),
        reason: "wrong amounts".to_owned(),
        since: at(NOW),
    };
    store.stop(&stop).await.expect("stopped");
    let token = token_of_both(&bench, &store).await;
    let told = async |path: &str, token: &str| {
        let (status, told) = bench.get(path).by(token).told().await;
        assert_eq!(status, StatusCode::OK, "{told}");
        let is_stopped = told["notes"].to_string().contains("everything of harbour");
        let skipped =
            told["total"]["skipped"].as_object().expect("an object").values().filter_map(Value::as_u64).sum::<u64>();
        let messages = told["total"]["sms"].as_u64().zip(told["total"]["email"].as_u64()).map(|(a, b)| a + b);
        (messages.unwrap_or_default() + skipped, is_stopped)
    };
    let (mall, harbour) =
        (told("/api/v1/forecast", super::TOKEN).await, told("/api/v1/forecast?merchant=harbour", token.reveal()).await);
    assert!(mall.0 > 0 && harbour.0 > 0, "{mall:?} {harbour:?}");
    assert_eq!((mall.1, harbour.1), (false, true));
    assert_eq!(told("/api/v1/forecast", token.reveal()).await, (mall.0 + harbour.0, true));
    assert_eq!(told("/api/v1/forecast", FOREIGN_TOKEN).await, harbour);
    let (_, whole) = bench.get("/api/v1/forecast?days=2").told().await;
    let dates: Vec<_> = whole["days"].as_array().expect("a list").iter().map(|day| &day["date"]).collect();
    assert_eq!(dates, ["2026-11-22", "2026-11-23"]);
    let (_, year) = bench.get("/api/v1/forecast?days=366").told().await;
    assert_eq!(year["days"].as_array().map(Vec::len), Some(366));
}

#[rstest]
#[case::no_day("/api/v1/forecast?days=0", StatusCode::BAD_REQUEST)]
#[case::ten_years("/api/v1/forecast?days=3650", StatusCode::BAD_REQUEST)]
#[case::no_number("/api/v1/forecast?days=1e2", StatusCode::BAD_REQUEST)]
#[case::time("/api/v1/forecast?at=2026-11-22T10:00:00Z", StatusCode::BAD_REQUEST)]
#[case::foreign_forecast("/api/v1/forecast?merchant=harbour", StatusCode::NOT_FOUND)]
#[case::foreign_figures("/api/v1/figures?merchant=harbour", StatusCode::NOT_FOUND)]
#[case::foreign_funnel("/api/v1/figures/funnel?merchant=harbour", StatusCode::NOT_FOUND)]
#[case::unknown("/api/v1/figures?merchant=nobody", StatusCode::NOT_FOUND)]
#[case::twice("/api/v1/figures?merchant=mall&merchant=harbour", StatusCode::BAD_REQUEST)]
#[tokio::test]
async fn what_is_not_the_tokens_or_no_number_is_refused(#[case] path: &str, #[case] status: StatusCode) {
    let (bench, _) = bench().await;
    problem(&bench.get(path).answer().await, status);
}
