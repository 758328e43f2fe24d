//! The socket below a conversation: it lets no byte out once the deadline has run out, and knows whether any left.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::clock::Deadline;

/// What a conversation and its socket tell each other. The socket itself is out of reach inside lettre's connection.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Until when bytes may leave; without one, always.
    deadline: Mutex<Option<Deadline>>,
    /// Bytes that the system took from us, as they were on the wire.
    written: AtomicU64,
    /// Whether a write came after the deadline and was refused.
    closed: AtomicBool,
    /// Whether a read ends at a line break.
    by_line: AtomicBool,
}

impl Gate {
    pub(super) fn set_deadline(&self, deadline: Option<Deadline>) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(super) fn was_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// While on, nothing beyond a line is read ahead. Needed around STARTTLS: what somebody in the middle wrote behind the
    /// server's `220` would otherwise wait in lettre's buffer and be taken for an answer that came encrypted (RFC 3207, 6).
    pub(super) fn read_by_line(&self, on: bool) {
        self.by_line.store(on, Ordering::Relaxed);
    }

    /// Asked right before each write to the system. What is left open is the moment between the two.
    fn pass(&self) -> io::Result<()> {
        let deadline = self.deadline.lock().unwrap_or_else(PoisonError::into_inner);
        if deadline.as_ref().is_some_and(|deadline| deadline.left().is_none()) {
            self.closed.store(true, Ordering::Relaxed);
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

/// A TCP stream behind a [`Gate`].
#[derive(Debug)]
pub(super) struct GatedSocket {
    tcp: TcpStream,
    gate: Arc<Gate>,
}

impl GatedSocket {
    pub(super) fn new(tcp: TcpStream, gate: Arc<Gate>) -> Self {
        Self { tcp, gate }
    }

    fn poll_read_line(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut space = [0; 512];
        let room = space.len().min(buffer.remaining());
        let mut ahead = ReadBuf::new(&mut space[..room]);
        ready!(self.tcp.poll_peek(context, &mut ahead))?;
        let seen = ahead.filled();
        let line = seen.iter().position(|byte| *byte == b'\n').map_or(seen.len(), |end| end + 1);
        let mut taken = ReadBuf::new(&mut space[..line]);
        ready!(Pin::new(&mut self.tcp).poll_read(context, &mut taken))?;
        buffer.put_slice(taken.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for GatedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.gate.by_line.load(Ordering::Relaxed) {
            return self.poll_read_line(context, buffer);
        }
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for GatedSocket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.gate.pass()?;
        let written = ready!(Pin::new(&mut self.tcp).poll_write(context, bytes))?;
        self.gate.written.fetch_add(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

impl AsyncTokioStream for GatedSocket {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.peer_addr()
    }
}

/// TLS from the first byte, over a [`GatedSocket`].
#[derive(Debug)]
pub(super) struct TlsSocket(pub(super) TlsStream<GatedSocket>);

impl AsyncRead for TlsSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for TlsSocket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

impl AsyncTokioStream for TlsSocket {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::{Gate, GatedSocket};
    use crate::clock::{Clock, Deadline, SimClock};
    use chrono::{DateTime, Utc};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn pair() -> (GatedSocket, Arc<Gate>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (theirs, _) = listener.accept().await.unwrap();
        let gate = Arc::new(Gate::default());
        (GatedSocket::new(ours, Arc::clone(&gate)), gate, theirs)
    }

    #[tokio::test]
    async fn no_byte_passes_once_the_deadline_has_run_out() {
        let (mut socket, gate, mut peer) = pair().await;
        let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
        gate.set_deadline(Some(Deadline::new(Arc::new(clock.clone()), clock.elapsed(), Duration::from_secs(1))));
        socket.write_all(b"in time").await.unwrap();
        assert_eq!((gate.written(), gate.was_closed()), (7, false));
        clock.advance(Duration::from_secs(1));
        assert!(socket.write_all(b"too late").await.is_err());
        assert_eq!((gate.written(), gate.was_closed()), (7, true));
        drop(socket);
        let mut seen = String::new();
        peer.read_to_string(&mut seen).await.unwrap();
        assert_eq!(seen, "in time");
    }

    #[tokio::test]
    async fn by_line_nothing_is_read_ahead() {
        let (mut socket, gate, mut peer) = pair().await;
        gate.read_by_line(true);
        peer.write_all(b"220 go ahead\r\n250 injected\r\n").await.unwrap();
        drop(peer);
        let mut space = [0; 64];
        let read = socket.read(&mut space).await.unwrap();
        assert_eq!(&space[..read], b"220 go ahead\r\n");
        gate.read_by_line(false);
        let mut rest = String::new();
        socket.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "250 injected\r\n");
    }
}
