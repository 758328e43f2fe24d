//! The table `rate`: what is kept of each gateway's rate between claims.

use chrono::NaiveDate;
use sqlx::FromRow;

use super::value::Moment;
use crate::plan::RateState;
use crate::store::StoreError;

/// Puts a gateway's row in: one that may send at once. Binds: gateway, the beginning of time, its day.
pub(in crate::store) const BEGIN: &str =
    "insert into rate (gateway, next, day, used) values ($1, $2, $3, 0) on conflict (gateway) do nothing";

/// Writes what was used. Binds: gateway, next, day, used.
pub(in crate::store) const WRITE: &str = "update rate set next = $2, day = $3, used = $4 where gateway = $1";

/// A gateway's row, locked, and the time at which it was.
#[derive(FromRow)]
pub(in crate::store) struct RateRow {
    pub(in crate::store) now: Moment,
    next: Moment,
    day: NaiveDate,
    used: i64,
}

impl RateRow {
    pub(in crate::store) fn state(&self) -> Result<RateState, StoreError> {
        let used = u32::try_from(self.used).map_err(|_| StoreError::Corrupt { column: "rate.used" })?;
        Ok(RateState { next: self.next.0, day: self.day, used })
    }
}
