//! `/console/borrowers/{merchant}/{borrower}/evidence`: all contact with the borrower as one file to keep.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use axum::response::{Html, IntoResponse, Response};

use super::borrowers::Target;
use super::form::FormFields;
use super::refusal::Refusal;
use super::staff::Staff;
use super::{Console, random};
use crate::domain::Action;
use crate::http::page::{Strictness, set_headers};
use crate::pipeline::{EvidenceRequest, evidence, evidence_record};
use crate::render::{EvidenceLanguage, evidence_html};

/// The file has a style sheet of its own, and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox";

/// Makes the file. That somebody has it goes on record first.
pub(super) async fn download(
    State(console): State<Console>,
    staff: Staff,
    target: Target,
    form: FormFields,
) -> Result<Response, Refusal> {
    let request = EvidenceRequest {
        key: target.key.clone(),
        from: None,
        until: None,
        note: target.note(&staff, &form)?,
        language: EvidenceLanguage::of(staff.locale()).tag(),
        reveal: staff.role.allows(Action::RevealAddresses),
        with_html: false,
        salt: random().map_err(|()| Refusal::Unavailable)?,
    };
    let (app, store, now) = (&console.app, console.store(), console.app.clock.now());
    let made = evidence(store, &app.policy, &app.composer.links, &request, now);
    let document = console.patiently(made).await?.ok_or(Refusal::NotFound)?;
    let entry = evidence_record(&document, request, now);
    console.patiently(store.append(&staff.origin(), &[entry])).await?;
    let mut response = Html(evidence_html(&document)).into_response();
    let headers = response.headers_mut();
    set_headers(headers, Strictness::Strict);
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"evidence.html\""));
    Ok(response)
}
