//! Statements on `reminder` that take a batch: SQLite takes it as JSON. Rows: the columns in the order of an insert,
//! and whether each is sole.

use crate::domain::{NewReminder, ReminderId, SkipReason};
use crate::store::StoreError;
use crate::store::sql::gateway_list::all_own_lists;
use crate::store::sql::value::Moment;

use super::{Batch, Tx};

/// SQLite plans without statistics of the queue.
pub(super) const REFRESH_STATISTICS: Option<&str> = None;

/// Puts reminders in; a key that is there already is passed over.
const INSERT: &str = r#"
    insert into reminder (
        merchant, borrower_id, due_date, step, channel, origin, actor, reason, resend_of,
        planned_at, not_before, expires_at
    )
    select
        value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
            value ->> 8,
        value ->> 9, value ->> 10, value ->> 11
    from json_each($1)
    where not (value ->> 12 and exists (
        select 1 from reminder r
        where r.borrower_id = value ->> 1 and r.merchant = value ->> 0 and r.due_date = value ->> 2
          and r.step = value ->> 3
    ))
    on conflict (borrower_id, merchant, due_date, step, channel) do nothing
    returning id"#;

/// Gives the reminders that were put in their queue rows: SQLite has no insert within a `with`. Rows: number; then
/// binds: the lists of gateways of merchants' own, each with merchant, channel and gateway index.
const ENQUEUE: &str = r#"
    insert into queue (reminder_id, not_before, attempt, gateway_index, channel, state)
    select r.id, r.not_before, 0, coalesce(own.value ->> 2, 0), r.channel, 'planned'
    from json_each($1) k cross join reminder r on r.id = k.value ->> 0
    left join json_each($2) own on own.value ->> 0 = r.merchant and own.value ->> 1 = r.channel"#;

/// Says why reminders that were put in are skipped. Rows: number; then bind: now, reason.
const SKIP: &str = r#"
    insert into event (reminder_id, attempt, at, kind, detail)
    select value ->> 0, 0, $2, 'skipped', $3 from json_each($1)"#;

/// The reminders of steps on any channel, each with its progress: the queue row, else the last event. Rows: place,
/// merchant, borrower, due date, step.
pub(super) const KNOWN: &str = r#"
    select k.value ->> 0 as place, r.id as reminder_id, r.channel, r.not_before, r.expires_at, q.state, q.attempt,
        e.kind, e.detail, e.attempt as last_attempt
    from json_each($1) k
    cross join reminder r
      on r.borrower_id = k.value ->> 2 and r.merchant = k.value ->> 1 and r.due_date = k.value ->> 3
     and r.step = k.value ->> 4
    left join queue q on q.reminder_id = r.id
    left join event e
      on q.reminder_id is null and e.id = (select max(l.id) from event l where l.reminder_id = r.id)"#;

/// Plans reminders again. Rows: number, attempt, time, channel, merchant; then binds: as of [`ENQUEUE`].
const REVIVE: &str = r#"
    insert into queue (reminder_id, not_before, attempt, gateway_index, channel, state)
    select k.value ->> 0, k.value ->> 2, k.value ->> 1, coalesce(own.value ->> 2, 0), k.value ->> 3, 'planned'
    from json_each($1) k
    left join json_each($2) own on own.value ->> 0 = k.value ->> 4 and own.value ->> 1 = k.value ->> 3
    where true
    on conflict (reminder_id) do nothing
    returning reminder_id, attempt"#;

/// Gives reminders other times. Rows: number, not before, expires at.
const SET_TIMES: &str = r#"
    update reminder set not_before = k.not_before, expires_at = k.expires_at
    from (
        select value ->> 0 as id, value ->> 1 as not_before, value ->> 2 as expires_at from json_each($1)
    ) k
    where reminder.id = k.id"#;

/// Those of which an attempt may have arrived. Rows: number.
pub(super) const IN_DOUBT: &str = r#"
    select distinct reminder_id from event
    where reminder_id in (select value ->> 0 from json_each($1)) and kind = 'unknown'"#;

/// Says that reminders were planned again. Rows: number, attempt, now.
const REVIVED: &str = r#"
    insert into event (reminder_id, attempt, at, kind)
    select value ->> 0, value ->> 1, value ->> 2, 'revived' from json_each($1)"#;

/// The lists of merchants' own, as rows.
fn own_lists(tx: &Tx) -> Result<String, StoreError> {
    let own = tx.gateway_lists().map(|lists| all_own_lists(&lists)).unwrap_or_default();
    let rows = Batch::of(&own).column(|list| list.merchant.as_str())?.column(|list| list.channel)?;
    Ok(rows.column(|list| list.first_index)?.json())
}

/// Puts in what is not there yet. Gives the numbers of what was put in.
pub(super) async fn insert<R>(tx: &mut Tx, reminders: Batch<'_, R>) -> Result<Vec<ReminderId>, StoreError> {
    let ids: Vec<(i64,)> = reminders.query_as(INSERT)?.fetch_all(&mut **tx).await?;
    let own = own_lists(tx)?;
    Batch::of(&ids).column(|(id,)| *id)?.query(ENQUEUE)?.bind(own).execute(&mut **tx).await?;
    Ok(ids.into_iter().map(|(id,)| ReminderId(id)).collect())
}

/// The same, but as skipped.
pub(super) async fn insert_skipped<R>(
    tx: &mut Tx,
    reminders: Batch<'_, R>,
    reason: SkipReason,
    at: Moment,
) -> Result<Vec<ReminderId>, StoreError> {
    let ids: Vec<(i64,)> = reminders.query_as(INSERT)?.fetch_all(&mut **tx).await?;
    Batch::of(&ids).column(|(id,)| *id)?.query(SKIP)?.bind(at).bind(reason.as_str()).execute(&mut **tx).await?;
    Ok(ids.into_iter().map(|(id,)| ReminderId(id)).collect())
}

/// Plans them again, at `at`. Gives the numbers.
pub(super) async fn revive<R>(tx: &mut Tx, reminders: Batch<'_, R>, at: Moment) -> Result<Vec<ReminderId>, StoreError> {
    let back: Vec<(i64, i32)> = reminders.query_as(REVIVE)?.bind(own_lists(tx)?).fetch_all(&mut **tx).await?;
    let events = Batch::of(&back).column(|(id, _)| *id)?.column(|(_, attempt)| *attempt)?.column(|_| at)?;
    events.query(REVIVED)?.execute(&mut **tx).await?;
    Ok(back.into_iter().map(|(id, _)| ReminderId(id)).collect())
}

/// Gives each the times of the one called for.
pub(super) async fn set_times(tx: &mut Tx, timed: &[(ReminderId, &NewReminder)]) -> Result<(), StoreError> {
    if timed.is_empty() {
        return Ok(());
    }
    let rows = Batch::of(timed)
        .column(|(id, _)| id.0)?
        .column(|(_, one)| Moment(one.not_before))?
        .column(|(_, one)| Moment(one.expires_at))?;
    rows.query(SET_TIMES)?.execute(&mut **tx).await?;
    Ok(())
}
