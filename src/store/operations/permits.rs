//! Permits of a gateway's rate, taken within a claim.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Db, Tx, rate};
use crate::domain::GatewayName;
use crate::plan::{Permits, RateLimit, RateState};
use crate::store::sql::rate::{BEGIN, RateRow, WRITE};
use crate::store::sql::value::Moment;
use crate::store::{ClaimRequest, StoreError};

/// A gateway's rate while its row is locked.
pub(super) struct LockedRate<'r> {
    gateway: &'r GatewayName,
    limit: RateLimit,
    state: RateState,
    permits: Permits,
    pub(super) now: Moment,
}

/// Locks the rate of the request's gateway and reads how many may be sent, if it has a rate. `now` is the end's own
/// clock, if it has one.
pub(super) async fn lock<'r>(
    tx: &mut Tx,
    now: Option<Moment>,
    request: &'r ClaimRequest,
) -> Result<Option<LockedRate<'r>>, StoreError> {
    let Some(limit) = request.rate else { return Ok(None) };
    let gateway = &request.gateway;
    let known = read(tx, now, gateway).await?;
    let row = match known {
        Some(row) => row,
        None => {
            let long_ago = DateTime::<Utc>::UNIX_EPOCH;
            sqlx::query::<Db>(BEGIN)
                .bind(gateway.as_str())
                .bind(Moment(long_ago))
                .bind(long_ago.date_naive())
                .execute(&mut **tx)
                .await?;
            read(tx, now, gateway).await?.ok_or(sqlx::Error::RowNotFound)?
        }
    };
    let state = row.state()?;
    let permits = limit.permits(Some(state), row.now.0, request.limit);
    Ok(Some(LockedRate { gateway, limit, state, permits, now: row.now }))
}

async fn read(tx: &mut Tx, now: Option<Moment>, gateway: &GatewayName) -> Result<Option<RateRow>, StoreError> {
    let row = sqlx::query_as::<Db, _>(rate::LOCK).bind(gateway.as_str()).bind(now).fetch_optional(&mut **tx).await?;
    Ok(row)
}

impl LockedRate<'_> {
    /// How many may be sent.
    pub(super) fn allowed(&self) -> u32 {
        self.permits.count
    }

    /// How long after the claim the message with this number, from 0, is to leave.
    pub(super) fn pause(&self, number: usize) -> TimeDelta {
        self.permits.pause(self.now.0, u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// Writes down how many permits were used. Without any the row stays as it is, which means the same.
    pub(super) async fn used(&self, tx: &mut Tx, taken: usize) -> Result<(), StoreError> {
        if taken == 0 {
            return Ok(());
        }
        let taken = u32::try_from(taken).unwrap_or(u32::MAX);
        let after = self.limit.after(Some(self.state), self.now.0, self.permits, taken);
        sqlx::query::<Db>(WRITE)
            .bind(self.gateway.as_str())
            .bind(Moment(after.next))
            .bind(after.day)
            .bind(i64::from(after.used))
            .execute(&mut **tx)
            .await?;
        Ok(())
    }
}
