//! Statements on `queue` that lock, or that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::StoreError;
use crate::store::sql::queue::claimable;

use super::{Batch, Connection};

/// Takes due rows. An array of rows that is unnested, not a subquery: the planner then does not take the limit, which it cannot
/// see, for a tenth of the table, and reads no table whole; and what is read is what was locked. `skip locked`, so that two
/// claimers never wait for each other (SQLite has one writer and needs none of this). The time comes with the rows unless it is
/// given, which spares asking for it.
pub(super) const CLAIMABLE: &str =
    claimable!("coalesce($1, now())", "unnest(array(select q", " for update skip locked))");

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
            $1::bigint[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::smallint[]
        ) as s (reminder_id, attempt, at, kind, gateway, provider_id, detail, not_before, place)
    ), gone as (
        delete from queue q using said s
        where q.reminder_id = s.reminder_id and q.attempt = s.attempt and (
            s.kind = 'skipped' and q.state = 'planned'
            or s.kind in ('accepted', 'failed') and s.not_before is null and q.state in ('sending', 'unknown')
            or s.kind = 'unknown' and q.state = 'sending' and q.undelivered_at is not null
        )
        returning q.reminder_id, q.attempt, q.undelivered_at
    ), kept as (
        update queue q set
            state = case s.kind
                when 'unknown' then 'unknown' when 'accepted' then 'falling_back' when 'failed' then 'falling_back'
                else 'planned'
            end,
            gateway = case s.kind when 'unknown' then q.gateway end,
            not_before = coalesce(
                case s.kind when 'accepted' then q.undelivered_at end, s.not_before, q.not_before
            ),
            place = coalesce(s.place, q.place),
            undelivered_at = case s.kind when 'accepted' then q.undelivered_at end,
            lease_until = null
        from said s
        where q.reminder_id = s.reminder_id and q.attempt = s.attempt and (
            s.kind = 'deferred' and q.state = 'planned'
            or s.kind = 'retry' and q.state in ('sending', 'unknown')
            or s.kind in ('accepted', 'failed') and s.not_before is not null and q.state in ('sending', 'unknown')
            or s.kind = 'unknown' and q.state = 'sending' and q.undelivered_at is null
        )
        returning q.reminder_id, q.attempt, q.undelivered_at
    ), moved as (
        select * from gone union all select * from kept
    ), told as (
        insert into event (reminder_id, attempt, at, kind, gateway, provider_id, detail)
        select s.reminder_id, s.attempt, s.at, s.kind, s.gateway, s.provider_id, s.detail
        from moved m join said s using (reminder_id, attempt)
        where m.undelivered_at is null or s.kind not in ('accepted', 'unknown')
    )
    select reminder_id from moved"#;

/// Lets rows rest for which another channel is tried now. Binds: numbers.
pub(super) const RELEASE: &str = r#"
    delete from queue where reminder_id = any ($1::bigint[]) and state = 'falling_back' returning reminder_id"#;

/// Records the moves that are still legal. Gives the numbers of the reminders that were moved.
pub(super) async fn record<R>(connection: &mut Connection, moves: Batch<'_, R>) -> Result<Vec<i64>, StoreError> {
    let moved: Vec<(i64,)> = moves.query_as(RECORD)?.fetch_all(&mut *connection).await?;
    Ok(moved.into_iter().map(|(id,)| id).collect())
}
