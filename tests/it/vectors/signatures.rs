//! The signatures of providers, as their own SDKs make them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dueherald::gateway::sms::signing::sha256_hex;
use dueherald::gateway::sms::twilio::{SignatureAlgorithm, form, is_signed, signature};
use dueherald::gateway::sms::{aliyun, tencent, twilio};
use secrecy::SecretString;
use serde_json::Value;

fn vectors(file: &Value) -> &Vec<Value> {
    file["vectors"].as_array().expect("a list of vectors")
}

fn name(vector: &Value) -> &str {
    vector["name"].as_str().expect("every vector has a name")
}

fn text<'v>(vector: &'v Value, pointer: &str) -> &'v str {
    let found = vector.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("{}: {pointer} is missing", name(vector)))
}

/// The fields of an object, as text.
fn fields(object: &Value) -> Vec<(String, String)> {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    object.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect()
}

fn decoded(form: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(form.as_bytes()).into_owned().collect()
}

/// Aliyun's V3 signature, over whichever headers the SDK signs.
pub(super) fn aliyun(file: &Value) -> usize {
    let mut checked = 0;
    for vector in vectors(file) {
        // The old RPC signature, which is used nowhere here.
        if name(vector).contains("_v1_") {
            continue;
        }
        let account = toml::from_str(&format!(
            "access_key_id = {:?}\naccess_key_secret = {:?}",
            text(vector, "/input/access_key_id"),
            text(vector, "/input/access_key_secret")
        ));
        let body = sha256_hex(vector["body"].as_str().unwrap_or_default().as_bytes());
        assert_eq!(text(vector, "/headers/x-acs-content-sha256"), body, "{}", name(vector));
        let mut headers = fields(&vector["headers"]);
        headers.retain(|(name, _)| name != "Authorization");
        let signed = aliyun::authorization(
            &account.expect("an account"),
            (text(vector, "/method"), text(vector, "/pathname")),
            &fields(&vector["query"]),
            &headers,
            &body,
        );
        assert_eq!(signed, text(vector, "/headers/Authorization"), "{}", name(vector));
        checked += 1;
    }
    checked
}

/// Tencent Cloud's TC3 signature.
pub(super) fn tencent(file: &Value) -> usize {
    for vector in vectors(file) {
        let (method, body) = (text(vector, "/method"), text(vector, "/body"));
        let (query, body) = if method == "GET" { (body, "") } else { ("", body) };
        let signed = tencent::SignedRequest {
            method,
            path: text(vector, "/uri"),
            query,
            content_type: text(vector, "/headers/Content-Type"),
            host: text(vector, "/headers/Host"),
            body: body.as_bytes(),
            timestamp: text(vector, "/headers/X-TC-Timestamp").parse().expect("seconds"),
        };
        let key = SecretString::from(text(vector, "/input/secret_key"));
        let authorization = tencent::authorization(text(vector, "/input/secret_id"), &key, &signed);
        assert_eq!(authorization, text(vector, "/headers/Authorization"), "{}", name(vector));
    }
    vectors(file).len()
}

/// Twilio's requests and the signatures of its callbacks, by both algorithms.
pub(super) fn twilio(file: &Value) -> usize {
    for vector in vectors(file) {
        match (vector.get("method"), vector.get("signature")) {
            (Some(_), None) => twilio_request(vector),
            (None, Some(_)) => twilio_callback(vector),
            _ => panic!("{} is neither a request nor a callback", name(vector)),
        }
    }
    let judged = file["accept_reject"].as_array().expect("a list of callbacks to accept or to reject");
    for case in judged {
        // Signed with the token of the vectors beside it.
        let key =
            SecretString::from(vectors(file).iter().find_map(|vector| vector["auth_token"].as_str()).expect("a token"));
        let (url, signature) =
            (case["url_received"].as_str().expect("a url"), case["signature"].as_str().expect("one"));
        let valid = is_signed(algorithm(case), &key, url, &fields(&case["params"]), signature);
        assert_eq!(Some(valid), case["valid"].as_bool(), "{case}");
    }
    vectors(file).len() + judged.len()
}

fn algorithm(vector: &Value) -> SignatureAlgorithm {
    match vector["algorithm"].as_str() {
        None | Some("HMAC_SHA1") => SignatureAlgorithm::HmacSha1,
        Some("HMAC_SHA256") => SignatureAlgorithm::HmacSha256,
        Some(other) => panic!("{vector}: the algorithm {other} is not known"),
    }
}

fn twilio_request(vector: &Value) {
    let basic = text(vector, "/headers/Authorization").strip_prefix("Basic ").expect("basic authentication");
    let credentials = String::from_utf8(STANDARD.decode(basic).expect("base64")).expect("text");
    let (sid, token) = credentials.split_once(':').expect("account and token");
    assert_eq!(twilio::authorization(sid, &token.into()), text(vector, "/headers/Authorization"));
    assert_eq!(text(vector, "/url"), format!("https://api.twilio.com/2010-04-01/Accounts/{sid}/Messages.json"));
    let sent = decoded(text(vector, "/body"));
    let wanted: BTreeMap<_, _> =
        fields(&vector["input"]).iter().map(|(name, value)| (pascal(name), value.clone())).collect();
    for (name, value) in &sent {
        // A date in the input may be spelled without its zone.
        let wanted = wanted.get(name).unwrap_or_else(|| panic!("{name} is not in the input of {}", vector["name"]));
        assert!(value == wanted || value.strip_suffix('Z').is_some_and(|value| wanted.starts_with(value)), "{name}");
    }
    assert_eq!(sent.len(), wanted.len(), "{}", name(vector));
    let pairs: Vec<_> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(form(&pairs), text(vector, "/body"), "{}", name(vector));
}

/// `from_` is `From`, `messaging_service_sid` is `MessagingServiceSid`.
fn pascal(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_').filter(|part| !part.is_empty()).map(word).collect()
}

fn twilio_callback(vector: &Value) {
    let key = SecretString::from(text(vector, "/auth_token"));
    let (url, form) = (text(vector, "/url"), fields(&vector["params"]));
    let made = signature(algorithm(vector), &key, url, &form);
    assert_eq!(made, text(vector, "/signature"), "{}", name(vector));
    assert!(is_signed(algorithm(vector), &key, url, &form, &made));
    if let Some(body) = vector["raw_body"].as_str() {
        let hash = url.split("bodySHA256=").nth(1).expect("the hash of a body that is no form");
        assert_eq!(sha256_hex(body.as_bytes()), hash);
    }
}
