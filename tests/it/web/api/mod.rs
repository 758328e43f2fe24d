//! `/api/v1/…`, as a lender's own system meets it.

mod actions;
mod database_role;
mod figures;
mod ledger;
mod once;
mod openapi;
mod payments;
mod preferences;
mod resources;
mod schema;
mod shape;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::request::Builder;
use axum::http::{Method, Request, StatusCode};
use dueherald::app::{AppParts, Stores, Time};
use dueherald::clock::SimClock;
use dueherald::http::api::{Api, router};
use dueherald::store::{LedgerStore, MemoryStore, Store, WriteMode};
use serde_json::Value;

use super::fake::instant;
use super::{Answer, answered};
use crate::config::{changed, load};
use crate::fixtures::{installment, row};

/// Tokens of the config: of the merchant `mall` and everything, of the same and nothing but reading preferences, and of
/// another merchant and everything.
const TOKEN: &str = "5d0c6d5b6a1e4d6f8b1f0a2c3e4d5f60";
const OLD_TOKEN: &str = "the-token-before-that-is-replaced-1";
const READER_TOKEN: &str = "a-token-for-reading-of-a-system-1";
const FOREIGN_TOKEN: &str = "another-token-of-another-system-1";

const ACTIONS: &str = r#"["read_ledger", "change_ledger", "end_strict_holds", "cancel", "resolve",
    "read_rejects", "change_rejects", "read_notices", "approve_notices", "read_preferences", "change_preferences", "read_reminders", "read_messages", "resend", "override_limits",
    "explain", "read_suppressions", "reveal_addresses", "change_suppressions", "end_opt_outs", "read_routes", "read_forecast",
    "read_figures"]"#;

/// An API over a store.
struct Bench {
    router: Router,
    clock: SimClock,
}

/// An API over a store in memory, in which borrower `b-1` of `mall` owes an instalment.
async fn bench() -> (Bench, Arc<MemoryStore>) {
    let clock = SimClock::at(instant("2026-11-22T02:00:00Z"));
    let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
    let known = [row(&installment("i-1", "b-1", "2026-11-25"))];
    store.import(&known, WriteMode::Commit).await.expect("it is imported");
    (over(store.clone(), &clock), store)
}

fn over(store: Arc<dyn Store>, clock: &SimClock) -> Bench {
    let tokens = format!(
        "[api]\nrequests_per_minute = 50\n[[api.tokens]]\nname = 'crm'\ntoken = ['{TOKEN}', '{OLD_TOKEN}']\n\
         merchants = ['mall']\nactions = {ACTIONS}\n[[api.tokens]]\nname = 'hotline'\ntoken = '{READER_TOKEN}'\n\
         merchants = ['mall']\nactions = ['read_preferences']\n[[api.tokens]]\nname = 'shop'\n\
         token = '{FOREIGN_TOKEN}'\nmerchants = ['harbour']\nactions = {ACTIONS}\n"
    );
    let config = load(&changed(&[("[templates]\nfolder = \"templates\"\n", &tokens)]), &[]).expect("it is sound");
    let parts = AppParts::new(config, &Time::Rehearsal(clock.clone())).expect("the parts are sound");
    let app = parts.with_stores(Stores { store: Arc::clone(&store), public: store, operations: Default::default() });
    Bench { router: router(Api::of(&app)), clock: clock.clone() }
}

/// A request to be sent.
struct ApiCall<'b> {
    bench: &'b Bench,
    request: Builder,
    body: Vec<u8>,
}

impl Bench {
    fn ask(&self, method: Method, path: &str) -> ApiCall<'_> {
        let request = Request::builder().method(method).uri(path);
        ApiCall { bench: self, request: request.header("authorization", format!("Bearer {TOKEN}")), body: Vec::new() }
    }

    fn get(&self, path: &str) -> ApiCall<'_> {
        self.ask(Method::GET, path)
    }
}

impl ApiCall<'_> {
    fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    /// With this Authorization instead; none where it is empty.
    fn shown(self, authorization: &str) -> Self {
        let mut request = self.request;
        let headers = request.headers_mut().expect("a sound request");
        headers.remove("authorization");
        if !authorization.is_empty() {
            headers.insert("authorization", authorization.parse().expect("a header"));
        }
        Self { request, ..self }
    }

    fn by(self, token: &str) -> Self {
        self.shown(&format!("Bearer {token}"))
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    async fn answer(self) -> Answer {
        let request = self.request.body(Body::from(self.body)).expect("a request");
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let answer = answered(self.bench.router.clone(), request).await;
        schema::assert_described(&self.bench.router, &method, &path, &answer).await;
        answer
    }

    /// The status and the JSON of the answer.
    async fn told(self) -> (StatusCode, Value) {
        let answer = self.answer().await;
        (answer.status, json_of(&answer))
    }
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body))
}

/// Asserts that an answer is a whole problem of that status, and gives its detail.
fn problem(answer: &Answer, status: StatusCode) -> String {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let told = json_of(answer);
    assert_eq!(told["status"], status.as_u16());
    assert_eq!(told["request_id"], answer.header("x-request-id"));
    assert!(told["type"].as_str().is_some_and(|kind| kind.starts_with("/api/v1/docs#")), "{told}");
    assert!(["title", "instance"].iter().all(|name| told[name].is_string()), "{told}");
    let detail = told["detail"].as_str().expect("a text").to_owned();
    let words_of_code = ["::", "struct ", "invalid type", "expected", "serde", "`"];
    let is_for_people = !words_of_code.iter().any(|word| detail.contains(word)) || detail.contains("`Authorization");
    assert!(is_for_people || detail.contains("Content-"), "{detail}");
    detail
}
