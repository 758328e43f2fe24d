//! Contact preferences of borrowers that people enter by hand.

use async_trait::async_trait;

use super::{Batch, Db, SqlStore, Tx, audit, borrower, scan};
use crate::domain::{BorrowerKey, Channel, ManualPreferences};
use crate::store::audit_entries;
use crate::store::sql::borrower::BorrowerRow;
use crate::store::sql::preference::{APPEND, KEEP, OF_BORROWER, WishRow};
use crate::store::sql::value::Moment;
use crate::store::{PreferenceStore, PreferencesRecord, StoreError};

#[async_trait]
impl PreferenceStore for SqlStore {
    async fn set_preferences(&self, said: &ManualPreferences) -> Result<bool, StoreError> {
        let mut tx = self.write_ledger().await?;
        let known = set_preferences(&mut tx, said, self.given_now()).await?;
        tx.commit().await?;
        Ok(known)
    }

    async fn preferences(&self, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError> {
        let mut tx = self.read().await?;
        let read = record(&mut tx, borrower).await?;
        Ok(tx.finish(read).await)
    }
}

/// Within a transaction that holds the ledger against imports: they write back what they have read of a borrower.
pub(super) async fn set_preferences(
    tx: &mut Tx,
    said: &ManualPreferences,
    now: Option<Moment>,
) -> Result<bool, StoreError> {
    let ManualPreferences { borrower: key, preferences, actor, at } = said;
    let known: Option<BorrowerRow> = Batch::of(&[key])
        .column(|key| key.merchant.as_str())?
        .column(|key| key.id.as_str())?
        .query_as(borrower::OF_BATCH)?
        .fetch_optional(&mut **tx)
        .await?;
    let Some(known) = known else { return Ok(false) };
    let before = known.borrower(key.clone(), tx.ring().as_deref())?;
    let changed = preferences.clone().apply_to(before.clone());
    let hold = changed.hold.as_ref();
    sqlx::query::<Db>(KEEP)
        .bind(key.merchant.as_str())
        .bind(key.id.as_str())
        .bind(changed.locale.as_ref().map(|locale| locale.as_str()))
        .bind(changed.preferred_channel.map(Channel::as_str))
        .bind(changed.preferred_hours.map(|hours| hours.to_string()))
        .bind(hold.map(|hold| hold.reason.as_str()))
        .bind(hold.and_then(|hold| hold.until).map(Moment))
        .execute(&mut **tx)
        .await?;
    scan::write_down_borrowers(tx, &[key], now).await?;
    sqlx::query::<Db>(APPEND)
        .bind(key.merchant.as_str())
        .bind(key.id.as_str())
        .bind(Moment(*at))
        .bind(actor.as_str())
        .bind(preferences.to_string())
        .execute(&mut **tx)
        .await?;
    audit::note(tx, &[audit_entries::preferences(said, &before)]).await?;
    Ok(true)
}

pub(super) async fn record(tx: &mut Tx, borrower: &BorrowerKey) -> Result<Vec<PreferencesRecord>, StoreError> {
    let rows: Vec<WishRow> = sqlx::query_as::<Db, _>(OF_BORROWER)
        .bind(borrower.merchant.as_str())
        .bind(borrower.id.as_str())
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows.into_iter().map(WishRow::record).collect())
}
