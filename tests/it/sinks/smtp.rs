//! A mail server that records what it takes over and misbehaves by script. Speaks PIPELINING, CHUNKING, 8BITMIME,
//! SMTPUTF8, STARTTLS and AUTH PLAIN.

use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::wire::{Connections, Milestones, Served, Wire, listen};

/// A moment of a conversation: the sink has read the command, or the whole message at [`At::Dot`], and is about to
/// answer. A message that comes as a chunk has neither [`At::Data`] nor a dot, but the moment after it is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    Greeting,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    Dot,
    Rset,
    Noop,
    Quit,
}

/// The sink's reaction instead of the usual answer. At [`At::Dot`] it accepts the message all the same, unless the
/// reaction is a refusal.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NoticeAction {
    /// One line.
    Say(&'static str),
    /// One line, then hang up.
    SayThenClose(&'static str),
    /// One line, then neither read nor write.
    SayThenStall(&'static str),
    /// No answer.
    Silence,
    /// Hang up.
    Close,
    /// Hang up with a reset.
    Reset,
}

#[derive(Debug, Clone)]
struct Fault {
    at: At,
    act: NoticeAction,
    /// For this recipient only: the last that RCPT named on the connection.
    to: Option<String>,
}

/// How the way to the sink is protected.
#[derive(Debug, Clone, Default)]
pub(crate) enum Tls {
    #[default]
    None,
    Upgrade(Arc<ServerConfig>),
    Implicit(Arc<ServerConfig>),
}

/// How much a client may say before it waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Offers {
    /// A command.
    Nothing,
    /// Several commands.
    #[default]
    Pipelining,
    /// Several commands and a message.
    Chunking,
}

/// How the sink behaves. Without faults it takes everything over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    faults: Vec<Fault>,
    tls: Tls,
    login: Option<(&'static str, &'static str)>,
    /// Written behind the answer to STARTTLS, in the clear, as somebody in the middle could.
    injected: &'static str,
    offers: Offers,
}

impl Script {
    pub(crate) fn offers(self, offers: Offers) -> Self {
        Self { offers, ..self }
    }

    pub(crate) fn at(mut self, at: At, act: NoticeAction) -> Self {
        self.faults.push(Fault { at, act, to: None });
        self
    }

    pub(crate) fn for_recipient(mut self, to: &str, at: At, act: NoticeAction) -> Self {
        self.faults.push(Fault { at, act, to: Some(to.to_owned()) });
        self
    }

    pub(crate) fn tls(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    /// Wants AUTH before MAIL, with this user and password.
    pub(crate) fn login(self, user: &'static str, password: &'static str) -> Self {
        Self { login: Some((user, password)), ..self }
    }

    pub(crate) fn inject_behind_starttls(self, injected: &'static str) -> Self {
        Self { injected, ..self }
    }
}

/// A message that the sink took over.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) message_id: String,
    /// Without dot-stuffing, lines ended by CRLF.
    pub(crate) raw: String,
}

#[derive(Debug, Default)]
struct Shared {
    script: Script,
    received: Mutex<Vec<Received>>,
    milestones: Milestones<At>,
    connections: Arc<Connections>,
}

/// The mail server.
#[derive(Debug)]
pub(crate) struct SmtpSink {
    port: u16,
    shared: Arc<Shared>,
    _served: Served,
}

impl SmtpSink {
    pub(crate) async fn start(script: Script) -> Self {
        let shared = Arc::new(Shared { script, ..Shared::default() });
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

    /// How often a message with this Message-ID, without its angle brackets, was taken over.
    pub(crate) fn accepted(&self, message_id: &str) -> usize {
        self.received().iter().filter(|received| received.message_id == message_id).count()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.made()
    }

    pub(crate) fn most_connections(&self) -> usize {
        self.shared.connections.most()
    }

    /// How often a conversation came to this moment.
    pub(crate) fn count(&self, at: At) -> usize {
        self.shared.milestones.count(at)
    }

    /// Returns when conversations came to this moment so often.
    pub(crate) async fn reached(&self, at: At, times: usize) {
        self.shared.milestones.wait(at, times).await;
    }
}

/// One conversation.
struct Conversation {
    stream: BufReader<Wire>,
    shared: Arc<Shared>,
    from: String,
    to: String,
    /// Whether a sender was taken, and a recipient.
    has_sender: bool,
    has_recipient: bool,
}

/// Whether the conversation goes on.
enum ReplanAction {
    GoOn,
    Reset,
    Close,
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) -> io::Result<()> {
    let mut wire = Wire::Plain(stream);
    if let Tls::Implicit(config) = &shared.script.tls {
        wire = wire.encrypted(config).await?;
    }
    let (from, to) = (String::new(), String::new());
    let stream = BufReader::new(wire);
    let mut conversation = Conversation { stream, shared, from, to, has_sender: false, has_recipient: false };
    let mut then = conversation.answer(At::Greeting, "220 sink.example ESMTP").await?;
    loop {
        match then {
            ReplanAction::GoOn => {}
            ReplanAction::Reset => return conversation.stream.into_inner().reset(),
            ReplanAction::Close => return conversation.stream.shutdown().await,
        }
        let mut line = String::new();
        if conversation.stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let line = line.trim_end();
        if line.eq_ignore_ascii_case("STARTTLS") {
            (conversation, then) = conversation.start_tls().await?;
        } else {
            then = conversation.command(line).await?;
        }
    }
}

impl Conversation {
    async fn command(&mut self, line: &str) -> io::Result<ReplanAction> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let capabilities = self.capabilities();
                self.answer(At::Ehlo, &capabilities).await
            }
            "AUTH" => {
                let answer = if self.knows(line) { "235 2.7.0 welcome" } else { "535 5.7.8 who are you" };
                self.answer(At::Auth, answer).await
            }
            "MAIL" => {
                self.from = address(line);
                (self.has_sender, self.has_recipient) = (!self.refuses(At::Mail), false);
                self.answer(At::Mail, "250 2.1.0 ok").await
            }
            "RCPT" if !self.has_sender => self.say("503 5.5.1 need MAIL").await.map(|()| ReplanAction::GoOn),
            "RCPT" => {
                self.to = address(line);
                self.has_recipient = !self.refuses(At::Rcpt);
                self.answer(At::Rcpt, "250 2.1.5 ok").await
            }
            "DATA" if !self.has_recipient => {
                self.say("554 5.5.1 no valid recipients").await.map(|()| ReplanAction::GoOn)
            }
            "DATA" => self.data().await,
            "BDAT" => self.chunk(line).await,
            "RSET" => self.answer(At::Rset, "250 2.0.0 ok").await,
            "NOOP" => self.answer(At::Noop, "250 2.0.0 ok").await,
            "QUIT" => match self.answer(At::Quit, "221 2.0.0 bye").await? {
                ReplanAction::GoOn => Ok(ReplanAction::Close),
                then => Ok(then),
            },
            _ => self.say("502 5.5.2 what").await.map(|()| ReplanAction::GoOn),
        }
    }

    fn capabilities(&self) -> String {
        let mut lines = vec!["sink.example", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"];
        lines.extend(match self.shared.script.offers {
            Offers::Nothing => [].as_slice(),
            Offers::Pipelining => &["PIPELINING"],
            Offers::Chunking => &["PIPELINING", "CHUNKING"],
        });
        let plain = matches!(self.stream.get_ref(), Wire::Plain(_));
        if plain && matches!(self.shared.script.tls, Tls::Upgrade(_)) {
            lines.push("STARTTLS");
        }
        if self.shared.script.login.is_some() {
            lines.push("AUTH PLAIN");
        }
        let last = lines.len() - 1;
        let numbered = lines.iter().enumerate().map(|(index, line)| match index == last {
            true => format!("250 {line}"),
            false => format!("250-{line}"),
        });
        numbered.collect::<Vec<_>>().join("\r\n")
    }

    fn knows(&self, line: &str) -> bool {
        let Some((user, password)) = self.shared.script.login else { return false };
        let shown = line.rsplit(' ').next().and_then(|word| STANDARD.decode(word).ok());
        shown == Some(format!("\0{user}\0{password}").into_bytes())
    }

    async fn start_tls(mut self) -> io::Result<(Self, ReplanAction)> {
        let Tls::Upgrade(config) = self.shared.script.tls.clone() else {
            self.say("502 5.5.1 no").await?;
            return Ok((self, ReplanAction::GoOn));
        };
        let ready = format!("220 2.0.0 go ahead\r\n{}", self.shared.script.injected);
        match self.answer(At::StartTls, ready.trim_end()).await? {
            ReplanAction::GoOn => {}
            then => return Ok((self, then)),
        }
        let wire = self.stream.into_inner().encrypted(&config).await?;
        Ok((Self { stream: BufReader::new(wire), ..self }, ReplanAction::GoOn))
    }

    async fn data(&mut self) -> io::Result<ReplanAction> {
        match self.fault(At::Data) {
            Some(act) => {
                let then = self.misbehave(act).await?;
                let goes_on = matches!(act, NoticeAction::Say(line) if line.starts_with('3'));
                if !goes_on {
                    return Ok(then);
                }
            }
            None => self.say("354 go ahead").await?,
        }
        let raw = self.message().await?;
        self.take(raw).await
    }

    /// The only and last chunk of a message. It is read whatever becomes of it (RFC 3030, 2).
    async fn chunk(&mut self, line: &str) -> io::Result<ReplanAction> {
        let size = line.strip_prefix("BDAT ").and_then(|rest| rest.strip_suffix(" LAST")?.parse().ok());
        let mut raw = vec![0; size.ok_or(io::ErrorKind::InvalidData)?];
        self.stream.read_exact(&mut raw).await?;
        let raw = String::from_utf8(raw).map_err(|_| io::ErrorKind::InvalidData)?;
        if self.has_recipient {
            return self.take(raw).await;
        }
        self.say("554 5.5.1 no valid recipients").await.map(|()| ReplanAction::GoOn)
    }

    async fn take(&mut self, raw: String) -> io::Result<ReplanAction> {
        if !self.refuses(At::Dot) {
            let message_id = header(&raw, "Message-ID").trim_matches(['<', '>']).to_owned();
            let (from, to) = (self.from.clone(), self.to.clone());
            let received = Received { from, to, message_id, raw };
            self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
        }
        self.answer(At::Dot, "250 2.0.0 Ok: queued as 4SiNK").await
    }

    fn refuses(&self, at: At) -> bool {
        let refused = |line: &str| line.starts_with(['4', '5']);
        matches!(self.peek(at), Some(NoticeAction::Say(line) | NoticeAction::SayThenClose(line)) if refused(line))
    }

    async fn message(&mut self) -> io::Result<String> {
        let mut raw = Vec::with_capacity(4096);
        loop {
            let begin = raw.len();
            if self.stream.read_until(b'\n', &mut raw).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if raw[begin..] == *b".\r\n" {
                raw.truncate(begin);
                return String::from_utf8(raw).map_err(|_| io::ErrorKind::InvalidData.into());
            }
            if raw[begin] == b'.' {
                raw.remove(begin);
            }
        }
    }

    async fn answer(&mut self, at: At, usual: &str) -> io::Result<ReplanAction> {
        match self.fault(at) {
            Some(act) => self.misbehave(act).await,
            None => self.say(usual).await.map(|()| ReplanAction::GoOn),
        }
    }

    async fn misbehave(&mut self, act: NoticeAction) -> io::Result<ReplanAction> {
        match act {
            NoticeAction::Say(line) => self.say(line).await.map(|()| ReplanAction::GoOn),
            NoticeAction::SayThenClose(line) => self.say(line).await.map(|()| ReplanAction::Close),
            NoticeAction::SayThenStall(line) => {
                self.say(line).await?;
                pending().await
            }
            NoticeAction::Silence => pending().await,
            NoticeAction::Close => Ok(ReplanAction::Close),
            NoticeAction::Reset => Ok(ReplanAction::Reset),
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.get_mut().flush().await
    }

    fn fault(&self, at: At) -> Option<NoticeAction> {
        self.shared.milestones.passed(at);
        self.peek(at)
    }

    fn peek(&self, at: At) -> Option<NoticeAction> {
        let applies = |fault: &&Fault| fault.at == at && fault.to.as_ref().is_none_or(|to| *to == self.to);
        self.shared.script.faults.iter().find(applies).map(|fault| fault.act)
    }
}

fn address(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}

/// The value of a header that is not folded.
pub(crate) fn header<'a>(raw: &'a str, name: &str) -> &'a str {
    let head = raw.split("\r\n\r\n").next().unwrap_or_default();
    let named = head.lines().filter_map(|line| line.split_once(": "));
    named
        .filter(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .next()
        .unwrap_or_default()
}
