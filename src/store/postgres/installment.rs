//! Statements on `installment` that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::sql::installment::{installment_columns, overwrite, with_written_columns};

/// The known instalments of a batch. `offset 0` forces one lookup per instalment: a plan made while the table was
/// empty would read the whole table. Binds: merchants, numbers.
pub(super) const OF_BATCH: &str = concat!(
    "select i.merchant, i.borrower_id, i.due_date, ",
    installment_columns!(),
    r#"
    from unnest($1::text[], $2::text[]) as k (merchant, installment_id)
    cross join lateral (
        select * from installment i where i.installment_id = k.installment_id and i.merchant = k.merchant offset 0
    ) i"#
);

/// Adds instalments that are not known. Binds: an array for each column of [`with_written_columns`], whether nothing is
/// owed; now, if it is given.
pub(super) const ADD: &str = with_written_columns!(postgres_rows);

/// Writes instalments, known or not. Binds: as [`ADD`].
pub(super) const UPSERT: &str = concat!(with_written_columns!(postgres_rows), overwrite!());

/// The open instalments of orders that a source yielded last. Binds: merchants, orders; source.
pub(super) const OPEN_OF_ORDERS: &str = r#"
    select i.merchant, i.installment_id, i.order_ref
    from unnest($1::text[], $2::text[]) as k (merchant, order_ref)
    cross join lateral (
        select * from installment i
        where i.order_ref = k.order_ref and i.merchant = k.merchant and i.source = $3 and i.status = 'open' offset 0
    ) i"#;
