//! Statements on `queue` that lock, or that take a batch: SQLite takes it as JSON.

use crate::store::StoreError;
use crate::store::sql::queue::claimable;

use super::{Batch, Tx};

/// Takes due rows. Nothing to lock or to skip: the writing transaction is alone.
pub(super) const CLAIMABLE: &str = claimable!("(select q.*", ")");

/// Puts rows under a lease. Rows: number, attempt so far; then binds: end of the lease, gateway.
pub(super) const LEASE: &str = r#"
    update queue set state = 'sending', attempt = attempt + 1, lease_until = $2, gateway = $3
    where (reminder_id, attempt) in (select value ->> 0, value ->> 1 from json_each($1)) and state = 'planned'
    returning reminder_id"#;

/// Takes rows out by the events that end a reminder. Rows: the columns of an event and `not_before`.
const END: &str = r#"
    delete from queue
    where (reminder_id, attempt) in (select value ->> 0, value ->> 1 from json_each($1) where value ->> 3 = 'skipped')
      and state = 'planned'
       or (reminder_id, attempt) in (
            select value ->> 0, value ->> 1 from json_each($1) where value ->> 3 in ('accepted', 'failed')
          )
      and state in ('sending', 'unknown')
    returning reminder_id, attempt"#;

/// Moves rows by the events that leave something to be done. Rows: as of [`END`].
const KEEP: &str = r#"
    update queue set
        state = case s.kind when 'unknown' then 'unknown' else 'planned' end,
        gateway = case s.kind when 'unknown' then queue.gateway end,
        not_before = coalesce(s.not_before, queue.not_before),
        lease_until = null
    from (
        select value ->> 0 as reminder_id, value ->> 1 as attempt, value ->> 3 as kind, value ->> 7 as not_before
        from json_each($1)
    ) s
    where queue.reminder_id = s.reminder_id and queue.attempt = s.attempt and (
        s.kind = 'deferred' and queue.state = 'planned'
        or s.kind = 'retry' and queue.state in ('sending', 'unknown')
        or s.kind = 'unknown' and queue.state = 'sending'
    )
    returning reminder_id, attempt"#;

/// Records the events that moved a row. Rows: as of [`END`]; then bind: the moved numbers and attempts, as rows.
const APPEND: &str = r#"
    insert into event (reminder_id, attempt, at, kind, gateway, provider_id, detail)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
    from json_each($1)
    where (value ->> 0, value ->> 1) in (select value ->> 0, value ->> 1 from json_each($2))"#;

/// Records the moves that are still legal. Gives the numbers of the reminders that were moved.
pub(super) async fn record<R>(tx: &mut Tx, moves: Batch<'_, R>) -> Result<Vec<i64>, StoreError> {
    let mut moved: Vec<(i64, i32)> = moves.query_as(END)?.fetch_all(&mut **tx).await?;
    moved.extend(moves.query_as::<(i64, i32)>(KEEP)?.fetch_all(&mut **tx).await?);
    let rows = Batch::of(&moved).column(|(id, _)| *id)?.column(|(_, attempt)| *attempt)?;
    moves.query(APPEND)?.bind(rows.json()).execute(&mut **tx).await?;
    Ok(moved.into_iter().map(|(id, _)| id).collect())
}
