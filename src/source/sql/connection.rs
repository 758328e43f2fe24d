//! The connection trait of SQL sources, with their timeouts.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::error::{Problem, plain};
use super::field::{Field, Key, PageCursor, ResultColumn};

/// The time limit of a page: the lender's database has other work to do. The database enforces it too, if it supports
/// that.
pub(super) const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);

/// The time limit of connecting.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a connection did not do it.
pub(super) struct SqlFailure(pub(super) Problem);

impl From<sqlx::Error> for SqlFailure {
    fn from(error: sqlx::Error) -> Self {
        Self(Problem::Refused(plain(&error)))
    }
}

impl From<Problem> for SqlFailure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

/// A connection to the lender's database, for reading only.
#[async_trait]
pub(super) trait Connection: Send {
    /// Lets the database look at the query; gives its columns.
    async fn prepare(&mut self) -> Result<Vec<ResultColumn>, SqlFailure>;

    /// The rows after a place, at most `limit`, each with a field for every column.
    async fn page(&mut self, after: &PageCursor, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, SqlFailure>;

    /// How far a time that comes without its zone may lie before the one before it: an hour that comes twice when
    /// clocks go back.
    fn repeated(&self) -> TimeDelta {
        TimeDelta::zero()
    }

    /// Ends it.
    async fn close(self: Box<Self>);
}
