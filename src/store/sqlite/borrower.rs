//! Statements on `borrower` that take a batch: SQLite takes it as JSON. `cross join` keeps the batch the outer loop.

use crate::store::sql::borrower::{borrower_columns, with_borrower_columns};

/// The known borrowers of a batch. Rows: merchant, number.
pub(super) const OF_BATCH: &str = concat!(
    "select b.merchant, b.borrower_id, ",
    borrower_columns!(),
    r#"
    from json_each($1) k
    cross join borrower b on b.borrower_id = k.value ->> 1 and b.merchant = k.value ->> 0"#
);

/// Adds borrowers that are not known. Rows: the columns of [`with_borrower_columns`].
pub(super) const ADD: &str = with_borrower_columns!(sqlite_borrowers);

/// Writes borrowers, known or not. Rows: as [`ADD`].
pub(super) const UPSERT: &str =
    concat!(with_borrower_columns!(sqlite_borrowers), with_borrower_columns!(overwritten_borrower));
