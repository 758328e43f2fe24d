//! The small templates of a request: one value each, parsed once.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use minijinja::{Environment, UndefinedBehavior};
use serde::{Deserialize, Serialize, Serializer, ser};
use serde_json::Value;

/// The values that a template may name.
pub(super) struct Values<'a> {
    /// The phone, `+8613800138000`.
    pub(super) to: &'a str,
    /// The phone without its `+`.
    pub(super) to_digits: &'a str,
    /// The message.
    pub(super) text: &'a str,
    /// The same for every attempt at one reminder.
    pub(super) reference: &'a str,
    /// From 1.
    pub(super) attempt: u32,
    /// The merchant's signature.
    pub(super) sender: &'a str,
    /// The number of the entity at India's operators; empty elsewhere, as the next.
    pub(super) dlt_entity_id: &'a str,
    /// The number of the registered text.
    pub(super) dlt_template_id: &'a str,
    /// The address that receives its receipts, with the reference in it; empty where there is none.
    pub(super) callback: &'a str,
    /// The secrets of `[gateways.*.secrets]`, as one request uses them.
    pub(super) secrets: Secrets<'a>,
}

/// Secrets by their names.
pub(super) type Secrets<'a> = BTreeMap<&'a str, &'a str>;

/// The name under which templates find [`Secrets`].
const SECRETS: &str = "secrets";

const NAMES: [&str; 9] =
    ["to", "to_digits", "text", "reference", "attempt", "sender", "callback", "dlt_entity_id", "dlt_template_id"];

impl<'a> Values<'a> {
    /// As the templates of one request take them.
    pub(super) fn context(&'a self) -> Context<'a> {
        Context { values: self, for_engine: OnceCell::new() }
    }

    /// The value of one of [`NAMES`].
    fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        Some(Cow::Borrowed(match name {
            "to" => self.to,
            "to_digits" => self.to_digits,
            "text" => self.text,
            "reference" => self.reference,
            "attempt" => return Some(Cow::Owned(self.attempt.to_string())),
            "sender" => self.sender,
            "callback" => self.callback,
            "dlt_entity_id" => self.dlt_entity_id,
            "dlt_template_id" => self.dlt_template_id,
            _ => return None,
        }))
    }

    fn for_engine(&self) -> minijinja::Value {
        let &Self { to, to_digits, text, reference, attempt, sender, callback, ref secrets, .. } = self;
        let &Self { dlt_entity_id, dlt_template_id, .. } = self;
        let secrets = minijinja::Value::from_pairs(secrets.iter().map(|(name, secret)| (*name, *secret)));
        minijinja::context! {
            to, to_digits, text, reference, attempt, sender, callback, dlt_entity_id, dlt_template_id, secrets
        }
    }
}

/// [`Values`], made ready for the engine once for all templates of a request, if any needs it.
pub(super) struct Context<'a> {
    values: &'a Values<'a>,
    for_engine: OnceCell<minijinja::Value>,
}

/// The value of a query parameter, a header, a form field or a JSON string. A text with neither `{{` nor `{%` is taken
/// as it is, so that a password needs no quoting. `Debug` hides it: it may be one.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Template(TemplateForm);

#[derive(Clone)]
enum TemplateForm {
    Fixed(Arc<str>),
    /// `{{ text }}` and nothing else, as most are: one of [`NAMES`].
    Named(&'static str),
    /// One template, called [`ONLY`].
    Parsed(Arc<Environment<'static>>),
}

const ONLY: &str = "value";

impl Template {
    /// The values that it names.
    pub(super) fn names(&self) -> HashSet<String> {
        match &self.0 {
            TemplateForm::Fixed(_) => HashSet::new(),
            TemplateForm::Named(name) => HashSet::from([(*name).to_owned()]),
            TemplateForm::Parsed(environment) => {
                let template = environment.get_template(ONLY);
                template.map(|template| template.undeclared_variables(false)).unwrap_or_default()
            }
        }
    }

    /// The names of the secrets in it.
    pub(super) fn secrets(&self) -> Vec<String> {
        let TemplateForm::Parsed(environment) = &self.0 else { return Vec::new() };
        let template = environment.get_template(ONLY);
        let names = template.map(|template| template.undeclared_variables(true)).unwrap_or_default();
        names.iter().filter_map(|name| Some(name.strip_prefix(SECRETS)?.trim_start_matches('.').to_owned())).collect()
    }

    pub(super) fn render<'a>(&'a self, context: &Context<'a>) -> Result<Cow<'a, str>, minijinja::Error> {
        let Context { values, for_engine } = context;
        match &self.0 {
            TemplateForm::Fixed(text) => Ok(Cow::Borrowed(text)),
            TemplateForm::Named(name) => Ok(values.get(name).unwrap_or_default()),
            TemplateForm::Parsed(environment) => {
                let values = for_engine.get_or_init(|| values.for_engine()).clone();
                environment.get_template(ONLY)?.render(values).map(Cow::Owned)
            }
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template(…)")
    }
}

impl TryFrom<String> for Template {
    type Error = String;

    /// The error says what is wrong without repeating the text.
    fn try_from(text: String) -> Result<Self, String> {
        if !text.contains("{{") && !text.contains("{%") {
            return Ok(Self(TemplateForm::Fixed(text.into())));
        }
        let inside = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")).map(str::trim);
        if let Some(name) = NAMES.iter().find(|name| inside == Some(**name)) {
            return Ok(Self(TemplateForm::Named(name)));
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(10_000));
        environment.set_debug(false);
        let broken = |error: minijinja::Error| format!("the template is broken: {}", error.kind());
        environment.add_template_owned(ONLY, text).map_err(broken)?;
        let named = environment.get_template(ONLY).map_err(broken)?.undeclared_variables(false);
        if let Some(stranger) = named.iter().find(|name| !NAMES.contains(&name.as_str()) && *name != SECRETS) {
            return Err(format!("the template names {stranger}; it may name {} and {SECRETS}", NAMES.join(", ")));
        }
        Ok(Self(TemplateForm::Parsed(Arc::new(environment))))
    }
}

/// A JSON value whose strings are templates. Escaping is the serialiser's work, whatever a message holds.
#[derive(Clone, Deserialize)]
#[serde(try_from = "Value")]
pub struct JsonTemplate(Node);

#[derive(Clone)]
enum Node {
    Text(Template),
    /// A number, a truth value or null.
    Plain(Value),
    List(Vec<JsonTemplate>),
    Map(BTreeMap<String, JsonTemplate>),
}

impl JsonTemplate {
    /// Every template in it.
    pub(super) fn templates(&self) -> Vec<&Template> {
        match &self.0 {
            Node::Text(template) => vec![template],
            Node::Plain(_) => Vec::new(),
            Node::List(list) => list.iter().flat_map(Self::templates).collect(),
            Node::Map(map) => map.values().flat_map(Self::templates).collect(),
        }
    }

    /// The JSON text.
    pub(super) fn render(&self, context: &Context<'_>) -> Result<String, serde_json::Error> {
        serde_json::to_string(&FilledTemplate(self, context))
    }
}

/// A template with values in it, as serde sees it.
struct FilledTemplate<'a>(&'a JsonTemplate, &'a Context<'a>);

impl Serialize for FilledTemplate<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(template, context) = self;
        match &template.0 {
            Node::Text(template) => serializer.serialize_str(&template.render(context).map_err(ser::Error::custom)?),
            Node::Plain(value) => value.serialize(serializer),
            Node::List(list) => serializer.collect_seq(list.iter().map(|item| FilledTemplate(item, context))),
            Node::Map(map) => {
                serializer.collect_map(map.iter().map(|(name, value)| (name, FilledTemplate(value, context))))
            }
        }
    }
}

impl fmt::Debug for JsonTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonTemplate(…)")
    }
}

impl TryFrom<Value> for JsonTemplate {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        Ok(Self(match value {
            Value::String(text) => Node::Text(text.try_into()?),
            Value::Array(list) => Node::List(list.into_iter().map(Self::try_from).collect::<Result<_, _>>()?),
            Value::Object(map) => {
                let fields = map.into_iter().map(|(name, value)| Ok((name, Self::try_from(value)?)));
                Node::Map(fields.collect::<Result<_, String>>()?)
            }
            plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => Node::Plain(plain),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::{JsonTemplate, Template, Values};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn values(text: &str) -> Values<'_> {
        let (to, to_digits) = ("+8613800138000", "8613800138000");
        Values {
            to,
            to_digits,
            text,
            reference: "ref-1",
            attempt: 2,
            sender: "商城",
            callback: "",
            dlt_entity_id: "1101",
            dlt_template_id: "1107",
            secrets: [("key", "k1")].into(),
        }
    }

    fn render(template: &str, text: &str) -> String {
        Template::try_from(template.to_owned()).unwrap().render(&values(text).context()).unwrap().into_owned()
    }

    #[test]
    fn a_template_fills_in_and_escapes_nothing() {
        assert_eq!(
            render("【{{ sender }}】{{ text }} {{ to_digits }}/{{ attempt }}", "<a & 'b'>"),
            "【商城】<a & 'b'> 8613800138000/2"
        );
        for name in super::NAMES {
            let (alone, beside) = (format!("{{{{ {name} }}}}"), format!("{{{{ {name} }}}}|"));
            assert_eq!(render(&alone, "<a & 'b'>") + "|", render(&beside, "<a & 'b'>"), "{name}");
        }
        assert_eq!(render("{{attempt}}", ""), "2");
        assert_eq!(render("{{ text }}", "<a & 'b'>"), "<a & 'b'>");
        assert_eq!(render("Bearer {{ secrets.key }}", ""), "Bearer k1");
        assert_eq!(render("p{#ssw}ord%", ""), "p{#ssw}ord%", "what is no template is taken as it is");
    }

    #[test]
    fn mistakes_are_found_at_load() {
        let problem = Template::try_from("{{ phone }}".to_owned()).unwrap_err();
        assert!(problem.contains("phone") && problem.contains("to_digits"), "{problem}");
        let problem = Template::try_from("{{ text ".to_owned()).unwrap_err();
        assert!(problem.contains("broken"), "{problem}");
        assert!(JsonTemplate::try_from(json!({ "a": [{ "b": "{{ c }}" }] })).is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        let template: JsonTemplate = json!({ "password": "open sesame" }).try_into().unwrap();
        assert!(!format!("{template:?}").contains("sesame"));
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_json_string(text: String) {
            let template: JsonTemplate = json!({ "text": "{{ text \
                }}", "n": 1, "to": ["{{ to }}"] }).try_into().unwrap();
            let sent = template.render(&values(&text).context()).unwrap();
            let read: Value = serde_json::from_str(&sent).unwrap();
            prop_assert_eq!(read, json!({ "text": text, "n": 1, "to": ["+8613800138000"] }));
        }
    }
}
