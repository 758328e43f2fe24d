//! The OpenAPI document and its page.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use dueherald::http::api::{ProblemKind, endpoints};
use serde_json::Value;

use super::{Bench, bench, json_of};

async fn document(bench: &Bench) -> Value {
    let answer = bench.get("/api/v1/openapi.json").shown("").answer().await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    json_of(&answer)
}

#[tokio::test]
async fn the_document_has_every_endpoint_and_no_other() {
    let (bench, _) = bench().await;
    let document = document(&bench).await;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")), "{}", document["openapi"]);
    let mut described = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let action = operation["x-action"].as_str().unwrap_or_default().to_owned();
            assert_eq!(operation.get("security").is_some(), !action.is_empty(), "{method} {path}");
            assert!(operation["summary"].is_string() && operation["description"].is_string(), "{method} {path}");
            let keyed = operation["parameters"].as_array().into_iter().flatten();
            let has_key = keyed.into_iter().any(|one| one["name"] == "Idempotency-Key");
            let is_keyed = method == "post" && path != "/api/v1/borrowers/search";
            assert_eq!(has_key, is_keyed, "{method} {path}");
            described.insert((method.to_uppercase(), path.clone(), action));
        }
    }
    let served = endpoints().into_iter().map(|endpoint| {
        let action = endpoint.action.map_or("", |action| action.as_str());
        (endpoint.method.to_string(), endpoint.path.to_owned(), action.to_owned())
    });
    assert_eq!(described, served.collect());
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let (bench, _) = bench().await;
    let document = document(&bench).await;
    let (mut waiting, mut references) = (vec![&document], BTreeSet::new());
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(fields) => {
                references.extend(fields.get("$ref").and_then(Value::as_str));
                waiting.extend(fields.values());
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    assert!(references.len() >= 10, "{references:?}");
    for reference in &references {
        let pointer = reference.strip_prefix('#').expect("it leads into the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let unused: Vec<_> =
        schemas.keys().filter(|name| !references.contains(&*format!("#/components/schemas/{name}"))).collect();
    assert_eq!(unused, [""; 0]);
}

/// A client that is generated from the document knows every field: only the document itself is any object.
#[tokio::test]
async fn no_answer_is_an_object_of_any_form() {
    let (bench, _) = bench().await;
    let document = document(&bench).await;
    let (mut waiting, mut free) = (vec![(String::new(), &document)], Vec::new());
    while let Some((place, value)) = waiting.pop() {
        if let Value::Object(fields) = value {
            let of_form = ["properties", "additionalProperties", "allOf", "oneOf", "anyOf", "$ref"];
            let is_free = fields.get("type").is_some_and(|kind| kind == "object");
            if is_free && of_form.iter().all(|name| !fields.contains_key(*name)) {
                free.push(place.clone());
            }
            waiting.extend(fields.iter().map(|(name, value)| (format!("{place}/{name}"), value)));
        } else if let Value::Array(items) = value {
            waiting.extend(items.iter().enumerate().map(|(index, item)| (format!("{place}/{index}"), item)));
        }
    }
    let own = "/paths//api/v1/openapi.json/get/responses/200/content/application/json/schema";
    assert_eq!(free, [own]);
}

#[tokio::test]
async fn the_page_says_all_that_the_document_does_and_loads_nothing() {
    let (bench, _) = bench().await;
    let page = bench.get("/api/v1/docs").shown("").answer().await;
    assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    for endpoint in endpoints() {
        let heading = format!("<code>{} {}</code>", endpoint.method, endpoint.path.replace('/', "&#x2f;"));
        let plain = format!("<code>{} {}</code>", endpoint.method, endpoint.path);
        assert!(page.body.contains(&heading) || page.body.contains(&plain), "{heading}");
    }
    for kind in ProblemKind::ALL {
        assert!(page.body.contains(&format!("id=\"{}\"", kind.parts().1)), "{kind:?}");
    }
    let links = page.body.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next());
    let lost: Vec<_> = links.filter(|name| !page.body.contains(&format!("id=\"{name}\""))).collect();
    assert_eq!(lost, [""; 0]);
    assert!(!page.body.contains("<script") && !page.body.contains("src=") && !page.body.contains("http"), "offline");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
}
