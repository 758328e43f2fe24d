//! `/console/borrowers/{merchant}/{borrower}/preview` and `…/resend`: the message that would go out now, what is
//! against it, and the button that sends it.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::Console;
use super::borrowers::Target;
use super::form::FormFields;
use super::page::page;
use super::refusal::Refusal;
use super::staff::Staff;
use super::words::DeskWords;
use crate::domain::{Action, Borrower, Channel, MerchantId, ReminderId};
use crate::pipeline::{
    AuditNote, MessageParts, ResendError, ResendOutlook, ResendRequest, ResendTarget, masked_address, resend,
    resend_outlook, shown_message,
};
use crate::plan::{Decision, ResendDigest, ResendRefusal, SendPlan};
use crate::store::StoreError;

/// The placeholder for a reminder that does not exist yet, in the links of a preview.
const NO_REMINDER: ReminderId = ReminderId(0);

/// The message that is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct PreviewQuery {
    channel: String,
    due_date: NaiveDate,
}

/// Whether a date is one that a database can hold.
fn is_storable(date: NaiveDate) -> bool {
    (1..=9999).contains(&date.year())
}

#[derive(Serialize)]
struct PreviewPage {
    merchant: String,
    borrower: String,
    channel: String,
    channel_word: &'static str,
    due_date: String,
    due_date_word: String,
    to: Option<String>,
    message: Option<MessageParts>,
    refusals: Vec<RefusalView>,
    may_send: bool,
    must_override: bool,
    seen: Option<String>,
}

#[derive(Serialize)]
struct RefusalView {
    text: String,
    may_override: bool,
}

/// Shows what would go out now; sends nothing.
pub(super) async fn preview(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    query: Result<Query<PreviewQuery>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query.map_err(|_| Refusal::NotFound)?;
    if !is_storable(query.due_date) {
        return Err(Refusal::NotFound);
    }
    let channel: Channel = query.channel.parse().map_err(|_| Refusal::NotFound)?;
    let (words, now) = (target.words(&staff), console.app.clock.now());
    let note = AuditNote { actor: staff.user.to_string(), reason: String::new() };
    let request = request(&console, &target, channel, query.due_date, note);
    let outlook = outlook(&console, &request, now).await?;
    let outlook = outlook.map_err(|error| target.refuse(vec![told(&error, &words)]))?;
    let account = console.patiently(console.store().account(&target.key, query.due_date, channel)).await?;
    let borrower = account.borrower.unwrap_or_else(|| Borrower::unknown(target.key.clone()));
    let (to, message) = match &outlook.decision {
        Decision::Send(plan) => (Some(masked_address(&plan.to)), message(&console, &target, &borrower, plan, channel)),
        _ => (None, None),
    };
    let may_override = |one: &ResendRefusal| one.may_be_overridden() && staff.role.allows(Action::OverrideLimits);
    let view = PreviewPage {
        merchant: target.key.merchant.to_string(),
        borrower: target.key.id.to_string(),
        channel: words.channel(channel),
        channel_word: channel.as_str(),
        due_date: words.date(query.due_date),
        due_date_word: query.due_date.to_string(),
        to,
        message,
        may_send: outlook.refusals.iter().all(may_override),
        must_override: !outlook.refusals.is_empty(),
        refusals: outlook
            .refusals
            .iter()
            .map(|one| RefusalView { text: words.refusal(one), may_override: one.may_be_overridden() })
            .collect(),
        seen: outlook.digest.map(|digest| digest.to_string()),
    };
    Ok(page(StatusCode::OK, "preview.html", &staff.frame(), view))
}

/// Sends, if the facts are still those that the page showed.
pub(super) async fn send(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    form: FormFields,
) -> Result<Response, Refusal> {
    let (words, now) = (target.words(&staff), console.app.clock.now());
    let (channel, due_date): (Channel, NaiveDate) = (form.read("channel")?, form.read("due_date")?);
    if !is_storable(due_date) {
        return Err(Refusal::StaleForm);
    }
    let note = target.note(&staff, &form)?;
    let overrides_limits = form.text("override") == Some("yes");
    if overrides_limits && !staff.role.allows(Action::OverrideLimits) {
        return Err(Refusal::StaleForm);
    }
    let seen = form.text("seen").filter(|seen| !seen.is_empty()).map(str::parse::<ResendDigest>);
    let seen = seen.transpose().map_err(|_| Refusal::StaleForm)?;
    let request = ResendRequest { overrides_limits, seen, ..request(&console, &target, channel, due_date, note) };
    let gates = console.patiently(console.app.gates()).await?;
    let gate = |merchant: &MerchantId| gates.of(channel, merchant);
    let store = staff.store(&console);
    let resent = resend(&*store, &console.app.policy, &gate, request, now);
    match console.patiently(settled(resent)).await? {
        Ok(_) => Ok(target.done("resent")),
        Err(error) => Err(target.refuse(vec![told(&error, &words)])),
    }
}

fn request(
    console: &Console,
    target: &Target,
    channel: Channel,
    due_date: NaiveDate,
    audit_note: AuditNote,
) -> ResendRequest {
    ResendRequest {
        whom: ResendTarget::Borrower(target.key.id.clone()),
        merchant: Some(target.key.merchant.clone()),
        due_date: Some(due_date),
        channel,
        audit_note,
        overrides_limits: false,
        seen: None,
        text_version: console.app.composer.renderer.fingerprint().to_owned(),
    }
}

async fn outlook(
    console: &Console,
    request: &ResendRequest,
    now: DateTime<Utc>,
) -> Result<Result<ResendOutlook, ResendError>, Refusal> {
    let gates = console.patiently(console.app.gates()).await?;
    let gate = |merchant: &MerchantId| gates.of(request.channel, merchant);
    let told = resend_outlook(console.store(), &console.app.policy, &gate, request, now);
    match console.patiently(settled(told)).await? {
        Err(ResendError::NotFound) => Err(Refusal::NotFound),
        told => Ok(told),
    }
}

/// Keeps failures of the store apart from what forbids a resend.
async fn settled<T>(told: impl Future<Output = Result<T, ResendError>>) -> Result<Result<T, ResendError>, StoreError> {
    match told.await {
        Err(ResendError::Store(error)) => Err(error),
        told => Ok(told),
    }
}

/// The message as it would leave, without the tokens of its links.
fn message(
    console: &Console,
    target: &Target,
    borrower: &Borrower,
    plan: &SendPlan,
    channel: Channel,
) -> Option<MessageParts> {
    let name = console.app.policy.gateways.first(channel, &target.key.merchant)?;
    let gateway = console.app.gateways.get(name)?;
    let composer = &console.app.composer;
    let composed =
        composer.compose(NO_REMINDER, &target.merchant, borrower, plan, gateway.link_mode(), gateway.registered());
    match composed {
        Ok(composed) => Some(shown_message(&composed.message, &composer.links, NO_REMINDER)),
        Err(error) => {
            tracing::warn!(%error, "a preview does not render");
            None
        }
    }
}

fn told(error: &ResendError, words: &DeskWords) -> String {
    match error {
        ResendError::Refused(refusals) => refusals.iter().map(|one| words.refusal(one)).collect::<Vec<_>>().join(" · "),
        ResendError::Changed(changes) => {
            let what: Vec<_> = changes.iter().map(|one| words.change(*one)).collect();
            words.say("not_done_changed", &[("what", &what.join(", "))])
        }
        ResendError::JustResent => words.say("refusal_just_resent", &[]),
        ResendError::NoGateway(..) => words.say("refusal_no_gateway", &[]),
        other => other.to_string(),
    }
}
