//! `/api/v1/explain`: why a borrower was, is and will be reminded, or not.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::fields::Fields;
use super::problem::{Problem, ProblemBody};
use super::reminders::date;
use crate::domain::MerchantId;
use crate::pipeline::{ExplainError, ExplainRequest, Explanation, GuardHold, ScanScope, explain, plan_start};
use crate::plan::Span;

/// Everything about one borrower, rule by rule.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExplanationView {
    /// Why nothing is sent at all now.
    nothing_is_sent: Vec<String>,
    #[serde(flatten)]
    explanation: Explanation,
}

/// Explain what a borrower gets
///
/// Tells what was sent, what waits, what is to come, and what does not remind, each with its reason.
#[utoipa::path(
    get, path = "/api/v1/explain", tag = "explain", security(("token" = [])),
    params(
        ("merchant" = Option<String>, Query, description = "The merchant"),
        ("borrower" = String, Query, description = "The borrower's number"),
        ("date" = Option<chrono::NaiveDate>, Query,
            description = "Only the due dates that rules may remind of on this day"),
    ),
    responses(
        (status = 200, body = ExplanationView),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<ExplanationView>, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let merchant = caller.merchant_of_query(&api, &mut fields);
    let borrower = fields.text("borrower");
    let borrower = fields.require("borrower", borrower);
    let date = fields.read("date", date);
    fields.finish()?;
    let key = caller.borrower(&api, merchant?.as_str(), &borrower.unwrap_or_default())?;
    let (now, store) = (api.app.clock.now(), api.store());
    let order = api.app.scan_order(now, ScanScope::Aside);
    let scans = Span { horizon: order.horizon, start: api.patiently(plan_start(store, &order)).await? };
    let gates = api.patiently(api.app.gates()).await?;
    let nothing_is_sent = nothing_is_sent(&api, &key.merchant).await?;
    let request = ExplainRequest { borrower: key.id, merchant: Some(key.merchant), date };
    let explanation = explain(store, &api.app.policy, &gates, &request, scans).await.map_err(|error| match error {
        ExplainError::NotFound | ExplainError::SeveralMerchants(_) => Problem::not_found("borrower"),
        ExplainError::Store(error) => error.into(),
    })?;
    Ok(Json(ExplanationView { nothing_is_sent, explanation }))
}

async fn nothing_is_sent(api: &Api, merchant: &MerchantId) -> Result<Vec<String>, Problem> {
    let mut causes = Vec::new();
    if !api.app.config.sources.is_empty() {
        let sources = api.patiently(api.store().sources()).await?;
        let stale = api.app.freshness().stale(&sources, api.app.clock.now());
        causes.extend(stale.iter().filter(|stale| stale.holds(merchant)).map(ToString::to_string));
    }
    let disarm = api.patiently(api.store().database_state(None)).await?.disarm;
    causes.extend(disarm.map(|disarm| GuardHold::Disarmed(disarm.reason).explained()));
    Ok(causes)
}
