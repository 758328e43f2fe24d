//! The page for a visitor who knows the phone number, and the targets of its buttons.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use dueherald::domain::{
    AppGuide, AppSteps, Channel, Click, InstallmentStatus, KeyRing, Locale, Phone, RouteKey, RouteKind, Support,
    Verifier,
};
use dueherald::http::public;
use dueherald::render::{SigningKey, SigningKeys, address_for};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rstest::rstest;
use secrecy::SecretString;
use tower::ServiceExt;

use super::fake::{REMINDER, TOKEN, World, app, installment, proof_keys, route, web};
use super::{Answer, get, post_form, without_style};

const PERSONAL: [&str; 3] = ["欧阳晓雯", "ORDER-778899", "1,288.66元"];

fn link() -> String {
    format!("/r/{TOKEN}")
}

async fn go(router: &Router, form: &str) -> Answer {
    post_form(router.clone(), &format!("/r/{TOKEN}/go"), form.to_owned()).await
}

async fn give(router: &Router, digits: &str) -> Answer {
    post_form(router.clone(), &link(), format!("digits={digits}")).await
}

const OLD_KEY: &str = "0123456789abcdef0123456789abcdef";
const NEW_KEY: &str = "fedcba9876543210fedcba9876543210";

fn signing_keys(keys: &[(&str, Option<&str>)]) -> SigningKeys {
    let key = |(secret, from): &(&str, Option<&str>)| SigningKey {
        secret: SecretString::from(*secret),
        valid_from: from.map(|from| from.parse().expect("an instant")),
    };
    SigningKeys::new(keys.iter().map(key).collect()).expect("one of them is always valid")
}

/// A way whose address tells the order and the amount, signed.
fn personal() -> World {
    let mut world = World::new();
    world.routes[1] =
        web("web", None, "https://pay.yunfan.example/{installment}?o={order}&a={amount}&c={currency}&s={signature}");
    world.route_keys = Some(signing_keys(&[(OLD_KEY, None)]));
    world
}

/// The proof in a page's forms.
fn proof(page: &str) -> &str {
    let (_, rest) = page.split_once("name=\"proof\" value=\"").expect("a proof");
    rest.split('"').next().expect("its end")
}

#[rstest]
#[case::chinese("zh-CN", "bill_zh")]
#[case::english("en", "bill_en")]
#[tokio::test]
async fn who_answers_the_question_sees_the_bill(#[case] locale: &str, #[case] name: &str) {
    let mut world = World::new();
    world.borrower().locale = Locale::new(locale).ok();
    let mut other = installment("I-2", Some("随心分"));
    other.order_ref = None;
    world.store.account.installments.push(other);
    let router = public::router(world.public());
    let before = get(router.clone(), &link()).await;
    assert!(before.body.contains("name=\"digits\""), "{}", before.body);
    let page = give(&router, "1111").await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in [PERSONAL[0], PERSONAL[1], "1,288.66"] {
        assert!(page.body.contains(shown) && !before.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(!page.body.contains("name=\"digits\""), "they are not asked for again: {}", page.body);
    let snapshot = without_style(&page.body).replace(proof(&page.body), "PROOF");
    insta::assert_snapshot!(name, snapshot);
}

#[rstest]
#[case::of_a_chinese_keyboard("１１１１")]
#[case::with_white_space("%201111+")]
#[tokio::test]
async fn digits_may_be_written_as_people_write_them(#[case] digits: &str) {
    let router = public::router(World::new().public());
    assert_eq!(give(&router, digits).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_the_message_says_is_not_the_answer() {
    let router = public::router(World::new().public());
    for printed in ["2222", "8000"] {
        let answer = give(&router, printed).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{printed}");
        assert!(PERSONAL.iter().all(|personal| !answer.body.contains(personal)), "{}", answer.body);
    }
}

#[tokio::test]
async fn the_number_that_an_sms_went_to_is_not_asked_about_but_an_emails_reader_is() {
    for account_phone in [None, Phone::new("+8613800138000").ok()] {
        let sms = {
            let mut world = World::new();
            world.borrower().account_phone.clone_from(&account_phone);
            public::router(world.public())
        };
        let page = get(sms.clone(), &link()).await;
        assert!(
            !page.body.contains("name=\"digits\"") && page.body.contains("本页不显示姓名、订单和金额"),
            "{}",
            page.body
        );
        assert!(page.body.contains("前往还款页面") && page.body.contains("联系客服"), "{}", page.body);
        let answer = give(&sms, "0013").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(PERSONAL.iter().all(|personal| !answer.body.contains(personal)), "{}", answer.body);
        let mut world = World::new();
        world.borrower().account_phone = account_phone;
        world.store.reminders[0].reminder.plan.key.channel = Channel::Email;
        assert!(give(&public::router(world.public()), "0013").await.body.contains(PERSONAL[0]));
    }
}

#[rstest]
#[case::end_of_an_id("44030119900312123X", "证件号码后四位", "Last four characters of your ID", "123x", "1234")]
#[case::birthday("1990-03-12", "生日（四位数字）", "Month and day of birth", "3-12", "0313")]
#[tokio::test]
async fn what_the_ledger_says_that_the_borrower_knows_is_asked_for_first(
    #[case] cell: &str,
    #[case] chinese: &str,
    #[case] english: &str,
    #[case] right: &str,
    #[case] wrong: &str,
) {
    let world = |locale: &str| {
        let mut world = World::new();
        let ring = KeyRing::new([(1, [1; 32])], [2; 32]).expect("keys");
        let verifier = Verifier::read(cell).expect("it verifies");
        world.borrower().verifier = Some(ring.hash_verifier(&world.borrower().key.clone(), &verifier));
        world.borrower().locale = Locale::new(locale).ok();
        world.ring = Some(Arc::new(ring));
        public::router(world.public())
    };
    for (locale, label) in [("zh-CN", chinese), ("en", english)] {
        let page = get(world(locale), &link()).await;
        assert!(page.body.contains(label), "{}", page.body);
    }
    let router = world("zh-CN");
    for refused in [wrong, "1111"] {
        assert_ne!(give(&router, refused).await.status, StatusCode::OK, "{refused}");
    }
    assert!(give(&router, right).await.body.contains(PERSONAL[0]));
}

#[tokio::test]
async fn a_stranger_who_tries_keeps_the_borrower_out_for_an_hour_at_most() {
    let mut world = World::new();
    world.http.client_header = Some("x-real-ip".parse().expect("a name"));
    let (clock, tried) = (world.clock.clone(), Arc::clone(&world.store.tried));
    let router = public::router(world.public());
    let answer = async |client: &str, digits: &str| {
        let request = Request::post(link())
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-real-ip", client)
            .body(Body::from(format!("digits={digits}")));
        router.clone().oneshot(request.expect("a request")).await.expect("it answers").status()
    };
    for pause in [900, 3_600, 21_600, 0] {
        for _ in 0..5 {
            assert_eq!(answer("203.0.113.9", "0000").await, StatusCode::FORBIDDEN);
        }
        clock.advance(Duration::from_secs(pause));
    }
    assert_eq!(answer("192.0.2.1", "1111").await, StatusCode::TOO_MANY_REQUESTS);
    clock.advance(Duration::from_secs(3_600));
    assert_eq!(answer("203.0.113.9", "1111").await, StatusCode::TOO_MANY_REQUESTS, "the stranger waits for a day");
    assert_eq!(answer("192.0.2.1", "1111").await, StatusCode::OK);
    let tried = format!("{:?}", tried.lock().unwrap());
    assert!(!tried.contains("203.0.113.9") && !tried.contains("192.0.2.1"), "clients are pseudonyms: {tried}");
}

#[tokio::test]
async fn of_a_borrower_without_a_number_no_digits_are_asked_and_nothing_more_is_shown() {
    let mut world = personal();
    world.routes.push(web("plain", None, "https://pay.yunfan.example/plain"));
    world.borrower().account_phone = None;
    world.borrower().phone = None;
    let router = public::router(world.public());
    let page = get(router.clone(), &link()).await;
    assert!(!page.body.contains("name=\"digits\"") && !page.body.contains("#digits"), "{}", page.body);
    assert!(page.body.contains("value=\"plain\"") && !page.body.contains("value=\"web\""), "{}", page.body);
    let answer = give(&router, "1111").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(PERSONAL.iter().all(|personal| !answer.body.contains(personal)), "{}", answer.body);
}

#[tokio::test]
async fn a_paid_bill_asks_for_no_digits() {
    let mut world = World::new();
    world.set_status(InstallmentStatus::Paid);
    let page = get(public::router(world.public()), &link()).await;
    assert!(!page.body.contains("<form") && !page.body.contains("<input"), "{}", page.body);
    assert!(page.header("content-security-policy").contains("form-action 'none'"));
}

#[rstest]
#[case::web("web", "https://pay.yunfan.example/bill?x=1&y=2")]
#[case::app("app", "mallpay://repay?from=r")]
#[tokio::test]
async fn a_button_leads_to_the_route_and_is_counted(#[case] key: &str, #[case] target: &str) {
    let world = World::new();
    let (clicks, now) = (Arc::clone(&world.store.clicks), dueherald::clock::Clock::now(&world.clock));
    let router = public::router(world.public());
    get(router.clone(), &link()).await;
    assert!(clicks.lock().unwrap().is_empty(), "looking is no click");
    let answer = go(&router, &format!("route={key}")).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, target));
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
    let route = RouteKey::new(key).expect("a key");
    assert_eq!(*clicks.lock().unwrap(), [Click { at: now, reminder: REMINDER, route }]);
}

#[tokio::test]
async fn who_wants_to_repay_is_not_held_up_by_a_click_that_cannot_be_kept() {
    let mut world = World::new();
    world.store.clicks_fail = true;
    let answer = go(&public::router(world.public()), "route=web").await;
    assert_eq!(answer.header("location"), "https://pay.yunfan.example/bill?x=1&y=2");
}

#[tokio::test]
async fn an_address_that_tells_order_and_amount_is_filled_for_who_knows_the_number() {
    let world = personal();
    let (clicks, clock) = (Arc::clone(&world.store.clicks), world.clock.clone());
    let router = public::router(world.public());
    let back = format!("../{TOKEN}");

    let page = get(router.clone(), &link()).await;
    assert!(page.body.contains("href=\"#digits\"") && !page.body.contains("value=\"web\""), "{}", page.body);
    assert_eq!(go(&router, "route=web&bill=1").await.header("location"), back);
    let other = proof_keys().seal_proof(
        dueherald::domain::ReminderId(8),
        dueherald::clock::Clock::now(&clock) + chrono::TimeDelta::hours(1),
    );
    assert_eq!(
        go(&router, &format!("route=web&bill=1&proof={other}")).await.header("location"),
        back,
        "another page's"
    );

    let page = give(&router, "1111").await;
    let proof = proof(&page.body).to_owned();
    let going = format!("route=web&bill=1&proof={proof}");
    let answer = go(&router, &going).await;
    let target = answer.header("location");
    let (address, signature) = target.rsplit_once('=').expect("a signature");
    assert_eq!(address, "https://pay.yunfan.example/I-1?o=ORDER-778899&a=1288.66&c=CNY&s");
    assert!(signature.len() == 64 && signature.bytes().all(|byte| byte.is_ascii_hexdigit()), "{signature}");
    assert_eq!(clicks.lock().unwrap().len(), 1);

    clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(go(&router, &going).await.header("location"), back, "the proof is too old");
    assert_eq!(clicks.lock().unwrap().len(), 1);
}

/// The merchant's page accepts both keys for a while, so the new one may begin on a day that both have agreed on.
#[tokio::test]
async fn a_page_that_was_opened_under_the_old_key_leads_on_by_the_key_that_is_valid_at_the_click() {
    let mut world = personal();
    let clock = world.clock.clone();
    world.route_keys = Some(signing_keys(&[(NEW_KEY, Some("2026-11-22T01:10:00Z")), (OLD_KEY, None)]));
    let bill = world.store.account.installments[0].clone();
    let address = world.routes[1].kind.url().expect("a page").to_owned();
    let signed_with = |key: &str| address_for(&address, &bill, Some(&key.into())).expect("everything is known");
    let router = public::router(world.public());
    let page = give(&router, "1111").await;
    let form = format!("route=web&bill=1&proof={}", proof(&page.body));
    assert_eq!(go(&router, &form).await.header("location"), signed_with(OLD_KEY), "the new one is not valid yet");
    clock.advance(Duration::from_secs(10 * 60));
    assert_eq!(go(&router, &form).await.header("location"), signed_with(NEW_KEY));
}

#[tokio::test]
async fn bills_with_addresses_of_their_own_have_buttons_of_their_own() {
    let mut world = World::new();
    world.routes = vec![web("web", None, "https://pay.yunfan.example/{installment}"), app("app", "mallpay://repay")];
    world.store.account.installments.push(installment("I-2", Some("随心分")));
    let mut paid = installment("I-3", None);
    paid.status = InstallmentStatus::Paid;
    world.store.account.installments.insert(1, paid);
    let router = public::router(world.public());
    let page = get(router.clone(), &link()).await.body;
    assert!(page.contains("第1笔") && page.contains("随心分 · 第3笔") && !page.contains("第2笔"), "{page}");
    assert_eq!(go(&router, "route=web&bill=1").await.header("location"), "https://pay.yunfan.example/I-1");
    assert_eq!(go(&router, "route=web&bill=3").await.header("location"), "https://pay.yunfan.example/I-2");
    assert_eq!(go(&router, "route=web&bill=2").await.header("location"), format!("../{TOKEN}"), "it is paid");
    assert_eq!(go(&router, "route=app").await.header("location"), "mallpay://repay");
}

#[tokio::test]
async fn an_app_has_its_own_stores_and_steps_and_a_product_its_own_customer_service() {
    let mut world = World::new();
    world.merchant.locale = Locale::new("en").expect("a tag");
    let stores = vec!["https://appgallery.huawei.com/app/C1".into(), "https://pay.yunfan.example/app.apk".into()];
    let mut steps = AppSteps::default();
    steps.push("zh-CN", "点“还款”".into());
    steps.push("en", "Tap <Repay>".into());
    world.routes[0].kind = RouteKind::App { url: "mallpay://repay".into(), guide: AppGuide { stores, steps } };
    let contact = Support { phone: Some("95000".into()), email: None, hours: None };
    world.routes.push(route("care", Some("教育分期"), RouteKind::Support { contact: Some(contact) }));
    let page = |world: World| async { get(public::router(world.public()), &link()).await.body };

    world.store.account.installments[0].product = Some("教育分期".into());
    let body = page(world).await;
    for shown in [">AppGallery<", ">pay.yunfan.example<", "<li>Tap &lt;Repay&gt;</li>", "tel:95000"] {
        assert!(body.contains(shown), "{shown}: {body}");
    }
    assert!(
        !body.contains("点“还款”") && !body.contains("phone’s own app store") && !body.contains("4008208820"),
        "{body}"
    );
    assert!(page(World::new()).await.contains("4008208820"));
}

#[tokio::test]
async fn a_link_without_the_r_opens_the_same_page_with_the_same_way() {
    let router = public::router(World::new().public());
    let (bare, usual) = (get(router.clone(), &format!("/{TOKEN}")).await, get(router.clone(), &link()).await);
    assert_eq!((bare.status, without_style(&bare.body)), (StatusCode::OK, without_style(&usual.body)));
    let answer = post_form(router.clone(), &format!("/{TOKEN}/go"), "route=web".to_owned()).await;
    assert_eq!(answer.header("location"), "https://pay.yunfan.example/bill?x=1&y=2");
    let answer = post_form(router.clone(), &format!("/{TOKEN}/go"), "route=unknown".to_owned()).await;
    assert_eq!(answer.header("location"), format!("../{TOKEN}"), "back to the page");
    assert_eq!(get(router, "/verify").await.status, StatusCode::OK, "other pages are where they were");
}

#[tokio::test]
async fn punctuation_that_a_phone_took_along_does_not_close_the_page() {
    let router = public::router(World::new().public());
    for end in [".", "。", "),", "！"] {
        let page = get(router.clone(), &format!("/r/{TOKEN}{}", utf8_percent_encode(end, NON_ALPHANUMERIC))).await;
        assert_eq!(page.status, StatusCode::OK, "{end}");
    }
}
