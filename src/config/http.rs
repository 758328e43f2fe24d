use std::net::{Ipv4Addr, SocketAddr};

use http::HeaderName;

use super::reading::Section;
use super::value::{integer, listen, parsed};

/// `[http]`: where the daemon listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Landing pages: what borrowers reach through the front server.
    pub public: SocketAddr,
    /// Health and metrics: what operations reach, and nobody else.
    pub ops: SocketAddr,
    /// How many pages one client may ask for in a minute.
    pub requests_per_minute: u32,
    /// The header in which the front server says for whom it asks. Without it the peer of the connection is the client, unless it is on
    /// this machine or network: a front server that does not say for whom it asks is not held up.
    pub client_header: Option<HeaderName>,
}

pub(super) fn read(mut section: Section<'_, '_, '_>) -> Option<Http> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let public = section.or("public", local(8080), listen);
    let ops = section.or("ops", local(9090), listen);
    // Port 0 lets the machine choose, so two of them differ.
    if public.is_some_and(|address| address.port() != 0) && public == ops {
        let text =
            "is the address of http.public as well; choose another port, so that health and metrics are not public";
        section.reading.note_at(&section.key("ops"), text);
    }
    let requests_per_minute = section.or("requests_per_minute", 60, |value| integer(value, 1..=60_000));
    let client_header = section
        .optional("client_header", |value| parsed::<HeaderName>(value, "no name of a header", r#""x-forwarded-for""#));
    section.finish();
    Some(Http { public: public?, ops: ops?, requests_per_minute: requests_per_minute?, client_header: client_header? })
}
