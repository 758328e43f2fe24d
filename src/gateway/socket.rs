//! The socket below a conversation: it lets no byte out once the deadline has run out, and knows whether any left.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::clock::Deadline;

/// State shared by a conversation and its socket, since lettre's connection hides the socket itself.
#[derive(Debug, Default)]
pub(super) struct SocketGate {
    /// Until when bytes may leave; without one, always.
    deadline: Mutex<Option<Deadline>>,
    /// Bytes that the system took from us, as they were on the wire.
    written: AtomicU64,
    /// Bytes that were written and that the system has not taken yet.
    held: AtomicUsize,
    /// Whether a write came after the deadline and was refused.
    closed: AtomicBool,
    /// Whether a read ends at a line break.
    by_line: AtomicBool,
}

impl SocketGate {
    pub(super) fn set_deadline(&self, deadline: Option<Deadline>) {
        *self.deadline.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    pub(super) fn was_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn took(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// While on, nothing beyond a line is read ahead. Needed around STARTTLS: what somebody in the middle wrote behind
    /// the server's `220` would otherwise wait in lettre's buffer and be taken for an answer that came encrypted (RFC
    /// 3207, 6).
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

/// When what is written leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlushMode {
    /// With each write.
    AtOnce,
    /// All together, when the next answer is read or the conversation ends: for protocols where each side speaks in its
    /// turn, so that what was written in pieces is one packet.
    WhenAnAnswerIsAwaited,
}

/// A TCP stream behind a [`SocketGate`].
#[derive(Debug)]
pub(super) struct GatedSocket {
    tcp: TcpStream,
    gate: Arc<SocketGate>,
    leaves: FlushMode,
    held: BytesMut,
}

impl GatedSocket {
    pub(super) fn new(tcp: TcpStream, gate: Arc<SocketGate>, leaves: FlushMode) -> Self {
        Self { tcp, gate, leaves, held: BytesMut::new() }
    }

    /// Hands what is held to the system.
    fn poll_let_go(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            self.gate.pass()?;
            let written = ready!(Pin::new(&mut self.tcp).poll_write(context, &self.held))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.advance(written);
            self.gate.took(written);
            self.gate.held.store(self.held.len(), Ordering::Relaxed);
        }
        Poll::Ready(Ok(()))
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
        ready!(self.poll_let_go(context))?;
        if self.gate.by_line.load(Ordering::Relaxed) {
            return self.poll_read_line(context, buffer);
        }
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for GatedSocket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.gate.pass()?;
        if self.leaves == FlushMode::WhenAnAnswerIsAwaited {
            self.held.extend_from_slice(bytes);
            self.gate.held.store(self.held.len(), Ordering::Relaxed);
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut self.tcp).poll_write(context, bytes))?;
        self.gate.took(written);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Held bytes leave when an answer is awaited; lettre flushes earlier, so a flush does not release them.
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_let_go(context))?;
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
    use super::{FlushMode, GatedSocket, SocketGate};
    use crate::clock::{Clock, Deadline, SimClock};
    use chrono::{DateTime, Utc};
    use std::sync::Arc;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    async fn pair(leaves: FlushMode) -> (GatedSocket, Arc<SocketGate>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (theirs, _) = listener.accept().await.unwrap();
        let gate = Arc::new(SocketGate::default());
        (GatedSocket::new(ours, Arc::clone(&gate), leaves), gate, theirs)
    }

    #[tokio::test]
    async fn no_byte_passes_once_the_deadline_has_run_out() {
        let (mut socket, gate, mut peer) = pair(FlushMode::AtOnce).await;
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
    async fn what_is_held_leaves_with_the_next_read_unless_it_is_too_late() {
        let (mut socket, gate, mut peer) = pair(FlushMode::WhenAnAnswerIsAwaited).await;
        let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
        gate.set_deadline(Some(Deadline::new(Arc::new(clock.clone()), clock.elapsed(), Duration::from_secs(1))));
        socket.write_all(b"body").await.unwrap();
        socket.write_all(b"\r\n.\r\n").await.unwrap();
        socket.flush().await.unwrap();
        assert_eq!((gate.written(), gate.held()), (0, 9));
        peer.write_all(b"250 ok\r\n").await.unwrap();
        let mut answer = [0; 8];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!((gate.written(), gate.held()), (9, 0));

        socket.write_all(b"late").await.unwrap();
        clock.advance(Duration::from_secs(1));
        assert!(socket.read_exact(&mut answer).await.is_err());
        assert_eq!((gate.written(), gate.held(), gate.was_closed()), (9, 4, true));
        drop(socket);
        let mut seen = String::new();
        peer.read_to_string(&mut seen).await.unwrap();
        assert_eq!(seen, "body\r\n.\r\n");
    }

    #[tokio::test]
    async fn by_line_nothing_is_read_ahead() {
        let (mut socket, gate, mut peer) = pair(FlushMode::AtOnce).await;
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
