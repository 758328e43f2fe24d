//! The forms of `/console/queues`: they settle unknown reminders, read replies, retry and drop rejected records.

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

/// The items that are ticked; at least one.
fn ticked(console: &Console, staff: &Staff, fields: &FormFields) -> Result<Vec<i64>, Refusal> {
    let ids: Vec<_> = fields.all("id").filter_map(|text| text.parse().ok()).take(MOST).collect();
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
    let mut left = Vec::new();
    for id in ticked(&console, &staff, &fields)?.into_iter().map(ReminderId) {
        if !works_for(&console, &staff, id).await? {
            return Err(Refusal::NotFound);
        }
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
    if left.is_empty() { Ok(done("resolved")) } else { Err(refuse(left)) }
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
    let mut records = Vec::new();
    for id in ticked(&console, &staff, &fields)? {
        records.extend(record(&console, &staff, id).await?);
    }
    let store = staff.store(&console);
    match fields.text("act") {
        Some("retry") => {
            let retried = retry_records(&*store, &console.app.policy.merchants, &records);
            let (_, refused) = console.patiently(retried).await?;
            if refused.is_empty() {
                return Ok(done("retried"));
            }
            let count = refused.len().to_string();
            Err(refuse(vec![staff.words(&console).say("still_refused", &[("count", &count)])]))
        }
        Some("drop") => {
            let AuditNote { actor, reason } = note(&staff, &fields)?;
            let order = DropOrder { actor, reason, at: console.app.clock.now() };
            let ids: Vec<_> = records.iter().map(|kept| kept.id).collect();
            console.patiently(store.drop_rejects(&ids, &order)).await?;
            Ok(done("dropped"))
        }
        _ => Err(Refusal::StaleForm),
    }
}

/// A record, if it is kept and of a merchant that the person works for.
async fn record(console: &Console, staff: &Staff, id: i64) -> Result<Option<KeptRecord>, Refusal> {
    let filter = RejectFilter { after: Some(id.saturating_sub(1)), limit: 1, ..RejectFilter::default() };
    let found = console.patiently(console.store().rejects(&filter)).await?.pop();
    let may_see = |merchant: Option<&MerchantId>| merchant.is_some_and(|merchant| staff.may_see(merchant));
    Ok(found.filter(|kept| kept.id == id && may_see(kept.record.merchant.as_ref())))
}
