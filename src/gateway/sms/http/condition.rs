//! The conditions of the config's rules on an answer.

use std::ops::RangeInclusive;

use regex::Regex;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::gateway::sms::client::ProviderResponse;

/// Checks status, body and JSON; a part that is `None` is not checked.
#[derive(Debug, Clone)]
pub struct Condition {
    status: Option<Statuses>,
    body: Option<Pattern>,
    json: Option<JsonCondition>,
}

impl Condition {
    pub(super) fn new(
        status: Option<Statuses>,
        body: Option<Pattern>,
        json: Option<JsonCondition>,
    ) -> Result<Self, &'static str> {
        if status.is_none() && body.is_none() && json.is_none() {
            return Err("a rule has to look at something: status, body or json");
        }
        Ok(Self { status, body, json })
    }

    /// Whether it holds. A body that did not come whole satisfies no rule that looks at it.
    pub(super) fn holds(&self, answer: &ProviderResponse) -> bool {
        let text_fits = |pattern: &Pattern| answer.text().is_some_and(|text| pattern.0.is_match(&text));
        self.status.as_ref().is_none_or(|statuses| statuses.contain(answer.status))
            && self.body.as_ref().is_none_or(text_fits)
            && self.json.as_ref().is_none_or(|json| json.holds(answer))
    }

    /// Whether it checks the status only, and nothing that the gateway itself says.
    pub(super) fn is_status_alone(&self) -> bool {
        self.body.is_none() && self.json.is_none()
    }

    /// The value that it looks for in JSON: the gateway's own error code, as the config spells it.
    pub(super) fn named(&self) -> Option<&str> {
        self.json.as_ref().map(|json| json.equals.0.as_str())
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            status: Option<Statuses>,
            body: Option<Pattern>,
            json: Option<JsonCondition>,
        }
        let Fields { status, body, json } = Fields::deserialize(deserializer)?;
        Self::new(status, body, json).map_err(de::Error::custom)
    }
}

/// HTTP statuses: `202`, `"200-299"`, or a list of such.
#[derive(Debug, Clone)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const FORM: &str = "write statuses such as 202, \"200-299\" or [200, 202]";
        fn one(value: &Value) -> Option<RangeInclusive<u16>> {
            let (from, to) = match value {
                Value::Number(number) => {
                    let status = u16::try_from(number.as_u64()?).ok()?;
                    (status, status)
                }
                Value::String(text) => {
                    let (from, to) = text.split_once('-').unwrap_or((text, text));
                    (from.trim().parse().ok()?, to.trim().parse().ok()?)
                }
                _ => return None,
            };
            (100 <= from && from <= to && to <= 599).then_some(from..=to)
        }
        let value = Value::deserialize(deserializer)?;
        let ranges: Option<Vec<_>> = match &value {
            Value::Array(list) => list.iter().map(one).collect(),
            value => one(value).map(|range| vec![range]),
        };
        ranges.filter(|ranges| !ranges.is_empty()).map(Self).ok_or_else(|| de::Error::custom(FORM))
    }
}

/// A regular expression, parsed once.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pattern(Regex);

impl TryFrom<String> for Pattern {
    type Error = regex::Error;
    fn try_from(text: String) -> Result<Self, regex::Error> {
        Regex::new(&text).map(Self)
    }
}

/// The value expected at a JSON pointer (RFC 6901).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonCondition {
    pointer: Pointer,
    equals: Scalar,
}

impl JsonCondition {
    fn holds(&self, answer: &ProviderResponse) -> bool {
        let found = answer.json().and_then(|json| json.pointer(&self.pointer.0));
        found.and_then(scalar).is_some_and(|found| found == self.equals.0)
    }
}

/// A JSON pointer such as `/data/0/code`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Pointer(pub(super) String);

impl TryFrom<String> for Pointer {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.starts_with('/') { Ok(Self(text)) } else { Err("a JSON pointer begins with a slash, such as /code") }
    }
}

/// A string, number or truth value, compared by its text: gateways are careless about `0` and `"0"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub struct Scalar(pub(super) String);

impl TryFrom<Value> for Scalar {
    type Error = &'static str;
    fn try_from(value: Value) -> Result<Self, Self::Error> {
        scalar(&value).map(Self).ok_or("compare with a text, a number, true or false")
    }
}

pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Where an accepting answer holds the gateway's own number for the message.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageId {
    /// At a JSON pointer.
    Pointer(Pointer),
    /// The first group of a regular expression, or all that it matches.
    Regex(Pattern),
}

impl MessageId {
    /// At most 128 characters, none of them a control character.
    pub(super) fn find(&self, answer: &ProviderResponse) -> Option<String> {
        let found = match self {
            Self::Pointer(pointer) => scalar(answer.json()?.pointer(&pointer.0)?)?,
            Self::Regex(pattern) => {
                let text = answer.text()?;
                let groups = pattern.0.captures(&text)?;
                groups.get(1).or(groups.get(0))?.as_str().to_owned()
            }
        };
        Some(found.chars().filter(|c| !c.is_control()).take(128).collect::<String>()).filter(|id| !id.is_empty())
    }
}
