//! Search of borrowers.

use async_trait::async_trait;

use super::{Db, SqlStore};
use crate::domain::Borrower;
use crate::store::sql::borrower::{KnownBorrowerRow, SEARCH, SET_SEARCH_KEYS, WITHOUT_SEARCH_KEYS, narrow};
use crate::store::sql::clauses::narrowed;
use crate::store::sql::sealing::{PersonalColumns, compared, compared_name, compared_phone_tail};
use crate::store::{BorrowerSearch, SearchStore, StoreError};

#[async_trait]
impl SearchStore for SqlStore {
    async fn find_borrowers(&self, search: &BorrowerSearch) -> Result<Vec<Borrower>, StoreError> {
        if search.is_empty() {
            return Ok(Vec::new());
        }
        let BorrowerSearch { merchant, name, phone_tail, phone, email, limit } = search;
        let ring = self.ring();
        let ring = ring.as_deref();
        let name = name.as_ref().map(|name| compared_name(ring, merchant, name));
        let phone_tail = phone_tail.as_ref().map(|tail| compared_phone_tail(ring, merchant, tail));
        let phone = phone.as_ref().map(|phone| compared(ring, phone.as_e164()));
        let email = email.as_ref().map(|email| compared(ring, email.normalized().as_str()));
        let mut tx = self.read().await?;
        let rows: Vec<KnownBorrowerRow> = sqlx::query_as::<Db, _>(narrowed(SEARCH, &narrow(search)))
            .bind(merchant.as_str())
            .bind(name)
            .bind(phone_tail)
            .bind(phone)
            .bind(email)
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
        if let Some(last) = rows.last() {
            let last = last.key()?;
            after = (last.id.to_string(), last.merchant.to_string());
        }
        // A row that cannot be read is not found, and stops no upgrade.
        for borrower in rows.into_iter().filter_map(|row| row.borrower(ring.as_deref()).ok()) {
            let personal = PersonalColumns::of(&borrower, ring.as_deref());
            sqlx::query::<Db>(SET_SEARCH_KEYS)
                .bind(borrower.key.id.as_str())
                .bind(borrower.key.merchant.as_str())
                .bind(personal.name_key)
                .bind(personal.phone_tail)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        if is_last {
            return Ok(());
        }
    }
}
