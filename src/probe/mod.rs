//! Level 2: looks at a way to repay as a borrower's browser would, behind the trait [`RouteProbe`].

mod https;

use async_trait::async_trait;

use crate::domain::{ProbeResult, RouteHosts};

pub use https::{HttpsProbe, ProbeError};

/// What is looked at, and what is expected of it.
#[derive(Debug, Clone)]
pub struct ProbeTarget {
    /// The address; its placeholders are filled.
    pub url: String,
    /// A text that must stand on the page.
    pub expect: Option<String>,
    /// Where the merchant's routes may lead.
    pub hosts: RouteHosts,
}

/// Looks at ways to repay. Changes nothing there.
#[async_trait]
pub trait RouteProbe: Send + Sync + std::fmt::Debug {
    /// Looks once; takes no longer than a set time.
    async fn probe(&self, target: &ProbeTarget) -> ProbeResult;

    /// Whether a host on the internet takes a connection; takes no longer than a probe. `None` for one on this machine
    /// or in its own network: that one says nothing about the way to the internet.
    async fn reaches(&self, host: &str, port: u16) -> Option<bool>;
}
