//! The base of both sinks: a listener that counts connections, and a stream with or without TLS.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How many connections there were.
#[derive(Debug, Default)]
pub(super) struct Connections {
    made: AtomicUsize,
    open: AtomicUsize,
    most: AtomicUsize,
}

impl Connections {
    /// Since the sink began.
    pub(super) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }

    /// At one time.
    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

/// One that is being served.
struct Open(Arc<Connections>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A task that ends with the sink.
#[derive(Debug)]
pub(super) struct Served(JoinHandle<()>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens on a free port and serves each connection in a task.
pub(super) async fn listen<F, S>(connections: Arc<Connections>, serve: F) -> (u16, Served)
where
    F: Fn(TcpStream) -> S + Send + 'static,
    S: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let accept = async move {
        // Dropped with this task, and with it every connection.
        let mut tasks = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            connections.made.fetch_add(1, Ordering::SeqCst);
            let now = connections.open.fetch_add(1, Ordering::SeqCst) + 1;
            connections.most.fetch_max(now, Ordering::SeqCst);
            let open = Open(Arc::clone(&connections));
            let served = serve(stream);
            tasks.spawn(async move {
                // A client that goes away in the middle is what many tests are about.
                let _ = served.await;
                drop(open);
            });
            while tasks.try_join_next().is_some() {}
        }
    };
    (port, Served(tokio::spawn(accept)))
}

/// Counts what happened, so that a test can wait for it.
#[derive(Debug)]
pub(super) struct Milestones<K: Eq + Hash>(watch::Sender<HashMap<K, usize>>);

impl<K: Eq + Hash + Copy> Default for Milestones<K> {
    fn default() -> Self {
        Self(watch::Sender::new(HashMap::new()))
    }
}

impl<K: Eq + Hash + Copy> Milestones<K> {
    pub(super) fn passed(&self, milestone: K) {
        self.0.send_modify(|passed| *passed.entry(milestone).or_default() += 1);
    }

    pub(super) fn count(&self, milestone: K) -> usize {
        self.0.borrow().get(&milestone).copied().unwrap_or_default()
    }

    /// Returns when it was passed so often. Gives up after ten seconds: nothing waits for time, but a test that broke
    /// should say so instead of hanging.
    pub(super) async fn wait(&self, milestone: K, times: usize) {
        let enough = |passed: &HashMap<K, usize>| passed.get(&milestone).is_some_and(|count| *count >= times);
        let mut passed = self.0.subscribe();
        let waited = tokio::time::timeout(Duration::from_secs(10), passed.wait_for(enough)).await;
        waited.expect("the peer came to this moment").expect("the sender lives in self");
    }
}

/// A stream with or without TLS.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(super) async fn encrypted(self, config: &Arc<ServerConfig>) -> io::Result<Self> {
        match self {
            Self::Plain(tcp) => Ok(Self::Tls(Box::new(TlsAcceptor::from(Arc::clone(config)).accept(tcp).await?))),
            Self::Tls(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    /// Hangs up so that the peer sees a reset.
    pub(super) fn reset(self) -> io::Result<()> {
        match &self {
            Self::Plain(tcp) => tcp.set_zero_linger(),
            Self::Tls(tls) => tls.get_ref().0.set_zero_linger(),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}
