//! `/console/notices/{name}`: a notice that waits for approval, with the texts that its recipients get, and the button
//! that lets it go out.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::form::FormFields;
use super::page::page;
use super::queue_acts::{done, note, refuse};
use super::refusal::Refusal;
use super::staff::Staff;
use super::words::DeskWords;
use super::{Console, hex};
use crate::domain::{Action, NoticeName, NoticeState, ReminderId, TemplateName, is_same_person};
use crate::pipeline::{MessageParts, NoticeError, NoticeSample, approve, shown_message};
use crate::render::Phase;
use crate::store::NoticeAudience;

/// The most groups of recipients whose texts are shown.
const MOST: usize = 60;

/// The placeholder for a reminder that does not exist yet, in the links of a text.
const NO_REMINDER: ReminderId = ReminderId(0);

/// The place of the path.
#[derive(Deserialize)]
pub(super) struct NoticePath {
    name: String,
}

#[derive(Serialize)]
struct ApprovalPage {
    name: String,
    template: String,
    selection: String,
    actor: String,
    reason: String,
    since: String,
    recipients: u64,
    texts: Vec<NoticeText>,
    /// Whether every recipient's text is on the page.
    is_whole: bool,
    is_own: bool,
    may_approve: bool,
    seen: String,
}

/// The text that a group of recipients gets.
#[derive(Serialize)]
struct NoticeText {
    merchant: String,
    channel: String,
    locales: Vec<String>,
    recipients: u64,
    /// `None` if the text cannot be made.
    wordings: Option<Vec<NoticeWording>>,
}

/// A wording, and the phases of the debt that have it.
#[derive(PartialEq, Eq, Serialize)]
struct NoticeWording {
    phases: Vec<String>,
    message: MessageParts,
}

/// Shows the page.
pub(super) async fn show(
    State(console): State<Console>,
    staff: Staff,
    Path(path): Path<NoticePath>,
) -> Result<Response, Refusal> {
    let name = path.name.parse().map_err(|_| Refusal::NotFound)?;
    let audience = audience(&console, &staff, &name).await?;
    let notice = console.patiently(console.store().notices(Some(&name))).await?.pop().ok_or(Refusal::NotFound)?;
    let words = staff.words(&console);
    if notice.state != NoticeState::AwaitingApproval {
        return Err(refuse(vec![words.say("notice_changed", &[])]));
    }
    let texts = texts(&console, &words, &notice.template, &audience).await?;
    let view = ApprovalPage {
        name: notice.name.to_string(),
        template: notice.template.to_string(),
        selection: notice.selection,
        is_own: is_same_person(&notice.actor, staff.user.as_str()),
        actor: notice.actor,
        reason: notice.reason,
        since: words.time(notice.at),
        recipients: audience.iter().map(|one| one.count).sum(),
        is_whole: audience.len() <= MOST && texts.iter().all(|one| one.wordings.is_some()),
        may_approve: staff.role.allows(Action::ApproveNotices),
        seen: seen(&texts),
        texts,
    };
    Ok(page(StatusCode::OK, "notice.html", &staff.frame(), view))
}

/// Lets the notice go out, if its texts are still those that the page showed.
pub(super) async fn let_out(
    State(console): State<Console>,
    staff: Staff,
    Path(path): Path<NoticePath>,
    fields: FormFields,
) -> Result<Response, Refusal> {
    let name: NoticeName = path.name.parse().map_err(|_| Refusal::NotFound)?;
    let audience = audience(&console, &staff, &name).await?;
    let notice = console.patiently(console.store().notices(Some(&name))).await?.pop().ok_or(Refusal::NotFound)?;
    let words = staff.words(&console);
    let texts = texts(&console, &words, &notice.template, &audience).await?;
    let is_whole = audience.len() <= MOST && texts.iter().all(|one| one.wordings.is_some());
    let (store, note, now) = (staff.store(&console), note(&staff, &fields)?, console.app.clock.now());
    if !is_whole || fields.text("seen") != Some(&seen(&texts)) {
        return Err(refuse(vec![words.say("notice_text_changed", &[])]));
    }
    let approved = async {
        match approve(&*store, &name, &note, now).await {
            Ok(_) => Ok(None),
            Err(NoticeError::Store(error)) => Err(error),
            Err(error) => Ok(Some(error)),
        }
    };
    match console.patiently(approved).await? {
        None => Ok(done("approved")),
        Some(NoticeError::SamePerson(_)) => Err(refuse(vec![words.say("notice_own", &[])])),
        Some(_) => Err(refuse(vec![words.say("notice_changed", &[])])),
    }
}

/// The recipients in groups, if the person works for the merchants of all.
async fn audience(console: &Console, staff: &Staff, name: &NoticeName) -> Result<Vec<NoticeAudience>, Refusal> {
    let audience = console.patiently(console.store().notice_audience(name)).await?;
    if audience.is_empty() || !audience.iter().all(|one| staff.may_see(&one.merchant)) {
        return Err(Refusal::NotFound);
    }
    Ok(audience)
}

/// The texts: groups of one merchant and channel that get the same one are one group.
async fn texts(
    console: &Console,
    words: &DeskWords,
    template: &TemplateName,
    audience: &[NoticeAudience],
) -> Result<Vec<NoticeText>, Refusal> {
    let app = &console.app;
    // The links that are the same for everybody lead to the routes of now.
    console.patiently(app.composer.routes.now(&*app.store, &*app.clock)).await?;
    let mut texts: Vec<NoticeText> = Vec::new();
    for one in audience.iter().take(MOST) {
        let locale = one.locale.as_ref().or_else(|| Some(&app.policy.merchants.get(&one.merchant)?.locale));
        let tag = locale.map(ToString::to_string).unwrap_or_default();
        let (merchant, channel) = (one.merchant.to_string(), words.channel(one.channel));
        let wordings = wordings(console, words, template, one);
        let is_same = |known: &&mut NoticeText| {
            (&known.merchant, &known.channel, &known.wordings) == (&merchant, &channel, &wordings)
        };
        match texts.iter_mut().find(is_same) {
            Some(known) => {
                known.recipients += one.count;
                if !known.locales.contains(&tag) {
                    known.locales.push(tag);
                }
            }
            None => texts.push(NoticeText { merchant, channel, locales: vec![tag], recipients: one.count, wordings }),
        }
    }
    Ok(texts)
}

/// The wordings for a group: as the debt stands, one for each that differs.
fn wordings(
    console: &Console,
    words: &DeskWords,
    template: &TemplateName,
    audience: &NoticeAudience,
) -> Option<Vec<NoticeWording>> {
    let app = &console.app;
    let merchant = app.policy.merchants.get(&audience.merchant)?;
    let gateway = app.gateways.get(app.policy.gateways.first(audience.channel, &merchant.id)?)?;
    let locale = audience.locale.as_ref().unwrap_or(&merchant.locale);
    let mut found: Vec<NoticeWording> = Vec::new();
    for phase in Phase::ALL {
        let sample = NoticeSample { merchant, template, channel: audience.channel, locale, phase };
        let message = match app.composer.notice_sample(&sample, gateway.link_mode(), gateway.registered()) {
            Ok(message) => shown_message(&message, &app.composer.links, NO_REMINDER),
            Err(error) => {
                tracing::warn!(%error, "the text of a notice does not render");
                return None;
            }
        };
        let phase = words.say(&format!("phase_{}", phase.as_str()), &[]);
        match found.iter_mut().find(|known| known.message == message) {
            Some(known) => known.phases.push(phase),
            None => found.push(NoticeWording { phases: vec![phase], message }),
        }
    }
    Some(found)
}

/// A digest of the texts, whoever gets them.
fn seen(texts: &[NoticeText]) -> String {
    let keyed = texts.iter().map(|one| ((&one.merchant, &one.channel), &one.wordings));
    let json = serde_json::to_vec(&keyed.collect::<Vec<_>>()).unwrap_or_default();
    hex(&Sha256::digest(json)[..16])
}
