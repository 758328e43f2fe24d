//! Statements on `reject` that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::sql::reject::reject_columns;

/// The kept records of a batch's instalments, oldest first. `offset 0` forces one lookup per instalment: a plan made
/// while the table was empty would read the whole table. Binds: merchants, numbers.
pub(super) const OF_BATCH: &str = concat!(
    "select ",
    reject_columns!(),
    r#"
    from unnest($1::text[], $2::text[]) as k (merchant, installment_id)
    cross join lateral (
        select * from reject x where x.installment_id = k.installment_id and x.merchant = k.merchant offset 0
    ) x
    order by x.at, x.id"#
);

/// Keeps records, each in the place of the one of the same source and instalment; the same again stays as it is. Binds:
/// the columns, each key once; now, if it is given.
pub(super) const KEEP: &str = r#"
    insert into reject (installment_id, merchant, source, digest, kind, is_vanished, waits, cells, reason, at)
    select r.*, coalesce($10, now()) from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bool[], $7::bool[], $8::text[], $9::text[]
    ) as r
    on conflict (installment_id, merchant, source, digest) do update set
        kind = excluded.kind, is_vanished = excluded.is_vanished, waits = excluded.waits, cells = excluded.cells,
        reason = excluded.reason, at = excluded.at
    where (reject.kind, reject.is_vanished, reject.waits, reject.cells, reject.reason)
        is distinct from (excluded.kind, excluded.is_vanished, excluded.waits, excluded.cells, excluded.reason)"#;

/// Keeps records no longer. Binds: numbers.
pub(super) const END: &str = "delete from reject where id = any ($1::bigint[])";
