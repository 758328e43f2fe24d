//! What borrowers reach through the links in their messages: `/r/{token}`, the landing page; `/u/{token}`, see `unsubscribe`; and `/verify`.
//!
//! A message carries no way to repay, only a link to here; the way is resolved when the borrower clicks. The page names no
//! person, amount or contact address: whoever holds the link sees no more than that a merchant has a bill due on a day.
//!
//! GET and HEAD change nothing: link previews and mail scanners follow links too. The token is in no log line.

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use chrono::TimeDelta;
use minijinja::context;

use super::landing::{Landing, Standing};
use super::page::{Strictness, page, set_headers};
use super::{HttpError, unsubscribe, verify, within_patience};
use crate::app::App;
use crate::clock::Clock;
use crate::domain::{Installment, ReminderId, ReminderKey};
use crate::pipeline::Registry;
use crate::plan::Policy;
use crate::render::Purpose;
use crate::store::{InstallmentFilter, ReminderFilter, Store, StoreError};

/// Opens the tokens of one purpose; `None` for anything that was not sealed for that purpose with one of our keys.
pub type LinkOpener = Arc<dyn Fn(&str) -> Option<ReminderId> + Send + Sync>;

/// Opens check codes to the reminders that they may be of; none for what is no code.
pub type CodeOpener = Arc<dyn Fn(&str) -> Vec<ReminderId> + Send + Sync>;

/// What the pages of borrowers are made from.
#[derive(Clone)]
pub struct Public {
    /// The ledger and the outbox; landing pages only read it.
    pub store: Arc<dyn Store>,
    /// Opens the tokens of landing pages.
    pub open: LinkOpener,
    /// Opens those of `/u/`.
    pub open_unsubscribe: LinkOpener,
    /// Opens check codes.
    pub open_check_code: CodeOpener,
    /// The merchants.
    pub policy: Arc<Policy>,
    /// The ways to repay, as they are now.
    pub routes: Arc<Registry>,
    /// Tells today, and bounds the wait for the store.
    pub clock: Arc<dyn Clock>,
}

/// A number that no reminder has: what a token that does not open asks the store for.
pub(super) const NO_REMINDER: ReminderId = ReminderId(-1);

/// Serves `/r/{token}`, `/u/{token}` and `/verify`; every other path is the same 404 page.
pub fn router(public: Public) -> Router {
    Router::new()
        .route("/r/{token}", get(landing_page))
        .fallback(async || not_found())
        .layer(map_response(with_headers))
        .with_state(public.clone())
        .merge(unsubscribe::router(public.clone()))
        .merge(verify::router(public))
}

impl Public {
    /// What they are made from in this process.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let opener = |purpose| -> LinkOpener {
            let links = Arc::clone(&app.composer.links);
            Arc::new(move |token| links.open(purpose, token))
        };
        Self {
            store: Arc::clone(&app.store),
            open: opener(Purpose::Landing),
            open_unsubscribe: opener(Purpose::Unsubscribe),
            open_check_code: {
                let links = Arc::clone(&app.composer.links);
                Arc::new(move |code| links.open_check_code(code))
            },
            policy: Arc::clone(&app.policy),
            routes: Arc::clone(&app.composer.routes),
            clock: Arc::clone(&app.clock),
        }
    }

    /// What the landing page of a token says; `None` where it would be the 404 page.
    ///
    /// # Errors
    /// When the store fails or does not answer in time.
    pub async fn standing(&self, token: &str) -> Result<Option<Standing>, HttpError> {
        Ok(self.landing(token).await?.map(|landing| landing.standing()))
    }

    async fn landing(&self, token: &str) -> Result<Option<Landing>, HttpError> {
        within_patience(&*self.clock, self.look_up(token)).await
    }

    async fn look_up(&self, token: &str) -> Result<Option<Landing>, StoreError> {
        // Asked before the token is opened: it takes as long for every token.
        let routes = self.routes.now(&*self.store, &*self.clock).await?;
        // A token that does not open costs one query all the same, so that the time taken tells nobody which tokens are ours;
        // and a merchant that is gone costs no second one.
        let id = (self.open)(token).unwrap_or(NO_REMINDER);
        let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
        let Some(found) = self.store.reminders(&filter).await?.pop() else { return Ok(None) };
        let key = found.reminder.plan.key;
        let Some(merchant) = self.policy.merchants.get(&key.borrower.merchant) else { return Ok(None) };
        let mut account = self.store.account(&key.borrower, key.due_date, key.channel).await?;
        let mut due_date = key.due_date;
        if let Some(days) = self.policy.rule_of(&key.step).and_then(|rule| rule.digest) {
            account.installments = self.of_digest(&key, days).await?;
            // When the first is paid, the page goes on to the next that its message spoke of.
            due_date = account.installments.iter().find(|one| one.is_due()).map_or(due_date, |one| one.due_date);
        }
        Ok(Some(Landing::new(merchant, due_date, &account, &routes, self.clock.now())))
    }

    /// What a digest may have spoken of, ordered by due date.
    async fn of_digest(&self, key: &ReminderKey, days: u16) -> Result<Vec<Installment>, StoreError> {
        let (merchant, borrower) = (Some(key.borrower.merchant.clone()), Some(key.borrower.id.clone()));
        let filter = InstallmentFilter { merchant, borrower, installment: None, limit: 1_000 };
        let span = key.due_date..=key.due_date + TimeDelta::days(i64::from(days));
        let mut owed = self.store.installments(&filter).await?;
        owed.retain(|one| span.contains(&one.due_date));
        Ok(owed)
    }
}

async fn landing_page(State(public): State<Public>, token: Result<Path<String>, PathRejection>) -> Response {
    // What is no text at all (broken percent signs) opens as little as any other garble.
    let token = token.map(|Path(token)| token).unwrap_or_default();
    match public.landing(&token).await {
        Ok(Some(landing)) => page(StatusCode::OK, landing.template(), &landing),
        Ok(None) => not_found(),
        Err(error) => {
            tracing::error!(%error, "a landing page could not be shown");
            unavailable()
        }
    }
}

/// One page for every link that is not ours, is broken, or is no longer kept: it tells nobody which.
pub(super) fn not_found() -> Response {
    page(StatusCode::NOT_FOUND, "not-found.html", context! {})
}

pub(super) fn unavailable() -> Response {
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, "unavailable.html", context! {});
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("60"));
    response
}

pub(super) async fn with_headers(mut response: Response) -> Response {
    set_headers(response.headers_mut(), Strictness::Strict);
    response
}
