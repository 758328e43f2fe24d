//! The HTTP client that all SMS gateways share: it follows no redirect, retries nothing, goes through no proxy, keeps
//! no cookie, and reads no more of an answer than it needs.
//!
//! Requests are values of reqwest's type; they leave by hyper over our own sockets, since reqwest would write them in a
//! task of its own, out of reach of a deadline: a process that was stopped past its lease would send what it had handed
//! to that task before. The pool is ours for the same reason: hyper-util's runs each connection in a task.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Connection, SendRequest, handshake};
use hyper::header::{ACCEPT, HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use reqwest::{Request, Url};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use super::connection::Connection as Settings;
use crate::clock::{Clock, Deadline};
use crate::domain::Network;
use crate::gateway::decode::decode;
use crate::gateway::socket::{FlushMode, GatedSocket, SocketGate};
use crate::gateway::{GatewayError, net};

/// The most of an answer that is read. A gateway's answer is a line or a small JSON document.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The default `User-Agent`, where the settings contain none.
const AGENT: &str = concat!("dueherald/", env!("CARGO_PKG_VERSION"));

/// An answer, as far as it came.
#[derive(Debug)]
pub(super) struct ProviderResponse {
    pub(super) status: u16,
    /// The header `Retry-After`.
    pub(super) retry_after: Option<String>,
    pub(super) body: Body,
    /// The body read as JSON, once for all that ask.
    json: OnceLock<Option<Value>>,
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

impl ProviderResponse {
    pub(super) fn new(status: u16, retry_after: Option<String>, body: Body) -> Self {
        Self { status, retry_after, body, json: OnceLock::new() }
    }

    /// The whole body as text.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match &self.body {
            Body::Whole(bytes) => Some(decode(bytes)),
            Body::TooLong | Body::Cut => None,
        }
    }

    /// The whole body as JSON, if it is that.
    pub(super) fn json(&self) -> Option<&Value> {
        let read = || serde_json::from_str(&self.text()?).ok();
        self.json.get_or_init(read).as_ref()
    }
}

/// Why there is no answer. Holds our own words only: hyper's error may quote what it saw.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// No connection, so nothing of the request left.
    NotConnected(&'static str),
    /// The request left, in whole or in part.
    Lost(&'static str),
}

/// Connections to one gateway.
pub(super) struct Client {
    host: String,
    port: u16,
    /// The value of `Host`.
    authority: HeaderValue,
    tls: Option<TlsConnector>,
    allowed_networks: Vec<Network>,
    connect_timeout: Duration,
    idle_timeout: Duration,
    clock: Arc<dyn Clock>,
    /// Connections that wait for the next request, the latest used last. As many as were ever in flight at most.
    idle: Mutex<VecDeque<IdleConnections>>,
}

struct IdleConnections {
    line: ClientConnection,
    since: Duration,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Client {
    /// Connects to nothing yet.
    pub(super) fn new(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, GatewayError> {
        let (host, port) = settings.url.host_and_port();
        let tls = match settings.url.is_https() {
            true => Some(TlsConnector::from(Arc::new(net::tls_config(settings.ca_pem.as_deref())?))),
            false => None,
        };
        let authority = authority(settings.url.url()).and_then(|authority| HeaderValue::try_from(authority).ok());
        let authority =
            authority.ok_or_else(|| GatewayError::Settings("url has a host that no request can name".into()))?;
        Ok(Self {
            host: host.to_owned(),
            port,
            authority,
            tls,
            allowed_networks: settings.allowed_networks.clone(),
            connect_timeout: settings.connect_timeout,
            idle_timeout: settings.idle_timeout,
            clock,
            idle: Mutex::default(),
        })
    }

    /// The request as it stands on the wire: the path alone, and the headers that every request has.
    pub(super) fn wire_form(&self, request: Request) -> Option<hyper::Request<reqwest::Body>> {
        let mut request: hyper::Request<reqwest::Body> = request.try_into().ok()?;
        *request.uri_mut() = Uri::from(request.uri().path_and_query()?.clone());
        let headers = request.headers_mut();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        headers.insert(HOST, self.authority.clone());
        Some(request)
    }

    /// Sends the request and reads the answer. No byte leaves once the deadline has run out.
    pub(super) async fn exchange(
        &self,
        request: hyper::Request<reqwest::Body>,
        deadline: &Deadline,
    ) -> Result<ProviderResponse, NoAnswer> {
        let mut line = match self.idle_line() {
            Some(line) => line,
            // Seldom, and in a box of its own, or every send would have room for it.
            None => Box::pin(self.connect(deadline)).await?,
        };
        line.gate.set_deadline(Some(deadline.clone()));
        let answer = line.converse(request).await?;
        if matches!(answer.body, Body::Whole(_)) {
            let since = self.clock.elapsed();
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push_back(IdleConnections { line, since });
        }
        Ok(answer)
    }

    /// The connection that was used last, if it is still fit for use.
    fn idle_line(&self) -> Option<ClientConnection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.elapsed();
        let too_long = |idle: &IdleConnections| now.saturating_sub(idle.since) >= self.idle_timeout;
        while idle.front().is_some_and(too_long) {
            idle.pop_front();
        }
        while let Some(IdleConnections { mut line, .. }) = idle.pop_back() {
            if line.is_fit() {
                return Some(line);
            }
        }
        None
    }

    async fn connect(&self, deadline: &Deadline) -> Result<ClientConnection, NoAnswer> {
        let connected = net::within(&*self.clock, self.connect_timeout, self.open(deadline)).await;
        connected.unwrap_or(Err("connect-timeout")).map_err(NoAnswer::NotConnected)
    }

    async fn open(&self, deadline: &Deadline) -> Result<ClientConnection, &'static str> {
        let gate = Arc::new(SocketGate::default());
        gate.set_deadline(Some(deadline.clone()));
        let socket = GatedSocket::new(
            net::connect(&self.host, self.port, &self.allowed_networks).await?,
            Arc::clone(&gate),
            FlushMode::AtOnce,
        );
        let stream: Stream = match &self.tls {
            None => Box::new(socket),
            Some(tls) => {
                let wrapped = net::wrap_tls(tls, &self.host, socket).await;
                Box::new(wrapped.map_err(|error| net::connect_code(&error))?)
            }
        };
        // Writes nothing: HTTP/1 has no handshake of its own.
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(|_| "connect-failed")?;
        Ok(ClientConnection { sender, driver: Some(Box::pin(driver)), gate })
    }
}

trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

type Stream = Box<dyn Duplex>;

/// The future that reads and writes on a connection while it is polled.
type Driver = Connection<TokioIo<Stream>, reqwest::Body>;

/// One connection. It moves only while somebody converses on it.
struct ClientConnection {
    sender: SendRequest<reqwest::Body>,
    /// `None` when it has ended.
    driver: Option<Pin<Box<Driver>>>,
    gate: Arc<SocketGate>,
}

impl ClientConnection {
    /// Whether the gateway has not hung up meanwhile, and the answer before was read to its end.
    fn is_fit(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    fn drive(&mut self, context: &mut Context<'_>) {
        if self.driver.as_mut().is_some_and(|driver| driver.as_mut().poll(context).is_ready()) {
            self.driver = None;
        }
    }

    async fn converse(&mut self, request: hyper::Request<reqwest::Body>) -> Result<ProviderResponse, NoAnswer> {
        let mut talk = pin!(talk(self.sender.send_request(request)));
        let driver = &mut self.driver;
        poll_fn(|context| {
            loop {
                if let Poll::Ready(answer) = talk.as_mut().poll(context) {
                    return Poll::Ready(answer);
                }
                match driver.as_mut().map(|driver| driver.as_mut().poll(context)) {
                    // Its end tells the talk how it ended.
                    Some(Poll::Ready(_)) => *driver = None,
                    Some(Poll::Pending) => return Poll::Pending,
                    None => return Poll::Ready(Err(LOST)),
                }
            }
        })
        .await
    }
}

const LOST: NoAnswer = NoAnswer::Lost("http-connection-lost");

async fn talk(response: impl Future<Output = hyper::Result<Response<Incoming>>>) -> Result<ProviderResponse, NoAnswer> {
    let response = response.await.map_err(|_| LOST)?;
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(ProviderResponse::new(status, retry_after, read(response.into_body()).await))
}

async fn read(mut body: Incoming) -> Body {
    let mut bytes = Vec::new();
    loop {
        match poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(chunk) if bytes.len() + chunk.len() > MAX_ANSWER_BYTES => return Body::TooLong,
                Some(chunk) => bytes.extend_from_slice(chunk),
                None => {}
            },
            None => return Body::Whole(bytes),
            Some(Err(_)) => return Body::Cut,
        }
    }
}

/// The value of `Host`: with the port only if it is not the default.
pub(super) fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}
