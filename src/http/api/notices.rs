//! `/api/v1/notices`: one-off messages to selected borrowers, and the approval by a second person.
//!
//! A token sees a notice if it is for all merchants of its recipients: the counts of a notice are of all of them.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::cursor::FOREIGN_CURSOR;
use super::fields::Fields;
use super::idempotency::{KeyedBody, kept, once};
use super::path::PathIds;
use super::problem::{Problem, ProblemBody, ProblemKind};
use super::{Api, PREFIX};
use crate::domain::{NoticeChange, NoticeName, State as ReminderState};
use crate::pipeline::{AuditNote, NoticeError, NoticeView, approval, look};
use crate::store::{ApiEffect, EffectResult, KeptAnswer, NoticeCount, RequestEnd};

/// How many notices a page has, unless the query says otherwise.
const PAGE: u32 = 20;

/// The most that it may have.
const MAX_PAGE: u32 = 50;

/// A page of notices, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NoticePage {
    notices: Vec<NoticeItem>,
    /// The `cursor` of the next page; `null` on the last.
    next: Option<String>,
}

/// A notice, and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeItem {
    name: String,
    /// Where it is shown whole.
    href: String,
    /// `draft`, `awaiting_approval`, `sending`, `paused`, `cancelled`, or `done` when nothing is left to do.
    status: &'static str,
    template: String,
    /// For whom, in words.
    selection: String,
    recipients: u64,
    /// How many messages are yet to leave.
    to_do: u64,
    made_at: DateTime<Utc>,
    made_by: String,
    reason: String,
}

/// A notice with its progress and its history.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NoticeDetails {
    #[serde(flatten)]
    notice: NoticeItem,
    progress: Vec<NoticeProgress>,
    /// Oldest first.
    changes: Vec<NoticeStep>,
}

/// How many messages have come how far.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeProgress {
    /// `sms` or `email`.
    channel: &'static str,
    /// The state of the reminders; `waiting` while they are not in the outbox.
    state: &'static str,
    /// Why they were skipped.
    why: Option<String>,
    count: u64,
}

/// A change of the state of a notice.
#[derive(Debug, Serialize, ToSchema)]
struct NoticeStep {
    at: DateTime<Utc>,
    state: &'static str,
    actor: String,
    reason: String,
}

impl NoticeItem {
    fn of(view: &NoticeView) -> Self {
        let notice = &view.notice;
        Self {
            name: notice.name.to_string(),
            href: format!("{PREFIX}/notices/{}", notice.name),
            status: view.status(),
            template: notice.template.to_string(),
            selection: notice.selection.clone(),
            recipients: view.recipients(),
            to_do: view.to_do(),
            made_at: notice.at,
            made_by: notice.actor.clone(),
            reason: notice.reason.clone(),
        }
    }
}

impl NoticeProgress {
    fn of(count: &NoticeCount) -> Self {
        Self {
            channel: count.channel.as_str(),
            state: count.state.map_or("waiting", ReminderState::as_str),
            why: count.reason.clone(),
            count: count.count,
        }
    }
}

impl NoticeStep {
    fn of(change: &NoticeChange) -> Self {
        let NoticeChange { state, at, actor, reason } = change.clone();
        Self { at, state: state.as_str(), actor, reason }
    }
}

/// A notice that the token may see.
async fn seen(api: &Api, caller: &Caller, name: &NoticeName) -> Result<NoticeView, Problem> {
    let merchants = api.patiently(api.store().notice_merchants(name)).await?;
    if merchants.is_empty() || !merchants.is_subset(caller.merchants()) {
        return Err(Problem::not_found("notice"));
    }
    let looked = look(api.store(), name).await;
    looked.map_err(refusal)
}

fn refusal(error: NoticeError) -> Problem {
    let conflict = |text: String, reason: &str| Problem::new(ProblemKind::Conflict, text).because(reason);
    match error {
        NoticeError::NotFound(_) => Problem::not_found("notice"),
        NoticeError::WrongState(name, state, why) => {
            conflict(format!("notice {name} is {state}: {why}"), "wrong_state")
        }
        NoticeError::SamePerson(actor) => {
            conflict(format!("{actor} made the notice; another person has to approve it"), "same_person")
        }
        NoticeError::NameTaken(..) | NoticeError::JustChanged(_) => just_changed(),
        NoticeError::Store(error) => error.into(),
    }
}

fn just_changed() -> Problem {
    let text = "somebody else has just changed the notice; look at it again";
    Problem::new(ProblemKind::Conflict, text).because("just_changed")
}

/// List notices
///
/// Newest first: those whose recipients are all of merchants of the token.
#[utoipa::path(
    get, path = "/api/v1/notices", tag = "notices", security(("token" = [])),
    params(
        ("cursor" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 50, description = "At most so many; 20 by default"),
    ),
    responses(
        (status = 200, body = NoticePage),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(api): State<Api>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<NoticePage>, Problem> {
    let mut fields = Fields::of_query(query.as_deref())?;
    let cursor = fields.read("cursor", |text| NoticeName::new(text).map_err(|_| FOREIGN_CURSOR));
    let limit = fields.number("limit", 1..=MAX_PAGE).unwrap_or(PAGE) as usize;
    fields.finish()?;
    let all = api.patiently(api.store().notices(None)).await?;
    let start = cursor.map(|cursor| all.iter().position(|notice| notice.name == cursor).map_or(all.len(), |at| at + 1));
    let (mut notices, mut next) = (Vec::new(), None);
    for notice in &all[start.unwrap_or_default()..] {
        let view = match seen(&api, &caller, &notice.name).await {
            Ok(view) => view,
            Err(problem) if problem.kind == ProblemKind::NotFound => continue,
            Err(problem) => return Err(problem),
        };
        if notices.len() == limit {
            next = notices.last().map(|last: &NoticeItem| last.name.clone());
            break;
        }
        notices.push(NoticeItem::of(&view));
    }
    Ok(Json(NoticePage { notices, next }))
}

/// Show a notice
///
/// With its progress and its history.
#[utoipa::path(
    get, path = "/api/v1/notices/{name}", tag = "notices", security(("token" = [])),
    params(("name" = String, Path, description = "Its name")),
    responses(
        (status = 200, body = NoticeDetails),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    caller: Caller,
    PathIds(name): PathIds<String>,
) -> Result<Json<NoticeDetails>, Problem> {
    let name = NoticeName::new(&name).map_err(|_| Problem::not_found("notice"))?;
    let view = seen(&api, &caller, &name).await?;
    Ok(Json(NoticeDetails {
        notice: NoticeItem::of(&view),
        progress: view.counts.iter().map(NoticeProgress::of).collect(),
        changes: view.changes.iter().map(NoticeStep::of).collect(),
    }))
}

/// The approval of a notice.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "describes the body, which is read field by field")]
pub(super) struct ApprovalBody {
    /// Why, for the record.
    reason: String,
    /// The person who approves it, for the record: another one than who made it.
    by: String,
}

/// A notice that was approved.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApprovedNotice {
    name: String,
    /// `sending`: the daemon puts its messages into the outbox within a minute.
    state: &'static str,
}

/// Approve a notice
///
/// Lets a notice go out that another person made and that waits for approval.
#[utoipa::path(
    post, path = "/api/v1/notices/{name}/approve", tag = "notices", security(("token" = [])),
    params(
        ("name" = String, Path, description = "Its name"),
        ("Idempotency-Key" = String, Header, description = "A text that no other request has, in quotes"),
    ),
    request_body = ApprovalBody,
    responses(
        (status = 200, body = ApprovedNotice),
        (status = "default", description = "A problem", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn approve(
    State(api): State<Api>,
    caller: Caller,
    PathIds(name): PathIds<String>,
    body: KeyedBody,
) -> Result<Response, Problem> {
    let mut fields = body.fields()?;
    let by = fields.text("by");
    let by = fields.require("by", by);
    let reason = fields.text("reason");
    let reason = fields.require("reason", reason);
    let note = by.zip(reason).and_then(|(by, reason)| {
        AuditNote::new(&by, &reason).map_err(|error| fields.fault("by", error.to_string())).ok()
    });
    fields.finish()?;
    let (Ok(name), Some(note)) = (NoticeName::new(&name), note) else { return Err(Problem::not_found("notice")) };
    once(&api, &caller, &body, async {
        let view = seen(&api, &caller, &name).await?;
        // The person alone is compared: whoever made it by a command has no token.
        let AuditNote { actor, reason } = note;
        let mut change = approval(&view.notice, &AuditNote { actor: actor.clone(), reason }, api.app.clock.now())
            .map_err(refusal)?;
        change.actor = format!("{actor} by {}", caller.name());
        Ok(RequestEnd::Effect {
            effect: ApiEffect::MoveNotice { name, from: view.notice.state, change },
            answer: approved,
        })
    })
    .await
}

fn approved(effect: &ApiEffect, result: EffectResult) -> KeptAnswer {
    match (effect, result) {
        (ApiEffect::MoveNotice { name, change, .. }, EffectResult::Done) => {
            kept(StatusCode::OK, &ApprovedNotice { name: name.to_string(), state: change.state.as_str() })
        }
        _ => just_changed().kept().unwrap_or_else(|| kept(StatusCode::CONFLICT, &())),
    }
}
