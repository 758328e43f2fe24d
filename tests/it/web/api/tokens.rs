//! Tokens of the database, and the matrix of actions and endpoints.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use dueherald::clock::Clock;
use dueherald::domain::{Action, Token};
use dueherald::http::api::endpoints;
use dueherald::store::{ApiStore, MemoryStore, NewToken};
use serde_json::json;

use super::{Bench, bench, problem};

const PATH: &str = "/api/v1/borrowers/mall/b-1/preferences";

/// Makes a token of the merchant `mall` for these actions.
async fn token(bench: &Bench, store: &MemoryStore, name: &str, actions: &[Action], seed: u8) -> Token {
    let token = Token::new([seed; 32]);
    let now = bench.clock.now();
    let new = NewToken {
        name: name.to_owned(),
        digest: token.digest(),
        merchants: ["mall".parse().expect("an id")].into(),
        actions: actions.iter().copied().collect(),
        created_at: now,
        expires_at: Some(now + TimeDelta::days(90)),
    };
    store.add_token(&new).await.expect("kept").expect("the name is free");
    token
}

#[tokio::test]
async fn a_token_of_the_database_is_valid_until_it_expires_or_is_revoked() {
    let (bench, store) = bench().await;
    let crm = token(&bench, &store, "crm-2", &[Action::ReadPreferences, Action::ChangePreferences], 1).await;
    let get = || bench.get(PATH).by(crm.reveal()).answer();
    assert_eq!(get().await.status, StatusCode::OK);
    let said = bench.ask(Method::PATCH, PATH).by(crm.reveal()).json(&json!({ "channel": "sms", "by": "li" }));
    assert_eq!(said.answer().await.status, StatusCode::OK);
    problem(&bench.get("/api/v1/routes").by(crm.reveal()).answer().await, StatusCode::FORBIDDEN);
    problem(&bench.get(PATH).by(Token::new([2; 32]).reveal()).answer().await, StatusCode::UNAUTHORIZED);
    bench.clock.advance(std::time::Duration::from_secs(90 * 86_400));
    problem(&get().await, StatusCode::UNAUTHORIZED);
    let desk = token(&bench, &store, "desk", &[Action::ReadPreferences], 3).await;
    let get = || bench.get(PATH).by(desk.reveal()).answer();
    assert_eq!(get().await.status, StatusCode::OK);
    store.revoke_token("desk", bench.clock.now()).await.expect("revoked");
    problem(&get().await, StatusCode::UNAUTHORIZED);
}

/// Every endpoint with each action alone: it is let in with its own, and refused with any other. The two that hold
/// nothing of a merchant are open to everybody.
#[tokio::test]
async fn each_endpoint_needs_its_action_and_no_other() {
    let (bench, store) = bench().await;
    let mut tokens = Vec::new();
    for (seed, action) in (10_u8..).zip(Action::ALL) {
        tokens.push((*action, token(&bench, &store, action.as_str(), &[*action], seed).await));
    }
    let (mut cells, mut open) = (0, Vec::new());
    for endpoint in endpoints() {
        let path = endpoint
            .path
            .replace("{merchant}", "mall")
            .replace("{borrower}", "b-1")
            .replace("{id}", "1")
            .replace("{name}", "n");
        for (action, token) in &tokens {
            let asked = bench.ask(endpoint.method.clone(), &path).by(token.reveal()).body("{");
            let status = asked.answer().await.status;
            let is_let_in = endpoint.action.is_none_or(|needed| needed == *action);
            let cell = format!("{} {path} with {action}: {status}", endpoint.method);
            assert_eq!(status != StatusCode::FORBIDDEN, is_let_in, "{cell}");
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{cell}");
            cells += 1;
        }
        let status = bench.ask(endpoint.method.clone(), &path).shown("").answer().await.status;
        match endpoint.action {
            Some(_) => assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} without a token"),
            None => open.push(endpoint.path),
        }
    }
    assert_eq!(cells, endpoints().len() * Action::ALL.len());
    assert_eq!(open, ["/api/v1/openapi.json", "/api/v1/docs"]);
    let used = |action: Action| endpoints().iter().any(|endpoint| endpoint.action == Some(action));
    let unused: Vec<_> = Action::OF_TOKENS.iter().copied().filter(|action| !used(*action)).collect();
    let widening = [
        Action::EndStrictHolds,
        Action::ReadMessages,
        Action::OverrideLimits,
        Action::RevealAddresses,
        Action::EndOptOuts,
    ];
    assert_eq!(unused, widening, "these widen what an endpoint shows or does");
}
