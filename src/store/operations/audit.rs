//! The audit log.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Db, SqlStore, Tx, audit_head, messages};
use crate::domain::{
    AuditCheckpoint, AuditEntry, AuditHash, AuditHead, AuditOrigin, AuditPersonal, KeyRing, NewAuditEntry, audit_salt,
};
use crate::store::sql::audit::{
    ADD_CHECKPOINT, APPEND, AuditRow, CHAIN, CHECKPOINTS, CONTENTS, CheckpointRow, HEAD, HeadRow, KEEP, KeptContent,
    LAST_CHECKPOINT, LockedHeadRow, MATCHING, MOVE_HEAD, SEAL, kept_content, narrow,
};
use crate::store::sql::clauses::narrowed;
use crate::store::sql::value::Moment;
use crate::store::{AuditFilter, AuditStore, Store, StoreError};

/// How many personal values are encrypted at once.
const PAGE: i64 = 500;

#[async_trait]
impl AuditStore for SqlStore {
    fn signed(&self, origin: AuditOrigin) -> Arc<dyn Store> {
        Arc::new(self.signed_by(origin))
    }

    async fn append(&self, origin: &AuditOrigin, entries: &[NewAuditEntry]) -> Result<AuditHead, StoreError> {
        let mut tx = self.write().await?;
        let head = append(&mut tx, origin, entries).await?;
        tx.commit().await?;
        Ok(head)
    }

    async fn audit_entries(&self, filter: &AuditFilter) -> Result<Vec<AuditEntry>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<AuditRow> = sqlx::query_as::<Db, _>(narrowed(MATCHING, &narrow(filter)))
            .bind(filter.merchant.as_ref().map(|merchant| merchant.as_str()))
            .bind(filter.borrower.as_ref().map(|borrower| borrower.as_str()))
            .bind(filter.actor.as_deref())
            .bind(filter.action.map(|action| action.as_str()))
            .bind(filter.since.map(Moment))
            .bind(filter.until.map(Moment))
            .bind(filter.before)
            .bind(i64::from(filter.limit))
            .fetch_all(&mut *tx)
            .await?;
        let read = open(&mut tx, rows).await?;
        Ok(tx.finish(read).await)
    }

    async fn audit_chain(&self, after: i64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<AuditRow> =
            sqlx::query_as::<Db, _>(CHAIN).bind(after).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
        let read = open(&mut tx, rows).await?;
        Ok(tx.finish(read).await)
    }

    async fn audit_head(&self) -> Result<AuditHead, StoreError> {
        let mut tx = self.read().await?;
        let row: HeadRow = sqlx::query_as::<Db, _>(HEAD).fetch_one(&mut *tx).await?;
        Ok(tx.finish(row.head()).await)
    }

    async fn add_checkpoint(&self, checkpoint: &AuditCheckpoint) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let added = sqlx::query::<Db>(ADD_CHECKPOINT)
            .bind(checkpoint.head.number)
            .bind(&checkpoint.head.hash.0[..])
            .bind(Moment(checkpoint.at))
            .bind(i16::from(checkpoint.key))
            .bind(&checkpoint.signature.0[..])
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(added.rows_affected() > 0)
    }

    async fn checkpoints(&self, after: i64, limit: u32) -> Result<Vec<AuditCheckpoint>, StoreError> {
        let mut tx = self.read().await?;
        let rows: Vec<CheckpointRow> =
            sqlx::query_as::<Db, _>(CHECKPOINTS).bind(after).bind(i64::from(limit)).fetch_all(&mut *tx).await?;
        tx.finish(rows).await.into_iter().map(CheckpointRow::checkpoint).collect()
    }

    async fn last_checkpoint(&self) -> Result<i64, StoreError> {
        let mut tx = self.read().await?;
        let (number,): (i64,) = sqlx::query_as::<Db, _>(LAST_CHECKPOINT).fetch_one(&mut *tx).await?;
        Ok(tx.finish(number).await)
    }
}

/// Appends entries of a change that this transaction makes, if its store was signed. The last statement of the
/// transaction: other changes wait for the head until it ends.
pub(super) async fn note(tx: &mut Tx, entries: &[NewAuditEntry]) -> Result<(), StoreError> {
    match tx.origin() {
        Some(origin) => append(tx, &origin, entries).await.map(drop),
        None => Ok(()),
    }
}

async fn append(tx: &mut Tx, origin: &AuditOrigin, entries: &[NewAuditEntry]) -> Result<AuditHead, StoreError> {
    let locked: LockedHeadRow = sqlx::query_as::<Db, _>(audit_head::LOCK).fetch_one(&mut **tx).await?;
    let mut head = locked.head();
    if entries.is_empty() {
        return Ok(head);
    }
    let ring = tx.ring();
    for entry in entries {
        let number = head.number + 1;
        let (record, text, salt) =
            (entry.numbered(number, origin), entry.personal_text(origin), audit_salt(&locked.seed, number));
        let personal_hash = AuditHash::of_personal(&salt, &text);
        head = AuditHead { number, hash: head.hash.next(&record, personal_hash) };
        sqlx::query::<Db>(APPEND)
            .bind(number)
            .bind(Moment(record.at))
            .bind(record.actor)
            .bind(record.door)
            .bind(record.signer)
            .bind(record.place)
            .bind(record.action)
            .bind(record.merchant)
            .bind(record.borrower)
            .bind(record.reminder)
            .bind(record.object)
            .bind(&personal_hash.0[..])
            .bind(&head.hash.0[..])
            .execute(&mut **tx)
            .await?;
        let content = kept_content(ring.as_deref(), number, &text);
        sqlx::query::<Db>(KEEP).bind(number).bind(&salt[..]).bind(content).execute(&mut **tx).await?;
    }
    sqlx::query::<Db>(MOVE_HEAD).bind(head.number).bind(&head.hash.0[..]).execute(&mut **tx).await?;
    Ok(head)
}

/// The entries of rows, with their personal values as far as they open.
async fn open(tx: &mut Tx, rows: Vec<AuditRow>) -> Result<Vec<AuditEntry>, StoreError> {
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let (record, [personal_hash, hash], kept) = row.entry();
        let personal = match kept {
            None => AuditPersonal::Erased,
            Some((salt, content)) => {
                let text = match KeptContent::read(&content) {
                    KeptContent::Plain(text) => Some(text),
                    // One that does not open with its own key was changed: no text has its hash.
                    KeptContent::Sealed { key, sealed } => messages::key(tx, key)
                        .await?
                        .map(|key| key.open_audit(record.number, &sealed).unwrap_or_default()),
                };
                let salt = AuditHash::stored(&salt).0;
                text.map_or(AuditPersonal::Sealed, |text| AuditPersonal::Text { salt, text })
            }
        };
        entries.push(AuditEntry { record, personal_hash, hash, personal });
    }
    Ok(entries)
}

/// Seals the personal values of a database that was not encrypted.
pub(super) async fn seal_all(tx: &mut Tx, ring: &KeyRing) -> Result<(), StoreError> {
    let mut after = 0_i64;
    loop {
        let rows: Vec<(i64, Vec<u8>)> =
            sqlx::query_as::<Db, _>(CONTENTS).bind(after).bind(PAGE).fetch_all(&mut **tx).await?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (number, content) in rows {
            let KeptContent::Plain(text) = KeptContent::read(&content) else { continue };
            let sealed = kept_content(Some(ring), number, &text);
            sqlx::query::<Db>(SEAL).bind(number).bind(sealed).execute(&mut **tx).await?;
        }
    }
}
