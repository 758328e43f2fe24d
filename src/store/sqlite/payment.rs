//! Statements on `payment` that take a batch: SQLite takes it as JSON. `cross join` keeps the batch the outer loop.

use crate::store::sql::payment::payment_columns;

/// The known payments of a batch. Rows: merchant, number of the payment.
pub(super) const OF_BATCH: &str = concat!(
    "select ",
    payment_columns!(),
    r#"
    from json_each($1) k
    cross join payment y on y.payment_id = k.value ->> 1 and y.merchant = k.value ->> 0"#
);

/// The payments of a batch's instalments that a row of the ledger may change, oldest first. Rows: merchant, number of
/// the instalment; then bind: now.
pub(super) const OPEN_OF_BATCH: &str = concat!(
    "select $2 as now, ",
    payment_columns!(),
    r#"
    from json_each($1) k
    cross join payment y on y.installment_id = k.value ->> 1 and y.merchant = k.value ->> 0
      and y.stage in ('holding', 'waiting', 'counted')
    order by y.at, y.payment_id"#
);

/// Keeps payments. Rows: the columns.
pub(super) const KEEP: &str = r#"
    insert into payment (merchant, payment_id, installment_id, currency, amount, paid_at, stage, at, until)
    select
        value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8
    from json_each($1) where true
    on conflict (payment_id, merchant) do update set
        amount = excluded.amount, paid_at = excluded.paid_at, stage = excluded.stage, at = excluded.at,
        until = excluded.until"#;
