//! `/verify`, as a borrower meets it who doubts a message, and as others who guess.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use dueherald::domain::State;
use dueherald::http::public;
use rstest::rstest;
use tower::ServiceExt;

use super::fake::{CODE, Health, World};
use super::{ask, get};

async fn verified(router: Router, body: impl Into<Body>) -> (StatusCode, String) {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/verify")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into())
        .expect("a request");
    let response = router.oneshot(request).await.expect("a router never fails");
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("pages are UTF-8"))
}

#[tokio::test]
async fn a_genuine_code_tells_the_merchant_and_the_day_and_not_whose_it_is() {
    let (status, page) = verified(public::router(World::new().public()), format!("code={CODE}")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("核验通过") && page.contains("云帆商城") && page.contains("2026年11月22日"), "{page}");
    for personal in ["欧阳", "13800138000", "ouyang", "B-1001", "1288.66", "2026-11-25", CODE] {
        assert!(!page.contains(personal), "{personal}: {page}");
    }
}

#[rstest]
#[case::another("code=ZZZZZ99999".to_owned())]
#[case::nothing(String::new())]
#[case::no_code("other=1".to_owned())]
#[case::broken_percent_signs("code=%ZZ%".to_owned())]
#[case::markup("code=%3Cscript%3Ealert(1)%3C%2Fscript%3E".to_owned())]
#[case::huge(format!("code={}", "A".repeat(100_000)))]
#[tokio::test]
async fn what_is_no_code_of_ours_is_not_genuine(#[case] body: String) {
    let (status, page) = verified(public::router(World::new().public()), body).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("未查到该校验码") && !page.contains("云帆商城"), "{page}");
    assert!(!page.contains("script>") && !page.contains("AAAA"), "nothing is repeated: {page}");
}

#[tokio::test]
async fn a_message_that_never_left_is_not_genuine() {
    let mut world = World::new();
    world.store.reminders[0].state = State::Planned;
    let (_, page) = verified(public::router(world.public()), format!("code={CODE}")).await;
    assert!(page.contains("未查到该校验码"), "{page}");
}

#[tokio::test]
async fn the_form_is_shown_and_may_be_sent() {
    let router = public::router(World::new().public());
    let page = get(router.clone(), "/verify").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("<form method=\"post\"") && !page.body.contains("未查到"), "{}", page.body);
    assert!(page.header("content-security-policy").contains("form-action 'self'"));
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(ask(router, Method::HEAD, "/verify").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_store_that_fails_is_not_taken_for_an_answer() {
    let mut world = World::new();
    world.store.health = Health::Failing;
    let (status, page) = verified(public::router(world.public()), format!("code={CODE}")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!page.contains("未查到"), "{page}");
}
