//! `POST /api/v1/payments`: payments, one by one, as the lender's systems learn of them.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::fields::Fields;
use super::idempotency::{KeyedBody, kept, once};
use super::problem::{Problem, ProblemBody};
use crate::domain::{
    AmountUnit, Currency, InstallmentId, MerchantId, Money, PaymentId, PaymentReport, PaymentResult, PaymentState,
};
use crate::store::{ApiEffect, EffectResult, KeptAnswer, RequestEnd};

/// The most payments of a request.
const MAX_PAYMENTS: usize = 200;

/// Payments of one merchant.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct PaymentBatch {
    /// The merchant.
    merchant: String,
    /// The payments, in the order in which they happened.
    #[schema(min_items = 1, max_items = 200)]
    payments: Vec<PaymentItem>,
}

/// One payment.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct PaymentItem {
    /// The lender's number for the payment. It counts once, whatever the request.
    #[schema(min_length = 1, max_length = 128)]
    payment_id: String,
    /// The instalment that it pays.
    #[schema(min_length = 1, max_length = 128)]
    installment_id: String,
    /// The amount of this payment alone, as a text such as `128.50`; `12850` where the merchant has minor units.
    amount: String,
    /// Its currency, for example `CNY`.
    currency: String,
    /// `pending`: paid and not booked yet. `posted`: booked. `reversed`: it failed, or was charged back.
    state: String,
    /// When the borrower paid, as RFC 3339.
    paid_at: Option<String>,
}

/// The result of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum PaymentStatus {
    /// It is new, or has another state.
    Changed,
    /// It was known, or a later state of it.
    Unchanged,
    /// It is kept until its instalment comes, or has its currency.
    Waiting,
    /// Its number belongs to another payment.
    Rejected,
}

/// The result of one payment.
#[derive(Debug, Serialize, ToSchema)]
struct PaymentOutcome {
    payment_id: String,
    result: PaymentStatus,
    /// Why it waits, or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The results, one for each payment, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PaymentAnswer {
    results: Vec<PaymentOutcome>,
}

/// Report payments
///
/// What is posted counts for the next reminder; what is pending holds the reminders of its instalment for a while. The
/// lender's ledger is right in the end. If one item has a mistake, nothing of the request is taken.
#[utoipa::path(
    post, path = "/api/v1/payments", tag = "ledger", security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes")),
    request_body = PaymentBatch,
    responses(
        (status = 200, body = PaymentAnswer),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn report(State(api): State<Api>, caller: Caller, body: KeyedBody) -> Result<Response, Problem> {
    let mut fields = body.fields()?;
    let merchant = fields.text("merchant");
    let merchant = fields.require("merchant", merchant).unwrap_or_default();
    let unit = api.app.policy.merchants.get(merchant.as_str()).map(|known| known.amount_unit).unwrap_or_default();
    let items = fields.objects("payments", MAX_PAYMENTS, |item| PaymentFields::read(item, unit));
    fields.finish()?;
    let merchant = caller.merchant(&api, &merchant)?.id.clone();
    let reports = items.into_iter().map(|item| item.of(&merchant)).collect();
    let effect = ApiEffect::ReportPayments { reports, lasts: api.app.config.payments.pending_for };
    once(&api, &caller, &body, async { Ok(RequestEnd::Effect { effect, answer }) }).await
}

struct PaymentFields {
    id: PaymentId,
    installment: InstallmentId,
    amount: Money,
    paid_at: Option<DateTime<Utc>>,
    state: PaymentState,
}

impl PaymentFields {
    fn read(fields: &mut Fields, unit: AmountUnit) -> Option<Self> {
        let named = |name: &'static str| move |error: String| format!("{name} {error}");
        let id = fields
            .read("payment_id", |text| PaymentId::new(text).map_err(|error| named("payment_id")(error.to_string())));
        let id = fields.require("payment_id", id);
        let installment = fields.read("installment_id", |text| {
            InstallmentId::new(text).map_err(|error| named("installment_id")(error.to_string()))
        });
        let installment = fields.require("installment_id", installment);
        let currency =
            fields.read("currency", |text| Currency::new(text).map_err(|error| named("currency")(error.to_string())));
        let currency = fields.require("currency", currency);
        let amount = fields.read("amount", |text| match currency {
            None => Ok(None),
            Some(currency) => match unit.parse(text, currency) {
                Ok(money) if money.amount().is_zero() => Err("amount is zero".to_owned()),
                Ok(money) => Ok(Some(money)),
                Err(error) => Err(named("amount")(error.to_string())),
            },
        });
        let amount = fields.require("amount", amount);
        let state = fields.read("state", |text| {
            text.parse::<PaymentState>().map_err(|_| "state is none of pending, posted, reversed")
        });
        let state = fields.require("state", state);
        let paid_at = fields.read("paid_at", |text| {
            let read = DateTime::parse_from_rfc3339(text).map(|at| at.to_utc());
            read.map_err(|_| "paid_at is no instant; write for example 2026-12-01T08:00:00Z")
        });
        Some(Self { id: id?, installment: installment?, amount: amount??, paid_at, state: state? })
    }

    fn of(self, merchant: &MerchantId) -> PaymentReport {
        let Self { id, installment, amount, paid_at, state } = self;
        PaymentReport { merchant: merchant.clone(), id, installment, amount, paid_at, state }
    }
}

fn answer(effect: &ApiEffect, result: EffectResult) -> KeptAnswer {
    let (reports, results) = match (effect, result) {
        (ApiEffect::ReportPayments { reports, .. }, EffectResult::Reported(results)) => (reports.as_slice(), results),
        _ => (&[][..], Vec::new()),
    };
    let outcome = |(report, result): (&PaymentReport, PaymentResult)| PaymentOutcome {
        payment_id: report.id.to_string(),
        result: match result {
            PaymentResult::Changed => PaymentStatus::Changed,
            PaymentResult::Unchanged => PaymentStatus::Unchanged,
            PaymentResult::Unknown | PaymentResult::OtherCurrency => PaymentStatus::Waiting,
            PaymentResult::OtherPayment => PaymentStatus::Rejected,
        },
        reason: result.problem().map(str::to_owned),
    };
    kept(StatusCode::OK, &PaymentAnswer { results: reports.iter().zip(results).map(outcome).collect() })
}
