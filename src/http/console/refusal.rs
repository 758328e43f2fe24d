//! The pages of the console that say why something is not shown or not done.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::page::{Frame, page};
use super::staff::frame_of;
use crate::http::HttpError;

/// Why a page is not shown, or an action not done.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    /// Nothing is there, or it belongs to a merchant that the person does not work for.
    NotFound,
    /// The form is not as its page has it.
    StaleForm,
    /// The facts do not allow it.
    NotDone {
        /// Why, in the language of the reader.
        reasons: Vec<String>,
        /// The page to return to.
        back: String,
    },
    /// The facts allow only a part of it, which is done.
    PartlyDone {
        /// Why not the rest, in the language of the reader.
        reasons: Vec<String>,
        /// The page to return to.
        back: String,
    },
    /// The database does not answer.
    Unavailable,
}

#[derive(Serialize)]
struct NotDonePage<'a> {
    /// The key of the title.
    title: &'static str,
    reasons: &'a [String],
    back: &'a str,
}

impl Refusal {
    fn page(&self, frame: &Frame) -> Response {
        let plain = |status, template| page(status, template, frame, ());
        let not_done = |title, reasons, back| {
            page(StatusCode::CONFLICT, "not-done.html", frame, NotDonePage { title, reasons, back })
        };
        match self {
            Self::NotFound => plain(StatusCode::NOT_FOUND, "not-found.html"),
            Self::StaleForm => plain(StatusCode::BAD_REQUEST, "stale-form.html"),
            Self::NotDone { reasons, back } => not_done("not_done_title", reasons, back),
            Self::PartlyDone { reasons, back } => not_done("partly_done_title", reasons, back),
            Self::Unavailable => plain(StatusCode::SERVICE_UNAVAILABLE, "unavailable.html"),
        }
    }
}

/// Makes the pages of refusals, in the language of the person.
pub(super) async fn with_refusals(request: Request, next: Next) -> Response {
    let frame = frame_of(&request);
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) => refusal.page(&frame),
        None => response,
    }
}

impl IntoResponse for Refusal {
    /// An answer that [`with_refusals`] turns into the page.
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<HttpError> for Refusal {
    fn from(error: HttpError) -> Self {
        tracing::error!(%error, "a page of the console could not be made");
        Self::Unavailable
    }
}
