//! Encrypts a database, keeps it with its keys, and changes them.

use async_trait::async_trait;

use super::{Db, SqlStore, Tx, audit, borrower, encryption_guards, ledger, messages};
use crate::domain::{BorrowerKey, KeyRing};
use crate::store::sql::borrower::KnownBorrowerRow;
use crate::store::sql::encryption::{
    ADDRESS_TABLES, AddressRow, BEGIN, BORROWERS, COUNTS, CellsRow, CountsRow, REJECTS, SET_REJECT, SET_TO_READ, STATE,
    TO_READ,
};
use crate::store::sql::sealing::{compared, kept_digest, open_address, open_cells, sealed_address, sealed_cells};
use crate::store::{EncryptionStore, Protection, ReencryptionStep, StoreError};

/// How many borrowers one step reads.
const PAGE: usize = 500;

#[async_trait]
impl EncryptionStore for SqlStore {
    async fn renew_encryption(&self, after: Option<&BorrowerKey>) -> Result<ReencryptionStep, StoreError> {
        let Some(ring) = self.ring() else { return Ok(ReencryptionStep::default()) };
        let mut tx = self.write_ledger().await?;
        let mut renewed = renew_borrowers(&mut tx, after, &ring).await?;
        if after.is_none() {
            renewed.written += renew_addresses(&mut tx, &ring).await? + renew_rejects(&mut tx, &ring).await?;
            renewed.written += messages::renew_keys(&mut tx, &ring).await?;
        }
        tx.commit().await?;
        Ok(renewed)
    }

    async fn protection(&self) -> Result<Protection, StoreError> {
        let ring = self.ring();
        let mut tx = self.read_much().await?;
        let prefix = ring.as_ref().map(|ring| ring.current_prefix()).unwrap_or_default();
        let counts: CountsRow = sqlx::query_as::<Db, _>(COUNTS).bind(prefix).fetch_one(&mut *tx).await?;
        let state = state(&mut tx).await?;
        let message_keys_to_renew = match &ring {
            Some(ring) => messages::keys_to_renew(&mut tx, ring).await?,
            None => 0,
        };
        tx.finish(()).await;
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(Protection {
            is_encrypted: state.is_some(),
            borrowers: count(counts.borrowers),
            without_verifier: count(counts.without_verifier),
            under_older_keys: count(counts.under_older_keys),
            message_keys_to_renew,
        })
    }
}

impl SqlStore {
    /// Refuses keys that are not the database's before anything is written with them. Whether it is encrypted at all,
    /// or migrated, is asked by [`SchemaStore::ready`](crate::store::SchemaStore::ready).
    ///
    /// # Errors
    /// [`StoreError::WrongKeys`].
    pub async fn check_keys(&self) -> Result<(), StoreError> {
        match check(self).await {
            Err(error @ StoreError::WrongKeys(_)) => Err(error),
            _ => Ok(()),
        }
    }
}

/// Encrypts the database if the store has keys and it is not encrypted yet: all of it in one transaction, so that no
/// moment sees a suppression in one form and its borrower in the other.
pub(super) async fn complete(end: &SqlStore) -> Result<(), StoreError> {
    let is_encrypted = match check(end).await {
        Err(StoreError::NotEncrypted) => false,
        other => other.map(|()| true)?,
    };
    let Some(ring) = end.ring() else { return Ok(()) };
    let mut tx = end.write_ledger().await?;
    if is_encrypted {
        // By an earlier version, which kept no messages, and so nothing by which `check` knows the secrets.
        check_borrowers(&mut tx, &ring).await?;
        messages::renew_keys(&mut tx, &ring).await?;
        return Ok(tx.commit().await?);
    }
    // Another process may have encrypted it in the meantime.
    if state(&mut tx).await?.is_none() {
        for statement in encryption_guards::OF_PLAIN {
            sqlx::query::<Db>(*statement).execute(&mut *tx).await?;
        }
        let now = end.now(&mut tx).await?;
        sqlx::query::<Db>(BEGIN).bind(ring.index_check()).bind(now).execute(&mut *tx).await?;
        let mut after = None;
        loop {
            after = renew_borrowers(&mut tx, after.as_ref(), &ring).await?.next;
            if after.is_none() {
                break;
            }
        }
        renew_addresses(&mut tx, &ring).await?;
        cover_to_read(&mut tx, &ring).await?;
        renew_rejects(&mut tx, &ring).await?;
        messages::renew_keys(&mut tx, &ring).await?;
        messages::seal_all(&mut tx, &ring).await?;
        audit::seal_all(&mut tx, &ring).await?;
        for statement in encryption_guards::OF_ENCRYPTED {
            sqlx::query::<Db>(*statement).execute(&mut *tx).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Whether the store has the keys that the database was encrypted with, and none if it is not encrypted.
pub(super) async fn check(end: &SqlStore) -> Result<(), StoreError> {
    let mut tx = end.read().await?;
    let verdict = check_ring(&mut tx, end.ring().as_deref()).await;
    tx.finish(verdict).await
}

async fn check_ring(tx: &mut Tx, ring: Option<&KeyRing>) -> Result<(), StoreError> {
    let wrong = |text: &str| Err(StoreError::WrongKeys(text.to_owned()));
    match (state(tx).await?, ring) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(StoreError::NotEncrypted),
        (Some(_), None) => wrong("the config has no [encryption]"),
        (Some(check), Some(ring)) if check == ring.index_check() => match messages::changed_key(tx, ring).await? {
            Some(id) => Err(changed_secret(id)),
            None => Ok(()),
        },
        (Some(_), Some(_)) => wrong("index_key is not the one that it was encrypted with"),
    }
}

/// Whether some of the borrowers open with the keys that they name. Keys that the ring does not have are nobody's fault
/// here.
async fn check_borrowers(tx: &mut Tx, ring: &KeyRing) -> Result<(), StoreError> {
    for row in borrowers_after(tx, None).await? {
        let named = row.sealed().and_then(|sealed| sealed.split_once('.')?.0.parse().ok());
        let Some(id) = named.filter(|id| ring.message_key(*id).is_some()) else { continue };
        if matches!(row.borrower(Some(ring)), Err(StoreError::Sealed { .. })) {
            return Err(changed_secret(id));
        }
    }
    Ok(())
}

fn changed_secret(id: u8) -> StoreError {
    StoreError::WrongKeys(format!(
        "the secret of key {id} is not the one that its data was encrypted with (a new secret needs an id of its own)"
    ))
}

async fn state(tx: &mut Tx) -> Result<Option<String>, StoreError> {
    let row: Option<(String,)> = sqlx::query_as::<Db, _>(STATE).fetch_optional(&mut **tx).await?;
    Ok(row.map(|(check,)| check))
}

/// A page of borrowers.
async fn borrowers_after(tx: &mut Tx, after: Option<&BorrowerKey>) -> Result<Vec<KnownBorrowerRow>, StoreError> {
    let (merchant, number) = after.map_or(("", ""), |after| (after.merchant.as_str(), after.id.as_str()));
    let page = sqlx::query_as::<Db, _>(BORROWERS).bind(number).bind(merchant);
    Ok(page.bind(i64::try_from(PAGE).unwrap_or(i64::MAX)).fetch_all(&mut **tx).await?)
}

/// Encrypts a page of borrowers with the first key, but for those that are.
async fn renew_borrowers(
    tx: &mut Tx,
    after: Option<&BorrowerKey>,
    ring: &KeyRing,
) -> Result<ReencryptionStep, StoreError> {
    let rows = borrowers_after(tx, after).await?;
    let next = match rows.last() {
        Some(last) if rows.len() == PAGE => Some(last.key()?),
        _ => None,
    };
    let prefix = ring.current_prefix();
    let is_old = |row: &KnownBorrowerRow| row.sealed().is_none_or(|sealed| !sealed.starts_with(&prefix));
    let read = |row: KnownBorrowerRow| row.borrower(Some(ring));
    let borrowers = rows.into_iter().filter(is_old).map(read).collect::<Result<Vec<_>, _>>()?;
    ledger::write_borrowers(tx, &borrowers.iter().collect::<Vec<_>>(), borrower::UPSERT).await?;
    Ok(ReencryptionStep { written: borrowers.len() as u64, next })
}

/// Encrypts the addresses of suppressions, answers and changes with the first key, but for those that are.
async fn renew_addresses(tx: &mut Tx, ring: &KeyRing) -> Result<u64, StoreError> {
    let ring = Some(ring);
    let mut written = 0;
    for table in ADDRESS_TABLES {
        let prefix = ring.map(KeyRing::current_prefix);
        let rows: Vec<AddressRow> = sqlx::query_as::<Db, _>(table.read).bind(prefix).fetch_all(&mut **tx).await?;
        for AddressRow { channel, address: before, sealed } in rows {
            let is_covered = sealed.is_some();
            let address = open_address(ring, before.clone(), sealed, "sealed")?;
            let done = match is_covered {
                true => sqlx::query::<Db>(table.renew).bind(channel).bind(before),
                false => sqlx::query::<Db>(table.cover).bind(channel).bind(before).bind(compared(ring, &address)),
            };
            written += done.bind(sealed_address(ring, &address)).execute(&mut **tx).await?.rows_affected();
        }
    }
    Ok(written)
}

/// Puts blind indexes in the place of addresses whose answers wait to be read.
async fn cover_to_read(tx: &mut Tx, ring: &KeyRing) -> Result<(), StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as::<Db, _>(TO_READ).fetch_all(&mut **tx).await?;
    for (channel, address) in rows {
        let now = ring.blind_address(&address);
        sqlx::query::<Db>(SET_TO_READ).bind(channel).bind(address).bind(now).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Encrypts the cells of rejected records with the first key, but for those that are.
async fn renew_rejects(tx: &mut Tx, ring: &KeyRing) -> Result<u64, StoreError> {
    let rows: Vec<CellsRow> = sqlx::query_as::<Db, _>(REJECTS).bind(ring.current_prefix()).fetch_all(&mut **tx).await?;
    let mut written = 0;
    for row in rows {
        let columns = [row.installment_id.as_str(), row.merchant.as_str(), row.source.as_str()];
        let was_plain = row.cells.starts_with('{');
        let cells = open_cells(Some(ring), columns, row.cells)?;
        // A digest that is covered already stays: it does not depend on the key.
        let digest = kept_digest(Some(ring).filter(|_| was_plain), &row.digest);
        let done = sqlx::query::<Db>(SET_REJECT)
            .bind(row.id)
            .bind(sealed_cells(Some(ring), columns, cells))
            .bind(digest)
            .execute(&mut **tx)
            .await?;
        written += done.rows_affected();
    }
    Ok(written)
}
