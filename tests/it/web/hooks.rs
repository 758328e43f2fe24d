//! `POST /api/v1/hooks/{source}`, as a lender's system meets it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dueherald::app::{AppParts, Stores, Time};
use dueherald::clock::SimClock;
use dueherald::config::SourceKind;
use dueherald::gateway::sms::signing::{hex, hmac_sha256};
use dueherald::http::hooks::{Hooks, MAX_HOOK_BODY, router};
use dueherald::pipeline::{HookJob, apply_deliveries};
use dueherald::store::{
    DeliveryStore, InstallmentFilter, LedgerStore, MemoryStore, RejectFilter, RejectStore, WriteMode,
};
use rstest::rstest;

use super::fake::instant;
use super::{Answer, answered};
use crate::config::{changed, load};
use crate::fixtures::{installment, row};

const SECRET: &str = "a-secret-of-the-hooks-1";

const SOURCES: &str = r#"
[[sources]]
name = "hex"
kind = "hook"
merchant = "mall"
verify = "hmac-sha256"
header = "X-Signature"
prefix = "sha256="
secret = ["another-secret-of-hooks", "a-secret-of-the-hooks-1"]
items = "/lines"
[sources.map]
payment_id = "/id"
installment_id = "/loan"
amount = "/sum"
currency = { const = "CNY" }
state = { const = "posted" }

[[sources]]
name = "base"
kind = "hook"
merchant = "mall"
verify = "hmac-sha256"
header = "X-Signature"
encoding = "base64"
secret = "a-secret-of-the-hooks-1"
when = { "/entity" = ["LOAN"] }
[sources.map]
installment_id = "/body/loanId"
status = "/body/status"

[[sources]]
name = "token"
kind = "hook"
merchant = "mall"
verify = "bearer"
secret = "a-secret-of-the-hooks-1"
preset = "killbill"
then_pull = "core"

[[sources]]
name = "place"
kind = "hook"
merchant = "mall"
verify = "address"
secret = "a-secret-of-the-hooks-1"
preset = "fineract"
then_pull = "core"

[[sources]]
name = "core"
kind = "sql"
url = "sqlite:lending.db"
cron = "*/5 * * * *"
query = "select :after, :after_key, :limit"
"#;

struct Bench {
    app: dueherald::app::App,
    router: Router,
    store: Arc<MemoryStore>,
}

async fn bench() -> Bench {
    let clock = SimClock::at(instant("2026-11-22T02:00:00Z"));
    let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    let known = [row(&installment("i-1", "b-1", "2026-11-25"))];
    store.import(&known, WriteMode::Commit).await.expect("it is imported");
    let config = load(&format!("{}{SOURCES}", changed(&[("[templates]\nfolder = \"templates\"\n", "")])), &[])
        .expect("it is sound");
    let parts = AppParts::new(config, &Time::Rehearsal(clock)).expect("the parts are sound");
    let both: Arc<dyn dueherald::store::Store> = store.clone();
    let app = parts.with_stores(Stores { store: Arc::clone(&both), public: both, operations: Default::default() });
    let router = router(Hooks::of(&app).expect("the config has hooks"));
    Bench { app, router, store }
}

impl Bench {
    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = Request::post(format!("/api/v1/hooks/{path}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answered(self.router.clone(), request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    /// How many bodies of a source wait.
    async fn waiting(&self, source: &str) -> usize {
        self.store.waiting_deliveries(&source.parse().expect("a name"), 99).await.expect("listed").len()
    }

    async fn apply(&self, name: &str) {
        let source = self.app.config.sources.iter().find(|one| one.name.as_str() == name).expect("a source");
        let SourceKind::Hook(hook) = &source.kind else { panic!("it is a hook") };
        let merchant = &self.app.policy.merchants[source.merchant.as_ref().expect("a merchant")];
        let job = HookJob {
            source: &source.name,
            map: &hook.map,
            merchant,
            pending_for: self.app.config.payments.pending_for,
            holder: "test",
        };
        apply_deliveries(&*self.store, job, |_| true).await.expect("applied");
    }

    /// The amount paid of `i-1`, and its status.
    async fn ledger(&self) -> String {
        let filter = InstallmentFilter { installment: "i-1".parse().ok(), limit: 9, ..InstallmentFilter::default() };
        let one = self.store.installments(&filter).await.expect("listed").remove(0);
        format!("{} {}", one.paid_amount.amount(), one.status)
    }
}

fn signed(body: &str) -> String {
    hex(&hmac_sha256(SECRET.as_bytes(), body.as_bytes()))
}

#[tokio::test]
async fn what_arrives_is_kept_applied_once_and_rejected_like_rows() {
    let bench = bench().await;
    let body = r#"{"lines": [{"id": 1, "loan": "i-1", "sum": 28.5}, {"id": 2, "loan": "i-1"}]}"#;
    let signature = format!("sha256={}", signed(body));
    for _ in 0..2 {
        let answer = bench.post("hex", &[("x-signature", &signature)], body).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::ACCEPTED, ""));
    }
    assert_eq!((bench.waiting("hex").await, bench.ledger().await.as_str()), (1, "0.00 open"));
    bench.apply("hex").await;
    assert_eq!((bench.waiting("hex").await, bench.ledger().await.as_str()), (0, "28.50 open"));
    let kept = bench.store.rejects(&RejectFilter { limit: 9, ..RejectFilter::default() }).await.expect("listed");
    let told: Vec<_> = kept.iter().map(|one| (one.record.reason.as_str(), one.record.source.as_ref())).collect();
    assert_eq!(told, [("amount is missing", Some(&"hex".parse().expect("a name")))]);
    bench.post("hex", &[("x-signature", &signature)], body).await;
    assert_eq!(bench.waiting("hex").await, 0, "the same delivery again changes nothing");
}

#[tokio::test]
async fn a_condition_passes_bodies_over() {
    let bench = bench().await;
    for (entity, expected) in [("CLIENT", "0.00 open"), ("LOAN", "0.00 paid")] {
        let body = format!(r#"{{"entity": "{entity}", "body": {{"loanId": "i-1", "status": "paid"}}}}"#);
        let signature = STANDARD.encode(hmac_sha256(SECRET.as_bytes(), body.as_bytes()));
        assert_eq!(bench.post("base", &[("x-signature", &signature)], &body).await.status, StatusCode::ACCEPTED);
        bench.apply("base").await;
        assert_eq!((bench.waiting("base").await, bench.ledger().await.as_str()), (0, expected));
    }
}

#[rstest]
#[case::no_signature("hex", &[])]
#[case::of_another_body("hex", &[("x-signature", "sha256=00")])]
#[case::without_the_prefix("hex", &[("x-signature", "SIGNED")])]
#[case::in_another_encoding("base", &[("x-signature", "SIGNED")])]
#[case::no_such_source("core", &[("x-signature", "sha256=SIGNED"), ("authorization", "Bearer a-secret-of-the-hooks-1")])]
#[case::unknown("nobody", &[("authorization", "Bearer no source has this secret, and nobody may know that")])]
#[case::wrong_token("token", &[("authorization", "Bearer a-secret-of-the-hooks-2")])]
#[case::another_scheme("token", &[("authorization", "Basic a-secret-of-the-hooks-1")])]
#[case::no_secret("place", &[])]
#[case::wrong_secret("place?secret=a-secret-of-the-hooks", &[])]
#[tokio::test]
async fn a_wrong_proof_is_told_nothing(#[case] path: &str, #[case] headers: &[(&str, &str)]) {
    let bench = bench().await;
    let signature = signed("{}");
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.replace("SIGNED", &signature))).collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = bench.post(path, &headers, "{}").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::UNAUTHORIZED, ""));
    for source in ["hex", "base", "token", "place"] {
        assert_eq!(bench.waiting(source).await, 0);
    }
}

#[tokio::test]
async fn a_signal_waits_for_its_pull_and_is_news_again() {
    let bench = bench().await;
    let token = format!("bearer {SECRET}");
    let paid = r#"{"eventType": "INVOICE_PAYMENT_SUCCESS", "objectId": "1"}"#;
    for body in [paid, r#"{"eventType": "TENANT_CONFIG_CHANGE"}"#] {
        assert_eq!(bench.post("token", &[("authorization", &token)], body).await.status, StatusCode::ACCEPTED);
    }
    assert_eq!(
        bench.post(&format!("place?x=1&secret={SECRET}"), &[], r#"{"loanId": 1}"#).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!((bench.waiting("token").await, bench.waiting("place").await), (2, 1));
    bench.apply("token").await;
    assert_eq!(bench.waiting("token").await, 0);
    bench.post("token", &[("authorization", &token)], paid).await;
    assert_eq!(bench.waiting("token").await, 1, "it happened again");
}

#[tokio::test]
async fn bodies_are_bounded_and_json() {
    let bench = bench().await;
    let token = format!("Bearer {SECRET}");
    for (body, status) in [
        ("".to_owned(), StatusCode::BAD_REQUEST),
        ("7".to_owned(), StatusCode::BAD_REQUEST),
        ("{\"a\": ".to_owned(), StatusCode::BAD_REQUEST),
        (format!("[{}]", " ".repeat(MAX_HOOK_BODY)), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        assert_eq!(bench.post("token", &[("authorization", &token)], &body).await.status, status);
    }
    assert_eq!(bench.waiting("token").await, 0);
}
