//! DKIM (RFC 6376) over a message that we wrote: relaxed/relaxed, by ring through rustls.
//!
//! lettre signs only messages of its own making, with the machine's time, and walks over the headers by a recursion of
//! one call per character, so that a long subject ends the process. What is left to write is how white space is evened
//! out.

use std::fmt::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rustls::SignatureScheme;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::Signer;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::gateway::GatewayError;

/// `dkim = { … }` of a mail gateway: with which key messages are signed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DkimSettings {
    /// The selector. The DNS publishes the public key at `{selector}._domainkey.{domain}`.
    pub selector: String,
    /// The signing domain: that of the sender's address, or one above it.
    pub domain: String,
    /// The private key as PEM text: RSA with 2048 bits or more, or Ed25519.
    pub key: SecretString,
    /// When it begins to sign, so that its record can be in the DNS before; at once unless said otherwise.
    #[serde(default)]
    pub valid_from: Option<DateTime<Utc>>,
}

impl DkimSettings {
    /// Whether receivers will hold the signature to be that of the sender (RFC 7489, 3.1.1).
    pub(in crate::gateway) fn is_for(&self, sender: &str) -> bool {
        let (sender, domain) = (sender.to_ascii_lowercase(), self.domain.to_ascii_lowercase());
        sender.strip_suffix(&domain).is_some_and(|below| below.is_empty() || below.ends_with('.'))
    }
}

/// Whether names below a domain belong to different owners, as far as its form tells: `cn`, and `com.cn`.
fn is_registry(domain: &str) -> bool {
    let shared = ["ac", "co", "com", "edu", "gov", "gob", "net", "ne", "or", "org"];
    let domain = domain.to_ascii_lowercase();
    match domain.split_once('.') {
        None => domain != "localhost",
        Some((second, top)) => top.len() == 2 && shared.contains(&second),
    }
}

/// Signs messages. Made once; an RSA signature takes about a millisecond, an Ed25519 one a fiftieth of that.
pub(in crate::gateway) struct Dkim {
    valid_from: Option<DateTime<Utc>>,
    /// The header up to the time of signing, which is the same for all messages.
    beginning: String,
    algorithm: Algorithm,
    signer: Box<dyn Signer>,
}

#[derive(Debug, Clone, Copy)]
enum Algorithm {
    Rsa,
    /// RFC 8463: it signs the hash, where RSA hashes by itself.
    Ed25519,
}

impl fmt::Debug for Dkim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dkim").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Dkim {
    /// Reads the key.
    ///
    /// # Errors
    /// When selector, domain or key cannot be used.
    pub(in crate::gateway) fn new(settings: &DkimSettings) -> Result<Self, GatewayError> {
        let DkimSettings { selector, domain, key, valid_from } = settings;
        if !is_name(selector) || !is_name(domain) {
            let problem = "dkim.selector and dkim.domain are names in the DNS, such as \"s2026\" and \"mall.example\"";
            return Err(GatewayError::Settings(problem.into()));
        }
        if is_registry(domain) {
            let problem = "dkim.domain belongs to nobody: it is a registry's; write the domain of the sender's address";
            return Err(GatewayError::Settings(problem.into()));
        }
        let unusable = || {
            let problem = "dkim.key is no private key that can sign: give the PEM text of an RSA key of 2048 bits or \
                more \
                           (`openssl genrsa 2048`) or of an Ed25519 key (`openssl genpkey -algorithm ed25519`)";
            GatewayError::Settings(problem.into())
        };
        let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes()).map_err(|_| unusable())?;
        let key = any_supported_type(&key).map_err(|_| unusable())?;
        let known = [
            (SignatureScheme::RSA_PKCS1_SHA256, Algorithm::Rsa, "rsa-sha256"),
            (SignatureScheme::ED25519, Algorithm::Ed25519, "ed25519-sha256"),
        ];
        let chosen = known
            .into_iter()
            .find_map(|(scheme, algorithm, word)| key.choose_scheme(&[scheme]).map(|signer| (signer, algorithm, word)));
        let (signer, algorithm, word) = chosen.ok_or_else(unusable)?;
        let beginning = format!("DKIM-Signature: v=1; a={word}; c=relaxed/relaxed; d={domain}; s={selector};\r\n t=");
        Ok(Self { valid_from: *valid_from, beginning, algorithm, signer })
    }

    /// Whether it signs at that time.
    pub(in crate::gateway) fn is_valid(&self, at: DateTime<Utc>) -> bool {
        self.valid_from.is_none_or(|from| from <= at)
    }

    /// The header that goes before `message`, with its line end. Every header that is there is signed, and that there
    /// is no second sender and subject. `None` when the key fails.
    pub(in crate::gateway) fn header(&self, message: &str, at: DateTime<Utc>) -> Option<String> {
        let (head, body) = message.split_once("\r\n\r\n")?;
        let mut signed = String::with_capacity(head.len() + 512);
        let mut header = self.beginning.clone();
        write!(header, "{};\r\n h=", at.timestamp()).ok()?;
        for (name, value) in fields(head) {
            push_relaxed_field(&mut signed, name, value);
            signed.push_str("\r\n");
            header.extend([name, ":"]);
        }
        write!(header, "From:Subject;\r\n bh={};\r\n b=", STANDARD.encode(Sha256::digest(relaxed_body(body)))).ok()?;
        // The signature covers its own header too, without the signature and without a line end.
        for (name, value) in fields(&header) {
            push_relaxed_field(&mut signed, name, value);
        }
        let signature = match self.algorithm {
            Algorithm::Rsa => self.signer.sign(signed.as_bytes()),
            Algorithm::Ed25519 => self.signer.sign(&Sha256::digest(&signed)),
        };
        let signature = STANDARD.encode(signature.ok()?);
        for line in signature.as_bytes().chunks(72) {
            header.extend([std::str::from_utf8(line).ok()?, "\r\n "]);
        }
        header.truncate(header.trim_end().len());
        header.push_str("\r\n");
        Some(header)
    }
}

fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// The headers of a message, each with its continuation lines.
fn fields(head: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = head;
    std::iter::from_fn(move || {
        let mut end = 0;
        loop {
            end += rest[end..].find("\r\n").unwrap_or(rest.len() - end);
            match rest.as_bytes().get(end + 2) {
                Some(b' ' | b'\t') => end += 2,
                _ => break,
            }
        }
        let (field, after) = rest.split_at(end);
        rest = after.get(2..).unwrap_or_default();
        field.split_once(':')
    })
}

/// RFC 6376, 3.4.2: the name in small letters, white space and folds one space each, and none at the ends.
fn push_relaxed_field(out: &mut String, name: &str, value: &str) {
    out.push_str(&name.to_ascii_lowercase());
    out.push(':');
    let words = value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty());
    for (place, word) in words.enumerate() {
        if place > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
}

/// RFC 6376, 3.4.4: white space within a line is one space, none stands at a line's end, and no empty lines at the end.
fn relaxed_body(body: &str) -> String {
    let mut out = String::with_capacity(body.len() + 2);
    for line in body.split_terminator("\r\n") {
        let mut blank = false;
        for piece in line.split_inclusive([' ', '\t']) {
            let word = piece.trim_end_matches([' ', '\t']);
            if !word.is_empty() {
                if blank {
                    out.push(' ');
                }
                out.push_str(word);
                blank = false;
            }
            blank |= word.len() < piece.len();
        }
        out.push_str("\r\n");
    }
    while out.ends_with("\r\n\r\n") {
        out.truncate(out.len() - 2);
    }
    if out == "\r\n" { String::new() } else { out }
}

#[cfg(test)]
mod tests {
    use super::{Dkim, DkimSettings, fields, push_relaxed_field, relaxed_body};
    use chrono::{DateTime, Utc};
    use rstest::rstest;

    /// The example of RFC 6376, 3.4.5.
    #[test]
    fn white_space_is_evened_out_as_the_standard_says() {
        let head = "A: X\r\nB : Y\t\r\n\tZ  ";
        let mut relaxed = String::new();
        for (name, value) in fields(head) {
            push_relaxed_field(&mut relaxed, name.trim_end(), value);
            relaxed.push_str("\r\n");
        }
        assert_eq!(relaxed, "a:X\r\nb:Y Z\r\n");
        assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        assert_eq!((relaxed_body(""), relaxed_body("\r\n\r\n")), (String::new(), String::new()));
        assert_eq!(relaxed_body("a\r\n\r\nb"), "a\r\n\r\nb\r\n");
    }

    fn settings(key: &str) -> DkimSettings {
        DkimSettings { selector: "s1".into(), domain: "mall.example".into(), key: key.into(), valid_from: None }
    }

    /// The key of RFC 8463, appendix A.2.
    const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";

    #[test]
    fn a_message_is_signed_with_all_its_headers_and_the_same_way_each_time() {
        let dkim = Dkim::new(&settings(ED25519)).unwrap();
        let message =
            "From: a@mall.example\r\nSubject: x\r\n y\r\nList-Unsubscribe: <https://mall.example/u/1>\r\n\r\nhello\r\n";
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let header = dkim.header(message, at).unwrap();
        assert!(header.starts_with(
            "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=mall.example; s=s1;\r\n t=0;\r\n \
             h=From:Subject:List-Unsubscribe:From:Subject;\r\n bh="
        ));
        assert!(header.ends_with("\r\n") && header.lines().all(|line| line.len() < 200), "{header}");
        assert_eq!(header.matches("\r\n").count(), header.matches("\r\n ").count() + 1, "one header, folded: {header}");
        assert_eq!(dkim.header(message, at).unwrap(), header);
        assert_ne!(dkim.header(&message.replace("x\r\n y", "x\r\n z"), at).unwrap(), header);
    }

    #[rstest]
    #[case::no_key("open sesame")]
    #[case::a_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    fn a_key_that_cannot_sign_is_refused_without_being_quoted(#[case] key: &str) {
        let problem = Dkim::new(&settings(key)).unwrap_err().to_string();
        assert!(problem.contains("openssl") && !problem.contains("sesame"), "{problem}");
    }

    #[rstest]
    #[case("mall.example", true)]
    #[case("MAIL.Mall.example", true)]
    #[case("smallmall.example", false)]
    #[case("example", false)]
    fn the_domain_is_the_senders_or_above_it(#[case] sender: &str, #[case] fits: bool) {
        assert_eq!(settings("").is_for(sender), fits);
    }
}
