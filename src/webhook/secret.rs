//! The secrets of endpoints, and the signature.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// The beginning of every secret.
const PREFIX: &str = "whsec_";

/// The sizes that Standard Webhooks allows, in bytes.
const SIZES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secret that signs what an endpoint gets.
#[derive(Clone)]
pub struct WebhookSecret(SecretSlice<u8>);

/// A text that is no secret. Does not quote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is no secret of 24 to 64 bytes in base64 behind whsec_; make one with `echo whsec_$(openssl rand -base64 32)`"
)]
pub struct WebhookSecretError;

impl WebhookSecret {
    /// Reads `whsec_…`.
    ///
    /// # Errors
    /// When the text has another form, or too few or too many bytes.
    pub fn new(text: &str) -> Result<Self, WebhookSecretError> {
        let bytes = text.strip_prefix(PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.filter(|bytes| SIZES.contains(&bytes.len())).ok_or(WebhookSecretError)?;
        Ok(Self(bytes.into()))
    }

    /// The signature of a message, `v1,` and base64.
    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("HMAC takes keys of any size");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// The header `webhook-signature`: one signature for each secret, so that a receiver may have either while a secret is
/// replaced.
#[must_use]
pub fn signatures(secrets: &[WebhookSecret], id: &str, timestamp: i64, body: &str) -> String {
    let signed: Vec<_> = secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
    signed.join(" ")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{WebhookSecret, signatures};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The vector of the reference libraries (`standardwebhooks`, "sign function works").
    #[test]
    fn the_published_vector_is_met() {
        let secret = WebhookSecret::new(SECRET).expect("a secret");
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signatures(std::slice::from_ref(&secret), id, at, body), expected);
        let other = WebhookSecret::new("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").expect("a secret");
        let both = signatures(&[other, secret], id, at, body);
        assert_eq!(both.split(' ').nth(1), Some(expected), "{both}");
        assert_eq!(both.split(' ').count(), 2);
    }

    #[rstest]
    #[case::without_prefix("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    #[case::short("whsec_AAAA")]
    #[case::long("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    #[case::not_base64("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!")]
    fn what_is_no_secret_is_refused(#[case] text: &str) {
        let error = WebhookSecret::new(text).expect_err("it is none").to_string();
        assert!(!error.contains(text));
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", WebhookSecret::new(SECRET).expect("a secret")), "WebhookSecret(…)");
    }
}
