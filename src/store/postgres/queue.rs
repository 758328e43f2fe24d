//! Statements on `queue` that lock, or that take a batch: PostgreSQL takes it as one array for each column.

use std::collections::BTreeSet;

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{FromRow, Postgres, Row};

use crate::store::sql::queue::{ClaimRow, Move, OverdueRow, head_of_lane, select_facts};
use crate::store::sql::value::{Moment, stored_gateway_index};
use crate::store::{ClaimRequest, StoreError};

use super::fence::fence;
use super::head::{BEGINNING, ClaimPosition, QueueLane};
use super::{Batch, Connection, SqlStore};

/// Takes rows out by the events that end a reminder. Binds: the columns of `said`.
macro_rules! delete_finished {
    () => {
        r#"
    with said as (
        select * from unnest(
            $1::bigint[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::smallint[], $10::text[], $11::bytea[]
        ) as s (reminder_id, attempt, at, kind, gateway, provider_id, detail, not_before, gateway_index, route, message)
    ), gone as (
        delete from queue q using said s
        where q.reminder_id = s.reminder_id and q.attempt = s.attempt and (
            s.kind = 'skipped' and q.state = 'planned'
            or s.kind in ('accepted', 'failed') and s.not_before is null and q.state in ('sending', 'unknown')
        )
        returning s.*, q.undelivered_at
    ), "#
    };
}

/// Records the events that moved a row, unless an early receipt stands.
macro_rules! insert_events {
    () => {
        r#"
    told as (
        insert into event (reminder_id, attempt, at, kind, gateway, provider_id, detail, route, message)
        select reminder_id, attempt, at, kind, gateway, provider_id, detail, route, message
        from moved where undelivered_at is null or kind not in ('accepted', 'unknown')
    )"#
    };
}

/// Puts due rows under a lease, without writing to an index of theirs, and notes the lease. Rows are found again by
/// where they lie, which spares a look into the index for each; one that was moved after this statement began is left
/// to the next claim. An array, not a subquery: the planner then does not take the limit, which it cannot see, for a
/// tenth of the table, and reads no table whole. `skip locked`, so that two claimers never wait for each other.
macro_rules! lease_due {
    (
        $now:literal, $channel:literal, $limit:literal, $gateway_index:literal, $lease:literal, $gateway:literal,
        $head:expr
    ) => {
        concat!(
            r#"
    claimed as (
        update queue q set
            state = 'sending', attempt = q.attempt + 1, leased_until = "#,
            $now,
            " + ",
            $lease,
            ", gateway = ",
            $gateway,
            r#"
        where q.ctid = any (array(select q.ctid"#,
            head_of_lane!($now, $channel, $limit, $gateway_index, $head),
            r#" for update skip locked))
        returning q.reminder_id, q.attempt, q.not_before
    ), leased as (
        insert into lease (until, reminder_ids)
        select "#,
            $now,
            " + ",
            $lease,
            r#", array_agg(reminder_id) from claimed having count(*) > 0
    )
    "#
        )
    };
}

/// Zero; an error in a statement that is inside another transaction, whose end nobody would wait for: a claim that is
/// undone after its messages have left sends them again. A statement that is a transaction by itself begins it when its
/// values are bound, and so is `now()`; the execution comes a little later, so that `statement_timestamp()` would not
/// do. The portal that it runs in was made at that moment too. The view lists this one connection's portals: it costs
/// microseconds, once for each statement.
macro_rules! zero_if_alone {
    () => {
        "(select (case when max(creation_time) = now() then '0' else 'a claim ran inside another transaction' \
         end)::int \
          from pg_cursors where name = '')"
    };
}

/// Claims, and gives the facts about each row: one statement, where SQLite needs two. The time comes with the rows
/// unless it is given, which spares asking for it. Binds: now, channel, limit, place, lease, gateway, the head, and the
/// fence.
macro_rules! claim {
    ($($condition:tt)*) => {
        concat!(
            "with ",
            lease_due!(
                "coalesce($1, now())",
                "$2",
                "$3",
                "$4",
                "$5",
                "$6",
                concat!(" and (q.not_before, q.reminder_id) > ($7, \
                    $8)", fence!("$9", "$10", "$11", "$12", "$13", "$14", "$15"))
            ),
            select_facts!("coalesce($1, now())", "1", "claimed"),
            $($condition)*
            " order by q.not_before, q.reminder_id, i.installment_id"
        )
    };
}

/// A claim within a transaction that was begun for it.
const CLAIM: &str = claim!();

/// A claim that is a transaction by itself.
const CLAIM_ALONE: &str = claim!(" where 0 = ", zero_if_alone!(),);

/// The same, once rows are taken out by the events that end a reminder; a row is there even if none was claimed. What
/// is taken out and what is claimed cannot be the same rows. Without an order, which costs the database more than it
/// costs us. Binds: as of [`RECORD_ENDS`]; then as of [`CLAIM`].
const RECORD_ENDS_AND_CLAIM: &str = concat!(
    delete_finished!(),
    "moved as (select * from gone), ",
    insert_events!(),
    ", ",
    lease_due!(
        "coalesce($12, now())",
        "$13",
        "$14",
        "$15",
        "$16",
        "$17",
        concat!(
            " and (q.not_before, q.reminder_id) > ($18, $19)",
            fence!("$20", "$21", "$22", "$23", "$24", "$25", "$26")
        )
    ),
    "select s.settled, coalesce($12, now()) as claimed_at, f.* from (select count(*) + ",
    zero_if_alone!(),
    " as settled from moved) s left join (",
    select_facts!("coalesce($12, now())", "1", "claimed"),
    ") f on true"
);

/// Takes back what was claimed and is not to be sent. Binds: numbers, attempts.
pub(super) const UNCLAIM: &str = r#"
    update queue q set state = 'planned', attempt = q.attempt - 1, leased_until = null, gateway = null
    from unnest($1::bigint[], $2::int[]) as s (reminder_id, attempt)
    where q.reminder_id = s.reminder_id and q.attempt = s.attempt and q.state = 'sending'"#;

/// Takes back what was claimed and not decided about. The next claim looks for it from the beginning of its lane.
pub(super) async fn unclaim<R>(
    store: &SqlStore,
    connection: &mut Connection,
    request: &ClaimRequest,
    undecided: Batch<'_, R>,
) -> Result<(), StoreError> {
    undecided.query(UNCLAIM)?.execute(connection).await?;
    store.heads.exhausted(lane(request));
    Ok(())
}

/// Lets go of leases that ran out, and under which nothing is being sent any more. `offset 0` forces one lookup per
/// reminder: a plan made while the queue was empty would read all of it for each lease. Binds: now.
const FORGET: &str = r#"
    delete from lease l where l.until <= $1 and not exists (
        select 1 from unnest(l.reminder_ids) as c (reminder_id)
        cross join lateral (
            select 1 from queue q
            where q.reminder_id = c.reminder_id and q.state = 'sending' and q.leased_until <= $1 offset 0
        ) q
    )"#;

/// Reminders in `sending` whose lease ran out. Takes no locks: the attempt's number fences the writes that follow.
/// Binds: now, limit.
const OVERDUE: &str = r#"
    select reminder_id, attempt, gateway from queue
    where reminder_id = any (array(select unnest(l.reminder_ids) from lease l where l.until <= $1))
      and state = 'sending' and leased_until <= $1
    order by leased_until limit $2"#;

/// Finds up to `limit` leases that ran out.
pub(super) async fn overdue(
    connection: &mut Connection,
    now: Moment,
    limit: u32,
) -> Result<Vec<OverdueRow>, StoreError> {
    sqlx::query(FORGET).bind(now).execute(&mut *connection).await?;
    Ok(sqlx::query_as(OVERDUE).bind(now).bind(i64::from(limit)).fetch_all(connection).await?)
}

/// Puts up to `limit` due rows under a lease. Gives the facts about each.
pub(super) async fn claim(
    store: &SqlStore,
    connection: &mut Connection,
    now: Option<Moment>,
    request: &ClaimRequest,
    limit: u32,
) -> Result<Vec<ClaimRow>, StoreError> {
    let from = store.heads.of(lane(request));
    let mut rows = claim_from(connection, CLAIM, now, request, from, limit).await?;
    look_back(store, connection, CLAIM, now, request, limit, (from, &mut rows)).await?;
    Ok(rows)
}

/// The result of a statement that settles and claims.
pub(super) struct SettledAndClaimed {
    /// How many reminders the events moved.
    pub(super) settled: usize,
    /// The time of the claim.
    pub(super) now: Moment,
    pub(super) rows: Vec<ClaimRow>,
}

/// Records moves that all end a reminder, and claims, in one statement that is a transaction by itself; when it is this
/// round's turn.
pub(super) async fn record_and_claim(
    store: &SqlStore,
    now: Option<Moment>,
    moves: Batch<'_, &Move>,
    request: &ClaimRequest,
) -> Result<SettledAndClaimed, StoreError> {
    let moves = moves.query(RECORD_ENDS_AND_CLAIM)?;
    let turn = store.turns.of(lane(request)).await;
    let mut connection = store.write_alone_for(lane(request)).await?;
    let from = store.heads.of(lane(request));
    let found = bind_claim(moves, now, request, from, request.limit).fetch_all(&mut *connection).await?;
    let claimed = found.iter().filter_map(|row| head(row).transpose()).collect::<Result<BTreeSet<_>, _>>()?;
    let last = claimed.last().filter(|_| claimed.len() >= request.limit as usize);
    let Some(last) = last else {
        let mut round = SettledAndClaimed::read(&found)?;
        let rows = &mut round.rows;
        let looked = look_back(store, &mut connection, CLAIM_ALONE, now, request, request.limit, (from, rows)).await;
        // Rows that are already claimed are committed and must be handed over. If the database is down, the next
        // statement fails.
        if round.rows.is_empty() {
            looked?;
        }
        connection.commit().await?;
        return Ok(round);
    };
    store.heads.found(lane(request), from, *last, found[0].try_get("claimed_at")?);
    connection.commit_for(lane(request)).await?;
    drop(turn);
    // The next round has its statement on the way before these rows are read.
    tokio::task::yield_now().await;
    SettledAndClaimed::read(&found)
}

/// Where in its lane the reminder of a row stands; `None` if the row holds none.
fn head(row: &PgRow) -> Result<Option<ClaimPosition>, sqlx::Error> {
    let number: Option<i64> = row.try_get("reminder_id")?;
    number.map(|number| Ok((row.try_get("due_since")?, number))).transpose()
}

impl SettledAndClaimed {
    fn read(found: &[PgRow]) -> Result<Self, StoreError> {
        let first = found.first().ok_or(sqlx::Error::RowNotFound)?;
        let settled: i64 = first.try_get("settled")?;
        let claimed = if head(first)?.is_some() { found } else { &[] };
        let mut rows = Vec::with_capacity(claimed.len());
        for row in claimed {
            rows.push(ClaimRow::from_row(row)?);
        }
        rows.sort_by(|one, other| one.claim_order().cmp(&other.claim_order()));
        Ok(Self { settled: usize::try_from(settled).unwrap_or_default(), now: first.try_get("claimed_at")?, rows })
    }
}

fn lane(request: &ClaimRequest) -> QueueLane {
    (request.channel, request.gateway_index)
}

/// Adds what was put in behind the head, if not enough lay ahead of it; and keeps where the next claim is to look.
async fn look_back(
    store: &SqlStore,
    connection: &mut Connection,
    statement: &'static str,
    now: Option<Moment>,
    request: &ClaimRequest,
    limit: u32,
    (from, rows): (ClaimPosition, &mut Vec<ClaimRow>),
) -> Result<(), StoreError> {
    let left = limit.saturating_sub(reminders(rows));
    let enough = match left {
        0 => rows.last().map(|last| (from, last)),
        _ if from == BEGINNING => None,
        _ => {
            store.heads.exhausted(lane(request));
            let found = rows.len();
            rows.extend(claim_from(connection, statement, now, request, BEGINNING, left).await?);
            (reminders(&rows[found..]) >= left).then(|| rows.last().map(|last| (BEGINNING, last))).flatten()
        }
    };
    match enough {
        Some((from, last)) => store.heads.found(lane(request), from, last.head(), last.now),
        None => store.heads.exhausted(lane(request)),
    }
    Ok(())
}

/// Claims rows behind a head.
async fn claim_from(
    connection: &mut Connection,
    statement: &'static str,
    now: Option<Moment>,
    request: &ClaimRequest,
    from: ClaimPosition,
    limit: u32,
) -> Result<Vec<ClaimRow>, StoreError> {
    let found = bind_claim(sqlx::query(statement), now, request, from, limit).fetch_all(connection).await?;
    Ok(found.iter().map(ClaimRow::from_row).collect::<Result<_, _>>()?)
}

/// Binds what a claim wants to the next places of a statement.
fn bind_claim<'q>(
    statement: Query<'q, Postgres, PgArguments>,
    now: Option<Moment>,
    request: &'q ClaimRequest,
    (due_since, number): ClaimPosition,
    limit: u32,
) -> Query<'q, Postgres, PgArguments> {
    let fence = request.fence.as_ref();
    let marks = fence.map(|fence| fence.marks).unwrap_or_default();
    let beats = fence.and_then(|fence| fence.beats.as_ref());
    statement
        .bind(now)
        .bind(request.channel.as_str())
        .bind(i64::from(limit))
        .bind(stored_gateway_index(request.gateway_index))
        .bind(request.lease)
        .bind(request.gateway.as_str())
        .bind(due_since)
        .bind(number)
        .bind(fence.map(|fence| fence.generation.as_str()))
        .bind(fence.and_then(|fence| fence.timeline.as_deref()))
        .bind(marks.position)
        .bind(marks.events)
        .bind(marks.reminders)
        .bind(beats.map(|(daemon, _)| daemon.as_str()))
        .bind(beats.map_or(0, |(_, beats)| *beats))
}

/// How many reminders are in these rows, of which each may have several.
fn reminders(rows: &[ClaimRow]) -> u32 {
    let count = rows.chunk_by(|one, next| one.head() == next.head()).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Moves rows by events and records the events that moved one: one statement, where SQLite needs three.
const RECORD: &str = concat!(
    delete_finished!(),
    r#"kept as (
        update queue q set
            state = case
                when s.kind = 'unknown' and q.undelivered_at is null then 'unknown'
                when s.kind in ('unknown', 'accepted', 'failed') then 'falling_back'
                when s.kind = 'held' then 'held' else 'planned'
            end,
            hold_cause = case s.kind when 'held' then s.detail end,
            gateway = case s.kind when 'unknown' then q.gateway end,
            not_before = coalesce(
                case when s.kind in ('accepted', 'unknown') then q.undelivered_at end, s.not_before, q.not_before
            ),
            gateway_index = coalesce(s.gateway_index, q.gateway_index),
            undelivered_at = case when s.kind in ('accepted', 'unknown') then q.undelivered_at end,
            leased_until = null
        from said s
        where q.reminder_id = s.reminder_id and q.attempt = s.attempt and (
            s.kind in ('deferred', 'moved', 'held') and q.state = 'planned'
            or s.kind = 'held' and q.state = 'sending'
            or s.kind = 'retry' and q.state in ('sending', 'unknown')
            or s.kind in ('accepted', 'failed') and s.not_before is not null and q.state in ('sending', 'unknown')
            or s.kind = 'unknown' and q.state = 'sending'
        )
        returning s.*, q.undelivered_at
    ), moved as (
        select * from gone union all select * from kept
    ), "#,
    insert_events!(),
    " select reminder_id from moved"
);

/// The same for events that all end a reminder, as nearly all do: it need not look for rows to keep, which takes a
/// third less.
const RECORD_ENDS: &str =
    concat!(delete_finished!(), "moved as (select * from gone), ", insert_events!(), " select reminder_id from moved");

/// Lets rows rest for which another channel is tried now. Binds: numbers.
pub(super) const RELEASE: &str = r#"
    delete from queue where reminder_id = any ($1::bigint[]) and state = 'falling_back' returning reminder_id"#;

/// The causes of holds, each found behind the one before it: as many looks into the index as there are causes.
pub(super) const HOLDS: &str = r#"
    with recursive cause (hold_cause, channel) as (
        (select hold_cause, channel from queue where idle_state = 'held' order by hold_cause, channel limit 1)
        union all
        select next.hold_cause, next.channel
        from cause cross join lateral (
            select q.hold_cause, q.channel from queue q
            where q.idle_state = 'held' and (q.hold_cause, q.channel) > (cause.hold_cause, cause.channel)
            order by q.hold_cause, q.channel limit 1
        ) next
    )
    select hold_cause, channel from cause"#;

/// Gives held rows back to be decided, with an event each. `$wanted` chooses them among the rows `q`; rows that
/// somebody else releases are his.
macro_rules! released {
    ($now:literal, $($wanted:tt)+) => {
        concat!(
            "with wanted as (select q.reminder_id, q.hold_cause from queue q where q.idle_state = 'held' and ",
            $($wanted)+,
            r#" for update skip locked), released as (
                update queue q set state = 'planned', hold_cause = null,
                    gateway_index = q.gateway_index - q.gateway_index % 16, not_before = "#,
            $now,
            r#" from wanted w where q.reminder_id = w.reminder_id and q.state = 'held'
                returning q.reminder_id, q.attempt, w.hold_cause
            )
            insert into event (reminder_id, attempt, at, kind, detail)
            select reminder_id, attempt, "#,
            $now,
            ", 'released', hold_cause from released"
        )
    };
}

/// Binds: now, cause, channel, limit.
const RELEASE_CAUSE: &str =
    released!("$1", "q.hold_cause = $2 and q.channel = $3 order by q.hold_cause, q.channel, q.reminder_id limit $4");

/// Binds: now, limit.
const RELEASE_EXPIRED: &str = released!("$1", "q.not_before <= $1 order by q.not_before limit $2");

/// Of the due dates that have changed. Binds: now, numbers of changes.
const RELEASE_CHANGED: &str = released!(
    "$1",
    r#"(q.hold_cause like 'no_route:%' or q.hold_cause like 'bad_template:%') and q.reminder_id = any (array(
        select r.id from ledger_change c
        join reminder r on r.borrower_id = c.borrower_id and r.merchant = c.merchant and r.due_date = c.due_date
        where c.id = any ($2::bigint[])))"#
);

/// Releases rows of due dates about which the ledger has changed, if they are held for what the ledger has a part in:
/// the route that an instalment leads to, and the values that a template renders.
pub(super) async fn release_changed(
    connection: &mut Connection,
    now: Moment,
    changes: &[i64],
) -> Result<(), StoreError> {
    sqlx::query(RELEASE_CHANGED).bind(now).bind(changes).execute(connection).await?;
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
    let released = sqlx::query(RELEASE_CAUSE).bind(now).bind(cause).bind(channel).bind(i64::from(limit));
    Ok(released.execute(connection).await?.rows_affected())
}

/// Releases up to `limit` rows whose reminders have expired. Gives how many.
pub(super) async fn release_expired(connection: &mut Connection, now: Moment, limit: u32) -> Result<u64, StoreError> {
    let released = sqlx::query(RELEASE_EXPIRED).bind(now).bind(i64::from(limit));
    Ok(released.execute(connection).await?.rows_affected())
}

/// Sets the times at which unknown rows are checked next. Binds: numbers, attempts, times.
pub(super) const LOOK_AGAIN: &str = r#"
    update queue q set not_before = l.look_at
    from unnest($1::bigint[], $2::int[], $3::timestamptz[]) as l (reminder_id, attempt, look_at)
    where q.reminder_id = l.reminder_id and q.attempt = l.attempt and q.state = 'unknown'"#;

/// Records the moves that are still legal. Gives the numbers of the reminders that were moved.
pub(super) async fn record(
    connection: &mut Connection,
    moves: Batch<'_, &Move>,
    all_end: bool,
) -> Result<Vec<i64>, StoreError> {
    let moved: Vec<(i64,)> =
        moves.query_as(if all_end { RECORD_ENDS } else { RECORD })?.fetch_all(&mut *connection).await?;
    Ok(moved.into_iter().map(|(id,)| id).collect())
}
