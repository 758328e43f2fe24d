//! Level 2: looks at a way to repay as a borrower's browser would, behind the trait [`RouteProbe`].

mod https;

use async_trait::async_trait;

use crate::domain::{ProbeResult, RouteHosts};

pub use https::{HttpsProbe, ProbeError};

/// The target of a probe, with the expected text.
#[derive(Debug, Clone)]
pub struct ProbeTarget {
    /// The address; its placeholders are filled.
    pub url: String,
    /// A text that the page must contain.
    pub expect: Option<String>,
    /// The hosts that the merchant's routes may lead to.
    pub hosts: RouteHosts,
}

/// Probes ways to repay. Changes nothing there.
#[async_trait]
pub trait RouteProbe: Send + Sync + std::fmt::Debug {
    /// Probes once; takes no longer than a set time.
    async fn probe(&self, target: &ProbeTarget) -> ProbeResult;

    /// Whether a host on the internet takes a connection; takes no longer than a probe. `None` for one on this machine
    /// or in its own network: that one says nothing about the way to the internet.
    async fn reaches(&self, host: &str, port: u16) -> Option<bool>;
}
