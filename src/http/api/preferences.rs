//! `/api/v1/borrowers/{merchant}/{borrower}/preferences`: a borrower's hold, language, channel and hours.
//!
//! A PATCH changes the fields that the body names (RFC 7396): `null` clears one, and one that is left out stays.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::body::JsonBody;
use super::caller::Caller;
use super::fields::Fields;
use super::holds::{may_end, standing};
use super::path::PathIds;
use super::problem::{Problem, ProblemBody, ProblemKind};
use crate::domain::{
    Borrower, BorrowerKey, Channel, ContactPreferences, FieldUpdate, Hold, Locale, ManualPreferences, Merchant,
};
use crate::pipeline::hold;
use crate::plan::local_date;

/// The merchant and the borrower in a path.
type BorrowerPath = PathIds<(String, String)>;

/// Show a borrower's preferences
///
/// Hold, language, channel and hours.
#[utoipa::path(
    get, path = "/api/v1/borrowers/{merchant}/{borrower}/preferences", tag = "borrowers", security(("token" = [])),
    params(
        ("merchant" = String, Path, description = "The merchant"),
        ("borrower" = String, Path, description = "The borrower's number"),
    ),
    responses(
        (status = 200, body = PreferencesView),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    PathIds((merchant, borrower)): BorrowerPath,
) -> Result<Json<PreferencesView>, Problem> {
    let key = caller.borrower(&api, &merchant, &borrower)?;
    Ok(Json(PreferencesView::of(known(&api, &key).await?)))
}

/// Change a borrower's preferences
///
/// Changes the fields that the body names: `null` clears one, and one that is left out stays (RFC 7396). A hold is set
/// and released here as well.
#[utoipa::path(
    patch, path = "/api/v1/borrowers/{merchant}/{borrower}/preferences", tag = "borrowers", security(("token" = [])),
    params(
        ("merchant" = String, Path, description = "The merchant"),
        ("borrower" = String, Path, description = "The borrower's number"),
    ),
    request_body(content = PreferencesBody, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, body = PreferencesView),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn change(
    State(api): State<Api>,
    caller: Caller,
    PathIds((merchant, borrower)): BorrowerPath,
    body: JsonBody,
) -> Result<Json<PreferencesView>, Problem> {
    let key = caller.borrower(&api, &merchant, &borrower)?;
    let now = api.app.clock.now();
    let mut fields = body.fields()?;
    let preferences = read(&mut fields, caller.merchant(&api, &merchant)?, now);
    let actor = caller.actor(&mut fields);
    fields.finish()?;
    if preferences == ContactPreferences::default() {
        let text = "the body changes nothing: set at least one of hold, language, channel, hours";
        return Err(Problem::new(ProblemKind::Invalid, text));
    }
    if preferences.hold != FieldUpdate::Keep {
        may_end(&caller, standing(&api, &key).await?.as_ref())?;
    }
    let said = ManualPreferences { borrower: key, preferences, actor, at: now };
    if !api.patiently(caller.store(&api).set_preferences(&said)).await? {
        return Err(Problem::not_found("borrower"));
    }
    Ok(Json(PreferencesView::of(known(&api, &said.borrower).await?)))
}

/// The borrower as the ledger has it now.
pub(super) async fn known(api: &Api, key: &BorrowerKey) -> Result<Borrower, Problem> {
    let merchant = api.app.policy.merchants.get(&key.merchant).ok_or_else(|| Problem::not_found("borrower"))?;
    // The borrower in an account is the same for every day and channel, so any will do.
    let today = local_date(merchant.time_zone, api.app.clock.now());
    let account = api.patiently(api.store().account(key, today, Channel::Sms)).await?;
    account.borrower.ok_or_else(|| Problem::not_found("borrower"))
}

fn read(fields: &mut Fields, merchant: &Merchant, now: DateTime<Utc>) -> ContactPreferences {
    let hold = fields.update("hold", |fields, value| {
        fields.object("hold", value, |inner| {
            let reason = inner.text("reason");
            let reason = inner.require("reason", reason);
            let until = inner.text("until");
            let read = hold(&reason?, until.as_deref(), merchant.time_zone, now);
            read.map_err(|error| inner.fault(if until.is_some() { "until" } else { "reason" }, error.to_string())).ok()
        })
    });
    ContactPreferences {
        hold,
        locale: fields.update_text("language", |text| {
            Locale::new(text).map_err(|_| "language is no language tag such as zh-CN or en")
        }),
        preferred_channel: fields
            .update_text("channel", |text| text.parse().map_err(|_| "channel is not sms or email")),
        preferred_hours: fields
            .update_text("hours", |text| text.parse().map_err(|error| format!("hours: the text {error}"))),
    }
}

/// A change of preferences: what is left out stays, and `null` clears.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct PreferencesBody {
    /// Send nothing while it lasts; `null` releases.
    hold: Option<HoldBody>,
    /// A language tag such as `zh-CN` or `en`.
    language: Option<String>,
    /// `sms` or `email`.
    channel: Option<String>,
    /// For example `18:00-21:00`.
    hours: Option<String>,
    /// The person who asks, for the record.
    by: Option<String>,
}

/// A hold.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct HoldBody {
    /// For example dispute or hardship.
    reason: String,
    /// The last day (YYYY-MM-DD, the merchant's local day) or an instant; left out, it lasts until it is released.
    until: Option<String>,
}

/// The response with a borrower's preferences. It contains no name and no address.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PreferencesView {
    merchant: String,
    borrower: String,
    hold: Option<HoldView>,
    language: Option<String>,
    /// `sms` or `email`.
    #[schema(value_type = Option<String>)]
    channel: Option<Channel>,
    hours: Option<String>,
}

/// Why and until when nothing is sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HoldView {
    reason: String,
    until: Option<DateTime<Utc>>,
}

impl HoldView {
    pub(super) fn of(hold: Hold) -> Self {
        Self { reason: hold.reason, until: hold.until }
    }
}

impl PreferencesView {
    fn of(borrower: Borrower) -> Self {
        Self {
            merchant: borrower.key.merchant.to_string(),
            borrower: borrower.key.id.to_string(),
            hold: borrower.hold.map(HoldView::of),
            language: borrower.locale.map(|locale| locale.to_string()),
            channel: borrower.preferred_channel,
            hours: borrower.preferred_hours.map(|hours| hours.to_string()),
        }
    }
}
