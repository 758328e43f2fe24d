//! Compares answers with the schemas of the OpenAPI document: a field that the document does not have, or has
//! otherwise, is a mistake. Every answer that a test of the API gets goes through here.

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Map, Value};

use super::super::{Answer, answered};

static DOCUMENT: OnceLock<Value> = OnceLock::new();

/// The document as it is served.
async fn document(router: &Router) -> &'static Value {
    if DOCUMENT.get().is_none() {
        let request = Request::get("/api/v1/openapi.json").body(Body::empty()).expect("a request");
        let answer = answered(router.clone(), request).await;
        _ = DOCUMENT.set(serde_json::from_str(&answer.body).expect("it is JSON"));
    }
    DOCUMENT.get().expect("it is set")
}

/// Asserts that the answer to a request is one that the document has.
pub(super) async fn assert_described(router: &Router, method: &Method, path: &str, answer: &Answer) {
    let document = document(router).await;
    let path = path.split('?').next().unwrap_or_default();
    let paths = document["paths"].as_object().expect("paths");
    let is_same = |template: &str| {
        let (given, known): (Vec<_>, Vec<_>) = (path.split('/').collect(), template.split('/').collect());
        given.len() == known.len() && given.iter().zip(&known).all(|(a, b)| a == b || b.starts_with('{'))
    };
    // A path without places goes first.
    let found =
        paths.get(path).or_else(|| paths.iter().find(|(template, _)| is_same(template)).map(|(_, found)| found));
    let Some(operation) = found.and_then(|methods| methods.get(method.as_str().to_ascii_lowercase())) else { return };
    let responses = operation["responses"].as_object().expect("responses");
    let response = responses.get(answer.status.as_str()).or_else(|| responses.get("default"));
    let response = response.unwrap_or_else(|| panic!("{method} {path}: {} is not described", answer.status));
    let kind = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
    if answer.body.is_empty() && response.get("content").is_none() {
        return;
    }
    let schema = &response["content"][&kind]["schema"];
    assert!(schema.is_object(), "{method} {path}: {} as {kind} is not described", answer.status);
    if kind.ends_with("json") {
        let value = serde_json::from_str(&answer.body).expect("it is JSON");
        if let Err(fault) = check(document, schema, &value, "") {
            panic!("{method} {path}: {fault} in {}", answer.body);
        }
    }
}

fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("it leads somewhere"),
        None => schema,
    }
}

/// The properties of an object and of all that it is put together from, and the names of those that must be there.
/// Whether it may have others.
fn properties<'d>(
    document: &'d Value,
    schema: &'d Value,
    known: &mut Map<String, Value>,
    needed: &mut Vec<&'d str>,
) -> bool {
    let schema = resolved(document, schema);
    let parts = schema["allOf"].as_array();
    let mut is_open = parts.is_none() && schema.get("properties").is_none();
    known.extend(schema["properties"].as_object().cloned().unwrap_or_default());
    needed.extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str));
    for part in parts.into_iter().flatten() {
        is_open |= properties(document, part, known, needed);
    }
    is_open
}

fn check(document: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let schema = resolved(document, schema);
    if let Some(any) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
        let faults: Vec<_> = any.iter().filter_map(|one| check(document, one, value, place).err()).collect();
        return if faults.len() < any.len() { Ok(()) } else { Err(faults.join(" / ")) };
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{place}: {value} is none of the words"));
    }
    check_type(schema, value, place)?;
    match value {
        Value::Array(items) if schema["items"].is_object() => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| check(document, &schema["items"], item, &format!("{place}/{index}")))
        }
        Value::Object(fields) => {
            let (mut known, mut needed) = (Map::new(), Vec::new());
            let is_open = properties(document, schema, &mut known, &mut needed);
            if let Some(missing) = needed.into_iter().find(|name| !fields.contains_key(*name)) {
                return Err(format!("{place}: {missing} is missing"));
            }
            fields.iter().try_for_each(|(name, field)| match (known.get(name), &schema["additionalProperties"]) {
                (Some(own), _) => check(document, own, field, &format!("{place}/{name}")),
                (None, other @ Value::Object(_)) => check(document, other, field, &format!("{place}/{name}")),
                _ if is_open => Ok(()),
                _ => Err(format!("{place}: {name} is not described")),
            })
        }
        _ => Ok(()),
    }
}

fn check_type(schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let types: Vec<_> = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let own = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = types.contains(&own) || (own == "integer" && types.contains(&"number"));
    if fits { Ok(()) } else { Err(format!("{place}: {own} is none of {types:?}")) }
}
