//! Webhooks beside the official libraries of Standard Webhooks: what the daemon's client posts, they accept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::post;
use dueherald::clock::{Clock, SystemClock};
use dueherald::domain::{EndpointKey, RecordTable, WebhookEvent, WebhookType};
use dueherald::webhook::{
    DeliveryResult, HttpsWebhooks, WebhookEndpoint, WebhookMessage, WebhookSecret, WebhookSender,
};
use tokio::net::TcpListener;

use crate::api::{installed, npm, pip, told};

const SECRETS: [&str; 2] =
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="];

/// Posts an event of each type to a receiver, and gives the file with what came.
async fn posted(folder: &Path) -> PathBuf {
    let got = Arc::new(Mutex::new(Vec::new()));
    let take = {
        let got = Arc::clone(&got);
        move |headers: HeaderMap, body: String| async move {
            let text = |value: &HeaderValue| value.to_str().expect("it is ASCII").to_owned();
            let headers: BTreeMap<_, _> = headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
            let one = serde_json::json!({ "headers": headers, "body": body, "secrets": SECRETS });
            got.lock().expect("no panic").push(one);
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/hooks", listener.local_addr().expect("bound"));
    let router = Router::new().route("/hooks", post(take));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
    let key = EndpointKey { merchant: "mall".parse().expect("an id"), name: "crm".parse().expect("a name") };
    let endpoint = WebhookEndpoint {
        key: key.clone(),
        url: url.parse().expect("an address"),
        secrets: SECRETS.iter().map(|secret| WebhookSecret::new(secret).expect("a secret")).collect(),
        types: WebhookType::ALL.iter().copied().collect(),
        allowed_networks: Vec::new(),
        ca_pem: None,
    };
    let sender = HttpsWebhooks::new(std::slice::from_ref(&endpoint), Arc::new(SystemClock)).expect("a client");
    for kind in WebhookType::ALL {
        let event = WebhookEvent {
            table: RecordTable::Event,
            number: 1,
            at: SystemClock.now(),
            kind: *kind,
            merchant: key.merchant.clone(),
            borrower: Some("客户-7".parse().expect("an id")),
            reminder: None,
            due_date: None,
            step: None,
            channel: None,
            attempt: None,
            reason: None,
            route: None,
            installments: Vec::new(),
        };
        let result = sender.deliver(&endpoint, &WebhookMessage::new(&event)).await;
        assert_eq!(result, DeliveryResult::Delivered);
    }
    serving.abort();
    let file = folder.join("got.json");
    let got = serde_json::to_string(&*got.lock().expect("no panic")).expect("it is JSON");
    fs::write(&file, got).expect("it can be written");
    file
}

/// Each type, once for each of the two secrets.
fn expected() -> String {
    WebhookType::ALL.iter().map(|kind| format!("{kind}\n{kind}\n")).collect()
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/webhooks").join(name)
}

#[tokio::test]
async fn the_python_library_accepts_what_is_posted() {
    let python = installed("python-webhooks", &["standardwebhooks==1.0.0"], pip);
    let folder = tempfile::tempdir().expect("a folder");
    let mut verify = Command::new("python3");
    verify.arg(source("verify.py")).arg(posted(folder.path()).await).env("PYTHONPATH", &python);
    assert_eq!(told(&mut verify), expected());
}

#[tokio::test]
async fn the_node_library_accepts_what_is_posted() {
    let node = installed("node-webhooks", &["standardwebhooks@1.0.0"], npm);
    let folder = tempfile::tempdir().expect("a folder");
    let mut verify = Command::new("node");
    verify.arg(source("verify.mjs")).arg(posted(folder.path()).await).env("NODE_FOLDER", &node);
    assert_eq!(told(&mut verify), expected());
}
