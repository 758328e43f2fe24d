//! Connection settings that every HTTP gateway shares.

use std::fmt;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::domain::Network;
use crate::gateway::GatewayError;

/// How one provider is reached.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Where.
    pub url: Endpoint,
    /// Private networks in which it may lie, where it is given by name.
    pub allowed_networks: Vec<Network>,
    /// PEM text of the certificate authorities to trust instead of the machine's.
    pub ca_pem: Option<String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the whole call may take, connecting included.
    pub timeout: Duration,
    /// How long a connection is kept for the next request. Less than the server's patience (many: 5 s): a request that
    /// meets a connection being closed ends as unknown.
    pub idle_timeout: Duration,
    /// How many calls may be in flight at once.
    pub max_in_flight: usize,
}

impl Connection {
    /// Checks the rules that serde cannot express.
    pub(super) fn check(&self) -> Result<(), GatewayError> {
        let problem = if self.connect_timeout >= self.timeout {
            "connect_timeout has to be shorter than timeout"
        } else if !(1..=1000).contains(&self.max_in_flight) {
            "max_in_flight has to be between 1 and 1000"
        } else {
            return Ok(());
        };
        Err(GatewayError::Settings(problem.into()))
    }
}

/// A `[gateways.*]` section: what is written out, and the keys that every HTTP gateway has. Serde's `flatten` would
/// lose the lines of mistakes.
macro_rules! gateway_settings {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $type,)*
            /// Private networks in which the provider may lie, where it is given by name.
            #[serde(default)]
            pub allowed_networks: Vec<crate::domain::Network>,
            /// PEM text of the certificate authorities to trust instead of the machine's.
            #[serde(default)]
            pub ca_pem: Option<String>,
            /// How long connecting may take.
            #[serde(default = "crate::gateway::sms::connection::connect_timeout", with = "crate::domain::duration")]
            pub connect_timeout: std::time::Duration,
            /// How long the whole call may take, connecting included.
            #[serde(default = "crate::gateway::sms::connection::timeout", with = "crate::domain::duration")]
            pub timeout: std::time::Duration,
            /// How long a connection is kept for the next request. Less than the server's patience (many: 5 s): a
            /// request that meets a connection being closed ends as unknown.
            #[serde(default = "crate::gateway::sms::connection::idle_timeout", with = "crate::domain::duration")]
            pub idle_timeout: std::time::Duration,
            /// How many calls may be in flight at once.
            #[serde(default = "crate::gateway::sms::connection::max_in_flight")]
            pub max_in_flight: usize,
        }

        impl $name {
            /// How the provider is reached.
            #[must_use]
            pub fn connection(&self) -> crate::gateway::sms::Connection {
                crate::gateway::sms::Connection {
                    url: self.url.clone(),
                    allowed_networks: self.allowed_networks.clone(),
                    ca_pem: self.ca_pem.clone(),
                    connect_timeout: self.connect_timeout,
                    timeout: self.timeout,
                    idle_timeout: self.idle_timeout,
                    max_in_flight: self.max_in_flight,
                }
            }
        }
    };
}
pub(super) use gateway_settings;

/// An http or https address. `Debug` shows scheme, host and port only: the rest may hold a secret.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint(Url);

impl Endpoint {
    /// One that is written in this program.
    pub(super) fn known(url: &str) -> Self {
        Self(Url::parse(url).expect("an address that the tests try"))
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }

    pub(super) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// As sockets want them.
    pub(super) fn host_and_port(&self) -> (&str, u16) {
        let host = self.0.host_str().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        (bare, self.0.port_or_known_default().unwrap_or_default())
    }
}

impl TryFrom<String> for Endpoint {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        let url = Url::parse(&text).map_err(|_| "write an address such as https://sms.example/send")?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err("write an address that begins with https:// or http://");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("put user name and password into query or headers, not into the address");
        }
        Ok(Self(url))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = self.host_and_port();
        write!(f, "{}://{host}:{port}/…", self.0.scheme())
    }
}

pub(super) fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

pub(super) fn timeout() -> Duration {
    Duration::from_secs(20)
}

pub(super) fn idle_timeout() -> Duration {
    Duration::from_secs(4)
}

pub(super) fn max_in_flight() -> usize {
    16
}
