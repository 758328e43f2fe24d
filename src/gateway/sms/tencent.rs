//! Tencent Cloud SMS (version 2021-01-11): `SendSms` and `PullSmsSendStatusByPhoneNumber` under the TC3 signature,
//! receipts as an array of JSON, replies as an object.
//!
//! Not idempotent, and HTTP 200 proves nothing: the code of the one number counts. A template's code and values go out,
//! no text; the reference goes along as `SessionContext` and comes back in look-ups, while receipts know the message by
//! the `SerialNo` that the hand-over was answered with. Callbacks carry no signature (not confirmed otherwise): they
//! are hints until the look-up has confirmed them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{ProviderResponse, authority};
use super::connection::{Endpoint, gateway_settings};
use super::read::{chinese_time, clipped, field, identifier, reports, sender};
use super::registered::{OrderedParameters, TemplateSettings, impersonal, no_link, registered};
use super::signing::{hex, hmac_sha256, sha256_hex};
use super::verdict::{ReadResponse, provider_code, undocumented, until_midnight};
use super::{Provider, SmsGateway, VendorAccount};
use crate::clock::Clock;
use crate::domain::{
    Address, Code, GatewayName, LinkMode, MerchantId, Message, Outcome, RejectScope, Reply, Report, ReportSubject,
    ReportedState, TemplateName,
};
use crate::gateway::callback::{Callback, CallbackAddress, CallbackError, CallbackReply, Callbacks};
use crate::gateway::decode::decode;
use crate::gateway::{GatewayError, Handover, Inquiry, LookUp, OneOrMore, net};
use crate::render::RegisteredTemplates;

const VERSION: &str = "2021-01-11";

/// Signed as it is sent.
const JSON: &str = "application/json";

/// Tencent Cloud credentials.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TencentAccount {
    /// The API key's id.
    pub secret_id: String,
    /// The API key.
    pub secret_key: SecretString,
    /// The SMS application, such as `1400006666`.
    pub sdk_app_id: String,
    /// Where the account is.
    #[serde(default = "region")]
    pub region: String,
}

fn region() -> String {
    "ap-guangzhou".to_owned()
}

gateway_settings! {
    /// A `[gateways.*]` section of kind `tencent`.
    pub struct TencentSettings {
        /// Where it is reached.
        #[serde(default = "endpoint")]
        pub url: Endpoint,
        /// The account; while the API key is being changed, once with the new one and once with the old one.
        pub account: OneOrMore<TencentAccount>,
        /// The approved templates, by the names of ours.
        pub templates: BTreeMap<TemplateName, TemplateSettings<OrderedParameters>>,
        /// The registered signatures of merchants that are not what their messages begin with elsewhere.
        #[serde(default)]
        pub sign_names: BTreeMap<MerchantId, String>,
        /// The most characters of a parameter. 12 is the figure in Tencent's rules for templates in China, not
        /// confirmed for every kind of account.
        #[serde(default = "max_parameter")]
        pub max_parameter: usize,
        /// The kind of link that it lets through; never a personal one (`ProhibitedUseUrlInTemplateParameter`).
        #[serde(default = "no_link", deserialize_with = "impersonal")]
        pub link_mode: LinkMode,
    }
}

impl TencentSettings {
    /// The approved templates.
    #[must_use]
    pub fn registered(&self) -> RegisteredTemplates {
        registered(&self.templates, &self.sign_names, self.max_parameter)
    }
}

fn endpoint() -> Endpoint {
    Endpoint::known("https://sms.tencentcloudapi.com/")
}

fn max_parameter() -> usize {
    12
}

#[derive(Debug)]
struct Tencent {
    settings: TencentSettings,
    registered: RegisteredTemplates,
}

impl VendorAccount for TencentSettings {
    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn registered(&self) -> Option<RegisteredTemplates> {
        Some(TencentSettings::registered(self))
    }

    fn gateway(
        &self,
        name: GatewayName,
        _callback: Option<CallbackAddress>,
        clock: Arc<dyn Clock>,
    ) -> Result<SmsGateway, GatewayError> {
        SmsGateway::tencent(name, self.clone(), clock)
    }
}

impl SmsGateway {
    /// An account at Tencent Cloud. Connects to nothing.
    ///
    /// # Errors
    /// [`GatewayError::Settings`] when the settings contradict each other or there is no certificate to trust.
    pub fn tencent(name: GatewayName, settings: TencentSettings, clock: Arc<dyn Clock>) -> Result<Self, GatewayError> {
        let (connection, registered) = (settings.connection(), settings.registered());
        Self::over(name, Box::new(Tencent { settings, registered }), connection, clock)
    }
}

/// The parts of a request that the TC3 signature covers.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `POST` or `GET`.
    pub method: &'a str,
    /// The path, `/`.
    pub path: &'a str,
    /// The query as it is sent.
    pub query: &'a str,
    /// The header `Content-Type`.
    pub content_type: &'a str,
    /// The header `Host`.
    pub host: &'a str,
    /// The body, byte for byte.
    pub body: &'a [u8],
    /// Seconds since 1970; the same as in the header `X-TC-Timestamp`.
    pub timestamp: i64,
}

/// The header `Authorization` of the TC3 signature, over `content-type` and `host`.
#[must_use]
pub fn authorization(secret_id: &str, secret_key: &SecretString, signed: &SignedRequest<'_>) -> String {
    let SignedRequest { method, path, query, content_type, host, body, timestamp } = signed;
    let day = DateTime::from_timestamp(*timestamp, 0).unwrap_or_default().format("%Y-%m-%d").to_string();
    let body = sha256_hex(body);
    let headers = format!("content-type:{content_type}\nhost:{host}\n");
    let canonical = format!("{method}\n{path}\n{query}\n{headers}\ncontent-type;host\n{body}");
    let scope = format!("{day}/sms/tc3_request");
    let to_sign = format!("TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{}", sha256_hex(canonical.as_bytes()));
    let day_key = hmac_sha256(format!("TC3{}", secret_key.expose_secret()).as_bytes(), day.as_bytes());
    let key = hmac_sha256(&hmac_sha256(&day_key, b"sms"), b"tc3_request");
    let signature = hex(&hmac_sha256(&key, to_sign.as_bytes()));
    format!("TC3-HMAC-SHA256 Credential={secret_id}/{scope}, SignedHeaders=content-type;host, Signature={signature}")
}

impl Tencent {
    fn call(&self, action: &'static str, body: &Value, credential: usize, now: DateTime<Utc>) -> Option<Request> {
        let account = self.settings.account.at(credential);
        let url = self.settings.url.url().clone();
        let (host, body, timestamp) = (authority(&url)?, body.to_string(), now.timestamp());
        let signed = SignedRequest {
            method: "POST",
            path: url.path(),
            query: "",
            content_type: JSON,
            host: &host,
            body: body.as_bytes(),
            timestamp,
        };
        let authorization = authorization(&account.secret_id, &account.secret_key, &signed);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert("x-tc-action", HeaderValue::from_static(action));
        headers.insert("x-tc-version", HeaderValue::from_static(VERSION));
        headers.insert("x-tc-region", HeaderValue::from_str(&account.region).ok()?);
        headers.insert("x-tc-timestamp", HeaderValue::from(timestamp));
        let mut authorization = HeaderValue::from_str(&authorization).ok()?;
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
        let mut request = Request::new(reqwest::Method::POST, url);
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        Some(request)
    }
}

/// The outcome of a documented code (gateways.md, and Tencent Cloud's common codes); `None` for any other.
fn documented(code: &str, now: DateTime<Utc>) -> Option<Outcome> {
    let later = |after| Some(Outcome::RetryAfter { code: Code::new(code), after });
    let refused = |scope| Some(Outcome::Rejected { code: Code::new(code), scope });
    match code {
        "LimitExceeded.PhoneNumberThirtySecondLimit" => later(Some(TimeDelta::seconds(30))),
        "LimitExceeded.PhoneNumberOneHourLimit" => later(Some(TimeDelta::hours(1))),
        "LimitExceeded.PhoneNumberDailyLimit"
        | "LimitExceeded.PhoneNumberSameContentDailyLimit"
        | "LimitExceeded.AppDailyLimit" => later(Some(until_midnight(now))),
        _ if code.starts_with("LimitExceeded") || code.starts_with("RequestLimitExceeded") => later(None),
        "FailedOperation.PhoneNumberInBlacklist" => refused(RejectScope::OptedOut),
        "InvalidParameterValue.IncorrectPhoneNumber" => refused(RejectScope::Recipient),
        "FailedOperation.TemplateIncorrectOrUnapproved"
        | "FailedOperation.SignatureIncorrectOrUnapproved"
        | "FailedOperation.InsufficientBalanceInSmsPackage"
        | "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter" => refused(RejectScope::Gateway),
        // Tencent refused our credentials, so it did nothing.
        _ if code.starts_with("AuthFailure") || code.starts_with("UnauthorizedOperation") => {
            refused(RejectScope::Gateway)
        }
        "InternalError.Timeout" | "InternalError.SendAndRecvFail" => Some(Outcome::Unknown { code: Code::new(code) }),
        _ => None,
    }
}

impl Provider for Tencent {
    fn link_mode(&self) -> LinkMode {
        self.settings.link_mode
    }

    fn registered(&self) -> Option<&RegisteredTemplates> {
        Some(&self.registered)
    }

    fn credentials(&self) -> usize {
        self.settings.account.all().len()
    }

    fn refuses_credential(&self, answer: &ProviderResponse) -> bool {
        let error = answer.json().and_then(|json| json.pointer("/Response/Error"));
        error.and_then(|error| field(error, "Code")).is_some_and(|code| code.starts_with("AuthFailure"))
    }

    fn request(&self, handover: &Handover<'_>, credential: usize, now: DateTime<Utc>) -> Result<Request, Outcome> {
        let (Address::Phone(phone), Message::Registered(sms)) = (handover.to, handover.message) else {
            return Err(net::not_sent("wrong-channel"));
        };
        let values: Vec<_> = sms.parameters.iter().map(|(_, value)| value.as_str()).collect();
        let body = json!({
            "PhoneNumberSet": [phone.as_e164()],
            "SmsSdkAppId": self.settings.account.at(credential).sdk_app_id,
            "SignName": sms.sign_name,
            "TemplateId": sms.code,
            "TemplateParamSet": values,
            "SessionContext": handover.reference,
        });
        self.call("SendSms", &body, credential, now).ok_or_else(|| net::not_sent("bad-request"))
    }

    fn verdict(&self, answer: &ProviderResponse, now: DateTime<Utc>) -> ReadResponse {
        let json = answer.json().unwrap_or(&Value::Null);
        let sent = json.pointer("/Response/SendStatusSet").and_then(Value::as_array).map(Vec::as_slice);
        let told = match (json.pointer("/Response/Error"), sent) {
            (Some(error), _) => error,
            (None, Some([one])) => one,
            // Not the one number that was handed over.
            (None, _) => return undocumented(answer, None, now),
        };
        let Some(code) = field(told, "Code") else { return undocumented(answer, None, now) };
        if let Some(provider_id) = field(told, "SerialNo").filter(|_| code == "Ok" && answer.status == 200) {
            return Outcome::Accepted { provider_id: identifier(&provider_id) }.into();
        }
        match documented(&code, now) {
            Some(outcome) => outcome.into(),
            None => undocumented(answer, provider_code(&code), now),
        }
    }

    fn can_be_asked(&self) -> bool {
        true
    }

    fn inquiries(&self, inquiry: &Inquiry<'_>, credential: usize, now: DateTime<Utc>) -> Vec<Request> {
        let Address::Phone(phone) = inquiry.to else { return Vec::new() };
        let body = json!({
            "SendDateTime": (inquiry.handed_over_by - TimeDelta::hours(1)).timestamp(),
            "EndDateTime": now.timestamp(),
            "Offset": 0,
            "Limit": 100,
            "PhoneNumber": phone.as_e164(),
            "SmsSdkAppId": self.settings.account.at(credential).sdk_app_id,
        });
        self.call("PullSmsSendStatusByPhoneNumber", &body, credential, now).into_iter().collect()
    }

    /// A message is listed when the carrier has reported about it, not before: what is not found is no proof.
    fn found(&self, inquiry: &Inquiry<'_>, answer: &ProviderResponse, _now: DateTime<Utc>) -> LookUp {
        let json = answer.json().unwrap_or(&Value::Null);
        let listed = json.pointer("/Response/PullSmsSendStatusSet").and_then(Value::as_array);
        let is_it = |one: &&Value| {
            field(one, "SessionContext").as_deref() == Some(inquiry.reference)
                || inquiry.provider_id.is_some_and(|id| field(one, "SerialNo").as_deref() == Some(id))
        };
        let Some(one) = listed.and_then(|listed| listed.iter().find(is_it)) else { return LookUp::Unclear };
        let fate = fate(field(one, "ReportStatus"), field(one, "Description"));
        LookUp::Accepted { provider_id: field(one, "SerialNo").and_then(|id| identifier(&id)), fate }
    }

    fn callbacks(&self) -> Option<&dyn Callbacks> {
        Some(self)
    }
}

fn fate(status: Option<String>, reason: Option<String>) -> Option<ReportedState> {
    match status.as_deref()? {
        "SUCCESS" => Some(ReportedState::Delivered),
        "FAIL" => {
            Some(ReportedState::Undelivered { code: reason.and_then(|code| provider_code(&code)), for_good: false })
        }
        _ => None,
    }
}

impl Callbacks for Tencent {
    fn read(&self, callback: &Callback<'_>) -> Result<Vec<Report>, CallbackError> {
        if let Ok(object @ Value::Object(_)) = serde_json::from_str(&decode(callback.body)) {
            return reply(&object).map(|reply| vec![reply]).ok_or(CallbackError::Unreadable);
        }
        reports(callback.body, |element| receipt(element).or_else(|| reply(element)))
    }

    fn answer(&self) -> CallbackReply {
        CallbackReply { content_type: "application/json; charset=utf-8", body: r#"{"result":0,"errmsg":"OK"}"# }
    }

    fn is_proof(&self) -> bool {
        false
    }
}

fn receipt(element: &Value) -> Option<Report> {
    let about = ReportSubject::ProviderId(identifier(&field(element, "sid")?)?);
    let fate = fate(field(element, "report_status"), field(element, "errmsg"))?;
    let at = field(element, "user_receive_time").and_then(|time| chinese_time(&time));
    Some(Report::Fate { about, fate, at })
}

fn reply(element: &Value) -> Option<Report> {
    let country = field(element, "nationcode").unwrap_or_else(|| "86".to_owned());
    let at = field(element, "time").and_then(|time| DateTime::from_timestamp(time.parse().ok()?, 0));
    let mobile = sender(&field(element, "mobile")?);
    let is_whole = mobile.starts_with('+') || mobile.starts_with("00");
    let from = if is_whole { mobile } else { format!("+{country}{mobile}") };
    Some(Report::Reply(Reply {
        from,
        country: None,
        about: None,
        text: clipped(&field(element, "text")?),
        at,
        provider_id: None,
    }))
}
