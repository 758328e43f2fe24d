//! The rules of a session, as tables of inputs and refusals, over every page of the console.

use axum::http::{Method, StatusCode};
use dueherald::domain::{MerchantId, StaffRole, UserGrant};
use dueherald::http::console::{PageAccess, pages};
use dueherald::store::{UserChange, WriteMode};

use super::{Bench, Browser, ORIGIN, PASSWORD, csrf, name};
use crate::fixtures::{installment, row};

const PAGE: &str = "/console/borrowers/mall/b%2D1";

/// A console in which borrower `b-1` of `mall` owes an instalment; `li` has that role.
async fn bench(role: StaffRole) -> Bench {
    let bench = Bench::with("requests_per_minute = 10000");
    bench.store.import(&[row(&installment("i-1", "b-1", "2026-11-25"))], WriteMode::Commit).await.expect("imported");
    bench.add("li", role).await;
    bench
}

async fn logged_in(bench: &Bench) -> Browser<'_> {
    let mut browser = bench.browser();
    assert_eq!(browser.log_in("li", PASSWORD).await.status, StatusCode::SEE_OTHER);
    browser
}

fn path_of(page: &str, merchant: &str) -> String {
    page.replace("{merchant}", merchant).replace("{borrower}", "b-1").replace("{id}", "1").replace("{name}", "n-1")
}

const OWN: &[(&str, &str)] = &[("sec-fetch-site", "same-origin"), ("origin", ORIGIN)];

/// The headers of a POST that comes from elsewhere.
const ELSEWHERE: &[(&str, &[(&str, &str)])] = &[
    ("a foreign origin", &[("origin", "https://evil.example")]),
    ("a foreign site", &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")]),
    ("a foreign site without an origin", &[("sec-fetch-site", "cross-site")]),
    ("a neighbour", &[("sec-fetch-site", "same-site"), ("origin", "https://pay.mall.example")]),
    ("two answers", &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")]),
    ("a sandbox", &[("origin", "null")]),
    ("an address that was typed", &[("sec-fetch-site", "none")]),
    ("no browser", &[]),
];

#[tokio::test]
async fn no_form_is_taken_from_elsewhere_or_without_its_token() {
    let bench = bench(StaffRole::Admin).await;
    let mut browser = logged_in(&bench).await;
    let mut colleague = logged_in(&bench).await;
    let own = csrf(&browser.get("/console").await);
    let of_other = csrf(&colleague.get("/console").await);
    let of_login = csrf(&bench.browser().get("/console/login").await);
    let of_nobody = "0".repeat(own.len());
    let tokens = [
        ("no token", None),
        ("an empty token", Some("")),
        ("a wrong token", Some(of_nobody.as_str())),
        ("part of the token", Some(&own[1..])),
        ("the token of another session", Some(&of_other)),
        ("the token of a login form", Some(&of_login)),
    ];
    let before = bench.store.audit_head().await.expect("read");
    let mut cells = 0;
    for page in pages().into_iter().filter(|page| page.method == Method::POST) {
        let path = path_of(page.path, "mall");
        for (input, token) in tokens {
            let fields: Vec<_> = token.map(|token| ("csrf", token)).into_iter().collect();
            let answer = browser.clone().post_from(&path, &fields, OWN).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} with {input}");
            cells += 1;
        }
        for (input, headers) in ELSEWHERE {
            let answer = browser.clone().post_from(&path, &[("csrf", &own)], headers).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} from {input}");
            cells += 1;
        }
        let headers = [OWN, &[("content-type", "text/plain")]].concat();
        let plain = browser.clone().send(Method::POST, &path, &headers, format!("csrf={own}")).await;
        assert_eq!(plain.status, StatusCode::FORBIDDEN, "{path} as plain text");
    }
    assert!(cells >= 8 * (tokens.len() + ELSEWHERE.len()), "{cells}");
    assert_eq!(bench.store.audit_head().await.expect("read"), before, "nothing was done");
    assert!(browser.is_in().await && colleague.is_in().await);
}

#[tokio::test]
async fn what_belongs_to_another_merchant_is_not_there() {
    let bench = bench(StaffRole::Admin).await;
    let mut browser = logged_in(&bench).await;
    let token = csrf(&browser.get("/console").await);
    let before = bench.store.audit_head().await.expect("read");
    let mut walked = 0;
    for page in pages().into_iter().filter(|page| page.path.contains("{merchant}")) {
        let mut bodies = Vec::new();
        // One of the config, one of nobody, and what is no id.
        for merchant in ["harbour", "nowhere", "a%2Fb", "%00"] {
            let path = path_of(page.path, merchant);
            let answer = match page.method {
                Method::GET => browser.get(&path).await,
                _ => browser.post(&path, &[("csrf", &token)]).await,
            };
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{} {path}: {}", page.method, answer.body);
            bodies.push(answer.body);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{} tells merchants apart", page.path);
        walked += 1;
    }
    assert!(walked > 8, "{walked}");
    assert_eq!(bench.store.audit_head().await.expect("read"), before, "nothing was done");
}

#[tokio::test]
async fn what_a_person_may_not_do_any_more_is_refused_in_the_open_session() {
    let bench = bench(StaffRole::Agent).await;
    let mut browser = logged_in(&bench).await;
    let reveal = format!("{PAGE}/reveal");
    let token = csrf(&browser.get(PAGE).await);
    let shown = browser.post(&reveal, &[("csrf", &token)]).await;
    assert_eq!(shown.status, StatusCode::OK);
    let grant = |role, merchant: &str| {
        let merchants = [merchant.parse::<MerchantId>().expect("an id")].into();
        UserGrant { role, merchants }
    };
    let change = async |grant| {
        let changed = bench.store.change_grant(&name("li"), &grant, &bench.by()).await.expect("asked");
        assert_eq!(changed, UserChange::Made);
    };
    change(grant(StaffRole::Viewer, "mall")).await;
    assert_eq!(browser.post(&reveal, &[("csrf", &token)]).await.status, StatusCode::FORBIDDEN);
    let page = browser.get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK, "a viewer looks");
    assert!(!page.body.contains("/reveal"), "and is not offered what is refused");
    change(grant(StaffRole::Agent, "harbour")).await;
    for answer in [browser.get(PAGE).await, browser.post(&reveal, &[("csrf", &token)]).await] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.body);
    }
    bench.store.disable_user(&name("li"), &bench.by()).await.expect("asked");
    let sent_away = browser.post(&reveal, &[("csrf", &token)]).await;
    assert_eq!(sent_away.status, StatusCode::FORBIDDEN, "the token was that of the session");
    assert!(browser.get(PAGE).await.header("location").starts_with("/console/login"));
}

#[tokio::test]
async fn a_session_that_is_over_opens_no_page() {
    let bench = bench(StaffRole::Admin).await;
    let mut browser = logged_in(&bench).await;
    let before = browser.clone();
    let token = csrf(&browser.get("/console").await);
    browser.post("/console/logout", &[("csrf", &token)]).await;
    for page in pages().into_iter().filter(|page| page.access != PageAccess::Open) {
        let mut thief = before.clone();
        let path = path_of(page.path, "mall");
        let answer = match page.method {
            Method::GET => thief.get(&path).await,
            _ => thief.post(&path, &[("csrf", &token)]).await,
        };
        let is_refused =
            answer.status == StatusCode::FORBIDDEN || answer.header("location").starts_with("/console/login");
        assert!(is_refused, "{} {path}: {}", page.method, answer.status);
    }
}
