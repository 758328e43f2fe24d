//! Statements for receipts: SQLite takes a batch as JSON. Nothing to lock: the writing transaction is alone.

use crate::store::StoreError;
use crate::store::sql::receipt::{StandingRow, standing};

use super::{Batch, Tx};

/// The standing of reminders. Rows: number. `cross join` keeps the batch the outer loop.
const STANDING: &str = standing!("json_each($1) k cross join reminder r on r.id = k.value ->> 0");

/// Records events as they are. Rows: the columns in the order of the insert.
pub(super) const APPEND: &str = r#"
    insert into event (reminder_id, attempt, at, kind, gateway, provider_id, detail)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
    from json_each($1)"#;

/// Takes rows out. Rows: number.
pub(super) const REMOVE: &str = "delete from queue where reminder_id in (select value ->> 0 from json_each($1))";

/// Marks rows. Rows: number, time of the next channel, time of an early receipt.
pub(super) const MARK: &str = r#"
    update queue set
        state = case when m.not_before is null then queue.state else 'falling_back' end,
        gateway = case when m.not_before is null then queue.gateway end,
        not_before = coalesce(m.not_before, queue.not_before),
        undelivered_at = coalesce(m.undelivered_at, queue.undelivered_at)
    from (
        select value ->> 0 as reminder_id, value ->> 1 as not_before, value ->> 2 as undelivered_at from json_each($1)
    ) m
    where queue.reminder_id = m.reminder_id"#;

/// Reads the standing of reminders. No lock is needed: the write transaction excludes all other writers.
pub(super) async fn lock(tx: &mut Tx, ids: &[i64]) -> Result<Vec<StandingRow>, StoreError> {
    Ok(Batch::of(ids).column(|id| *id)?.query_as(STANDING)?.fetch_all(&mut **tx).await?)
}
