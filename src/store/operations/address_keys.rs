//! The end of the upgrade to compared addresses: what migration 0011 leaves, because SQL cannot work it out. It goes
//! before the database is encrypted.

use super::{Batch, Db, SqlStore, Tx, address_key, ledger, suppression};
use crate::domain::{AddressKey, EmailAddress, MerchantId};
use crate::store::sql::address_key::{WITHOUT_KEY, WithoutKeyRow, strictness};
use crate::store::sql::clauses::narrowed;
use crate::store::sql::report::{LIFT_SUPPRESSION, SUPPRESSIONS, SuppressionRow, narrow_suppressions};
use crate::store::{StoreError, SuppressionFilter};

/// How many borrowers one transaction takes.
const PAGE: usize = 1_000;

/// Works out the missing keys; nothing is to be done but after an upgrade.
pub(super) async fn complete(end: &SqlStore) -> Result<(), StoreError> {
    loop {
        let mut tx = end.write_plain().await?;
        let found = complete_borrowers(&mut tx).await?;
        tx.commit().await?;
        if found < PAGE {
            break;
        }
    }
    let mut tx = end.write_plain().await?;
    complete_suppressions(&mut tx).await?;
    Ok(tx.commit().await?)
}

async fn complete_borrowers(tx: &mut Tx) -> Result<usize, StoreError> {
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let rows: Vec<WithoutKeyRow> = sqlx::query_as::<Db, _>(WITHOUT_KEY).bind(limit).fetch_all(&mut **tx).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    // A text that is not a valid address is compared in lower case.
    let key = |email: &str| {
        EmailAddress::stored(email)
            .map_or_else(|_| email.to_lowercase(), |known| known.normalized().as_str().to_owned())
    };
    Batch::of(&rows)
        .column(|row| row.merchant.as_str())?
        .column(|row| row.borrower_id.as_str())?
        .column(|row| key(&row.email))?
        .query(address_key::SET_KEYS)?
        .execute(&mut **tx)
        .await?;
    Ok(rows.len())
}

async fn complete_suppressions(tx: &mut Tx) -> Result<(), StoreError> {
    let rows: Vec<SuppressionRow> = sqlx::query_as::<Db, _>(address_key::NOT_ASCII).fetch_all(&mut **tx).await?;
    for row in rows {
        let spelled = row.address.clone();
        let one = row.suppression(None)?;
        if one.address.reveal() == spelled {
            continue;
        }
        lift(tx, one.merchant.as_ref(), &one.address, &spelled).await?;
        let filter = SuppressionFilter { address: Some(one.address.clone()), limit: u32::MAX, ..Default::default() };
        let known: Vec<SuppressionRow> = sqlx::query_as::<Db, _>(narrowed(SUPPRESSIONS, &narrow_suppressions(&filter)))
            .bind(None::<&str>)
            .bind(None::<&str>)
            .bind(one.address.reveal())
            .bind(None::<&str>)
            .bind(None::<&str>)
            .bind(None::<&str>)
            .bind(i64::from(filter.limit))
            .fetch_all(&mut **tx)
            .await?;
        let known = known.into_iter().map(|row| row.suppression(None)).collect::<Result<Vec<_>, _>>()?;
        let same = known.iter().find(|known| known.merchant == one.merchant);
        if same.is_none_or(|same| strictness(same) < strictness(&one)) {
            lift(tx, one.merchant.as_ref(), &one.address, one.address.reveal()).await?;
            ledger::put_suppressions(tx, &[one], suppression::UPSERT).await?;
        }
    }
    Ok(())
}

async fn lift(
    tx: &mut Tx,
    merchant: Option<&MerchantId>,
    address: &AddressKey,
    spelled: &str,
) -> Result<(), StoreError> {
    sqlx::query::<Db>(LIFT_SUPPRESSION)
        .bind(address.channel().as_str())
        .bind(spelled)
        .bind(merchant.map(MerchantId::as_str))
        .execute(&mut **tx)
        .await?;
    Ok(())
}
