//! Limits how often one client may ask for pages, and how much one link may write to the store: guessing tokens takes
//! many addresses, and neither one client nor one link can keep the store busy.
//!
//! The counts are local to this process. With several daemons each allows as much.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use minijinja::context;

use super::page::page;
use crate::clock::Clock;
use crate::config::Http;
use crate::domain::ReminderId;
use crate::plan::Gcra;

/// How many clients or links are known at most: some 10 MB.
const MOST_KEYS: usize = 100_000;

const MINUTE: Duration = Duration::from_secs(60);

const HOUR: Duration = Duration::from_secs(3_600);

/// How much oftener than others a client may ask for pages to unsubscribe: mail programs of many people ask from few
/// addresses.
const OF_MAIL_PROGRAMS: u32 = 20;

/// The recorded clicks per link and hour. A borrower who clicks more often still gets to the target.
const CLICKS_PER_LINK: u32 = 20;

/// How often in an hour preferences may be changed through one link.
const WISHES_PER_LINK: u32 = 10;

/// The limits for visitors.
#[derive(Debug)]
pub struct Limits {
    /// How often one client may ask for a page.
    pub pages: Arc<Limit>,
    /// How often it may ask for a page to unsubscribe.
    pub unsubscribing: Arc<Limit>,
    /// The recorded clicks per link.
    pub(super) clicks: Quota<ReminderId>,
    /// How often preferences may be changed through one link.
    pub(super) preferences: Quota<ReminderId>,
}

impl Limits {
    /// As the config has it.
    #[must_use]
    pub fn new(http: &Http, clock: &Arc<dyn Clock>) -> Self {
        let limit = |per_minute| Limit::new(per_minute, http.client_header.clone(), clock);
        Self {
            pages: Arc::new(limit(http.requests_per_minute)),
            unsubscribing: Arc::new(limit(http.requests_per_minute.saturating_mul(OF_MAIL_PROGRAMS))),
            clicks: Quota::new(CLICKS_PER_LINK, HOUR, Arc::clone(clock)),
            preferences: Quota::new(WISHES_PER_LINK, HOUR, Arc::clone(clock)),
        }
    }
}

/// So many uses in a span for each key: all of them at once, or evenly.
#[derive(Debug)]
pub struct Quota<K> {
    clock: Arc<dyn Clock>,
    rate: Gcra,
    /// For each key, the moment from which it is allowed evenly, on the clock's elapsed time.
    next: Mutex<HashMap<K, DateTime<Utc>>>,
}

impl<K: Eq + Hash> Quota<K> {
    /// `uses` in each `span`.
    #[must_use]
    pub fn new(uses: u32, span: Duration, clock: Arc<dyn Clock>) -> Self {
        let interval = TimeDelta::from_std(span / uses.max(1)).unwrap_or(TimeDelta::MAX);
        Self { clock, rate: Gcra { interval, burst: uses }, next: Mutex::default() }
    }

    /// Counts a use.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn count(&self, key: K) -> Result<(), Duration> {
        let now = DateTime::UNIX_EPOCH + self.clock.elapsed();
        let mut keys = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_KEYS && !keys.contains_key(&key) {
            let unused = self.rate.allows_from(None, now);
            keys.retain(|_, next| *next > unused);
            // So many at once are no few clients that ask often: each begins anew.
            if keys.len() >= MOST_KEYS {
                keys.clear();
            }
        }
        let from = self.rate.allows_from(keys.get(&key).copied(), now);
        if let Ok(wait) = (from - now).to_std()
            && !wait.is_zero()
        {
            return Err(wait);
        }
        keys.insert(key, from + self.rate.interval);
        Ok(())
    }
}

/// How often one client may ask.
#[derive(Debug)]
pub struct Limit {
    quota: Quota<IpAddr>,
    /// Where the front server writes for whom it asks.
    header: Option<HeaderName>,
}

impl Limit {
    /// So many requests in a minute, of clients that the front server names in a header.
    pub(super) fn new(per_minute: u32, header: Option<HeaderName>, clock: &Arc<dyn Clock>) -> Self {
        Self { quota: Quota::new(per_minute, MINUTE, Arc::clone(clock)), header }
    }

    /// Counts a request, and hands its [`Client`] on.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(super) fn admit(&self, request: &mut Request) -> Result<(), Duration> {
        if let Some(client) = self.client(request) {
            request.extensions_mut().insert(Client(client));
        }
        self.count(request)
    }

    /// Counts a request, if it is known who asks.
    fn count(&self, request: &Request) -> Result<(), Duration> {
        self.client(request).map_or(Ok(()), |client| self.quota.count(client))
    }

    /// The address of the client, as far as it is known: a peer on this machine or network is a front server that asks
    /// for many clients, unless its header names the client.
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

/// Whether a peer is on this machine or network.
pub(super) fn is_near(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(peer) => peer.is_loopback() || peer.is_private() || peer.is_link_local(),
        IpAddr::V6(peer) => peer.is_loopback() || peer.is_unique_local() || peer.is_unicast_link_local(),
    }
}

/// The last address is the one that the merchant's own front server saw; anybody can write the ones before it.
fn told_by(headers: &HeaderMap, header: &HeaderName) -> Option<IpAddr> {
    let last = headers.get_all(header).iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
    last.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// One client of IPv6 has a whole /64 (RFC 6177).
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

/// The client of a request that the limit let through, for later handlers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client(IpAddr);

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Answers as long as the client does not ask too often.
pub(super) async fn limited(State(limit): State<Arc<Limit>>, mut request: Request, next: Next) -> Response {
    match limit.admit(&mut request) {
        Ok(()) => next.run(request).await,
        Err(wait) => too_many(wait),
    }
}

/// Limits only requests that miss: a client whose requests find their page may come as often as it likes.
pub(super) async fn misses_limited(State(limit): State<Arc<Limit>>, request: Request, next: Next) -> Response {
    let client = limit.client(&request);
    let response = next.run(request).await;
    match client.filter(|_| response.status() == StatusCode::NOT_FOUND).map(|client| limit.quota.count(client)) {
        Some(Err(wait)) => too_many(wait),
        _ => response,
    }
}

pub(super) fn too_many(wait: Duration) -> Response {
    let mut response = page(StatusCode::TOO_MANY_REQUESTS, "too-many.html", context! {});
    response.headers_mut().insert(RETRY_AFTER, (wait.as_secs() + 1).into());
    response
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use axum::http::{HeaderMap, HeaderName};
    use rstest::rstest;

    use super::{MINUTE, MOST_KEYS, Quota, is_near, network, told_by};
    use crate::clock::SimClock;

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
        let quota = Quota::new(1, MINUTE, Arc::new(SimClock::at(chrono::DateTime::UNIX_EPOCH)));
        for number in 0..u32::try_from(MOST_KEYS).expect("it fits") * 2 {
            assert!(quota.count(IpAddr::V4(number.into())).is_ok());
            assert!(quota.next.lock().expect("nobody panics").len() <= MOST_KEYS);
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
