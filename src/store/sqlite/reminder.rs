//! Statements on `reminder` that take a batch: SQLite takes it as JSON. Rows: the columns in the order of an insert, and whether
//! each is sole.

use crate::domain::{ReminderId, SkipReason};
use crate::store::StoreError;
use crate::store::sql::value::Moment;

use super::{Batch, Tx};

/// Puts reminders in; a key that is there already is passed over.
const INSERT: &str = r#"
    insert into reminder (
        merchant, borrower_id, due_date, step, channel, origin, actor, reason, resend_of,
        planned_at, not_before, expires_at
    )
    select
        value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
        value ->> 9, value ->> 10, value ->> 11
    from json_each($1)
    where not (value ->> 12 and exists (
        select 1 from reminder r
        where r.borrower_id = value ->> 1 and r.merchant = value ->> 0 and r.due_date = value ->> 2
          and r.step = value ->> 3
    ))
    on conflict (borrower_id, merchant, due_date, step, channel) do nothing
    returning id"#;

/// Gives the reminders that were put in their queue rows: SQLite has no insert within a `with`. Rows: number.
const ENQUEUE: &str = r#"
    insert into queue (reminder_id, not_before, attempt, place, channel, state)
    select r.id, r.not_before, 0, 0, r.channel, 'planned'
    from json_each($1) k cross join reminder r on r.id = k.value ->> 0"#;

/// Says why reminders that were put in are skipped. Rows: number; then bind: now, reason.
const SKIP: &str = r#"
    insert into event (reminder_id, attempt, at, kind, detail)
    select value ->> 0, 0, $2, 'skipped', $3 from json_each($1)"#;

/// Plans again what was skipped because the books said so.
const REVIVE: &str = r#"
    insert into queue (reminder_id, not_before, attempt, place, channel, state)
    select r.id, k.value ->> 10, e.attempt, 0, r.channel, 'planned'
    from json_each($1) k
    cross join reminder r
      on r.borrower_id = k.value ->> 1 and r.merchant = k.value ->> 0 and r.due_date = k.value ->> 2
     and r.step = k.value ->> 3 and r.channel = k.value ->> 4 and r.expires_at > k.value ->> 9
    cross join event e on e.id = (select max(l.id) from event l where l.reminder_id = r.id)
    where e.kind = 'skipped' and e.detail in ('paid', 'cancelled', 'rescheduled', 'unknown_merchant')
    on conflict (reminder_id) do nothing
    returning reminder_id, attempt"#;

/// Says that reminders were planned again. Rows: number, attempt, now.
const REVIVED: &str = r#"
    insert into event (reminder_id, attempt, at, kind)
    select value ->> 0, value ->> 1, value ->> 2, 'revived' from json_each($1)"#;

/// Puts in what is not there yet. Gives the numbers of what was put in.
pub(super) async fn insert<R>(tx: &mut Tx, reminders: Batch<'_, R>) -> Result<Vec<ReminderId>, StoreError> {
    let ids: Vec<(i64,)> = reminders.query_as(INSERT)?.fetch_all(&mut **tx).await?;
    Batch::of(&ids).column(|(id,)| *id)?.query(ENQUEUE)?.execute(&mut **tx).await?;
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

/// Plans again what may be, at `at`. Gives the numbers.
pub(super) async fn revive<R>(tx: &mut Tx, reminders: Batch<'_, R>, at: Moment) -> Result<Vec<ReminderId>, StoreError> {
    let back: Vec<(i64, i32)> = reminders.query_as(REVIVE)?.fetch_all(&mut **tx).await?;
    let events = Batch::of(&back).column(|(id, _)| *id)?.column(|(_, attempt)| *attempt)?.column(|_| at)?;
    events.query(REVIVED)?.execute(&mut **tx).await?;
    Ok(back.into_iter().map(|(id, _)| ReminderId(id)).collect())
}
