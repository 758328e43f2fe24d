//! Twilio Messages (2010-04-01): free text, callbacks that are signed.
//!
//! Not idempotent. The reference goes along in the address of the status callback and comes back in it. A look-up lists
//! what went to the number since the day of the hand-over; the list names no callback address, so a message is known by
//! its number or by the borrower's own link in its text. Without personal links nothing is asked: only the callback can
//! tell then.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::client::ProviderResponse;
use super::connection::{Endpoint, gateway_settings};
use super::read::{clipped, field, identifier, sender};
use super::signing::{hmac_sha1, hmac_sha256, sha256_hex};
use super::verdict::{ReadResponse, provider_code, undocumented};
use super::{Provider, SmsGateway, VendorAccount};
use crate::clock::Clock;
use crate::domain::{
    Address, Code, GatewayName, LinkMode, MerchantId, Message, Outcome, RejectScope, Reply, Report, ReportSubject,
    ReportedState, SmsText,
};
use crate::gateway::callback::{Callback, CallbackAddress, CallbackError, CallbackReply, Callbacks};
use crate::gateway::{GatewayError, Handover, Inquiry, LookUp, OneOrMore, net};

const FORM: &str = "application/x-www-form-urlencoded";

/// Twilio account credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwilioAccount {
    /// The account, `AC…`.
    pub sid: String,
    /// Its auth token, which also signs callbacks by HMAC-SHA1; while it is changed, the new one and the old one.
    pub token: OneOrMore<SecretString>,
    /// The shared key that signs callbacks by HMAC-SHA256, where the account uses that; a list while it is changed.
    #[serde(default)]
    pub webhook_key: Option<OneOrMore<SecretString>>,
}

/// The sender of messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TwilioSender {
    /// A number or a sender ID of our own.
    #[serde(deserialize_with = "sender_number")]
    Number(String),
    /// A messaging service, `MG…`, which chooses a number.
    MessagingService(String),
}

/// The longest short code: more digits are a number, which Twilio takes with its country code only.
const MAX_SHORT_CODE: usize = 6;

fn sender_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let number = String::deserialize(deserializer)?;
    let lacks_plus = number.len() > MAX_SHORT_CODE && number.bytes().all(|byte| byte.is_ascii_digit());
    if number.trim().is_empty() || lacks_plus {
        return Err(serde::de::Error::custom("is no sender; write a number such as \"+15005550006\", or a sender ID"));
    }
    Ok(number)
}

gateway_settings! {
    /// A `[gateways.*]` section of kind `twilio`.
    pub struct TwilioSettings {
        /// Where it is reached.
        #[serde(default = "endpoint")]
        pub url: Endpoint,
        /// The account.
        pub account: TwilioAccount,
        /// The sender: `{ number = "+15005550006" }` or `{ messaging_service = "MG…" }`.
        pub from: TwilioSender,
        /// Senders of the merchants that have their own.
        #[serde(default)]
        pub senders: BTreeMap<MerchantId, TwilioSender>,
        /// Twilio cannot carry it: the refusal says why.
        #[serde(default, deserialize_with = "no_dlt")]
        pub dlt: (),
        /// How long Twilio may keep a message that it cannot pass on at once; at most 10 h, which is also its default.
        #[serde(default, deserialize_with = "validity")]
        pub validity: Option<Duration>,
        /// The kind of link that it lets through.
        #[serde(default)]
        pub link_mode: LinkMode,
        /// Whether Twilio itself answers STOP, as it does unless its opt-out handling was turned off.
        #[serde(default = "yes")]
        pub confirms_opt_outs: bool,
    }
}

/// The parameters of a message (2010-04-01) have no place for the ids of India's operators: Twilio itself matches texts
/// with those that were registered with it.
fn no_dlt<'de, D: serde::Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(serde::de::Error::custom(
        "cannot be carried: Twilio's message API takes no DLT ids, and Twilio matches texts with those that you \
         register with it; leave dlt out, or send to India by a gateway of kind \"http\"",
    ))
}

fn yes() -> bool {
    true
}

fn endpoint() -> Endpoint {
    Endpoint::known("https://api.twilio.com/")
}

fn validity<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let validity = crate::domain::duration::deserialize(deserializer)?;
    if (1..=36_000).contains(&validity.as_secs()) {
        Ok(Some(validity))
    } else {
        Err(serde::de::Error::custom("is no time that Twilio takes; write at least 1s and at most 10h"))
    }
}

#[derive(Debug)]
struct Twilio {
    settings: TwilioSettings,
    callback: Option<CallbackAddress>,
}

impl VendorAccount for TwilioSettings {
    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn senders(&self) -> Vec<&MerchantId> {
        self.senders.keys().collect()
    }

    fn gateway(
        &self,
        name: GatewayName,
        callback: Option<CallbackAddress>,
        clock: Arc<dyn Clock>,
    ) -> Result<SmsGateway, GatewayError> {
        SmsGateway::twilio(name, self.clone(), callback, clock)
    }
}

impl SmsGateway {
    /// An account at Twilio. Connects to nothing.
    ///
    /// # Errors
    /// [`GatewayError::Settings`] when the settings contradict each other or there is no certificate to trust.
    pub fn twilio(
        name: GatewayName,
        settings: TwilioSettings,
        callback: Option<CallbackAddress>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, GatewayError> {
        let connection = settings.connection();
        Self::over(name, Box::new(Twilio { settings, callback }), connection, clock)
    }
}

/// The header `Authorization` of a request.
#[must_use]
pub fn authorization(sid: &str, token: &SecretString) -> String {
    format!("Basic {}", STANDARD.encode(format!("{sid}:{}", token.expose_secret())))
}

/// A form as it is sent.
#[must_use]
pub fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// How a callback is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// With the auth token.
    HmacSha1,
    /// With the shared key of the account's webhooks.
    HmacSha256,
}

/// The header `X-Twilio-AuditNote` of a callback: over its address as Twilio calls it, and the fields of its form by
/// name. Of a field that comes twice with one value, one counts.
#[must_use]
pub fn signature(algorithm: SignatureAlgorithm, key: &SecretString, url: &str, form: &[(String, String)]) -> String {
    STANDARD.encode(mac(algorithm, key, url, form))
}

/// Whether a callback is signed so. Twilio writes the usual port into the address or leaves it out as it likes.
#[must_use]
pub fn is_signed(
    algorithm: SignatureAlgorithm,
    key: &SecretString,
    url: &str,
    form: &[(String, String)],
    signature: &str,
) -> bool {
    let Ok(given) = STANDARD.decode(signature) else { return false };
    let fits = |url: &String| bool::from(mac(algorithm, key, url, form).ct_eq(&given));
    spellings(url).iter().any(fits)
}

fn mac(algorithm: SignatureAlgorithm, key: &SecretString, url: &str, form: &[(String, String)]) -> Vec<u8> {
    let mut fields: Vec<_> = form.iter().collect();
    fields.sort_unstable();
    fields.dedup();
    let message = fields.iter().fold(url.to_owned(), |message, (name, value)| message + name + value);
    let key = key.expose_secret().as_bytes();
    match algorithm {
        SignatureAlgorithm::HmacSha1 => hmac_sha1(key, message.as_bytes()),
        SignatureAlgorithm::HmacSha256 => hmac_sha256(key, message.as_bytes()),
    }
}

/// The address as it is, with its port and without.
fn spellings(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    if let Some((scheme, rest)) = url.split_once("://") {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at(end);
        let usual = if scheme == "http" { 80 } else { 443 };
        let port = authority.rfind(':').filter(|at| authority[at + 1..].bytes().all(|byte| byte.is_ascii_digit()));
        spellings.push(match port {
            Some(at) => format!("{scheme}://{}{behind}", &authority[..at]),
            None => format!("{scheme}://{authority}:{usual}{behind}"),
        });
    }
    spellings
}

impl Twilio {
    fn call(&self, method: Method, url: Url, credential: usize) -> Option<Request> {
        let mut request = Request::new(method, url);
        let account = &self.settings.account;
        let mut authorization =
            HeaderValue::from_str(&authorization(&account.sid, account.token.at(credential))).ok()?;
        authorization.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, authorization);
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        Some(request)
    }

    fn messages(&self) -> Option<Url> {
        let mut url = self.settings.url.url().clone();
        let path = ["2010-04-01", "Accounts", &self.settings.account.sid, "Messages.json"];
        url.path_segments_mut().ok()?.pop_if_empty().extend(path);
        Some(url)
    }

    fn compose(&self, handover: &Handover<'_>, credential: usize, to: &str, text: &str) -> Option<Request> {
        let callback = self.callback.as_ref().map(|callback| callback.about(handover.reference));
        let validity = self.settings.validity.map(|validity| validity.as_secs().to_string());
        let sender = self.settings.senders.get(&handover.merchant.id);
        let from = match sender.unwrap_or(&self.settings.from) {
            TwilioSender::Number(number) => ("From", number.as_str()),
            TwilioSender::MessagingService(sid) => ("MessagingServiceSid", sid.as_str()),
        };
        let mut fields = vec![("To", to)];
        fields.extend(callback.as_deref().map(|callback| ("StatusCallback", callback)));
        fields.extend(validity.as_deref().map(|seconds| ("ValidityPeriod", seconds)));
        fields.extend([from, ("Body", text)]);
        let mut request = self.call(Method::POST, self.messages()?, credential)?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        *request.body_mut() = Some(form(&fields).into());
        Some(request)
    }

    /// By HMAC-SHA256 if it says so and we have the key, else by HMAC-SHA1; over the body's hash if it is no form.
    fn is_genuine(&self, callback: &Callback<'_>, form: &[(String, String)]) -> bool {
        let header = |name: &str| callback.headers.get(name).and_then(|value| value.to_str().ok());
        let Some(signature) = header("x-twilio-signature") else { return false };
        let account = &self.settings.account;
        let settings = header("x-twilio-webhooks-signature-settings").unwrap_or_default();
        let (algorithm, keys) = match settings.contains("HMAC_SHA256") {
            true => (SignatureAlgorithm::HmacSha256, account.webhook_key.as_ref().map_or(&[][..], OneOrMore::all)),
            false => (SignatureAlgorithm::HmacSha1, account.token.all()),
        };
        let hash = form_urlencoded::parse(callback.query.as_bytes()).find(|(name, _)| name == "bodySHA256");
        let whole = hash.is_none_or(|(_, hash)| sha256_hex(callback.body).as_bytes().ct_eq(hash.as_bytes()).into());
        whole && keys.iter().any(|key| is_signed(algorithm, key, callback.url, form, signature))
    }
}

/// The outcome of a hand-over with a documented code (gateways.md); `None` for any other.
fn documented(code: &str, answer: &ProviderResponse, now: DateTime<Utc>) -> Option<Outcome> {
    let named = Code::new(&format!("twilio-{code}"));
    Some(match code {
        "20429" | "63038" | "30003" => {
            Outcome::RetryAfter { code: named, after: super::verdict::retry_after(answer, now) }
        }
        "21610" => Outcome::Rejected { code: named, scope: RejectScope::OptedOut },
        "21211" | "21614" | "30005" | "30006" | "30007" => {
            Outcome::Rejected { code: named, scope: RejectScope::Recipient }
        }
        _ => return None,
    })
}

impl Provider for Twilio {
    fn link_mode(&self) -> LinkMode {
        self.settings.link_mode
    }

    fn credentials(&self) -> usize {
        self.settings.account.token.all().len()
    }

    fn request(&self, handover: &Handover<'_>, credential: usize, _now: DateTime<Utc>) -> Result<Request, Outcome> {
        let (Address::Phone(phone), Message::Sms(SmsText(text))) = (handover.to, handover.message) else {
            return Err(net::not_sent("wrong-channel"));
        };
        self.compose(handover, credential, phone.as_e164(), text).ok_or_else(|| net::not_sent("bad-request"))
    }

    /// Accepted is a 201 with the message's number: there is a message, and what becomes of it comes as a receipt. An
    /// error is `code` in a refusal.
    fn verdict(&self, answer: &ProviderResponse, now: DateTime<Utc>) -> ReadResponse {
        let json = answer.json().unwrap_or(&Value::Null);
        if let (201, Some(sid)) = (answer.status, field(json, "sid")) {
            return Outcome::Accepted { provider_id: identifier(&sid) }.into();
        }
        let Some(code) = field(json, "code") else { return undocumented(answer, None, now) };
        match documented(&code, answer, now) {
            Some(outcome) => outcome.into(),
            None => undocumented(answer, provider_code(&format!("twilio-{code}")), now),
        }
    }

    fn can_be_asked(&self) -> bool {
        self.settings.link_mode == LinkMode::Personal
    }

    fn inquiries(&self, inquiry: &Inquiry<'_>, credential: usize, _now: DateTime<Utc>) -> Vec<Request> {
        let Some(mut url) = self.messages() else { return Vec::new() };
        let day = (inquiry.handed_over_by - TimeDelta::hours(1)).format("%Y-%m-%d").to_string();
        let query = [("To", inquiry.to.reveal()), ("DateSent>", &day), ("PageSize", "100")];
        url.query_pairs_mut().extend_pairs(query);
        self.call(Method::GET, url, credential).into_iter().collect()
    }

    /// A message that is not listed may be listed later, so its absence proves nothing.
    fn found(&self, inquiry: &Inquiry<'_>, answer: &ProviderResponse, _now: DateTime<Utc>) -> LookUp {
        let json = answer.json().unwrap_or(&Value::Null);
        let is_it = |message: &&Value| {
            inquiry.provider_id.is_some_and(|sid| field(message, "sid").as_deref() == Some(sid))
                || field(message, "body").is_some_and(|body| inquiry.traces.iter().any(|trace| body.contains(trace)))
        };
        let listed = json.get("messages").and_then(Value::as_array);
        let Some(message) = listed.and_then(|messages| messages.iter().find(is_it)) else { return LookUp::Unclear };
        LookUp::Accepted {
            provider_id: field(message, "sid").and_then(|sid| identifier(&sid)),
            fate: fate(field(message, "status").as_deref(), field(message, "error_code")),
        }
    }

    fn callbacks(&self) -> Option<&dyn Callbacks> {
        Some(self)
    }
}

/// `None` for a message that is still on its way.
fn fate(status: Option<&str>, code: Option<String>) -> Option<ReportedState> {
    match status? {
        "delivered" | "read" => Some(ReportedState::Delivered),
        "undelivered" | "failed" | "canceled" => {
            let for_good = matches!(code.as_deref(), Some("21211" | "21614" | "30005" | "30006"));
            let code = code.and_then(|code| provider_code(&format!("twilio-{code}")));
            Some(ReportedState::Undelivered { code, for_good })
        }
        _ => None,
    }
}

impl Callbacks for Twilio {
    fn read(&self, callback: &Callback<'_>) -> Result<Vec<Report>, CallbackError> {
        let is_form =
            callback.headers.get(CONTENT_TYPE).is_none_or(|value| value.as_bytes().starts_with(FORM.as_bytes()));
        let form: Vec<(String, String)> = match is_form {
            true => form_urlencoded::parse(callback.body).into_owned().collect(),
            false => Vec::new(),
        };
        if !self.is_genuine(callback, &form) {
            return Err(CallbackError::Unsigned);
        }
        let get = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let sid = get("MessageSid").or_else(|| get("SmsSid")).and_then(identifier);
        if let Some(status) = get("MessageStatus").filter(|status| *status != "received") {
            let reference = form_urlencoded::parse(callback.query.as_bytes()).find(|(name, _)| name == "reference");
            let reference = reference.and_then(|(_, reference)| identifier(&reference)).map(ReportSubject::Reference);
            let about = reference.or_else(|| sid.map(ReportSubject::ProviderId)).ok_or(CallbackError::Unreadable)?;
            let code = get("ErrorCode").filter(|code| !code.is_empty()).map(str::to_owned);
            let fate = fate(Some(status), code);
            return Ok(fate.map(|fate| Report::Fate { about, fate, at: None }).into_iter().collect());
        }
        let (Some(from), Some(text)) = (get("From"), get("Body")) else { return Err(CallbackError::Unreadable) };
        Ok(vec![Report::Reply(Reply {
            from: sender(from),
            country: None,
            about: None,
            text: clipped(text),
            at: None,
            provider_id: sid,
        })])
    }

    fn answer(&self) -> CallbackReply {
        // No message in reply.
        CallbackReply { content_type: "text/xml", body: "<Response/>" }
    }

    fn is_proof(&self) -> bool {
        true
    }

    fn confirms_opt_outs(&self) -> bool {
        self.settings.confirms_opt_outs
    }
}
