//! The column `event.message` and the tables `message_form` and `message_key`.

use sqlx::FromRow;

use super::borrower::{read, read_if_known};
use super::event::read_attempt;
use super::value::Moment;
use crate::domain::MessageFault;
use crate::store::{SentMessage, StoreError};

/// Keeps a form. What is there is the same. Binds: hash, text.
pub(in crate::store) const KEEP_FORM: &str =
    "insert into message_form (hash, text) values ($1, $2) on conflict (hash) do nothing";

/// The text of a form. Binds: hash.
pub(in crate::store) const FORM: &str = "select text from message_form where hash = $1";

/// The events by which a reminder left or may have left, oldest first. Binds: reminder.
pub(in crate::store) const MESSAGES: &str = r#"
    select e.at, e.attempt, e.kind, e.gateway, e.message from event e
    where e.reminder_id = $1 and e.kind in ('accepted', 'unknown', 'delivered', 'undelivered') order by e.id"#;

/// Messages after one, in the order of their key, that may be in the clear. Binds: reminder, number of the event,
/// limit.
pub(in crate::store) const KEPT: &str = r#"
    select e.reminder_id, e.id, e.attempt, e.message from event e
    where (e.reminder_id, e.id) > ($1, $2) and e.message is not null
    order by e.reminder_id, e.id limit $3"#;

/// Writes one. Binds: reminder, number of the event, message.
pub(in crate::store) const SEAL: &str = "update event set message = $3 where reminder_id = $1 and id = $2";

/// The keys of messages, each sealed.
pub(in crate::store) const KEYS: &str = "select id, sealed from message_key";

/// One of them. Binds: id.
pub(in crate::store) const KEY: &str = "select sealed from message_key where id = $1";

/// Keeps one, sealed anew if it is there. Binds: id, sealed.
pub(in crate::store) const KEEP_KEY: &str =
    "insert into message_key (id, sealed) values ($1, $2) on conflict (id) do update set sealed = excluded.sealed";

/// A row of [`MESSAGES`].
#[derive(FromRow)]
pub(in crate::store) struct MessageRow {
    at: Moment,
    attempt: i32,
    kind: String,
    gateway: Option<String>,
    message: Option<Vec<u8>>,
}

impl MessageRow {
    /// The message without its content, and the content as the database keeps it.
    pub(in crate::store) fn sent(self) -> Result<(SentMessage, Option<Vec<u8>>), StoreError> {
        let sent = SentMessage {
            attempt: read_attempt(self.attempt, "event.attempt")?,
            at: self.at.0,
            kind: read(&self.kind, "event.kind", str::parse)?,
            gateway: read_if_known(self.gateway, "event.gateway", str::parse)?,
            message: Err(MessageFault::NotKept),
        };
        Ok((sent, self.message))
    }
}

/// A row of [`KEPT`].
#[derive(FromRow)]
pub(in crate::store) struct KeptRow {
    pub(in crate::store) reminder_id: i64,
    pub(in crate::store) id: i64,
    pub(in crate::store) attempt: i32,
    pub(in crate::store) message: Vec<u8>,
}
