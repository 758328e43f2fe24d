//! What the kinds of gateways are set by.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

use super::duration;
use crate::domain::{Channel, LinkMode};

/// A `[gateways.*]` section of kind `smtp`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// The mail server; its certificate has to name it.
    pub host: String,
    /// Its port; by default the usual one for `security`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the way there is protected.
    #[serde(default)]
    pub security: Security,
    /// Account and password; none for a relay that knows us by our address.
    #[serde(default)]
    pub credentials: Option<Credentials>,
    /// Who the mail is from.
    pub from: String,
    /// Certificate authorities to trust instead of the machine's.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// How long connecting may take.
    #[serde(default = "ten_seconds", deserialize_with = "read_duration")]
    pub connect_timeout: Duration,
    /// How long the server may take to answer one command.
    #[serde(default = "thirty_seconds", deserialize_with = "read_duration")]
    pub command_timeout: Duration,
    /// How many connections may be open at once.
    #[serde(default = "eight")]
    pub max_connections: usize,
    /// What kind of link it lets through.
    #[serde(default)]
    pub link_mode: LinkMode,
}

/// How the way to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// In the clear.
    None,
    /// TLS that is asked for in the clear.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
}

/// Who we are to the mail server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The account.
    pub username: String,
    /// Its password.
    pub password: SecretString,
}

/// A `[gateways.*]` section of kind `http`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Where requests go.
    pub url: SecretString,
    /// `GET` or `POST`.
    pub method: String,
    /// What stands in the query.
    #[serde(default)]
    pub query: BTreeMap<String, SecretString>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// What an acceptance looks like.
    pub accept: toml::Table,
    /// What refusals look like.
    #[serde(default)]
    pub reject: Vec<toml::Table>,
    /// What "not now" looks like.
    #[serde(default)]
    pub retry: Vec<toml::Table>,
    /// How long a call may take.
    #[serde(default = "thirty_seconds", deserialize_with = "read_duration")]
    pub timeout: Duration,
    /// How many calls may be in flight at once.
    #[serde(default = "eight")]
    pub max_in_flight: usize,
    /// What kind of link it lets through.
    #[serde(default)]
    pub link_mode: LinkMode,
}

/// A `[gateways.*]` section of kind `capture`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureSettings {
    /// What it takes.
    pub channel: Channel,
    /// Where it keeps messages; in memory if left out.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// What kind of link it lets through.
    #[serde(default)]
    pub link_mode: LinkMode,
}

fn read_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration::parse(&text).ok_or_else(|| de::Error::custom(duration::FORM))
}

fn ten_seconds() -> Duration {
    Duration::from_secs(10)
}

fn thirty_seconds() -> Duration {
    Duration::from_secs(30)
}

fn eight() -> usize {
    8
}
