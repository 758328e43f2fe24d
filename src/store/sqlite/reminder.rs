//! Statements on `reminder` that take a batch: SQLite takes it as JSON.

use crate::domain::ReminderId;
use crate::store::StoreError;

use super::{Batch, Tx};

/// Puts reminders in; a key that is there already is passed over. Rows: the columns in the order of the insert.
const INSERT: &str = r#"
    insert into reminder (
        merchant, borrower_id, due_date, step, channel, origin, actor, reason, resend_of,
        planned_at, not_before, expires_at
    )
    select
        value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8,
        value ->> 9, value ->> 10, value ->> 11
    from json_each($1) where true
    on conflict (borrower_id, merchant, due_date, step, channel) do nothing
    returning id"#;

/// Gives the reminders that were put in their queue rows: SQLite has no insert within a `with`. Rows: number.
const ENQUEUE: &str = r#"
    insert into queue (reminder_id, not_before, attempt, place, channel, state)
    select r.id, r.not_before, 0, 0, r.channel, 'planned'
    from json_each($1) k cross join reminder r on r.id = k.value ->> 0"#;

/// Puts in what is not there yet. Gives the numbers of what was put in.
pub(super) async fn insert<R>(tx: &mut Tx, reminders: Batch<'_, R>) -> Result<Vec<ReminderId>, StoreError> {
    let ids: Vec<(i64,)> = reminders.query_as(INSERT)?.fetch_all(&mut **tx).await?;
    Batch::of(&ids).column(|(id,)| *id)?.query(ENQUEUE)?.execute(&mut **tx).await?;
    Ok(ids.into_iter().map(|(id,)| ReminderId(id)).collect())
}
