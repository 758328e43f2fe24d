//! Callbacks that arrive again: from a provider that got no answer, or from somebody who recorded them.

use axum::http::StatusCode;
use dueherald::domain::{State, SuppressionReason};
use dueherald::store::{ReminderStore, ReplyFilter, ReplyStore};

use super::Bench;

#[tokio::test]
async fn a_report_that_comes_again_is_on_record_once() {
    let bench = Bench::new().await;
    let events = async || bench.store.events(bench.id).await.expect("listed").len();
    assert_eq!(bench.tell("delivered m-1").await.status, StatusCode::OK);
    let once = events().await;
    for again in ["delivered m-1", &format!("delivered ={}", bench.reference()), "delivered m-1\ndelivered m-1"] {
        assert_eq!(bench.tell(again).await.status, StatusCode::OK, "the provider is told that it was heard");
        assert_eq!(events().await, once, "{again}");
    }
}

#[tokio::test]
async fn an_old_report_does_not_undo_a_newer_one() {
    let bench = Bench::new().await;
    bench.tell("undelivered m-1").await;
    bench.tell("delivered m-1").await;
    bench.tell("undelivered m-1").await;
    assert_eq!(bench.state().await, State::Delivered);
    assert!(bench.suppressed().await.is_empty());
}

#[tokio::test]
async fn an_answer_that_comes_again_is_on_record_once() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        assert_eq!(bench.tell("reply r-1 td\nreply r-1 td").await.status, StatusCode::OK);
    }
    let filter = ReplyFilter { limit: 9, ..ReplyFilter::default() };
    assert_eq!(bench.store.replies(&filter).await.expect("listed").len(), 1);
    assert_eq!(bench.suppressed().await, [SuppressionReason::OptedOut]);
}
