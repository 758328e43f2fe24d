//! The other side: responders that take everything and do next to nothing, each in a process of its own, so that what
//! they cost is not counted as ours.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Anyhow;

/// Which protocol a sink speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Smtp,
    Http,
}

impl Protocol {
    fn word(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Http => "http",
        }
    }
}

/// A sink that runs until this is dropped.
pub(crate) struct Sink {
    child: Child,
    pub(crate) port: u16,
}

impl Sink {
    /// Starts this very program once more, as a sink.
    pub(crate) fn start(protocol: Protocol) -> Anyhow<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(["--sink", protocol.word()]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { port: line.trim().parse()?, child })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The main function of a sink process: prints its port, then answers until it is killed.
pub(crate) async fn serve(protocol: &str) -> Anyhow<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?.port())?;
    out.flush()?;
    let smtp = protocol == Protocol::Smtp.word();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // A peer that goes away ends its conversation and nothing else.
        tokio::spawn(
            async move { if smtp { smtp_conversation(stream).await } else { http_conversation(stream).await } },
        );
    }
}

async fn smtp_conversation(mut stream: TcpStream) -> std::io::Result<()> {
    const TAKEN: &[u8] = b"250 2.0.0 Ok: queued as 4F2A\r\n";
    stream.write_all(b"220 sink ESMTP\r\n").await?;
    let mut seen = Vec::with_capacity(16 * 1024);
    let mut in_message = false;
    loop {
        if stream.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
        let (end, whole): (&[u8], _) = if in_message { (b"\r\n.\r\n", true) } else { (b"\r\n", chunk_is_whole(&seen)) };
        // The end of a message, or of a group of commands, is the end of the buffered bytes: the client sends no more
        // before an answer.
        if !seen.ends_with(end) || !whole {
            continue;
        }
        if in_message {
            in_message = false;
            stream.write_all(TAKEN).await?;
        } else {
            let mut replies = Vec::with_capacity(64);
            for command in seen.split_inclusive(|byte| *byte == b'\n') {
                let reply: &[u8] = match command.first().map(u8::to_ascii_uppercase) {
                    Some(b'E') => b"250-sink\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 8BITMIME\r\n",
                    Some(b'D') => b"354 End data with <CR><LF>.<CR><LF>\r\n",
                    Some(b'B') => TAKEN,
                    Some(b'Q') => b"221 2.0.0 Bye\r\n",
                    _ => b"250 2.1.0 Ok\r\n",
                };
                in_message = reply.starts_with(b"354");
                replies.extend_from_slice(reply);
                if reply == TAKEN {
                    break;
                }
            }
            stream.write_all(&replies).await?;
        }
        seen.clear();
    }
}

/// Whether the message that BDAT announces among the first commands is there; so it is without BDAT.
fn chunk_is_whole(seen: &[u8]) -> bool {
    let head = &seen[..seen.len().min(1024)];
    let Some(at) = head.windows(5).position(|window| window == b"BDAT ") else { return true };
    let Some(end) = head[at..].iter().position(|byte| *byte == b'\n') else { return false };
    let size = String::from_utf8_lossy(&head[at + 5..at + end]);
    let size = size.split(' ').next().and_then(|size| size.parse().ok()).unwrap_or(0_usize);
    seen.len() > at + end + size
}

async fn http_conversation(mut stream: TcpStream) -> std::io::Result<()> {
    const REPLY: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 22\r\n\r\n{\"code\":0,\"id\":\"4F2A\"}";
    let mut seen = Vec::with_capacity(4 * 1024);
    loop {
        if stream.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
        if is_whole(&seen) {
            seen.clear();
            stream.write_all(REPLY).await?;
        }
    }
}

/// Whether head and body of a request are there.
fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
    let length = text.split("content-length:").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
    request.len() >= head + 4 + length.unwrap_or(0_usize)
}
