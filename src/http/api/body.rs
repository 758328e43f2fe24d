//! Bodies: bounded, JSON, and gzip if the caller likes.

use std::io::Read;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt;
use serde_json::Value;

use super::Api;
use super::fields::Fields;
use super::problem::{Problem, ProblemKind};

/// The largest body of a request, in bytes: as it arrives, and again once it is inflated.
pub const MAX_API_BODY: usize = 64 * 1024;

/// The body of a request as it arrived.
#[derive(Debug)]
pub(super) struct BodyBytes {
    bytes: Vec<u8>,
    is_compressed: bool,
}

impl BodyBytes {
    /// Reads a body of so many bytes at most.
    pub(super) async fn read(request: Request, most: usize) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        check_type(&parts.headers)?;
        let is_compressed = is_compressed(&parts.headers)?;
        Ok(Self { bytes: read(body, most).await?, is_compressed })
    }

    /// As the caller wrote it: so many bytes at most.
    pub(super) fn inflated(self, most: usize) -> Result<Vec<u8>, Problem> {
        if self.is_compressed { inflate(&self.bytes, most) } else { Ok(self.bytes) }
    }
}

/// The body of a request.
#[derive(Debug)]
pub(super) struct JsonBody {
    /// Inflated, as the caller wrote it.
    pub(super) bytes: Vec<u8>,
    value: Value,
}

impl JsonBody {
    /// Its fields.
    pub(super) fn fields(&self) -> Result<Fields, Problem> {
        Fields::of_body(self.value.clone())
    }
}

impl FromRequest<Api> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Problem> {
        let bytes = BodyBytes::read(request, MAX_API_BODY).await?.inflated(MAX_API_BODY)?;
        let value = serde_json::from_slice(&bytes).map_err(|error| no_json(&error))?;
        Ok(Self { bytes, value })
    }
}

pub(super) fn no_json(error: &serde_json::Error) -> Problem {
    let text = format!("the body is no JSON (line {}, column {})", error.line(), error.column());
    Problem::new(ProblemKind::BadRequest, text)
}

pub(super) fn no_object() -> Problem {
    Problem::new(ProblemKind::Invalid, "the body is no JSON object")
}

/// A body whose type is not said is taken for JSON.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    let text = "send the body as JSON, with `Content-Type: application/json`";
    Err(Problem::new(ProblemKind::UnsupportedMediaType, text))
}

fn is_compressed(headers: &HeaderMap) -> Result<bool, Problem> {
    let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
    let first = encodings.next().map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase());
    match (first.as_deref(), encodings.next()) {
        (None | Some("identity"), None) => Ok(false),
        (Some("gzip" | "x-gzip"), None) => Ok(true),
        _ => {
            let text = "send the body as it is, or with `Content-Encoding: gzip`";
            Err(Problem::new(ProblemKind::UnsupportedMediaType, text))
        }
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(ProblemKind::TooLarge, format!("the body is larger than {most} bytes"))
}

async fn read(body: Body, most: usize) -> Result<Vec<u8>, Problem> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let text = "the body did not arrive whole, or not in time; send it again";
        let chunk = chunk.map_err(|_| Problem::new(ProblemKind::SlowBody, text))?;
        if bytes.len() + chunk.len() > most {
            return Err(too_large(most));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn inflate(bytes: &[u8], most: usize) -> Result<Vec<u8>, Problem> {
    let mut inflated = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(most as u64 + 1)
        .read_to_end(&mut inflated)
        .map_err(|_| Problem::new(ProblemKind::BadRequest, "the body is no gzip"))?;
    if inflated.len() > most { Err(too_large(most)) } else { Ok(inflated) }
}
