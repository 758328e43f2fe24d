//! Level 1: resolves the names of hosts that a config or a command names, and refuses the addresses to which dueherald
//! does not connect ([`may_connect`]). An HTTP client asks it right before each connection.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::domain::{Network, may_connect};

/// Resolves names of hosts.
#[derive(Debug, Clone)]
pub struct HostNames {
    /// Only these names resolve; without a list, the machine's resolver answers.
    listed: Option<Arc<BTreeMap<String, SocketAddr>>>,
    /// Private networks that are allowed nevertheless.
    allowed: Vec<Network>,
}

/// Why a name has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoAddress {
    /// It does not resolve.
    #[error("no such name")]
    NoSuchName,
    /// It resolves to addresses only to which dueherald does not connect.
    #[error("private addresses only")]
    Private,
}

impl HostNames {
    /// Names as the machine resolves them.
    #[must_use]
    pub fn of_machine(allowed: Vec<Network>) -> Self {
        Self { listed: None, allowed }
    }

    /// Only these names, for tests.
    #[must_use]
    pub fn listed(names: BTreeMap<String, SocketAddr>, allowed: Vec<Network>) -> Self {
        Self { listed: Some(Arc::new(names)), allowed }
    }

    /// Whether only a list of names resolves.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed.is_some()
    }

    /// The allowed addresses of a host. Port 0 means the port of the list.
    ///
    /// # Errors
    /// When the name has no address, or none that is allowed.
    pub async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NoAddress> {
        let known: Vec<SocketAddr> = match &self.listed {
            Some(listed) => listed.get(host).copied().into_iter().collect(),
            None => tokio::net::lookup_host((host, port)).await.map_err(|_| NoAddress::NoSuchName)?.collect(),
        };
        if known.is_empty() {
            return Err(NoAddress::NoSuchName);
        }
        let meant: Vec<_> = known.into_iter().filter(|at| may_connect(host, at.ip(), &self.allowed)).collect();
        if meant.is_empty() { Err(NoAddress::Private) } else { Ok(meant) }
    }

    /// Checks a host that is an address itself: HTTP clients connect to one without asking for it.
    ///
    /// # Errors
    /// When dueherald does not connect to it.
    pub fn check_address(&self, address: IpAddr) -> Result<(), NoAddress> {
        if may_connect(&address.to_string(), address, &self.allowed) { Ok(()) } else { Err(NoAddress::Private) }
    }
}

impl Resolve for HostNames {
    fn resolve(&self, name: Name) -> Resolving {
        let names = self.clone();
        Box::pin(async move {
            let found = names.addresses(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
