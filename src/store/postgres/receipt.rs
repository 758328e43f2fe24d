//! Statements for receipts: PostgreSQL takes a batch as one array for each column.

use crate::store::StoreError;
use crate::store::sql::receipt::{StandingRow, standing};

use super::{Batch, Tx};

/// Receipts take turns: two for one reminder that is done have no queue row to lock, and both would count.
const TURN: &str = "select pg_advisory_xact_lock(hashtext('dueherald receipts'))";

/// Locks the queue rows of reminders, so that no answer is settled in between. Binds: numbers.
const LOCK: &str =
    "select reminder_id from queue where reminder_id = any ($1::bigint[]) order by reminder_id for update";

/// The standing of reminders. Binds: numbers.
const STANDING: &str = standing!("unnest($1::bigint[]) as k (id) join reminder r on r.id = k.id");

/// Records events as they are. Binds: the columns in the order of the insert.
pub(super) const APPEND: &str = r#"
    insert into event (reminder_id, attempt, at, kind, gateway, provider_id, detail)
    select * from unnest(
        $1::bigint[], $2::int[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[]
    )"#;

/// Takes locked rows out. Binds: numbers.
pub(super) const REMOVE: &str = "delete from queue where reminder_id = any ($1::bigint[])";

/// Marks locked rows. Binds: numbers, times of the next channel, times of early receipts.
pub(super) const MARK: &str = r#"
    update queue q set
        state = case when m.not_before is null then q.state else 'falling_back' end,
        gateway = case when m.not_before is null then q.gateway end,
        not_before = coalesce(m.not_before, q.not_before), undelivered_at = coalesce(m.undelivered_at, q.undelivered_at)
    from unnest($1::bigint[], $2::timestamptz[], $3::timestamptz[]) as m (reminder_id, not_before, undelivered_at)
    where q.reminder_id = m.reminder_id"#;

/// Locks reminders against answers and other receipts, and says what is known of them.
pub(super) async fn lock(tx: &mut Tx, ids: &[i64]) -> Result<Vec<StandingRow>, StoreError> {
    sqlx::query(TURN).execute(&mut **tx).await?;
    Batch::of(ids).column(|id| *id)?.query(LOCK)?.execute(&mut **tx).await?;
    Ok(Batch::of(ids).column(|id| *id)?.query_as(STANDING)?.fetch_all(&mut **tx).await?)
}
