//! `/api/v1/reminders/…`: cancel a reminder that waits, and settle those whose outcome is unknown.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::caller::Caller;
use super::idempotency::{KeyedBody, kept, once};
use super::path::PathIds;
use super::problem::{Problem, ProblemBody, ProblemKind};
use crate::domain::{ReminderId, WITHDRAWN};
use crate::pipeline::{Finding, ResolveError, prepare_resolution};
use crate::store::{ApiEffect, EffectResult, KeptAnswer, ReminderFilter, RequestEnd};

/// The most reminders that one request settles.
const MAX_FINDINGS: usize = 200;

/// A cancellation.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct CancelBody {
    /// Why, for the record.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
    /// The person who asks, for the record.
    by: Option<String>,
}

/// A reminder that is not sent.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CancelledReminder {
    id: i64,
    /// `skipped`.
    state: &'static str,
    /// `withdrawn`.
    detail: &'static str,
}

/// Cancel a reminder
///
/// Only one that is planned or held. One that is being sent, or has ended, is refused with 409.
#[utoipa::path(
    post, path = "/api/v1/reminders/{id}/cancel", tag = "reminders", security(("token" = [])),
    params(
        ("id" = i64, Path, description = "Its number"),
        ("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes"),
    ),
    request_body = CancelBody,
    responses(
        (status = 200, body = CancelledReminder),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    PathIds(id): PathIds<String>,
    body: KeyedBody,
) -> Result<Response, Problem> {
    let mut fields = body.fields()?;
    let note = caller.note(&mut fields);
    fields.finish()?;
    let note = note.ok_or_else(Problem::incomplete)?;
    let unknown = || Problem::not_found("reminder");
    let reminder = id.parse().map(ReminderId).map_err(|_| unknown())?;
    once(&api, &caller, &body, async {
        let filter = ReminderFilter { id: Some(reminder), limit: 1, ..ReminderFilter::default() };
        let view = api.patiently(api.store().reminders(&filter)).await?.pop().ok_or_else(unknown)?;
        if !caller.merchants().contains(&view.reminder.plan.key.borrower.merchant) {
            return Err(unknown());
        }
        let effect = ApiEffect::Cancel { reminder, by: note.at(api.app.clock.now()) };
        Ok(RequestEnd::Effect { effect, answer: cancelled })
    })
    .await
}

fn cancelled(effect: &ApiEffect, result: EffectResult) -> KeptAnswer {
    if let (ApiEffect::Cancel { reminder, .. }, EffectResult::Done) = (effect, result) {
        let told = CancelledReminder { id: reminder.0, state: "skipped", detail: WITHDRAWN };
        return kept(StatusCode::OK, &told);
    }
    let text = "the reminder does not wait any more: it is being sent, or has ended";
    let problem = Problem::new(ProblemKind::Conflict, text).because("not_waiting");
    problem.kept().unwrap_or_else(|| kept(StatusCode::CONFLICT, &text))
}

/// The findings of a person about reminders.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct ResolveBody {
    /// 1 to 200 findings.
    #[schema(min_items = 1, max_items = 200)]
    findings: Vec<ReminderFinding>,
    /// The evidence, for the record.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
    /// The person who checked it, for the record.
    by: Option<String>,
}

/// The true outcome of a reminder.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
struct ReminderFinding {
    /// Its number.
    reminder: i64,
    /// The outcome; `not_sent` sends it again.
    outcome: FindingWord,
}

/// An outcome that a person found.
#[derive(Debug, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a word of the body")]
enum FindingWord {
    /// It went out.
    Sent,
    /// It went out and arrived.
    Delivered,
    /// It went out and did not arrive; it is not sent again.
    Undelivered,
    /// It did not go out, and is to be sent again.
    NotSent,
}

/// The reminders that were settled.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResolvedReminders {
    settled: Vec<i64>,
    /// Their outcome is not unknown, or not any more; or they are of no merchant of the token.
    not_settled: Vec<i64>,
}

/// Settle unknown reminders
///
/// One or many, by what a person or a provider's report says of them. `not_sent` sends a reminder again, so be sure.
#[utoipa::path(
    post, path = "/api/v1/reminders/resolve", tag = "reminders", security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes")),
    request_body = ResolveBody,
    responses(
        (status = 200, body = ResolvedReminders),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn resolve(State(api): State<Api>, caller: Caller, body: KeyedBody) -> Result<Response, Problem> {
    let mut fields = body.fields()?;
    let findings = fields.objects("findings", MAX_FINDINGS, |one| {
        let reminder = one.integer("reminder");
        let reminder = one.require("reminder", reminder);
        let outcome = one.read("outcome", |word| match word {
            "sent" => Ok(Finding::Sent),
            "delivered" => Ok(Finding::Delivered),
            "undelivered" => Ok(Finding::Undelivered),
            "not_sent" => Ok(Finding::Resend),
            _ => Err("outcome is none of sent, delivered, undelivered, not_sent"),
        });
        let outcome = one.require("outcome", outcome);
        Some((ReminderId(reminder?), outcome?))
    });
    let note = caller.note(&mut fields);
    fields.finish()?;
    let note = note.ok_or_else(Problem::incomplete)?;
    once(&api, &caller, &body, async {
        let (mut settlements, mut receipts) = (Vec::new(), Vec::new());
        let now = api.app.clock.now();
        for (id, finding) in &findings {
            match prepare_resolution(api.store(), *id, *finding, &note, now).await {
                Ok(one) if caller.merchants().contains(&one.merchant) => {
                    settlements.push(one.settlement);
                    receipts.extend(one.receipt);
                }
                Ok(_) | Err(ResolveError::NotUnknown(_) | ResolveError::Unsigned(_)) => {}
                Err(ResolveError::Store(error)) => return Err(error.into()),
            }
        }
        let asked = findings.iter().map(|(id, _)| *id).collect();
        Ok(RequestEnd::Effect { effect: ApiEffect::Resolve { asked, settlements, receipts }, answer: resolved })
    })
    .await
}

fn resolved(effect: &ApiEffect, result: EffectResult) -> KeptAnswer {
    let (asked, settled) = match (effect, result) {
        (ApiEffect::Resolve { asked, .. }, EffectResult::Settled(settled)) => (asked.as_slice(), settled),
        _ => (&[][..], Vec::new()),
    };
    let not_settled = asked.iter().filter(|id| !settled.contains(id)).map(|id| id.0).collect();
    let settled = settled.iter().map(|id| id.0).collect();
    kept(StatusCode::OK, &ResolvedReminders { settled, not_settled })
}
