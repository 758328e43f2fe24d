//! How often one client may ask for pages: guessing tokens costs addresses, and one client cannot keep the store busy.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use minijinja::context;

use super::page::page;
use crate::clock::Clock;
use crate::config::Http;

/// How many clients are known at most: some 10 MB.
const MOST_CLIENTS: usize = 100_000;

const MINUTE: Duration = Duration::from_secs(60);

/// So many requests a minute from each client: all of them at once, or evenly (GCRA, as the rates of gateways).
#[derive(Debug)]
pub struct Limit {
    clock: Arc<dyn Clock>,
    /// Between two requests of a client that asks evenly.
    apart: Duration,
    /// Where the front server writes for whom it asks.
    header: Option<HeaderName>,
    /// By client, when it has used up nothing, on the clock's elapsed time.
    clear_at: Mutex<HashMap<IpAddr, Duration>>,
}

impl Limit {
    /// As the config has it.
    #[must_use]
    pub fn new(http: &Http, clock: Arc<dyn Clock>) -> Self {
        let apart = MINUTE / http.requests_per_minute;
        Self { clock, apart, header: http.client_header.clone(), clear_at: Mutex::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// How long the client should wait, when it has asked too often.
    pub fn count(&self, client: IpAddr) -> Result<(), Duration> {
        let now = self.clock.elapsed();
        let mut clients = self.clear_at.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MOST_CLIENTS && !clients.contains_key(&client) {
            clients.retain(|_, clear| *clear > now);
            // So many at once are no few clients that ask often: each begins anew.
            if clients.len() >= MOST_CLIENTS {
                clients.clear();
            }
        }
        let clear = clients.entry(client).or_insert(now);
        let next = (*clear).max(now) + self.apart;
        match next.checked_sub(now + MINUTE) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                *clear = next;
                Ok(())
            }
        }
    }

    /// Who asks, as far as it is known: a peer on this machine or network is a front server that asks for many, unless it says for
    /// whom.
    fn client(&self, request: &Request) -> Option<IpAddr> {
        let peer =
            request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
        let client = match &self.header {
            Some(header) => told_by(request.headers(), header).or(peer),
            None => peer.filter(|peer| !is_near(*peer)),
        };
        client.map(network)
    }
}

fn is_near(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local(),
    }
}

/// The last address is the one that our own front server saw; what stands before it, anybody can write.
fn told_by(headers: &HeaderMap, header: &HeaderName) -> Option<IpAddr> {
    let last = headers.get_all(header).iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
    last.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// One client of IPv6 has a whole /64 (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

pub(super) async fn limited(State(limit): State<Arc<Limit>>, request: Request, next: Next) -> Response {
    match limit.client(&request).map_or(Ok(()), |client| limit.count(client)) {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let mut response = page(StatusCode::TOO_MANY_REQUESTS, "too-many.html", context! {});
            response.headers_mut().insert(RETRY_AFTER, (wait.as_secs() + 1).into());
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use axum::http::{HeaderMap, HeaderName};
    use rstest::rstest;

    use super::{Limit, MOST_CLIENTS, is_near, network, told_by};
    use crate::clock::SimClock;
    use crate::config::Http;

    #[rstest]
    #[case::one(&["192.0.2.1"], Some("192.0.2.1"))]
    #[case::what_the_client_wrote_itself(&["203.0.113.9, 192.0.2.1"], Some("192.0.2.1"))]
    #[case::two_headers(&["203.0.113.9", "192.0.2.1"], Some("192.0.2.1"))]
    #[case::with_a_port(&["192.0.2.1:4711"], Some("192.0.2.1"))]
    #[case::ipv6(&["[2001:db8::1]:4711"], Some("2001:db8::1"))]
    #[case::garble(&["unknown"], None)]
    #[case::nothing(&[], None)]
    fn the_front_server_says_who_asks(#[case] values: &[&str], #[case] told: Option<&str>) {
        let header = HeaderName::from_static("x-forwarded-for");
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&header, value.parse().expect("ASCII"));
        }
        assert_eq!(told_by(&headers, &header), told.map(|told| told.parse().expect("an address")));
    }

    #[rstest]
    #[case("127.0.0.1", true)]
    #[case("10.42.0.7", true)]
    #[case("::1", true)]
    #[case("fd00::7", true)]
    #[case("203.0.113.9", false)]
    #[case("2001:db8::1", false)]
    fn a_front_server_is_near(#[case] peer: &str, #[case] near: bool) {
        assert_eq!(is_near(peer.parse().expect("an address")), near);
    }

    #[test]
    fn however_many_clients_ask_so_many_are_known_at_most() {
        let nowhere = ([127, 0, 0, 1], 0).into();
        let http = Http { public: nowhere, ops: nowhere, requests_per_minute: 1, client_header: None };
        let limit = Limit::new(&http, Arc::new(SimClock::at(chrono::DateTime::UNIX_EPOCH)));
        for number in 0..u32::try_from(MOST_CLIENTS).expect("it fits") * 2 {
            assert!(limit.count(IpAddr::V4(number.into())).is_ok());
            assert!(limit.clear_at.lock().expect("nobody panics").len() <= MOST_CLIENTS);
        }
    }

    #[rstest]
    #[case("192.0.2.1", "192.0.2.1")]
    #[case("::ffff:192.0.2.1", "192.0.2.1")]
    #[case("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    fn a_client_of_ipv6_is_its_network(#[case] address: &str, #[case] client: &str) {
        let parse = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(network(parse(address)), parse(client));
    }
}
