//! Messages as they were handed over, and the keys that encrypt them.

use sqlx::query::QueryAs;

use super::{Db, Tx};
use crate::domain::{KeyRing, Message, MessageFault, MessageForm, MessageKey, MessageRecord, ReminderId};
use crate::store::sql::event::read_attempt;
use crate::store::sql::message::{FORM, KEEP_FORM, KEEP_KEY, KEPT, KEY, KEYS, KeptRow, MESSAGES, MessageRow, SEAL};
use crate::store::sql::sealing::{KeptMessage, kept_message};
use crate::store::{SentMessage, StoreError};

/// How many messages are encrypted at once.
const PAGE: i64 = 500;

pub(super) async fn keep_form(tx: &mut Tx, form: &MessageForm) -> Result<(), StoreError> {
    sqlx::query::<Db>(KEEP_FORM)
        .bind(form.hash().as_bytes().to_vec())
        .bind(form.text().to_vec())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn messages(tx: &mut Tx, reminder: ReminderId) -> Result<Vec<SentMessage>, StoreError> {
    let rows: Vec<MessageRow> = sqlx::query_as::<Db, _>(MESSAGES).bind(reminder.0).fetch_all(&mut **tx).await?;
    let mut sent = Vec::with_capacity(rows.len());
    for row in rows {
        let (mut one, kept) = row.sent()?;
        if let Some(kept) = kept {
            one.message = open(tx, reminder, one.attempt, kept).await?;
        }
        sent.push(one);
    }
    Ok(SentMessage::by_attempt(sent))
}

async fn open(
    tx: &mut Tx,
    reminder: ReminderId,
    attempt: u32,
    kept: Vec<u8>,
) -> Result<Result<Message, MessageFault>, StoreError> {
    let record = match KeptMessage::read(kept) {
        // In an encrypted database nobody writes one without the key.
        KeptMessage::Plain(_) if tx.ring().is_some() => return Ok(Err(MessageFault::Damaged)),
        KeptMessage::Plain(record) => record,
        KeptMessage::Sealed { key: id, sealed } => {
            let Some(key) = key(tx, id).await? else { return Ok(Err(MessageFault::NoKey(id))) };
            let Some(record) = key.open(reminder, attempt, &sealed) else { return Ok(Err(MessageFault::Damaged)) };
            MessageRecord::stored(record)
        }
    };
    let form = match record.form() {
        Some(hash) => {
            let form: Option<(Vec<u8>,)> =
                sqlx::query_as::<Db, _>(FORM).bind(hash.as_bytes().to_vec()).fetch_optional(&mut **tx).await?;
            form.map(|(text,)| text)
        }
        None => None,
    };
    Ok(record.open(form.as_deref()))
}

/// The key of that id: of the ring, or else as the database keeps it.
pub(super) async fn key(tx: &mut Tx, id: u8) -> Result<Option<MessageKey>, StoreError> {
    let Some(ring) = tx.ring() else { return Ok(None) };
    if let Some(key) = ring.message_key(id) {
        return Ok(Some(key.clone()));
    }
    let kept: QueryAs<'_, Db, (String,), _> = sqlx::query_as(KEY);
    let kept = kept.bind(i16::from(id)).fetch_optional(&mut **tx).await?;
    Ok(kept.and_then(|(sealed,)| ring.open_message_key(id, &sealed)))
}

/// Keeps the keys of messages under the first key, so that messages can be read when an older key has been taken away.
/// Gives how many were written.
pub(super) async fn renew_keys(tx: &mut Tx, ring: &KeyRing) -> Result<u64, StoreError> {
    let kept = kept_keys(tx).await?;
    let prefix = ring.current_prefix();
    let is_kept = |id: u8| kept.iter().any(|(kept, _)| *kept == id);
    let new = ring.sealed_message_keys().filter(|(id, _)| !is_kept(*id));
    let older = kept.iter().filter(|(_, sealed)| !sealed.starts_with(&prefix));
    // A key that cannot be opened stays as it is: the key that opens it may be put back.
    let older =
        older.filter_map(|(id, sealed)| Some((*id, ring.seal_message_key(*id, &ring.open_message_key(*id, sealed)?))));
    let mut written = 0;
    for (id, sealed) in Vec::from_iter(new.chain(older)) {
        let done = sqlx::query::<Db>(KEEP_KEY).bind(i16::from(id)).bind(sealed).execute(&mut **tx).await?;
        written += done.rows_affected();
    }
    Ok(written)
}

/// How many keys of messages are not kept under the first key.
pub(super) async fn keys_to_renew(tx: &mut Tx, ring: &KeyRing) -> Result<u64, StoreError> {
    let kept = kept_keys(tx).await?;
    let prefix = ring.current_prefix();
    let older = kept.iter().filter(|(_, sealed)| !sealed.starts_with(&prefix)).count();
    let missing = ring.sealed_message_keys().filter(|(id, _)| kept.iter().all(|(kept, _)| kept != id)).count();
    Ok((older + missing) as u64)
}

/// The id of a key whose secret is not the one that the database was encrypted with; `None` if there is none, as far as
/// what is kept tells.
pub(super) async fn changed_key(tx: &mut Tx, ring: &KeyRing) -> Result<Option<u8>, StoreError> {
    Ok(kept_keys(tx).await?.iter().find_map(|(id, sealed)| ring.changed_key(*id, sealed)))
}

async fn kept_keys(tx: &mut Tx) -> Result<Vec<(u8, String)>, StoreError> {
    let rows: Vec<(i16, String)> = sqlx::query_as::<Db, _>(KEYS).fetch_all(&mut **tx).await?;
    let corrupt = |_| StoreError::Corrupt { column: "message_key.id" };
    rows.into_iter().map(|(id, sealed)| Ok((u8::try_from(id).map_err(corrupt)?, sealed))).collect()
}

/// Seals all messages of a database that was not encrypted.
pub(super) async fn seal_all(tx: &mut Tx, ring: &KeyRing) -> Result<(), StoreError> {
    let mut after = (i64::MIN, i64::MIN);
    loop {
        let rows: Vec<KeptRow> =
            sqlx::query_as::<Db, _>(KEPT).bind(after.0).bind(after.1).bind(PAGE).fetch_all(&mut **tx).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = (last.reminder_id, last.id);
        for row in rows {
            let KeptMessage::Plain(record) = KeptMessage::read(row.message) else { continue };
            let attempt = read_attempt(row.attempt, "event.attempt")?;
            let sealed = kept_message(Some(ring), ReminderId(row.reminder_id), attempt, &record);
            sqlx::query::<Db>(SEAL).bind(row.reminder_id).bind(row.id).bind(sealed.to_vec()).execute(&mut **tx).await?;
        }
    }
}
