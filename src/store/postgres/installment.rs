//! Statements on `installment` that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::sql::installment::installment_columns;

/// What is known of a batch's instalments. Looked up one by one (`offset 0`): a plan that was made while the
/// table was empty would read all of it. Binds: merchants, numbers.
pub(super) const OF_BATCH: &str = concat!(
    "select i.merchant, i.borrower_id, i.due_date, ",
    installment_columns!(),
    r#"
    from unnest($1::text[], $2::text[]) as k (merchant, installment_id)
    cross join lateral (
        select * from installment i where i.installment_id = k.installment_id and i.merchant = k.merchant offset 0
    ) i"#
);

/// Binds: the columns in the order of the insert, but for the last whether nothing is owed; now, if it is given.
macro_rules! rows {
    () => {
        r#"
    insert into installment (
        merchant, installment_id, borrower_id, order_ref, product, sequence, of,
        currency, amount, paid_amount, due_date, status, route, tags, settled_at
    )
    select
        merchant, installment_id, borrower_id, order_ref, product, sequence, of,
        currency, amount, paid_amount, due_date, status, route, tags, case when is_settled then coalesce($16, now()) end
    from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
        $8::text[], $9::numeric[], $10::numeric[], $11::date[], $12::text[], $13::text[], $14::text[], $15::boolean[]
    ) as k (
        merchant, installment_id, borrower_id, order_ref, product, sequence, of,
        currency, amount, paid_amount, due_date, status, route, tags, is_settled
    )"#
    };
}

/// Adds instalments that are not known. Binds: as [`rows`].
pub(super) const ADD: &str = rows!();

/// Writes instalments, known or not. Binds: as [`rows`].
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
