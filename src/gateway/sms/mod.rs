//! SMS over HTTP. A provider is pure functions: a request from a hand-over, an outcome from an answer, the same for a
//! look-up, and a reader of its callbacks. One gateway does the rest for all of them, on one client.
//!
//! What no provider's own words decide, HTTP does:
//!
//! | what happened | outcome |
//! |---|---|
//! | no connection (DNS, refused, TLS) | not sent |
//! | 429 | retry after `Retry-After` |
//! | 301, 307, 308, 401 to 405, 407 | rejected, the gateway's trouble |
//! | other 4xx but 408 | rejected: by the generic gateway's the recipient's trouble, by the others' the gateway's |
//! | everything else: a 2xx that is no documented acceptance, 5xx, silence, a lost connection, half an answer | unknown |
//!
//! Where the config lists several credentials, a refusal of one (which says that nothing was done) is followed by the
//! same request with the next; see `gateway::credentials`.
//!
//! A code that a provider is not known to use is logged once, and means what its status means: a 4xx refuses the
//! request, so that nothing was sent; with any other status the outcome is unknown.

pub mod aliyun;
mod client;
mod connection;
mod dlt;
pub mod http;
mod read;
mod registered;
pub mod signing;
pub mod tencent;
pub mod twilio;
mod verdict;

pub use dlt::DltSettings;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use reqwest::Request;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use self::client::{Body, Client, ProviderResponse};
use self::verdict::ReadResponse;
use super::callback::CallbackAddress;
use super::credentials::Rotation;
use super::{Callbacks, Gateway, GatewayError, Handover, Inquiry, LookUp, net};
use crate::clock::{Clock, Deadline};
use crate::domain::{Channel, Code, GatewayName, LinkMode, MerchantId, Outcome, RejectScope};
use crate::render::RegisteredTemplates;

pub use connection::{Connection, Endpoint};
pub use registered::{NamedParameters, OrderedParameters, TemplateSettings};

/// How many codes that nobody knew are remembered, so that each is told once.
const REMEMBERED_CODES: usize = 1_000;

/// An account at one vendor, as its `[gateways.*]` section describes it.
pub trait VendorAccount: Send + Sync + fmt::Debug {
    /// The time-out by which a call ends.
    fn timeout(&self) -> Duration;

    /// The merchants that have a sender of their own.
    fn senders(&self) -> Vec<&MerchantId> {
        Vec::new()
    }

    /// The templates that the vendor has approved, where it takes no free text.
    fn registered(&self) -> Option<RegisteredTemplates> {
        None
    }

    /// Its gateway. Connects to nothing. The vendor calls back at the address, if there is one.
    ///
    /// # Errors
    /// [`GatewayError::Settings`] when the settings contradict each other or there is no certificate to trust.
    fn gateway(
        &self,
        name: GatewayName,
        callback: Option<CallbackAddress>,
        clock: Arc<dyn Clock>,
    ) -> Result<SmsGateway, GatewayError>;
}

/// The vendors with an interface of their own, by the word in `kind`.
pub const VENDORS: [&str; 3] = ["aliyun", "tencent", "twilio"];

/// Reads the account of one of the [`VENDORS`].
pub(crate) fn read_account(kind: &str, section: impl ReadAccount) -> Option<Arc<dyn VendorAccount>> {
    match kind {
        "aliyun" => section.read::<aliyun::AliyunSettings>(),
        "tencent" => section.read::<tencent::TencentSettings>(),
        "twilio" => section.read::<twilio::TwilioSettings>(),
        _ => None,
    }
}

/// A section of the config that describes an account.
pub(crate) trait ReadAccount {
    /// Reads it as the account of one vendor; `None` when it has mistakes, which are noted.
    fn read<A: VendorAccount + DeserializeOwned + 'static>(self) -> Option<Arc<dyn VendorAccount>>;
}

/// The vendor-specific part of a gateway. Pure: it receives the time as an argument and uses no network.
trait Provider: Send + Sync + fmt::Debug {
    /// The kind of link that it lets through.
    fn link_mode(&self) -> LinkMode;

    /// How many credentials the config lists.
    fn credentials(&self) -> usize {
        1
    }

    /// The request that hands a message over with the credential at a place, or why there is none.
    fn request(&self, handover: &Handover<'_>, credential: usize, now: DateTime<Utc>) -> Result<Request, Outcome>;

    /// Whether an answer refuses the credential, and so has done nothing.
    fn refuses_credential(&self, answer: &ProviderResponse) -> bool {
        answer.status == 401
    }

    /// Classifies the answer to a hand-over.
    fn verdict(&self, answer: &ProviderResponse, now: DateTime<Utc>) -> ReadResponse;

    /// Whether it can be asked.
    fn can_be_asked(&self) -> bool {
        false
    }

    /// The requests that ask what became of a message, one after the other until one is clear.
    fn inquiries(&self, inquiry: &Inquiry<'_>, credential: usize, now: DateTime<Utc>) -> Vec<Request> {
        let _ = (inquiry, credential, now);
        Vec::new()
    }

    /// Reads the answer to one of the inquiries.
    fn found(&self, inquiry: &Inquiry<'_>, answer: &ProviderResponse, now: DateTime<Utc>) -> LookUp {
        let _ = (inquiry, answer, now);
        LookUp::Unclear
    }

    /// How its callbacks are read.
    fn callbacks(&self) -> Option<&dyn Callbacks> {
        None
    }

    /// The approved templates, where it takes no free text.
    fn registered(&self) -> Option<&RegisteredTemplates> {
        None
    }
}

/// One account at one provider of SMS over HTTP.
pub struct SmsGateway {
    name: GatewayName,
    provider: Box<dyn Provider>,
    connection: Connection,
    client: Client,
    slots: Semaphore,
    clock: Arc<dyn Clock>,
    rotation: Rotation,
    /// The undocumented codes that were already logged.
    undocumented: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for SmsGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmsGateway").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SmsGateway {
    /// Makes the client; connects to nothing.
    fn over(
        name: GatewayName,
        provider: Box<dyn Provider>,
        connection: Connection,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, GatewayError> {
        connection.check()?;
        let client = Client::new(&connection, Arc::clone(&clock))?;
        let slots = Semaphore::new(connection.max_in_flight);
        let rotation = Rotation::new(provider.credentials());
        Ok(Self { name, provider, connection, client, slots, clock, rotation, undocumented: Mutex::default() })
    }

    /// One call, from waiting for a free hand to the end of the answer.
    async fn exchange(&self, request: Request, deadline: &Deadline) -> Result<ProviderResponse, Outcome> {
        let request = self.client.wire_form(request).ok_or_else(|| net::not_sent("bad-request"))?;
        let Some(left) = deadline.left() else { return Err(net::not_sent("deadline")) };
        let Some(_slot) = net::within(&*self.clock, left, self.slots.acquire()).await else {
            return Err(net::not_sent("deadline"));
        };
        // Requests that were claimed together are prepared together and leave together: a gateway that is woken once
        // for many answers sooner than one that is woken for each.
        tokio::task::yield_now().await;
        let Some(left) = deadline.left() else { return Err(net::not_sent("deadline")) };
        let call = self.client.exchange(request, deadline);
        match net::before(&*self.clock, left.min(self.connection.timeout), deadline, call).await {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(no_answer)) => Err(verdict::without_answer(&no_answer)),
            None => Err(net::unknown(if deadline.left().is_none() { "deadline" } else { "http-no-answer" })),
        }
    }

    /// The outcome of an answer, without a request: for tests of hostile answers.
    #[doc(hidden)]
    #[must_use]
    pub fn outcome_of(&self, status: u16, retry_after: Option<&str>, body: &[u8]) -> Outcome {
        let answer = ProviderResponse::new(status, retry_after.map(str::to_owned), Body::Whole(body.to_vec()));
        self.provider.verdict(&answer, self.clock.now()).outcome
    }

    /// The same for the answer to an inquiry.
    #[doc(hidden)]
    #[must_use]
    pub fn look_up_of(&self, inquiry: &Inquiry<'_>, status: u16, body: &[u8]) -> LookUp {
        let answer = ProviderResponse::new(status, None, Body::Whole(body.to_vec()));
        self.provider.found(inquiry, &answer, self.clock.now())
    }

    fn log_once(&self, code: &Code) {
        let mut told = self.undocumented.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < REMEMBERED_CODES && told.insert(code.to_string()) {
            tracing::warn!(gateway = %self.name, %code, "the provider answers with a code that is not known here; \
                look it up in its documentation");
        }
    }
}

#[async_trait]
impl Gateway for SmsGateway {
    fn name(&self) -> &GatewayName {
        &self.name
    }

    fn channel(&self) -> Channel {
        Channel::Sms
    }

    fn link_mode(&self) -> LinkMode {
        self.provider.link_mode()
    }

    fn endpoint(&self) -> Option<(String, u16)> {
        let (host, port) = self.connection.url.host_and_port();
        Some((host.to_owned(), port))
    }

    fn max_in_flight(&self) -> usize {
        self.connection.max_in_flight
    }

    fn registered(&self) -> Option<&RegisteredTemplates> {
        self.provider.registered()
    }

    async fn send(&self, handover: &Handover<'_>) -> Outcome {
        let mut in_use = None;
        let mut refused = net::not_sent("bad-request");
        for credential in self.rotation.order() {
            let request = match self.provider.request(handover, credential, self.clock.now()) {
                Ok(request) => request,
                Err(outcome) => return outcome,
            };
            let answer = match self.exchange(request, handover.deadline).await {
                Ok(answer) => answer,
                Err(outcome) => return outcome,
            };
            let ReadResponse { outcome, undocumented } = self.provider.verdict(&answer, self.clock.now());
            undocumented.iter().for_each(|code| self.log_once(code));
            // Only what says that nothing was done may be followed by another call.
            let is_refusal = matches!(outcome, Outcome::Rejected { scope: RejectScope::Gateway, .. });
            let first = *in_use.get_or_insert(credential);
            if !is_refusal || !self.provider.refuses_credential(&answer) {
                self.rotation.change(first, credential, &self.name);
                return outcome;
            }
            refused = outcome;
        }
        refused
    }

    fn can_be_asked(&self) -> bool {
        self.provider.can_be_asked()
    }

    async fn look_up(&self, inquiry: &Inquiry<'_>) -> LookUp {
        let deadline = Deadline::new(Arc::clone(&self.clock), self.clock.elapsed(), self.connection.timeout);
        for credential in self.rotation.order() {
            let mut is_refused = false;
            for request in self.provider.inquiries(inquiry, credential, self.clock.now()) {
                let Ok(answer) = self.exchange(request, &deadline).await else { return LookUp::Unclear };
                match self.provider.found(inquiry, &answer, self.clock.now()) {
                    LookUp::Unclear => is_refused |= self.provider.refuses_credential(&answer),
                    clear => return clear,
                }
            }
            if !is_refused {
                break;
            }
        }
        LookUp::Unclear
    }

    fn callbacks(&self) -> Option<&dyn Callbacks> {
        self.provider.callbacks()
    }

    /// Connects, by TLS if that is how it is spoken to. No request is made: any could send a message.
    async fn check(&self) -> Result<(), GatewayError> {
        let Connection { url, ca_pem, allowed_networks, .. } = &self.connection;
        let (host, port) = url.host_and_port();
        let reached = async {
            let tcp = net::connect(host, port, allowed_networks).await?;
            if url.is_https() {
                let config = net::tls_config(ca_pem.as_deref()).map_err(|_| "tls")?;
                net::wrap_tls(&TlsConnector::from(Arc::new(config)), host, tcp).await.map_err(|_| "tls")?;
            }
            Ok::<_, &str>(())
        };
        let reached = net::within(&*self.clock, self.connection.connect_timeout, reached).await;
        reached.unwrap_or(Err("connect-timeout")).map_err(|code| {
            let advice = match code {
                net::ADDRESS_NOT_ALLOWED => net::ADVICE_ON_ADDRESS,
                _ => "check `url`, `ca_pem` and the firewall",
            };
            GatewayError::Unreachable(format!("SMS gateway {host}:{port}: {code}; {advice}"))
        })
    }
}
