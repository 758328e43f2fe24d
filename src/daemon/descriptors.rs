//! File descriptors: visitors get what sending can spare.
//!
//! A process that has none left can open neither a connection to its database nor one to a gateway. So each part is
//! given its share before a visitor is let in.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::app::AppParts;
use crate::http::ConnectionLimits;

/// For health and metrics: a scraper, a load balancer, and people who look. Nobody else reaches that address.
const OPS: usize = 32;

/// For the lender's own systems, each with a pool of connections.
const API: usize = 64;

/// For the browsers of the staff, by way of a front server.
const CONSOLE: usize = 64;

/// For files, timers, signals and listeners, and for templates and certificates while they are read.
const FILES: usize = 64;

/// For what an SQLite file takes, read by several at once.
const SQLITE: usize = 32;

/// For a source: its pull, and a check of it meanwhile.
const PER_SOURCE: usize = 4;

/// For probes of routes and look-ups at gateways at the same time.
const LOOKS: usize = 48;

/// The least for visitors: so many are let in even where the system gives too few descriptors for everything.
const LEAST: usize = 16;

/// How many connections each server of this daemon keeps open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shares {
    pub(super) public: ConnectionLimits,
    pub(super) api: ConnectionLimits,
    pub(super) console: ConnectionLimits,
    pub(super) ops: ConnectionLimits,
}

impl Shares {
    /// Raises the limit of the process as far as it may be raised, and shares it out.
    pub(super) fn of(parts: &AppParts) -> Self {
        let limit = raise_limit();
        let config = &parts.config;
        // A connection that a gateway closes lingers while the next one is opened.
        let gateways: usize = parts.gateways.values().map(|gateway| gateway.max_in_flight() * 2).sum();
        let database = usize::try_from(config.database.max_connections).unwrap_or(usize::MAX);
        let sources = config.sources.len() * PER_SOURCE;
        let reserved =
            gateways.saturating_add(database).saturating_add(sources + SQLITE + LOOKS + FILES + OPS + API + CONSOLE);
        let total = public_share(limit, reserved, config.http.max_connections);
        if total < config.http.max_connections {
            tracing::info!(
                limit,
                reserved,
                connections = total,
                "the system gives too few file descriptors for http.max_connections; going on with fewer connections"
            );
        }
        let own = |total| ConnectionLimits { total, per_client: None };
        // Behind a front server that names its clients, all connections may come from one address.
        let per_client = config.http.client_header.is_none().then_some(config.http.connections_per_client);
        Self { public: ConnectionLimits { total, per_client }, api: own(API), console: own(CONSOLE), ops: own(OPS) }
    }
}

fn public_share(limit: usize, reserved: usize, wanted: usize) -> usize {
    limit.saturating_sub(reserved).max(LEAST).min(wanted)
}

/// Raises the soft limit to the hard one; gives what holds then.
fn raise_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = match (current, maximum) {
        (Some(current), Some(maximum)) if current < maximum => {
            setrlimit(Resource::Nofile, Rlimit { current: Some(maximum), maximum: Some(maximum) })
                .map_or(Some(current), |()| Some(maximum))
        }
        _ => current,
    };
    raised.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{LEAST, public_share};
    use rstest::rstest;

    #[rstest]
    #[case::plenty(65_536, 400, 1_000, 1_000)]
    #[case::what_is_left(1_024, 400, 1_000, 624)]
    #[case::nothing_left(256, 400, 1_000, LEAST)]
    #[case::fewer_are_wanted_than_the_least(256, 400, 8, 8)]
    #[case::no_limit(usize::MAX, 400, 1_000, 1_000)]
    fn visitors_get_what_sending_can_spare(
        #[case] limit: usize,
        #[case] reserved: usize,
        #[case] wanted: usize,
        #[case] share: usize,
    ) {
        assert_eq!(public_share(limit, reserved, wanted), share);
    }
}
