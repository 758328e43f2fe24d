//! The ID token: its signature by a key of the provider, and its claims (OpenID Connect Core 1.0, 3.1.3.7). Pure.
//!
//! The key decides which algorithms are possible, so that a token cannot choose `none`, or an HMAC under a public key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How far the clocks of the provider and of this machine may be apart.
const LEEWAY: TimeDelta = TimeDelta::minutes(1);

/// The oldest ID token: it is fetched right after it is made.
const OLDEST: TimeDelta = TimeDelta::minutes(10);

/// The longest token, in bytes.
const MAX_TOKEN: usize = 64 * 1024;

/// The reason why an ID token is not accepted. Names no claim's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdTokenError {
    #[error("the ID token is no signed JWT")]
    Form,
    #[error("the ID token is signed by an algorithm that is not accepted")]
    Algorithm,
    #[error("the ID token is signed by a key that the provider does not list")]
    UnknownKey,
    #[error("the signature of the ID token is wrong")]
    Signature,
    #[error("the ID token is of another issuer")]
    Issuer,
    #[error("the ID token is for another client")]
    Audience,
    #[error("the ID token has expired, or is not valid yet; compare the clocks")]
    Time,
    #[error("the ID token belongs to another login")]
    Nonce,
    #[error("the ID token names nobody")]
    Subject,
}

/// A public key of the provider (RFC 7517).
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Jwk {
    /// The keys of a set that can be read. A set may hold keys of kinds that nobody here knows.
    pub(super) fn read_set(set: &Value) -> Vec<Self> {
        const MOST_KEYS: usize = 100;
        let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten().take(MOST_KEYS);
        keys.filter_map(|key| Self::deserialize(key).ok()).collect()
    }

    fn is_for(&self, header: &Header, algorithm: JwsAlgorithm) -> bool {
        self.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && self.alg.as_deref().is_none_or(|alg| alg == header.alg)
            && header.kid.as_ref().is_none_or(|kid| self.kid.as_ref() == Some(kid))
            && (self.kty.as_str(), self.crv.as_deref()) == algorithm.kind()
    }

    fn verifies(&self, algorithm: JwsAlgorithm, message: &[u8], seal: &[u8]) -> bool {
        let part = |text: &Option<String>| text.as_ref().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        match algorithm {
            JwsAlgorithm::Rsa(parameters) => part(&self.n).zip(part(&self.e)).is_some_and(|(n, e)| {
                RsaPublicKeyComponents { n: n.as_slice(), e: e.as_slice() }.verify(parameters, message, seal).is_ok()
            }),
            JwsAlgorithm::Curve { verification, coordinate, .. } => {
                part(&self.x).zip(part(&self.y)).is_some_and(|(x, y)| {
                    let point = [&[4], x.as_slice(), y.as_slice()].concat();
                    let is_whole = x.len() == coordinate && y.len() == coordinate;
                    is_whole && UnparsedPublicKey::new(verification, point).verify(message, seal).is_ok()
                })
            }
            JwsAlgorithm::Edwards => part(&self.x)
                .is_some_and(|x| UnparsedPublicKey::new(&signature::ED25519, x).verify(message, seal).is_ok()),
        }
    }
}

/// An algorithm of JWS (RFC 7518, RFC 8037) that a provider may sign with.
#[derive(Clone, Copy)]
enum JwsAlgorithm {
    Rsa(&'static RsaParameters),
    Curve { curve: &'static str, coordinate: usize, verification: &'static dyn VerificationAlgorithm },
    Edwards,
}

impl JwsAlgorithm {
    fn read(name: &str) -> Option<Self> {
        let curve = |curve, coordinate, verification| Some(Self::Curve { curve, coordinate, verification });
        match name {
            "RS256" => Some(Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256)),
            "RS384" => Some(Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384)),
            "RS512" => Some(Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512)),
            "PS256" => Some(Self::Rsa(&signature::RSA_PSS_2048_8192_SHA256)),
            "PS384" => Some(Self::Rsa(&signature::RSA_PSS_2048_8192_SHA384)),
            "PS512" => Some(Self::Rsa(&signature::RSA_PSS_2048_8192_SHA512)),
            "ES256" => curve("P-256", 32, &signature::ECDSA_P256_SHA256_FIXED),
            "ES384" => curve("P-384", 48, &signature::ECDSA_P384_SHA384_FIXED),
            "EdDSA" => Some(Self::Edwards),
            _ => None,
        }
    }

    /// The kind of key, and its curve.
    fn kind(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Rsa(_) => ("RSA", None),
            Self::Curve { curve, .. } => ("EC", Some(curve)),
            Self::Edwards => ("OKP", Some("Ed25519")),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that a reader has to understand: none is.
    crit: Option<Value>,
}

/// The values that an ID token must have.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenExpectation<'e> {
    pub(super) issuer: &'e str,
    pub(super) client_id: &'e str,
    pub(super) nonce: &'e str,
}

/// The claims of a token that was accepted.
#[derive(Debug, Clone)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    /// A claim that is one text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim that is a text or a list of texts. A name with dots leads into objects, as `realm_access.roles`.
    pub(super) fn texts(&self, name: &str) -> Vec<&str> {
        let below = || {
            name.split('.').try_fold(None, |at: Option<&Value>, key| {
                at.map_or_else(|| self.0.get(key), |at| at.get(key)).map(Some)
            })
        };
        match self.0.get(name).or_else(|| below().flatten()) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn moment(&self, name: &str) -> Option<DateTime<Utc>> {
        let value = self.0.get(name)?;
        // NumericDate may have decimals (RFC 7519, 2); whole seconds are enough.
        let seconds = value.as_i64().or_else(|| value.to_string().split('.').next()?.parse().ok());
        DateTime::from_timestamp(seconds?, 0)
    }

    fn check(&self, expected: TokenExpectation<'_>, now: DateTime<Utc>) -> Result<(), IdTokenError> {
        if self.text("iss") != Some(expected.issuer) {
            return Err(IdTokenError::Issuer);
        }
        let audience = self.texts("aud");
        let party = self.0.get("azp");
        let is_party = party.is_none_or(|party| party.as_str() == Some(expected.client_id));
        // Of a token for several the authorized party has to be this client.
        if !audience.contains(&expected.client_id) || !is_party || audience.len() > 1 && party.is_none() {
            return Err(IdTokenError::Audience);
        }
        let (expires, issued) = (self.moment("exp"), self.moment("iat"));
        let is_fresh = expires.is_some_and(|at| now < at + LEEWAY)
            && issued.is_some_and(|at| at <= now + LEEWAY && now - at <= OLDEST)
            && (!self.0.contains_key("nbf") || self.moment("nbf").is_some_and(|at| at <= now + LEEWAY));
        if !is_fresh {
            return Err(IdTokenError::Time);
        }
        if self.text("nonce") != Some(expected.nonce) {
            return Err(IdTokenError::Nonce);
        }
        self.text("sub").filter(|subject| !subject.is_empty()).map(drop).ok_or(IdTokenError::Subject)
    }
}

/// Verifies an ID token.
///
/// # Errors
/// [`IdTokenError::UnknownKey`] when none of the keys is meant: the provider may have new ones. Any other error is
/// final.
pub(super) fn verify(
    token: &str,
    keys: &[Jwk],
    expected: TokenExpectation<'_>,
    now: DateTime<Utc>,
) -> Result<Claims, IdTokenError> {
    let form = IdTokenError::Form;
    let (signed, seal) = token.rsplit_once('.').filter(|_| token.len() <= MAX_TOKEN).ok_or(form)?;
    let (head, claims) = signed.split_once('.').ok_or(form)?;
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| form);
    let header: Header = serde_json::from_slice(&part(head)?).map_err(|_| form)?;
    let seal = part(seal)?;
    let algorithm = JwsAlgorithm::read(&header.alg).filter(|_| header.crit.is_none()).ok_or(IdTokenError::Algorithm)?;
    let mut keys = keys.iter().filter(|key| key.is_for(&header, algorithm)).peekable();
    if keys.peek().is_none() {
        return Err(IdTokenError::UnknownKey);
    }
    if !keys.any(|key| key.verifies(algorithm, signed.as_bytes(), &seal)) {
        return Err(IdTokenError::Signature);
    }
    let claims = Claims(serde_json::from_slice(&part(claims)?).map_err(|_| form)?);
    claims.check(expected, now)?;
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use chrono::DateTime;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::{IdTokenError, Jwk, TokenExpectation, verify};

    const NOW: i64 = 1_800_000_000;

    fn encode(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    struct SigningProvider(EcdsaKeyPair);

    impl SigningProvider {
        fn new() -> Self {
            let random = SystemRandom::new();
            let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random);
            Self(pair.expect("a key"))
        }

        fn set(&self, kid: &str) -> Value {
            let point = self.0.public_key().as_ref();
            let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
            json!({ "keys": [
                { "kty": "lattice", "kid": kid },
                { "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "x": x, "y": y },
            ] })
        }

        fn sign(&self, header: &Value, claims: &Value) -> String {
            let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
            let seal = self.0.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed");
            format!("{signed}.{}", encode(seal))
        }
    }

    fn claims(changes: &Value) -> Value {
        let mut claims = json!({ "iss": "https://login.example", "aud": "desk", "sub": "00u1", "nonce": "n",
            "iat": NOW - 5, "exp": NOW + 300, "groups": ["a", "b"], "realm": { "roles": ["c"] } });
        for (name, value) in changes.as_object().expect("an object") {
            match value {
                Value::Null => drop(claims.as_object_mut().expect("an object").remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    fn verdict(token: &str, keys: &Value) -> Result<super::Claims, IdTokenError> {
        let expected = TokenExpectation { issuer: "https://login.example", client_id: "desk", nonce: "n" };
        verify(token, &Jwk::read_set(keys), expected, DateTime::from_timestamp(NOW, 0).expect("a moment"))
    }

    #[test]
    fn a_sound_token_tells_its_claims() {
        let provider = SigningProvider::new();
        let header = json!({ "alg": "ES256", "kid": "k1", "typ": "JWT" });
        let read = verdict(&provider.sign(&header, &claims(&json!({}))), &provider.set("k1")).expect("it is sound");
        assert_eq!((read.text("sub"), read.texts("groups")), (Some("00u1"), vec!["a", "b"]));
        assert_eq!((read.texts("realm.roles"), read.texts("sub")), (vec!["c"], vec!["00u1"]));
        assert!(read.texts("realm.nothing").is_empty() && read.texts("groups.a").is_empty());
    }

    #[rstest]
    #[case::of_another_issuer(json!({ "iss": "https://login.example/" }), IdTokenError::Issuer)]
    #[case::of_nobody(json!({ "sub": null }), IdTokenError::Subject)]
    #[case::of_a_number(json!({ "sub": 7 }), IdTokenError::Subject)]
    #[case::for_another(json!({ "aud": "shop" }), IdTokenError::Audience)]
    #[case::for_several(json!({ "aud": ["desk", "shop"] }), IdTokenError::Audience)]
    #[case::of_another_party(json!({ "aud": ["desk", "shop"], "azp": "shop" }), IdTokenError::Audience)]
    #[case::expired(json!({ "exp": NOW - 61 }), IdTokenError::Time)]
    #[case::without_an_end(json!({ "exp": null }), IdTokenError::Time)]
    #[case::with_a_text_as_its_end(json!({ "exp": "never" }), IdTokenError::Time)]
    #[case::of_tomorrow(json!({ "iat": NOW + 86_400 }), IdTokenError::Time)]
    #[case::of_yesterday(json!({ "iat": NOW - 86_400 }), IdTokenError::Time)]
    #[case::not_valid_yet(json!({ "nbf": NOW + 61 }), IdTokenError::Time)]
    #[case::not_valid_for_an_odd_reason(json!({ "nbf": "soon" }), IdTokenError::Time)]
    #[case::of_another_login(json!({ "nonce": "m" }), IdTokenError::Nonce)]
    #[case::of_no_login(json!({ "nonce": null }), IdTokenError::Nonce)]
    fn a_token_with_a_wrong_claim_is_refused(#[case] change: Value, #[case] error: IdTokenError) {
        let provider = SigningProvider::new();
        let token = provider.sign(&json!({ "alg": "ES256", "kid": "k1" }), &claims(&change));
        assert_eq!(verdict(&token, &provider.set("k1")).err(), Some(error));
    }

    #[rstest]
    #[case::no_algorithm(json!({ "alg": "none", "kid": "k1" }), IdTokenError::Algorithm)]
    #[case::hmac(json!({ "alg": "HS256", "kid": "k1" }), IdTokenError::Algorithm)]
    #[case::an_extension(json!({ "alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false }), IdTokenError::Algorithm)]
    #[case::another_kind(json!({ "alg": "RS256", "kid": "k1" }), IdTokenError::UnknownKey)]
    #[case::another_curve(json!({ "alg": "ES384", "kid": "k1" }), IdTokenError::UnknownKey)]
    #[case::another_key(json!({ "alg": "ES256", "kid": "k2" }), IdTokenError::UnknownKey)]
    #[case::no_header(json!("ES256"), IdTokenError::Form)]
    fn a_token_does_not_choose_how_it_is_verified(#[case] header: Value, #[case] error: IdTokenError) {
        let provider = SigningProvider::new();
        let token = provider.sign(&header, &claims(&json!({})));
        assert_eq!(verdict(&token, &provider.set("k1")).err(), Some(error));
    }

    #[test]
    fn a_token_of_another_signer_or_with_other_claims_is_refused() {
        let (provider, other) = (SigningProvider::new(), SigningProvider::new());
        let header = json!({ "alg": "ES256", "kid": "k1" });
        let token = other.sign(&header, &claims(&json!({})));
        assert_eq!(verdict(&token, &provider.set("k1")).err(), Some(IdTokenError::Signature));
        let sound = provider.sign(&header, &claims(&json!({})));
        let parts: Vec<_> = sound.split('.').collect();
        let forged = format!("{}.{}.{}", parts[0], encode(claims(&json!({ "sub": "root" })).to_string()), parts[2]);
        assert_eq!(verdict(&forged, &provider.set("k1")).err(), Some(IdTokenError::Signature));
        for text in ["", "a", "a.b", "a.b.c", &format!("{}.{}.", parts[0], parts[1]), &format!("{sound}.x")] {
            assert!(verdict(text, &provider.set("k1")).is_err(), "{text}");
        }
        assert!(verdict(&sound, &json!({})).is_err() && verdict(&sound, &provider.set("k1")).is_ok());
    }
}
