//! `/api/v1/borrowers/{merchant}/{borrower}/hold`: the hold of a borrower, as a resource.
//!
//! A PUT sets it, a DELETE releases it; both may be sent again. A hold that only a supervisor ends needs the action
//! `end_strict_holds`.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use super::Api;
use super::body::JsonBody;
use super::caller::Caller;
use super::fields::Fields;
use super::path::PathIds;
use super::preferences::{HoldView, known};
use super::problem::{Problem, ProblemBody, ProblemKind};
use crate::domain::{BorrowerKey, ContactPreferences, FieldUpdate, Hold, HoldKind, ManualPreferences};
use crate::pipeline::hold;

/// The merchant and the borrower in a path.
type BorrowerPath = PathIds<(String, String)>;

/// A hold that is to be set.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct NewHold {
    /// Why: `dispute`, `hardship`, `says_paid`, `lawyer`, `bankruptcy`, `deceased` or `cease_contact`, with a note
    /// behind a colon; or any other words.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
    /// The last day (YYYY-MM-DD, the merchant's local day) or an instant; left out, it lasts until it is released.
    until: Option<String>,
    /// The person who asks, for the record.
    by: Option<String>,
}

/// Show a borrower's hold
///
/// 404 if there is none.
#[utoipa::path(
    get, path = "/api/v1/borrowers/{merchant}/{borrower}/hold", tag = "borrowers", security(("token" = [])),
    params(
        ("merchant" = String, Path, description = "The merchant"),
        ("borrower" = String, Path, description = "The borrower's number"),
    ),
    responses(
        (status = 200, body = HoldView),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    PathIds((merchant, borrower)): BorrowerPath,
) -> Result<Json<HoldView>, Problem> {
    let key = caller.borrower(&api, &merchant, &borrower)?;
    let hold = standing(&api, &key).await?;
    hold.map(|hold| Json(HoldView::of(hold))).ok_or_else(|| Problem::new(ProblemKind::NotFound, "there is no hold"))
}

/// Hold a borrower
///
/// Nothing is sent while it lasts. It takes the place of the hold that is there.
#[utoipa::path(
    put, path = "/api/v1/borrowers/{merchant}/{borrower}/hold", tag = "borrowers", security(("token" = [])),
    params(
        ("merchant" = String, Path, description = "The merchant"),
        ("borrower" = String, Path, description = "The borrower's number"),
    ),
    request_body = NewHold,
    responses(
        (status = 200, body = HoldView),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(api): State<Api>,
    caller: Caller,
    PathIds((merchant, borrower)): BorrowerPath,
    body: JsonBody,
) -> Result<Json<HoldView>, Problem> {
    let key = caller.borrower(&api, &merchant, &borrower)?;
    let (zone, now) = (caller.merchant(&api, &merchant)?.time_zone, api.app.clock.now());
    let mut fields = body.fields()?;
    let reason = fields.text("reason");
    let reason = fields.require("reason", reason);
    let until = fields.text("until");
    let wanted = reason.and_then(|reason| {
        let read = hold(&reason, until.as_deref(), zone, now);
        read.map_err(|error| fields.fault(if until.is_some() { "until" } else { "reason" }, error.to_string())).ok()
    });
    let actor = caller.actor(&mut fields);
    fields.finish()?;
    let wanted = wanted.ok_or_else(Problem::incomplete)?;
    set(&api, &caller, key, Some(wanted.clone()), actor).await?;
    Ok(Json(HoldView::of(wanted)))
}

/// Release a borrower
///
/// Ends the hold. Where there is none, nothing happens.
#[utoipa::path(
    delete, path = "/api/v1/borrowers/{merchant}/{borrower}/hold", tag = "borrowers", security(("token" = [])),
    params(
        ("merchant" = String, Path, description = "The merchant"),
        ("borrower" = String, Path, description = "The borrower's number"),
        ("by" = Option<String>, Query, description = "The person who asks, for the record"),
    ),
    responses(
        (status = 204, description = "There is no hold any more"),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(api): State<Api>,
    caller: Caller,
    PathIds((merchant, borrower)): BorrowerPath,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let actor = caller.actor(&mut fields);
    fields.finish()?;
    let key = caller.borrower(&api, &merchant, &borrower)?;
    set(&api, &caller, key, None, actor).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Refuses to end or change a hold that only a supervisor ends, unless the token allows it.
pub(super) fn may_end(caller: &Caller, standing: Option<&Hold>) -> Result<(), Problem> {
    let needed = standing.and_then(HoldKind::of).map(HoldKind::ended_by);
    match needed.filter(|action| !caller.allows(*action)) {
        Some(action) => {
            let text = format!("this hold is of a kind that needs the action {action} to end or change it");
            Err(Problem::new(ProblemKind::Forbidden, text))
        }
        None => Ok(()),
    }
}

pub(super) async fn standing(api: &Api, key: &BorrowerKey) -> Result<Option<Hold>, Problem> {
    let now = api.app.clock.now();
    Ok(known(api, key).await?.hold.filter(|hold| hold.stands_at(now)))
}

async fn set(
    api: &Api,
    caller: &Caller,
    borrower: BorrowerKey,
    wanted: Option<Hold>,
    actor: String,
) -> Result<(), Problem> {
    let standing = standing(api, &borrower).await?;
    if standing == wanted {
        return Ok(());
    }
    may_end(caller, standing.as_ref())?;
    let preferences = ContactPreferences { hold: FieldUpdate::Set(wanted), ..ContactPreferences::default() };
    let said = ManualPreferences { borrower, preferences, actor, at: api.app.clock.now() };
    if !api.patiently(caller.store(api).set_preferences(&said)).await? {
        return Err(Problem::not_found("borrower"));
    }
    Ok(())
}
