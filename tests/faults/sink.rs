//! A gateway that counts what it takes over by reference, and misbehaves by order. What it has read whole counts as
//! taken over, whatever it answers: that is what one must assume of a gateway.

use std::collections::BTreeMap;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dueherald::domain::Channel;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::patience::pause;

/// The sink's reaction after it has accepted a message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// Says so after a pause.
    Accept(Duration),
    /// Says nothing.
    Silence,
    /// Hangs up with a reset.
    Reset,
    /// Says half of it and hangs up.
    Half,
    /// Says what no gateway says.
    Garbage,
}

/// Chooses the reply to the message with that reference, accepted for the n-th time.
type Manner = dyn Fn(&str, usize) -> Reply + Send + Sync;

struct Desk {
    channel: Channel,
    taken: Mutex<BTreeMap<String, usize>>,
    manner: Mutex<Arc<Manner>>,
}

pub(crate) struct Sink {
    port: u16,
    desk: Arc<Desk>,
    serving: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Sink {
    /// One that accepts at once.
    pub(crate) async fn start(channel: Channel) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let at_once: Arc<Manner> = Arc::new(|_, _| Reply::Accept(Duration::ZERO));
        let desk = Arc::new(Desk { channel, taken: Mutex::default(), manner: Mutex::new(at_once) });
        let serving = tokio::spawn(serve(listener, Arc::clone(&desk)));
        Self { port, desk, serving }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn behave(&self, manner: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) {
        *locked(&self.desk.manner) = Arc::new(manner);
    }

    /// How often each message was taken over, by reference.
    pub(crate) fn taken(&self) -> BTreeMap<String, usize> {
        locked(&self.desk.taken).clone()
    }

    /// How often any was.
    pub(crate) fn total(&self) -> usize {
        locked(&self.desk.taken).values().sum()
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(listener: TcpListener, desk: Arc<Desk>) {
    // Dropped with this task, and with it every connection.
    let mut conversations = JoinSet::new();
    // Every other mail server takes a message in one go, so that both ways are under way when a plug is pulled.
    let mut takes_chunks = false;
    while let Ok((stream, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        takes_chunks = !takes_chunks;
        // One that breaks off in the middle is what these tests are about.
        conversations.spawn(async move {
            let _ = stream.set_nodelay(true);
            match desk.channel {
                Channel::Sms => http(BufReader::new(stream), &desk).await,
                Channel::Email => smtp(BufReader::new(stream), &desk, takes_chunks).await,
            }
        });
        while conversations.try_join_next().is_some() {}
    }
}

impl Desk {
    fn take_over(&self, reference: String) -> Reply {
        let mut taken = locked(&self.taken);
        let times = taken.entry(reference.clone()).or_default();
        *times += 1;
        let times = *times;
        drop(taken);
        let manner = Arc::clone(&locked(&self.manner));
        manner(&reference, times)
    }
}

/// Answers in the words of the protocol; an error ends the conversation.
async fn answer(stream: &mut BufReader<TcpStream>, reply: Reply, yes: &str, half: &str) -> io::Result<()> {
    match reply {
        Reply::Accept(after) => {
            pause(after).await;
            return stream.write_all(yes.as_bytes()).await;
        }
        Reply::Silence => pending().await,
        Reply::Reset => stream.get_ref().set_zero_linger()?,
        Reply::Half => stream.write_all(half.as_bytes()).await?,
        Reply::Garbage => stream.write_all(b"\x16\x03\x01 %&!\r\n\r\n").await?,
    }
    Err(io::ErrorKind::ConnectionAborted.into())
}

async fn http(mut stream: BufReader<TcpStream>, desk: &Desk) -> io::Result<()> {
    let (yes, half) =
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK", "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nOK");
    loop {
        let (mut reference, mut length) = (String::new(), 0);
        loop {
            let line = line(&mut stream).await?;
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("x-reference") => {
                    value.trim().clone_into(&mut reference)
                }
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
                }
                _ if line.is_empty() => break,
                _ => {}
            }
        }
        stream.read_exact(&mut vec![0; length]).await?;
        let reply = desk.take_over(reference);
        answer(&mut stream, reply, yes, half).await?;
    }
}

async fn smtp(mut stream: BufReader<TcpStream>, desk: &Desk, takes_chunks: bool) -> io::Result<()> {
    stream.write_all(b"220 sink.example ESMTP\r\n").await?;
    loop {
        let line = line(&mut stream).await?.to_ascii_uppercase();
        let said: &[u8] = match line.get(..4) {
            Some("EHLO") if takes_chunks => b"250-sink.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n",
            Some("EHLO") => b"250-sink.example\r\n250 8BITMIME\r\n",
            Some(verb @ ("DATA" | "BDAT")) => {
                let reference = match verb {
                    "BDAT" => chunk(&mut stream, &line).await?,
                    _ => {
                        stream.write_all(b"354 go ahead\r\n").await?;
                        mail(&mut stream).await?
                    }
                };
                let reply = desk.take_over(reference);
                answer(&mut stream, reply, "250 2.0.0 ok\r\n", "25").await?;
                continue;
            }
            _ => b"250 2.0.0 ok\r\n",
        };
        stream.write_all(said).await?;
    }
}

/// Reads a mail that is one chunk of the size in that line; gives the local part of its Message-ID.
async fn chunk(stream: &mut BufReader<TcpStream>, bdat: &str) -> io::Result<String> {
    let size = bdat.split(' ').nth(1).and_then(|size| size.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let mut raw = vec![0; size];
    stream.read_exact(&mut raw).await?;
    raw.extend_from_slice(b".\r\n");
    mail(&mut BufReader::new(&raw[..])).await
}

/// Reads a mail to its final dot; gives the local part of its Message-ID.
async fn mail(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut reference = None;
    loop {
        let line = line(stream).await?;
        if line == "." {
            return reference.ok_or(io::ErrorKind::InvalidData.into());
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("message-id")
        {
            reference = value.trim().trim_start_matches('<').split('@').next().map(str::to_owned);
        }
    }
}

/// One line without its end; an error when the client hung up.
async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 || !line.ends_with('\n') {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    line.truncate(line.trim_end().len());
    Ok(line)
}
