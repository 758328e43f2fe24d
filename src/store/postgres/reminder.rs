//! Statements on `reminder` that take a batch: PostgreSQL takes it as one array for each column.

use crate::domain::{ReminderId, SkipReason};
use crate::store::StoreError;
use crate::store::sql::value::Moment;

use super::{Batch, Tx};

/// A batch as the table `wanted`. Binds: the columns in the order of an insert, and whether each is sole.
macro_rules! wanted {
    () => {
        r#"
    with wanted as (
        select * from unnest(
            $1::text[], $2::text[], $3::date[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],
            $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::bool[]
        ) as w (
            merchant, borrower_id, due_date, step, channel, origin, actor, reason, resend_of,
            planned_at, not_before, expires_at, is_sole
        )
    )"#
    };
}

/// Puts in what is wanted and not there yet. What is there is sorted out before the insert, which is twice as quick as to run into
/// the unique key; the key stays the backstop for two scans at once. Sorted out by a subquery of its own, not by `not exists`: that
/// would become a join, and a plan that was made while the table was empty would read all of it for every row.
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
        returning id, channel, not_before
    )"#
    };
}

/// Puts reminders and their queue rows in: one statement, where SQLite needs two.
const INSERT: &str = concat!(
    wanted!(),
    planned!(),
    r#"
    insert into queue (reminder_id, not_before, attempt, place, channel, state)
    select id, not_before, 0, 0, channel, 'planned' from planned
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

/// Plans again what was skipped because the books said so. Binds besides: now.
const REVIVE: &str = concat!(
    wanted!(),
    r#", queued as (
        insert into queue (reminder_id, not_before, attempt, place, channel, state)
        select r.id, w.not_before, e.attempt, 0, r.channel, 'planned'
        from wanted w
        cross join lateral (
            select r.id, r.channel from reminder r
            where r.borrower_id = w.borrower_id and r.merchant = w.merchant and r.due_date = w.due_date
              and r.step = w.step and r.channel = w.channel and r.expires_at > w.planned_at
            offset 0
        ) r
        cross join lateral (
            select l.attempt, l.kind, l.detail from event l where l.reminder_id = r.id order by l.id desc limit 1
        ) e
        where e.kind = 'skipped' and e.detail in ('paid', 'cancelled', 'rescheduled', 'unknown_merchant')
        on conflict (reminder_id) do nothing
        returning reminder_id, attempt
    )
    insert into event (reminder_id, attempt, at, kind)
    select reminder_id, attempt, $14, 'revived' from queued
    returning reminder_id"#
);

/// Puts in what is not there yet. Gives the numbers of what was put in.
pub(super) async fn insert<R>(tx: &mut Tx, reminders: Batch<'_, R>) -> Result<Vec<ReminderId>, StoreError> {
    let ids: Vec<(i64,)> = reminders.query_as(INSERT)?.fetch_all(&mut **tx).await?;
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

/// Plans again what may be, at `at`. Gives the numbers.
pub(super) async fn revive<R>(tx: &mut Tx, reminders: Batch<'_, R>, at: Moment) -> Result<Vec<ReminderId>, StoreError> {
    let ids: Vec<(i64,)> = reminders.query_as(REVIVE)?.bind(at).fetch_all(&mut **tx).await?;
    Ok(ids.into_iter().map(|(id,)| ReminderId(id)).collect())
}
