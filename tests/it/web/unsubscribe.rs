//! `/u/{token}`, as a person, a mail scanner and a mail program meet it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use dueherald::domain::{Address, Channel, Locale, MerchantId, Suppression, SuppressionReason};
use dueherald::http::public;
use dueherald::render::page_languages;
use rstest::rstest;
use tower::ServiceExt;

use super::fake::{FORGOTTEN, Health, TOKEN, UNSUBSCRIBE_TOKEN, World};
use super::{ask, get, without_style};

const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

fn link() -> String {
    format!("/u/{UNSUBSCRIBE_TOKEN}")
}

fn world() -> World {
    let mut world = World::new();
    world.store.reminders[0].reminder.plan.key.channel = Channel::Email;
    world
}

/// A router, and what it suppressed.
fn router(world: World) -> (Router, Arc<Mutex<Vec<Suppression>>>) {
    let suppressed = Arc::clone(&world.store.suppressed);
    (public::router(world.public()), suppressed)
}

/// As a mail program posts: no cookie, no origin, no referrer.
async fn post(router: Router, path: &str, body: impl Into<Body>) -> (StatusCode, String) {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into())
        .expect("a request");
    let response = router.oneshot(request).await.expect("a router never fails");
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("pages are UTF-8"))
}

#[tokio::test]
async fn looking_at_the_page_unsubscribes_nobody() {
    for locale in page_languages() {
        let mut world = world();
        world.borrower().locale = Locale::new(locale).ok();
        let (router, suppressed) = router(world);
        let page = get(router.clone(), &link()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(ask(router, Method::HEAD, &link()).await.status, StatusCode::OK);
        assert!(suppressed.lock().unwrap().is_empty());
        assert!(page.header("content-security-policy").contains("form-action 'self'"), "the button works");
        for personal in ["欧阳", "13800138000", "ouyang", "B-1001", UNSUBSCRIBE_TOKEN] {
            assert!(!page.body.contains(personal), "{personal} stands in the page");
        }
        insta::assert_snapshot!(format!("asked_{locale}"), without_style(&page.body));
    }
}

#[rstest]
#[case::form(ONE_CLICK)]
#[case::parts("--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n")]
#[tokio::test]
async fn one_click_suppresses_that_address_for_that_merchant(#[case] body: &'static str) {
    let mut world = world();
    let email = world.borrower().email.clone().expect("the sample has one");
    let now = dueherald::clock::Clock::now(&world.clock);
    let (router, suppressed) = router(world);
    let (status, body) = post(router, &link(), body).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body.contains("已退订") && !body.contains("One-Click"), "{body}");
    let expected = Suppression {
        merchant: MerchantId::new("yunfan").ok(),
        address: Address::Email(email).into(),
        reason: SuppressionReason::OptedOut,
        source: "link".into(),
        since: now,
        until: None,
    };
    assert_eq!(*suppressed.lock().unwrap(), [expected]);
}

#[tokio::test]
async fn a_borrower_wishes_for_a_language_a_channel_and_hours() {
    let mut world = world();
    world.borrower().preferred_channel = Some(Channel::Email);
    let wished = Arc::clone(&world.store.wished);
    let (router, suppressed) = router(world);
    let preferences = "preferences=save&language=en&channel=sms&hours=18%3A00-21%3A00";
    let (status, body) = post(router.clone(), &link(), preferences).await;
    assert_eq!((status, body.contains("已保存")), (StatusCode::OK, true), "{body}");
    let (status, _) = post(router, &link(), "preferences=save&language=&channel=&hours=").await;
    assert_eq!(status, StatusCode::OK);
    let told: Vec<_> =
        wished.lock().unwrap().iter().map(|said| (said.actor.clone(), said.preferences.to_string())).collect();
    let told: Vec<_> = told.iter().map(|(actor, said)| (actor.as_str(), said.as_str())).collect();
    assert_eq!(
        told,
        [
            ("borrower", "language en, channel sms, hours 18:00-21:00"),
            ("borrower", "language none, channel none, hours none")
        ]
    );
    assert!(suppressed.lock().unwrap().is_empty());
}

#[rstest]
#[case::hours_that_are_not_offered("language=&channel=&hours=03:00-03:01")]
#[case::a_channel_that_is_none("language=&channel=fax&hours=")]
#[case::half_a_form("language=en")]
#[case::nothing("")]
#[tokio::test]
async fn nothing_else_can_be_wished_for(#[case] body: &'static str) {
    let world = world();
    let wished = Arc::clone(&world.store.wished);
    let (router, suppressed) = router(world);
    assert_eq!(post(router, &link(), body).await.0, StatusCode::BAD_REQUEST);
    assert!(wished.lock().unwrap().is_empty() && suppressed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn twice_is_as_good_as_once() {
    let mut world = world();
    world.store.account.suppressed = Some(SuppressionReason::OptedOut);
    let (router, suppressed) = router(world);
    assert_eq!(post(router.clone(), &link(), ONE_CLICK).await.0, StatusCode::OK);
    assert!(get(router.clone(), &link()).await.body.contains("已退订"));
    assert_eq!(post(router, &link(), ONE_CLICK).await.0, StatusCode::OK);
    assert_eq!(suppressed.lock().unwrap().len(), 1, "nothing is written again");
}

#[tokio::test]
async fn who_unsubscribed_here_by_mistake_undoes_it_here() {
    let mut world = world();
    world.store.account.suppressed = Some(SuppressionReason::OptedOut);
    let (router, suppressed) = router(world);
    let (_, page) = post(router.clone(), &link(), ONE_CLICK).await;
    assert!(page.contains("恢复邮件提醒"), "{page}");
    let (status, page) = post(router.clone(), &link(), "resume=email").await;
    assert_eq!((status, page.contains("已恢复邮件提醒")), (StatusCode::OK, true), "{page}");
    assert!(suppressed.lock().unwrap().is_empty());
    assert!(get(router, &link()).await.body.contains("One-Click"), "and can be done again");
}

/// A link does not undo the opt-out of a borrower who answered STOP, complained, or asked customer service.
#[rstest]
#[case::by_a_reply("reply:kannel", true)]
#[case::by_staff("command", true)]
#[case::everywhere("link", false)]
#[tokio::test]
async fn an_opt_out_by_another_way_stays(#[case] source: &str, #[case] of_merchant: bool) {
    let mut world = world();
    world.store.account.suppressed = Some(SuppressionReason::OptedOut);
    let (router, suppressed) = router(world);
    post(router.clone(), &link(), ONE_CLICK).await;
    {
        let mut known = suppressed.lock().unwrap();
        known[0].source = source.into();
        known[0].merchant.take_if(|_| !of_merchant);
    }
    let (status, page) = post(router.clone(), &link(), "resume=email").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("请联系客服") && !page.contains("已恢复"), "{page}");
    assert_eq!(suppressed.lock().unwrap().len(), 1);
}

/// Staff stopped messages, or the address bounced, before the borrower unsubscribed: undoing that on the page must not
/// undo the other.
#[rstest]
#[case::a_complaint(SuppressionReason::Complained, None, SuppressionReason::Complained, "li.na")]
#[case::by_staff_for_a_time(
    SuppressionReason::Manual,
    Some("2999-01-01T00:00:00Z"),
    SuppressionReason::OptedOut,
    "link-over-another"
)]
#[case::a_bounce(SuppressionReason::Bounced, None, SuppressionReason::OptedOut, "link-over-another")]
#[tokio::test]
async fn what_was_stopped_before_stays_stopped(
    #[case] reason: SuppressionReason,
    #[case] until: Option<&str>,
    #[case] reason_after: SuppressionReason,
    #[case] source_after: &str,
) {
    let mut world = world();
    world.store.account.suppressed = Some(reason);
    let (router, suppressed) = router(world);
    post(router.clone(), &link(), ONE_CLICK).await;
    {
        let mut known = suppressed.lock().unwrap();
        (known[0].reason, known[0].source) = (reason, "li.na".into());
        known[0].until = until.map(crate::fixtures::at);
    }
    for body in [ONE_CLICK, "resume=email"] {
        let (status, page) = post(router.clone(), &link(), body).await;
        assert_eq!(status, StatusCode::OK);
        assert!(page.contains("请联系客服") && !page.contains("name=\"resume\""), "{body}: {page}");
    }
    let known = suppressed.lock().unwrap();
    let last = known.last().expect("it is still stopped");
    assert_eq!((last.reason, last.source.as_str()), (reason_after, source_after));
}

#[tokio::test]
async fn an_opt_out_that_ends_is_not_taken_for_one_that_does_not() {
    let mut world = world();
    world.store.account.suppressed = Some(SuppressionReason::OptedOut);
    let (router, suppressed) = router(world);
    post(router.clone(), &link(), ONE_CLICK).await;
    suppressed.lock().unwrap()[0].until = Some(crate::fixtures::at("2999-01-01T00:00:00Z"));
    assert!(get(router.clone(), &link()).await.body.contains("One-Click"));
    post(router, &link(), ONE_CLICK).await;
    assert_eq!(suppressed.lock().unwrap().last().map(|last| last.until), Some(None));
}

#[tokio::test]
async fn a_borrower_without_an_address_is_answered_all_the_same() {
    let mut world = world();
    world.store.account.borrower = None;
    let (router, suppressed) = router(world);
    let (status, page) = post(router, &link(), ONE_CLICK).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("没有您的邮箱地址") && !page.contains("已退订") && !page.contains("<form"), "{page}");
    assert!(suppressed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_says_something_else_is_refused_with_the_page() {
    for body in ["", "List-Unsubscribe=no", "x=One-Click"] {
        let (router, suppressed) = router(world());
        let (status, page) = post(router, &link(), body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body:?}");
        assert!(page.contains("<form"), "{page}");
        assert!(suppressed.lock().unwrap().is_empty());
    }
    let (router, suppressed) = router(world());
    let huge = format!("{}{ONE_CLICK}", "x".repeat(5_000));
    assert_eq!(post(router, &link(), huge).await.0, StatusCode::BAD_REQUEST);
    assert!(suppressed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_token_that_is_not_one_gets_the_page_of_every_dead_link() {
    let (dead, suppressed) = router(world());
    let elsewhere = get(dead.clone(), "/r/garbage").await;
    for path in ["/u/garbage", &format!("/u/{TOKEN}"), &format!("/u/{FORGOTTEN}"), "/u/%ff"] {
        let got = get(dead.clone(), path).await;
        let (status, body) = post(dead.clone(), path, ONE_CLICK).await;
        assert_eq!((got.status, status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{path}");
        assert_eq!((&got.body, &body), (&elsewhere.body, &elsewhere.body), "{path}");
        assert_eq!(got.headers, elsewhere.headers, "{path}");
    }
    assert!(suppressed.lock().unwrap().is_empty());
    let landing = get(dead, &format!("/r/{UNSUBSCRIBE_TOKEN}")).await;
    assert_eq!(landing.status, StatusCode::NOT_FOUND, "a token is good for one purpose");
}

#[tokio::test]
async fn one_post_costs_three_questions_to_the_store_at_most() {
    for (path, cost) in [(link(), 3), ("/u/garbage".to_owned(), 1)] {
        let world = world();
        let asked = Arc::clone(&world.store.asked);
        post(router(world).0, &path, ONE_CLICK).await;
        assert_eq!(asked.load(Ordering::Relaxed), cost, "{path}");
    }
}

#[tokio::test]
async fn a_store_that_fails_is_not_a_yes() {
    let mut world = world();
    world.store.health = Health::Failing;
    let (status, page) = post(router(world).0, &link(), ONE_CLICK).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!page.contains("已退订"));
}
