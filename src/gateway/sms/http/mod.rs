//! SMS by any gateway with an HTTP interface: the config says what a request looks like and what its answers mean.
//!
//! Values of `query`, `headers` and `body` are minijinja templates over `to` (`+8613800138000`), `to_digits` (without
//! `+`), `text`, `reference` (the same for every attempt), `attempt`, `sender` (the merchant's sender ID or signature),
//! `callback` (the address of this gateway's callbacks with `?reference=…` behind it), `dlt_entity_id` and
//! `dlt_template_id` (where the gateway has `dlt`), and `secrets.NAME`. They are
//! encoded for the part of the request that they belong to.
//!
//! `secrets = { password = ["NEW", "OLD"] }` holds both passwords while one is changed. A request names it as
//! `{{ secrets.password }}`; where the answer is 401 or 403, and no rule takes it for anything but a refusal of the
//! gateway's, the same request leaves with the next one.
//!
//! What an answer means is looked up in `accept`, `reject`, `retry`, in this order; the first rule that holds decides.
//! Where none does, HTTP decides; see [`super`].
//!
//! Kannel's `sendsms`:
//!
//! ```toml
//! [gateways.kannel]
//! kind = "http"
//! url = "http://127.0.0.1:13013/cgi-bin/sendsms"
//! method = "GET"
//! accept = { status = 202, body = "^[03]:" }
//!
//! [gateways.kannel.query]
//! username = "tester"
//! password = { env = "KANNEL_PASSWORD" }
//! to = "{{ to }}"
//! text = "{{ text }}"
//! charset = "UTF-8"
//! coding = "2"
//! dlr-mask = "31"
//! dlr-url = "{{ callback }}&type=%d"
//!
//! [gateways.kannel.receipts]
//! status = { query = "type" }
//! delivered = [1]
//! undelivered = [2, 16]
//!
//! [gateways.kannel.replies]
//! from = { query = "from" }
//! text = "body"
//! provider_id = { query = "id" }
//! ```
//!
//! Without `charset` and `coding` Kannel accepts Chinese text and delivers question marks. Replies come if its
//! `sms-service` has `post-url = "https://pay.mall.example/callbacks/kannel/SECRET?from=%p&id=%I"`.
//!
//! A JSON interface:
//!
//! ```toml
//! [gateways.house]
//! kind = "http"
//! url = "https://sms.mall.example/v1/messages"
//! method = "POST"
//! headers = { Authorization = { env = "SMS_AUTHORIZATION" }, Idempotency-Key = "{{ reference }}" }
//! body = { json = { to = "{{ to }}", text = "【{{ sender }}】{{ text }}", priority = 1 } }
//! accept = { status = "200-299", json = { pointer = "/code", equals = 0 } }
//! reject = [
//!     { json = { pointer = "/code", equals = 21 }, scope = "recipient" },
//!     { json = { pointer = "/code", equals = 40 }, scope = "gateway" },
//! ]
//! retry = [{ json = { pointer = "/code", equals = 9 }, after = "1m" }]
//! message_id = { pointer = "/data/id" }
//! confirms_opt_outs = true               # the provider itself answers STOP
//!
//! [gateways.house.look_up]                # on the same server
//! url = "https://sms.mall.example/v1/status"
//! query = { ref = "{{ reference }}" }
//! accepted = { json = { pointer = "/state", equals = "sent" } }
//! delivered = { json = { pointer = "/state", equals = "arrived" } }
//! undelivered = { json = { pointer = "/state", equals = "lost" } }
//! not_sent = { status = 404, json = { pointer = "/state", equals = "never heard of" }, after = "10m" }
//! # only where the documentation promises it
//! ```

mod condition;
mod form;
mod mapping;
mod settings;
mod template;
mod verdict;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::Request;
use secrecy::ExposeSecret;

use self::form::FormError;
use self::template::{Secrets, Values};
use super::client::ProviderResponse;
use super::dlt::DltSettings;
use super::verdict::ReadResponse;
use super::{Provider, SmsGateway};
use crate::clock::Clock;
use crate::domain::{Address, GatewayName, LinkMode, Message, Outcome, Report, SmsText};
use crate::gateway::callback::{Callback, CallbackAddress, CallbackError, CallbackReply, Callbacks};
use crate::gateway::{GatewayError, Handover, Inquiry, LookUp, net};
use crate::render::RegisteredTemplates;

pub use self::condition::{Condition, JsonCondition, MessageId, Pattern, Pointer, Scalar, Statuses};
pub use self::form::{Method, RequestBody};
pub use self::mapping::{CallbackField, ReceiptMapping, ReplyMapping};
pub use self::settings::{HttpSettings, LookUpSettings, RejectRule, RetryRule};
pub use self::template::{JsonTemplate, Template};

#[derive(Debug)]
struct Generic {
    settings: HttpSettings,
    /// The texts that are registered for it, if it takes no other.
    registered: Option<RegisteredTemplates>,
    callback: Option<CallbackAddress>,
}

impl SmsGateway {
    /// A gateway that the config describes. Connects to nothing.
    ///
    /// # Errors
    /// [`GatewayError::Settings`] when the settings contradict each other or there is no certificate to trust.
    pub fn http(
        name: GatewayName,
        settings: HttpSettings,
        callback: Option<CallbackAddress>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, GatewayError> {
        settings.check(callback.is_some())?;
        let (connection, registered) = (settings.connection(), settings.dlt.as_ref().map(DltSettings::registered));
        Self::over(name, Box::new(Generic { settings, registered, callback }), connection, clock)
    }
}

impl Generic {
    fn secrets(&self, credential: usize) -> Secrets<'_> {
        let secrets = self.settings.secrets.iter();
        secrets.map(|(name, secret)| (name.as_str(), secret.at(credential).expose_secret())).collect()
    }
}

impl Provider for Generic {
    fn link_mode(&self) -> LinkMode {
        self.settings.link_mode
    }

    fn registered(&self) -> Option<&RegisteredTemplates> {
        self.registered.as_ref()
    }

    fn credentials(&self) -> usize {
        self.settings.secrets.values().map(|secret| secret.all().len()).max().unwrap_or(1)
    }

    /// Some say 403, Kannel among them.
    fn refuses_credential(&self, answer: &ProviderResponse) -> bool {
        matches!(answer.status, 401 | 403)
    }

    fn request(&self, handover: &Handover<'_>, credential: usize, _now: DateTime<Utc>) -> Result<Request, Outcome> {
        let (Address::Phone(phone), dlt) = (handover.to, self.settings.dlt.as_ref()) else {
            return Err(net::not_sent("wrong-channel"));
        };
        // Where texts are registered, no other leaves.
        let (text, template_id) = match (handover.message, dlt) {
            (Message::Sms(SmsText(text)), None) => (text, ""),
            (Message::Registered(sms), Some(_)) => (&sms.text, sms.code.as_str()),
            _ => return Err(net::not_sent("wrong-channel")),
        };
        let to = phone.as_e164();
        let callback = self.callback.as_ref().map(|callback| callback.about(handover.reference));
        let values = Values {
            to,
            to_digits: to.trim_start_matches('+'),
            text,
            reference: handover.reference,
            attempt: handover.attempt,
            sender: self.settings.senders.get(&handover.merchant.id).unwrap_or(&handover.merchant.signature),
            callback: callback.as_deref().unwrap_or_default(),
            dlt_entity_id: dlt.map_or("", |dlt| dlt.entity_id(handover.merchant)),
            dlt_template_id: template_id,
            secrets: self.secrets(credential),
        };
        self.settings.form().fill(&values).map_err(|FormError| net::not_sent("bad-request"))
    }

    fn verdict(&self, answer: &ProviderResponse, now: DateTime<Utc>) -> ReadResponse {
        verdict::outcome(&self.settings, answer, now).into()
    }

    fn can_be_asked(&self) -> bool {
        self.settings.look_up.is_some()
    }

    fn inquiries(&self, inquiry: &Inquiry<'_>, credential: usize, _now: DateTime<Utc>) -> Vec<Request> {
        let Some(look_up) = &self.settings.look_up else { return Vec::new() };
        let to = inquiry.to.reveal();
        let values = Values {
            to,
            to_digits: to.trim_start_matches('+'),
            text: "",
            reference: inquiry.reference,
            attempt: 0,
            sender: "",
            callback: "",
            dlt_entity_id: "",
            dlt_template_id: "",
            secrets: self.secrets(credential),
        };
        look_up.form().fill(&values).into_iter().collect()
    }

    fn found(&self, inquiry: &Inquiry<'_>, answer: &ProviderResponse, now: DateTime<Utc>) -> LookUp {
        let look_up = self.settings.look_up.as_ref();
        look_up.map_or(LookUp::Unclear, |look_up| verdict::found(look_up, answer, inquiry.handed_over_by, now))
    }

    fn callbacks(&self) -> Option<&dyn Callbacks> {
        let reads = self.settings.receipts.is_some() || self.settings.replies.is_some();
        reads.then_some(self as &dyn Callbacks)
    }
}

impl Callbacks for Generic {
    fn read(&self, callback: &Callback<'_>) -> Result<Vec<Report>, CallbackError> {
        mapping::read(self.settings.receipts.as_ref(), self.settings.replies.as_ref(), callback)
    }

    fn answer(&self) -> CallbackReply {
        // Kannel sends the words of an answer on as an SMS, unless it is told not to.
        CallbackReply { content_type: "text/plain", body: "" }
    }

    fn is_proof(&self) -> bool {
        false
    }

    fn confirms_opt_outs(&self) -> bool {
        self.settings.confirms_opt_outs
    }
}
