//! An SMS gateway that records what it is asked and misbehaves by script. Speaks HTTP/1.1 with keep-alive.

use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::wire::{Connections, Milestones, Served, Wire, listen};

/// The sink's reaction to a request that it has read.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A whole answer.
    Answer { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// These bytes, then hang up.
    Raw(&'static str),
    /// Status and header, half the body, then hang up.
    Half(u16, &'static str),
    /// Status and header, half the body, then nothing.
    Slow(u16, &'static str),
    /// No answer.
    Silence,
    /// Hang up.
    Close,
    /// Hang up with a reset.
    Reset,
}

impl Reply {
    pub(crate) fn answer(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: vec![], body: body.into() }
    }

    pub(crate) fn with_header(status: u16, name: &'static str, value: &str) -> Self {
        Self::Answer { status, headers: vec![(name, value.to_owned())], body: vec![] }
    }

    /// Whether a gateway that replies so sends the SMS: with a bad status it does not, and otherwise one must assume it
    /// does.
    fn takes_over(&self) -> bool {
        match self {
            Self::Answer { status, .. } => (200..300).contains(status),
            _ => true,
        }
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Request line, header lines in the order they came, an empty line, and the body.
    pub(crate) text: String,
    /// Whether the message was taken over.
    pub(crate) taken: bool,
}

/// How the sink behaves.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    usual: Reply,
    /// For requests that hold this text.
    special: Vec<(String, Reply)>,
    tls: Option<Arc<ServerConfig>>,
}

impl Script {
    /// Always the same.
    pub(crate) fn always(usual: Reply) -> Self {
        Self { usual, special: vec![], tls: None }
    }

    /// Otherwise for requests whose target or body holds `text`.
    pub(crate) fn when(mut self, text: &str, reply: Reply) -> Self {
        self.special.push((text.to_owned(), reply));
        self
    }

    pub(crate) fn tls(self, config: Arc<ServerConfig>) -> Self {
        Self { tls: Some(config), ..self }
    }
}

#[derive(Debug)]
struct Shared {
    script: Script,
    received: Mutex<Vec<Received>>,
    requests: Milestones<()>,
    connections: Arc<Connections>,
}

/// The SMS gateway.
#[derive(Debug)]
pub(crate) struct HttpSink {
    port: u16,
    shared: Arc<Shared>,
    _served: Served,
}

impl HttpSink {
    pub(crate) async fn start(script: Script) -> Self {
        let (received, requests, connections) = Default::default();
        let shared = Arc::new(Shared { script, received, requests, connections });
        let serving = Arc::clone(&shared);
        let serve = move |stream| serve(stream, Arc::clone(&serving));
        let (port, served) = listen(Arc::clone(&shared.connections), serve).await;
        Self { port, shared, _served: served }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often a message whose request holds `reference` was taken over.
    pub(crate) fn accepted(&self, reference: &str) -> usize {
        self.received().iter().filter(|received| received.taken && received.text.contains(reference)).count()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.made()
    }

    pub(crate) fn most_connections(&self) -> usize {
        self.shared.connections.most()
    }

    /// Returns when so many requests were read.
    pub(crate) async fn reached(&self, requests: usize) {
        self.shared.requests.wait((), requests).await;
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut wire = Wire::Plain(stream);
    if let Some(config) = &shared.script.tls {
        wire = wire.encrypted(config).await?;
    }
    let mut stream = BufReader::new(wire);
    while let Some(text) = request(&mut stream).await? {
        let script = &shared.script;
        let special = script.special.iter().find(|(needle, _)| text.contains(needle)).map(|(_, reply)| reply);
        let reply = special.unwrap_or(&script.usual);
        let received = Received { text, taken: reply.takes_over() };
        shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
        shared.requests.passed(());
        match reply {
            Reply::Answer { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} Sink\r\ncontent-length: {}\r\n", body.len());
                for (name, value) in headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                head.push_str("\r\n");
                write(&mut stream, &[head.as_bytes(), body].concat()).await?;
            }
            Reply::Raw(bytes) => {
                write(&mut stream, bytes.as_bytes()).await?;
                return stream.shutdown().await;
            }
            Reply::Half(status, body) => {
                write(&mut stream, half(*status, body).as_bytes()).await?;
                return stream.shutdown().await;
            }
            Reply::Slow(status, body) => {
                write(&mut stream, half(*status, body).as_bytes()).await?;
                pending::<()>().await;
            }
            Reply::Silence => pending().await,
            Reply::Close => return stream.shutdown().await,
            Reply::Reset => return stream.into_inner().reset(),
        }
    }
    Ok(())
}

fn half(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} Sink\r\ncontent-length: {}\r\n\r\n{body}", 2 * body.len())
}

async fn write(stream: &mut BufReader<Wire>, bytes: &[u8]) -> io::Result<()> {
    stream.get_mut().write_all(bytes).await?;
    stream.get_mut().flush().await
}

/// Head and body of the next request; `None` when the client hung up.
async fn request(stream: &mut BufReader<Wire>) -> io::Result<Option<String>> {
    let mut text = String::new();
    let mut length = 0;
    loop {
        let begin = text.len();
        if stream.read_line(&mut text).await? == 0 {
            return Ok(None);
        }
        let line = text[begin..].trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    text.push_str(std::str::from_utf8(&body).map_err(|_| io::ErrorKind::InvalidData)?);
    Ok(Some(text))
}
