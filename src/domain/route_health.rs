//! Probe results and the health derived from them.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Route, RouteKey, UrlRefusal};

/// A fault of a way to repay. Names no address beyond a host, and nothing of the answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteFault {
    /// The name of the host leads nowhere.
    #[error("its host is not found by name (DNS)")]
    Dns,
    /// Nobody listens there.
    #[error("its host takes no connection")]
    Connect,
    /// The certificate's time is over, or yet to come.
    #[error("its certificate has expired, or is not valid yet (TLS)")]
    CertificateTime,
    /// The certificate is another host's.
    #[error("its certificate is for another host (TLS)")]
    CertificateHost,
    /// The certificate is of nobody whom the machine trusts.
    #[error("its certificate is not of an authority that is trusted here (TLS)")]
    CertificateIssuer,
    /// No encrypted connection comes about, for another reason.
    #[error("no encrypted connection comes about (TLS)")]
    Tls,
    /// The answer says that it does not work.
    #[error("it answers with status {0}")]
    Status(u16),
    /// The page is not the one that was expected.
    #[error("the expected text is not on the page")]
    TextMissing,
    /// It, or what it is forwarded to, is no place to which the merchant's routes may lead.
    #[error("the address {0}")]
    Astray(UrlRefusal),
    /// Its name leads into a private network that is not on the list.
    #[error("its name leads to a private address; write the network into allowed_networks of [probe] if that is meant")]
    Private,
    /// A redirect without an address, or more redirects than allowed.
    #[error("it redirects without end, or to nowhere")]
    Redirects,
    /// The answer broke off, or is none.
    #[error("its answer cannot be read")]
    Answer,
    /// No answer in time.
    #[error("it does not answer in time")]
    Slow,
}

impl RouteFault {
    /// The word in figures.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::CertificateTime | Self::CertificateHost | Self::CertificateIssuer | Self::Tls => "tls",
            Self::Status(_) => "status",
            Self::TextMissing => "text",
            Self::Astray(_) => "host",
            Self::Private => "private",
            Self::Redirects => "redirects",
            Self::Answer => "answer",
            Self::Slow => "slow",
        }
    }

    /// Whether this machine would see the same if it had no way to the internet itself.
    #[must_use]
    pub fn may_be_ours(&self) -> bool {
        matches!(self, Self::Dns | Self::Connect)
    }
}

/// The result of one probe of a way to repay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeResult {
    /// How long it took.
    pub took: Duration,
    /// The fault; `None` when the route works.
    pub fault: Option<RouteFault>,
}

/// The health of a route, by its recent probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteHealth {
    /// The route.
    pub key: RouteKey,
    /// The address of the route at the time. Once the route leads elsewhere, this says nothing about it.
    pub url: String,
    /// Whether the route is degraded: no message may lead there.
    pub degraded: bool,
    /// The time from which it has been so.
    pub since: DateTime<Utc>,
    /// The number of consecutive probes that failed; 0 after a success.
    pub failures: u32,
    /// The number of consecutive probes that succeeded; 0 after a failure.
    pub successes: u32,
    /// The fault that the last failing probe found, in words.
    pub last_fault: Option<String>,
    /// When the last probe was made.
    pub probed_at: DateTime<Utc>,
}

/// After how many consecutive probes a route counts as degraded, and as healthy again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Failing ones; 1 at least.
    pub fail_after: u32,
    /// Good ones; 1 at least.
    pub well_after: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { fail_after: 3, well_after: 2 }
    }
}

impl RouteHealth {
    /// Whether it is about the route as it is now, and says that no message may lead there.
    #[must_use]
    pub fn bars(&self, route: &Route) -> bool {
        self.degraded && self.is_of(route)
    }

    /// Whether it is about the route as it is now.
    #[must_use]
    pub fn is_of(&self, route: &Route) -> bool {
        self.key == route.key && route.kind.url() == Some(&self.url)
    }

    /// How the route is doing after one more probe; `before` is what was known of it.
    #[must_use]
    pub fn after(
        before: Option<&Self>,
        route: &Route,
        fault: Option<&RouteFault>,
        patience: Patience,
        at: DateTime<Utc>,
    ) -> Self {
        let mut health = match before.filter(|health| health.is_of(route)) {
            Some(known) => known.clone(),
            // Well until it is proven otherwise.
            None => Self {
                key: route.key.clone(),
                url: route.kind.url().unwrap_or_default().to_owned(),
                degraded: false,
                since: at,
                failures: 0,
                successes: 0,
                last_fault: None,
                probed_at: at,
            },
        };
        health.probed_at = at;
        match fault {
            Some(fault) => {
                health.failures = health.failures.saturating_add(1);
                health.successes = 0;
                health.last_fault = Some(fault.to_string());
            }
            None => {
                health.successes = health.successes.saturating_add(1);
                health.failures = 0;
            }
        }
        let turned = match health.degraded {
            false => health.failures >= patience.fail_after,
            true => health.successes >= patience.well_after,
        };
        if turned {
            health.degraded = !health.degraded;
            health.since = at;
        }
        health
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use rstest::rstest;

    use super::{Patience, RouteFault, RouteHealth};
    use crate::domain::{Route, RouteKind};

    fn route(url: &str) -> Route {
        Route {
            key: "web".parse().expect("a key"),
            merchant: "mall".parse().expect("a name"),
            product: None,
            kind: RouteKind::Web { url: url.into() },
            valid_from: None,
            valid_until: None,
            closed: false,
            replaced_by: None,
        }
    }

    fn at(minute: u32) -> DateTime<Utc> {
        format!("2026-11-22T00:{minute:02}:00Z").parse().expect("an instant")
    }

    fn after(probes: &str) -> RouteHealth {
        let route = route("https://pay.mall.example/");
        let mut health = None;
        for (minute, probe) in (0..).zip(probes.chars()) {
            let fault = (probe == 'x').then_some(RouteFault::Status(500));
            health = Some(RouteHealth::after(health.as_ref(), &route, fault.as_ref(), Patience::default(), at(minute)));
        }
        health.expect("a probe")
    }

    #[rstest]
    #[case::well("..", false, 0)]
    #[case::twice_is_no_proof("xx", false, 0)]
    #[case::three_in_a_row(".xxx", true, 3)]
    #[case::not_in_a_row("xx.xx", false, 0)]
    #[case::one_good_one_is_no_proof("xxx.", true, 2)]
    #[case::two_good_ones("xxx..", false, 4)]
    #[case::not_good_in_a_row("xxx.x.", true, 2)]
    fn it_takes_some_probes_in_a_row_to_turn(#[case] probes: &str, #[case] degraded: bool, #[case] minute: u32) {
        let health = after(probes);
        assert_eq!(health.degraded, degraded);
        assert_eq!(health.since, at(minute));
    }

    #[test]
    fn a_route_that_leads_elsewhere_begins_anew() {
        let (bad, moved) = (after("xxx"), route("https://new.mall.example/"));
        assert!(bad.bars(&route("https://pay.mall.example/")) && !bad.bars(&moved));
        let fault = RouteFault::Dns;
        let health = RouteHealth::after(Some(&bad), &moved, Some(&fault), Patience::default(), bad.since);
        assert_eq!((health.degraded, health.failures), (false, 1));
    }
}
