//! Builds the request of a generic HTTP gateway from its templates.

use std::borrow::Cow;
use std::collections::BTreeMap;

use reqwest::Request;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde::Deserialize;

use super::template::{Context, JsonTemplate, Template, Values};
use crate::gateway::sms::connection::Endpoint;

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// All in the URL.
    Get,
    /// With a body.
    Post,
}

/// The body of a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestBody {
    /// Nothing.
    #[default]
    None,
    /// JSON whose strings are templates.
    Json(JsonTemplate),
    /// Fields of a form.
    Form(BTreeMap<String, Template>),
}

impl RequestBody {
    fn templates(&self) -> Vec<&Template> {
        match self {
            Self::None => Vec::new(),
            Self::Json(json) => json.templates(),
            Self::Form(fields) => fields.values().collect(),
        }
    }
}

/// The parts that a request is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestForm<'a> {
    pub(super) url: &'a Endpoint,
    pub(super) method: Method,
    pub(super) query: &'a BTreeMap<String, Template>,
    pub(super) headers: &'a BTreeMap<String, Template>,
    pub(super) body: &'a RequestBody,
}

impl<'a> RequestForm<'a> {
    /// The first rule that serde cannot express and that is broken: its key, and what is wrong.
    pub(super) fn problem(&self) -> Option<(&'static str, &'static str)> {
        if self.method == Method::Get && !matches!(self.body, RequestBody::None) {
            return Some(("method", "is GET, which has no body: write \"POST\", or move the fields to query"));
        }
        Some(("headers", self.headers.keys().find_map(|name| header_problem(name))?))
    }

    /// Every template in it.
    pub(super) fn templates(&self) -> Vec<&'a Template> {
        let fields = self.query.values().chain(self.headers.values());
        fields.chain(self.body.templates()).collect()
    }

    /// The request with these values in it.
    pub(super) fn fill(&self, values: &Values<'_>) -> Result<Request, FormError> {
        let method = match self.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let values = &values.context();
        let mut request = Request::new(method, self.url.url().clone());
        if !self.query.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(fields(self.query, values)?);
        }
        for (name, template) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| FormError)?;
            // Refuses control characters, line breaks among them.
            let mut value = HeaderValue::from_bytes(template.render(values)?.as_bytes()).map_err(|_| FormError)?;
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        let (content_type, body) = match self.body {
            RequestBody::None => return Ok(request),
            RequestBody::Json(template) => ("application/json", template.render(values)?),
            RequestBody::Form(templates) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(fields(templates, values)?);
                ("application/x-www-form-urlencoded", form.finish())
            }
        };
        request.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static(content_type));
        *request.body_mut() = Some(body.into());
        Ok(request)
    }
}

/// The values do not make a request, for example a line break in a header. Says no more: the reason would quote them.
#[derive(Debug)]
pub(super) struct FormError;

impl From<minijinja::Error> for FormError {
    fn from(_: minijinja::Error) -> Self {
        Self
    }
}

impl From<serde_json::Error> for FormError {
    fn from(_: serde_json::Error) -> Self {
        Self
    }
}

fn fields<'a>(
    templates: &'a BTreeMap<String, Template>,
    values: &Context<'a>,
) -> Result<Vec<(&'a str, Cow<'a, str>)>, minijinja::Error> {
    templates.iter().map(|(name, template)| Ok((name.as_str(), template.render(values)?))).collect()
}

fn header_problem(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "host" | "content-length" | "transfer-encoding" | "connection" => Some("may not frame the request"),
        lower if HeaderName::from_bytes(lower.as_bytes()).is_err() => Some("holds a name that is none"),
        _ => None,
    }
}
