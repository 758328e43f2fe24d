//! `/console/borrowers/{merchant}/{borrower}/messages/{reminder}`: the messages of a reminder as they were sent, and
//! `…/page/{reminder}`: the landing page that their links open, as the borrower sees it.

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::Console;
use super::borrowers::Target;
use super::page::page;
use super::refusal::Refusal;
use super::staff::Staff;
use crate::domain::{AuditAction, AuditSubject, ReminderId};
use crate::http::page::{Strictness, set_headers};
use crate::pipeline::{MessageContent, MessageParts, MessageView, shown_messages};
use crate::store::ReminderFilter;

/// The place of the reminder in a path.
#[derive(Deserialize)]
pub(super) struct ReminderPath {
    id: String,
}

/// The places of the reminder and of its attempt in a path.
#[derive(Deserialize)]
pub(super) struct AttemptPath {
    id: String,
    attempt: String,
}

#[derive(Serialize)]
struct MessagesPage {
    merchant: String,
    borrower: String,
    reminder: i64,
    messages: Vec<AttemptView>,
}

#[derive(Serialize)]
struct AttemptView {
    attempt: u32,
    time: String,
    gateway: Option<String>,
    message: Option<Box<MessageParts>>,
    problem: Option<String>,
}

#[derive(Serialize)]
struct LandingFrame {
    merchant: String,
    borrower: String,
    reminder: i64,
}

/// Shows the messages. That somebody reads them goes on record first.
pub(super) async fn show(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    Path(path): Path<ReminderPath>,
) -> Result<Response, Refusal> {
    let id = reminder_of(&console, &target, &path.id).await?;
    console.note(&staff, AuditAction::ReadMessages, AuditSubject::borrower(&target.key).of_reminder(id)).await?;
    let sent = console.patiently(console.store().messages(id)).await?;
    let words = target.words(&staff);
    let attempt = |one: MessageView| {
        let (message, problem) = match one.content {
            MessageContent::Shown { parts, .. } => (Some(parts), None),
            MessageContent::Missing { problem } => (None, Some(problem)),
        };
        AttemptView { attempt: one.attempt, time: words.time(one.at), gateway: one.gateway, message, problem }
    };
    let view = MessagesPage {
        merchant: target.key.merchant.to_string(),
        borrower: target.key.id.to_string(),
        reminder: id.0,
        messages: shown_messages(&sent, &console.app.composer.links, id).into_iter().map(attempt).collect(),
    };
    Ok(page(StatusCode::OK, "messages.html", &staff.frame(), view))
}

/// The HTML of an e-mail, for a frame: its links and forms lead nowhere, and it loads nothing.
pub(super) async fn html(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    Path(path): Path<AttemptPath>,
) -> Result<Response, Refusal> {
    let id = reminder_of(&console, &target, &path.id).await?;
    let attempt: u32 = path.attempt.parse().map_err(|_| Refusal::NotFound)?;
    console.note(&staff, AuditAction::ReadMessages, AuditSubject::borrower(&target.key).of_reminder(id)).await?;
    let sent = console.patiently(console.store().messages(id)).await?;
    let shown = shown_messages(&sent, &console.app.composer.links, id);
    let html = shown.into_iter().find(|one| one.attempt == attempt).and_then(|one| match one.content {
        MessageContent::Shown { parts, .. } => parts.html,
        MessageContent::Missing { .. } => None,
    });
    let mut response = Html(html.ok_or(Refusal::NotFound)?).into_response();
    set_headers(response.headers_mut(), Strictness::HasForm);
    allow_frame(response.headers_mut());
    Ok(response)
}

/// Shows the landing page in a frame.
pub(super) async fn landing(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    Path(path): Path<ReminderPath>,
) -> Result<Response, Refusal> {
    let id = reminder_of(&console, &target, &path.id).await?;
    let (merchant, borrower) = (target.key.merchant.to_string(), target.key.id.to_string());
    Ok(page(StatusCode::OK, "landing.html", &staff.frame(), LandingFrame { merchant, borrower, reminder: id.0 }))
}

/// The page in the frame. Its forms lead nowhere: neither a click nor an answer of staff counts as the borrower's.
pub(super) async fn landing_frame(
    State(console): State<Console>,
    target: Target,
    Path(path): Path<ReminderPath>,
) -> Result<Response, Refusal> {
    let id = reminder_of(&console, &target, &path.id).await?;
    let mut response = console.public.page_of(id).await?.ok_or(Refusal::NotFound)?;
    allow_frame(response.headers_mut());
    Ok(response)
}

/// Lets the console itself frame a page, and no form of it be sent.
fn allow_frame(headers: &mut HeaderMap) {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
        frame-ancestors 'self'; sandbox";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
}

/// The reminder of a path, if it is one of the borrower's.
async fn reminder_of(console: &Console, target: &Target, text: &str) -> Result<ReminderId, Refusal> {
    let id = text.parse().map(ReminderId).map_err(|_| Refusal::NotFound)?;
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    let found = console.patiently(console.store().reminders(&filter)).await?;
    let is_theirs = found.iter().any(|view| view.reminder.plan.key.borrower == target.key);
    if is_theirs { Ok(id) } else { Err(Refusal::NotFound) }
}
