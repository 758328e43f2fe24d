use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chrono::TimeDelta;
use reqwest::Url;
use serde::{Deserialize, Deserializer, de};

use super::condition::{Condition, JsonCondition, MessageId, Pattern, Statuses};
use super::template::{JsonTemplate, Template};
use crate::domain::{LinkMode, RejectScope};
use crate::gateway::GatewayError;

/// A `[gateways.*]` section of kind `http`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpSettings {
    /// Where messages are handed over.
    pub url: Endpoint,
    /// How.
    pub method: Method,
    /// What is added to the URL.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// What goes into the header.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// What goes into the body.
    #[serde(default)]
    pub body: RequestBody,
    /// What an acceptance looks like. Nothing else is taken for one.
    pub accept: Condition,
    /// What refusals look like, looked at after `accept` and in this order.
    #[serde(default)]
    pub reject: Vec<RejectRule>,
    /// What "not now" looks like, looked at after `reject` and in this order.
    #[serde(default)]
    pub retry: Vec<RetryRule>,
    /// Where the gateway's own number for the message is.
    #[serde(default)]
    pub message_id: Option<MessageId>,
    /// PEM text of the certificate authorities to trust instead of the machine's.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// How long connecting may take.
    #[serde(default = "connect_timeout", with = "crate::domain::duration")]
    pub connect_timeout: Duration,
    /// How long the whole call may take, connecting included.
    #[serde(default = "timeout", with = "crate::domain::duration")]
    pub timeout: Duration,
    /// How long a connection is kept for the next request. Less than the server's patience (many: 5 s): a request that meets
    /// a connection being closed ends as unknown.
    #[serde(default = "idle_timeout", with = "crate::domain::duration")]
    pub idle_timeout: Duration,
    /// How many calls may be in flight at once.
    #[serde(default = "max_in_flight")]
    pub max_in_flight: usize,
    /// What kind of link it lets through.
    #[serde(default)]
    pub link_mode: LinkMode,
    /// Whether the gateway takes the same `reference` only once, as its documentation promises.
    #[serde(default)]
    pub idempotent: bool,
}

impl HttpSettings {
    /// What serde cannot say.
    pub(super) fn check(&self) -> Result<(), GatewayError> {
        let problem = if self.method == Method::Get && !matches!(self.body, RequestBody::None) {
            "a GET has no body: set method to \"POST\" or move the fields to query"
        } else if self.connect_timeout >= self.timeout {
            "connect_timeout has to be shorter than timeout"
        } else if !(1..=1000).contains(&self.max_in_flight) {
            "max_in_flight has to be between 1 and 1000"
        } else if let Some(problem) = self.headers.keys().find_map(|name| header_problem(name)) {
            problem
        } else {
            return Ok(());
        };
        Err(GatewayError::Settings(problem.into()))
    }
}

fn header_problem(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "host" | "content-length" | "transfer-encoding" | "connection" => Some("headers may not frame the request"),
        lower if reqwest::header::HeaderName::from_bytes(lower.as_bytes()).is_err() => {
            Some("headers holds a name that is none")
        }
        _ => None,
    }
}

/// An http or https address. `Debug` shows scheme, host and port only: the rest may hold a secret.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Endpoint(Url);

impl Endpoint {
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

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// All in the URL.
    Get,
    /// With a body.
    Post,
}

/// What goes into the body of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestBody {
    /// Nothing.
    #[default]
    None,
    /// JSON whose strings are templates.
    Json(JsonTemplate),
    /// Fields of a form.
    Form(BTreeMap<String, Template>),
}

/// An answer that is a refusal.
#[derive(Debug, Clone)]
pub struct RejectRule {
    pub(super) condition: Condition,
    pub(super) scope: RejectScope,
}

impl<'de> Deserialize<'de> for RejectRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Scope {
            Recipient,
            Gateway,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            status: Option<Statuses>,
            body: Option<Pattern>,
            json: Option<JsonCondition>,
            scope: Scope,
        }
        let Fields { status, body, json, scope } = Fields::deserialize(deserializer)?;
        let scope = match scope {
            Scope::Recipient => RejectScope::Recipient,
            Scope::Gateway => RejectScope::Gateway,
        };
        Ok(Self { condition: Condition::new(status, body, json).map_err(de::Error::custom)?, scope })
    }
}

/// An answer that says "not now".
#[derive(Debug, Clone)]
pub struct RetryRule {
    pub(super) condition: Condition,
    /// How long to wait, where the answer itself does not say.
    pub(super) after: Option<TimeDelta>,
}

impl<'de> Deserialize<'de> for RetryRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Pause(#[serde(with = "crate::domain::duration")] Duration);
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            status: Option<Statuses>,
            body: Option<Pattern>,
            json: Option<JsonCondition>,
            after: Option<Pause>,
        }
        let Fields { status, body, json, after } = Fields::deserialize(deserializer)?;
        let after = after.map(|Pause(after)| TimeDelta::from_std(after)).transpose().map_err(de::Error::custom)?;
        Ok(Self { condition: Condition::new(status, body, json).map_err(de::Error::custom)?, after })
    }
}

fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

fn timeout() -> Duration {
    Duration::from_secs(20)
}

fn idle_timeout() -> Duration {
    Duration::from_secs(4)
}

fn max_in_flight() -> usize {
    16
}

#[cfg(test)]
mod tests {
    use super::HttpSettings;
    use rstest::rstest;

    const LEAST: &str = "url = 'https://sms.example/send'\nmethod = 'GET'\n";

    fn read(text: &str) -> Result<HttpSettings, String> {
        let settings: HttpSettings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.check().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[rstest]
    #[case::nothing_is_accepted("", "accept")]
    #[case::empty_rule("accept = {}", "something")]
    #[case::bad_range("accept = { status = '299-200' }", "200-299")]
    #[case::bad_status("accept = { status = [20] }", "200-299")]
    #[case::bad_regex("accept = { body = '(' }", "regex")]
    #[case::bad_pointer("accept = { json = { pointer = 'code', equals = 0 } }", "slash")]
    #[case::bad_equals("accept = { json = { pointer = '/code', equals = [] } }", "number")]
    #[case::unknown_variable("accept = { status = 200 }\nquery = { to = '{{ phone }}' }", "to_digits")]
    #[case::broken_template("accept = { status = 200 }\nquery = { to = '{{ to' }", "broken")]
    #[case::unknown_key("accept = { status = 200 }\npasword = 'x'", "pasword")]
    #[case::no_scope("accept = { status = 200 }\nreject = [{ status = 400 }]", "scope")]
    #[case::body_of_a_get("accept = { status = 200 }\nbody = { form = { to = '{{ to }}' } }", "POST")]
    #[case::framing("accept = { status = 200 }\nheaders = { Content-Length = '5' }", "frame")]
    #[case::timeouts("accept = { status = 200 }\ntimeout = '1s'", "shorter")]
    fn mistakes_are_named(#[case] text: &str, #[case] named: &str) {
        let problem = read(&format!("{LEAST}{text}")).unwrap_err();
        assert!(problem.contains(named), "{problem}");
    }

    #[rstest]
    #[case("ftp://sms.example/", "https://")]
    #[case("sms.example", "address")]
    #[case("https://user:secret@sms.example/", "not into the address")]
    fn an_address_is_checked(#[case] url: &str, #[case] named: &str) {
        let text = format!("url = '{url}'\nmethod = 'GET'\naccept = {{ status = 200 }}");
        let problem = toml::from_str::<HttpSettings>(&text).unwrap_err();
        assert!(problem.message().contains(named) && !problem.message().contains("secret"), "{problem}");
    }

    #[test]
    fn debug_shows_neither_secrets_nor_the_path() {
        let text = "url = 'https://sms.example/account/open-sesame'\nmethod = 'POST'\naccept = { status = 200 }\n\
            query = { key = 'sesame' }\nheaders = { authorization = 'sesame' }\nbody = { json = { pin = 'sesame' } }";
        let shown = format!("{:?}", read(text).unwrap());
        assert!(!shown.contains("sesame"), "{shown}");
    }
}
