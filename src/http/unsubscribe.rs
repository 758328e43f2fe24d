//! `/u/{token}`: where the recipient of an e-mail says that no more of them shall come, or how they are to come.
//!
//! GET shows a page with a button and changes nothing: mail scanners follow links. POST with
//! `List-Unsubscribe=One-Click` in its body unsubscribes, whether the page's button sends it or a mail program on its
//! own (RFC 8058): no cookie, no origin, no question. Doing it twice changes nothing more. The same page takes
//! preferences: language, channel and hours. The token is in no log line.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::hosts::{RequestHost, under_known_hosts};
use super::landing::{Language, SupportContact};
use super::limit::{limited, too_many};
use super::page::{Strictness, page, set_headers};
use super::preferences::Preferences;
use super::public::{NO_REMINDER, Public, not_found, token_of, unavailable};
use super::{HttpError, within_patience};
use crate::domain::{
    Address, BorrowerKey, ContactPreferences, Lifter, ManualChange, ManualPreferences, MerchantId, ReminderId,
    Suppression, SuppressionReason,
};
use crate::plan::local_date;
use crate::store::{ReminderFilter, StoreError, SuppressionFilter};

/// The largest body of a POST, in bytes: form fields of a mail program, in either encoding, are a few hundred.
const MAX_ANSWER: usize = 4 * 1024;

/// The source of suppressions that this page records, and can lift.
const SOURCE: &str = "link";

/// The source of one that takes the place of another suppression, such as a bounce. It cannot be lifted here: the other
/// one would be gone as well.
const SOURCE_OVER_ANOTHER: &str = "link-over-another";

/// The reason of a change by which this page records an opt-out.
const UNSUBSCRIBED: &str = "unsubscribed on the page";

/// The reason of a change by which this page lifts one.
const UNDONE: &str = "undone on the page";

/// The actor of changes that this page records.
const ACTOR: &str = "borrower";

pub(super) fn router(public: Public) -> Router {
    Router::new()
        .route("/u/{token}", get(show).post(take))
        .layer(DefaultBodyLimit::max(MAX_ANSWER))
        .layer(from_fn_with_state(Arc::clone(&public.hosts), under_known_hosts))
        .layer(from_fn_with_state(Arc::clone(&public.limits.unsubscribing), limited))
        .layer(map_response(with_headers))
        .with_state(public)
}

/// The recipient that a token is about.
struct Recipient {
    reminder: ReminderId,
    key: BorrowerKey,
    /// Where messages of that channel go today; `None` if nowhere.
    address: Option<Address>,
    sheet: UnsubscribeView,
}

/// The content of the page. It has no name and no address of the recipient.
#[derive(Debug, Serialize)]
struct UnsubscribeView {
    lang: Language,
    merchant: String,
    /// Whether it is done already, and for good.
    done: bool,
    /// Whether it is done by this page only, so that this page can undo it.
    can_resume: bool,
    /// Whether something is suppressed that does not end the wish for good: a bounce, or what staff set for a time.
    #[serde(skip)]
    takes_a_place: bool,
    /// Whether it was undone just now.
    resumed: bool,
    /// Whether there is no address that anything could be sent to, or kept from.
    nowhere: bool,
    /// The preferences on offer; `None` for a borrower whom the ledger does not know.
    preferences: Option<Preferences>,
    /// Whether preferences were saved just now.
    saved: bool,
    support: SupportContact,
}

async fn show(State(public): State<Public>, host: RequestHost, token: Result<Path<String>, PathRejection>) -> Response {
    match public.recipient(&token_of(token), &host).await {
        Ok(Some(recipient)) => sheet(StatusCode::OK, &recipient.sheet),
        Ok(None) => not_found(),
        Err(error) => failed(&error),
    }
}

async fn take(
    State(public): State<Public>,
    host: RequestHost,
    token: Result<Path<String>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let token = token_of(token);
    let recipient = match public.recipient(&token, &host).await {
        Ok(Some(recipient)) => recipient,
        Ok(None) => return not_found(),
        Err(error) => return failed(&error),
    };
    let body = body.unwrap_or_default();
    if says_so(&body) {
        return unsubscribe(&public, recipient).await;
    }
    if form_urlencoded::parse(&body).any(|(name, value)| name == "resume" && value == "email") {
        return resume(&public, &token, recipient).await;
    }
    match recipient.sheet.preferences.as_ref().and_then(|offered| offered.read(&body)) {
        Some(preferences) => set_preferences(&public, &token, recipient, preferences).await,
        None => sheet(StatusCode::BAD_REQUEST, &recipient.sheet),
    }
}

/// Saves preferences and shows them. Preferences that do not change are recorded once.
async fn set_preferences(
    public: &Public,
    token: &str,
    mut recipient: Recipient,
    preferences: ContactPreferences,
) -> Response {
    if recipient.sheet.preferences.as_ref().is_some_and(|present| present.are(&preferences)) {
        recipient.sheet.saved = true;
        return sheet(StatusCode::OK, &recipient.sheet);
    }
    if let Err(wait) = public.limits.preferences.count(recipient.reminder) {
        return too_many(wait);
    }
    let said =
        ManualPreferences { borrower: recipient.key, preferences, actor: ACTOR.to_owned(), at: public.clock.now() };
    let taken = async {
        within_patience(&*public.clock, public.store.set_preferences(&said)).await?;
        public.recipient(token, &RequestHost::default()).await
    };
    match taken.await {
        Ok(Some(mut recipient)) => {
            recipient.sheet.saved = true;
            sheet(StatusCode::OK, &recipient.sheet)
        }
        Ok(None) => not_found(),
        Err(error) => failed(&error),
    }
}

async fn unsubscribe(public: &Public, mut recipient: Recipient) -> Response {
    if let Some(address) = recipient.address.filter(|_| !recipient.sheet.done) {
        let takes_a_place = recipient.sheet.takes_a_place;
        let source = if takes_a_place { SOURCE_OVER_ANOTHER } else { SOURCE };
        if let Err(error) = public.suppress(recipient.key, address, source).await {
            return failed(&error);
        }
        (recipient.sheet.done, recipient.sheet.can_resume) = (true, !takes_a_place);
    }
    sheet(StatusCode::OK, &recipient.sheet)
}

/// Undoes what this page did, on record. An opt-out by another way stays, and the page says so.
async fn resume(public: &Public, token: &str, recipient: Recipient) -> Response {
    if recipient.sheet.can_resume
        && let Some(address) = &recipient.address
    {
        if let Err(wait) = public.limits.preferences.count(recipient.reminder) {
            return too_many(wait);
        }
        if let Err(error) = public.lift(&recipient.key.merchant, address).await {
            return failed(&error);
        }
    }
    match public.recipient(token, &RequestHost::default()).await {
        Ok(Some(mut after)) => {
            after.sheet.resumed = recipient.sheet.can_resume && !after.sheet.done;
            sheet(StatusCode::OK, &after.sheet)
        }
        Ok(None) => not_found(),
        Err(error) => failed(&error),
    }
}

/// RFC 8058, 3.2: one pair, as a form's fields or as parts of multipart/form-data.
fn says_so(body: &[u8]) -> bool {
    let holds = |words: &str| memchr::memmem::find(body, words.as_bytes()).is_some();
    holds("List-Unsubscribe=One-Click") || holds("name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n")
}

fn sheet(status: StatusCode, sheet: &UnsubscribeView) -> Response {
    page(status, "unsubscribe.html", sheet)
}

fn failed(error: &HttpError) -> Response {
    tracing::error!(%error, "somebody could not unsubscribe or wish, or be shown the page for it");
    unavailable()
}

impl Public {
    async fn recipient(&self, token: &str, host: &RequestHost) -> Result<Option<Recipient>, HttpError> {
        within_patience(&*self.clock, self.look_up_recipient(token, host)).await
    }

    async fn look_up_recipient(&self, token: &str, host: &RequestHost) -> Result<Option<Recipient>, StoreError> {
        // A token that does not open still costs one query; see the landing page.
        let id = (self.open_unsubscribe)(token).unwrap_or(NO_REMINDER);
        let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
        let Some(found) = self.store.reminders(&filter).await?.pop() else { return Ok(None) };
        let key = found.reminder.plan.key;
        let Some(merchant) = self.policy.merchants.get(&key.borrower.merchant) else { return Ok(None) };
        if !self.hosts.serves(&merchant.id, host) {
            return Ok(None);
        }
        let account = self.store.account(&key.borrower, key.due_date, key.channel).await?;
        let borrower = account.borrower.as_ref();
        let address = borrower.and_then(|borrower| borrower.address(key.channel));
        let locale = borrower.and_then(|borrower| borrower.locale.as_ref()).unwrap_or(&merchant.locale);
        let suppressions = match &address {
            Some(address) if account.suppressed.is_some() => self.suppressions(&merchant.id, address).await?,
            _ => Vec::new(),
        };
        // A stop by staff or a complaint without an end stays as it is: it says more than an opt-out.
        let is_for_good = |one: &Suppression| one.until.is_none() && one.reason != SuppressionReason::Bounced;
        let is_of_this_page = |one: &Suppression| {
            one.reason == SuppressionReason::OptedOut && one.source == SOURCE && one.merchant.is_some()
        };
        let done = suppressions.iter().any(is_for_good);
        let zone = borrower.and_then(|borrower| borrower.time_zone);
        let (zone, lang) = (zone.unwrap_or(merchant.time_zone), Language::of(locale.narrowed_by(&merchant.locale)));
        let sheet = UnsubscribeView {
            lang,
            merchant: merchant.name.clone(),
            done,
            can_resume: done && suppressions.iter().all(is_of_this_page),
            takes_a_place: !suppressions.is_empty(),
            resumed: false,
            nowhere: address.is_none(),
            preferences: borrower.map(Preferences::of),
            saved: false,
            support: SupportContact::of(&merchant.support, lang, zone, local_date(zone, self.clock.now())),
        };
        Ok(Some(Recipient { reminder: found.reminder.id, key: key.borrower, address, sheet }))
    }

    /// The suppressions that keep messages of a merchant from an address now.
    async fn suppressions(&self, merchant: &MerchantId, address: &Address) -> Result<Vec<Suppression>, StoreError> {
        let filter = SuppressionFilter {
            channel: Some(address.channel()),
            address: Some(address.into()),
            limit: u32::MAX,
            ..SuppressionFilter::default()
        };
        let now = self.clock.now();
        let applies = |one: &Suppression| {
            one.until.is_none_or(|until| until > now) && one.merchant.as_ref().is_none_or(|of| of == merchant)
        };
        let mut found = self.store.suppressions(&filter).await?;
        found.retain(applies);
        Ok(found)
    }

    async fn lift(&self, merchant: &MerchantId, address: &Address) -> Result<(), HttpError> {
        let by = ManualChange { actor: ACTOR.to_owned(), reason: UNDONE.to_owned(), at: self.clock.now() };
        let address = address.into();
        let lifted = self.store.lift_suppression(Some(merchant), &address, Lifter::Borrower, &by);
        within_patience(&*self.clock, lifted).await.map(drop)
    }

    async fn suppress(&self, borrower: BorrowerKey, address: Address, source: &str) -> Result<(), HttpError> {
        let suppression = Suppression {
            merchant: Some(borrower.merchant),
            address: address.into(),
            reason: SuppressionReason::OptedOut,
            source: source.to_owned(),
            since: self.clock.now(),
            until: None,
        };
        // On record as its undoing is, so that both are found by `suppress history`.
        let by = ManualChange { actor: ACTOR.to_owned(), reason: UNSUBSCRIBED.to_owned(), at: suppression.since };
        within_patience(&*self.clock, self.store.suppress(&[suppression], Some(&by))).await
    }
}

/// The forms are the page's own.
async fn with_headers(mut response: Response) -> Response {
    let has_form = matches!(response.status(), StatusCode::OK | StatusCode::BAD_REQUEST);
    let strictness = if has_form { Strictness::HasForm } else { Strictness::Strict };
    set_headers(response.headers_mut(), strictness);
    response
}
