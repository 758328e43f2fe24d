//! The connection trait of SQL sources, with their timeouts.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::error::{Problem, is_time_out, plain};
use super::field::{Field, Key, PageCursor, ResultColumn};
use super::query::Query;

/// The time limit of connecting.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a connection did not do it.
pub(super) struct SqlFailure(pub(super) Problem);

impl From<sqlx::Error> for SqlFailure {
    fn from(error: sqlx::Error) -> Self {
        let words = plain(&error);
        Self(if is_time_out(&error) { Problem::BrokenOff(words) } else { Problem::Refused(words) })
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
    /// Lets the database look at a query, and gives its columns. The pages that follow are of this query.
    async fn prepare(&mut self, query: &Query) -> Result<Vec<ResultColumn>, SqlFailure>;

    /// The rows after a place, at most `limit`, each with a field for every column.
    async fn page(&mut self, after: &PageCursor, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, SqlFailure>;

    /// The database's plan for a page.
    async fn explain(&mut self, after: &PageCursor, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, SqlFailure>;

    /// About how many rows a table has, if the plan does not say so and somebody else does.
    async fn table_rows(&mut self, _: &str) -> Option<u64> {
        None
    }

    /// The rows of a statement without parameters.
    async fn rows(&mut self, statement: &str) -> Result<Vec<Vec<Field>>, SqlFailure>;

    /// Whether the query compares whole-number keys as numbers, so that they must come in that order.
    fn compares_numbers(&self) -> bool {
        true
    }

    /// Whether a time comes twice when clocks go back, so that rows of two instants look like those of one.
    fn is_repeated(&self, _: &PageCursor) -> bool {
        false
    }

    /// How far a time that comes without its zone may lie before the one before it: an hour that comes twice when
    /// clocks go back.
    fn repeated(&self) -> TimeDelta {
        TimeDelta::zero()
    }

    /// Ends it.
    async fn close(self: Box<Self>);
}
