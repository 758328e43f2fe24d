//! Log in by a password, and everything that ends a session or keeps one from beginning.

use std::time::Duration;

use axum::http::{Method, StatusCode};
use dueherald::domain::{DeviceKey, Password, SALT_BYTES, StaffRole};
use dueherald::store::NewPassword;
use rstest::rstest;

use super::{Bench, Browser, ORIGIN, PASSWORD, csrf, name};

async fn walks(bench: &Bench) {
    bench.add("li", StaffRole::Agent).await;
    let mut browser = bench.browser();
    let sent_away = browser.get("/console?q=B1002").await;
    assert_eq!(sent_away.status, StatusCode::SEE_OTHER);
    assert_eq!(sent_away.header("location"), "/console/login?next=%2Fconsole%3Fq%3DB1002");
    let form = browser.get(sent_away.header("location")).await;
    assert!(form.body.contains("value=\"&#x2f;console?q=B1002\""), "{}", form.body);
    let token = csrf(&form);
    let fields = [("csrf", token.as_str()), ("name", "Li"), ("password", PASSWORD), ("next", "/console?q=B1002")];
    let let_in = browser.post("/console/login", &fields).await;
    assert_eq!((let_in.status, let_in.header("location")), (StatusCode::SEE_OTHER, "/console?q=B1002"));
    assert_eq!(let_in.header("cache-control"), "no-store");
    let start = browser.get("/console").await;
    assert_eq!(start.status, StatusCode::OK);
    assert!(start.body.contains("li <small>agent</small>"), "{}", start.body);
    assert_eq!(browser.get("/console/login").await.status, StatusCode::SEE_OTHER, "there is no need to log in again");
    let left = browser.post("/console/logout", &[("csrf", &csrf(&start))]).await;
    assert_eq!((left.status, left.header("location")), (StatusCode::SEE_OTHER, "/console/login"));
    assert!(!browser.is_in().await);
}

#[tokio::test]
async fn a_person_logs_in_and_out_in_memory() {
    walks(&Bench::memory()).await;
}

#[tokio::test]
async fn a_person_logs_in_and_out_on_sqlite() {
    walks(&Bench::sqlite().await).await;
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_get_one_answer() {
    let bench = Bench::memory();
    for user in ["li", "wang"] {
        bench.add(user, StaffRole::Agent).await;
    }
    bench.store.disable_user(&name("wang"), &bench.by()).await.expect("asked");
    let mut answers = Vec::new();
    for (user, password) in [("li", "wrong horse battery"), ("nobody", PASSWORD), ("wang", PASSWORD), ("<li>", "x")] {
        let mut browser = bench.browser();
        let answer = browser.log_in(user, password).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{user}");
        assert!(browser.cookie("session").is_none() && browser.cookie("devices").is_none(), "{user}");
        let token = csrf(&answer);
        answers.push(answer.body.replace(&token, "TOKEN"));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn a_session_that_was_there_before_is_not_the_one_after() {
    let bench = Bench::memory();
    bench.add("li", StaffRole::Agent).await;
    let mut attacker = bench.browser();
    attacker.log_in("li", PASSWORD).await;
    let planted = attacker.cookie("session").expect("it is in").clone();
    let mut victim = bench.browser();
    for planted in [planted.as_str(), &"5a".repeat(32)] {
        victim.cookies.insert("__Host-dueherald_session".to_owned(), planted.to_owned());
        let form = victim.clone().get("/console/login").await;
        if form.status == StatusCode::OK {
            victim.log_in("li", PASSWORD).await;
            assert_ne!(victim.cookie("session").map(String::as_str), Some(planted));
        }
    }
    // Once more over a session that is valid: it ends with the login.
    let mut second = attacker.clone();
    second.cookies.remove("__Host-dueherald_session");
    let form = second.get("/console/login").await;
    second.cookies.insert("__Host-dueherald_session".to_owned(), planted.clone());
    let start = attacker.get("/console").await;
    let fields = [("csrf", csrf(&start)), ("name", "li".to_owned()), ("password", PASSWORD.to_owned())];
    let fields: Vec<_> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
    assert_eq!(second.post("/console/login", &fields).await.status, StatusCode::SEE_OTHER);
    assert_ne!(second.cookie("session"), Some(&planted));
    assert!(second.is_in().await && !attacker.is_in().await, "the session before is over ({})", form.status);
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_at_its_end() {
    let bench = Bench::memory();
    bench.add("li", StaffRole::Agent).await;
    let mut browser = bench.browser();
    browser.log_in("li", PASSWORD).await;
    bench.clock.advance(Duration::from_secs(29 * 60));
    assert!(browser.is_in().await);
    bench.clock.advance(Duration::from_secs(31 * 60));
    assert!(!browser.is_in().await, "nobody used it for half an hour");
    browser.log_in("li", PASSWORD).await;
    for _ in 0..29 {
        bench.clock.advance(Duration::from_secs(20 * 60));
        assert!(browser.is_in().await);
    }
    bench.clock.advance(Duration::from_secs(20 * 60));
    assert!(!browser.is_in().await, "ten hours are over");
}

#[tokio::test]
async fn who_is_disabled_or_gets_a_new_password_is_out_at_once() {
    let bench = Bench::memory();
    bench.add("li", StaffRole::Agent).await;
    let (mut desk, mut phone) = (bench.browser(), bench.browser());
    for browser in [&mut desk, &mut phone] {
        browser.log_in("li", PASSWORD).await;
        assert!(browser.is_in().await);
    }
    let second = "another long password";
    let password = Password::new(second).expect("sound").hash([9; SALT_BYTES]);
    let change = NewPassword { name: name("li"), password, device_key: DeviceKey([9; 32]) };
    bench.store.change_password(&change, &bench.by()).await.expect("asked");
    assert!(!desk.is_in().await && !phone.is_in().await);
    assert_eq!(desk.log_in("li", PASSWORD).await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.log_in("li", second).await.status, StatusCode::SEE_OTHER);
    bench.store.disable_user(&name("li"), &bench.by()).await.expect("asked");
    let page = desk.get("/console").await;
    assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, "/console/login"));
    assert_eq!(desk.log_in("li", second).await.status, StatusCode::FORBIDDEN);
}

#[rstest]
#[case::of_a_foreign_site(&[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")])]
#[case::of_a_neighbour(&[("sec-fetch-site", "same-site"), ("origin", "https://pay.mall.example")])]
#[case::of_an_old_browser_on_a_foreign_site(&[("origin", "https://evil.example")])]
#[case::of_no_browser(&[])]
#[tokio::test]
async fn a_form_of_another_origin_changes_nothing(#[case] headers: &[(&str, &str)]) {
    let bench = Bench::memory();
    bench.add("li", StaffRole::Agent).await;
    let mut browser = bench.browser();
    browser.log_in("li", PASSWORD).await;
    let token = csrf(&browser.get("/console").await);
    let refused = browser.post_from("/console/logout", &[("csrf", &token)], headers).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(browser.is_in().await);
    let form = bench.browser().get("/console/login").await;
    let fields = [("csrf", csrf(&form)), ("name", "li".to_owned()), ("password", PASSWORD.to_owned())];
    let fields: Vec<_> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let mut other = bench.browser();
    assert_eq!(other.post_from("/console/login", &fields, headers).await.status, StatusCode::FORBIDDEN);
    assert!(other.cookie("session").is_none());
}

#[tokio::test]
async fn a_form_without_its_token_changes_nothing() {
    let bench = Bench::memory();
    bench.add("li", StaffRole::Agent).await;
    let mut browser = bench.browser();
    let login =
        |token: &str| [("csrf", token.to_owned()), ("name", "li".to_owned()), ("password", PASSWORD.to_owned())];
    let strangers = csrf(&bench.browser().get("/console/login").await);
    browser.get("/console/login").await;
    for token in ["", "0", strangers.as_str()] {
        let fields = login(token);
        let fields: Vec<_> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
        assert_eq!(browser.post("/console/login", &fields).await.status, StatusCode::FORBIDDEN, "{token:?}");
    }
    let fields = [("name", "li"), ("password", PASSWORD)];
    assert_eq!(browser.post("/console/login", &fields).await.status, StatusCode::FORBIDDEN);
    browser.log_in("li", PASSWORD).await;
    let mut other = bench.browser();
    other.log_in("li", PASSWORD).await;
    let token_of_other_session = csrf(&other.get("/console").await);
    for fields in [vec![], vec![("csrf", token_of_other_session.as_str())]] {
        assert_eq!(browser.post("/console/logout", &fields).await.status, StatusCode::FORBIDDEN);
    }
    let token = csrf(&browser.get("/console").await);
    let own = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN), ("content-type", "text/plain")];
    let plain = browser.send(Method::POST, "/console/logout", &own, format!("csrf={token}")).await;
    assert_eq!(plain.status, StatusCode::FORBIDDEN, "no form sends plain text here");
    let put = browser.send(Method::PUT, "/console/logout", &own, String::new()).await;
    assert_eq!(put.status, StatusCode::FORBIDDEN);
    assert!(browser.is_in().await);
}

async fn fail(browser: &mut Browser<'_>, user: &str, times: u32) -> StatusCode {
    let mut status = StatusCode::OK;
    for _ in 0..times {
        status = browser.log_in(user, "wrong horse battery").await.status;
    }
    status
}

#[tokio::test]
async fn an_attacker_keeps_only_himself_out() {
    let bench = Bench::memory();
    bench.add("li", StaffRole::Agent).await;
    let mut laptop = bench.browser();
    laptop.log_in("li", PASSWORD).await;
    laptop.cookies.remove("__Host-dueherald_session");
    let mut attacker = bench.browser();
    assert_eq!(fail(&mut attacker, "li", 5).await, StatusCode::FORBIDDEN);
    assert_eq!(fail(&mut attacker, "li", 1).await, StatusCode::TOO_MANY_REQUESTS);
    let paused = attacker.log_in("li", PASSWORD).await;
    assert_eq!(paused.status, StatusCode::TOO_MANY_REQUESTS, "the right password does not count now");
    assert_eq!(paused.header("retry-after"), "60");
    // Behind the same address, from a device that is known; and from elsewhere, on a new one.
    assert_eq!(laptop.log_in("li", PASSWORD).await.status, StatusCode::SEE_OTHER);
    let mut elsewhere = Browser { client: "198.51.100.7", ..bench.browser() };
    assert_eq!(elsewhere.log_in("li", PASSWORD).await.status, StatusCode::SEE_OTHER);
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(attacker.log_in("li", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_name_that_nobody_has_is_paused_like_any_other() {
    let bench = Bench::memory();
    bench.add("li", StaffRole::Agent).await;
    let mut bodies = Vec::new();
    for (user, client) in [("li", "192.0.2.1"), ("nobody", "192.0.2.2"), ("<>", "192.0.2.3")] {
        let mut browser = Browser { client, ..bench.browser() };
        assert_eq!(fail(&mut browser, user, 6).await, StatusCode::TOO_MANY_REQUESTS, "{user}");
        let answer = browser.log_in(user, PASSWORD).await;
        bodies.push(answer.body.replace(&csrf(&answer), "TOKEN"));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test]
async fn a_device_is_known_for_its_own_user_only() {
    let bench = Bench::memory();
    for user in ["li", "wang"] {
        bench.add(user, StaffRole::Agent).await;
    }
    let password = Password::new(PASSWORD).expect("sound").hash([9; SALT_BYTES]);
    let change = NewPassword { name: name("wang"), password, device_key: DeviceKey([9; 32]) };
    bench.store.change_password(&change, &bench.by()).await.expect("asked");
    let mut shared = bench.browser();
    shared.log_in("li", PASSWORD).await;
    shared.cookies.remove("__Host-dueherald_session");
    let mut attacker = bench.browser();
    fail(&mut attacker, "wang", 6).await;
    assert_eq!(shared.log_in("wang", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS, "a stranger to wang");
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(shared.log_in("wang", PASSWORD).await.status, StatusCode::SEE_OTHER);
    shared.cookies.remove("__Host-dueherald_session");
    fail(&mut attacker, "li", 6).await;
    fail(&mut attacker, "wang", 6).await;
    for user in ["li", "wang"] {
        assert_eq!(shared.log_in(user, PASSWORD).await.status, StatusCode::SEE_OTHER, "both are known now");
        shared.cookies.remove("__Host-dueherald_session");
    }
}

#[tokio::test]
async fn without_local_accounts_there_is_no_form() {
    let section = "local_accounts = false\n[console.oidc]\nissuer = \"https://login.mall.example\"\nclient_id = \
        \"desk\"\nclient_secret = \"s3cret-of-the-desk\"";
    let bench = Bench::with(section);
    bench.add("li", StaffRole::Agent).await;
    let mut browser = bench.browser();
    let page = browser.get("/console/login").await;
    assert!(page.body.contains("/console/oidc/start?next=") && !page.body.contains("password"), "{}", page.body);
}
