//! The forms of `/console/queues`: they settle unknown reminders, read replies, retry and drop rejected records.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use super::Console;
use super::form::FormFields;
use super::refusal::Refusal;
use super::staff::Staff;
use crate::domain::{MerchantId, ReminderId};
use crate::pipeline::{AuditNote, Finding, ResolveError, resolve, retry_records};
use crate::store::{DropOrder, KeptRecord, RejectFilter, ReminderFilter, ReplyFilter, ReplyReading};

const PAGE: &str = "/console/queues";

/// The most items that one form may name.
const MOST: usize = 200;

/// Leads back to the queues, which say what was done.
pub(super) fn done(word: &str) -> Response {
    Redirect::to(&format!("{PAGE}?done={word}")).into_response()
}

/// A refusal that leads back to the queues.
pub(super) fn refuse(reasons: Vec<String>) -> Refusal {
    Refusal::NotDone { reasons, back: PAGE.to_owned() }
}

/// The person, and the reason.
pub(super) fn note(staff: &Staff, fields: &FormFields) -> Result<AuditNote, Refusal> {
    let note = AuditNote::new(staff.user.as_str(), fields.text("reason").unwrap_or_default());
    note.map_err(|error| refuse(vec![error.to_string()]))
}

/// Says which part could not be done; `done_some`: another part is done.
fn refuse_rest(reasons: Vec<String>, done_some: bool) -> Refusal {
    if done_some { Refusal::PartlyDone { reasons, back: PAGE.to_owned() } } else { refuse(reasons) }
}

/// The items that are ticked, each once; at least one.
fn ticked(console: &Console, staff: &Staff, fields: &FormFields) -> Result<BTreeSet<i64>, Refusal> {
    let ids: Result<BTreeSet<i64>, _> = fields.all("id").map(str::parse).collect();
    let ids = ids.ok().filter(|ids| ids.len() <= MOST).ok_or(Refusal::StaleForm)?;
    if ids.is_empty() {
        return Err(refuse(vec![staff.words(console).say("none_ticked", &[])]));
    }
    Ok(ids)
}

/// Puts the person's name on work, or takes it off.
pub(super) async fn take(
    State(console): State<Console>,
    staff: Staff,
    fields: FormFields,
) -> Result<Response, Refusal> {
    let item = fields.read("item")?;
    match fields.text("act") {
        Some("take") => {
            let at = console.app.clock.now();
            console.patiently(console.store().take_work(&item, &staff.user, at)).await?;
        }
        Some("leave") => drop(console.patiently(console.store().leave_work(&item, &staff.user)).await?),
        _ => return Err(Refusal::StaleForm),
    }
    Ok(Redirect::to(PAGE).into_response())
}

/// Settles unknown reminders with the outcome that a person has found.
pub(super) async fn settle(
    State(console): State<Console>,
    staff: Staff,
    fields: FormFields,
) -> Result<Response, Refusal> {
    let finding = match fields.text("finding") {
        Some("sent") => Finding::Sent,
        Some("delivered") => Finding::Delivered,
        Some("undelivered") => Finding::Undelivered,
        Some("resend") => Finding::Resend,
        _ => return Err(Refusal::StaleForm),
    };
    let note = note(&staff, &fields)?;
    let (store, now) = (staff.store(&console), console.app.clock.now());
    let ids: Vec<_> = ticked(&console, &staff, &fields)?.into_iter().map(ReminderId).collect();
    for id in &ids {
        if !works_for(&console, &staff, *id).await? {
            return Err(Refusal::NotFound);
        }
    }
    let mut left = Vec::new();
    for id in ids.iter().copied() {
        let resolved = async {
            match resolve(&*store, id, finding, &note, now).await {
                Ok(()) => Ok(true),
                Err(ResolveError::Store(error)) => Err(error),
                Err(_) => Ok(false),
            }
        };
        if !console.patiently(resolved).await? {
            left.push(staff.words(&console).say("not_unknown", &[("reminder", &id.to_string())]));
        }
    }
    let done_some = left.len() < ids.len();
    if left.is_empty() { Ok(done("resolved")) } else { Err(refuse_rest(left, done_some)) }
}

async fn works_for(console: &Console, staff: &Staff, id: ReminderId) -> Result<bool, Refusal> {
    let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
    let found = console.patiently(console.store().reminders(&filter)).await?;
    Ok(found.first().is_some_and(|view| staff.may_see(&view.reminder.plan.key.borrower.merchant)))
}

/// Records that a reply was read, and as what.
pub(super) async fn read_reply(
    State(console): State<Console>,
    staff: Staff,
    fields: FormFields,
) -> Result<Response, Refusal> {
    let reply: i64 = fields.read("id")?;
    let is_stop = match fields.text("meaning") {
        Some("stop") => true,
        Some("other") => false,
        _ => return Err(Refusal::StaleForm),
    };
    let gone = || refuse(vec![staff.words(&console).say("reply_gone", &[])]);
    let filter =
        ReplyFilter { unread: Some(true), before: Some(reply.saturating_add(1)), limit: 1, ..Default::default() };
    let found = console.patiently(console.store().replies(&filter)).await?.pop().filter(|one| one.id == reply);
    let found = found.ok_or_else(gone)?;
    if !staff.may_see_of(found.merchant.as_ref(), &console.app) {
        return Err(Refusal::NotFound);
    }
    let reading = ReplyReading { reply, actor: staff.user.to_string(), is_stop, at: console.app.clock.now() };
    console.patiently(staff.store(&console).read_reply(&reading)).await?.ok_or_else(gone)?;
    Ok(done("read"))
}

/// Checks rejected records again, or drops them.
pub(super) async fn sort_out(
    State(console): State<Console>,
    staff: Staff,
    fields: FormFields,
) -> Result<Response, Refusal> {
    let ids = ticked(&console, &staff, &fields)?;
    let mut records = Vec::new();
    for id in &ids {
        records.extend(record(&console, &staff, *id).await?);
    }
    let (store, words) = (staff.store(&console), staff.words(&console));
    let mut left = Vec::new();
    let (dealt_with, word) = match fields.text("act") {
        Some("retry") => {
            let retried = retry_records(&*store, &console.app.policy.merchants, &records);
            let (applied, refused) = console.patiently(retried).await?;
            if !refused.is_empty() {
                left.push(words.say("still_refused", &[("count", &refused.len().to_string())]));
            }
            (applied.len(), "retried")
        }
        Some("drop") => {
            let AuditNote { actor, reason } = note(&staff, &fields)?;
            let order = DropOrder { actor, reason, at: console.app.clock.now() };
            let kept: Vec<_> = records.iter().map(|kept| kept.id).collect();
            (console.patiently(store.drop_rejects(&kept, &order)).await?.len(), "dropped")
        }
        _ => return Err(Refusal::StaleForm),
    };
    if records.len() < ids.len() {
        left.push(words.say("rejects_gone", &[("count", &(ids.len() - records.len()).to_string())]));
    }
    if left.is_empty() { Ok(done(word)) } else { Err(refuse_rest(left, dealt_with > 0)) }
}

/// A record, if it is kept and of a merchant that the person works for.
async fn record(console: &Console, staff: &Staff, id: i64) -> Result<Option<KeptRecord>, Refusal> {
    let filter = RejectFilter { after: Some(id.saturating_sub(1)), limit: 1, ..RejectFilter::default() };
    let found = console.patiently(console.store().rejects(&filter)).await?.pop();
    let may_see = |merchant: Option<&MerchantId>| merchant.is_some_and(|merchant| staff.may_see(merchant));
    Ok(found.filter(|kept| kept.id == id && may_see(kept.record.merchant.as_ref())))
}
