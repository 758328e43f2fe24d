//! Statements on `reminder` that take a batch: PostgreSQL takes it as one array for each column.

use crate::domain::ReminderId;
use crate::store::StoreError;

use super::{Batch, Tx};

/// Puts reminders and their queue rows in: one statement, where SQLite needs two. Those that are there are sorted out before the
/// insert, which is twice as quick as to run into the unique key; the key stays the backstop for two scans at once. Binds: the
/// columns in the order of the insert.
const INSERT: &str = r#"
    with wanted as (
        select * from unnest(
            $1::text[], $2::text[], $3::date[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bigint[],
            $10::timestamptz[], $11::timestamptz[], $12::timestamptz[]
        ) as w (
            merchant, borrower_id, due_date, step, channel, origin, actor, reason, resend_of,
            planned_at, not_before, expires_at
        )
    ), planned as (
        insert into reminder (
            merchant, borrower_id, due_date, step, channel, origin, actor, reason, resend_of,
            planned_at, not_before, expires_at
        )
        select * from wanted w where not exists (
            select 1 from reminder r
            where r.borrower_id = w.borrower_id and r.merchant = w.merchant and r.due_date = w.due_date
              and r.step = w.step and r.channel = w.channel
        )
        on conflict (borrower_id, merchant, due_date, step, channel) do nothing
        returning id, channel, not_before
    )
    insert into queue (reminder_id, not_before, attempt, place, channel, state)
    select id, not_before, 0, 0, channel, 'planned' from planned
    returning reminder_id"#;

/// Puts in what is not there yet. Gives the numbers of what was put in.
pub(super) async fn insert<R>(tx: &mut Tx, reminders: Batch<'_, R>) -> Result<Vec<ReminderId>, StoreError> {
    let ids: Vec<(i64,)> = reminders.query_as(INSERT)?.fetch_all(&mut **tx).await?;
    Ok(ids.into_iter().map(|(id,)| ReminderId(id)).collect())
}
