//! Completes the OpenAPI document: unique ids of operations, and the forms of texts, so that the document allows
//! all that the API reads, and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::domain::State;

/// One line without control characters, and without white space at its ends.
const LINE: &str = "^[^\\s\\u0000-\\u001f\\u007f-\\u009f]\
    ([^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f])?$";

/// The fields of the items of a batch: any text is read, and answered item by item.
const ITEMS: [&str; 2] = ["BorrowerItem", "InstallmentItem"];

fn line(most: u32) -> Value {
    json!({ "minLength": 1, "maxLength": most, "pattern": LINE })
}

/// The form of a parameter, or of a field of a body.
fn form(owner: &str, name: &str) -> Option<Value> {
    let channels = || json!({ "enum": ["sms", "email"] });
    Some(match (owner, name) {
        ("SuppressBody", "reason") => json!({ "enum": ["opted_out", "bounced", "complained", "manual", null] }),
        ("SuppressBody", "note") => line(150),
        ("PaymentItem", "payment_id" | "installment_id") => line(128),
        ("PaymentItem", "amount" | "currency") => json!({ "format": name }),
        ("PaymentItem", "state") => json!({ "enum": ["pending", "posted", "reversed"] }),
        ("PaymentItem", "paid_at") => json!({ "format": "date-time" }),
        (_, "reason") => line(200),
        (_, "by") => line(140),
        (_, "merchant" | "borrower" | "installment") => line(128),
        ("PreferencesBody", "channel") => json!({ "enum": ["sms", "email", null] }),
        ("PreferencesBody", "language") => json!({ "format": "language-tag" }),
        ("PreferencesBody", "hours") => json!({ "format": "hours" }),
        (_, "channel") => channels(),
        (_, "until") => json!({ "format": "date-or-instant" }),
        (_, "address") => json!({ "format": "phone-or-email" }),
        (_, "text") => json!({ "pattern": "\\S" }),
        (_, "Idempotency-Key") => json!({ "pattern": "^[!#-+\\-.\\/0-:<-\\[\\]-~]{1,255}$" }),
        ("/api/v1/reminders", "state") => {
            json!({ "enum": State::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>() })
        }
        ("/api/v1/installments", "cursor") => {
            json!({ "pattern": "^[0-9]{1,7}\\/[^\\s\\u0000-\\u001f\\u007f-\\u009f]{1,128}$" })
        }
        ("/api/v1/notices", "cursor") => line(128),
        // Only the answer to another request gives one that is accepted.
        ("/api/v1/suppressions", "cursor") => json!({ "pattern": "^[A-Za-z0-9_-]{20,600}$" }),
        ("/api/v1/routes", "cursor") => line(128),
        (_, "cursor") => json!({ "pattern": "^[0-9]{1,18}$" }),
        _ => return None,
    })
}

/// The rules of bodies beyond their fields.
fn rule(schema: &str) -> Option<(&'static str, Value)> {
    match schema {
        "ResendBody" => {
            let one = |named: &str, other: &str| json!({ "required": [named], "properties": { named: { "type": "string" }, other: { "type": "null" } } });
            Some(("oneOf", json!([one("borrower", "installment"), one("installment", "borrower")])))
        }
        "PreferencesBody" => {
            let fields = ["hold", "language", "channel", "hours"];
            Some(("anyOf", fields.iter().map(|field| json!({ "required": [field] })).collect()))
        }
        _ => None,
    }
}

/// Completes the document.
pub(super) fn complete(document: &mut Value) {
    let mut bodies = BTreeSet::new();
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            operation["operationId"] = operation_id(method, path).into();
            for (status, response) in
                operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten()
            {
                if response["description"].as_str().is_none_or(str::is_empty) {
                    response["description"] = format!("The answer with status {status}").into();
                }
            }
            for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
                let form = form(path, parameter["name"].as_str().unwrap_or_default());
                // Ids in paths that nothing has are answered as not found.
                if let Some(form) = form.filter(|_| parameter["in"] != "path") {
                    lay(&mut parameter["schema"], &form);
                }
            }
            if let Some(body) = operation.get("requestBody") {
                references(body, &mut bodies);
            }
        }
    }
    let mut waiting = Vec::from_iter(bodies.clone());
    while let Some(name) = waiting.pop() {
        let mut inner = BTreeSet::new();
        references(&document["components"]["schemas"][&name], &mut inner);
        waiting.extend(inner.into_iter().filter(|name| bodies.insert(name.clone())));
    }
    for name in bodies.iter().filter(|name| !ITEMS.contains(&name.as_str())) {
        let schema = &mut document["components"]["schemas"][name];
        for (field, property) in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            if let Some(form) = form(name, field) {
                lay(property, &form);
            }
        }
        if let (Value::Object(schema), Some((key, value))) = (schema, rule(name)) {
            schema.insert(key.to_owned(), value);
        }
    }
}

fn lay(schema: &mut Value, form: &Value) {
    if let (Value::Object(schema), Some(form)) = (schema, form.as_object()) {
        schema.extend(form.clone());
    }
}

/// The names of the schemas that a value refers to.
fn references(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
            names.extend(name.map(str::to_owned));
            fields.values().for_each(|field| references(field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, names)),
        _ => {}
    }
}

/// For example `get_reminders_by_id`.
fn operation_id(method: &str, path: &str) -> String {
    let parts: Vec<_> = path.split('/').skip(3).collect();
    let words = parts.iter().filter(|part| !part.starts_with('{')).map(|part| part.replace('.', "_"));
    let mut words = Vec::from_iter(std::iter::once(method.to_owned()).chain(words));
    if let Some(id) = parts.last().and_then(|part| part.strip_prefix('{')) {
        words.push(format!("by_{}", id.trim_end_matches('}')));
    }
    words.join("_")
}

#[cfg(test)]
mod tests {
    use super::operation_id;

    #[test]
    fn operations_have_ids_of_their_own() {
        assert_eq!(operation_id("get", "/api/v1/reminders"), "get_reminders");
        assert_eq!(operation_id("get", "/api/v1/reminders/{id}"), "get_reminders_by_id");
        assert_eq!(operation_id("put", "/api/v1/borrowers/{merchant}/{borrower}/hold"), "put_borrowers_hold");
        assert_eq!(operation_id("get", "/api/v1/openapi.json"), "get_openapi_json");
    }
}
