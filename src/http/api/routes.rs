//! `/api/v1/routes`: the ways to repay, as they are now.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::cursor::foreign_cursor;
use super::fields::Fields;
use super::problem::{Problem, ProblemBody};
use crate::domain::Route;
use crate::pipeline::RouteSnapshot;

/// How many ways to repay a page has, unless the query says otherwise.
const PAGE: u32 = 50;

/// The most that it may have.
const MAX_PAGE: u32 = 200;

/// A page of the ways to repay of a merchant, in the order of the config; those made by a command come last.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RouteList {
    routes: Vec<RouteItem>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
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
    params(
        ("merchant" = Option<String>, Query, description = "Of this merchant"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "At most so many; 50 by default"),
    ),
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
    let after = fields.text("cursor");
    let limit = fields.number("limit", 1..=MAX_PAGE).unwrap_or(PAGE) as usize;
    fields.finish()?;
    let merchant = merchant?;
    let seen = api.patiently(api.app.composer.routes.now(api.store(), &*api.app.clock)).await?;
    let now = api.app.clock.now();
    let own: Vec<_> = seen.routes().0.iter().filter(|route| route.merchant == merchant).collect();
    let start = match after {
        None => 0,
        Some(after) => own.iter().position(|route| route.key.as_str() == after).ok_or_else(foreign_cursor)? + 1,
    };
    let page = own.get(start..).unwrap_or_default();
    let next = page.get(limit).and_then(|_| page.get(limit - 1)).map(|last| last.key.to_string());
    let routes = page.iter().take(limit).map(|route| RouteItem::of(route, &seen, now)).collect();
    Ok(Json(RouteList { routes, next }))
}
