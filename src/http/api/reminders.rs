//! `/api/v1/reminders`: reminders with their attempts, receipts and messages; and one more by hand.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::attempts::{MessageAsSent, ReminderAttempt, attempts};
use super::caller::Caller;
use super::cursor::FOREIGN_CURSOR;
use super::fields::Fields;
use super::idempotency::{KeyedBody, kept, once};
use super::path::PathIds;
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::{Api, PREFIX};
use crate::domain::{
    Action, AuditAction, AuditSubject, BorrowerId, Channel, Event, InstallmentId, MerchantId, Origin, ReminderId,
    State as ReminderState,
};
use crate::pipeline::{AuditNote, ResendError, ResendRequest, ResendTarget, prepare_resend, shown_messages};
use crate::plan::ResendRefusal;
use crate::store::{ApiEffect, EffectResult, KeptAnswer, ReminderFilter, ReminderView, RequestEnd};

/// How many reminders a page has, unless the query says otherwise.
const PAGE: u32 = 50;

/// The most that it may have.
const MAX_PAGE: u32 = 200;

/// A page of reminders, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReminderPage {
    reminders: Vec<ReminderItem>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// A reminder: one message to one borrower about one due date, for one step, on one channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReminderItem {
    id: i64,
    /// Where it is shown whole.
    href: String,
    merchant: String,
    borrower: String,
    due_date: NaiveDate,
    /// The rule and the day, for example `due-soon/-3`, or `manual/1`.
    step: String,
    /// `sms` or `email`.
    channel: &'static str,
    /// `planned`, `held`, `sending`, `unknown`, `accepted`, `delivered`, `undelivered`, `failed` or `skipped`.
    state: &'static str,
    /// Why it is in this state: a skip reason, or a code of the gateway.
    detail: Option<String>,
    /// How often it was handed to a gateway.
    attempts: u32,
    planned_at: DateTime<Utc>,
    /// When it is tried next, or else when the last thing happened.
    at: DateTime<Utc>,
    gateway: Option<String>,
}

/// A reminder with everything that happened to it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReminderDetails {
    #[serde(flatten)]
    reminder: ReminderItem,
    not_before: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// The person who resent it, if one did.
    resent_by: Option<ResentBy>,
    /// Its attempts with their receipts, oldest first.
    tries: Vec<ReminderAttempt>,
    /// Attempts, receipts and changes of its state, oldest first.
    events: Vec<ReminderEvent>,
    /// The messages as they were sent, one for each attempt, with the tokens of links masked; `null` if the token does
    /// not allow `read_messages`.
    messages: Option<Vec<MessageAsSent>>,
}

/// The person who resent a reminder, and why.
#[derive(Debug, Serialize, ToSchema)]
struct ResentBy {
    actor: String,
    reason: String,
    /// The number of the reminder that it repeats.
    of: Option<i64>,
}

/// Something that happened to a reminder.
#[derive(Debug, Serialize, ToSchema)]
struct ReminderEvent {
    at: DateTime<Utc>,
    /// For example `accepted`, `delivered` or `skipped`.
    event: &'static str,
    /// The number of the attempt; 0 before the first.
    attempt: u32,
    detail: Option<String>,
    gateway: Option<String>,
    /// The number that the gateway gave it.
    provider_id: Option<String>,
}

impl ReminderItem {
    fn of(view: &ReminderView) -> Self {
        let key = &view.reminder.plan.key;
        let last = view.last.as_ref();
        Self {
            id: view.reminder.id.0,
            href: href(view.reminder.id),
            merchant: key.borrower.merchant.to_string(),
            borrower: key.borrower.id.to_string(),
            due_date: key.due_date,
            step: key.step.to_string(),
            channel: key.channel.as_str(),
            state: view.state.as_str(),
            detail: last.and_then(|event| event.detail.clone()),
            attempts: view.attempts,
            planned_at: view.reminder.planned_at,
            at: view.next_try.or(last.map(|event| event.at)).unwrap_or(view.reminder.plan.not_before),
            gateway: last.and_then(|event| event.gateway.as_ref()).map(ToString::to_string),
        }
    }
}

impl ReminderEvent {
    fn of(event: &Event) -> Self {
        Self {
            at: event.at,
            event: event.kind.as_str(),
            attempt: event.attempt,
            detail: event.detail.clone(),
            gateway: event.gateway.as_ref().map(ToString::to_string),
            provider_id: event.provider_id.clone(),
        }
    }
}

fn href(id: ReminderId) -> String {
    format!("{PREFIX}/reminders/{id}")
}

/// List reminders
///
/// Newest first. Where the token is for several merchants, the query names one.
#[utoipa::path(
    get, path = "/api/v1/reminders", tag = "reminders", security(("token" = [])),
    params(
        ("merchant" = Option<String>, Query, description = "Only those of this merchant"),
        ("state" = Option<String>, Query, description = "Only those in this state"),
        ("borrower" = Option<String>, Query, description = "Only those to this borrower"),
        ("due_date" = Option<NaiveDate>, Query, description = "Only those about this due date"),
        ("channel" = Option<String>, Query, description = "Only those on this channel: sms or email"),
        ("check_code" = Option<String>, Query, description = "Only the one whose message holds this check code"),
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "At most so many; 50 by default"),
    ),
    responses(
        (status = 200, body = ReminderPage),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<ReminderPage>, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let merchant = caller.merchant_of_query(&api, &mut fields);
    let code = fields.text("check_code");
    let limit = fields.number("limit", 1..=MAX_PAGE).unwrap_or(PAGE);
    let filter = ReminderFilter {
        state: fields.read("state", |text| {
            let states: Vec<_> = ReminderState::ALL.iter().map(|state| state.as_str()).collect();
            text.parse().map_err(|_| format!("state is none of {}", states.join(", ")))
        }),
        borrower: fields
            .read("borrower", |text| BorrowerId::new(text).map_err(|_| "borrower is no number of a borrower")),
        due_date: fields.read("due_date", date),
        channel: fields.read("channel", channel),
        before: fields.read("cursor", |text| text.parse().map(ReminderId).map_err(|_| FOREIGN_CURSOR)),
        limit: limit + 1,
        ..ReminderFilter::default()
    };
    fields.finish()?;
    let filter = ReminderFilter { merchant: Some(merchant?), ..filter };
    // Without a code one question, and with one as many as there are keys that it may be of.
    let ids = match &code {
        Some(code) => api.app.composer.links.open_check_code(code).into_iter().map(Some).collect(),
        None => vec![None],
    };
    let mut found = Vec::new();
    for id in ids {
        let filter = ReminderFilter { id, ..filter.clone() };
        found.extend(api.patiently(api.store().reminders(&filter)).await?);
    }
    let has_more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| has_more).map(|last| last.reminder.id.to_string());
    Ok(Json(ReminderPage { reminders: found.iter().map(ReminderItem::of).collect(), next }))
}

/// A date of a field, in a year of four digits: days further away overflow the calendar.
pub(super) fn date(text: &str) -> Result<NaiveDate, &'static str> {
    let date = text.parse().ok().filter(|date: &NaiveDate| (0..=9999).contains(&date.year()));
    date.ok_or("the date is none such as 2026-11-25")
}

fn channel(text: &str) -> Result<Channel, &'static str> {
    text.parse().map_err(|_| "channel is not sms or email")
}

/// Show a reminder
///
/// With its attempts and receipts, and its messages as they were sent if the token allows `read_messages`.
#[utoipa::path(
    get, path = "/api/v1/reminders/{id}", tag = "reminders", security(("token" = [])),
    params(("id" = i64, Path, description = "Its number")),
    responses(
        (status = 200, body = ReminderDetails),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    PathIds(id): PathIds<String>,
) -> Result<Json<ReminderDetails>, Problem> {
    let unknown = || Problem::not_found("reminder");
    let id = id.parse().map(ReminderId).map_err(|_| unknown())?;
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    let view = api.patiently(api.store().reminders(&filter)).await?.pop().ok_or_else(unknown)?;
    let plan = &view.reminder.plan;
    if !caller.merchants().contains(&plan.key.borrower.merchant) {
        return Err(unknown());
    }
    let events = api.patiently(api.store().events(id)).await?;
    let messages = match caller.allows(Action::ReadMessages) {
        true => {
            let sent = api.patiently(api.store().messages(id)).await?;
            let shown = shown_messages(&sent, &api.app.composer.links, id);
            if !shown.is_empty() {
                let about = AuditSubject::borrower(&plan.key.borrower).of_reminder(id);
                caller.record(&api, AuditAction::ReadMessages, &[about]).await?;
            }
            Some(shown.into_iter().map(MessageAsSent::from).collect())
        }
        false => None,
    };
    let resent_by = match &plan.origin {
        Origin::Manual { actor, reason, of } => {
            Some(ResentBy { actor: actor.clone(), reason: reason.clone(), of: of.map(|of| of.0) })
        }
        _ => None,
    };
    Ok(Json(ReminderDetails {
        reminder: ReminderItem::of(&view),
        not_before: plan.not_before,
        expires_at: plan.expires_at,
        resent_by,
        tries: attempts(&events),
        events: events.iter().map(ReminderEvent::of).collect(),
        messages,
    }))
}

/// A resend.
#[derive(Debug, ToSchema)]
#[schema(title = "ResendBody")]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct ResendBody {
    /// The merchant.
    merchant: String,
    /// To this borrower, about what is open; or name `installment`.
    borrower: Option<String>,
    /// To the borrower who owes this instalment; or name `borrower`.
    installment: Option<String>,
    /// About this due date, where several are open.
    due_date: Option<NaiveDate>,
    /// `sms` or `email`.
    channel: String,
    /// Why, for the record.
    reason: String,
    /// The person who asks, for the record.
    by: Option<String>,
    /// Send in spite of a frequency cap, or within ten minutes after an earlier resend. Needs the action
    /// `override_limits`.
    #[schema(rename = "override")]
    overrides_limits: Option<bool>,
}

/// A reminder that is due now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Resent {
    id: i64,
    /// Where it is shown.
    href: String,
}

/// Send a reminder once more
///
/// By the rules of `dueherald resend`: what is paid, suppressed, on hold, outside contact hours or capped is refused
/// with 409, and `reason` says why.
#[utoipa::path(
    post, path = "/api/v1/reminders/resend", tag = "reminders", security(("token" = [])),
    params(("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes")),
    request_body = ResendBody,
    responses(
        (status = 201, body = Resent),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn resend(State(api): State<Api>, caller: Caller, body: KeyedBody) -> Result<Response, Problem> {
    let request = read_resend(&api, &caller, body.fields()?)?;
    once(&api, &caller, &body, prepare(&api, request)).await
}

fn read_resend(api: &Api, caller: &Caller, mut fields: Fields) -> Result<ResendRequest, Problem> {
    let merchant = fields.text("merchant");
    let merchant = fields.require("merchant", merchant);
    let borrower =
        fields.read("borrower", |text| BorrowerId::new(text).map_err(|_| "borrower is no number of a borrower"));
    let installment = fields
        .read("installment", |text| InstallmentId::new(text).map_err(|_| "installment is no number of an instalment"));
    let whom = match (borrower, installment) {
        (Some(borrower), None) => Some(ResendTarget::Borrower(borrower)),
        (None, Some(installment)) => Some(ResendTarget::Installment(installment)),
        _ => {
            fields.fault("borrower", "name either borrower or installment");
            None
        }
    };
    let due_date = fields.read("due_date", date);
    let channel = fields.read("channel", channel);
    let channel = fields.require("channel", channel);
    let reason = fields.text("reason");
    let reason = fields.require("reason", reason);
    let overrides_limits = fields.flag("override");
    let actor = caller.actor(&mut fields);
    let audit_note = reason.and_then(|reason| {
        AuditNote::new(&actor, &reason).map_err(|error| fields.fault("reason", error.to_string())).ok()
    });
    fields.finish()?;
    let merchant = caller.merchant(api, &merchant.unwrap_or_default())?.id.clone();
    let (Some(whom), Some(channel), Some(audit_note)) = (whom, channel, audit_note) else {
        return Err(Problem::new(ProblemKind::Invalid, "the body has mistakes"));
    };
    if overrides_limits && !caller.allows(Action::OverrideLimits) {
        let text = format!("this token does not allow {}, which override needs", Action::OverrideLimits);
        return Err(Problem::new(ProblemKind::Forbidden, text));
    }
    Ok(ResendRequest {
        whom,
        merchant: Some(merchant),
        due_date,
        channel,
        audit_note,
        overrides_limits,
        seen: None,
        text_version: api.app.composer.renderer.fingerprint().to_owned(),
    })
}

async fn prepare(api: &Api, request: ResendRequest) -> Result<RequestEnd, Problem> {
    let now = api.app.clock.now();
    let gates = api.patiently(api.app.gates()).await?;
    let channel = request.channel;
    let gate = |merchant: &MerchantId| gates.of(channel, merchant);
    let reminder = prepare_resend(api.store(), &api.app.policy, &gate, request, now).await.map_err(refusal)?;
    let effect = ApiEffect::Plan { reminder, at: now };
    Ok(RequestEnd::Effect { effect, answer: resent })
}

fn resent(_: &ApiEffect, result: EffectResult) -> KeptAnswer {
    match result {
        EffectResult::Planned(id) => kept(StatusCode::CREATED, &Resent { id: id.0, href: href(id) }),
        _ => {
            let text = "somebody has just resent the same; list the reminders of the borrower to see it";
            let problem = Problem::new(ProblemKind::Conflict, text).because("just_resent");
            problem.kept().unwrap_or_else(|| kept(StatusCode::CONFLICT, &text))
        }
    }
}

fn refusal(error: ResendError) -> Problem {
    let conflict = |text: String, reason: &str| Problem::new(ProblemKind::Conflict, text).because(reason);
    match error {
        ResendError::NotFound => Problem::not_found("borrower or instalment"),
        ResendError::SeveralMerchants(_) => Problem::not_found("merchant"),
        ResendError::SeveralDueDates(dates) => {
            conflict(format!("several due dates are open ({dates}); name one in due_date"), "several_due_dates")
        }
        ResendError::Refused(refusals) => {
            let reason = refusals.first().map_or("refused", ResendRefusal::word);
            let sentences: Vec<_> = refusals.iter().map(ToString::to_string).collect();
            conflict(format!("not sent: {}", sentences.join("; ")), reason)
        }
        ResendError::Changed(changes) => {
            let reason = changes.first().map_or("changed", |change| change.word());
            conflict(ResendError::Changed(changes).to_string(), reason)
        }
        ResendError::NoGateway(channel, merchant) => {
            conflict(format!("no gateway carries {channel} for {merchant}"), "no_gateway")
        }
        ResendError::JustResent => conflict("somebody has just resent the same".to_owned(), "just_resent"),
        ResendError::Store(error) => error.into(),
    }
}
