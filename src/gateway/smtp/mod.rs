//! E-mail by SMTP: lettre's protocol over our own sockets and a small pool.
//!
//! lettre's own pool is left aside on purpose: it does not set TCP_NODELAY, so that each message waits 40 ms for a
//! delayed acknowledgement, it sends a NOOP at every checkout, and its size bounds parked connections only.
//!
//! lettre's feature `tracing` stays off: it logs what goes over the wire, the password included.
//!
//! | what happened | outcome |
//! |---|---|
//! | no connection, no TLS, no or a wrong greeting; connection lost before the final dot | not sent |
//! | 5xx while opening, password refused, 5xx to MAIL FROM, relaying denied | rejected, the gateway's trouble |
//! | 5xx to RCPT, DATA or the message | rejected, the recipient's trouble |
//! | 4xx anywhere, 421 included | retry after |
//! | no answer, a lost connection or nonsense after the final dot began to leave | unknown |
//!
//! Where the server offers PIPELINING and CHUNKING, sender, recipient and message leave together, on connections in
//! steady use: one round trip instead of two, unless `chunking = false`. There the last byte of the message stands for
//! the final dot: without it no server may take it over.
//!
//! While a password is changed, `password = ["NEW", "OLD"]` holds both: where the server refuses one (534, 535), the
//! next is tried over a new connection.
//!
//! ```toml
//! [gateways.mail]
//! kind = "smtp"
//! host = "smtp.mall.example"
//! security = "starttls"
//! credentials = { username = "repay", password = { env = "SMTP_PASSWORD" } }
//! from = "Mall <repay@mall.example>"
//! return_path = "bounce@mall.example"
//! bounces = { maildir = "/var/mail/bounce" }
//! dkim = { selector = "s2026", domain = "mall.example", key = { file = "dkim.pem" } }
//!
//! [gateways.mail.senders.hk]
//! from = "Mall HK <repay@hk.mall.example>"
//! dkim = { selector = "s2026", domain = "hk.mall.example", key = { file = "dkim-hk.pem" } }
//! ```

mod connection;
mod pool;
mod settings;
mod transaction;
mod verdict;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use lettre::message::Mailbox;

use self::connection::{Connection, Connector};
use self::pool::{Pool, Slot};
use self::verdict::{SmtpFailure, SmtpStage, outcome};
use super::mail::{Composition, Dkim, DkimSettings, Mail, Maildir, ReturnPath, compose};
use super::{Gateway, GatewayError, Handover, OneOrMore, net};
use crate::clock::{Clock, Deadline};
use crate::domain::{Address, Channel, GatewayName, LinkMode, MerchantId, Message, Outcome, RejectScope};

pub use self::settings::{Bounces, Credentials, MailSender, Security, SmtpSettings};

/// A mail server that takes our mail.
pub struct SmtpGateway {
    name: GatewayName,
    pool: Arc<Pool>,
    return_path: Option<ReturnPath>,
    /// The sender of mail.
    sender: Sender,
    /// The merchants whose mail is from another address.
    senders: BTreeMap<MerchantId, Sender>,
}

/// The sender of mail, with its keys.
struct Sender {
    from: Mailbox,
    reply_to: Option<Mailbox>,
    /// The first that is valid signs.
    dkim: Vec<Dkim>,
}

impl Sender {
    fn new(
        from: Mailbox,
        reply_to: Option<Mailbox>,
        dkim: Option<&OneOrMore<DkimSettings>>,
    ) -> Result<Self, GatewayError> {
        let dkim = dkim.into_iter().flat_map(OneOrMore::all).map(Dkim::new).collect::<Result<_, _>>()?;
        Ok(Self { from, reply_to, dkim })
    }
}

impl fmt::Debug for SmtpGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpGateway").field("name", &self.name).finish_non_exhaustive()
    }
}

impl SmtpGateway {
    /// Reads certificates and parses names; connects to nothing.
    ///
    /// # Errors
    /// [`GatewayError::Settings`] when the settings contradict each other or there is no certificate to trust.
    pub fn new(name: GatewayName, settings: SmtpSettings, clock: Arc<dyn Clock>) -> Result<Self, GatewayError> {
        let return_path = settings.return_path.clone().map(ReturnPath);
        let sender = Sender::new(settings.from.clone(), None, settings.dkim.as_ref())?;
        let own = |(merchant, sender): (&MerchantId, &MailSender)| {
            let own = Sender::new(sender.from.clone(), sender.reply_to.clone(), settings.dkim_of(sender))?;
            Ok((merchant.clone(), own))
        };
        let senders = settings.senders.iter().map(own).collect::<Result<_, GatewayError>>()?;
        let connector = Connector::new(name.clone(), settings, clock)?;
        Ok(Self { name, pool: Arc::new(Pool::new(connector)), return_path, sender, senders })
    }

    fn clock(&self) -> &dyn Clock {
        &**self.pool.connector().clock()
    }

    fn compose(&self, handover: &Handover<'_>) -> Result<Mail, Outcome> {
        let (Address::Email(to), Message::Email(parts)) = (handover.to, handover.message) else {
            return Err(net::not_sent("wrong-channel"));
        };
        let date = self.clock().now();
        let sender = self.senders.get(&handover.merchant.id).unwrap_or(&self.sender);
        let composed = compose(&Composition {
            merchant: handover.merchant,
            from: &sender.from,
            reply_to: sender.reply_to.as_ref(),
            to,
            parts,
            reference: handover.reference,
            date,
        });
        let mut mail = composed.map_err(|unsendable| net::rejected(unsendable.0, RejectScope::Recipient))?;
        if let Some(path) = &self.return_path {
            mail.from = path.for_message(handover.reference);
        }
        if let Some(dkim) = sender.dkim.iter().find(|dkim| dkim.is_valid(date)) {
            mail.raw.insert_str(0, &dkim.header(&mail.raw, date).ok_or_else(|| net::not_sent("dkim"))?);
        }
        Ok(mail)
    }

    async fn deliver(&self, mail: &Mail, deadline: &Deadline, slot: Slot<'_>) -> Outcome {
        if let Some(parked) = self.pool.take(&slot) {
            match self.deliver_over(parked, mail, deadline, slot).await {
                DeliveryAttempt::Outcome(outcome) => outcome,
                // Once, over a fresh connection: no byte of the message had left.
                DeliveryAttempt::Stale(slot) => self.deliver_afresh(mail, deadline, slot).await,
            }
        } else {
            self.deliver_afresh(mail, deadline, slot).await
        }
    }

    async fn deliver_afresh(&self, mail: &Mail, deadline: &Deadline, slot: Slot<'_>) -> Outcome {
        let fresh = match self.pool.connector().open(Some(deadline)).await {
            Ok(fresh) => fresh,
            Err(trouble) => return outcome(SmtpStage::Opening, &trouble),
        };
        match self.deliver_over(fresh, mail, deadline, slot).await {
            DeliveryAttempt::Outcome(outcome) => outcome,
            DeliveryAttempt::Stale(_) => net::not_sent("smtp-connection-lost"),
        }
    }

    async fn deliver_over<'a>(
        &self,
        mut connection: Connection,
        mail: &Mail,
        deadline: &Deadline,
        slot: Slot<'a>,
    ) -> DeliveryAttempt<'a> {
        match connection.deliver(mail, deadline).await {
            Ok(provider_id) => {
                self.pool.park(connection, slot);
                DeliveryAttempt::Outcome(Outcome::Accepted { provider_id })
            }
            Err((stage, trouble)) if connection.was_stale(stage, &trouble) => DeliveryAttempt::Stale(slot),
            Err((stage, trouble)) => {
                if connection.survives(&trouble) {
                    self.pool.park(connection, slot);
                }
                DeliveryAttempt::Outcome(outcome(stage, &trouble))
            }
        }
    }
}

/// The result of an attempt over one connection.
enum DeliveryAttempt<'a> {
    Outcome(Outcome),
    /// The connection had died while it was parked. Its slot is given back for another one.
    Stale(Slot<'a>),
}

#[async_trait]
impl Gateway for SmtpGateway {
    fn name(&self) -> &GatewayName {
        &self.name
    }

    fn channel(&self) -> Channel {
        Channel::Email
    }

    fn link_mode(&self) -> LinkMode {
        self.pool.connector().settings().link_mode
    }

    fn endpoint(&self) -> Option<(String, u16)> {
        let settings = self.pool.connector().settings();
        Some((settings.host.clone(), settings.port()))
    }

    fn max_in_flight(&self) -> usize {
        self.pool.connector().settings().max_connections
    }

    async fn send(&self, handover: &Handover<'_>) -> Outcome {
        let mail = match self.compose(handover) {
            Ok(mail) => mail,
            Err(outcome) => return outcome,
        };
        let Some(left) = handover.deadline.left() else { return net::not_sent("deadline") };
        match net::within(self.clock(), left, self.pool.slot()).await {
            Some(slot) => self.deliver(&mail, handover.deadline, slot).await,
            None => net::not_sent("deadline"),
        }
    }

    async fn check(&self) -> Result<(), GatewayError> {
        let settings = self.pool.connector().settings();
        if let Some(Bounces { maildir }) = settings.bounces.as_ref()
            && !Maildir(maildir.clone()).exists()
        {
            let problem = format!("{} is no Maildir: there is no new and cur in it that we may see", maildir.display());
            return Err(GatewayError::Unreachable(problem));
        }
        let _slot = self.pool.slot().await;
        let checked = async {
            let mut connection = self.pool.connector().open(None).await?;
            connection.probe().await?;
            connection.quit().await;
            Ok::<_, SmtpFailure>(())
        };
        checked.await.map_err(|trouble| {
            let outcome = outcome(SmtpStage::Opening, &trouble);
            let code = outcome.code().map(ToString::to_string).unwrap_or_default();
            let (host, port) = (&settings.host, settings.port());
            GatewayError::Unreachable(format!("mail server {host}:{port}: {code}; {}", advice(&code)))
        })
    }
}

/// Advice on the first thing to check.
fn advice(code: &str) -> &'static str {
    match code {
        net::ADDRESS_NOT_ALLOWED => net::ADVICE_ON_ADDRESS,
        "dns" => "there is no such host: check `host`",
        "tls" => "its certificate does not prove its name: check `host` and `ca_pem`",
        "starttls-missing" => "it offers no STARTTLS here: check `port` and `security`",
        "auth-missing" => "it wants no user name and password here: check `port` and `credentials`",
        _ if code.starts_with("smtp-53") => "it refused us: check `credentials`",
        _ if code.starts_with("connect") => "it cannot be reached: check `host`, `port` and the firewall",
        _ => "it answered, but not with a welcome",
    }
}
