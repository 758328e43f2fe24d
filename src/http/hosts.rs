//! Under which hosts pages are served: a merchant's own, so that nobody shows them under a name of his own by pointing
//! it here.
//!
//! This machine's own names are served too: for operations, for the demo, and for a front server that does not pass the
//! host on. Browsers always name a host; a program that names none is served, as it could name any.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use super::public::not_found;
use crate::config::Config;
use crate::domain::MerchantId;

/// The hosts of each merchant's pages.
#[derive(Debug, Clone, Default)]
pub struct PageHosts(BTreeMap<MerchantId, BTreeSet<String>>);

impl PageHosts {
    /// As the config has them.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        config.policy.merchants.keys().map(|merchant| (merchant.clone(), config.link_hosts(merchant))).collect()
    }

    /// Whether pages of this merchant are served under that host.
    pub(super) fn serves(&self, merchant: &MerchantId, host: &RequestHost) -> bool {
        host.is_own() || self.0.get(merchant).is_some_and(|hosts| host.is_among(hosts))
    }

    fn serves_any(&self, host: &RequestHost) -> bool {
        host.is_own() || self.0.values().any(|hosts| host.is_among(hosts))
    }
}

impl FromIterator<(MerchantId, Vec<String>)> for PageHosts {
    fn from_iter<I: IntoIterator<Item = (MerchantId, Vec<String>)>>(merchants: I) -> Self {
        Self(merchants.into_iter().map(|(merchant, hosts)| (merchant, hosts.into_iter().collect())).collect())
    }
}

/// The host that a request names, without its port and in small letters; `None` if it names none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RequestHost(Option<String>);

impl RequestHost {
    fn of(parts: &Parts) -> Self {
        // Of two (RFC 9112, 3.2 forbids them) a front server may have looked at the other one: such a request names no
        // host of ours.
        let mut named = parts.headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
        let header = match (named.next(), named.next()) {
            (host, None) => host,
            _ => Some(""),
        };
        let host = parts.uri.host().filter(|_| header != Some("")).or(header);
        Self(host.map(plain))
    }

    /// Whether it names nobody, or this machine.
    fn is_own(&self) -> bool {
        let is_loopback = |host: &str| host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        self.0.as_deref().is_none_or(is_loopback)
    }

    fn is_among(&self, hosts: &BTreeSet<String>) -> bool {
        self.0.as_ref().is_some_and(|host| hosts.contains(host))
    }
}

/// A host without port, brackets, final dot and capital letters.
fn plain(host: &str) -> String {
    let without_port = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    without_port.trim_end_matches('.').to_ascii_lowercase()
}

impl<S: Sync> FromRequestParts<S> for RequestHost {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// Answers under the hosts of merchants only. Which merchant's page it is shows later.
pub(super) async fn under_known_hosts(State(hosts): State<Arc<PageHosts>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if !hosts.serves_any(&RequestHost::of(&parts)) {
        return not_found();
    }
    next.run(Request::from_parts(parts, body)).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::{RequestHost, plain};

    #[rstest]
    #[case("Mall.Example", "mall.example")]
    #[case("mall.example:8443", "mall.example")]
    #[case("mall.example.", "mall.example")]
    #[case("[::1]:8080", "::1")]
    #[case("", "")]
    fn hosts_are_compared_in_one_form(#[case] host: &str, #[case] compared: &str) {
        assert_eq!(plain(host), compared);
    }

    #[rstest]
    #[case::nobody(None, true)]
    #[case::localhost(Some("localhost"), true)]
    #[case::loopback(Some("127.0.0.1"), true)]
    #[case::loopback_of_ipv6(Some("::1"), true)]
    #[case::below_localhost(Some("localhost.evil.example"), false)]
    #[case::another_machine(Some("192.0.2.1"), false)]
    #[case::an_empty_name(Some(""), false)]
    fn this_machine_is_served(#[case] host: Option<&str>, #[case] is_own: bool) {
        assert_eq!(RequestHost(host.map(str::to_owned)).is_own(), is_own);
    }
}
