//! Settings of generic HTTP gateways.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};

use super::condition::{Condition, JsonCondition, MessageId, Pattern, Statuses};
use super::form::{Method, RequestBody, RequestForm};
use super::mapping::{ReceiptMapping, ReplyMapping};
use super::template::Template;
use crate::domain::{LinkMode, MerchantId, RejectScope};
use crate::gateway::sms::connection::{Endpoint, gateway_settings};
use crate::gateway::sms::dlt::DltSettings;
use crate::gateway::{GatewayError, OneOrMore, SettingsProblem};

gateway_settings! {
    /// A `[gateways.*]` section of kind `http`.
    pub struct HttpSettings {
        /// Where messages are handed over.
        pub url: Endpoint,
        /// The HTTP method.
        pub method: Method,
        /// Query parameters added to the URL.
        #[serde(default)]
        pub query: BTreeMap<String, Template>,
        /// Secrets that templates name as `{{ secrets.NAME }}`; while one is changed, the new one and the old one.
        #[serde(default)]
        pub secrets: BTreeMap<String, OneOrMore<SecretString>>,
        /// Headers of the request.
        #[serde(default)]
        pub headers: BTreeMap<String, Template>,
        /// The body of the request.
        #[serde(default)]
        pub body: RequestBody,
        /// The condition for an acceptance. No other answer is treated as one.
        pub accept: Condition,
        /// The rules for refusals, checked after `accept` and in this order.
        #[serde(default)]
        pub reject: Vec<RejectRule>,
        /// The rules for "not now", checked after `reject` and in this order.
        #[serde(default)]
        pub retry: Vec<RetryRule>,
        /// Where the gateway's own number for the message is.
        #[serde(default)]
        pub message_id: Option<MessageId>,
        /// The sender IDs of merchants: what templates name as `{{ sender }}`; by default the merchant's signature.
        #[serde(default)]
        pub senders: BTreeMap<MerchantId, String>,
        /// The registration of India's operators, where it sends there: templates then name `{{ dlt_entity_id }}` and
        /// `{{ dlt_template_id }}`, and messages are made from the registered texts.
        #[serde(default)]
        pub dlt: Option<DltSettings>,
        /// The request that asks about the fate of a message, where the gateway offers one.
        #[serde(default)]
        pub look_up: Option<LookUpSettings>,
        /// How to read its receipts.
        #[serde(default)]
        pub receipts: Option<ReceiptMapping>,
        /// How to read the replies that it passes on.
        #[serde(default)]
        pub replies: Option<ReplyMapping>,
        /// The kind of link that it lets through.
        #[serde(default)]
        pub link_mode: LinkMode,
        /// Whether the provider itself answers who opts out.
        #[serde(default)]
        pub confirms_opt_outs: bool,
    }
}

impl HttpSettings {
    /// The first of [`Self::problems`].
    pub(super) fn check(&self, is_called_back: bool) -> Result<(), GatewayError> {
        self.problems(is_called_back).into_iter().next().map_or(Ok(()), |problem| Err(problem.into()))
    }

    /// Checks the rules that serde cannot express. `is_called_back`: there is a callback address.
    #[must_use]
    pub fn problems(&self, is_called_back: bool) -> Vec<SettingsProblem> {
        let mut problems = Vec::new();
        let mut note = |key: &str, text: String| problems.push(SettingsProblem { key: key.to_owned(), text });
        if let Some(problem) = self.form().problem() {
            note(problem.0, problem.1.to_owned());
        }
        for (merchant, _) in self.senders.iter().filter(|(_, sender)| sender.trim().is_empty()) {
            note(&format!("senders.{merchant}"), "is empty; write a sender ID, or leave it out".to_owned());
        }
        let names = |name: &str| self.form().templates().iter().any(|template| template.names().contains(name));
        for name in ["dlt_entity_id", "dlt_template_id"] {
            match (&self.dlt, names(name)) {
                (Some(_), false) => note(
                    "dlt",
                    format!(
                        "reaches nobody: no template names {name}; write \"{{{{ {name} }}}}\" where the gateway \
                         takes it"
                    ),
                ),
                (None, true) => note("dlt", format!("is missing, and a template names {name}; write dlt = {{ … }}")),
                _ => {}
            }
        }
        let look_up = self.look_up.iter().flat_map(|look_up| look_up.form().templates());
        let secrets = self.form().templates().into_iter().chain(look_up).flat_map(Template::secrets);
        let missing: BTreeSet<_> = secrets.filter(|name| !self.secrets.contains_key(name)).collect();
        for name in missing {
            note("secrets", format!("has no {name}, which a template names as secrets.{name}; write it into secrets"));
        }
        if let Some(look_up) = &self.look_up {
            if let Some((key, problem)) = look_up.form().problem() {
                note(&format!("look_up.{key}"), problem.to_owned());
            }
            if let Some(problem) = look_up.problem() {
                note("look_up", problem.to_owned());
            }
            let goes_to = |endpoint: &Endpoint| {
                (endpoint.is_https(), endpoint.host_and_port().0.to_owned(), endpoint.host_and_port().1)
            };
            if goes_to(&look_up.url) != goes_to(&self.url) {
                let text = "leads to another server than url; one gateway is one server";
                note("look_up.url", text.to_owned());
            }
        }
        if !is_called_back && names("callback") {
            let text = "is missing: a template names callback, and the gateway has no address for it; write \
                        callback_secret";
            note("callback_secret", text.to_owned());
        }
        problems
    }

    /// The request that hands a message over.
    pub(super) fn form(&self) -> RequestForm<'_> {
        let Self { url, method, query, headers, body, .. } = self;
        RequestForm { url, method: *method, query, headers, body }
    }
}

/// `look_up = { url = "…", query = { id = "{{ reference }}" }, accepted = { … } }`: asks what became of a message. The
/// templates may name `to`, `to_digits`, `reference` and `secrets`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookUpSettings {
    /// The address of the request.
    pub url: Endpoint,
    /// The HTTP method.
    #[serde(default = "get")]
    pub method: Method,
    /// Query parameters added to the URL.
    #[serde(default)]
    pub query: BTreeMap<String, Template>,
    /// Headers of the request.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// The body of the request.
    #[serde(default)]
    pub body: RequestBody,
    /// The condition for a message that the gateway took over.
    pub accepted: Condition,
    /// The condition for a message that has arrived, checked first.
    #[serde(default)]
    pub delivered: Option<Condition>,
    /// The condition for a message that will never arrive, checked next.
    #[serde(default)]
    pub undelivered: Option<Condition>,
    /// The condition for a message that the gateway never had, and how long after the hand-over it is a proof. Only
    /// where the gateway's documentation promises it.
    #[serde(default)]
    pub not_sent: Option<RetryRule>,
    /// Where the gateway's own number for the message is.
    #[serde(default)]
    pub message_id: Option<MessageId>,
}

fn get() -> Method {
    Method::Get
}

impl LookUpSettings {
    fn problem(&self) -> Option<&'static str> {
        let known = |name: &String| matches!(name.as_str(), "to" | "to_digits" | "reference" | "secrets");
        if !self.form().templates().iter().all(|template| template.names().iter().all(known)) {
            Some("has a template that names something else than to, to_digits, reference and secrets")
        } else if !self.form().templates().iter().any(|template| template.names().contains("reference")) {
            Some("asks about no message: some template has to name reference, by which the gateway knows it")
        } else if self.not_sent.as_ref().is_some_and(|rule| rule.condition.is_status_alone()) {
            Some(
                "has a not_sent that looks at the status alone, which may come from anybody on the way; look at body \
                 or json",
            )
        } else if self.not_sent.as_ref().is_some_and(|rule| rule.after.is_none()) {
            Some(
                "has a not_sent that proves nothing without a time: write after = \"10m\", the delay that the gateway \
                 documents",
            )
        } else {
            None
        }
    }

    /// The request that asks.
    pub(super) fn form(&self) -> RequestForm<'_> {
        let Self { url, method, query, headers, body, .. } = self;
        RequestForm { url, method: *method, query, headers, body }
    }
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
        #[serde(rename_all = "snake_case")]
        enum Scope {
            Recipient,
            Content,
            OptedOut,
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
            Scope::Content => RejectScope::Content,
            Scope::OptedOut => RejectScope::OptedOut,
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

#[cfg(test)]
mod tests {
    use super::HttpSettings;
    use rstest::rstest;

    const LEAST: &str = "url = 'https://sms.example/send'\nmethod = 'GET'\n";

    fn read(text: &str) -> Result<HttpSettings, String> {
        let settings: HttpSettings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.check(false).map_err(|error| error.to_string())?;
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
    #[case::no_callback("accept = { status = 200 }\nquery = { dlr = '{{ callback }}' }", "callback_secret")]
    #[case::dlt_ids_go_nowhere(
        "accept = { status = 200 }\ndlt = { entity_id = '1101234567890123456', templates = {} }",
        "names dlt_entity_id"
    )]
    #[case::no_dlt("accept = { status = 200 }\nquery = { pe = '{{ dlt_entity_id }}' }", "write dlt =")]
    #[case::look_up_text(
        "accept = { status = 200 }\nlook_up = { url = 'https://sms.example/s', query = { t = '{{ text }}' }, accepted \
         = { status = 200 } }",
        "look_up"
    )]
    #[case::proof_without_time(
        "accept = { status = 200 }\nlook_up = { url = 'https://sms.example/s', query = { r = '{{ reference }}' }, \
         accepted = { status = 200 }, not_sent = { body = 'none' } }",
        "after"
    )]
    #[case::proof_by_status(
        "accept = { status = 200 }\nlook_up = { url = 'https://sms.example/s', query = { r = '{{ reference }}' }, \
         accepted = { status = 200 }, not_sent = { status = 404, after = '10m' } }",
        "the status alone"
    )]
    #[case::asks_by_phone_alone(
        "accept = { status = 200 }\nlook_up = { url = 'https://sms.example/s', query = { t = '{{ to }}' }, accepted = \
         { status = 200 } }",
        "name reference"
    )]
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
