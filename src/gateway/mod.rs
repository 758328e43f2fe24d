//! Level 2: the ends that hand messages over. One trait, one set of tests that every end passes (`tests/it/gateway/`).
//!
//! A gateway sends to one recipient per call, follows no redirect, retries nothing by itself, and classifies what it
//! saw as an [`Outcome`]: refused before the first byte of the request left is [`Outcome::NotSent`], what is documented
//! as a refusal is [`Outcome::Rejected`] or [`Outcome::RetryAfter`], what is documented as taken over is
//! [`Outcome::Accepted`], and everything else is [`Outcome::Unknown`].

mod callback;
pub mod capture;
mod credentials;
mod decode;
pub mod mail;
mod net;
pub mod sms;
pub mod smtp;
mod socket;

use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::clock::Deadline;
use crate::domain::{Address, Channel, GatewayName, LinkMode, Merchant, Message, Outcome, Report, ReportedState};
use crate::render::RegisteredTemplates;

pub use callback::{Callback, CallbackAddress, CallbackError, CallbackReply, Callbacks};
pub use credentials::OneOrMore;

/// Why a gateway cannot be used: said once at start or by `check --online`. Holds no secret and no address of a
/// borrower.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The settings do not make a gateway.
    #[error("{0}")]
    Settings(String),
    /// The other side could not be reached or refused us.
    #[error("{0}")]
    Unreachable(String),
}

/// A setting that makes no gateway, alone or beside another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsProblem {
    /// Its key below the section of the gateway.
    pub key: String,
    /// The mistake and its remedy; goes on from the key.
    pub text: String,
}

impl From<SettingsProblem> for GatewayError {
    fn from(SettingsProblem { key, text }: SettingsProblem) -> Self {
        Self::Settings(format!("{key} {text}"))
    }
}

/// One message on its way out.
#[derive(Debug)]
pub struct Handover<'a> {
    /// The merchant in whose name it is sent.
    pub merchant: &'a Merchant,
    /// The recipient.
    pub to: &'a Address,
    /// The message itself.
    pub message: &'a Message,
    /// Names this reminder to the other side: the same for every attempt, not countable, no personal data. The local
    /// part of an e-mail's Message-ID, the idempotency key or out-id of an SMS.
    pub reference: &'a str,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// No byte may leave once it has run out; the whole call ends before.
    pub deadline: &'a Deadline,
}

/// One message that a gateway is asked about. `Debug` is masked.
#[derive(Clone, Copy)]
pub struct Inquiry<'a> {
    /// As it was handed over; see [`Handover::reference`].
    pub reference: &'a str,
    /// The number that the gateway gave it, if it got that far.
    pub provider_id: Option<&'a str>,
    /// Where it went.
    pub to: &'a Address,
    /// By when it had been handed over; that began an hour before at most.
    pub handed_over_by: DateTime<Utc>,
    /// A piece of its text that no other message holds: the borrower's own link.
    pub traces: &'a [String],
}

impl fmt::Debug for Inquiry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inquiry")
            .field("to", self.to)
            .field("handed_over_by", &self.handed_over_by)
            .finish_non_exhaustive()
    }
}

/// A gateway's answer about the fate of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// The gateway took the message over.
    Accepted {
        /// Its own number for the message.
        provider_id: Option<String>,
        /// Whether the message arrived, if that is known already.
        fate: Option<ReportedState>,
    },
    /// The gateway documents that it never had the message, and that it would know by now.
    NotSent,
    /// It cannot be asked, or its answer proves nothing.
    Unclear,
}

/// One account at one provider.
#[async_trait]
pub trait Gateway: Send + Sync + fmt::Debug {
    /// Its key in the config.
    fn name(&self) -> &GatewayName;

    /// The channel that it carries.
    fn channel(&self) -> Channel;

    /// The kind of link that it lets through.
    fn link_mode(&self) -> LinkMode;

    /// The templates that its provider has approved, where it takes no free text: its messages are made from these.
    fn registered(&self) -> Option<&RegisteredTemplates> {
        None
    }

    /// The host and port that it connects to; `None` where it connects to nobody.
    fn endpoint(&self) -> Option<(String, u16)> {
        None
    }

    /// How many calls may be in flight at once.
    fn max_in_flight(&self) -> usize;

    /// Hands one message over and returns the outcome. Never fails: a doubtful one is [`Outcome::Unknown`].
    async fn send(&self, handover: &Handover<'_>) -> Outcome;

    /// Whether it can be asked what became of a message.
    fn can_be_asked(&self) -> bool {
        false
    }

    /// Asks what became of one message. Not to be found is [`LookUp::Unclear`], unless the provider documents that it
    /// is a proof.
    async fn look_up(&self, inquiry: &Inquiry<'_>) -> LookUp {
        let _ = inquiry;
        LookUp::Unclear
    }

    /// How its callbacks are read; `None` where it has none.
    fn callbacks(&self) -> Option<&dyn Callbacks> {
        None
    }

    /// Fetches what the provider keeps for us until it is asked. Most tell by themselves.
    ///
    /// # Errors
    /// When the other side cannot be reached or refuses.
    async fn poll(&self) -> Result<Vec<Report>, GatewayError> {
        Ok(Vec::new())
    }

    /// Connects and, where there are any, shows the credentials, without sending a message.
    ///
    /// # Errors
    /// When the other side cannot be reached or refuses the credentials.
    async fn check(&self) -> Result<(), GatewayError>;
}
