//! The cost of the same work without dueherald around it: loops over the libraries that it uses.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use dueherald::clock::{Clock, SystemClock};
use lettre::address::Envelope;
use lettre::message::MultiPart;
use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Anyhow;

/// How many requests a second a loop of reqwest alone does.
pub(crate) async fn reqwest_loop(port: u16, in_flight: usize, count: u64, body: &str) -> Anyhow<f64> {
    let client = reqwest::Client::builder().no_proxy().http1_only().tcp_nodelay(true);
    let client = client.tls_backend_preconfigured(no_trust()?).pool_max_idle_per_host(in_flight).build()?;
    let url = format!("http://127.0.0.1:{port}/send");
    let body = body.to_owned();
    rate(in_flight, count, move |left| {
        let (client, url, body) = (client.clone(), url.clone(), body.clone());
        async move {
            while left.take() {
                let request = client.post(&url).header("content-type", "application/json").body(body.clone());
                request.send().await?.error_for_status()?.bytes().await?;
            }
            Ok(())
        }
    })
    .await
}

/// A client must be given a TLS configuration, even to speak in the clear.
pub(crate) fn no_trust() -> Anyhow<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

/// A mail, as parts for lettre's builder and as bytes for the wire.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

impl Letter {
    pub(crate) fn build(&self) -> Anyhow<Message> {
        let parts = MultiPart::alternative_plain_html(self.text.clone(), self.html.clone());
        let message = Message::builder()
            .from("Mall <repay@mall.example>".parse()?)
            .to("somebody@example.com".parse()?)
            .subject(self.subject.clone())
            .message_id(Some("<1@mall.example>".into()))
            .date(std::time::UNIX_EPOCH);
        Ok(message.multipart(parts)?)
    }
}

/// How a bare loop comes by the bytes it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Building {
    /// The same bytes each time.
    Once,
    /// lettre's builder, for each message.
    EachTime,
}

/// How many messages a second lettre's connections carry over sockets with TCP_NODELAY.
pub(crate) async fn lettre_loop(
    port: u16,
    connections: usize,
    count: u64,
    letter: &Letter,
    building: Building,
) -> Anyhow<f64> {
    let letter = letter.clone();
    rate(connections, count, move |left| {
        let letter = letter.clone();
        async move {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            stream.set_nodelay(true)?;
            let hello = ClientId::Domain("bench.example".into());
            let mut smtp = AsyncSmtpConnection::connect_with_transport(Box::new(Socket(stream)), &hello).await?;
            let mut message = letter.build()?;
            let mut raw = message.formatted();
            while left.take() {
                if building == Building::EachTime {
                    message = letter.build()?;
                    raw = message.formatted();
                }
                smtp.send(message.envelope(), &raw).await?;
            }
            Ok(smtp.quit().await.map(drop)?)
        }
    })
    .await
}

/// How many messages a second lettre's own pool carries, as it comes.
pub(crate) async fn lettre_pool(port: u16, connections: u32, count: u64, letter: &Letter) -> Anyhow<f64> {
    let pool = PoolConfig::new().max_size(connections);
    let transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1").port(port).pool_config(pool);
    let transport = transport.build();
    let message = letter.build()?;
    let (envelope, raw): (Envelope, Vec<u8>) = (message.envelope().clone(), message.formatted());
    rate(connections as usize, count, move |left| {
        let (transport, envelope, raw) = (transport.clone(), envelope.clone(), raw.clone());
        async move {
            while left.take() {
                transport.send_raw(&envelope, &raw).await?;
            }
            Ok(())
        }
    })
    .await
}

/// How many there are still to be done, for all that do them.
pub(crate) struct Left(AtomicU64);

impl Left {
    fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// Does `count` things, `at_once` of them at any time; gives how many a second.
async fn rate<F>(at_once: usize, count: u64, worker: impl Fn(Arc<Left>) -> F) -> Anyhow<f64>
where
    F: Future<Output = Anyhow<()>> + Send + 'static,
{
    let left = Arc::new(Left(AtomicU64::new(count)));
    let begun = SystemClock.elapsed();
    let mut workers = JoinSet::new();
    for _ in 0..at_once {
        workers.spawn(worker(Arc::clone(&left)));
    }
    while let Some(done) = workers.join_next().await {
        done??;
    }
    Ok(count as f64 / (SystemClock.elapsed() - begun).as_secs_f64())
}

/// lettre takes its own sockets, or ones that say whom they are connected to.
#[derive(Debug)]
struct Socket(TcpStream);

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for Socket {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}
