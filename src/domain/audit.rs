//! The audit log: who did what to whom, and the chain of hashes that shows a change of it.
//!
//! An entry has public fields, which stay for good, and personal values, which may be erased: reason, address, client
//! address, before and after. The chain covers the public fields and a salted hash of the personal values. So it can be
//! verified after they were erased, and nobody finds an erased value by trying.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::reminder::words;
use super::{BorrowerId, BorrowerKey, MerchantId, ReminderId, UnknownWord};

/// The hash before the first entry.
pub const CHAIN_START: AuditHash = AuditHash([0; 32]);

/// Separates these hashes from all others.
const ENTRY: &[u8] = b"dueherald audit entry, SHA-256, 1";
const PERSONAL: &[u8] = b"dueherald audit personal values, SHA-256, 1";
const SALT: &[u8] = b"dueherald audit salt, SHA-256, 1";

/// An action that is on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditAction {
    /// Logs in.
    Login,
    /// Fails to log in.
    LoginFailed,
    /// Logs out.
    Logout,
    /// Sees an address, a name or another personal value whole.
    Reveal,
    /// Sees messages as they were sent.
    ReadMessages,
    /// Sends a reminder once more.
    Resend,
    /// Cancels a reminder that waits.
    Cancel,
    /// Puts a borrower on hold.
    Hold,
    /// Ends a hold.
    Release,
    /// Changes the preferences of a borrower.
    Preferences,
    /// Changes what the ledger says: borrowers, instalments, payments.
    LedgerChange,
    /// Suppresses addresses.
    Suppress,
    /// Takes an address off the list of suppressions.
    LiftSuppression,
    /// Stops a merchant, a channel or everything.
    Stop,
    /// Lifts a stop.
    LiftStop,
    /// Settles a reminder whose outcome is unknown.
    Resolve,
    /// Records a reply as read, and as what.
    ReadReply,
    /// Makes a notice.
    CreateNotice,
    /// Lets a notice go out, or wait for approval.
    SendNotice,
    /// Approves a notice.
    ApproveNotice,
    /// Pauses a notice.
    PauseNotice,
    /// Resumes a notice.
    ResumeNotice,
    /// Cancels a notice.
    CancelNotice,
    /// Approves an unusual volume.
    ApproveVolume,
    /// Changes a route.
    RouteChange,
    /// Applies a rejected record.
    RejectRetry,
    /// Drops a rejected record.
    RejectDrop,
    /// Orders that the database may be sent from.
    DatabaseArm,
    /// Makes a token.
    TokenCreate,
    /// Revokes a token.
    TokenRevoke,
    /// Adds a person to the staff.
    UserAdd,
    /// Changes a person of the staff.
    UserChange,
    /// Disables a person of the staff.
    UserDisable,
    /// Reads the personal values of the audit log.
    AuditReveal,
    /// Writes the audit log into a file.
    AuditExport,
    /// Makes the evidence about a borrower, with messages and addresses.
    Evidence,
    /// Sends events to a webhook endpoint again.
    WebhookReplay,
    /// Enables a webhook endpoint.
    WebhookEnable,
}
words!(AuditAction {
    Login => "login", LoginFailed => "login_failed", Logout => "logout",
    Reveal => "reveal", ReadMessages => "read_messages", Resend => "resend", Cancel => "cancel",
    Hold => "hold", Release => "release", Preferences => "preferences", LedgerChange => "ledger_change",
    Suppress => "suppress", LiftSuppression => "lift_suppression", Stop => "stop", LiftStop => "lift_stop",
    Resolve => "resolve", ReadReply => "read_reply",
    CreateNotice => "create_notice", SendNotice => "send_notice", ApproveNotice => "approve_notice",
    PauseNotice => "pause_notice", ResumeNotice => "resume_notice", CancelNotice => "cancel_notice",
    ApproveVolume => "approve_volume", RouteChange => "route_change",
    RejectRetry => "reject_retry", RejectDrop => "reject_drop", DatabaseArm => "database_arm",
    TokenCreate => "token_create", TokenRevoke => "token_revoke",
    UserAdd => "user_add", UserChange => "user_change", UserDisable => "user_disable",
    AuditReveal => "audit_reveal", AuditExport => "audit_export",
    Evidence => "evidence",
    WebhookReplay => "webhook_replay", WebhookEnable => "webhook_enable",
});

/// The door through which an action came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuditDoor {
    /// The console.
    Desk,
    /// The API.
    Api,
    /// The command line.
    Command,
}
words!(AuditDoor { Desk => "desk", Api => "api", Command => "command" });

/// Where an action comes from, as the program itself knows it: no caller can choose it.
#[derive(Clone, PartialEq, Eq)]
pub struct AuditOrigin {
    /// The door.
    pub door: AuditDoor,
    /// The user of the desk, the token of the API, or the user of the operating system.
    pub signer: String,
    /// The session of the desk, the request of the API, or the host of the command.
    pub place: String,
    /// The address of the client, if there is one.
    pub client: Option<String>,
}

impl AuditOrigin {
    /// Of a user of the desk; `session` must not be its secret.
    #[must_use]
    pub fn desk(user: &str, session: &str, client: Option<&str>) -> Self {
        let client = client.map(str::to_owned);
        Self { door: AuditDoor::Desk, signer: user.to_owned(), place: session.to_owned(), client }
    }

    /// Of a token, by its name.
    #[must_use]
    pub fn api(token: &str, request: &str) -> Self {
        Self { door: AuditDoor::Api, signer: token.to_owned(), place: request.to_owned(), client: None }
    }

    /// Of a command.
    #[must_use]
    pub fn command(user: &str, host: &str) -> Self {
        Self { door: AuditDoor::Command, signer: user.to_owned(), place: host.to_owned(), client: None }
    }
}

/// Without the address of the client.
impl fmt::Debug for AuditOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuditOrigin({} {} {})", self.door, self.signer, self.place)
    }
}

/// The person or thing that an action is about. Numbers and names of the config, nothing personal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditSubject {
    /// The merchant.
    pub merchant: Option<MerchantId>,
    /// The borrower.
    pub borrower: Option<BorrowerId>,
    /// The reminder.
    pub reminder: Option<ReminderId>,
    /// Anything else, its kind first: `route mall-web`, `notice moved`, `token crm`.
    pub object: Option<String>,
}

impl AuditSubject {
    /// A borrower.
    #[must_use]
    pub fn borrower(key: &BorrowerKey) -> Self {
        Self { merchant: Some(key.merchant.clone()), borrower: Some(key.id.clone()), ..Self::default() }
    }

    /// A thing of the whole installation.
    #[must_use]
    pub fn object(kind: &str, name: impl fmt::Display) -> Self {
        Self { object: Some(format!("{kind} {name}")), ..Self::default() }
    }

    /// The same at a merchant, if it is of one.
    #[must_use]
    pub fn at(self, merchant: Option<&MerchantId>) -> Self {
        Self { merchant: merchant.cloned().or(self.merchant), ..self }
    }

    /// The same about a reminder.
    #[must_use]
    pub fn of_reminder(self, reminder: ReminderId) -> Self {
        Self { reminder: Some(reminder), ..self }
    }
}

/// The personal values of an entry. `Debug` shows none.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditValues {
    /// The reason that a person gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The address that the action is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The address of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The state before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The state after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl AuditValues {
    /// With a reason.
    #[must_use]
    pub fn because(reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::default() }
    }

    /// The same about an address.
    #[must_use]
    pub fn of_address(self, address: &str) -> Self {
        Self { address: Some(address.to_owned()), ..self }
    }

    /// The same with the state before and after.
    #[must_use]
    pub fn from_to(self, before: Option<String>, after: Option<String>) -> Self {
        Self { before, after, ..self }
    }

    /// The text that is kept, and hashed.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Texts always make JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Debug for AuditValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditValues(…)")
    }
}

/// An entry to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// The time of the action.
    pub at: DateTime<Utc>,
    /// The person or system that acts, as the caller names it; `None`: the signer of the origin.
    pub actor: Option<String>,
    /// The action.
    pub action: AuditAction,
    /// The person or thing that it is about.
    pub subject: AuditSubject,
    /// Its personal values.
    pub values: AuditValues,
}

impl NewAuditEntry {
    /// The entry as it is kept under a number.
    #[must_use]
    pub fn numbered(&self, number: i64, origin: &AuditOrigin) -> AuditRecord {
        AuditRecord {
            number,
            at: self.at,
            actor: self.actor.clone().unwrap_or_else(|| origin.signer.clone()),
            door: origin.door.as_str().to_owned(),
            signer: origin.signer.clone(),
            place: origin.place.clone(),
            action: self.action.as_str().to_owned(),
            merchant: self.subject.merchant.as_ref().map(ToString::to_string),
            borrower: self.subject.borrower.as_ref().map(ToString::to_string),
            reminder: self.subject.reminder.map(|reminder| reminder.0),
            object: self.subject.object.clone(),
        }
    }

    /// The text of its personal values, with the client of the origin.
    #[must_use]
    pub fn personal_text(&self, origin: &AuditOrigin) -> String {
        let client = self.values.client.clone().or_else(|| origin.client.clone());
        AuditValues { client, ..self.values.clone() }.to_text()
    }
}

/// The public fields of an entry, as they are kept: a verification also reads what no version of this program wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, from 1 without a gap.
    pub number: i64,
    /// The time of the action.
    pub at: DateTime<Utc>,
    /// The person or system that acted.
    pub actor: String,
    /// The word of an [`AuditDoor`].
    pub door: String,
    /// The user, token or user of the operating system that the program recognised.
    pub signer: String,
    /// The session, request or host.
    pub place: String,
    /// The word of an [`AuditAction`].
    pub action: String,
    /// The merchant.
    pub merchant: Option<String>,
    /// The borrower.
    pub borrower: Option<String>,
    /// The number of the reminder.
    pub reminder: Option<i64>,
    /// Anything else, its kind first.
    pub object: Option<String>,
}

/// A hash of the chain, or of personal values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditHash(pub [u8; 32]);

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no hash of 64 hexadecimal digits")]
pub struct AuditHashError;

impl FromStr for AuditHash {
    type Err = AuditHashError;
    fn from_str(text: &str) -> Result<Self, AuditHashError> {
        let mut hash = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(AuditHashError);
        }
        for (place, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * place..2 * place + 2], 16).map_err(|_| AuditHashError)?;
        }
        Ok(Self(hash))
    }
}

impl AuditHash {
    /// A hash as it is kept. Bytes of another length are no hash of anything.
    #[must_use]
    pub fn stored(bytes: &[u8]) -> Self {
        Self(bytes.try_into().unwrap_or_default())
    }

    /// The salted hash of personal values.
    #[must_use]
    pub fn of_personal(salt: &[u8; 32], text: &str) -> Self {
        let hash = Sha256::new().chain_update(PERSONAL).chain_update(salt).chain_update(text);
        Self(hash.finalize().into())
    }

    /// The hash of an entry that follows this one in the chain.
    #[must_use]
    pub fn next(self, record: &AuditRecord, personal: Self) -> Self {
        let mut hash = Sha256::new().chain_update(ENTRY).chain_update(self.0).chain_update(record.number.to_be_bytes());
        hash.update(record.at.timestamp_micros().to_be_bytes());
        let reminder = record.reminder.map(|reminder| reminder.to_string());
        let fields = [
            Some(&*record.actor),
            Some(&*record.door),
            Some(&*record.signer),
            Some(&*record.place),
            Some(&*record.action),
            record.merchant.as_deref(),
            record.borrower.as_deref(),
            reminder.as_deref(),
            record.object.as_deref(),
        ];
        for field in fields {
            // With its length, so that no two entries run together into the same bytes.
            let length = field.map_or(u64::MAX, |text| text.len() as u64);
            hash.update(length.to_be_bytes());
            hash.update(field.unwrap_or_default());
        }
        Self(hash.chain_update(personal.0).finalize().into())
    }
}

/// The salt of one entry, from random bytes that several entries share.
#[must_use]
pub fn audit_salt(seed: &[u8], number: i64) -> [u8; 32] {
    Sha256::new().chain_update(SALT).chain_update(seed).chain_update(number.to_be_bytes()).finalize().into()
}

/// An entry as it is kept, with its hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its public fields.
    pub record: AuditRecord,
    /// The salted hash of its personal values.
    pub personal_hash: AuditHash,
    /// Its hash in the chain.
    pub hash: AuditHash,
    /// Its personal values.
    pub personal: AuditPersonal,
}

/// The personal values of an entry, as far as they can be read.
#[derive(Clone, PartialEq, Eq)]
pub enum AuditPersonal {
    /// They are there.
    Text {
        /// The salt of their hash.
        salt: [u8; 32],
        /// The text: JSON of [`AuditValues`].
        text: String,
    },
    /// They were erased.
    Erased,
    /// They are encrypted, and do not open with the keys of the config.
    Sealed,
}

/// Without the values.
impl fmt::Debug for AuditPersonal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text { .. } => "Text(…)",
            Self::Erased => "Erased",
            Self::Sealed => "Sealed",
        })
    }
}

impl AuditPersonal {
    /// The values, if they are there.
    #[must_use]
    pub fn values(&self) -> Option<AuditValues> {
        match self {
            Self::Text { text, .. } => serde_json::from_str(text).ok(),
            Self::Erased | Self::Sealed => None,
        }
    }
}

/// The last entry of the chain at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// Its number; 0 where there is no entry.
    pub number: i64,
    /// Its hash.
    pub hash: AuditHash,
}

/// A head that somebody with the link key signed: who has the database alone cannot make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheckpoint {
    /// The head.
    pub head: AuditHead,
    /// When it was signed.
    pub at: DateTime<Utc>,
    /// The id of the link key.
    pub key: u8,
    /// The signature.
    pub signature: AuditHash,
}
