//! Log in by a provider, and each answer of it that lets nobody in.

use std::time::Duration;

use axum::http::StatusCode;
use dueherald::domain::{AuditAction, Credential, OidcSubject, StaffRole};
use rstest::rstest;
use serde_json::{Value, json};

use super::super::{Answer, logged};
use super::provider::{Provider, Signing};
use super::records::{entries, told};
use super::{Bench, Browser, name};
use crate::web::fake::instant;

async fn provider() -> Provider {
    Provider::start(|| instant("2026-11-22T02:00:00Z").timestamp()).await
}

/// A console whose people log in by the provider; `li` is its person `00u1`.
async fn bench(provider: &Provider) -> Bench {
    let bench = Bench::with(&provider.section());
    bench.add_user("li", StaffRole::Agent, subject(&provider.issuer, "00u1")).await;
    bench
}

fn subject(issuer: &str, text: &str) -> Credential {
    Credential::Subject(OidcSubject::new(issuer, text).expect("a subject"))
}

/// Sets out for the provider, and logs in there. Gives the path that the browser is sent back to.
async fn sent_back(browser: &mut Browser<'_>, provider: &Provider) -> String {
    let sent = browser.get("/console/oidc/start?next=%2Fconsole%3Fq%3DB1002").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let back = provider.log_in(sent.header("location"));
    back.strip_prefix(super::ORIGIN).expect("it is the console").to_owned()
}

async fn log_in(browser: &mut Browser<'_>, provider: &Provider) -> Answer {
    let back = sent_back(browser, provider).await;
    browser.get(&back).await
}

#[rstest]
#[case::by_a_curve(Signing::Curve)]
#[case::by_rsa(Signing::Rsa)]
#[tokio::test]
async fn a_person_logs_in_at_the_provider_and_comes_back_to_the_page(#[case] signing: Signing) {
    let provider = provider().await;
    provider.answers().signing = signing;
    let bench = bench(&provider).await;
    let mut browser = bench.browser();
    let let_in = log_in(&mut browser, &provider).await;
    assert_eq!((let_in.status, let_in.header("location")), (StatusCode::SEE_OTHER, "/console?q=B1002"));
    assert!(browser.is_in().await);
    assert_eq!(browser.cookie("flow"), None, "one login, one answer");
    let login = entries(&bench, AuditAction::Login).await;
    let expected = ("li".to_owned(), Some("user li".to_owned()), Some("by OIDC".to_owned()));
    assert_eq!(login.iter().map(told).collect::<Vec<_>>(), [expected]);
}

/// A claim that is wrong, or how the token is signed.
#[derive(Debug, Clone)]
enum Twist {
    Claims(Value),
    Signing(Signing),
    Issuer,
    Person(&'static str),
    Disabled,
}

#[rstest]
#[case::of_another_nonce(Twist::Claims(json!({ "nonce": "of another login" })), StatusCode::BAD_GATEWAY)]
#[case::for_another_client(Twist::Claims(json!({ "aud": "shop" })), StatusCode::BAD_GATEWAY)]
#[case::for_several_clients(Twist::Claims(json!({ "aud": ["desk", "shop"] })), StatusCode::BAD_GATEWAY)]
#[case::of_another_issuer(Twist::Claims(json!({ "iss": "https://login.example" })), StatusCode::BAD_GATEWAY)]
#[case::expired(Twist::Claims(json!({ "exp": 1_700_000_000 })), StatusCode::BAD_GATEWAY)]
#[case::old(Twist::Claims(json!({ "iat": 1_700_000_000 })), StatusCode::BAD_GATEWAY)]
#[case::of_nobody(Twist::Claims(json!({ "sub": null })), StatusCode::BAD_GATEWAY)]
#[case::by_another_key(Twist::Signing(Signing::Stranger), StatusCode::BAD_GATEWAY)]
#[case::not_signed(Twist::Signing(Signing::None), StatusCode::BAD_GATEWAY)]
#[case::by_a_public_secret(Twist::Signing(Signing::Hmac), StatusCode::BAD_GATEWAY)]
#[case::at_a_provider_of_another_name(Twist::Issuer, StatusCode::BAD_GATEWAY)]
#[case::unknown(Twist::Person("00u2"), StatusCode::FORBIDDEN)]
#[case::in_another_spelling(Twist::Person("00U1"), StatusCode::FORBIDDEN)]
#[case::disabled(Twist::Disabled, StatusCode::FORBIDDEN)]
#[tokio::test]
async fn whoever_the_provider_does_not_vouch_for_is_not_let_in(#[case] twist: Twist, #[case] status: StatusCode) {
    let provider = provider().await;
    let bench = bench(&provider).await;
    let mut browser = bench.browser();
    match &twist {
        Twist::Claims(claims) => provider.answers().claims = claims.clone(),
        Twist::Signing(signing) => provider.answers().signing = *signing,
        Twist::Issuer => provider.answers().issuer = Some("https://login.example".to_owned()),
        Twist::Person(subject) => provider.answers().subject = (*subject).to_owned(),
        Twist::Disabled => drop(bench.store.disable_user(&name("li"), &bench.by()).await.expect("asked")),
    }
    if matches!(twist, Twist::Issuer) {
        assert_eq!(browser.get("/console/oidc/start").await.status, status);
        return;
    }
    let mut refused = None;
    let log = logged(async { refused = Some(log_in(&mut browser, &provider).await) }).await;
    let refused = refused.expect("it is answered");
    assert_eq!(refused.status, status, "{}", refused.body);
    assert!(browser.cookie("session").is_none() && browser.cookie("flow").is_none());
    assert!(entries(&bench, AuditAction::Login).await.is_empty());
    let failed = entries(&bench, AuditAction::LoginFailed).await;
    let names_user = matches!(twist, Twist::Disabled).then(|| "user li".to_owned());
    assert_eq!(failed.iter().map(|entry| told(entry).1).collect::<Vec<_>>(), [names_user]);
    for secret in ["00u1", "00u2", "code-1", super::provider::SECRET] {
        assert!(!log.lines().any(|line| line.contains("dueherald") && line.contains(secret)), "{secret}: {log}");
    }
}

#[derive(Debug, Clone, Copy)]
enum Detour {
    OtherState,
    OtherIssuer,
    OtherBrowser,
    NoCode,
    TooLate,
    Twice,
    CodeOfSomebodyElse,
    ForgedFlow,
}

#[rstest]
#[case::with_another_state(Detour::OtherState, StatusCode::FORBIDDEN)]
#[case::of_another_provider(Detour::OtherIssuer, StatusCode::FORBIDDEN)]
#[case::in_another_browser(Detour::OtherBrowser, StatusCode::FORBIDDEN)]
#[case::without_a_code(Detour::NoCode, StatusCode::FORBIDDEN)]
#[case::too_late(Detour::TooLate, StatusCode::FORBIDDEN)]
#[case::twice(Detour::Twice, StatusCode::BAD_GATEWAY)]
#[case::with_the_code_of_somebody_else(Detour::CodeOfSomebodyElse, StatusCode::BAD_GATEWAY)]
#[case::with_a_flow_of_ones_own(Detour::ForgedFlow, StatusCode::FORBIDDEN)]
#[tokio::test]
async fn an_answer_is_for_one_login_of_one_browser(#[case] detour: Detour, #[case] status: StatusCode) {
    let provider = provider().await;
    let bench = bench(&provider).await;
    let mut browser = bench.browser();
    let mut back = sent_back(&mut browser, &provider).await;
    match detour {
        Detour::OtherState => back = back.replace("state=", "state=x"),
        Detour::OtherIssuer => back.push_str("&iss=https%3A%2F%2Flogin.example"),
        Detour::OtherBrowser => browser = bench.browser(),
        Detour::NoCode => back = back.replace("code=code-1", "error=access_denied"),
        Detour::TooLate => bench.clock.advance(Duration::from_secs(601)),
        Detour::Twice => {
            let before = browser.clone();
            assert_eq!(browser.get(&back).await.status, StatusCode::SEE_OTHER);
            browser = before;
        }
        Detour::CodeOfSomebodyElse => {
            // Somebody plants the code of a login of their own: its verifier is another.
            sent_back(&mut bench.browser(), &provider).await;
            back = back.replace("code=code-1", "code=code-2");
        }
        Detour::ForgedFlow => {
            let flow = browser.cookies.get_mut("__Host-dueherald_flow").expect("it is set");
            flow.insert(0, '0');
        }
    }
    let refused = browser.get(&back).await;
    assert_eq!(refused.status, status, "{}", refused.body);
    assert!(!browser.is_in().await);
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_fetched_once_in_a_minute() {
    let provider = provider().await;
    let bench = bench(&provider).await;
    assert_eq!(log_in(&mut bench.browser(), &provider).await.status, StatusCode::SEE_OTHER);
    provider.answers().kid = "k2".to_owned();
    assert_eq!(log_in(&mut bench.browser(), &provider).await.status, StatusCode::BAD_GATEWAY, "too early to ask");
    bench.clock.advance(Duration::from_secs(61));
    assert_eq!(log_in(&mut bench.browser(), &provider).await.status, StatusCode::SEE_OTHER);
    assert_eq!(provider.answers().fetched, 2);
}

#[tokio::test]
async fn the_same_subject_of_another_issuer_is_somebody_else() {
    let provider = provider().await;
    let bench = Bench::with(&provider.section());
    bench.add_user("li", StaffRole::Admin, subject("https://login.before.example", "00u1")).await;
    let refused = log_in(&mut bench.browser(), &provider).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    assert!(entries(&bench, AuditAction::Login).await.is_empty());
}

#[tokio::test]
async fn where_the_provider_decides_about_roles_people_need_not_be_added() {
    let provider = provider().await;
    let grants = "name_claim = \"email\"\nrole_claim = \"groups\"\nmerchants_claim = \"shops\"\n\
        [console.oidc.roles]\ndesk = \"agent\"\nlead = \"supervisor\"\n";
    let bench = Bench::with(&format!("{}{grants}", provider.section()));
    let claims = |groups: Value, shops: Value| json!({ "email": "Li@Mall.example", "groups": groups, "shops": shops });
    let of_mall = || json!(["mall", "of-nobody"]);
    for (claims, role) in [
        (claims(json!(["staff", "desk"]), of_mall()), Some(StaffRole::Agent)),
        (claims(json!(["desk", "lead"]), of_mall()), Some(StaffRole::Supervisor)),
        (claims(json!("desk"), of_mall()), Some(StaffRole::Agent)),
        (claims(json!(["staff"]), of_mall()), None),
        (claims(json!(["desk"]), json!(["of-nobody"])), None),
        (claims(json!(["desk"]), json!(null)), None),
    ] {
        provider.answers().claims = claims.clone();
        let mut browser = bench.browser();
        let answer = log_in(&mut browser, &provider).await;
        let known = bench.store.user(&name("li@mall.example")).await.expect("asked").expect("it is added").user;
        assert_eq!(browser.is_in().await, role.is_some(), "{claims}: {}", answer.status);
        assert!(role.is_none_or(|role| known.grant.role == role), "{claims}: {:?}", known.grant);
        assert_eq!(known.grant.merchants.len(), 1, "only merchants of the config");
    }
    let actors = |entries: Vec<_>| entries.iter().map(told).map(|told| told.0).collect::<Vec<_>>();
    assert_eq!(actors(entries(&bench, AuditAction::UserAdd).await), ["oidc"]);
    assert_eq!(actors(entries(&bench, AuditAction::UserChange).await), ["oidc", "oidc"]);
}

#[tokio::test]
async fn a_name_that_somebody_has_is_not_taken_over() {
    let provider = provider().await;
    let grants = "role_claim = \"groups\"\nmerchants = [\"mall\"]\n[console.oidc.roles]\ndesk = \"admin\"\n";
    let bench = Bench::with(&format!("{}{grants}", provider.section()));
    bench.add("li", StaffRole::Viewer).await;
    provider.answers().claims = json!({ "preferred_username": "LI", "groups": ["desk"] });
    assert_eq!(log_in(&mut bench.browser(), &provider).await.status, StatusCode::FORBIDDEN);
    assert_eq!(bench.store.user(&name("li")).await.expect("asked").expect("there").user.grant.role, StaffRole::Viewer);
}
