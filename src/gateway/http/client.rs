//! The HTTP client of gateways: it follows no redirect, retries nothing, goes through no proxy, keeps no cookie, and reads no
//! more of an answer than it needs.

use std::borrow::Cow;
use std::time::Duration;

use reqwest::{Client, Request, Response, redirect, retry};
use rustls::ClientConfig;
use serde_json::Value;

use crate::gateway::{GatewayError, net};

/// The most of an answer that is read. A gateway's answer is a line or a small JSON document.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// An answer, as far as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The header `Retry-After`.
    pub(super) retry_after: Option<String>,
    pub(super) body: Body,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Vec<u8>),
    /// More than [`MAX_ANSWER_BYTES`].
    TooLong,
    /// It ended early.
    Cut,
}

impl Answer {
    /// The whole body as text; bytes that are no UTF-8 become U+FFFD.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match &self.body {
            Body::Whole(bytes) => Some(String::from_utf8_lossy(bytes)),
            Body::TooLong | Body::Cut => None,
        }
    }

    /// The whole body as JSON, if it is that.
    pub(super) fn json(&self) -> Option<Value> {
        match &self.body {
            Body::Whole(bytes) => serde_json::from_slice(bytes).ok(),
            Body::TooLong | Body::Cut => None,
        }
    }
}

/// Why there is no answer. Holds our own words only: reqwest's error would name the URL, and with it the phone and the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// No connection, so nothing of the request left.
    NotConnected(&'static str),
    /// The request left, in whole or in part.
    Lost(&'static str),
}

/// Makes the client.
pub(super) fn build(
    tls: ClientConfig,
    connect_timeout: Duration,
    idle_timeout: Duration,
    max_idle: usize,
) -> Result<Client, GatewayError> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("dueherald/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(idle_timeout)
        .pool_max_idle_per_host(max_idle)
        .build();
    client.map_err(|_| GatewayError::Settings("the HTTP client cannot be made from these settings".into()))
}

/// Sends the request and reads the answer.
pub(super) async fn exchange(client: &Client, request: Request) -> Result<Answer, NoAnswer> {
    let response = client.execute(request).await.map_err(|error| no_answer(&error.without_url()))?;
    let status = response.status().as_u16();
    let header = response.headers().get(reqwest::header::RETRY_AFTER);
    let retry_after = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Answer { status, retry_after, body: read(response).await })
}

async fn read(mut response: Response) -> Body {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > MAX_ANSWER_BYTES => return Body::TooLong,
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Body::Whole(bytes),
            Err(_) => return Body::Cut,
        }
    }
}

fn no_answer(error: &reqwest::Error) -> NoAnswer {
    if error.is_builder() {
        NoAnswer::NotConnected("bad-request")
    } else if error.is_dns() {
        NoAnswer::NotConnected("dns")
    } else if error.is_connect() {
        let timed_out = error.is_timeout();
        NoAnswer::NotConnected(if timed_out { "connect-timeout" } else { net::connect_code(error) })
    } else {
        NoAnswer::Lost("http-connection-lost")
    }
}
