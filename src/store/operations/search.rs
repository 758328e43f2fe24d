//! Search of borrowers.

use async_trait::async_trait;

use super::{Db, SqlStore, borrower, ledger};
use crate::domain::Borrower;
use crate::store::sql::borrower::{KnownBorrowerRow, SEARCH, WITHOUT_SEARCH_KEYS, narrow};
use crate::store::sql::clauses::narrowed;
use crate::store::sql::sealing::{compared_name, compared_phone_tail};
use crate::store::{BorrowerSearch, SearchStore, StoreError};

#[async_trait]
impl SearchStore for SqlStore {
    async fn find_borrowers(&self, search: &BorrowerSearch) -> Result<Vec<Borrower>, StoreError> {
        let BorrowerSearch { merchant, name, phone_tail, limit } = search;
        if name.is_none() && phone_tail.is_none() {
            return Ok(Vec::new());
        }
        let ring = self.ring();
        let ring = ring.as_deref();
        let name = name.as_ref().map(|name| compared_name(ring, merchant, name));
        let phone_tail = phone_tail.as_ref().map(|tail| compared_phone_tail(ring, merchant, tail));
        let mut tx = self.read().await?;
        let rows: Vec<KnownBorrowerRow> = sqlx::query_as::<Db, _>(narrowed(SEARCH, &narrow(search)))
            .bind(merchant.as_str())
            .bind(name)
            .bind(phone_tail)
            .bind(i64::from(*limit))
            .fetch_all(&mut *tx)
            .await?;
        let rows = tx.finish(rows).await;
        rows.into_iter().map(|row| row.borrower(ring)).collect()
    }
}

/// How many borrowers one transaction takes.
const PAGE: usize = 500;

/// Works out what staff search by for the borrowers that an earlier version wrote: SQL knows neither the form nor the
/// keys.
pub(super) async fn complete(store: &SqlStore) -> Result<(), StoreError> {
    let ring = store.ring();
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let mut after = (String::new(), String::new());
    loop {
        let mut tx = store.write_ledger().await?;
        let rows: Vec<KnownBorrowerRow> = sqlx::query_as::<Db, _>(WITHOUT_SEARCH_KEYS)
            .bind(&after.0)
            .bind(&after.1)
            .bind(limit)
            .fetch_all(&mut *tx)
            .await?;
        let is_last = rows.len() < PAGE;
        let read = |row: KnownBorrowerRow| row.borrower(ring.as_deref());
        let borrowers = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if let Some(last) = borrowers.last() {
            after = (last.key.id.to_string(), last.key.merchant.to_string());
        }
        ledger::write_borrowers(&mut tx, &borrowers.iter().collect::<Vec<_>>(), borrower::UPSERT).await?;
        tx.commit().await?;
        if is_last {
            return Ok(());
        }
    }
}
