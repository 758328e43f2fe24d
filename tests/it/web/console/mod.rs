//! `/console/…`, as a browser of the staff meets it.

mod borrowers;
mod database_role;
mod login;
mod notices;
mod oidc;
mod provider;
mod queues;
mod records;
mod roles;
mod session;
mod suppressions;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use dueherald::app::{AppParts, Stores, Time};
use dueherald::clock::{Clock, SimClock};
use dueherald::domain::{
    Credential, DeviceKey, ManualChange, MerchantId, Password, SALT_BYTES, StaffRole, User, UserGrant, UserName,
};
use dueherald::http::console::{Console, router};
use dueherald::store::{MemoryStore, SchemaStore, SqliteStore, Store};
use tempfile::TempDir;
use tower::ServiceExt;

use super::Answer;
use super::fake::instant;
use crate::config::{changed, load};

const ORIGIN: &str = "https://desk.mall.example";
const PASSWORD: &str = "correct horse battery";

/// A console over a store.
struct Bench {
    router: Router,
    clock: SimClock,
    store: Arc<dyn Store>,
    _folder: Option<TempDir>,
}

impl Bench {
    fn over(store: Arc<dyn Store>, clock: &SimClock, section: &str, folder: Option<TempDir>) -> Self {
        let section =
            format!("[console]\nenabled = true\nurl = \"{ORIGIN}\"\nclient_header = \"x-forwarded-for\"\n{section}\n");
        let config = changed(&[("[templates]\nfolder = \"templates\"\n", &section)]);
        let config = load(&config, &[]).expect("it is sound");
        let parts = AppParts::new(config, &Time::Rehearsal(clock.clone())).expect("the parts are sound");
        let stores = Stores { store: Arc::clone(&store), public: Arc::clone(&store), operations: Default::default() };
        let app = parts.with_stores(stores);
        let router = router(Console::of(&app).expect("certificates are there"));
        Self { router, clock: clock.clone(), store, _folder: folder }
    }

    fn with(section: &str) -> Self {
        let clock = SimClock::at(instant("2026-11-22T02:00:00Z"));
        let store = Arc::new(MemoryStore::new(Arc::new(clock.clone())));
        Self::over(store, &clock, section, None)
    }

    fn memory() -> Self {
        Self::with("")
    }

    async fn sqlite() -> Self {
        let clock = SimClock::at(instant("2026-11-22T02:00:00Z"));
        let folder = TempDir::new().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("dueherald.db").display());
        let store = SqliteStore::open(&url, Arc::new(clock.clone())).await.expect("the file can be made");
        store.migrate().await.expect("the migrations run");
        Self::over(Arc::new(store), &clock, "", Some(folder))
    }

    fn by(&self) -> ManualChange {
        ManualChange { actor: "root".to_owned(), reason: "test".to_owned(), at: self.clock.now() }
    }

    async fn add_user(&self, text: &str, role: StaffRole, credential: Credential) {
        let merchants = ["mall".parse::<MerchantId>().expect("an id")].into();
        let user = User {
            name: name(text),
            grant: UserGrant { role, merchants },
            locale: None,
            time_zone: None,
            credential,
            device_key: DeviceKey([7; 32]),
        };
        assert!(self.store.add_user(&user, &self.by()).await.expect("asked"));
    }

    /// Adds a person who logs in by [`PASSWORD`].
    async fn add(&self, text: &str, role: StaffRole) {
        let hash = Password::new(PASSWORD).expect("sound").hash([7; SALT_BYTES]);
        self.add_user(text, role, Credential::Password(hash)).await;
    }

    fn browser(&self) -> Browser<'_> {
        Browser { bench: self, cookies: BTreeMap::new(), client: "192.0.2.1" }
    }
}

fn name(text: &str) -> UserName {
    UserName::new(text).expect("a name")
}

/// A browser with its cookies.
#[derive(Clone)]
struct Browser<'b> {
    bench: &'b Bench,
    cookies: BTreeMap<String, String>,
    client: &'static str,
}

impl Browser<'_> {
    async fn send(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(path).header("x-forwarded-for", self.client);
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body)).expect("a request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4711))));
        let response = self.bench.router.clone().oneshot(request).await.expect("a router never fails");
        let (parts, body) = response.into_parts();
        self.take_cookies(&parts.headers);
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let body = String::from_utf8(body.to_vec()).expect("pages are UTF-8");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    fn take_cookies(&mut self, headers: &HeaderMap) {
        for line in headers.get_all("set-cookie") {
            let line = line.to_str().expect("text");
            assert!(line.starts_with("__Host-") && line.contains("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{line}");
            let (name, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
            if line.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("sec-fetch-site", "none")], String::new()).await
    }

    /// Posts fields as a form of the console does.
    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(path, fields, &[("sec-fetch-site", "same-origin"), ("origin", "null")]).await
    }

    async fn post_from(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, path, &headers, body).await
    }

    /// Opens the page of the login, and enters a name and a password.
    async fn log_in(&mut self, user: &str, password: &str) -> Answer {
        let form = self.get("/console/login").await;
        let csrf = csrf(&form);
        self.post("/console/login", &[("csrf", &csrf), ("name", user), ("password", password)]).await
    }

    async fn is_in(&mut self) -> bool {
        self.get("/console").await.status == StatusCode::OK
    }

    fn cookie(&self, word: &str) -> Option<&String> {
        self.cookies.get(&format!("__Host-dueherald_{word}"))
    }
}

/// The token in the first form of a page.
fn csrf(answer: &Answer) -> String {
    let after = answer.body.split("name=\"csrf\" value=\"").nth(1).unwrap_or_else(|| panic!("{}", answer.body));
    after.split('"').next().expect("it ends").to_owned()
}
