//! Statements on `queue` that lock, or that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::sql::queue::{ClaimRow, Move, facts, head_of_lane};
use crate::store::sql::value::{Moment, stored_place};
use crate::store::{ClaimRequest, StoreError};

use super::head::{BEGINNING, Head};
use super::{Batch, Connection, End};

/// Puts due rows under a lease and gives the facts about each: one statement, where SQLite needs two. Rows are found again by where
/// they lie, which spares a look into the index for each; one that was moved after this statement began is left to the next claim.
/// An array, not a subquery: the planner then does not take the limit, which it cannot see, for a tenth of the table, and reads no
/// table whole. `skip locked`, so that two claimers never wait for each other. The time comes with the rows unless it is given, which
/// spares asking for it. Binds: as of `head_of_lane`; then the lease, the gateway, and the head.
const CLAIM: &str = concat!(
    r#"with claimed as (
        update queue q set
            state = 'sending', attempt = q.attempt + 1, lease_until = coalesce($1, now()) + $5, gateway = $6
        where q.ctid = any (array(select q.ctid"#,
    head_of_lane!("coalesce($1, now())", " and (q.not_before, q.reminder_id) > ($7, $8)"),
    r#" for update skip locked))
        returning q.reminder_id, q.attempt, q.not_before
    ) "#,
    facts!("coalesce($1, now())", "claimed")
);

/// Takes back what was claimed in the same transaction. Binds: numbers.
pub(super) const GIVE_BACK: &str = r#"
    update queue set state = 'planned', attempt = attempt - 1, lease_until = null, gateway = null
    where reminder_id = any ($1::bigint[]) and state = 'sending'"#;

/// Puts up to `limit` due rows under a lease. Gives the facts about each.
pub(super) async fn claim(
    end: &End,
    connection: &mut Connection,
    now: Option<Moment>,
    request: &ClaimRequest,
    limit: u32,
) -> Result<Vec<ClaimRow>, StoreError> {
    let lane = (request.channel, request.place);
    let from = end.heads.of(lane);
    let mut rows = claim_from(connection, now, request, from, limit).await?;
    let left = limit.saturating_sub(reminders(&rows));
    let enough = match left {
        0 => rows.last().map(|last| (from, last)),
        _ if from == BEGINNING => None,
        // What was put in behind the head.
        _ => {
            let found = rows.len();
            rows.extend(claim_from(connection, now, request, BEGINNING, left).await?);
            (reminders(&rows[found..]) >= left).then(|| rows.last().map(|last| (BEGINNING, last))).flatten()
        }
    };
    match enough {
        Some((from, last)) => end.heads.found(lane, from, last),
        None => end.heads.exhausted(lane),
    }
    Ok(rows)
}

/// The same for rows behind a head.
async fn claim_from(
    connection: &mut Connection,
    now: Option<Moment>,
    request: &ClaimRequest,
    (due_since, number): Head,
    limit: u32,
) -> Result<Vec<ClaimRow>, StoreError> {
    let claimed = sqlx::query_as(CLAIM)
        .bind(now)
        .bind(request.channel.as_str())
        .bind(i64::from(limit))
        .bind(stored_place(request.place))
        .bind(request.lease)
        .bind(request.gateway.as_str())
        .bind(due_since)
        .bind(number);
    Ok(claimed.fetch_all(connection).await?)
}

/// How many reminders are in these rows, of which each may have several.
fn reminders(rows: &[ClaimRow]) -> u32 {
    let count = rows.chunk_by(|one, next| one.head() == next.head()).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Takes rows out by the events that end a reminder. Binds: the columns of `said`.
macro_rules! gone {
    () => {
        r#"
    with said as (
        select * from unnest(
            $1::bigint[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::timestamptz[], $9::smallint[], $10::text[]
        ) as s (reminder_id, attempt, at, kind, gateway, provider_id, detail, not_before, place, route)
    ), gone as (
        delete from queue q using said s
        where q.reminder_id = s.reminder_id and q.attempt = s.attempt and (
            s.kind = 'skipped' and q.state = 'planned'
            or s.kind in ('accepted', 'failed') and s.not_before is null and q.state in ('sending', 'unknown')
            or s.kind = 'unknown' and q.state = 'sending' and q.undelivered_at is not null
        )
        returning q.reminder_id, q.attempt, q.undelivered_at
    ), "#
    };
}

/// Records the events that moved a row, unless an early receipt stands.
macro_rules! told {
    () => {
        r#"
    told as (
        insert into event (reminder_id, attempt, at, kind, gateway, provider_id, detail, route)
        select s.reminder_id, s.attempt, s.at, s.kind, s.gateway, s.provider_id, s.detail, s.route
        from moved m join said s using (reminder_id, attempt)
        where m.undelivered_at is null or s.kind not in ('accepted', 'unknown')
    )
    select reminder_id from moved"#
    };
}

/// Moves rows by events and records the events that moved one: one statement, where SQLite needs three.
const RECORD: &str = concat!(
    gone!(),
    r#"kept as (
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
    ), "#,
    told!()
);

/// The same for events that all end a reminder, as nearly all do: it need not look for rows to keep, which takes a third less.
const RECORD_ENDS: &str = concat!(gone!(), "moved as (select * from gone), ", told!());

/// Lets rows rest for which another channel is tried now. Binds: numbers.
pub(super) const RELEASE: &str = r#"
    delete from queue where reminder_id = any ($1::bigint[]) and state = 'falling_back' returning reminder_id"#;

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
