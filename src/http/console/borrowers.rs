//! `/console/borrowers/{merchant}/{borrower}`: shows the page of a borrower, and does what its forms ask for.

use axum::extract::{FromRequestParts, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::Console;
use super::borrower::{Sight, borrower_page};
use super::done::done;
use super::form::FormFields;
use super::page::page;
use super::refusal::Refusal;
use super::staff::Staff;
use super::words::DeskWords;
use crate::domain::{
    Action, AuditAction, AuditSubject, BorrowerId, BorrowerKey, Channel, ContactPreferences, FieldUpdate, Hold,
    HoldKind, Locale, ManualPreferences, Merchant, MerchantId,
};
use crate::pipeline::{self, AuditNote, BorrowerRecord, ExplainError, ScanScope, borrower_record, plan_start};
use crate::plan::Span;

/// The borrower of a path, of a merchant that the reader works for.
pub(super) struct Target {
    pub(super) merchant: Merchant,
    pub(super) key: BorrowerKey,
}

/// The places of the path.
#[derive(Deserialize)]
struct TargetPath {
    merchant: String,
    borrower: String,
}

impl FromRequestParts<Console> for Target {
    type Rejection = Refusal;

    /// A foreign merchant is answered as if it did not exist.
    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Refusal> {
        let Path(path): Path<TargetPath> =
            Path::from_request_parts(parts, console).await.map_err(|_| Refusal::NotFound)?;
        let staff = parts.extensions.get::<Staff>().ok_or(Refusal::NotFound)?;
        let id = MerchantId::new(&path.merchant).ok().filter(|id| staff.may_see(id)).ok_or(Refusal::NotFound)?;
        let merchant = console.app.policy.merchants.get(&id).cloned().ok_or(Refusal::NotFound)?;
        let borrower = BorrowerId::new(&path.borrower).map_err(|_| Refusal::NotFound)?;
        Ok(Self { merchant, key: BorrowerKey { merchant: id, id: borrower } })
    }
}

impl Target {
    /// The path of the page.
    fn path(&self) -> String {
        borrower_path(&self.key)
    }

    /// Leads back to the page, which says what was done.
    pub(super) fn done(&self, word: &str) -> Response {
        Redirect::to(&format!("{}?done={word}", self.path())).into_response()
    }

    pub(super) fn words(&self, staff: &Staff) -> DeskWords {
        DeskWords::new(staff.language(), staff.time_zone(&self.merchant))
    }

    /// The person, and the reason that the form gives.
    pub(super) fn note(&self, staff: &Staff, form: &FormFields) -> Result<AuditNote, Refusal> {
        let note = AuditNote::new(staff.user.as_str(), form.text("reason").unwrap_or_default());
        note.map_err(|error| self.refuse(vec![error.to_string()]))
    }

    /// A refusal that leads back to the page.
    pub(super) fn refuse(&self, reasons: Vec<String>) -> Refusal {
        Refusal::NotDone { reasons, back: self.path() }
    }
}

/// The path of a borrower's page.
pub(super) fn borrower_path(key: &BorrowerKey) -> String {
    let part = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    format!("/console/borrowers/{}/{}", part(key.merchant.as_str()), part(key.id.as_str()))
}

/// Shows the page.
pub(super) async fn show(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let done = done(query.as_deref(), &target.words(&staff));
    shown(&console, &staff, &target, Sight { user: &staff.user, role: staff.role, is_revealed: false }, done).await
}

async fn shown(
    console: &Console,
    staff: &Staff,
    target: &Target,
    sight: Sight<'_>,
    done: Option<String>,
) -> Result<Response, Refusal> {
    let now = console.app.clock.now();
    let record = record(console, &target.key, now).await?;
    let mut view = borrower_page(&record, &target.merchant, &target.words(staff), sight, now);
    view.done = done;
    Ok(page(StatusCode::OK, "borrower.html", &staff.frame(), view))
}

/// The facts about the borrower as of `now`.
pub(super) async fn record(
    console: &Console,
    key: &BorrowerKey,
    now: DateTime<Utc>,
) -> Result<BorrowerRecord, Refusal> {
    let (app, store) = (&console.app, console.store());
    let order = app.scan_order(now, ScanScope::Aside);
    let scans = Span { horizon: order.horizon, start: console.patiently(plan_start(store, &order)).await? };
    let gates = console.patiently(app.gates()).await?;
    let read = async {
        match borrower_record(store, &app.policy, &gates, key, scans).await {
            Ok(record) => Ok(Some(record)),
            Err(ExplainError::NotFound | ExplainError::SeveralMerchants(_)) => Ok(None),
            Err(ExplainError::Store(error)) => Err(error),
        }
    };
    console.patiently(read).await?.ok_or(Refusal::NotFound)
}

/// Shows the page with the addresses whole. That somebody did goes on record first.
pub(super) async fn reveal(State(console): State<Console>, staff: Staff, target: Target) -> Result<Response, Refusal> {
    console.note(&staff, AuditAction::Reveal, AuditSubject::borrower(&target.key)).await?;
    shown(&console, &staff, &target, Sight { user: &staff.user, role: staff.role, is_revealed: true }, None).await
}

/// Puts the borrower on hold.
pub(super) async fn hold(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    form: FormFields,
) -> Result<Response, Refusal> {
    let now = console.app.clock.now();
    refuse_to_replace(&console, &staff, &target, now).await?;
    let kind: HoldKind = form.read("kind")?;
    let until = form.text("until").filter(|until| !until.is_empty());
    let reason = kind.reason(form.text("note").unwrap_or_default());
    let read = pipeline::hold(&reason, until, target.merchant.time_zone, now);
    let read = read.map_err(|error| target.refuse(vec![error.to_string()]))?;
    let usual = kind.usual_length().map(|length| now + length);
    set(&console, &staff, &target, Some(Hold { until: read.until.or(usual), ..read }), now).await?;
    Ok(target.done("held"))
}

/// Ends the hold.
pub(super) async fn release(State(console): State<Console>, staff: Staff, target: Target) -> Result<Response, Refusal> {
    let now = console.app.clock.now();
    refuse_to_replace(&console, &staff, &target, now).await?;
    set(&console, &staff, &target, None, now).await?;
    Ok(target.done("released"))
}

/// Refuses to end, or to put another one in the place of, a hold that the role may not end.
async fn refuse_to_replace(
    console: &Console,
    staff: &Staff,
    target: &Target,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let account = console.patiently(console.store().account(&target.key, now.date_naive(), Channel::Sms)).await?;
    let hold = account.borrower.and_then(|borrower| borrower.hold).filter(|hold| hold.stands_at(now));
    let ended_by = hold.as_ref().and_then(HoldKind::of).map_or(Action::ChangePreferences, HoldKind::ended_by);
    if staff.role.allows(ended_by) {
        return Ok(());
    }
    Err(target.refuse(vec![target.words(staff).say("not_done_strict", &[])]))
}

async fn set(
    console: &Console,
    staff: &Staff,
    target: &Target,
    hold: Option<Hold>,
    at: DateTime<Utc>,
) -> Result<(), Refusal> {
    let preferences = ContactPreferences { hold: FieldUpdate::Set(hold), ..ContactPreferences::default() };
    change(console, staff, target, preferences, at).await
}

async fn change(
    console: &Console,
    staff: &Staff,
    target: &Target,
    preferences: ContactPreferences,
    at: DateTime<Utc>,
) -> Result<(), Refusal> {
    let said = ManualPreferences { borrower: target.key.clone(), preferences, actor: staff.user.to_string(), at };
    if console.patiently(staff.store(console).set_preferences(&said)).await? {
        return Ok(());
    }
    Err(target.refuse(vec![target.words(staff).say("not_done_gone", &[])]))
}

/// Records the borrower's preferences.
pub(super) async fn prefer(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    form: FormFields,
) -> Result<Response, Refusal> {
    let given = |name: &str| form.text(name).filter(|text| !text.is_empty());
    let wrong = |field: &str, error: String| target.refuse(vec![format!("{field}: {error}")]);
    let mut preferences = ContactPreferences::default();
    if let Some(tag) = given("language") {
        let locale = Locale::new(tag).map_err(|error| wrong("language", error.to_string()))?;
        preferences.locale = FieldUpdate::Set(Some(locale));
    }
    match given("channel") {
        None => {}
        Some("none") => preferences.preferred_channel = FieldUpdate::Set(None),
        Some(_) => preferences.preferred_channel = FieldUpdate::Set(Some(form.read("channel")?)),
    }
    if let Some(hours) = given("hours") {
        let hours = hours.parse().map_err(|error: crate::domain::HoursError| wrong("hours", error.to_string()))?;
        preferences.preferred_hours = FieldUpdate::Set(Some(hours));
    }
    if preferences != ContactPreferences::default() {
        change(&console, &staff, &target, preferences, console.app.clock.now()).await?;
    }
    Ok(target.done("preferences"))
}
