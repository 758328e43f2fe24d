use std::net::{Ipv4Addr, SocketAddr};

use super::reading::Section;
use super::value::listen;

/// `[http]`: where the daemon listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http {
    /// Landing pages: what borrowers reach through the front server.
    pub public: SocketAddr,
    /// Health and metrics: what operations reach, and nobody else.
    pub ops: SocketAddr,
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
    section.finish();
    Some(Http { public: public?, ops: ops? })
}
