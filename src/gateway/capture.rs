//! Keeps messages instead of sending them: for the demo, for rehearsals on real data, and for the config that `init`
//! writes.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use lettre::message::Mailbox;
use serde::Deserialize;
use tempfile::NamedTempFile;

use super::mail::{Composition, compose, is_token};
use super::{Gateway, GatewayError, Handover, net};
use crate::clock::Clock;
use crate::domain::{Address, Channel, GatewayName, LinkMode, MerchantId, Message, Outcome, RejectScope, SmsText};
use crate::private_file;

/// How many messages a [`CaptureGateway`] remembers; the oldest go first.
const REMEMBERED: usize = 10_000;

/// A `[gateways.*]` section of kind `capture`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureSettings {
    /// The channel whose messages it captures.
    pub channel: Channel,
    /// The kind of link that it lets through.
    #[serde(default)]
    pub link_mode: LinkMode,
    /// Where each message is also written: `{reference}.txt` for an SMS, `{reference}.eml` and `{reference}.html` for
    /// an e-mail. The folder is made when the first one comes. A reference that comes again gets a `.2` behind it.
    #[serde(default)]
    pub folder: Option<PathBuf>,
}

/// A message as it would have gone out. `Debug` shows neither the address nor the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedMessage {
    /// The merchant in whose name it was sent.
    pub merchant: MerchantId,
    /// The recipient.
    pub to: Address,
    /// The message itself.
    pub message: Message,
    /// The reference of the reminder, as the gateway received it.
    pub reference: String,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The time of the hand-over.
    pub at: DateTime<Utc>,
    /// How often this reference was handed over by then, this time included: 2 means that a borrower would have
    /// received the message twice.
    pub copy: u32,
}

/// Takes every message over and sends none.
#[derive(Debug)]
pub struct CaptureGateway {
    name: GatewayName,
    settings: CaptureSettings,
    clock: Arc<dyn Clock>,
    memory: Mutex<CaptureMemory>,
}

#[derive(Debug, Default)]
struct CaptureMemory {
    messages: VecDeque<CapturedMessage>,
    /// How often each remembered reference came.
    copies: HashMap<String, u32>,
    doubles: u64,
}

impl CaptureMemory {
    fn count(&mut self, reference: &str) -> u32 {
        let copies = self.copies.entry(reference.to_owned()).or_default();
        *copies += 1;
        *copies
    }

    /// Takes a count back: the message was not kept after all.
    fn forget(&mut self, reference: &str) {
        if let Some(copies) = self.copies.get_mut(reference) {
            *copies -= 1;
            if *copies == 0 {
                self.copies.remove(reference);
            }
        }
    }

    fn keep(&mut self, captured: CapturedMessage) {
        self.doubles += u64::from(captured.copy > 1);
        self.messages.push_back(captured);
        if self.messages.len() > REMEMBERED
            && let Some(oldest) = self.messages.pop_front()
            && self.copies.get(&oldest.reference) == Some(&oldest.copy)
        {
            // It was the last of its reference that is remembered.
            self.copies.remove(&oldest.reference);
        }
    }
}

impl CaptureGateway {
    /// Touches no folder yet.
    #[must_use]
    pub fn new(name: GatewayName, settings: CaptureSettings, clock: Arc<dyn Clock>) -> Self {
        Self { name, settings, clock, memory: Mutex::default() }
    }

    /// The captured messages, oldest first; the last 10,000.
    #[must_use]
    pub fn messages(&self) -> Vec<CapturedMessage> {
        self.lock().messages.iter().cloned().collect()
    }

    /// How many messages repeated an earlier reference. Not 0 means that somebody would have received a message twice.
    #[must_use]
    pub fn doubles(&self) -> u64 {
        self.lock().doubles
    }

    fn lock(&self) -> MutexGuard<'_, CaptureMemory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files of a message: for each, the suffix of its name after the reference, and its content.
    fn files(&self, handover: &Handover<'_>) -> Result<Vec<(&'static str, Vec<u8>)>, Outcome> {
        match (handover.message, handover.to) {
            (Message::Sms(SmsText(text)), _) => Ok(vec![("txt", text.clone().into_bytes())]),
            (Message::Email(parts), Address::Email(to)) => {
                let address = lettre::Address::new("capture", "dueherald.invalid");
                let from = Mailbox::new(None, address.expect("this is an address"));
                let composition = Composition {
                    merchant: handover.merchant,
                    reply_to: None,
                    from: &from,
                    to,
                    parts,
                    reference: handover.reference,
                    date: self.clock.now(),
                };
                let mail = compose(&composition);
                let mail = mail.map_err(|unsendable| net::rejected(unsendable.0, RejectScope::Recipient))?;
                Ok(vec![("eml", mail.raw.into_bytes()), ("html", parts.html.clone().into_bytes())])
            }
            (Message::Registered(sms), _) => Ok(vec![("txt", sms.text.clone().into_bytes())]),
            (Message::Email(_), Address::Phone(_)) => Err(net::not_sent("wrong-channel")),
        }
    }

    async fn write(&self, folder: &Path, handover: &Handover<'_>, copy: u32) -> Result<(), Outcome> {
        let stem = match copy {
            1 => handover.reference.to_owned(),
            _ => format!("{}.{copy}", handover.reference),
        };
        let files = self.files(handover)?;
        let folder = folder.to_owned();
        let written = tokio::task::spawn_blocking(move || {
            private_file::create_folder(&folder)?;
            files.iter().try_for_each(|(ending, bytes)| write_whole(&folder, &format!("{stem}.{ending}"), bytes))
        });
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(net::not_sent("capture-folder")),
        }
    }
}

/// Under another name first, so that nobody ever reads half a message.
fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(folder.join(name))?;
    Ok(())
}

#[async_trait]
impl Gateway for CaptureGateway {
    fn name(&self) -> &GatewayName {
        &self.name
    }

    fn channel(&self) -> Channel {
        self.settings.channel
    }

    fn link_mode(&self) -> LinkMode {
        self.settings.link_mode
    }

    fn max_in_flight(&self) -> usize {
        16
    }

    async fn send(&self, handover: &Handover<'_>) -> Outcome {
        if handover.deadline.left().is_none() {
            return net::not_sent("deadline");
        }
        // A reference becomes a file's name.
        if !is_token(handover.reference) {
            return net::rejected("bad-reference", RejectScope::Recipient);
        }
        if handover.to.channel() != self.settings.channel {
            return net::not_sent("wrong-channel");
        }
        let copy = self.lock().count(handover.reference);
        if let Some(folder) = &self.settings.folder
            && let Err(outcome) = self.write(folder, handover, copy).await
        {
            self.lock().forget(handover.reference);
            return outcome;
        }
        self.lock().keep(CapturedMessage {
            merchant: handover.merchant.id.clone(),
            to: handover.to.clone(),
            message: handover.message.clone(),
            reference: handover.reference.to_owned(),
            attempt: handover.attempt,
            at: self.clock.now(),
            copy,
        });
        Outcome::Accepted { provider_id: None }
    }

    async fn check(&self) -> Result<(), GatewayError> {
        let Some(folder) = self.settings.folder.clone() else { return Ok(()) };
        let writable = tokio::task::spawn_blocking(move || {
            private_file::create_folder(&folder)?;
            NamedTempFile::new_in(&folder).map(drop)
        });
        match writable.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => {
                let problem = format!("gateway {}: nothing can be written to its folder", self.name);
                Err(GatewayError::Unreachable(problem))
            }
        }
    }
}
