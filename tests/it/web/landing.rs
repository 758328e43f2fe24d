//! The landing page of a personal link.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dueherald::domain::{Channel, Installment, InstallmentStatus, Locale, RouteKey};
use dueherald::http::{STORE_PATIENCE, public};
use dueherald::plan::{ChannelMode, Policy, Rule};
use dueherald::render::page_languages;
use futures_util::FutureExt;
use rstest::rstest;
use sha2::{Digest, Sha256};

use super::fake::{FORGOTTEN, Health, TOKEN, World, app, date, installment, instant, web};
use super::{Answer, ask, get, logged, without_style};
use crate::fixtures::rule;

fn router(world: World) -> Router {
    public::router(world.public())
}

fn link() -> String {
    format!("/r/{TOKEN}")
}

async fn landing(world: World) -> Answer {
    get(router(world), &link()).await
}

#[tokio::test]
async fn an_open_bill_shows_merchant_date_and_the_three_ways() {
    let page = landing(World::new()).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in [
        "云帆商城",
        "2026年11月25日",
        "还有 3 天",
        "打开“云帆金融”",
        "商城账号绑定的手机号",
        r#"href="mallpay:&#x2f;&#x2f;repay?from=r""#,
        r#"<span class="host">pay.yunfan.example</span>"#,
        r#"name="route" value="web""#,
        r#"href="tel:4008208820""#,
        r#"href="mailto:help@yunfan.example""#,
        "9:00–21:00",
    ] {
        assert!(page.body.contains(shown), "the page does not show {shown}:\n{}", page.body);
    }
    insta::assert_snapshot!("open_zh", without_style(&page.body));
}

#[tokio::test]
async fn the_page_is_in_the_borrowers_language_else_the_merchants() {
    let mut world = World::new();
    world.borrower().locale = Locale::new("en-GB").ok();
    let page = landing(world).await;
    assert!(page.body.contains(r#"<html lang="en-GB">"#) && page.body.contains("25 November 2026"));
    insta::assert_snapshot!("open_en-GB", without_style(&page.body));

    let mut world = World::new();
    world.merchant.locale = Locale::new("en").expect("a tag");
    assert!(landing(world).await.body.contains(r#"<html lang="en">"#));

    let mut world = World::new();
    world.merchant.locale = Locale::new("en").expect("a tag");
    world.borrower().locale = Locale::new("zh-SG").ok();
    assert!(landing(world).await.body.contains(r#"<html lang="zh-CN">"#));

    let mut world = World::new();
    world.merchant.locale = Locale::new("en-GB").expect("a tag");
    world.borrower().locale = Locale::new("en").ok();
    assert!(landing(world).await.body.contains(r#"<html lang="en-GB">"#), "English at a merchant in Britain");
}

#[rstest]
#[case::days_before("2026-11-24T15:59:59Z", "明天到期")]
#[case::on_the_day("2026-11-24T16:00:00Z", "今天到期")]
#[case::still_the_day("2026-11-25T15:59:59Z", "今天到期")]
#[case::after("2026-11-25T16:00:00Z", "已过还款日")]
#[tokio::test]
async fn days_are_counted_on_the_borrowers_calendar(#[case] now: &str, #[case] shown: &str) {
    let world = World::new();
    world.clock.step_to(instant(now));
    let page = landing(world).await;
    assert!(page.body.contains(shown), "{}", page.body);
}

#[rstest]
#[case::paid_zh("paid_zh", "zh-CN", Some(InstallmentStatus::Paid), "账单已还清")]
#[case::paid_en("paid_en", "en", Some(InstallmentStatus::Paid), "All paid, thank you")]
#[case::cancelled_zh("cancelled_zh", "zh-CN", Some(InstallmentStatus::Cancelled), "账单已取消")]
#[case::cancelled_en("cancelled_en", "en", Some(InstallmentStatus::Cancelled), "This bill was canceled")]
#[case::written_off_zh("written_off_zh", "zh-CN", Some(InstallmentStatus::WrittenOff), "账单已关闭")]
#[case::written_off_en("written_off_en", "en", Some(InstallmentStatus::WrittenOff), "This bill is closed")]
#[case::disputed_zh("disputed_zh", "zh-CN", Some(InstallmentStatus::Disputed), "账单正在核实")]
#[case::disputed_en("disputed_en", "en", Some(InstallmentStatus::Disputed), "This bill is under review")]
#[case::rescheduled_zh("rescheduled_zh", "zh-CN", None, "还款日已变更")]
#[case::rescheduled_en("rescheduled_en", "en", None, "The due date has changed")]
#[tokio::test]
async fn a_bill_that_is_settled_offers_no_way_to_repay_but_a_person_to_ask(
    #[case] name: &str,
    #[case] locale: &str,
    #[case] status: Option<InstallmentStatus>,
    #[case] headline: &str,
) {
    let mut world = World::new();
    world.borrower().locale = Locale::new(locale).ok();
    match status {
        Some(status) => world.set_status(status),
        None => world.store.account.installments.clear(),
    }
    let page = landing(world).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains(headline), "{}", page.body);
    assert!(page.body.contains("tel:4008208820"));
    assert!(!page.body.contains("pay.yunfan.example") && !page.body.contains("mallpay:"));
    insta::assert_snapshot!(name, without_style(&page.body));
}

#[tokio::test]
async fn one_open_instalment_among_paid_ones_keeps_the_page_open() {
    let mut world = World::new();
    world.set_status(InstallmentStatus::Paid);
    world.store.account.installments.push(installment("I-2", None));
    assert!(landing(world).await.body.contains("前往还款页面"));
}

#[tokio::test]
async fn a_closed_route_gives_way_to_the_open_one() {
    let mut world = World::new();
    world.routes[1].closed = true;
    world.routes.push(web("web-2", None, "https://pay2.yunfan.example/"));
    let page = landing(world).await;
    assert!(page.body.contains("pay2.yunfan.example") && !page.body.contains("pay.yunfan.example"));
}

#[tokio::test]
async fn without_a_web_route_the_app_and_support_remain() {
    let mut world = World::new();
    for route in &mut world.routes {
        route.closed = true;
    }
    let page = landing(world).await;
    assert!(page.body.contains("打开“云帆金融”") && page.body.contains("tel:4008208820"));
    assert!(!page.body.contains("网页还款") && !page.body.contains("mallpay:") && !page.body.contains("https:"));
}

#[tokio::test]
async fn each_product_gets_its_own_route_once() {
    let mut world = World::new();
    let products = [Some("随心分"), Some("教育分期"), Some("随心分"), None];
    world.store.account.installments =
        products.iter().zip(1..).map(|(product, n)| installment(&format!("I-{n}"), *product)).collect();
    world.routes = vec![
        web("general", None, "https://pay.yunfan.example/"),
        web("flexi", Some("随心分"), "https://flexi.yunfan.example/"),
        web("edu", Some("教育分期"), "https://edu.yunfan.example/"),
        app("app", "mallpay://repay"),
    ];
    let page = landing(world).await;
    for (host, route) in [("pay", "general"), ("flexi", "flexi"), ("edu", "edu")] {
        let shown = [format!(">{host}.yunfan.example<"), format!("name=\"route\" value=\"{route}\"")];
        for shown in shown {
            assert_eq!(page.body.matches(&shown).count(), 1, "{shown} is there once:\n{}", page.body);
        }
    }
    assert_eq!(page.body.matches("href=\"mallpay:").count(), 1);
    insta::assert_snapshot!("several_products", without_style(&page.body));
}

#[tokio::test]
async fn the_route_that_an_instalment_names_comes_first() {
    let mut world = World::new();
    world.routes.push(web("named", Some("other"), "https://named.yunfan.example/"));
    world.store.account.installments[0].route = RouteKey::new("named").ok();
    let page = landing(world).await;
    assert!(page.body.contains("named.yunfan.example") && !page.body.contains("pay.yunfan.example"));
}

#[tokio::test]
async fn nothing_personal_stands_in_any_page() {
    for status in [InstallmentStatus::Open, InstallmentStatus::Paid, InstallmentStatus::Cancelled] {
        for locale in page_languages() {
            let mut world = World::new();
            world.store.account.installments = vec![installment("I-1", Some("随心分"))];
            world.set_status(status);
            world.borrower().locale = Locale::new(locale).ok();
            let page = landing(world).await;
            let headers = format!("{:?}", page.headers);
            // Where its forms lead: only who has the link reads it.
            let body = page.body.replace(&format!("action=\"{TOKEN}/go\""), "");
            for personal in [
                "欧阳",
                "晓雯",
                "13800138000",
                "8000<",
                "2222",
                "ouyang",
                "1288",
                "ORDER",
                "随心分",
                "B-1001",
                "I-1",
                "due-soon",
                TOKEN,
            ] {
                assert!(!body.contains(personal), "{personal} stands in the page:\n{body}");
                assert!(!headers.contains(personal), "{personal} stands in a header");
            }
        }
    }
}

#[tokio::test]
async fn links_that_lead_nowhere_all_get_the_same_page() {
    let (mut gone, mut erased) = (World::new(), World::new());
    gone.merchant_known = false;
    erased.store.account.borrower = None;
    let answers = [
        get(router(World::new()), "/r/garbage").await,
        get(router(World::new()), &format!("/r/{}", "a".repeat(4000))).await,
        get(router(World::new()), &format!("/r/{TOKEN}x")).await,
        get(router(World::new()), &format!("/r/{FORGOTTEN}")).await,
        get(router(World::new()), "/r/%ff%fe").await,
        get(router(World::new()), "/r/").await,
        get(router(World::new()), "/").await,
        get(router(World::new()), "/r/a/b").await,
        landing(gone).await,
        landing(erased).await,
    ];
    insta::assert_snapshot!("not_found", without_style(&answers[0].body));
    for answer in &answers {
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.body, answers[0].body);
        assert_eq!(answer.headers, answers[0].headers);
    }
}

#[tokio::test]
async fn links_that_lead_nowhere_all_cost_the_same() {
    for (path, merchant_known) in [("/r/garbage".into(), true), (format!("/r/{FORGOTTEN}"), true), (link(), false)] {
        let mut world = World::new();
        world.merchant_known = merchant_known;
        let asked = Arc::clone(&world.store.asked);
        get(router(world), &path).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1, "{path}");
    }
}

#[tokio::test]
async fn a_failing_store_gets_a_kind_page_in_both_languages_whatever_the_token() {
    let mut bodies = Vec::new();
    for path in [link(), "/r/garbage".to_owned()] {
        let mut world = World::new();
        world.store.health = Health::Failing;
        let page = get(router(world), &path).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(page.header("retry-after"), "60");
        assert!(page.body.contains("客服") && page.body.contains("customer service"));
        bodies.push(page.body);
    }
    assert_eq!(bodies[0], bodies[1]);
    insta::assert_snapshot!("unavailable", without_style(&bodies[0]));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_not_waited_for_longer_than_it_is_decent() {
    let mut world = World::new();
    world.store.health = Health::Silent;
    let clock = world.clock.clone();
    let path = link();
    let mut page = Box::pin(get(router(world), &path));
    assert!((&mut page).now_or_never().is_none());
    clock.advance(STORE_PATIENCE - Duration::from_millis(1));
    assert!((&mut page).now_or_never().is_none());
    clock.advance(Duration::from_millis(1));
    assert_eq!(page.await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn every_answer_is_private_and_loads_nothing() {
    let mut failing = World::new();
    failing.store.health = Health::Failing;
    let answers = [
        landing(World::new()).await,
        get(router(World::new()), "/r/garbage").await,
        landing(failing).await,
        ask(router(World::new()), Method::POST, &link()).await,
    ];
    for answer in &answers {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("x-robots-tag"), "noindex, nofollow");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert!(!answer.body.contains("<script") && !answer.body.contains("src=") && !answer.body.contains("style="));
    }
    for answer in &answers[..3] {
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        let style = answer.body.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
        let hash = STANDARD.encode(Sha256::digest(style.expect("a style sheet")));
        let forms = if answer.status == StatusCode::OK {
            "'self' https://*.yunfan.example:* https://pay.yunfan.example:* mallpay:"
        } else {
            "'none'"
        };
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action {forms}; frame-ancestors \
             'none'"
        );
        assert_eq!(answer.header("content-security-policy"), policy);
    }
}

#[tokio::test]
async fn head_tells_what_get_would_and_nothing_else_is_allowed() {
    let whole = landing(World::new()).await;
    let head = ask(router(World::new()), Method::HEAD, &link()).await;
    assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    assert_eq!(head.header("content-security-policy"), whole.header("content-security-policy"));
    for method in [Method::PUT, Method::DELETE, Method::PATCH] {
        assert_eq!(ask(router(World::new()), method, &link()).await.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}

#[tokio::test]
async fn what_the_config_says_is_escaped() {
    let mut world = World::new();
    world.merchant.name = "<i>&\"云帆\"".into();
    world.merchant.support.phone = Some("</p><script>alert(1)</script>".into());
    let page = landing(world).await;
    assert!(!page.body.contains("<i>") && !page.body.contains("<script"));
}

#[tokio::test]
async fn the_token_is_in_no_log_line() {
    let text = logged(async {
        let mut failing = World::new();
        failing.store.health = Health::Failing;
        landing(failing).await;
        landing(World::new()).await;
    })
    .await;
    assert!(text.contains("a landing page could not be shown"), "the failure is logged:\n{text}");
    assert!(!text.contains(TOKEN), "the token is logged:\n{text}");
}

#[tokio::test]
async fn a_borrowers_own_time_zone_counts() {
    let mut world = World::new();
    world.borrower().time_zone = Some(chrono_tz::America::Los_Angeles);
    world.clock.step_to(instant("2026-11-25T16:00:00Z"));
    assert_eq!(world.store.reminders[0].reminder.plan.key.due_date, date("2026-11-25"));
    assert!(landing(world).await.body.contains("今天到期"));
}

#[tokio::test]
async fn the_page_of_a_digest_goes_on_to_what_is_still_open() {
    let page = async |second_is_paid: bool| {
        let mut world = World::new();
        world.set_status(InstallmentStatus::Paid);
        for (id, due) in [("I-2", "2026-11-27"), ("I-3", "2026-12-24")] {
            world.store.account.installments.push(Installment { due_date: date(due), ..installment(id, None) });
        }
        if second_is_paid {
            world.store.account.installments[1].status = InstallmentStatus::Paid;
        }
        let mut public = world.public();
        let rule = rule("due-soon", &[-3], ChannelMode::All, &[Channel::Sms]);
        let rules = vec![Rule { digest: Some(3), ..rule }];
        public.policy = Arc::new(Policy { rules, ..(*public.policy).clone() });
        get(public::router(public), &link()).await.body
    };
    let body = page(false).await;
    assert!(body.contains("2026年11月27日") && body.contains("还有 5 天"), "{body}");
    let body = page(true).await;
    assert!(body.contains("已全部还清"), "what is due in a month was not spoken of: {body}");
}
