//! Statements on `borrower` that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::sql::borrower::{borrower_columns, with_borrower_columns};

/// The known borrowers of a batch. `offset 0` forces one lookup per borrower: a plan made while the table was empty
/// would read the whole table. Binds: merchants, numbers.
pub(super) const OF_BATCH: &str = concat!(
    "select b.merchant, b.borrower_id, ",
    borrower_columns!(),
    r#"
    from unnest($1::text[], $2::text[]) as k (merchant, borrower_id)
    cross join lateral (
        select * from borrower b where b.borrower_id = k.borrower_id and b.merchant = k.merchant offset 0
    ) b"#
);

/// Adds borrowers that are not known. Binds: an array for each column of [`with_borrower_columns`].
pub(super) const ADD: &str = with_borrower_columns!(postgres_borrowers);

/// Writes borrowers, known or not. Binds: as [`ADD`].
pub(super) const UPSERT: &str =
    concat!(with_borrower_columns!(postgres_borrowers), with_borrower_columns!(overwritten_borrower));
