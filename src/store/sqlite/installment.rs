//! Statements on `installment` that take a batch: SQLite takes it as JSON. `cross join` keeps the batch the outer loop.

use crate::store::sql::installment::{installment_columns, overwrite, with_written_columns};

/// The known instalments of a batch. Rows: merchant, number.
pub(super) const OF_BATCH: &str = concat!(
    "select i.merchant, i.borrower_id, i.due_date, ",
    installment_columns!(),
    r#"
    from json_each($1) k
    cross join installment i on i.installment_id = k.value ->> 1 and i.merchant = k.value ->> 0"#
);

/// Adds instalments that are not known. Rows: the columns of [`with_written_columns`], whether nothing is owed; then
/// bind: now.
pub(super) const ADD: &str = with_written_columns!(sqlite_rows);

/// Writes instalments, known or not. Rows and bind: as [`ADD`].
pub(super) const UPSERT: &str = concat!(with_written_columns!(sqlite_rows), overwrite!());

/// The open instalments of orders that a source yielded last. Rows: merchant, order; then bind: source.
pub(super) const OPEN_OF_ORDERS: &str = r#"
    select i.merchant, i.installment_id, i.order_ref
    from json_each($1) k
    cross join installment i on i.order_ref = k.value ->> 1 and i.merchant = k.value ->> 0
    where i.source = $2 and i.status = 'open'"#;
