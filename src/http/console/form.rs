//! The fields of a form of the console.

use std::collections::BTreeMap;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};

use super::Console;
use super::refusal::Refusal;

/// The fields of a POST. The layer `csrf` has checked that the console's own page sent them.
pub(super) struct FormFields(BTreeMap<String, String>);

impl FormFields {
    /// A field as it was sent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A field whose values the page gives.
    pub(super) fn read<T: FromStr>(&self, name: &str) -> Result<T, Refusal> {
        self.text(name).and_then(|text| text.parse().ok()).ok_or(Refusal::StaleForm)
    }
}

impl FromRequest<Console> for FormFields {
    type Rejection = Refusal;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Refusal> {
        let body = Bytes::from_request(request, console).await.map_err(|_| Refusal::StaleForm)?;
        Ok(Self(form_urlencoded::parse(&body).into_owned().collect()))
    }
}
