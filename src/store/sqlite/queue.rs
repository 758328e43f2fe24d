//! Statements on `queue` that lock, or that take a batch: SQLite takes it as JSON.

use std::collections::BTreeMap;

use crate::store::sql::gateway_list::first_of_list;
use crate::store::sql::queue::{ClaimRow, Move, OverdueRow, head_of_lane, select_facts};
use crate::store::sql::value::{Moment, stored_gateway_index};
use crate::store::{ClaimRequest, StoreError};

use super::{Batch, Connection, SqlStore};

/// Whether the database is the one that the claimer knows, and armed. Without a generation everything passes.
macro_rules! fence {
    () => {
        " and ($5 is null or (select i.generation = $5 and i.disarm_reason is null from incarnation i) \
          and coalesce((select seq from sqlite_sequence where name = 'event'), 0) >= $6 \
          and coalesce((select seq from sqlite_sequence where name = 'reminder'), 0) >= $7 \
          and ($8 is null or coalesce((select d.beats from daemon d where d.daemon = $8), 0) >= $9))"
    };
}

/// The facts about due rows. Nothing to lock or to skip: the writing transaction is alone. Binds: now, channel, limit,
/// place, generation, events, reminders.
const CLAIMABLE: &str = concat!(
    select_facts!("$1", "0", concat!("(select q.*", head_of_lane!("$1", "$2", "$3", "$4", fence!()), ")")),
    " order by q.not_before, q.reminder_id, i.installment_id"
);

/// Puts rows under a lease. Rows: number; then binds: end of the lease, gateway.
const LEASE: &str = r#"
    update queue set state = 'sending', attempt = attempt + 1, lease_until = $2, gateway = $3
    where reminder_id in (select value ->> 0 from json_each($1)) and state = 'planned'
    returning reminder_id, attempt"#;

/// Takes back what was claimed and is not to be sent. Rows: number and attempt.
pub(super) const UNCLAIM: &str = r#"
    update queue set state = 'planned', attempt = attempt - 1, lease_until = null, gateway = null
    where (reminder_id, attempt) in (select value ->> 0, value ->> 1 from json_each($1)) and state = 'sending'"#;

/// Takes back what was claimed and not decided about.
pub(super) async fn unclaim<R>(
    _: &SqlStore,
    connection: &mut Connection,
    _: &ClaimRequest,
    undecided: Batch<'_, R>,
) -> Result<(), StoreError> {
    undecided.query(UNCLAIM)?.execute(connection).await?;
    Ok(())
}

/// Leases that ran out. Binds: now, limit.
const OVERDUE: &str = r#"
    select reminder_id, attempt, gateway from queue
    where state = 'sending' and lease_until <= $1 order by lease_until limit $2"#;

/// Finds up to `limit` leases that ran out.
pub(super) async fn overdue(
    connection: &mut Connection,
    now: Moment,
    limit: u32,
) -> Result<Vec<OverdueRow>, StoreError> {
    Ok(sqlx::query_as(OVERDUE).bind(now).bind(i64::from(limit)).fetch_all(connection).await?)
}

/// Puts up to `limit` due rows under a lease. Gives the facts about each.
pub(super) async fn claim(
    _: &SqlStore,
    connection: &mut Connection,
    now: Option<Moment>,
    request: &ClaimRequest,
    limit: u32,
) -> Result<Vec<ClaimRow>, StoreError> {
    let fence = request.fence.as_ref();
    let marks = fence.map(|fence| fence.marks).unwrap_or_default();
    let beats = fence.and_then(|fence| fence.beats.as_ref());
    let claimable = sqlx::query_as(CLAIMABLE)
        .bind(now)
        .bind(request.channel.as_str())
        .bind(i64::from(limit))
        .bind(stored_gateway_index(request.gateway_index))
        .bind(fence.map(|fence| fence.generation.as_str()))
        .bind(marks.events)
        .bind(marks.reminders)
        .bind(beats.map(|(daemon, _)| daemon.as_str()))
        .bind(beats.map_or(0, |(_, beats)| *beats));
    let mut rows: Vec<ClaimRow> = claimable.fetch_all(&mut *connection).await?;
    let Some(now) = rows.first().map(|row| row.now) else { return Ok(rows) };
    let leased: Vec<(i64, i32)> = Batch::of(&rows)
        .column(|row| row.reminder.id().0)?
        .query_as(LEASE)?
        .bind(Moment(now.0 + request.lease))
        .bind(request.gateway.as_str())
        .fetch_all(connection)
        .await?;
    let leased = BTreeMap::from_iter(leased);
    rows.retain_mut(|row| {
        let attempt = leased.get(&row.reminder.id().0);
        row.attempt = attempt.copied().unwrap_or_default();
        attempt.is_some()
    });
    Ok(rows)
}

/// Takes rows out by the events that end a reminder. Rows: the columns of an event and `not_before`.
const END: &str = r#"
    delete from queue
    where (reminder_id, attempt) in (select value ->> 0, value ->> 1 from json_each($1) where value ->> 3 = 'skipped')
      and state = 'planned'
       or (reminder_id, attempt) in (
            select value ->> 0, value ->> 1 from json_each($1)
            where value ->> 3 in ('accepted', 'failed') and value ->> 7 is null
          )
      and state in ('sending', 'unknown')
    returning reminder_id, attempt, undelivered_at"#;

/// Moves rows by the events that leave something to be done. Rows: as of [`END`].
const KEEP: &str = r#"
    update queue set
        state = case
            when s.kind = 'unknown' and queue.undelivered_at is null then 'unknown'
            when s.kind in ('unknown', 'accepted', 'failed') then 'falling_back'
            when s.kind = 'held' then 'held' else 'planned'
        end,
        hold_cause = case s.kind when 'held' then s.detail end,
        gateway = case s.kind when 'unknown' then queue.gateway end,
        not_before = coalesce(
            case when s.kind in ('accepted', 'unknown') then queue.undelivered_at end, s.not_before, queue.not_before
        ),
        gateway_index = coalesce(s.gateway_index, queue.gateway_index),
        undelivered_at = case when s.kind in ('accepted', 'unknown') then queue.undelivered_at end,
        lease_until = null
    from (
        select value ->> 0 as reminder_id, value ->> 1 as attempt, value ->> 3 as kind, value ->> 6 as detail,
            value ->> 7 as not_before, value ->> 8 as gateway_index
        from json_each($1)
    ) s
    where queue.reminder_id = s.reminder_id and queue.attempt = s.attempt and (
        s.kind in ('deferred', 'moved', 'held') and queue.state = 'planned'
        or s.kind = 'held' and queue.state = 'sending'
        or s.kind = 'retry' and queue.state in ('sending', 'unknown')
        or s.kind in ('accepted', 'failed') and s.not_before is not null and queue.state in ('sending', 'unknown')
        or s.kind = 'unknown' and queue.state = 'sending'
    )
    returning reminder_id, attempt, undelivered_at"#;

/// Sets the times at which unknown rows are checked next. Rows: number, attempt, time.
pub(super) const LOOK_AGAIN: &str = r#"
    update queue set not_before = l.look_at
    from (
        select value ->> 0 as reminder_id, value ->> 1 as attempt, value ->> 2 as look_at from json_each($1)
    ) l
    where queue.reminder_id = l.reminder_id and queue.attempt = l.attempt and queue.state = 'unknown'"#;

/// Lets rows rest for which another channel is tried now. Rows: number.
pub(super) const RELEASE: &str = r#"
    delete from queue where reminder_id in (select value ->> 0 from json_each($1)) and state = 'falling_back'
    returning reminder_id"#;

/// The causes of holds.
pub(super) const HOLDS: &str = "select distinct hold_cause, channel from queue where state = 'held'";

/// The rows held for a cause. Binds: cause, channel, limit.
const OF_CAUSE: &str = r#"
    select reminder_id, attempt, hold_cause from queue
    where state = 'held' and hold_cause = $1 and channel = $2 order by reminder_id limit $3"#;

/// The held rows that have expired. Binds: now, limit.
const EXPIRED: &str = r#"
    select reminder_id, attempt, hold_cause from queue
    where state = 'held' and not_before <= $1 order by not_before limit $2"#;

/// The held rows of the due dates that have changed. Rows: number of the change.
const CHANGED: &str = r#"
    select q.reminder_id, q.attempt, q.hold_cause from queue q
    where q.state = 'held' and (q.hold_cause like 'no_route:%' or q.hold_cause like 'bad_template:%')
        and q.reminder_id in (
        select r.id from json_each($1) k
        cross join ledger_change c on c.id = k.value ->> 0
        cross join reminder r on r.borrower_id = c.borrower_id and r.merchant = c.merchant
            and r.due_date = c.due_date)"#;

/// Gives held rows back to be decided. Rows: number, attempt, cause; then binds: now.
const GIVE_FREE: &str = concat!(
    r#"
    update queue set state = 'planned', hold_cause = null, gateway_index = "#,
    first_of_list!("queue"),
    r#", not_before = $2
    where reminder_id in (select value ->> 0 from json_each($1))"#
);

/// Says that they are held no more. Rows and binds: as of [`GIVE_FREE`].
const RELEASED: &str = r#"
    insert into event (reminder_id, attempt, at, kind, detail)
    select value ->> 0, value ->> 1, $2, 'released', value ->> 2 from json_each($1)"#;

/// Releases rows of due dates about which the ledger has changed, if they are held for what the ledger has a part in:
/// the route that an instalment leads to, and the values that a template renders.
pub(super) async fn release_changed(
    connection: &mut Connection,
    now: Moment,
    changes: &[i64],
) -> Result<(), StoreError> {
    let held: Vec<_> = Batch::of(changes).column(|id| *id)?.query_as(CHANGED)?.fetch_all(&mut *connection).await?;
    give_free(connection, now, &held).await?;
    Ok(())
}

/// Releases up to `limit` rows of one cause and channel. Gives how many.
pub(super) async fn release(
    connection: &mut Connection,
    now: Moment,
    cause: &str,
    channel: &str,
    limit: u32,
) -> Result<u64, StoreError> {
    let held = sqlx::query_as(OF_CAUSE).bind(cause).bind(channel).bind(i64::from(limit));
    let held = held.fetch_all(&mut *connection).await?;
    give_free(connection, now, &held).await
}

/// Releases up to `limit` rows whose reminders have expired. Gives how many.
pub(super) async fn release_expired(connection: &mut Connection, now: Moment, limit: u32) -> Result<u64, StoreError> {
    let held = sqlx::query_as(EXPIRED).bind(now).bind(i64::from(limit)).fetch_all(&mut *connection).await?;
    give_free(connection, now, &held).await
}

async fn give_free(connection: &mut Connection, now: Moment, held: &[(i64, i32, String)]) -> Result<u64, StoreError> {
    if held.is_empty() {
        return Ok(0);
    }
    let rows = Batch::of(held).column(|row| row.0)?.column(|row| row.1)?.column(|row| row.2.as_str())?;
    rows.query(GIVE_FREE)?.bind(now).execute(&mut *connection).await?;
    rows.query(RELEASED)?.bind(now).execute(&mut *connection).await?;
    Ok(held.len() as u64)
}

/// Records the events that moved a row, unless an early receipt stands. Rows: as of [`END`]; then bind: the moved rows.
const APPEND: &str = r#"
    insert into event (reminder_id, attempt, at, kind, gateway, provider_id, detail, route, message)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 9,
        unhex(value ->> 10)
    from json_each($1)
    where (value ->> 0, value ->> 1) in (select value ->> 0, value ->> 1 from json_each($2) where value ->> 2 is null)
       or (value ->> 0, value ->> 1) in (select value ->> 0, value ->> 1 from json_each($2))
      and value ->> 3 not in ('accepted', 'unknown')"#;

/// Records the moves that are still legal. Gives the numbers of the reminders that were moved.
pub(super) async fn record(
    connection: &mut Connection,
    moves: Batch<'_, &Move>,
    all_end: bool,
) -> Result<Vec<i64>, StoreError> {
    let mut moved: Vec<(i64, i32, Option<Moment>)> = moves.query_as(END)?.fetch_all(&mut *connection).await?;
    if !all_end {
        moved.extend(moves.query_as::<(i64, i32, Option<Moment>)>(KEEP)?.fetch_all(&mut *connection).await?);
    }
    let rows = Batch::of(&moved).column(|row| row.0)?.column(|row| row.1)?.column(|row| row.2)?;
    moves.query(APPEND)?.bind(rows.json()).execute(&mut *connection).await?;
    Ok(moved.into_iter().map(|(id, ..)| id).collect())
}
