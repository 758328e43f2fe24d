//! Counts what visitors are refused: a rise tells of somebody who guesses, or of links that broke.

use axum::http::StatusCode;
use axum::response::Response;

use crate::pipeline::figures::REQUESTS_REFUSED;

/// The reasons of [`REQUESTS_REFUSED`].
const REASONS: [&str; 5] = ["not_found", "too_many", "wrong_digits", "unauthorized", "login"];

/// Shows every reason from the start, at 0, so that an alert sees the first refusal as a rise.
pub(super) fn show_all() {
    for reason in REASONS {
        metrics::counter!(REQUESTS_REFUSED, "reason" => reason).increment(0);
    }
}

/// Counts the answer of a page for borrowers: there 403 is the answer to wrong digits.
pub(super) async fn count_of_page(response: Response) -> Response {
    count(response.status(), "wrong_digits");
    response
}

/// Counts the answer to a program: a provider's callback or a system of the lender.
pub(super) async fn count_of_program(response: Response) -> Response {
    count(response.status(), "unauthorized");
    response
}

fn count(status: StatusCode, forbidden: &'static str) {
    let reason = match status {
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::TOO_MANY_REQUESTS => "too_many",
        StatusCode::FORBIDDEN => forbidden,
        StatusCode::UNAUTHORIZED => "unauthorized",
        _ => return,
    };
    metrics::counter!(REQUESTS_REFUSED, "reason" => reason).increment(1);
}
