//! One conversation with a mail server, over lettre's protocol and our own socket.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::commands::{Ehlo, Noop, Quit, Rset};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use tokio_rustls::TlsConnector;

use super::settings::{Security, SmtpSettings};
use super::transaction::{Pipelining, Transaction, completed};
use super::verdict::{SmtpFailure, SmtpStage};
use crate::clock::{Clock, Deadline};
use crate::domain::GatewayName;
use crate::gateway::credentials::Rotation;
use crate::gateway::socket::{FlushMode, GatedSocket, SocketGate, TlsSocket};
use crate::gateway::{GatewayError, mail::Mail, net};

/// Opens connections to the mail server; made once.
pub(super) struct Connector {
    name: GatewayName,
    settings: SmtpSettings,
    /// Which of the pairs of account and password is in use.
    rotation: Rotation,
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
    pub(super) fn new(name: GatewayName, settings: SmtpSettings, clock: Arc<dyn Clock>) -> Result<Self, GatewayError> {
        settings.check()?;
        let ca_pem = settings.ca_pem.as_deref();
        let tls = match settings.security {
            Security::None => Tls::None,
            Security::StartTls => Tls::Upgrade(starttls_parameters(&settings.host, ca_pem)?),
            Security::Tls => Tls::Implicit(TlsConnector::from(Arc::new(net::tls_config(ca_pem)?))),
        };
        let rotation = Rotation::new(settings.accounts().count());
        Ok(Self { name, hello: settings.hello()?, settings, rotation, tls, clock })
    }

    pub(super) fn settings(&self) -> &SmtpSettings {
        &self.settings
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Connects, greets, encrypts and authenticates, with the first password that the server takes: nothing of a
    /// message has left yet.
    pub(super) async fn open(&self, deadline: Option<&Deadline>) -> Result<Connection, SmtpFailure> {
        let mut in_use = None;
        let mut order = self.rotation.order().peekable();
        while let Some(credential) = order.next() {
            let first = *in_use.get_or_insert(credential);
            match self.open_with(credential, deadline).await {
                Err(SmtpFailure::Refusal(refusal)) if refusal.is_of_credential() && order.peek().is_some() => {}
                opened => {
                    if opened.is_ok() {
                        self.rotation.change(first, credential, &self.name);
                    }
                    return opened;
                }
            }
        }
        Err(SmtpFailure::Connect("auth-missing"))
    }

    async fn open_with(&self, credential: usize, deadline: Option<&Deadline>) -> Result<Connection, SmtpFailure> {
        let gate = Arc::new(SocketGate::default());
        gate.set_deadline(deadline.cloned());
        let pace = Pace { clock: &*self.clock, deadline, gate: &gate };
        let opened = pace.bound(self.settings.connect_timeout, self.converse(credential, &gate)).await;
        let (smtp, turns) = opened.map_err(|trouble| match trouble {
            SmtpFailure::Silence => SmtpFailure::Connect("connect-timeout"),
            trouble => trouble,
        })?;
        Ok(Connection {
            smtp,
            turns,
            gate,
            clock: Arc::clone(&self.clock),
            command_timeout: self.settings.command_timeout,
            parked_at: None,
            in_transaction: false,
            awaits_content: false,
        })
    }

    /// Gives the conversation, and how much at once the server lets us say.
    async fn converse(
        &self,
        credential: usize,
        gate: &Arc<SocketGate>,
    ) -> Result<(AsyncSmtpConnection, Pipelining), SmtpFailure> {
        let host = &self.settings.host;
        let tcp = net::connect(host, self.settings.port(), &self.settings.allowed_networks)
            .await
            .map_err(SmtpFailure::Connect)?;
        let socket = GatedSocket::new(tcp, Arc::clone(gate), FlushMode::WhenAnAnswerIsAwaited);
        let mut smtp = match &self.tls {
            Tls::None => AsyncSmtpConnection::connect_with_transport(Box::new(socket), &self.hello).await?,
            Tls::Upgrade(parameters) => self.start_tls(gate, socket, parameters).await?,
            Tls::Implicit(connector) => {
                let wrapped = net::wrap_tls(connector, host, socket).await;
                let socket = wrapped.map_err(|error| SmtpFailure::Connect(tls_code(&error)))?;
                AsyncSmtpConnection::connect_with_transport(Box::new(TlsSocket(socket)), &self.hello).await?
            }
        };
        self.authenticate(&mut smtp, credential).await?;
        // lettre asks the same, but forgets what it does not use itself.
        let turns = match smtp.command(Ehlo::new(self.hello.clone())).await {
            Ok(extensions) => Pipelining::offered_in(&extensions),
            // A server that does not like to be asked twice.
            Err(error) if error.status().is_some() => Pipelining::Command,
            Err(error) => return Err(error.into()),
        };
        let most = if self.settings.chunking { Pipelining::Message } else { Pipelining::Envelope };
        Ok((smtp, turns.min(most)))
    }

    async fn start_tls(
        &self,
        gate: &SocketGate,
        socket: GatedSocket,
        parameters: &TlsParameters,
    ) -> Result<AsyncSmtpConnection, SmtpFailure> {
        gate.read_by_line(true);
        let mut smtp = AsyncSmtpConnection::connect_with_transport(Box::new(socket), &self.hello).await?;
        if !smtp.can_starttls() {
            return Err(SmtpFailure::Connect("starttls-missing"));
        }
        let encrypted = smtp.starttls(parameters.clone(), &self.hello).await;
        gate.read_by_line(false);
        encrypted.map_err(|error| match SmtpFailure::from(error) {
            refusal @ SmtpFailure::Refusal(_) => refusal,
            _ => SmtpFailure::Connect("tls"),
        })?;
        Ok(smtp)
    }

    async fn authenticate(&self, smtp: &mut AsyncSmtpConnection, credential: usize) -> Result<(), SmtpFailure> {
        let Some((username, password)) = self.settings.accounts().nth(credential) else { return Ok(()) };
        if smtp.server_info().get_auth_mechanism(DEFAULT_MECHANISMS).is_none() {
            return Err(SmtpFailure::Connect("auth-missing"));
        }
        let credentials = Credentials::new(username.to_owned(), password.expose_secret().to_owned());
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
pub(super) struct Pace<'a> {
    pub(super) clock: &'a dyn Clock,
    deadline: Option<&'a Deadline>,
    pub(super) gate: &'a SocketGate,
}

impl Pace<'_> {
    pub(super) async fn bound<T, E>(
        &self,
        patience: Duration,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, SmtpFailure>
    where
        SmtpFailure: From<E>,
    {
        let limit = match self.deadline.map(Deadline::left) {
            None => patience,
            Some(Some(left)) => left.min(patience),
            Some(None) => return Err(SmtpFailure::Deadline),
        };
        match net::within(self.clock, limit, step).await {
            Some(Ok(done)) => Ok(done),
            Some(Err(_)) if self.gate.was_closed() => Err(SmtpFailure::Deadline),
            Some(Err(error)) => Err(SmtpFailure::from(error)),
            None if self.deadline.is_some_and(|deadline| deadline.left().is_none()) => Err(SmtpFailure::Deadline),
            None => Err(SmtpFailure::Silence),
        }
    }
}

/// For so long a parked connection is taken for alive. With the whole message in one go, a message that meets a
/// connection which the server has closed is in doubt; servers that tidy up do it after many seconds.
const STEADY: Duration = Duration::from_secs(1);

/// An open conversation, one message after the other.
pub(super) struct Connection {
    smtp: AsyncSmtpConnection,
    /// How much at once the server lets us say.
    turns: Pipelining,
    gate: Arc<SocketGate>,
    clock: Arc<dyn Clock>,
    command_timeout: Duration,
    /// When it was last parked since it was opened, on the clock's elapsed time: the server may have hung up meanwhile.
    parked_at: Option<Duration>,
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
    ) -> Result<Option<String>, (SmtpStage, SmtpFailure)> {
        self.gate.set_deadline(Some(deadline.clone()));
        let turns = match self.parked_at {
            Some(since) if self.clock.elapsed().saturating_sub(since) > STEADY => self.turns.min(Pipelining::Envelope),
            _ => self.turns,
        };
        let pace = Pace { clock: &*self.clock, deadline: Some(deadline), gate: &self.gate };
        let patience = self.command_timeout;
        if self.in_transaction {
            let reset = pace.bound(patience, self.smtp.command(Rset)).await;
            reset.and_then(completed).map_err(|trouble| (SmtpStage::Sender, trouble))?;
        }
        let mut transaction = Transaction { smtp: &mut self.smtp, pace, patience, turns, awaits_content: false };
        let delivered = transaction.run(mail).await;
        self.awaits_content = transaction.awaits_content;
        // RFC 3030, 2: after a message that was sent as a chunk was refused, the server needs a reset.
        self.in_transaction =
            matches!(&delivered, Err((stage, _)) if *stage != SmtpStage::FinalDot || turns == Pipelining::Message);
        delivered
    }

    /// Whether it can carry another message after one that ended with `trouble`.
    pub(super) fn survives(&self, trouble: &SmtpFailure) -> bool {
        !self.awaits_content && matches!(trouble, SmtpFailure::Refusal(refusal) if !refusal.ends_connection())
    }

    /// Whether `trouble` only means that the server hung up while the connection was parked. It took nothing of a
    /// message.
    pub(super) fn was_stale(&self, stage: SmtpStage, trouble: &SmtpFailure) -> bool {
        let hung_up = match trouble {
            SmtpFailure::Lost | SmtpFailure::Garbage => true,
            SmtpFailure::Refusal(refusal) => refusal.ends_connection(),
            _ => false,
        };
        self.parked_at.is_some() && stage == SmtpStage::Sender && hung_up
    }

    /// Before it is put aside for the next message.
    pub(super) fn park(&mut self) {
        self.parked_at = Some(self.clock.elapsed());
        self.gate.set_deadline(None);
    }

    /// Whether the server still answers.
    pub(super) async fn probe(&mut self) -> Result<(), SmtpFailure> {
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
