//! Statements on `payment` that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::sql::payment::payment_columns;

/// The known payments of a batch. Binds: merchants, numbers of the payments.
pub(super) const OF_BATCH: &str = concat!(
    "select ",
    payment_columns!(),
    r#"
    from unnest($1::text[], $2::text[]) as k (merchant, payment_id)
    cross join lateral (
        select * from payment y where y.payment_id = k.payment_id and y.merchant = k.merchant offset 0
    ) y"#
);

/// The payments of a batch's instalments that a row of the ledger may change, oldest first. Binds: merchants, numbers
/// of the instalments; now, if it is given.
pub(super) const OPEN_OF_BATCH: &str = concat!(
    "select coalesce($3, now()) as now, ",
    payment_columns!(),
    r#"
    from unnest($1::text[], $2::text[]) as k (merchant, installment_id)
    cross join lateral (
        select * from payment y
        where y.installment_id = k.installment_id and y.merchant = k.merchant
          and y.stage in ('holding', 'waiting', 'counted')
        offset 0
    ) y
    order by y.at, y.payment_id"#
);

/// Keeps payments. Binds: the columns, each key once.
pub(super) const KEEP: &str = r#"
    insert into payment (merchant, payment_id, installment_id, currency, amount, paid_at, stage, at, until)
    select * from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::numeric[], $6::timestamptz[], $7::text[],
        $8::timestamptz[], $9::timestamptz[]
    )
    on conflict (payment_id, merchant) do update set
        amount = excluded.amount, paid_at = excluded.paid_at, stage = excluded.stage, at = excluded.at,
        until = excluded.until"#;
