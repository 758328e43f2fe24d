//! `/console/audit`: who did what, newest first. Reasons, addresses and what changed are shown on demand, on record.

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

use super::Console;
use super::form::FormFields;
use super::page::page;
use super::refusal::Refusal;
use super::staff::Staff;
use super::words::DeskWords;
use crate::domain::{AuditAction, AuditEntry, AuditPersonal, AuditSubject, BorrowerId, MerchantId};
use crate::store::AuditFilter;

/// How many entries a page has.
const PAGE: usize = 50;

/// How many entries are read at once.
const READ: u32 = 200;

/// How often entries are read for one page: where nearly all are of other merchants, the page is short and says where
/// to go on.
const MOST_READS: usize = 10;

#[derive(Serialize)]
struct AuditPage {
    borrower: String,
    actor: String,
    action: String,
    actions: Vec<&'static str>,
    is_revealed: bool,
    entries: Vec<AuditLine>,
    /// The number at which the next page begins.
    next: Option<i64>,
    before: Option<i64>,
}

#[derive(Serialize)]
struct AuditLine {
    number: i64,
    time: String,
    actor: String,
    door: String,
    action: String,
    subject: Option<String>,
    /// The reason, and what changed.
    values: Vec<String>,
}

/// Shows the page.
pub(super) async fn show(
    State(console): State<Console>,
    staff: Staff,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let fields = FormFields::of(query.unwrap_or_default().as_bytes());
    shown(&console, &staff, &fields, false).await
}

/// Shows the page with the personal values. That somebody looked goes on record first.
pub(super) async fn reveal(
    State(console): State<Console>,
    staff: Staff,
    fields: FormFields,
) -> Result<Response, Refusal> {
    console.note(&staff, AuditAction::AuditReveal, AuditSubject::default()).await?;
    shown(&console, &staff, &fields, true).await
}

async fn shown(console: &Console, staff: &Staff, fields: &FormFields, is_revealed: bool) -> Result<Response, Refusal> {
    let given = |name: &str| fields.text(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let before = given("before").and_then(|text| text.parse().ok());
    let mut filter = AuditFilter {
        // An id that cannot be one matches nothing: the page is empty.
        borrower: given("borrower").map(BorrowerId::new).transpose().map_err(|_| Refusal::NotFound)?,
        actor: given("actor"),
        action: given("action").and_then(|text| text.parse().ok()),
        before,
        limit: READ,
        ..AuditFilter::default()
    };
    let mut entries = Vec::new();
    let mut next = None;
    for _ in 0..MOST_READS {
        let read = console.patiently(console.store().audit_entries(&filter)).await?;
        filter.before = read.last().map(|entry| entry.record.number);
        let is_last = read.len() < READ as usize;
        entries.extend(read.into_iter().filter(|entry| may_see(staff, entry)));
        if entries.len() > PAGE {
            entries.truncate(PAGE);
            next = entries.last().map(|entry: &AuditEntry| entry.record.number);
            break;
        }
        next = filter.before.filter(|_| !is_last);
        if is_last {
            break;
        }
    }
    let words = staff.words(console);
    let text = |name: &str| given(name).unwrap_or_default();
    let view = AuditPage {
        borrower: text("borrower"),
        actor: text("actor"),
        action: text("action"),
        actions: AuditAction::ALL.iter().map(|action| action.as_str()).collect(),
        is_revealed,
        entries: entries.iter().map(|entry| AuditLine::of(entry, is_revealed, &words)).collect(),
        next,
        before,
    };
    Ok(page(StatusCode::OK, "audit.html", &staff.frame(), view))
}

/// Entries of other merchants are not there; those of no merchant are of the whole installation.
fn may_see(staff: &Staff, entry: &AuditEntry) -> bool {
    entry.record.merchant.as_deref().is_none_or(|id| MerchantId::new(id).is_ok_and(|id| staff.may_see(&id)))
}

impl AuditLine {
    fn of(entry: &AuditEntry, is_revealed: bool, words: &DeskWords) -> Self {
        let record = &entry.record;
        let reminder = record.reminder.map(|id| format!("{} {id}", words.say("reminder", &[])));
        let about = record.borrower.iter().cloned().chain(reminder).chain(record.object.clone());
        let subject = record.merchant.iter().cloned().chain(about).collect::<Vec<_>>().join(" · ");
        Self {
            number: record.number,
            time: words.time(record.at),
            actor: record.actor.clone(),
            door: words.say_or(&format!("door_{}", record.door), &record.door),
            action: words.say_or(&format!("audit_{}", record.action), &record.action),
            subject: Some(subject).filter(|text| !text.is_empty()),
            values: if is_revealed { values(&entry.personal, words) } else { Vec::new() },
        }
    }
}

fn values(personal: &AuditPersonal, words: &DeskWords) -> Vec<String> {
    let values = match personal {
        AuditPersonal::Erased => return vec![words.say("audit_erased", &[])],
        AuditPersonal::Sealed => return vec![words.say("audit_sealed", &[])],
        AuditPersonal::Text { .. } => personal.values().unwrap_or_default(),
    };
    let line = |key: &str, value: Option<String>| value.map(|value| words.say(key, &[("value", &value)]));
    [
        line("audit_reason", values.reason),
        line("audit_address", values.address),
        line("audit_client", values.client),
        line("audit_before", values.before),
        line("audit_after", values.after),
    ]
    .into_iter()
    .flatten()
    .collect()
}
