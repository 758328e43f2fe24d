//! SMS by any gateway with an HTTP interface: the config says what a request looks like and what its answers mean.
//!
//! Values of `query`, `headers` and `body` are minijinja templates over `to` (`+8613800138000`), `to_digits` (without `+`),
//! `text`, `reference` (the same for every attempt), `attempt` and `sender` (the merchant's signature). The client encodes
//! them for where they stand.
//!
//! What an answer means is looked up in `accept`, `reject`, `retry`, in this order; the first rule that holds decides. Where
//! none does:
//!
//! | what happened | outcome |
//! |---|---|
//! | no connection (DNS, refused, TLS) | not sent |
//! | 429, 503 | retry after `Retry-After` |
//! | 3xx, 401 to 405, 407 | rejected, the gateway's trouble |
//! | other 4xx but 408 | rejected, the recipient's trouble |
//! | everything else: 2xx that `accept` does not name, 5xx, silence, a lost connection, half an answer | unknown |
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
//! ```
//!
//! Without `charset` and `coding` Kannel accepts Chinese text and delivers question marks.
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
//! idempotent = true
//! ```

mod client;
mod condition;
mod settings;
mod template;
mod verdict;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Request;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use self::client::Client;
use self::template::Values;
use super::{Gateway, GatewayError, Handover, net};
use crate::clock::Clock;
use crate::domain::{Address, Channel, GatewayName, LinkMode, Message, Outcome, SmsText};

pub use self::condition::{Condition, JsonCondition, MessageId, Pattern, Pointer, Statuses};
pub use self::settings::{Endpoint, HttpSettings, Method, RejectRule, RequestBody, RetryRule};
pub use self::template::{JsonTemplate, Template};

/// An SMS gateway that is spoken to over HTTP.
pub struct HttpGateway {
    name: GatewayName,
    settings: HttpSettings,
    client: Client,
    slots: Semaphore,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpGateway").field("name", &self.name).finish_non_exhaustive()
    }
}

impl HttpGateway {
    /// Makes the client; connects to nothing.
    ///
    /// # Errors
    /// [`GatewayError::Settings`] when the settings contradict each other or there is no certificate to trust.
    pub fn new(name: GatewayName, settings: HttpSettings, clock: Arc<dyn Clock>) -> Result<Self, GatewayError> {
        settings.check()?;
        let client = Client::new(&settings, Arc::clone(&clock))?;
        Ok(Self { name, client, slots: Semaphore::new(settings.max_in_flight), settings, clock })
    }

    fn request(&self, handover: &Handover<'_>) -> Result<Request, Outcome> {
        let (Address::Phone(phone), Message::Sms(SmsText(text))) = (handover.to, handover.message) else {
            return Err(net::not_sent("wrong-channel"));
        };
        let to = phone.as_e164();
        let values = Values {
            to,
            to_digits: to.trim_start_matches('+'),
            text,
            reference: handover.reference,
            attempt: handover.attempt,
            sender: &handover.merchant.signature,
        };
        self.fill(&values).map_err(|Unfillable| net::not_sent("bad-request"))
    }

    fn fill(&self, values: &Values<'_>) -> Result<Request, Unfillable> {
        let settings = &self.settings;
        let method = match settings.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut request =
            self.client.requests().request(method, settings.url.url().clone()).headers(self.headers(values)?);
        if !settings.query.is_empty() {
            request = request.query(&fields(&settings.query, values)?);
        }
        request = match &settings.body {
            RequestBody::None => request,
            RequestBody::Json(template) => request.json(&template.render(values)?),
            RequestBody::Form(templates) => request.form(&fields(templates, values)?),
        };
        request.build().map_err(|_| Unfillable)
    }

    fn headers(&self, values: &Values<'_>) -> Result<HeaderMap, Unfillable> {
        let mut headers = HeaderMap::with_capacity(self.settings.headers.len());
        for (name, template) in &self.settings.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Unfillable)?;
            // Refuses control characters, line breaks among them.
            let mut value = HeaderValue::from_bytes(template.render(values)?.as_bytes()).map_err(|_| Unfillable)?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// The values do not make a request, for example a line break in a header. Says no more: the reason would quote them.
struct Unfillable;

impl From<minijinja::Error> for Unfillable {
    fn from(_: minijinja::Error) -> Self {
        Self
    }
}

fn fields<'a>(
    templates: &'a BTreeMap<String, Template>,
    values: &Values<'_>,
) -> Result<Vec<(&'a str, String)>, minijinja::Error> {
    templates.iter().map(|(name, template)| Ok((name.as_str(), template.render(values)?))).collect()
}

#[async_trait]
impl Gateway for HttpGateway {
    fn name(&self) -> &GatewayName {
        &self.name
    }

    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn link_mode(&self) -> LinkMode {
        self.settings.link_mode
    }

    fn max_in_flight(&self) -> usize {
        self.settings.max_in_flight
    }

    async fn send(&self, handover: &Handover<'_>) -> Outcome {
        let request = match self.request(handover) {
            Ok(request) => request,
            Err(outcome) => return outcome,
        };
        let deadline = handover.deadline;
        let Some(left) = deadline.left() else { return net::not_sent("deadline") };
        let Some(_slot) = net::within(&*self.clock, left, self.slots.acquire()).await else {
            return net::not_sent("deadline");
        };
        let Some(left) = deadline.left() else { return net::not_sent("deadline") };
        let call = self.client.exchange(request, deadline);
        match net::before(&*self.clock, left.min(self.settings.timeout), deadline, call).await {
            Some(Ok(answer)) => verdict::outcome(&self.settings, &answer, self.clock.now()),
            Some(Err(no_answer)) => verdict::without_answer(&no_answer),
            None => net::unknown(if deadline.left().is_none() { "deadline" } else { "http-no-answer" }),
        }
    }

    /// Connects, by TLS if that is how it is spoken to. No request is made: any could send a message.
    async fn check(&self) -> Result<(), GatewayError> {
        let (host, port) = self.settings.url.host_and_port();
        let reached = async {
            let tcp = net::connect(host, port).await?;
            if self.settings.url.is_https() {
                let config = net::tls_config(self.settings.ca_pem.as_deref()).map_err(|_| "tls")?;
                let tls = TlsConnector::from(Arc::new(config));
                net::wrap_tls(&tls, host, tcp).await.map_err(|_| "tls")?;
            }
            Ok::<_, &str>(())
        };
        let reached = net::within(&*self.clock, self.settings.connect_timeout, reached).await;
        reached.unwrap_or(Err("connect-timeout")).map_err(|code| {
            GatewayError::Unreachable(format!(
                "SMS gateway {host}:{port}: {code}; check `url`, `ca_pem` and the firewall"
            ))
        })
    }
}
