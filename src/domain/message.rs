//! Addresses and composed messages.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Channel, ContactError, EmailAddress, Phone};

/// Where one message goes. `Debug` is masked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A phone that receives SMS.
    Phone(Phone),
    /// A mailbox.
    Email(EmailAddress),
}

impl Address {
    /// Reads the address of a channel, as a person writes it.
    ///
    /// # Errors
    /// When it is no address of that channel.
    pub fn new(channel: Channel, text: &str) -> Result<Self, ContactError> {
        match channel {
            Channel::Sms => Phone::new(text).map(Self::Phone),
            Channel::Email => EmailAddress::new(text).map(Self::Email),
        }
    }

    /// Reads the address of a channel from the database; see [`EmailAddress::stored`].
    ///
    /// # Errors
    /// When it is no address of that channel.
    pub fn stored(channel: Channel, text: &str) -> Result<Self, ContactError> {
        match channel {
            Channel::Sms => Phone::new(text).map(Self::Phone),
            Channel::Email => EmailAddress::stored(text).map(Self::Email),
        }
    }

    /// The channel that reaches it.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::Phone(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }

    /// The address in the clear, as gateways and the suppression list need it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        match self {
            Self::Phone(phone) => phone.as_e164(),
            Self::Email(email) => email.as_str(),
        }
    }
}

/// The text of an SMS.
#[derive(Clone, PartialEq, Eq)]
pub struct SmsText(pub String);

/// An SMS by a template that the gateway's provider has approved: only the values are handed over.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisteredSms {
    /// The provider's code for the template.
    pub code: String,
    /// The registered signature, without brackets; empty where the sender's name is no part of the text.
    pub sign_name: String,
    /// The values of the text's placeholders, in the provider's order, each with the name of its placeholder.
    pub parameters: Vec<(String, String)>,
    /// How it will read, the signature in its brackets included.
    pub text: String,
}

/// The parts of an e-mail.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailParts {
    /// One line, no line breaks.
    pub subject: String,
    /// The plain-text alternative.
    pub text: String,
    /// The HTML alternative.
    pub html: String,
    /// Where the recipient can unsubscribe, if anywhere.
    pub unsubscribe: Option<String>,
}

/// A message as it is handed to a gateway. `Debug` says only how long it is: it holds names, amounts and a link.
#[derive(Clone, PartialEq, Eq)]
pub enum Message {
    /// For a phone.
    Sms(SmsText),
    /// For a phone, by a gateway that takes no free text.
    Registered(RegisteredSms),
    /// For a mailbox.
    Email(EmailParts),
}

impl Message {
    /// A line without markup, as a message of a channel. The subject is for those that have one.
    #[must_use]
    pub fn plain(channel: Channel, signature: &str, subject: &str, line: &str) -> Self {
        match channel {
            Channel::Sms => Self::Sms(SmsText(format!("【{signature}】{line}"))),
            Channel::Email => Self::Email(EmailParts {
                subject: subject.to_owned(),
                text: format!("{line}\n"),
                html: format!("<p>{line}</p>\n"),
                unsubscribe: None,
            }),
        }
    }

    /// The channel that carries it.
    #[must_use]
    pub fn channel(&self) -> Channel {
        match self {
            Self::Sms(_) | Self::Registered(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }
}

impl fmt::Debug for RegisteredSms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegisteredSms({}, {} parameters)", self.code, self.parameters.len())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registered(sms) => sms.fmt(f),
            Self::Sms(SmsText(text)) => write!(f, "Sms({} bytes)", text.len()),
            Self::Email(parts) => write!(f, "Email({} + {} bytes)", parts.text.len(), parts.html.len()),
        }
    }
}

/// The kind of link that a gateway lets through (gateways.md: template-code gateways refuse personal links).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LinkMode {
    /// A signed link of the borrower's own.
    #[default]
    Personal,
    /// The address of the merchant's route, the same for everybody.
    Fixed,
    /// No link; the message guides to the app and to support.
    None,
}
