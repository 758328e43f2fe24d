//! Statements on `reminder` that take a batch: PostgreSQL takes it as one array for each column.

use crate::domain::{NewReminder, ReminderId, SkipReason};
use crate::store::StoreError;
use crate::store::sql::gateway_list::all_own_lists;
use crate::store::sql::value::Moment;

use super::{Batch, Tx};

/// Analyses the queue, which lets every session plan anew. Claims go on meanwhile.
pub(super) const REFRESH_STATISTICS: Option<&str> = Some("select analyse_queue()");

/// A batch as the table `wanted`. Binds: the columns in the order of an insert, and whether each is sole.
macro_rules! wanted {
    () => {
        r#"
    with wanted as (
        select * from unnest(
            $1::text[], $2::text[], $3::date[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::text[], $9::bigint[],
            $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::bool[]
        ) as w (
            merchant, borrower_id, due_date, step, channel, origin, actor, reason, resend_of,
            planned_at, not_before, expires_at, is_sole
        )
    )"#
    };
}

/// Puts in what is wanted and not there yet. What is there is sorted out before the insert, which is twice as quick as
/// to run into the unique key; the key stays the backstop for two scans at once. Sorted out by a subquery of its own,
/// not by `not exists`: that would become a join, and a plan that was made while the table was empty would read all of
/// it for every row.
macro_rules! planned {
    () => {
        r#", planned as (
        insert into reminder (
            merchant, borrower_id, due_date, step, channel, origin, actor, reason, resend_of,
            planned_at, not_before, expires_at
        )
        select
            merchant, borrower_id, due_date, step, channel, origin, actor, reason, resend_of,
            planned_at, not_before, expires_at
        from wanted w where (
            select r.id from reminder r
            where r.borrower_id = w.borrower_id and r.merchant = w.merchant and r.due_date = w.due_date
              and r.step = w.step and (r.channel = w.channel or w.is_sole)
            limit 1
        ) is null
        on conflict (borrower_id, merchant, due_date, step, channel) do nothing
        returning id, merchant, channel, not_before
    )"#
    };
}

/// The lists of gateways of merchants' own; none has any as a rule. Binds: merchants, channels, gateway indexes.
macro_rules! own_lists {
    ($merchants:literal, $channels:literal, $indexes:literal) => {
        concat!(
            "unnest(",
            $merchants,
            "::text[], ",
            $channels,
            "::text[], ",
            $indexes,
            "::smallint[]) as own (merchant, channel, first_index)"
        )
    };
}

/// Puts reminders and their queue rows in: one statement, where SQLite needs two. Binds besides: as of [`own_lists`].
const INSERT: &str = concat!(
    wanted!(),
    planned!(),
    r#"
    insert into queue (reminder_id, not_before, attempt, gateway_index, channel, state)
    select p.id, p.not_before, 0, coalesce(own.first_index, 0), p.channel, 'planned'
    from planned p left join "#,
    own_lists!("$14", "$15", "$16"),
    r#" on own.merchant = p.merchant and own.channel = p.channel
    returning reminder_id"#
);

/// Puts reminders in that are skipped. Binds besides: now, reason.
const INSERT_SKIPPED: &str = concat!(
    wanted!(),
    planned!(),
    r#"
    insert into event (reminder_id, attempt, at, kind, detail)
    select id, 0, $14, 'skipped', $15 from planned
    returning reminder_id"#
);

/// The reminders of steps on any channel, each with its progress: the queue row, else the last event. Joined step by
/// step, so that no plan reads a whole table. Binds: places, merchants, borrowers, due dates, steps.
pub(super) const KNOWN: &str = r#"
    select w.place, r.id as reminder_id, r.channel, r.not_before, r.expires_at, q.state, q.attempt,
        e.kind, e.detail, e.attempt as last_attempt
    from unnest($1::bigint[], $2::text[], $3::text[], $4::date[], $5::text[])
        as w (place, merchant, borrower_id, due_date, step)
    cross join lateral (
        select r.id, r.channel, r.not_before, r.expires_at from reminder r
        where r.borrower_id = w.borrower_id and r.merchant = w.merchant and r.due_date = w.due_date and r.step = w.step
        offset 0
    ) r
    left join lateral (
        select q.reminder_id, q.state, q.attempt from queue q where q.reminder_id = r.id offset 0
    ) q on true
    left join lateral (
        select l.attempt, l.kind, l.detail from event l
        where l.reminder_id = r.id and q.reminder_id is null order by l.id desc limit 1
    ) e on true"#;

/// Plans reminders again. Binds: numbers, attempts, times, channels, merchants; now; then as of [`own_lists`].
const REVIVE: &str = concat!(
    r#"
    with queued as (
        insert into queue (reminder_id, not_before, attempt, gateway_index, channel, state)
        select k.id, k.not_before, k.attempt, coalesce(own.first_index, 0), k.channel, 'planned'
        from unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::text[], $5::text[])
            as k (id, attempt, not_before, channel, merchant)
        left join "#,
    own_lists!("$7", "$8", "$9"),
    r#" on own.merchant = k.merchant and own.channel = k.channel
        on conflict (reminder_id) do nothing
        returning reminder_id, attempt
    )
    insert into event (reminder_id, attempt, at, kind)
    select reminder_id, attempt, $6, 'revived' from queued
    returning reminder_id"#
);

/// Gives reminders other times. Binds: numbers, not before, expire at.
const SET_TIMES: &str = r#"
    update reminder r set not_before = k.not_before, expires_at = k.expires_at
    from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) as k (id, not_before, expires_at)
    where r.id = k.id"#;

/// Those of which an attempt may have arrived. Binds: numbers.
pub(super) const IN_DOUBT: &str =
    "select distinct reminder_id from event where reminder_id = any ($1::bigint[]) and kind = 'unknown'";

/// The lists of merchants' own, as columns.
struct OwnColumns {
    merchants: Vec<String>,
    channels: Vec<&'static str>,
    first_indexes: Vec<i16>,
}

impl OwnColumns {
    fn of(tx: &Tx) -> Self {
        let mut columns = Self { merchants: Vec::new(), channels: Vec::new(), first_indexes: Vec::new() };
        for list in tx.gateway_lists().iter().flat_map(|lists| all_own_lists(lists)) {
            columns.merchants.push(list.merchant);
            columns.channels.push(list.channel);
            columns.first_indexes.push(list.first_index);
        }
        columns
    }
}

/// Puts in what is not there yet. Gives the numbers of what was put in.
pub(super) async fn insert<R>(tx: &mut Tx, reminders: Batch<'_, R>) -> Result<Vec<ReminderId>, StoreError> {
    let own = OwnColumns::of(tx);
    let insert = reminders.query_as(INSERT)?.bind(own.merchants).bind(own.channels).bind(own.first_indexes);
    let ids: Vec<(i64,)> = insert.fetch_all(&mut **tx).await?;
    Ok(ids.into_iter().map(|(id,)| ReminderId(id)).collect())
}

/// The same, but as skipped.
pub(super) async fn insert_skipped<R>(
    tx: &mut Tx,
    reminders: Batch<'_, R>,
    reason: SkipReason,
    at: Moment,
) -> Result<Vec<ReminderId>, StoreError> {
    let ids: Vec<(i64,)> =
        reminders.query_as(INSERT_SKIPPED)?.bind(at).bind(reason.as_str()).fetch_all(&mut **tx).await?;
    Ok(ids.into_iter().map(|(id,)| ReminderId(id)).collect())
}

/// Plans them again, at `at`. Gives the numbers.
pub(super) async fn revive<R>(tx: &mut Tx, reminders: Batch<'_, R>, at: Moment) -> Result<Vec<ReminderId>, StoreError> {
    let own = OwnColumns::of(tx);
    let revive = reminders.query_as(REVIVE)?.bind(at).bind(own.merchants).bind(own.channels).bind(own.first_indexes);
    let ids: Vec<(i64,)> = revive.fetch_all(&mut **tx).await?;
    Ok(ids.into_iter().map(|(id,)| ReminderId(id)).collect())
}

/// Gives each the times of the one called for.
pub(super) async fn set_times(tx: &mut Tx, timed: &[(ReminderId, &NewReminder)]) -> Result<(), StoreError> {
    if timed.is_empty() {
        return Ok(());
    }
    Batch::of(timed)
        .column(|(id, _)| id.0)?
        .column(|(_, one)| Moment(one.not_before))?
        .column(|(_, one)| Moment(one.expires_at))?
        .query(SET_TIMES)?
        .execute(&mut **tx)
        .await?;
    Ok(())
}
