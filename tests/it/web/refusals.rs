//! Attacks on links and pages of others, each as an input and the expected refusal.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, Method, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dueherald::domain::{MerchantId, ReminderId};
use dueherald::http::public;
use dueherald::render::{LinkKeys, Purpose};
use rstest::rstest;
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

use super::fake::{REMINDER, TOKEN, World, web};
use super::server::{answer, start};
use super::{Answer, answered, ask, get, logged, post_form};

pub(super) fn keys(secret: u8) -> LinkKeys {
    LinkKeys::new([(1, [secret; 32])]).expect("32 bytes")
}

/// A router that opens real tokens.
pub(super) fn router(world: World) -> Router {
    let mut public = world.public();
    public.open = Arc::new(|token| keys(9).open(Purpose::Landing, token));
    public.open_unsubscribe = Arc::new(|token| keys(9).open(Purpose::Unsubscribe, token));
    public::router(public)
}

fn token() -> String {
    keys(9).seal(Purpose::Landing, REMINDER)
}

/// Without what is another for each answer.
fn told(answer: &Answer) -> (StatusCode, String, String) {
    (answer.status, format!("{:?}", answer.headers), answer.body.clone())
}

#[tokio::test]
async fn a_token_that_is_not_ours_is_the_same_404_for_every_door() {
    let sound = token();
    assert_eq!(get(router(World::new()), &format!("/r/{sound}")).await.status, StatusCode::OK);
    let altered = (0..sound.len()).map(|at| {
        let mut token = sound.clone().into_bytes();
        token[at] = if token[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(token).expect("ASCII")
    });
    let others = [
        ("of another purpose", keys(9).seal(Purpose::Unsubscribe, REMINDER)),
        ("a reference", keys(9).seal(Purpose::Reference, REMINDER)),
        ("a proof", keys(9).seal_proof(REMINDER, "2999-01-01T00:00:00Z".parse().expect("an instant"))),
        ("of another key", keys(8).seal(Purpose::Landing, REMINDER)),
        ("of a reminder that is gone", keys(9).seal(Purpose::Landing, ReminderId(404))),
        ("truncated", sound[..sound.len() - 1].to_owned()),
        ("longer", format!("{sound}A")),
        ("padded", format!("{sound}=")),
        ("huge", "A".repeat(60_000)),
        ("no text", "%ff%fe%00".to_owned()),
        ("half a percent sign", "%2".to_owned()),
        ("a step up", "..%2f..%2fetc".to_owned()),
        ("SQL", "'%20or%201=1--".to_owned()),
        ("a line break", format!("{sound}%0d%0aSet-Cookie:%20a=b")),
    ];
    let world = World::new();
    let clicks = Arc::clone(&world.store.clicks);
    let tried = Arc::clone(&world.store.tried);
    let mut world = world;
    world.http.requests_per_minute = 10_000;
    let router = router(world);
    let nothing = told(&get(router.clone(), "/r/garbage").await);
    assert_eq!(nothing.0, StatusCode::NOT_FOUND);
    for (what, token) in others.into_iter().chain(altered.map(|token| ("altered", token))) {
        if token == sound {
            continue;
        }
        let page = format!("/r/{token}");
        for answer in [
            get(router.clone(), &page).await,
            post_form(router.clone(), &page, "digits=1111").await,
            post_form(router.clone(), &format!("{page}/go"), "route=web").await,
        ] {
            assert_eq!(told(&answer), nothing, "{what}: {token}");
        }
    }
    assert!(clicks.lock().unwrap().is_empty() && tried.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_token_of_a_merchant_that_is_not_served_here_is_a_404() {
    let mut world = World::new();
    world.store.reminders[0].reminder.plan.key.borrower.merchant = MerchantId::new("harbor").expect("sound");
    let router = router(world);
    let nothing = told(&get(router.clone(), "/r/garbage").await);
    assert_eq!(told(&get(router.clone(), &format!("/r/{}", token())).await), nothing);
    let gone = post_form(router, &format!("/r/{}/go", token()), "route=web").await;
    assert_eq!(told(&gone), nothing);
}

#[rstest]
#[case::nothing("")]
#[case::no_form("\u{0}\u{1}")]
#[case::no_such_route("route=nothing")]
#[case::closed("route=closed")]
#[case::of_another_merchant("route=foreign")]
#[case::of_another_product("route=edu")]
#[case::off_the_list("route=astray")]
#[case::a_bill_where_there_is_none("route=web&bill=1")]
#[case::no_number("route=web&bill=-1")]
#[case::an_address_instead("route=https%3A%2F%2Fevil.example")]
#[case::an_address_beside("url=https%3A%2F%2Fevil.example&next=https%3A%2F%2Fevil.example")]
#[case::a_line_break("route=web%0d%0aSet-Cookie:%20a=b")]
#[case::two_routes("route=nothing&route=web")]
#[tokio::test]
async fn what_is_not_offered_leads_back_to_the_page_and_counts_for_nothing(#[case] form: &'static str) {
    let mut world = World::new();
    let mut closed = web("closed", None, "https://old.yunfan.example/");
    closed.closed = true;
    let mut foreign = web("foreign", None, "https://pay.yunfan.example/");
    foreign.merchant = MerchantId::new("harbor").expect("sound");
    world.routes.extend([
        closed,
        foreign,
        web("edu", Some("教育分期"), "https://edu.yunfan.example/"),
        web("astray", None, "https://evil.example/"),
    ]);
    let clicks = Arc::clone(&world.store.clicks);
    let answer = post_form(router(world), &format!("/r/{}/go", token()), form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), format!("../{}", token()));
    assert!(answer.header("set-cookie").is_empty() && clicks.lock().unwrap().is_empty());
}

#[rstest]
#[case::get(Method::GET)]
#[case::head(Method::HEAD)]
#[case::put(Method::PUT)]
#[case::options(Method::OPTIONS)]
#[tokio::test]
async fn a_scanner_that_follows_the_form_goes_nowhere(#[case] method: Method) {
    let world = World::new();
    let clicks = Arc::clone(&world.store.clicks);
    let answer = ask(router(world), method, &format!("/r/{}/go?route=web", token())).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.header("location").is_empty() && clicks.lock().unwrap().is_empty());
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[rstest]
#[case::a_header("https://pay.yunfan.example/\r\nSet-Cookie: a=b")]
#[case::another_host("https://pay.yunfan.example\r\n.evil.example/")]
#[case::a_user("https://pay.yunfan.example@evil.example/")]
#[case::a_backslash("https://evil.example\\.yunfan.example/")]
#[case::script("javascript:alert(1)//yunfan.example")]
#[case::data("data:text/html,x")]
#[case::plain_http("http://pay.yunfan.example/")]
#[case::no_scheme("//evil.example/")]
#[case::a_host_that_is_filled("https://{order}.yunfan.example/")]
#[tokio::test]
async fn an_address_that_was_tampered_with_in_the_store_is_not_offered(#[case] url: &'static str) {
    let mut world = World::new();
    world.routes = vec![web("web", None, url)];
    let router = router(world);
    let page = get(router.clone(), &format!("/r/{}", token())).await;
    assert!(!page.body.contains("evil") && !page.body.contains("value=\"web\""), "{}", page.body);
    let answer = post_form(router, &format!("/r/{}/go", token()), "route=web").await;
    assert_eq!(answer.header("location"), format!("../{}", token()));
    assert!(answer.header("set-cookie").is_empty());
}

#[tokio::test]
async fn an_order_full_of_tricks_stays_in_its_place() {
    let mut world = World::new();
    world.routes = vec![web("web", None, "https://pay.yunfan.example/o/{order}/pay?o={order}")];
    world.store.account.installments[0].order_ref = Some("@evil.example/\r\nX: y?#{amount}\\..".into());
    let router = router(world);
    let page = post_form(router.clone(), &format!("/r/{}", token()), "digits=1111").await.body;
    let proof = page.split("name=\"proof\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a proof");
    let going = format!("route=web&bill=1&proof={proof}");
    let answer = post_form(router, &format!("/r/{}/go", token()), going).await;
    let order = "%40evil.example%2F%0D%0AX%3A%20y%3F%23%7Bamount%7D%5C..";
    assert_eq!(answer.header("location"), format!("https://pay.yunfan.example/o/{order}/pay?o={order}"));
}

#[rstest]
#[case::nothing("")]
#[case::empty("digits=")]
#[case::three("digits=111")]
#[case::five("digits=11112")]
#[case::the_whole_number("digits=%2B8613911112222")]
#[case::letters("digits=11b1")]
#[case::spaces("digits=1+11")]
#[case::other_digits("digits=%E0%A5%A8%E0%A5%A8%E0%A5%A8%E0%A5%A8")]
#[case::a_wildcard("digits=%25%25%25%25")]
#[case::elsewhere("tail=2222")]
#[case::a_huge_body(&"digits=1111&x=".repeat(400))]
#[tokio::test]
async fn what_is_no_four_digits_is_not_looked_at_and_uses_up_no_try(#[case] form: &str) {
    let world = World::new();
    let tried = Arc::clone(&world.store.tried);
    let answer = post_form(router(world), &format!("/r/{}", token()), form.to_owned()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(!answer.body.contains("ORDER-778899") && tried.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_sixth_try_is_not_looked_at_until_the_pause_is_over() {
    let world = World::new();
    let clock = world.clock.clone();
    let router = router(world);
    let page = format!("/r/{}", token());
    let give = |digits: &str| post_form(router.clone(), &page, format!("digits={digits}"));
    for (digits, told) in
        [("0000", "再试4次"), ("1112", "再试3次"), ("8000", "再试2次"), ("9999", "再试1次"), ("2222", "请稍后再试")]
    {
        let answer = give(digits).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.body.contains(told) && !answer.body.contains("ORDER-778899"), "{digits}: {}", answer.body);
        assert!(answer.body.contains("前往还款页面"), "repaying goes on: {}", answer.body);
    }
    let paused = give("1111").await;
    assert_eq!((paused.status, paused.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "900"));
    assert!(!paused.body.contains("ORDER-778899") && !paused.body.contains("name=\"digits\""), "{}", paused.body);
    assert!(paused.body.contains("请15分钟后再试"), "{}", paused.body);
    clock.advance(Duration::from_secs(899));
    assert_eq!(give("1111").await.status, StatusCode::TOO_MANY_REQUESTS);
    clock.advance(Duration::from_secs(1));
    assert_eq!(give("1111").await.status, StatusCode::OK);
}

#[test]
fn a_million_guesses_open_nothing() {
    let keys = keys(9);
    let mut token = [0; 25];
    for number in 0..1_000_000_u32 {
        let noise = Sha256::digest(number.to_be_bytes());
        token.copy_from_slice(&noise[..25]);
        // Every one with a key id that is known.
        token[0] = 1;
        assert_eq!(keys.open(Purpose::Landing, &URL_SAFE_NO_PAD.encode(token)), None);
    }
}

/// As it comes from that address through the front server, if that says so.
async fn from(router: &Router, peer: [u8; 4], forwarded: Option<&str>, path: &str) -> Answer {
    let mut request = Request::get(path);
    if let Some(forwarded) = forwarded {
        request = request.header("x-forwarded-for", forwarded);
    }
    let mut request = request.body(Body::empty()).expect("a request");
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from((peer, 4711))));
    answered(router.clone(), request).await
}

#[tokio::test]
async fn a_client_that_asks_too_often_waits_and_others_do_not() {
    let world = World::new();
    let clock = world.clock.clone();
    let router = router(world);
    let page = format!("/r/{}", token());
    let (guesser, borrower) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    for guess in 0..60 {
        let answer = from(&router, guesser, None, &format!("/r/{guess}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "guess {guess}");
    }
    // A header that nobody was told to trust gives nobody more.
    let refused = from(&router, guesser, Some("203.0.113.9"), &page).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((refused.header("retry-after"), refused.header("cache-control")), ("2", "no-store"));
    assert!(refused.body.contains("访问过于频繁") && refused.body.contains("Too many requests"));
    assert_eq!(from(&router, borrower, None, &page).await.status, StatusCode::OK);
    clock.advance(Duration::from_secs(1));
    assert_eq!(from(&router, guesser, None, &page).await.status, StatusCode::OK);
    assert_eq!(from(&router, guesser, None, &page).await.status, StatusCode::TOO_MANY_REQUESTS);
    clock.advance(Duration::from_secs(60));
    assert_eq!(from(&router, guesser, None, &page).await.status, StatusCode::OK);
}

#[tokio::test]
async fn behind_a_front_server_the_client_is_whom_it_names() {
    let mut world = World::new();
    world.http.client_header = Some(HeaderName::from_static("x-forwarded-for"));
    world.http.requests_per_minute = 1;
    let router = router(world);
    let status = async |forwarded| from(&router, [127, 0, 0, 1], forwarded, "/r/x").await.status;
    let (fine, refused) = (StatusCode::NOT_FOUND, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(status(Some("192.0.2.1")).await, fine);
    assert_eq!(status(Some("192.0.2.1")).await, refused);
    assert_eq!(
        status(Some("198.51.100.7, 192.0.2.1")).await,
        refused,
        "what a client writes itself counts for nothing"
    );
    assert_eq!(status(Some("192.0.2.2")).await, fine);
    assert_eq!(status(None).await, fine, "the front server itself");
}

#[tokio::test]
async fn over_the_wire_guesses_come_to_an_end() {
    let mut world = World::new();
    world.http.requests_per_minute = 20;
    // Else whoever is as near as this test would be taken for a front server.
    world.http.client_header = Some(HeaderName::from_static("x-forwarded-for"));
    let server = start(router(world)).await;
    let from = async |client: u8, guesses: usize| {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((IpAddr::from(Ipv4Addr::new(127, 0, 0, client)), 0).into()).expect("a loopback address");
        let mut stream = socket.connect(server.address).await.expect("the server listens");
        let guess = |number: usize| format!("GET /r/guess-{number} HTTP/1.1\r\nHost: x\r\n\r\n");
        let all: String =
            (0..guesses).map(guess).chain(["GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into()]).collect();
        stream.write_all(all.as_bytes()).await.expect("the server reads");
        let text = answer(stream).await;
        (text.matches("HTTP/1.1 404").count(), text.matches("HTTP/1.1 429").count())
    };
    assert_eq!(from(2, 99).await, (20, 80));
    assert_eq!(from(3, 9).await, (10, 0), "another client is not held up");
}

#[tokio::test]
async fn neither_token_nor_digits_nor_what_they_open_are_in_any_log_line() {
    let text = logged(async {
        let mut world = World::new();
        world.store.clicks_fail = true;
        world.routes[1] = web("web", None, "https://pay.yunfan.example/{order}");
        let public = world.public();
        let router = public::router(public);
        let page = format!("/r/{TOKEN}");
        get(router.clone(), &page).await;
        post_form(router.clone(), &page, "digits=4711").await;
        let bill = post_form(router.clone(), &page, "digits=1111").await.body;
        let proof = bill.split("name=\"proof\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("one");
        let going = format!("route=web&bill=1&proof={proof}");
        let gone = post_form(router.clone(), &format!("{page}/go"), going).await;
        assert!(gone.header("location").ends_with("ORDER-778899"));
    })
    .await;
    assert!(text.contains("a click could not be kept"), "{text}");
    for secret in [TOKEN, "4711", "1111", "ORDER-778899", "1288", "欧阳"] {
        assert!(!text.contains(secret), "{secret} is logged:\n{text}");
    }
}
