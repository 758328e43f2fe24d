//! `/api/v1/routes`: the ways to repay, as they are now.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::fields::Fields;
use super::problem::{Problem, ProblemBody};
use crate::domain::Route;
use crate::pipeline::RouteSnapshot;

/// The ways to repay of a merchant.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RouteList {
    routes: Vec<RouteItem>,
}

/// A way to repay.
#[derive(Debug, Serialize, ToSchema)]
struct RouteItem {
    key: String,
    merchant: String,
    /// Only for instalments of this product; `null` is all.
    product: Option<String>,
    /// `web`, `app` or `support`.
    kind: &'static str,
    url: Option<String>,
    /// Whether messages and pages use it now.
    is_open: bool,
    /// Whether it was closed by hand.
    is_closed: bool,
    valid_from: Option<DateTime<Utc>>,
    valid_until: Option<DateTime<Utc>>,
    /// The route that is used instead.
    replaced_by: Option<String>,
    /// The findings of its probes; `null` if it is not probed.
    health: Option<RouteItemHealth>,
}

/// The findings of the probes of a route.
#[derive(Debug, Serialize, ToSchema)]
struct RouteItemHealth {
    is_degraded: bool,
    since: DateTime<Utc>,
    probed_at: DateTime<Utc>,
    last_fault: Option<String>,
}

impl RouteItem {
    fn of(route: &Route, seen: &RouteSnapshot, now: DateTime<Utc>) -> Self {
        let health = seen.health_of(route).map(|health| RouteItemHealth {
            is_degraded: health.degraded,
            since: health.since,
            probed_at: health.probed_at,
            last_fault: health.last_fault.clone(),
        });
        Self {
            key: route.key.to_string(),
            merchant: route.merchant.to_string(),
            product: route.product.clone(),
            kind: route.kind.as_str(),
            url: route.kind.url().map(str::to_owned),
            is_open: route.is_open(now),
            is_closed: route.closed,
            valid_from: route.valid_from,
            valid_until: route.valid_until,
            replaced_by: route.replaced_by.as_ref().map(ToString::to_string),
            health,
        }
    }
}

/// List ways to repay
///
/// As they are now, with what their probes found. Where the token is for several merchants, the query names one.
#[utoipa::path(
    get, path = "/api/v1/routes", tag = "routes", security(("token" = [])),
    params(("merchant" = Option<String>, Query, description = "Of this merchant")),
    responses(
        (status = 200, body = RouteList),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<RouteList>, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let merchant = caller.merchant_of_query(&api, &mut fields);
    fields.finish()?;
    let merchant = merchant?;
    let seen = api.patiently(api.app.composer.routes.now(api.store(), &*api.app.clock)).await?;
    let now = api.app.clock.now();
    let own = seen.routes().0.iter().filter(|route| route.merchant == merchant);
    Ok(Json(RouteList { routes: own.map(|route| RouteItem::of(route, &seen, now)).collect() }))
}
