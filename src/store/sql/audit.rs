//! The tables `audit_entry`, `audit_personal`, `audit_head` and `audit_checkpoint`.

use sqlx::FromRow;

use super::clauses::Clause;
use super::value::Moment;
use crate::domain::{AuditCheckpoint, AuditHash, AuditHead, AuditRecord, KeyRing};
use crate::store::{AuditFilter, StoreError};

/// Appends an entry. Binds: number, at, actor, door, signer, place, action, merchant, borrower, reminder, object, hash
/// of the personal values, hash.
pub(in crate::store) const APPEND: &str = r#"
    insert into audit_entry (number, at, actor, door, signer, place, action, merchant, borrower_id, reminder_id, object,
        personal_hash, hash)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"#;

/// Keeps the personal values of an entry. Binds: number, salt, content.
pub(in crate::store) const KEEP: &str = "insert into audit_personal (number, salt, content) values ($1, $2, $3)";

/// The head of the chain.
pub(in crate::store) const HEAD: &str = "select number, hash from audit_head";

/// Moves the head. Binds: number, hash.
pub(in crate::store) const MOVE_HEAD: &str = "update audit_head set number = $1, hash = $2";

macro_rules! columns {
    () => {
        r#"
    select e.number, e.at, e.actor, e.door, e.signer, e.place, e.action, e.merchant, e.borrower_id, e.reminder_id,
        e.object, e.personal_hash, e.hash, p.salt, p.content
    from audit_entry e left join audit_personal p on p.number = e.number
    where "#
    };
}

/// The entries that match a filter, newest first. Binds: merchant, borrower, actor, action, since, until, before,
/// limit.
pub(in crate::store) const MATCHING: [&str; 2] = [concat!(columns!(), "true"), " order by e.number desc limit $8"];

/// The clauses of a filter.
pub(in crate::store) fn narrow(filter: &AuditFilter) -> [Clause; 7] {
    [
        (filter.merchant.is_some(), "e.merchant = $1"),
        (filter.borrower.is_some(), "e.borrower_id = $2"),
        (filter.actor.is_some(), "e.actor = $3"),
        (filter.action.is_some(), "e.action = $4"),
        (filter.since.is_some(), "e.at >= $5"),
        (filter.until.is_some(), "e.at < $6"),
        (filter.before.is_some(), "e.number < $7"),
    ]
}

/// The entries after one, oldest first. Binds: number, limit.
pub(in crate::store) const CHAIN: &str = concat!(columns!(), "e.number > $1 order by e.number limit $2");

/// Personal values after one that may be in the clear. Binds: number, limit.
pub(in crate::store) const CONTENTS: &str =
    "select number, content from audit_personal where number > $1 order by number limit $2";

/// Seals one. Binds: number, content.
pub(in crate::store) const SEAL: &str = "update audit_personal set content = $2 where number = $1";

/// Keeps a checkpoint. Binds: number, hash, at, key, signature.
pub(in crate::store) const ADD_CHECKPOINT: &str = "
    insert into audit_checkpoint (number, hash, at, key_id, signature) values ($1, $2, $3, $4, $5)
    on conflict (number) do nothing";

/// The checkpoints after one, oldest first. Binds: number, limit.
pub(in crate::store) const CHECKPOINTS: &str = "
    select number, hash, at, key_id, signature from audit_checkpoint where number > $1 order by number limit $2";

/// The number of the last one.
pub(in crate::store) const LAST_CHECKPOINT: &str = "select coalesce(max(number), 0) from audit_checkpoint";

/// The first byte of personal values that are sealed; those that are not begin with a brace.
const SEALED: u8 = 2;

/// Personal values as the database keeps them: their text, or this byte, the key's id and the sealed text.
pub(in crate::store) fn kept_content(ring: Option<&KeyRing>, number: i64, text: &str) -> Vec<u8> {
    let Some(ring) = ring else { return text.as_bytes().to_vec() };
    let (id, sealed) = ring.seal_audit(number, text);
    [&[SEALED, id], &*sealed].concat()
}

/// Personal values from the database.
pub(in crate::store) enum KeptContent {
    Plain(String),
    Sealed { key: u8, sealed: Vec<u8> },
}

impl KeptContent {
    pub(in crate::store) fn read(content: &[u8]) -> Self {
        match content {
            [SEALED, key, sealed @ ..] => Self::Sealed { key: *key, sealed: sealed.to_vec() },
            // Bytes that are no text were changed, and their hash shows it.
            plain => Self::Plain(String::from_utf8_lossy(plain).into_owned()),
        }
    }
}

/// A row of [`HEAD`].
#[derive(FromRow)]
pub(in crate::store) struct HeadRow {
    number: i64,
    hash: Vec<u8>,
}

impl HeadRow {
    pub(in crate::store) fn head(&self) -> AuditHead {
        AuditHead { number: self.number, hash: AuditHash::stored(&self.hash) }
    }
}

/// The head, locked, with random bytes for salts.
#[derive(FromRow)]
pub(in crate::store) struct LockedHeadRow {
    number: i64,
    hash: Vec<u8>,
    pub(in crate::store) seed: Vec<u8>,
}

impl LockedHeadRow {
    pub(in crate::store) fn head(&self) -> AuditHead {
        AuditHead { number: self.number, hash: AuditHash::stored(&self.hash) }
    }
}

/// A row of [`MATCHING`] and [`CHAIN`].
#[derive(FromRow)]
pub(in crate::store) struct AuditRow {
    number: i64,
    at: Moment,
    actor: String,
    door: String,
    signer: String,
    place: String,
    action: String,
    merchant: Option<String>,
    borrower_id: Option<String>,
    reminder_id: Option<i64>,
    object: Option<String>,
    personal_hash: Vec<u8>,
    hash: Vec<u8>,
    salt: Option<Vec<u8>>,
    content: Option<Vec<u8>>,
}

/// The salt and the kept content of personal values, where they are there.
pub(in crate::store) type KeptPersonal = Option<(Vec<u8>, Vec<u8>)>;

impl AuditRow {
    /// The public fields, both hashes, and the personal values as they are kept.
    pub(in crate::store) fn entry(self) -> (AuditRecord, [AuditHash; 2], KeptPersonal) {
        let record = AuditRecord {
            number: self.number,
            at: self.at.0,
            actor: self.actor,
            door: self.door,
            signer: self.signer,
            place: self.place,
            action: self.action,
            merchant: self.merchant,
            borrower: self.borrower_id,
            reminder: self.reminder_id,
            object: self.object,
        };
        let hashes = [AuditHash::stored(&self.personal_hash), AuditHash::stored(&self.hash)];
        (record, hashes, self.salt.zip(self.content))
    }
}

/// A row of [`CHECKPOINTS`].
#[derive(FromRow)]
pub(in crate::store) struct CheckpointRow {
    number: i64,
    hash: Vec<u8>,
    at: Moment,
    key_id: i16,
    signature: Vec<u8>,
}

impl CheckpointRow {
    pub(in crate::store) fn checkpoint(self) -> Result<AuditCheckpoint, StoreError> {
        let corrupt = |_| StoreError::Corrupt { column: "audit_checkpoint.key_id" };
        Ok(AuditCheckpoint {
            head: AuditHead { number: self.number, hash: AuditHash::stored(&self.hash) },
            at: self.at.0,
            key: u8::try_from(self.key_id).map_err(corrupt)?,
            signature: AuditHash::stored(&self.signature),
        })
    }
}
