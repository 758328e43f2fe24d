//! Binds many rows as arrays for `unnest`.

use sqlx::encode::Encode;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::{Arguments, FromRow, Postgres, Type, query_as_with, query_with};

use crate::store::StoreError;

/// The rows of a statement for many, each column bound as one array: `unnest($1::text[], $2::date[], …)`.
pub(super) struct Batch<'r, R> {
    rows: &'r [R],
    arguments: PgArguments,
}

impl<'r, R> Batch<'r, R> {
    pub(super) fn of(rows: &'r [R]) -> Self {
        Self { rows, arguments: PgArguments::default() }
    }

    /// Binds the next column.
    pub(super) fn column<'t, T>(mut self, value: impl FnMut(&'r R) -> T) -> Result<Self, StoreError>
    where
        Vec<T>: Encode<'t, Postgres> + Type<Postgres>,
    {
        let column: Vec<T> = self.rows.iter().map(value).collect();
        self.arguments.add(column).map_err(sqlx::Error::Encode)?;
        Ok(self)
    }

    /// The statement; values that are the same for all are bound to it, after the columns.
    pub(super) fn query(self, statement: &'static str) -> Result<Query<'static, Postgres, PgArguments>, StoreError> {
        Ok(query_with(statement, self.arguments))
    }

    /// The same, for a statement that gives rows.
    pub(super) fn query_as<O>(
        self,
        statement: &'static str,
    ) -> Result<QueryAs<'static, Postgres, O, PgArguments>, StoreError>
    where
        O: for<'row> FromRow<'row, PgRow>,
    {
        Ok(query_as_with(statement, self.arguments))
    }
}
