//! `GET /api/v1/installments`: what is owed.

use axum::Json;
use axum::extract::{RawQuery, State};
use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::cursor::FOREIGN_CURSOR;
use super::fields::Fields;
use super::problem::{Problem, ProblemBody};
use crate::domain::{BorrowerId, Installment, InstallmentId};
use crate::store::InstallmentFilter;

/// How many instalments a page has, unless the query says otherwise.
const PAGE: u32 = 50;

/// The most that it may have.
const MAX_PAGE: u32 = 200;

/// A page of instalments, by due date.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InstallmentPage {
    installments: Vec<InstallmentView>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// An instalment as the ledger has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InstallmentView {
    installment: String,
    borrower: String,
    due_date: NaiveDate,
    currency: &'static str,
    /// The full amount, as a text.
    amount: String,
    /// The amount paid so far.
    paid_amount: String,
    /// The amount that is still to be paid.
    outstanding: String,
    /// `open`, `paid`, `cancelled`, `written_off` or `disputed`.
    status: &'static str,
    order_ref: Option<String>,
    product: Option<String>,
    /// Its position in its plan, from 1.
    sequence: Option<u32>,
    /// How many the plan has.
    of: Option<u32>,
    /// Its way to repay, if it is not the merchant's first.
    route: Option<String>,
    /// Separated by semicolons.
    tags: Option<String>,
    /// The days after the due date in which it is not overdue yet, if the ledger says so.
    grace_days: Option<u16>,
}

impl InstallmentView {
    fn of(one: Installment) -> Self {
        Self {
            installment: one.id.to_string(),
            borrower: one.borrower.to_string(),
            due_date: one.due_date,
            currency: one.amount.currency().code(),
            outstanding: one.outstanding().amount().to_string(),
            amount: one.amount.amount().to_string(),
            paid_amount: one.paid_amount.amount().to_string(),
            status: one.status.as_str(),
            order_ref: one.order_ref,
            product: one.product,
            sequence: one.sequence,
            of: one.of,
            route: one.route.map(|route| route.to_string()),
            grace_days: one.grace_days,
            tags: (!one.tags.is_empty()).then(|| one.tags.to_string()),
        }
    }
}

/// List instalments
///
/// By due date. Where the token is for several merchants, the query names one.
#[utoipa::path(
    get, path = "/api/v1/installments", tag = "ledger", security(("token" = [])),
    params(
        ("merchant" = Option<String>, Query, description = "Of this merchant"),
        ("borrower" = Option<String>, Query, description = "Only those of this borrower"),
        ("installment" = Option<String>, Query, description = "Only the one with this number"),
        ("order_ref" = Option<String>, Query, description = "Only those of this order"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "At most so many; 50 by default"),
    ),
    responses(
        (status = 200, body = InstallmentPage),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<InstallmentPage>, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let merchant = caller.merchant_of_query(&api, &mut fields);
    let filter = InstallmentFilter {
        borrower: fields
            .read("borrower", |text| BorrowerId::new(text).map_err(|_| "borrower is no number of a borrower")),
        installment: fields.read("installment", |text| {
            InstallmentId::new(text).map_err(|_| "installment is no number of an instalment")
        }),
        order_ref: fields.text("order_ref"),
        after: fields.read("cursor", |text| cursor(text).ok_or(FOREIGN_CURSOR)),
        ..InstallmentFilter::default()
    };
    let limit = fields.number("limit", 1..=MAX_PAGE).unwrap_or(PAGE);
    fields.finish()?;
    let (installments, next) = listed(&api, InstallmentFilter { merchant: Some(merchant?), ..filter }, limit).await?;
    Ok(Json(InstallmentPage { installments, next }))
}

/// The first instalments that match, and the cursor behind them if there are more.
pub(super) async fn listed(
    api: &Api,
    filter: InstallmentFilter,
    limit: u32,
) -> Result<(Vec<InstallmentView>, Option<String>), Problem> {
    let filter = InstallmentFilter { limit: limit + 1, ..filter };
    let mut found = api.patiently(api.store().installments(&filter)).await?;
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next =
        found.last().filter(|_| has_more).map(|last| format!("{}/{}", last.due_date.num_days_from_ce(), last.id));
    Ok((found.into_iter().map(InstallmentView::of).collect(), next))
}

/// Due date (its number of days) and number of the last instalment of a page.
fn cursor(text: &str) -> Option<(NaiveDate, InstallmentId)> {
    let (day, id) = text.split_once('/')?;
    Some((NaiveDate::from_num_days_from_ce_opt(day.parse().ok()?)?, InstallmentId::new(id).ok()?))
}
