//! A small OIDC provider on the loopback: discovery, login without a question, the exchange of a code, and keys.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The client of the provider.
pub(crate) const CLIENT: &str = "desk";

/// Its secret, with letters that are encoded in a header.
pub(crate) const SECRET: &str = "s3cret of/the+desk";

/// An RSA key for tests: ring makes none.
const RSA_KEY: &str = include_str!("provider_rsa.b64");

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signing {
    Curve,
    Rsa,
    /// By a key of the same name that is not in the set.
    Stranger,
    None,
    /// With the public key as the secret of an HMAC.
    Hmac,
}

/// The answers of the provider.
#[derive(Debug)]
pub(crate) struct Answers {
    /// The person who logs in.
    pub(crate) subject: String,
    /// Claims that take the place of the sound ones; `null` leaves one out.
    pub(crate) claims: Value,
    pub(crate) signing: Signing,
    /// The name of the current key.
    pub(crate) kid: String,
    /// The issuer in the discovery document, if it is not its own.
    pub(crate) issuer: Option<String>,
    /// How often its keys were asked for.
    pub(crate) fetched: usize,
    codes: BTreeMap<String, Code>,
}

#[derive(Debug)]
struct Code {
    nonce: String,
    challenge: String,
    redirect: String,
}

/// A provider that runs as long as its runtime.
#[derive(Clone)]
pub(crate) struct Provider {
    pub(crate) issuer: String,
    answers: Arc<Mutex<Answers>>,
    keys: Arc<[EcdsaKeyPair; 2]>,
    rsa: Arc<RsaKeyPair>,
    now: fn() -> i64,
}

impl Provider {
    /// Starts it. Its tokens are made at the time that `now` gives, in seconds.
    pub(crate) async fn start(now: fn() -> i64) -> Self {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await;
        let listener = listener.expect("a port is free");
        let random = SystemRandom::new();
        let key = || {
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random);
            pair.expect("a key")
        };
        let rsa = STANDARD.decode(RSA_KEY.split_whitespace().collect::<String>()).expect("base64");
        let answers = Answers {
            subject: "00u1".to_owned(),
            claims: json!({}),
            signing: Signing::Curve,
            kid: "k1".to_owned(),
            issuer: None,
            fetched: 0,
            codes: BTreeMap::new(),
        };
        let provider = Self {
            issuer: format!("http://{}", listener.local_addr().expect("it listens")),
            answers: Arc::new(Mutex::new(answers)),
            keys: Arc::new([key(), key()]),
            rsa: Arc::new(RsaKeyPair::from_der(&rsa).expect("a key")),
            now,
        };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/keys", get(keys))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    /// Its section of a config.
    pub(crate) fn section(&self) -> String {
        let issuer = &self.issuer;
        format!("[console.oidc]\nissuer = \"{issuer}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"{SECRET}\"\n")
    }

    pub(crate) fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs the person in as a browser that is sent to `address`; gives the address that it is sent back to.
    pub(crate) fn log_in(&self, address: &str) -> String {
        let (page, query) = address.split_once('?').expect("a query");
        assert_eq!(page, format!("{}/authorize", self.issuer));
        let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        self.answers().send_back(&query)
    }

    fn public(&self) -> (String, String) {
        let point = self.keys[0].public_key().as_ref();
        (encode(&point[1..33]), encode(&point[33..]))
    }

    fn sign(&self, header: &Value, claims: &Value, signing: Signing) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let random = SystemRandom::new();
        let seal = match signing {
            Signing::Curve => self.keys[0].sign(&random, signed.as_bytes()).expect("signed").as_ref().to_vec(),
            Signing::Stranger => self.keys[1].sign(&random, signed.as_bytes()).expect("signed").as_ref().to_vec(),
            Signing::Rsa => {
                let mut seal = vec![0; self.rsa.public().modulus_len()];
                self.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut seal).expect("signed");
                seal
            }
            Signing::Hmac => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, self.keys[0].public_key().as_ref());
                hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
            }
            Signing::None => Vec::new(),
        };
        format!("{signed}.{}", encode(seal))
    }
}

impl Answers {
    fn send_back(&mut self, query: &BTreeMap<String, String>) -> String {
        let given = |name: &str| query.get(name).cloned().unwrap_or_else(|| panic!("{name} is missing: {query:?}"));
        assert_eq!((given("client_id"), given("response_type")), (CLIENT.to_owned(), "code".to_owned()));
        assert!(given("scope").split(' ').any(|scope| scope == "openid"));
        assert_eq!(given("code_challenge_method"), "S256");
        let (code, redirect) = (format!("code-{}", self.codes.len() + 1), given("redirect_uri"));
        let known = Code { nonce: given("nonce"), challenge: given("code_challenge"), redirect: redirect.clone() };
        self.codes.insert(code.clone(), known);
        let back = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &given("state"))
            .finish();
        format!("{redirect}?{back}")
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

async fn discovery(State(provider): State<Provider>) -> Json<Value> {
    let own = &provider.issuer;
    Json(json!({
        "issuer": provider.answers().issuer.as_ref().unwrap_or(own),
        "authorization_endpoint": format!("{own}/authorize"),
        "token_endpoint": format!("{own}/token"),
        "jwks_uri": format!("{own}/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    }))
}

async fn authorize(State(provider): State<Provider>, Query(query): Query<BTreeMap<String, String>>) -> Redirect {
    Redirect::to(&provider.answers().send_back(&query))
}

async fn keys(State(provider): State<Provider>) -> Json<Value> {
    let (x, y) = provider.public();
    let rsa: PublicKeyComponents<Vec<u8>> = provider.rsa.public().into();
    let mut answers = provider.answers();
    answers.fetched += 1;
    Json(json!({ "keys": [
        { "kty": "EC", "crv": "P-256", "kid": answers.kid, "use": "sig", "x": x, "y": y },
        { "kty": "RSA", "kid": "rsa", "use": "sig", "n": encode(rsa.n), "e": encode(rsa.e) },
    ] }))
}

/// A code counts once, for who shows its verifier and the client's secret.
async fn token(
    State(provider): State<Provider>,
    headers: HeaderMap,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let encoded: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let expected = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{encoded}")));
    let is_client = headers.get("authorization").is_some_and(|shown| shown.as_bytes() == expected.as_bytes());
    let given = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let mut answers = provider.answers();
    let known = answers.codes.remove(given("code"));
    let Some(code) = known.filter(|code| {
        let is_verified = encode(Sha256::digest(given("code_verifier"))) == code.challenge;
        is_client
            && is_verified
            && given("redirect_uri") == code.redirect
            && given("grant_type") == "authorization_code"
    }) else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    };
    let now = (provider.now)();
    let mut claims = json!({ "iss": provider.issuer, "aud": CLIENT, "sub": answers.subject, "nonce": code.nonce,
        "iat": now, "exp": now + 300 });
    for (name, value) in answers.claims.as_object().expect("an object") {
        match value {
            Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    let (algorithm, kid) = match answers.signing {
        Signing::Curve | Signing::Stranger => ("ES256", answers.kid.as_str()),
        Signing::Rsa => ("RS256", "rsa"),
        Signing::None => ("none", answers.kid.as_str()),
        Signing::Hmac => ("HS256", answers.kid.as_str()),
    };
    let token = provider.sign(&json!({ "alg": algorithm, "kid": kid }), &claims, answers.signing);
    Json(json!({ "access_token": "of no use", "token_type": "Bearer", "id_token": token })).into_response()
}
