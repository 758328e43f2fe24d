//! One conversation with a mail server, over lettre's protocol and our own socket.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail as MailFrom, Noop, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};
use secrecy::ExposeSecret;
use tokio_rustls::TlsConnector;

use super::settings::{Security, SmtpSettings};
use super::verdict::{Stage, Trouble, queue_id};
use crate::clock::{Clock, Deadline};
use crate::gateway::socket::{Gate, GatedSocket, Leaves, TlsSocket};
use crate::gateway::{GatewayError, mail::Mail, net};

/// What a conversation is opened with; made once.
pub(super) struct Connector {
    settings: SmtpSettings,
    hello: ClientId,
    tls: Tls,
    clock: Arc<dyn Clock>,
}

enum Tls {
    None,
    /// By STARTTLS: lettre asks for it and shakes hands itself.
    Upgrade(TlsParameters),
    Implicit(TlsConnector),
}

impl Connector {
    pub(super) fn new(settings: SmtpSettings, clock: Arc<dyn Clock>) -> Result<Self, GatewayError> {
        settings.check()?;
        let ca_pem = settings.ca_pem.as_deref();
        let tls = match settings.security {
            Security::None => Tls::None,
            Security::StartTls => Tls::Upgrade(starttls_parameters(&settings.host, ca_pem)?),
            Security::Tls => Tls::Implicit(TlsConnector::from(Arc::new(net::tls_config(ca_pem)?))),
        };
        Ok(Self { hello: settings.hello()?, settings, tls, clock })
    }

    pub(super) fn settings(&self) -> &SmtpSettings {
        &self.settings
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Connects, greets, encrypts and authenticates.
    pub(super) async fn open(&self, deadline: Option<&Deadline>) -> Result<Connection, Trouble> {
        let gate = Arc::new(Gate::default());
        gate.set_deadline(deadline.cloned());
        let pace = Pace { clock: &*self.clock, deadline, gate: &gate };
        let opened = pace.bound(self.settings.connect_timeout, self.converse(&gate)).await;
        let (smtp, pipelines) = opened.map_err(|trouble| match trouble {
            Trouble::Silence => Trouble::Connect("connect-timeout"),
            trouble => trouble,
        })?;
        Ok(Connection {
            smtp,
            pipelines,
            gate,
            clock: Arc::clone(&self.clock),
            command_timeout: self.settings.command_timeout,
            used: false,
            in_transaction: false,
            awaits_content: false,
        })
    }

    /// Gives the conversation, and whether the server lets commands be sent in one go.
    async fn converse(&self, gate: &Arc<Gate>) -> Result<(AsyncSmtpConnection, bool), Trouble> {
        let host = &self.settings.host;
        let tcp = net::connect(host, self.settings.port()).await.map_err(Trouble::Connect)?;
        let socket = GatedSocket::new(tcp, Arc::clone(gate), Leaves::WhenAnAnswerIsAwaited);
        let mut smtp = match &self.tls {
            Tls::None => AsyncSmtpConnection::connect_with_transport(Box::new(socket), &self.hello).await?,
            Tls::Upgrade(parameters) => self.start_tls(gate, socket, parameters).await?,
            Tls::Implicit(connector) => {
                let wrapped = net::wrap_tls(connector, host, socket).await;
                let socket = wrapped.map_err(|error| Trouble::Connect(tls_code(&error)))?;
                AsyncSmtpConnection::connect_with_transport(Box::new(TlsSocket(socket)), &self.hello).await?
            }
        };
        self.authenticate(&mut smtp).await?;
        // lettre asks the same, but forgets what it does not use itself.
        let pipelines = match smtp.command(Ehlo::new(self.hello.clone())).await {
            Ok(extensions) => extensions.message().any(|line| line.eq_ignore_ascii_case("PIPELINING")),
            // A server that does not like to be asked twice.
            Err(error) if error.status().is_some() => false,
            Err(error) => return Err(error.into()),
        };
        Ok((smtp, pipelines))
    }

    async fn start_tls(
        &self,
        gate: &Gate,
        socket: GatedSocket,
        parameters: &TlsParameters,
    ) -> Result<AsyncSmtpConnection, Trouble> {
        gate.read_by_line(true);
        let mut smtp = AsyncSmtpConnection::connect_with_transport(Box::new(socket), &self.hello).await?;
        if !smtp.can_starttls() {
            return Err(Trouble::Connect("starttls-missing"));
        }
        let encrypted = smtp.starttls(parameters.clone(), &self.hello).await;
        gate.read_by_line(false);
        encrypted.map_err(|error| match Trouble::from(error) {
            refusal @ Trouble::Refusal(_) => refusal,
            _ => Trouble::Connect("tls"),
        })?;
        Ok(smtp)
    }

    async fn authenticate(&self, smtp: &mut AsyncSmtpConnection) -> Result<(), Trouble> {
        let Some(account) = &self.settings.credentials else { return Ok(()) };
        if smtp.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
            return Err(Trouble::Connect("auth-missing"));
        }
        let password = account.password.expose_secret().to_owned();
        let credentials = Credentials::new(account.username.clone(), password);
        smtp.auth(DEFAULT_MECHANISMS, &credentials).await?;
        Ok(())
    }
}

/// lettre's form of what [`net::tls_config`] makes; it keeps its own closed.
fn starttls_parameters(host: &str, ca_pem: Option<&str>) -> Result<TlsParameters, GatewayError> {
    let unusable = |_| GatewayError::Settings("ca_pem holds a certificate that cannot be read".into());
    // The same refusals as for TLS from the first byte.
    net::tls_config(ca_pem)?;
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(pem) = ca_pem {
        let authority = Certificate::from_pem(pem.as_bytes()).map_err(unusable)?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    builder.build_rustls().map_err(unusable)
}

/// A handshake that fails in a way that is not the network's is the certificate's.
fn tls_code(error: &std::io::Error) -> &'static str {
    match net::connect_code(error) {
        "connect-failed" => "tls",
        code => code,
    }
}

/// How long each step may take.
struct Pace<'a> {
    clock: &'a dyn Clock,
    deadline: Option<&'a Deadline>,
    gate: &'a Gate,
}

impl Pace<'_> {
    async fn bound<T, E>(&self, patience: Duration, step: impl Future<Output = Result<T, E>>) -> Result<T, Trouble>
    where
        Trouble: From<E>,
    {
        let limit = match self.deadline.map(Deadline::left) {
            None => patience,
            Some(Some(left)) => left.min(patience),
            Some(None) => return Err(Trouble::Deadline),
        };
        match net::within(self.clock, limit, step).await {
            Some(Ok(done)) => Ok(done),
            Some(Err(_)) if self.gate.was_closed() => Err(Trouble::Deadline),
            Some(Err(error)) => Err(Trouble::from(error)),
            None if self.deadline.is_some_and(|deadline| deadline.left().is_none()) => Err(Trouble::Deadline),
            None => Err(Trouble::Silence),
        }
    }
}

/// An open conversation, one message after the other.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    /// Whether sender, recipient and DATA are sent in one go (RFC 2920): one round trip instead of three.
    pipelines: bool,
    gate: Arc<Gate>,
    clock: Arc<dyn Clock>,
    command_timeout: Duration,
    /// Whether it was parked since it was opened: then the server may have hung up meanwhile.
    used: bool,
    /// Whether the server still holds a sender or recipient of a message that it refused.
    in_transaction: bool,
    /// Whether the server waits for a message that is not going to come.
    awaits_content: bool,
}

impl Connection {
    /// Hands one message over; gives the server's number for it. An error says at which stage what went wrong.
    pub(super) async fn deliver(
        &mut self,
        mail: &Mail,
        deadline: &Deadline,
    ) -> Result<Option<String>, (Stage, Trouble)> {
        self.gate.set_deadline(Some(deadline.clone()));
        let delivered = self.transact(mail, deadline).await;
        self.in_transaction = matches!(&delivered, Err((stage, _)) if *stage != Stage::FinalDot);
        delivered
    }

    async fn transact(&mut self, mail: &Mail, deadline: &Deadline) -> Result<Option<String>, (Stage, Trouble)> {
        let pace = Pace { clock: &*self.clock, deadline: Some(deadline), gate: &self.gate };
        let smtp = &mut self.smtp;
        let patience = self.command_timeout;

        if self.in_transaction {
            let reset = pace.bound(patience, smtp.command(Rset)).await;
            reset.and_then(completed).map_err(|trouble| (Stage::Sender, trouble))?;
        }
        let parameters = mail_parameters(smtp, mail).map_err(|trouble| (Stage::Sender, trouble))?;
        let sender = MailFrom::new(Some(mail.from.clone()), parameters);
        let recipient = Rcpt::new(mail.to.clone(), vec![]);
        if self.pipelines {
            let (addressed, data) = in_one_go(smtp, &pace, patience, InOneGo(sender, recipient)).await;
            // Nobody is left to send the message to, but the server may not have looked.
            self.awaits_content = addressed.is_err() && data.is_ok();
            addressed?;
            data.map_err(|trouble| (Stage::Content, trouble))?;
        } else {
            let sender = pace.bound(patience, smtp.command(sender)).await;
            sender.and_then(completed).map_err(|trouble| (Stage::Sender, trouble))?;
            let recipient = pace.bound(patience, smtp.command(recipient)).await;
            recipient.and_then(completed).map_err(|trouble| (Stage::Recipient, trouble))?;
            let data = pace.bound(patience, smtp.command(Data)).await;
            data.and_then(go_ahead).map_err(|trouble| (Stage::Content, trouble))?;
        }

        let before = self.gate.written();
        let taken = pace.bound(patience, smtp.command(Content(&mail.raw))).await.and_then(completed);
        // The dot is the last of what was to leave.
        let dot_left = self.gate.written() > before && self.gate.held() == 0;
        // An answer that was there before the message had left is no answer to it.
        let taken = taken.and_then(|response| if dot_left { Ok(response) } else { Err(Trouble::Garbage) });
        let stage = if dot_left { Stage::FinalDot } else { Stage::Content };
        taken.map(|response| queue_id(&response)).map_err(|trouble| (stage, trouble))
    }

    /// Whether it can carry another message after one that ended with `trouble`.
    pub(super) fn survives(&self, trouble: &Trouble) -> bool {
        !self.awaits_content && matches!(trouble, Trouble::Refusal(refusal) if !refusal.ends_connection())
    }

    /// Whether `trouble` only means that the server hung up while the connection was parked. Nothing of a message had left.
    pub(super) fn was_stale(&self, stage: Stage, trouble: &Trouble) -> bool {
        let hung_up = match trouble {
            Trouble::Lost | Trouble::Garbage => true,
            Trouble::Refusal(refusal) => refusal.ends_connection(),
            _ => false,
        };
        self.used && stage == Stage::Sender && hung_up
    }

    /// Before it is put aside for the next message.
    pub(super) fn park(&mut self) {
        self.used = true;
        self.gate.set_deadline(None);
    }

    /// Whether the server still answers.
    pub(super) async fn probe(&mut self) -> Result<(), Trouble> {
        let pace = Pace { clock: &*self.clock, deadline: None, gate: &self.gate };
        pace.bound(self.command_timeout, self.smtp.command(Noop)).await.map(drop)
    }

    /// Takes leave. What the server says to that matters no more.
    pub(super) async fn quit(mut self) {
        self.gate.set_deadline(None);
        let pace = Pace { clock: &*self.clock, deadline: None, gate: &self.gate };
        let _ = pace.bound(self.command_timeout, self.smtp.command(Quit)).await;
    }
}

/// All that comes before the message.
struct InOneGo(MailFrom, Rcpt);

impl fmt::Display for InOneGo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(sender, recipient) = self;
        write!(f, "{sender}{recipient}{Data}")
    }
}

/// Sends it and reads the answers. Gives what was said to sender and recipient, and to DATA. A refusal is followed by the answers to
/// the rest; after any other trouble none is waited for.
/// `patience` is for all of them: a server that took the commands has all it needs.
async fn in_one_go(
    smtp: &mut AsyncSmtpConnection,
    pace: &Pace<'_>,
    patience: Duration,
    commands: InOneGo,
) -> (Result<(), (Stage, Trouble)>, Result<(), Trouble>) {
    let begun = pace.clock.elapsed();
    let left = || patience.saturating_sub(pace.clock.elapsed().saturating_sub(begun));
    let at = |stage| move |trouble| (stage, trouble);
    let sender = pace.bound(patience, smtp.command(commands)).await.and_then(completed).map(drop);
    let mut addressed = sender.map_err(at(Stage::Sender));
    let is_answer =
        |addressed: &Result<(), (Stage, Trouble)>| matches!(addressed, Ok(()) | Err((_, Trouble::Refusal(_))));
    if is_answer(&addressed) {
        let recipient = pace.bound(left(), smtp.read_response()).await.and_then(completed).map(drop);
        addressed = addressed.and(recipient.map_err(at(Stage::Recipient)));
    }
    let data = match is_answer(&addressed) {
        true => pace.bound(left(), smtp.read_response()).await.and_then(go_ahead).map(drop),
        false => Err(Trouble::Lost),
    };
    (addressed, data)
}

/// A message as it stands on the wire, the final dot with it (RFC 5321, 4.5.2): one write, where lettre makes two and goes over it
/// byte by byte.
struct Content<'a>(&'a str);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest.starts_with('.') {
            f.write_str(".")?;
        }
        while let Some(end) = memchr::memmem::find(rest.as_bytes(), b"\r\n.") {
            let (line, next) = rest.split_at(end + 2);
            f.write_str(line)?;
            f.write_str(".")?;
            f.write_str(&next[..1])?;
            rest = &next[1..];
        }
        f.write_str(rest)?;
        f.write_str(if self.0.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" })
    }
}

/// RFC 6531 is needed only where an address is not ASCII; the message itself always is.
fn mail_parameters(smtp: &AsyncSmtpConnection, mail: &Mail) -> Result<Vec<MailParameter>, Trouble> {
    if [&mail.from, &mail.to].iter().all(|address| AsRef::<str>::as_ref(*address).is_ascii()) {
        return Ok(vec![]);
    }
    if !smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
        return Err(Trouble::Connect("smtputf8-missing"));
    }
    Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
}

/// 2xx. lettre lets 3xx pass as well.
fn completed(response: Response) -> Result<Response, Trouble> {
    answered(response, Severity::PositiveCompletion)
}

/// 3xx: the server waits for the message.
fn go_ahead(response: Response) -> Result<Response, Trouble> {
    answered(response, Severity::PositiveIntermediate)
}

fn answered(response: Response, severity: Severity) -> Result<Response, Trouble> {
    if response.code().severity == severity { Ok(response) } else { Err(Trouble::Garbage) }
}
