//! Statements on `queue` that lock, or that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::StoreError;
use crate::store::sql::queue::claimable;

use super::{Batch, Tx};

/// Takes due rows. An array of rows that is unnested, not a subquery: the planner then does not take the limit, which it cannot
/// see, for a tenth of the table, and reads no table whole; and what is read is what was locked. `skip locked`, so that two
/// claimers never wait for each other (SQLite has one writer and needs none of this).
pub(super) const CLAIMABLE: &str = claimable!("unnest(array(select q", " for update skip locked))");

/// Puts rows under a lease. Binds: numbers, attempts so far, end of the lease, gateway.
pub(super) const LEASE: &str = r#"
    update queue q set state = 'sending', attempt = q.attempt + 1, lease_until = $3, gateway = $4
    from unnest($1::bigint[], $2::int[]) as d (reminder_id, attempt)
    where q.reminder_id = d.reminder_id and q.attempt = d.attempt and q.state = 'planned'
    returning q.reminder_id"#;

/// Moves rows by events and records the events that moved one: one statement, where SQLite needs three. Binds: the columns of
/// `said`.
const RECORD: &str = r#"
    with said as (
        select * from unnest(
            $1::bigint[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[]
        ) as s (reminder_id, attempt, at, kind, gateway, provider_id, detail, not_before)
    ), gone as (
        delete from queue q using said s
        where q.reminder_id = s.reminder_id and q.attempt = s.attempt and (
            s.kind = 'skipped' and q.state = 'planned'
            or s.kind in ('accepted', 'failed') and q.state in ('sending', 'unknown')
        )
        returning q.reminder_id, q.attempt
    ), kept as (
        update queue q set
            state = case s.kind when 'unknown' then 'unknown' else 'planned' end,
            gateway = case s.kind when 'unknown' then q.gateway end,
            not_before = coalesce(s.not_before, q.not_before),
            lease_until = null
        from said s
        where q.reminder_id = s.reminder_id and q.attempt = s.attempt and (
            s.kind = 'deferred' and q.state = 'planned'
            or s.kind = 'retry' and q.state in ('sending', 'unknown')
            or s.kind = 'unknown' and q.state = 'sending'
        )
        returning q.reminder_id, q.attempt
    ), moved as (
        select * from gone union all select * from kept
    )
    insert into event (reminder_id, attempt, at, kind, gateway, provider_id, detail)
    select s.reminder_id, s.attempt, s.at, s.kind, s.gateway, s.provider_id, s.detail
    from moved join said s using (reminder_id, attempt)
    returning reminder_id"#;

/// Records the moves that are still legal. Gives the numbers of the reminders that were moved.
pub(super) async fn record<R>(tx: &mut Tx, moves: Batch<'_, R>) -> Result<Vec<i64>, StoreError> {
    let moved: Vec<(i64,)> = moves.query_as(RECORD)?.fetch_all(&mut **tx).await?;
    Ok(moved.into_iter().map(|(id,)| id).collect())
}
