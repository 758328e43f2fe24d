//! The fields of a form of the console.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};

use super::Console;
use super::refusal::Refusal;

/// The fields of a POST. The layer `csrf` has checked that the console's own page sent them.
pub(super) struct FormFields(Vec<(String, String)>);

impl FormFields {
    /// The fields of a body or of a query. Nobody types a NUL, and PostgreSQL takes none.
    pub(super) fn of(text: &[u8]) -> Self {
        let fields = form_urlencoded::parse(text).into_owned();
        Self(fields.map(|(name, value)| (name, value.replace('\0', ""))).collect())
    }

    /// A field as it was sent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a field that may be there several times.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
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
        Ok(Self::of(&body))
    }
}
