//! Binds many rows as one JSON array for `json_each`.

use serde::Serialize;
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, FromRow, Sqlite, query_as_with, query_with};

use crate::store::StoreError;

/// The rows of a statement for many, bound together as one JSON array of arrays: `json_each($1)`, of which `value ->>
/// 0` is the first column.
pub(super) struct Batch<'r, R> {
    rows: &'r [R],
    /// The JSON text of each row so far, without its closing bracket.
    json: Vec<String>,
}

impl<'r, R> Batch<'r, R> {
    pub(super) fn of(rows: &'r [R]) -> Self {
        Self { rows, json: vec![String::new(); rows.len()] }
    }

    /// Binds the next column.
    pub(super) fn column<T: Serialize>(mut self, mut value: impl FnMut(&'r R) -> T) -> Result<Self, StoreError> {
        for (row, json) in self.rows.iter().zip(&mut self.json) {
            json.push(if json.is_empty() { '[' } else { ',' });
            json.push_str(&serde_json::to_string(&value(row)).map_err(|error| sqlx::Error::Encode(error.into()))?);
        }
        Ok(self)
    }

    /// The statement; values that are the same for all are bound to it, after the rows.
    pub(super) fn query(&self, statement: &'static str) -> Result<Query<'static, Sqlite, SqliteArguments>, StoreError> {
        Ok(query_with(statement, self.arguments()?))
    }

    /// The same, for a statement that gives rows.
    pub(super) fn query_as<O>(
        &self,
        statement: &'static str,
    ) -> Result<QueryAs<'static, Sqlite, O, SqliteArguments>, StoreError>
    where
        O: for<'row> FromRow<'row, SqliteRow>,
    {
        Ok(query_as_with(statement, self.arguments()?))
    }

    /// The rows as they are bound.
    pub(super) fn json(&self) -> String {
        let mut json = String::from("[");
        for (index, row) in self.json.iter().enumerate() {
            if index > 0 {
                json.push(',');
            }
            json.push_str(row);
            json.push(']');
        }
        json.push(']');
        json
    }

    fn arguments(&self) -> Result<SqliteArguments, StoreError> {
        let mut arguments = SqliteArguments::default();
        arguments.add(self.json()).map_err(sqlx::Error::Encode)?;
        Ok(arguments)
    }
}
