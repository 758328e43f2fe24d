//! Statements on `reject` that take a batch: SQLite takes it as JSON. `cross join` keeps the batch the outer loop.

use crate::store::sql::reject::reject_columns;

/// The kept records of a batch's instalments, oldest first. Rows: merchant, number.
pub(super) const OF_BATCH: &str = concat!(
    "select ",
    reject_columns!(),
    r#"
    from json_each($1) k
    cross join reject x on x.installment_id = k.value ->> 1 and x.merchant = k.value ->> 0
    order by x.at, x.id"#
);

/// Keeps records, each in the place of the one of the same source and instalment; the same again stays as it is. Rows:
/// the columns; then bind: now.
pub(super) const KEEP: &str = r#"
    insert into reject (installment_id, merchant, source, digest, kind, is_vanished, waits, cells, reason, at)
    select
        value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, $2
    from json_each($1) where true
    on conflict (installment_id, merchant, source, digest) do update set
        kind = excluded.kind, is_vanished = excluded.is_vanished, waits = excluded.waits, cells = excluded.cells,
        reason = excluded.reason, at = excluded.at
    where (reject.kind, reject.is_vanished, reject.waits, reject.cells, reject.reason)
        is not (excluded.kind, excluded.is_vanished, excluded.waits, excluded.cells, excluded.reason)"#;

/// Keeps records no longer. Rows: number.
pub(super) const END: &str = "delete from reject where id in (select value ->> 0 from json_each($1))";
