//! Aliyun SMS (dysmsapi, version 2017-05-25): `SendSms` and `QuerySendDetails` under the V3 signature, receipts and
//! replies as arrays of JSON.
//!
//! Not idempotent. A template's code and values go out, no text; the reference goes along as `OutId` and comes back in
//! receipts and look-ups. Callbacks carry no signature: they are hints until the look-up has confirmed them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use chrono_tz::Asia::Shanghai;
use reqwest::Request;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::client::{ProviderResponse, authority};
use super::connection::{Endpoint, gateway_settings};
use super::read::{chinese_time, clipped, field, identifier, reports, sender};
use super::registered::{NamedParameters, TemplateSettings, impersonal, no_link, registered};
use super::signing::{canonical_headers, canonical_query, hex, hmac_sha256, sha256_hex};
use super::verdict::{ReadResponse, provider_code, undocumented, until_midnight, until_next_month};
use super::{Provider, SmsGateway, VendorAccount};
use crate::clock::Clock;
use crate::domain::{
    Address, Code, GatewayName, LinkMode, MerchantId, Message, Outcome, Phone, RejectScope, Reply, Report,
    ReportSubject, ReportedState, TemplateName,
};
use crate::gateway::callback::{Callback, CallbackAddress, CallbackError, CallbackReply, Callbacks};
use crate::gateway::{GatewayError, Handover, Inquiry, LookUp, OneOrMore, net};
use crate::render::RegisteredTemplates;

const VERSION: &str = "2017-05-25";

/// How far back before the end of a hand-over it may have begun; see [`Inquiry::handed_over_by`].
const HAND_OVER: TimeDelta = TimeDelta::hours(1);

/// Aliyun credentials: a RAM user that may call `dysms:SendSms` and `dysms:QuerySendDetails`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AliyunAccount {
    /// The AccessKey's id.
    pub access_key_id: String,
    /// Its secret.
    pub access_key_secret: SecretString,
}

gateway_settings! {
    /// A `[gateways.*]` section of kind `aliyun`.
    pub struct AliyunSettings {
        /// Where it is reached.
        #[serde(default = "endpoint")]
        pub url: Endpoint,
        /// The account; while the AccessKey is being changed, once with the new one and once with the old one.
        pub account: OneOrMore<AliyunAccount>,
        /// The approved templates, by the names of ours.
        pub templates: BTreeMap<TemplateName, TemplateSettings<NamedParameters>>,
        /// The registered signatures of merchants that are not what their messages begin with elsewhere.
        #[serde(default)]
        pub sign_names: BTreeMap<MerchantId, String>,
        /// The most characters of a parameter (`isv.PARAM_LENGTH_LIMIT`). 35 is Aliyun's figure for most kinds of
        /// variables, not confirmed for all of them.
        #[serde(default = "max_parameter")]
        pub max_parameter: usize,
        /// The kind of link that it lets through; never a personal one (`isv.PARAM_NOT_SUPPORT_URL`).
        #[serde(default = "no_link", deserialize_with = "impersonal")]
        pub link_mode: LinkMode,
    }
}

impl AliyunSettings {
    /// The approved templates.
    #[must_use]
    pub fn registered(&self) -> RegisteredTemplates {
        registered(&self.templates, &self.sign_names, self.max_parameter)
    }
}

fn endpoint() -> Endpoint {
    Endpoint::known("https://dysmsapi.aliyuncs.com/")
}

fn max_parameter() -> usize {
    35
}

#[derive(Debug)]
struct Aliyun {
    settings: AliyunSettings,
    registered: RegisteredTemplates,
}

impl VendorAccount for AliyunSettings {
    fn timeout(&self) -> Duration {
        self.timeout
    }

    fn registered(&self) -> Option<RegisteredTemplates> {
        Some(AliyunSettings::registered(self))
    }

    fn gateway(
        &self,
        name: GatewayName,
        _callback: Option<CallbackAddress>,
        clock: Arc<dyn Clock>,
    ) -> Result<SmsGateway, GatewayError> {
        SmsGateway::aliyun(name, self.clone(), clock)
    }
}

impl SmsGateway {
    /// An account at Aliyun. Connects to nothing.
    ///
    /// # Errors
    /// [`GatewayError::Settings`] when the settings contradict each other or there is no certificate to trust.
    pub fn aliyun(name: GatewayName, settings: AliyunSettings, clock: Arc<dyn Clock>) -> Result<Self, GatewayError> {
        let (connection, registered) = (settings.connection(), settings.registered());
        Self::over(name, Box::new(Aliyun { settings, registered }), connection, clock)
    }
}

/// The header `Authorization` of the V3 signature. All of `headers` are signed; the documented minimum is `host` and
/// `x-acs-*`.
#[must_use]
pub fn authorization(
    account: &AliyunAccount,
    (method, path): (&str, &str),
    query: &[(String, String)],
    headers: &[(String, String)],
    body_sha256: &str,
) -> String {
    let (lines, names) = canonical_headers(headers);
    let canonical = format!("{method}\n{path}\n{}\n{lines}\n{names}\n{body_sha256}", canonical_query(query));
    let to_sign = format!("ACS3-HMAC-SHA256\n{}", sha256_hex(canonical.as_bytes()));
    let signature = hex(&hmac_sha256(account.access_key_secret.expose_secret().as_bytes(), to_sign.as_bytes()));
    format!("ACS3-HMAC-SHA256 Credential={},SignedHeaders={names},Signature={signature}", account.access_key_id)
}

impl Aliyun {
    /// A signed call. `subject` tells two calls of one instant apart: the nonce is made of both, so that no chance is
    /// needed.
    fn call(
        &self,
        (action, subject): (&str, &str),
        query: &[(String, String)],
        credential: usize,
        now: DateTime<Utc>,
    ) -> Option<Request> {
        let mut url = self.settings.url.url().clone();
        let nonce = sha256_hex(format!("{action}/{subject}/{}", now.to_rfc3339()).as_bytes());
        let body_sha256 = sha256_hex(b"");
        let headers = [
            ("host", authority(&url)?),
            ("x-acs-action", action.to_owned()),
            ("x-acs-version", VERSION.to_owned()),
            ("x-acs-date", now.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            ("x-acs-signature-nonce", nonce[..32].to_owned()),
            ("x-acs-content-sha256", body_sha256.clone()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        let authorization =
            authorization(self.settings.account.at(credential), ("POST", url.path()), query, &headers, &body_sha256);
        url.set_query(Some(&canonical_query(query)));
        let mut request = Request::new(reqwest::Method::POST, url);
        // `host` is the client's to write.
        for (name, value) in headers.iter().skip(1) {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            request.headers_mut().insert(name, HeaderValue::from_str(value).ok()?);
        }
        let mut authorization = HeaderValue::from_str(&authorization).ok()?;
        authorization.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, authorization);
        Some(request)
    }
}

/// As Aliyun writes phones: eleven digits at home, digits with the country's code abroad.
fn number(phone: &Phone) -> &str {
    let digits = phone.as_e164();
    digits.strip_prefix("+86").or_else(|| digits.strip_prefix('+')).unwrap_or(digits)
}

fn pairs<const N: usize>(pairs: [(&str, String); N]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// Whether a code refuses the AccessKey, before Aliyun checks the request (Alibaba Cloud's common codes).
fn is_of_credential(code: &str) -> bool {
    code.starts_with("InvalidAccessKeyId") || matches!(code, "SignatureDoesNotMatch" | "Forbidden.AccessKeyDisabled")
}

/// The outcome of a documented code (gateways.md, and Alibaba Cloud's common codes); `None` for any other.
fn documented(code: &str, message: &str, now: DateTime<Utc>) -> Option<Outcome> {
    let later = |after| Some(Outcome::RetryAfter { code: Code::new(code), after });
    let refused = |scope| Some(Outcome::Rejected { code: Code::new(code), scope });
    match code {
        "isv.BUSINESS_LIMIT_CONTROL" => later(Some(match message {
            message if message.contains("分钟") => TimeDelta::minutes(1),
            message if message.contains("小时") => TimeDelta::hours(1),
            // By day, or not said: the longest is safe.
            _ => until_midnight(now),
        })),
        "isv.DAY_LIMIT_CONTROL" => later(Some(until_midnight(now))),
        "isv.MONTH_LIMIT_CONTROL" => later(Some(until_next_month(now))),
        "isp.SYSTEM_ERROR" => later(None),
        _ if code.starts_with("Throttling") => later(None),
        // The last two are about a value of this message, a name for example.
        "isv.MOBILE_NUMBER_ILLEGAL" | "isv.PARAM_LENGTH_LIMIT" | "isv.BLACK_KEY_CONTROL_LIMIT" => {
            refused(RejectScope::Recipient)
        }
        "isv.SMS_TEMPLATE_ILLEGAL"
        | "isv.SMS_SIGNATURE_ILLEGAL"
        | "isv.TEMPLATE_MISSING_PARAMETERS"
        | "isv.PARAM_NOT_SUPPORT_URL"
        | "isv.OUT_OF_SERVICE"
        | "isv.AMOUNT_NOT_ENOUGH" => refused(RejectScope::Gateway),
        _ if is_of_credential(code) => refused(RejectScope::Gateway),
        _ => None,
    }
}

impl Provider for Aliyun {
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
        field(answer.json().unwrap_or(&Value::Null), "Code").is_some_and(|code| is_of_credential(&code))
    }

    fn request(&self, handover: &Handover<'_>, credential: usize, now: DateTime<Utc>) -> Result<Request, Outcome> {
        let (Address::Phone(phone), Message::Registered(sms)) = (handover.to, handover.message) else {
            return Err(net::not_sent("wrong-channel"));
        };
        let values: Map<_, _> =
            sms.parameters.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let query = pairs([
            ("PhoneNumbers", number(phone).to_owned()),
            ("SignName", sms.sign_name.clone()),
            ("TemplateCode", sms.code.clone()),
            ("TemplateParam", Value::Object(values).to_string()),
            ("OutId", handover.reference.to_owned()),
        ]);
        let subject = format!("{}/{}", handover.reference, handover.attempt);
        self.call(("SendSms", &subject), &query, credential, now).ok_or_else(|| net::not_sent("bad-request"))
    }

    fn verdict(&self, answer: &ProviderResponse, now: DateTime<Utc>) -> ReadResponse {
        let json = answer.json().unwrap_or(&Value::Null);
        let Some(code) = field(json, "Code") else { return undocumented(answer, None, now) };
        if code == "OK" && (200..300).contains(&answer.status) {
            let provider_id = field(json, "BizId").and_then(|id| identifier(&id));
            return Outcome::Accepted { provider_id }.into();
        }
        match documented(&code, &field(json, "Message").unwrap_or_default(), now) {
            Some(outcome) => outcome.into(),
            None => undocumented(answer, provider_code(&code), now),
        }
    }

    fn can_be_asked(&self) -> bool {
        true
    }

    /// One day is asked about at a time, by the calendar of China.
    fn inquiries(&self, inquiry: &Inquiry<'_>, credential: usize, now: DateTime<Utc>) -> Vec<Request> {
        let Address::Phone(phone) = inquiry.to else { return Vec::new() };
        let day = |at: DateTime<Utc>| at.with_timezone(&Shanghai).date_naive();
        let (first, last) = (day(inquiry.handed_over_by - HAND_OVER), day(inquiry.handed_over_by));
        let days = if first == last { vec![last] } else { vec![last, first] };
        let ask = |day: chrono::NaiveDate| {
            let mut query = pairs([
                ("PhoneNumber", number(phone).to_owned()),
                ("SendDate", day.format("%Y%m%d").to_string()),
                ("PageSize", "50".to_owned()),
                ("CurrentPage", "1".to_owned()),
            ]);
            query.extend(inquiry.provider_id.map(|id| ("BizId".to_owned(), id.to_owned())));
            let subject = format!("{}/{}", inquiry.reference, day.num_days_from_ce());
            self.call(("QuerySendDetails", &subject), &query, credential, now)
        };
        days.into_iter().filter_map(ask).collect()
    }

    /// A message that is not found may be listed later, so its absence proves nothing.
    fn found(&self, inquiry: &Inquiry<'_>, answer: &ProviderResponse, _now: DateTime<Utc>) -> LookUp {
        let json = answer.json().unwrap_or(&Value::Null);
        let details = json.pointer("/SmsSendDetailDTOs/SmsSendDetailDTO").and_then(Value::as_array);
        let is_it = |detail: &&Value| field(detail, "OutId").as_deref() == Some(inquiry.reference);
        let Some(detail) = details.and_then(|details| details.iter().find(is_it)) else { return LookUp::Unclear };
        let fate = match field(detail, "SendStatus").as_deref() {
            Some("1") => None,
            Some("2") => Some(undelivered(field(detail, "ErrCode"))),
            Some("3") => Some(ReportedState::Delivered),
            _ => return LookUp::Unclear,
        };
        LookUp::Accepted { provider_id: inquiry.provider_id.map(str::to_owned), fate }
    }

    fn callbacks(&self) -> Option<&dyn Callbacks> {
        Some(self)
    }
}

fn undelivered(code: Option<String>) -> ReportedState {
    let for_good = code.as_deref() == Some("isv.MOBILE_NUMBER_ILLEGAL");
    ReportedState::Undelivered { code: code.and_then(|code| provider_code(&code)), for_good }
}

impl Callbacks for Aliyun {
    fn read(&self, callback: &Callback<'_>) -> Result<Vec<Report>, CallbackError> {
        reports(callback.body, |element| receipt(element).or_else(|| reply(element)))
    }

    fn answer(&self) -> CallbackReply {
        CallbackReply { content_type: "application/json; charset=utf-8", body: r#"{"code":0,"msg":"接收成功"}"# }
    }

    fn is_proof(&self) -> bool {
        false
    }
}

fn receipt(element: &Value) -> Option<Report> {
    let fate = match field(element, "success")?.as_str() {
        "true" => ReportedState::Delivered,
        "false" => undelivered(field(element, "err_code")),
        _ => return None,
    };
    let reference = field(element, "out_id").and_then(|id| identifier(&id)).map(ReportSubject::Reference);
    let number = || field(element, "biz_id").and_then(|id| identifier(&id)).map(ReportSubject::ProviderId);
    let at = field(element, "report_time").and_then(|time| chinese_time(&time));
    Some(Report::Fate { about: reference.or_else(number)?, fate, at })
}

fn reply(element: &Value) -> Option<Report> {
    Some(Report::Reply(Reply {
        from: sender(&field(element, "phone_number")?),
        country: Some("CN".to_owned()),
        about: None,
        text: clipped(&field(element, "content")?),
        at: field(element, "send_time").and_then(|time| chinese_time(&time)),
        provider_id: field(element, "sequence_id").and_then(|id| identifier(&id)),
    }))
}

#[cfg(test)]
mod tests {
    use super::authorization;
    use crate::gateway::sms::signing::sha256_hex;

    /// The header set of the documented minimum, as vectors made by the provider's SDK have it.
    #[test]
    fn the_documented_minimum_of_headers_is_signed() {
        let account = toml::from_str("access_key_id = 'fake-id'\naccess_key_secret = 'fake-key'").unwrap();
        let owned = |pairs: &[(&str, &str)]| -> Vec<_> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let query = owned(&[
            ("PhoneNumbers", "13800138000"),
            ("SignName", "示例金融"),
            ("TemplateCode", "SMS_154950909"),
            ("TemplateParam", r#"{"name":"张三"}"#),
            ("OutId", "msg-01J"),
        ]);
        let body_sha256 = sha256_hex(b"");
        let headers = owned(&[
            ("host", "dysmsapi.aliyuncs.com"),
            ("x-acs-action", "SendSms"),
            ("x-acs-version", "2017-05-25"),
            ("x-acs-date", "2026-11-22T00:00:00Z"),
            ("x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d"),
            ("x-acs-content-sha256", &body_sha256),
        ]);
        let signed = authorization(&account, ("POST", "/"), &query, &headers, &body_sha256);
        assert!(
            signed.ends_with("Signature=4cc86c6e94a579620aab718d485ec37634c4137bbe03338f213b1092bdda1d5c"),
            "{signed}"
        );
    }
}
