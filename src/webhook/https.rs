//! Posts over HTTPS. No proxy and no redirect: either would lead past the check of the address.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use rustls::RootCertStore;

use super::{DeliveryResult, WebhookEndpoint, WebhookMessage, WebhookSender, signatures};
use crate::clock::Clock;
use crate::domain::EndpointKey;
use crate::host_names::{HostNames, NoAddress};
use crate::tls;

/// How long a delivery takes at most. Standard Webhooks recommends 15 to 30 seconds.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The most of an answer that is read, so that its connection can be used again.
const MOST_OF_AN_ANSWER: usize = 64 * 1024;

/// Why no client can be made for an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum WebhookClientError {
    /// There is no certificate authority to trust.
    #[error(
        "no certificate authority to trust for webhook {0}: set its ca_pem, or install the machine's (ca-certificates)"
    )]
    NoAuthority(EndpointKey),
    /// A certificate of the endpoint's `ca_pem` cannot be read.
    #[error("ca_pem of webhook {0} holds a certificate that cannot be read")]
    UnreadableCertificate(EndpointKey),
    /// The client could not be made.
    #[error("no client for webhooks: {0}")]
    Client(#[from] reqwest::Error),
}

/// One client for each endpoint, as each has its own networks and authorities.
pub struct HttpsWebhooks {
    clients: BTreeMap<EndpointKey, (Client, HostNames)>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpsWebhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsWebhooks").field("endpoints", &self.clients.keys()).finish_non_exhaustive()
    }
}

impl HttpsWebhooks {
    /// Makes the clients; connects to nothing yet.
    ///
    /// # Errors
    /// When an https endpoint has no authority to trust.
    pub fn new(endpoints: &[WebhookEndpoint], clock: Arc<dyn Clock>) -> Result<Self, WebhookClientError> {
        let clients = endpoints.iter().map(|endpoint| {
            let names = HostNames::of_machine(endpoint.allowed_networks.clone());
            Ok((endpoint.key.clone(), (client(endpoint, &names)?, names)))
        });
        Ok(Self { clients: clients.collect::<Result<_, WebhookClientError>>()?, clock })
    }

    async fn post(
        &self,
        endpoint: &WebhookEndpoint,
        message: &WebhookMessage,
    ) -> Result<Response, Option<reqwest::Error>> {
        let (client, names) = self.clients.get(&endpoint.key).ok_or(None)?;
        // A client connects to an address in the URL without asking for a name.
        let written = endpoint.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if let Ok(address) = written.parse::<IpAddr>() {
            names.check_address(address).map_err(|_| None)?;
        }
        let timestamp = self.clock.now().timestamp();
        client
            .post(endpoint.url.clone())
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures(&endpoint.secrets, &message.id, timestamp, &message.body))
            .header(CONTENT_TYPE, "application/json")
            .body(message.body.clone())
            .send()
            .await
            .map_err(Some)
    }
}

#[async_trait]
impl WebhookSender for HttpsWebhooks {
    async fn deliver(&self, endpoint: &WebhookEndpoint, message: &WebhookMessage) -> DeliveryResult {
        let work = async {
            match self.post(endpoint, message).await {
                Ok(answer) => judge(answer).await,
                Err(None) => failed("address-not-allowed"),
                Err(Some(error)) => failed(code(&error)),
            }
        };
        tokio::select! {
            biased;
            result = work => result,
            () = self.clock.sleep(TIMEOUT) => failed("timeout"),
        }
    }
}

fn client(endpoint: &WebhookEndpoint, names: &HostNames) -> Result<Client, WebhookClientError> {
    let is_encrypted = endpoint.url.scheme() == "https";
    let authorities = match is_encrypted {
        true => tls::authorities(endpoint.ca_pem.as_deref())
            .map_err(|_| WebhookClientError::UnreadableCertificate(endpoint.key.clone()))?,
        false => RootCertStore::empty(),
    };
    if is_encrypted && authorities.is_empty() {
        return Err(WebhookClientError::NoAuthority(endpoint.key.clone()));
    }
    Ok(Client::builder()
        .tls_backend_preconfigured(tls::client_config(authorities))
        .dns_resolver(Arc::new(names.clone()))
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("dueherald/", env!("CARGO_PKG_VERSION"), " (webhook)"))
        .build()?)
}

async fn judge(mut answer: Response) -> DeliveryResult {
    let status = answer.status().as_u16();
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let mut read = 0;
    while read < MOST_OF_AN_ANSWER {
        match answer.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) | Err(_) => break,
        }
    }
    match status {
        200..=299 => DeliveryResult::Delivered,
        410 => DeliveryResult::Gone,
        _ => DeliveryResult::Failed { code: format!("http-{status}"), retry_after: seconds.map(Duration::from_secs) },
    }
}

fn failed(code: &str) -> DeliveryResult {
    DeliveryResult::Failed { code: code.to_owned(), retry_after: None }
}

/// The code of a failure, in our own words: the error's text may contain the address.
fn code(error: &reqwest::Error) -> &'static str {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<NoAddress>() {
            Some(NoAddress::NoSuchName) => return "dns",
            Some(NoAddress::Private) => return "address-not-allowed",
            None => {}
        }
        if error.is::<rustls::Error>() {
            return "tls";
        }
        // An io::Error hides what it wraps from `source`.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or(error.source());
    }
    if error.is_connect() { "connect-failed" } else { "no-answer" }
}
