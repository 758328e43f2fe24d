//! Probes routes over HTTPS. Redirects are followed by hand: each must lead to a host on the merchant's list before the
//! probe connects to it.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::LOCATION;
use reqwest::{Client, Response};
use rustls::{CertificateError, RootCertStore};
use tokio::net::TcpStream;
use url::Url;

use super::{ProbeTarget, RouteProbe};
use crate::clock::Clock;
use crate::domain::{Network, ProbeResult, RouteFault, RouteKind, is_public};
use crate::host_names::{HostNames, NoAddress};
use crate::tls;

/// More than a borrower's browser is ever sent about a payment page; a circle ends there.
const MOST_REDIRECTS: usize = 5;

/// How much of a page is searched for the expected text.
const MOST_OF_A_PAGE: usize = 256 * 1024;

/// Why no probe can be made.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The machine trusts no certificate authority.
    #[error("no certificate authority to trust, so no route can be probed: install the machine's (ca-certificates)")]
    NoAuthority,
    /// The client could not be made.
    #[error("routes cannot be probed: {0}")]
    Client(#[from] reqwest::Error),
}

/// A minimal browser: no cookies, no scripts, no proxy, a connection of its own for each probe.
pub struct HttpsProbe {
    client: Client,
    names: HostNames,
    timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for HttpsProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpsProbe").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl HttpsProbe {
    /// Uses the name resolution and the certificate authorities of this machine; a probe takes `timeout` at most. It
    /// connects only to those private networks that are `allowed`.
    ///
    /// # Errors
    /// When no authority is trusted here.
    pub fn new(timeout: Duration, allowed: Vec<Network>, clock: Arc<dyn Clock>) -> Result<Self, ProbeError> {
        Self::with(tls::machine_authorities(), HostNames::of_machine(allowed), timeout, clock)
    }

    /// Uses its own names and certificate authorities (PEM): no other name resolves, and no other authority is trusted.
    /// No config leads here.
    ///
    /// # Errors
    /// When no authority can be read.
    pub fn in_a_world_of(
        names: BTreeMap<String, SocketAddr>,
        allowed: Vec<Network>,
        ca_pem: &str,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ProbeError> {
        let authorities = tls::authorities(Some(ca_pem)).map_err(|_| ProbeError::NoAuthority)?;
        Self::with(authorities, HostNames::listed(names, allowed), timeout, clock)
    }

    fn with(
        authorities: RootCertStore,
        names: HostNames,
        timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ProbeError> {
        if authorities.is_empty() {
            return Err(ProbeError::NoAuthority);
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls::client_config(authorities))
            .dns_resolver(Arc::new(names.clone()))
            // Shorter than `timeout`, so that an unreachable host is distinguished from one that is slow to answer.
            .connect_timeout(timeout * 4 / 5)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            // A name or a certificate that changed shows only on a connection that is made anew.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("dueherald/", env!("CARGO_PKG_VERSION"), " (route probe)"))
            .build()?;
        Ok(Self { client, names, timeout, clock })
    }

    async fn look(&self, target: &ProbeTarget) -> Result<(), RouteFault> {
        let mut url = target.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            target.hosts.check(&RouteKind::Web { url: url.clone() }).map_err(RouteFault::Astray)?;
            let response = self.client.get(&url).send().await.map_err(|error| fault(&error))?;
            match response.status().as_u16() {
                200..=299 => return expect(response, target.expect.as_deref()).await,
                301 | 302 | 303 | 307 | 308 => url = forwarded(&response).ok_or(RouteFault::Redirects)?,
                status => return Err(RouteFault::Status(status)),
            }
        }
        Err(RouteFault::Redirects)
    }
}

#[async_trait]
impl RouteProbe for HttpsProbe {
    async fn probe(&self, target: &ProbeTarget) -> ProbeResult {
        let started = self.clock.elapsed();
        let found = tokio::select! {
            biased;
            found = self.look(target) => found,
            () = self.clock.sleep(self.timeout) => Err(RouteFault::Slow),
        };
        ProbeResult { took: self.clock.elapsed().saturating_sub(started), fault: found.err() }
    }

    async fn reaches(&self, host: &str, port: u16) -> Option<bool> {
        let connect = async {
            let addresses = match self.names.addresses(host, port).await {
                Ok(addresses) => addresses,
                Err(NoAddress::NoSuchName) => return Some(false),
                Err(NoAddress::Private) => return None,
            };
            let abroad: Vec<_> =
                addresses.into_iter().filter(|at| self.names.is_listed() || is_public(at.ip())).collect();
            if abroad.is_empty() {
                return None;
            }
            Some(TcpStream::connect(&abroad[..]).await.is_ok())
        };
        tokio::select! {
            biased;
            reached = connect => reached,
            () = self.clock.sleep(self.timeout) => Some(false),
        }
    }
}

/// Where an answer forwards to.
fn forwarded(response: &Response) -> Option<String> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    Url::parse(response.url().as_str()).ok()?.join(location).ok().map(String::from)
}

async fn expect(mut response: Response, text: Option<&str>) -> Result<(), RouteFault> {
    let Some(text) = text else { return Ok(()) };
    let mut page = Vec::new();
    while page.len() < MOST_OF_A_PAGE {
        match response.chunk().await {
            Ok(Some(chunk)) => page.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(_) => return Err(RouteFault::Answer),
        }
    }
    memchr::memmem::find(&page, text.as_bytes()).map(|_| ()).ok_or(RouteFault::TextMissing)
}

/// The fault behind an error: the client wraps it in several others.
fn fault(error: &reqwest::Error) -> RouteFault {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<NoAddress>() {
            Some(NoAddress::NoSuchName) => return RouteFault::Dns,
            Some(NoAddress::Private) => return RouteFault::Private,
            None => {}
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return tls_fault(error);
        }
        // An io::Error hides what it wraps from `source`.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or(error.source());
    }
    if error.is_connect() { RouteFault::Connect } else { RouteFault::Answer }
}

fn tls_fault(error: &rustls::Error) -> RouteFault {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, UnknownIssuer,
    };
    match error {
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. } => RouteFault::CertificateTime,
            NotValidForName | NotValidForNameContext { .. } => RouteFault::CertificateHost,
            // Signed by somebody who only calls himself like an authority that is trusted.
            UnknownIssuer | BadSignature => RouteFault::CertificateIssuer,
            _ => RouteFault::Tls,
        },
        _ => RouteFault::Tls,
    }
}
