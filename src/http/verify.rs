//! `/verify`: whether a message is genuine, by the check code in it.
//!
//! The answer names the merchant and the day, and never whose message it is. GET shows the form; the code comes by
//! POST, so that it stands in no address.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use super::hosts::under_known_hosts;
use super::limit::limited;
use super::page::{Strictness, page, set_headers};
use super::public::{NO_REMINDER, Public, unavailable};
use super::within_patience;
use crate::domain::{EventKind, Locale, ReminderId};
use crate::plan::local_date;
use crate::render::{date_text, main_page_languages};
use crate::store::{ReminderFilter, StoreError};

/// The largest body of a POST, in bytes: one short field.
const MAX_FORM: usize = 1024;

pub(super) fn router(public: Public) -> Router {
    Router::new()
        .route("/verify", get(ask).post(answer))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .layer(from_fn_with_state(Arc::clone(&public.hosts), under_known_hosts))
        .layer(from_fn_with_state(Arc::clone(&public.limits.pages), limited))
        .layer(map_response(with_headers))
        .with_state(public)
}

/// The content of the page.
#[derive(Debug, Default, Serialize)]
struct VerifyView {
    /// Whether a code was asked about.
    asked: bool,
    /// Of whom the message is, and of which day; `None` if it is none of ours.
    genuine: Option<GenuineMessage>,
}

#[derive(Debug, Serialize)]
struct GenuineMessage {
    merchant: String,
    /// The merchant's local date, as each language of the page writes it.
    days: BTreeMap<&'static str, String>,
}

async fn ask() -> Response {
    page(StatusCode::OK, "verify.html", VerifyView::default())
}

async fn answer(State(public): State<Public>, body: Result<Bytes, BytesRejection>) -> Response {
    let body = body.unwrap_or_default();
    let code = form_urlencoded::parse(&body).find(|(name, _)| name == "code").map(|(_, code)| code);
    let ids = code.map(|code| (public.open_check_code)(&code)).unwrap_or_default();
    match within_patience(&*public.clock, public.genuine(ids)).await {
        Ok(genuine) => page(StatusCode::OK, "verify.html", VerifyView { asked: true, genuine }),
        Err(error) => {
            tracing::error!(%error, "a check code could not be looked up");
            unavailable()
        }
    }
}

impl Public {
    /// The message that one of these reminders has become, if one has.
    async fn genuine(&self, mut ids: Vec<ReminderId>) -> Result<Option<GenuineMessage>, StoreError> {
        if ids.is_empty() {
            // An invalid code costs a query too, so that the time taken does not tell it from a valid one.
            ids.push(NO_REMINDER);
        }
        for id in ids {
            let filter = ReminderFilter { id: Some(id), limit: 1, ..ReminderFilter::default() };
            let Some(found) = self.store.reminders(&filter).await?.pop() else { continue };
            let Some(merchant) = self.policy.merchants.get(&found.reminder.plan.key.borrower.merchant) else {
                continue;
            };
            // One that never left is nobody's message.
            let left = self.store.events(id).await?.into_iter().find(|event| {
                use EventKind::{Accepted, Delivered, Undelivered, Unknown};
                matches!(event.kind, Accepted | Delivered | Undelivered | Unknown)
            });
            if let Some(left) = left {
                let day = local_date(merchant.time_zone, left.at);
                let written = |tag| Some((tag, date_text(&Locale::new(tag).ok()?, day)));
                let days = main_page_languages().filter_map(written).collect();
                return Ok(Some(GenuineMessage { merchant: merchant.name.clone(), days }));
            }
        }
        Ok(None)
    }
}

async fn with_headers(mut response: Response) -> Response {
    set_headers(response.headers_mut(), Strictness::HasForm);
    response
}
