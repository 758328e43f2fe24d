//! `/api/v1/rejects`: records of the lender's books that could not be applied, and hold the reminders of their
//! instalments.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::cursor::FOREIGN_CURSOR;
use super::fields::Fields;
use super::idempotency::{KeyedBody, kept, once};
use super::problem::{Problem, ProblemBody};
use crate::domain::{InstallmentId, MerchantId};
use crate::pipeline::{AuditNote, retry_records};
use crate::store::{ApiEffect, DropOrder, EffectResult, KeptAnswer, KeptRecord, RejectFilter, RequestEnd};

/// How many records a page has, unless the query says otherwise.
const PAGE: u32 = 50;

/// The most that it may have, and the most that one request retries or drops.
const MAX_PAGE: u32 = 200;

/// A page of records, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectPage {
    rejects: Vec<RejectItem>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// A record that could not be applied. Its content is personal data and stays in the database.
#[derive(Debug, Serialize, ToSchema)]
struct RejectItem {
    id: i64,
    since: DateTime<Utc>,
    installment: Option<String>,
    /// The source of the config that it came from; `null` is a file, or this API.
    source: Option<String>,
    /// `row` or `payment`.
    kind: &'static str,
    /// `held`: it holds the reminders of its instalment. `waits`: it is sound and waits for its instalment.
    /// `unreadable`: it names no instalment, and holds nothing.
    state: &'static str,
    /// Why it could not be applied. It names fields, never their content.
    reason: String,
}

impl RejectItem {
    fn of(kept: KeptRecord) -> Self {
        let record = kept.record;
        Self {
            id: kept.id,
            since: kept.at,
            state: match (record.waits, record.key()) {
                (true, _) => "waits",
                (false, Some(_)) => "held",
                (false, None) => "unreadable",
            },
            installment: record.installment.map(|id| id.to_string()),
            source: record.source.map(|source| source.to_string()),
            kind: record.kind.as_str(),
            reason: record.reason,
        }
    }
}

/// List rejected records
///
/// Oldest first. Where the token is for several merchants, the query names one. Records whose merchant cannot be read
/// belong to nobody; `dueherald rejects list` has them.
#[utoipa::path(
    get, path = "/api/v1/rejects", tag = "rejects", security(("token" = [])),
    params(
        ("merchant" = Option<String>, Query, description = "Of this merchant"),
        ("installment" = Option<String>, Query, description = "Only those of this instalment"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "At most so many; 50 by default"),
    ),
    responses(
        (status = 200, body = RejectPage),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<RejectPage>, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let merchant = caller.merchant_of_query(&api, &mut fields);
    let installment = fields
        .read("installment", |text| InstallmentId::new(text).map_err(|_| "installment is no number of an instalment"));
    let after = fields.read("cursor", |text| text.parse().map_err(|_| FOREIGN_CURSOR));
    let limit = fields.number("limit", 1..=MAX_PAGE).unwrap_or(PAGE);
    fields.finish()?;
    let filter =
        RejectFilter { merchant: Some(merchant?), installment, after, limit: limit + 1, ..RejectFilter::default() };
    let mut found = api.patiently(api.store().rejects(&filter)).await?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| has_more).map(|last| last.id.to_string());
    Ok(Json(RejectPage { rejects: found.into_iter().map(RejectItem::of).collect(), next }))
}

/// Records to be checked again.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct RetryBody {
    /// The merchant.
    merchant: String,
    /// The numbers of the records.
    #[schema(min_items = 1, max_items = 200)]
    ids: Vec<i64>,
}

/// The result of a retry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RetryAnswer {
    /// They are in the ledger now, or wait for their instalment.
    applied: Vec<i64>,
    /// They are refused as before.
    refused: Vec<i64>,
    /// They are not kept any more, or are of another merchant.
    missing: Vec<i64>,
}

/// Check rejected records again
///
/// By the config and the version of today; the sound ones are applied.
#[utoipa::path(
    post, path = "/api/v1/rejects/retry", tag = "rejects", security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes")),
    request_body = RetryBody,
    responses(
        (status = 200, body = RetryAnswer),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn retry(State(api): State<Api>, caller: Caller, body: KeyedBody) -> Result<Response, Problem> {
    let mut fields = body.fields()?;
    let (merchant, ids) = named(&mut fields);
    fields.finish()?;
    let merchant = caller.merchant(&api, &merchant)?.id.clone();
    once(&api, &caller, &body, async {
        let (known, missing) = of_merchant(&api, &merchant, &ids).await?;
        let retried = retry_records(api.store(), &api.app.policy.merchants, &known);
        let (applied, refused) = api.patiently(retried).await?;
        Ok(RequestEnd::Answer(kept(StatusCode::OK, &RetryAnswer { applied, refused, missing })))
    })
    .await
}

/// Records to be dropped.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct DropBody {
    /// The merchant.
    merchant: String,
    /// The numbers of the records.
    #[schema(min_items = 1, max_items = 200)]
    ids: Vec<i64>,
    /// Why, for the record.
    reason: String,
    /// The person who asks, for the record.
    by: Option<String>,
}

/// The result of a drop.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DropAnswer {
    /// They are kept no more, and hold nothing.
    dropped: Vec<i64>,
    /// They were not kept any more, or are of another merchant.
    missing: Vec<i64>,
}

/// Drop rejected records
///
/// They are taken out, on record, and the reminders that they hold are released.
#[utoipa::path(
    post, path = "/api/v1/rejects/drop", tag = "rejects", security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes")),
    request_body = DropBody,
    responses(
        (status = 200, body = DropAnswer),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn drop_records(State(api): State<Api>, caller: Caller, body: KeyedBody) -> Result<Response, Problem> {
    let mut fields = body.fields()?;
    let (merchant, ids) = named(&mut fields);
    let note = caller.note(&mut fields);
    fields.finish()?;
    let merchant = caller.merchant(&api, &merchant)?.id.clone();
    let Some(AuditNote { actor, reason }) = note else { return Err(Problem::incomplete()) };
    let order = DropOrder { actor, reason, at: api.app.clock.now() };
    let effect = ApiEffect::DropRejects { ids, merchant, order };
    once(&api, &caller, &body, async { Ok(RequestEnd::Effect { effect, answer: dropped }) }).await
}

fn dropped(effect: &ApiEffect, result: EffectResult) -> KeptAnswer {
    let (asked, dropped) = match (effect, result) {
        (ApiEffect::DropRejects { ids, .. }, EffectResult::Dropped(dropped)) => (ids.as_slice(), dropped),
        _ => (&[][..], Vec::new()),
    };
    let missing = asked.iter().copied().filter(|id| !dropped.contains(id)).collect();
    kept(StatusCode::OK, &DropAnswer { dropped, missing })
}

/// The merchant and the numbers of a body.
fn named(fields: &mut Fields) -> (String, Vec<i64>) {
    let merchant = fields.text("merchant");
    let merchant = fields.require("merchant", merchant).unwrap_or_default();
    (merchant, fields.numbers("ids", MAX_PAGE as usize))
}

/// Those of the records that are kept and of the merchant, and the numbers of the others.
async fn of_merchant(api: &Api, merchant: &MerchantId, ids: &[i64]) -> Result<(Vec<KeptRecord>, Vec<i64>), Problem> {
    let (mut known, mut missing) = (Vec::new(), Vec::new());
    for id in ids {
        let filter = RejectFilter {
            merchant: Some(merchant.clone()),
            after: Some(id.saturating_sub(1)),
            limit: 1,
            ..RejectFilter::default()
        };
        let found = api.patiently(api.store().rejects(&filter)).await?.pop().filter(|kept| kept.id == *id);
        match found {
            Some(kept) => known.push(kept),
            None => missing.push(*id),
        }
    }
    Ok((known, missing))
}
