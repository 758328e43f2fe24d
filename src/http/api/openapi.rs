//! `/api/v1/openapi.json`: the OpenAPI 3.1 document, and `/api/v1/docs`: the same as a page.

use std::sync::LazyLock;

use axum::Json;
use axum::response::{Html, IntoResponse, Response};
use minijinja::Environment;
use minijinja::value::Serde;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::problem::{Problem, ProblemKind};
use super::{
    borrowers, endpoints, explain, figures, forecast, forms, holds, installments, ledger, ledger_schema, notices,
    payments, preferences, rejects, reminder_actions, reminders, routes, suppressions,
};
use crate::domain::Action;
use crate::http::page::CSS;

#[derive(OpenApi)]
#[openapi(
    info(title = "dueherald", description = "Reminders of instalments: what was sent, why or why not, and once more."),
    paths(
        ledger::add_borrowers,
        borrowers::search,
        borrowers::show,
        ledger::add_installments,
        installments::list,
        payments::report,
        preferences::show,
        preferences::change,
        reminders::list,
        reminders::show,
        reminders::resend,
        reminder_actions::cancel,
        reminder_actions::resolve,
        holds::show,
        holds::put,
        holds::delete,
        rejects::list,
        rejects::retry,
        rejects::drop_records,
        notices::list,
        notices::show,
        notices::approve,
        explain::show,
        suppressions::list,
        suppressions::add,
        suppressions::lift,
        routes::list,
        forecast::show,
        figures::show,
        figures::show_funnel,
        document,
        docs,
    ),
    components(schemas(ledger_schema::BorrowerItem, ledger_schema::InstallmentItem))
)]
struct Document;

/// The document with what the table of endpoints knows: the action that each needs.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    // A document that does not become JSON is a mistake in this crate, which a test shows.
    let mut document = serde_json::to_value(Document::openapi()).unwrap_or_default();
    document["components"]["securitySchemes"]["token"] =
        json!({ "type": "http", "scheme": "bearer", "description": "Made by `dueherald token create`" });
    for endpoint in endpoints() {
        let operation = &mut document["paths"][endpoint.path][endpoint.method.as_str().to_ascii_lowercase()];
        if let (Value::Object(operation), Some(action)) = (operation, endpoint.action) {
            operation.insert("x-action".to_owned(), action.as_str().into());
        }
    }
    forms::complete(&mut document);
    document
});

/// The page, made once: it is the same for everybody.
static PAGE: LazyLock<Option<String>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.add_global("css", minijinja::Value::from_safe_string(CSS.to_owned()));
    pages.add_template("docs.html", include_str!("../../../templates/api/docs.html")).ok()?;
    let actions: Vec<_> = Action::OF_TOKENS.iter().map(|action| action.as_str()).collect();
    let problem = |kind: ProblemKind| {
        let (status, word, title) = kind.parts();
        json!({ "status": status.as_u16(), "word": word, "title": title })
    };
    let problems = ProblemKind::ALL.map(problem);
    let context = json!({ "document": &*DOCUMENT, "actions": actions, "problems": problems });
    pages.get_template("docs.html").ok()?.render(Serde(context)).ok()
});

/// The OpenAPI document
///
/// Needs no token: it holds nothing of a merchant.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "docs", responses((status = 200, body = Object)))]
pub(super) async fn document() -> Json<&'static Value> {
    Json(&*DOCUMENT)
}

/// This document as a page
///
/// Needs no token, no script and nothing from elsewhere.
#[utoipa::path(
    get, path = "/api/v1/docs", tag = "docs",
    responses((status = 200, body = String, content_type = "text/html"))
)]
pub(super) async fn docs() -> Response {
    match &*PAGE {
        Some(page) => Html(page.as_str()).into_response(),
        None => Problem::new(ProblemKind::Failed, "the page cannot be shown").into_response(),
    }
}
