//! Statements on `installment` that take a batch: SQLite takes it as JSON. `cross join` keeps the batch the outer loop.

use crate::store::sql::installment::installment_columns;

/// What is known of a batch's instalments. Rows: merchant, number.
pub(super) const OF_BATCH: &str = concat!(
    "select i.merchant, i.borrower_id, i.due_date, ",
    installment_columns!(),
    r#"
    from json_each($1) k
    cross join installment i on i.installment_id = k.value ->> 1 and i.merchant = k.value ->> 0"#
);

/// Rows: the columns in the order of the insert, but for the last whether nothing is owed; then bind: now.
macro_rules! rows {
    () => {
        r#"
    insert into installment (
        merchant, installment_id, borrower_id, order_ref, product, sequence, of,
        currency, amount, paid_amount, due_date, status, route, tags, settled_at
    )
    select
        value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13,
        case when value ->> 14 then $2 end
    from json_each($1) where true"#
    };
}

/// Adds instalments that are not known. Rows: as [`rows`].
pub(super) const ADD: &str = rows!();

/// Writes instalments, known or not. Rows: as [`rows`].
pub(super) const UPSERT: &str = concat!(
    rows!(),
    r#"
    on conflict (installment_id, merchant) do update set
        borrower_id = excluded.borrower_id, order_ref = excluded.order_ref, product = excluded.product,
        sequence = excluded.sequence, of = excluded.of, currency = excluded.currency, amount = excluded.amount,
        paid_amount = excluded.paid_amount, due_date = excluded.due_date, status = excluded.status,
        route = excluded.route, tags = excluded.tags,
        settled_at = case when excluded.settled_at is not null then coalesce(installment.settled_at, excluded.settled_at) end"#
);
