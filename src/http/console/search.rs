//! `/console`: the search box, and the borrowers that a text names.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;

use super::Console;
use super::borrowers::borrower_path;
use super::form::FormFields;
use super::page::page;
use super::refusal::Refusal;
use super::staff::Staff;
use crate::pipeline::{FindRequest, FoundBorrower, MatchKind, find};

/// The most borrowers that are listed.
const MOST: u32 = 50;

#[derive(Default, Serialize)]
struct SearchPage {
    text: String,
    found: Option<Vec<FoundLine>>,
    is_cut: bool,
}

#[derive(Serialize)]
struct FoundLine {
    merchant: String,
    merchant_name: String,
    borrower: String,
    name: Option<String>,
    matched: MatchKind,
    reminder: Option<i64>,
}

/// Shows the search box.
pub(super) async fn show(staff: Staff) -> Response {
    page(StatusCode::OK, "search.html", &staff.frame(), SearchPage::default())
}

/// Finds borrowers. It is a POST, so that what was typed is in no address, history or log. The only borrower that is
/// found is shown at once.
pub(super) async fn search(
    State(console): State<Console>,
    staff: Staff,
    form: FormFields,
) -> Result<Response, Refusal> {
    let text = form.text("text").unwrap_or_default().trim().to_owned();
    let merchants = staff.merchants_of(&console.app);
    let request = FindRequest { text: &text, merchants: &merchants, merchant: None, only: &[], limit: MOST };
    let found = if text.is_empty() {
        None
    } else {
        Some(console.patiently(find(console.store(), Some(&console.app.composer.links), &request)).await?)
    };
    let is_cut = found.as_ref().is_some_and(|found| found.is_cut);
    let found = found.map(|found| found.found);
    if let Some([only]) = found.as_deref() {
        return Ok(Redirect::to(&borrower_path(&only.key)).into_response());
    }
    let line = |found: FoundBorrower| FoundLine {
        merchant_name: merchants.get(&found.key.merchant).map(|one| one.name.clone()).unwrap_or_default(),
        merchant: found.key.merchant.to_string(),
        borrower: found.key.id.to_string(),
        name: found.name.map(|name| name.as_str().to_owned()),
        matched: found.kind,
        reminder: found.reminder.map(|id| id.0),
    };
    let found = found.map(|found| found.into_iter().map(line).collect());
    Ok(page(StatusCode::OK, "search.html", &staff.frame(), SearchPage { text, found, is_cut }))
}
