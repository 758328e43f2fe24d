//! Links end some time after the bill, and hold under the merchant's own hosts only.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use dueherald::domain::{InstallmentStatus, MerchantId};
use dueherald::http::hosts::PageHosts;
use dueherald::http::public;
use rstest::rstest;

use super::fake::{TOKEN, UNSUBSCRIBE_TOKEN, World, instant};
use super::{Answer, answered, get, post_form};

const DAY: u64 = 24 * 60 * 60;

fn page() -> String {
    format!("/r/{TOKEN}")
}

/// So many days after 22 November, three before the due date.
fn router_after(world: World, days: u64) -> Router {
    world.clock.advance(Duration::from_secs(days * DAY));
    public::router(world.public())
}

#[rstest]
#[case::chinese("zh-CN", "链接已失效")]
#[case::english("en", "This link has expired")]
#[tokio::test]
async fn ninety_days_after_the_due_date_a_page_says_whom_to_ask_and_nothing_else(
    #[case] locale: &str,
    #[case] headline: &str,
) {
    let world = |locale: &str| {
        let mut world = World::new();
        world.borrower().locale = Some(locale.parse().expect("a locale"));
        world
    };
    let last_day = get(router_after(world(locale), 93), &page()).await;
    assert!(last_day.body.contains("action=") && !last_day.body.contains(headline), "{}", last_day.body);

    let expired = world(locale);
    let (clicks, tried) = (Arc::clone(&expired.store.clicks), Arc::clone(&expired.store.tried));
    let router = router_after(expired, 94);
    let answer = get(router.clone(), &page()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains(headline), "{}", answer.body);
    for hint in ["<form", "pay.yunfan.example", "mallpay:", "11月25日", "25 November", "欧阳晓雯"] {
        assert!(!answer.body.contains(hint), "{hint}: {}", answer.body);
    }
    assert!(answer.body.contains("tel:"), "customer service: {}", answer.body);

    let digits = post_form(router.clone(), &page(), "digits=1111").await;
    assert!(!digits.body.contains("欧阳晓雯") && digits.body.contains(headline), "{}", digits.body);
    assert!(tried.lock().unwrap().is_empty(), "no try is counted");
    let go = post_form(router, &format!("{}/go", page()), "route=web").await;
    assert_eq!(go.header("location"), format!("../{TOKEN}"), "back to the page");
    assert!(clicks.lock().unwrap().is_empty());
}

#[tokio::test]
async fn thirty_days_after_payment_it_ends_too() {
    let paid = || {
        let mut world = World::new();
        world.set_status(InstallmentStatus::Paid);
        world.store.account.settled_at = Some(instant("2026-11-22T01:00:00Z"));
        world
    };
    assert!(get(router_after(paid(), 30), &page()).await.body.contains("已还清"));
    assert!(get(router_after(paid(), 31), &page()).await.body.contains("链接已失效"));
    let mut unknown = paid();
    unknown.store.account.settled_at = None;
    assert!(get(router_after(unknown, 31), &page()).await.body.contains("已还清"), "when it was paid is not on record");
}

#[tokio::test]
async fn an_opt_out_by_a_link_never_ends() {
    let world = World::new();
    let suppressed = Arc::clone(&world.store.suppressed);
    let router = router_after(world, 1_000);
    let answer = post_form(router, &format!("/u/{UNSUBSCRIBE_TOKEN}"), "List-Unsubscribe=One-Click").await;
    assert_eq!((answer.status, suppressed.lock().unwrap().len()), (StatusCode::OK, 1));
}

async fn under(router: &Router, host: Option<&str>, method: &str, path: &str, body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    answered(router.clone(), request.body(Body::from(body.to_owned())).expect("a request")).await
}

#[rstest]
#[case::its_own("repay.mall.example", true)]
#[case::with_a_port("repay.mall.example:8443", true)]
#[case::in_capitals("Repay.MALL.example", true)]
#[case::this_machine("localhost:8080", true)]
#[case::loopback("127.0.0.1:8080", true)]
#[case::loopback_of_ipv6("[::1]:8080", true)]
#[case::another_merchants("harbor.example", false)]
#[case::a_strangers("mall.evil.example", false)]
#[case::below_it("x.repay.mall.example", false)]
#[case::an_address("192.0.2.7", false)]
#[case::empty("", false)]
#[case::user("repay.mall.example@evil.example", false)]
#[tokio::test]
async fn pages_are_served_under_the_merchants_hosts_only(#[case] host: &str, #[case] is_served: bool) {
    let world = World::new();
    let (clicks, suppressed) = (Arc::clone(&world.store.clicks), Arc::clone(&world.store.suppressed));
    let hosts = [
        (world.merchant.id.clone(), vec!["repay.mall.example".to_owned()]),
        (MerchantId::new("harbor").expect("an id"), vec!["harbor.example".to_owned()]),
    ];
    let mut public = world.public();
    public.hosts = Arc::new(PageHosts::from_iter(hosts));
    let router = public::router(public);
    let nowhere = get(router.clone(), "/nowhere").await;
    let unsubscribe = format!("/u/{UNSUBSCRIBE_TOKEN}");
    let (go, one_click) = (format!("{}/go", page()), "List-Unsubscribe=One-Click");
    for (method, path, body) in [
        ("GET", page(), ""),
        ("POST", page(), "digits=1111"),
        ("POST", go, "route=web"),
        ("GET", unsubscribe.clone(), ""),
        ("POST", unsubscribe, one_click),
    ] {
        let answer = under(&router, Some(host), method, &path, body).await;
        assert_eq!(answer.status != StatusCode::NOT_FOUND, is_served, "{method} {path}: {}", answer.status);
        assert!(
            is_served || (answer.body == nowhere.body && answer.headers == nowhere.headers),
            "the same as everywhere"
        );
    }
    assert_eq!(clicks.lock().unwrap().len() + suppressed.lock().unwrap().len(), if is_served { 2 } else { 0 });
    let verify = under(&router, Some(host), "GET", "/verify", "").await.status;
    assert_eq!(verify == StatusCode::OK, is_served || host == "harbor.example", "it is every merchant's");
}
