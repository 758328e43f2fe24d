//! The section `[http]`: where pages and the ops port listen, and the limits of visitors.

use std::net::{Ipv4Addr, SocketAddr};

use http::HeaderName;

use super::reading::Section;
use super::value::{flag, integer, listen, parsed};

/// `[http]`: where the daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Landing pages: what borrowers reach through the front server.
    pub public: SocketAddr,
    /// Health and metrics: what operations reach, and nobody else.
    pub ops: SocketAddr,
    /// How many pages one client may ask for in a minute.
    pub requests_per_minute: u32,
    /// How many connections of visitors are open at most; fewer where the system gives too few file descriptors.
    pub max_connections: usize,
    /// How many of them are one client's, if clients are known by their connections.
    pub connections_per_client: usize,
    /// The header in which the front server says for whom it asks. Without it the peer of the connection is the client,
    /// unless it is on this machine or network: a front server that does not say for whom it asks is not held up.
    pub client_header: Option<HeaderName>,
    /// Whether the daemon may serve visitors of whom the front server does not say who they are: nobody limits them
    /// then.
    pub unlimited_clients: bool,
}

pub(super) fn read(mut section: Section<'_, '_, '_>) -> Option<Http> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let public = section.or("public", local(8080), listen);
    let ops = section.or("ops", local(9090), listen);
    let everywhere = section.or("allow_ops_on_all_addresses", false, flag);
    if everywhere == Some(false) && ops.is_some_and(|ops| ops.ip().is_unspecified()) {
        let text = "is on all addresses of this machine, the public ones too; write the address of your own network, \
            or \
                    allow_ops_on_all_addresses = true if nobody else can reach the port";
        section.reading.note_at(&section.key("ops"), text);
    }
    // Port 0 lets the machine choose, so two of them differ.
    if public.is_some_and(|address| address.port() != 0) && public == ops {
        let text =
            "is the address of http.public as well; choose another port, so that health and metrics are not public";
        section.reading.note_at(&section.key("ops"), text);
    }
    let requests_per_minute = section.or("requests_per_minute", 60, |value| integer(value, 1..=60_000));
    let max_connections = section.or("max_connections", 1_000, |value| integer(value, 8..=60_000));
    let per_client = section.or("connections_per_client", 50, |value| integer(value, 1..=60_000));
    let client_header = section
        .optional("client_header", |value| parsed::<HeaderName>(value, "no name of a header", r#""x-forwarded-for""#));
    let unlimited_clients = section.or("unlimited_clients", false, flag);
    section.finish();
    Some(Http {
        public: public?,
        ops: ops?,
        requests_per_minute: requests_per_minute?,
        max_connections: max_connections?,
        connections_per_client: per_client?,
        client_header: client_header?,
        unlimited_clients: unlimited_clients?,
    })
}
