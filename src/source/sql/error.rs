//! Errors of SQL sources, without the lender's values.

use std::time::Duration;

use crate::domain::{BranchName, SourceName, duration};

/// Why a source could not be read. Names the source and what to do; repeats no value of the lender's.
#[derive(Debug, thiserror::Error)]
#[error("source {name}{}: {problem}", branch.as_ref().map(|branch| format!(", branch {branch}")).unwrap_or_default())]
pub struct SqlError {
    /// The source.
    pub name: SourceName,
    /// The branch whose query is meant, if the source has branches.
    pub branch: Option<BranchName>,
    /// The problem.
    pub problem: Problem,
}

/// A problem with a source.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No connection.
    #[error("cannot connect: {0}; check its url, that the server runs and that it lets this user in")]
    Unreachable(String),
    /// The database did not take the query or broke it off.
    #[error("the database did not answer the query: {0}; try the query by hand, as the same user")]
    Refused(String),
    /// The database gave up after a time limit of its own or of ours.
    #[error(
        "the database broke off the query: {0}; see to an index on updated_at and the key, make its page smaller, or \
         raise the time-out (statement_timeout in the config, and that of the database or its user)"
    )]
    BrokenOff(String),
    /// The database took its time.
    #[error("no answer within {}; see to an index on updated_at and the key, or make its page \
        smaller", duration::format(*.0))]
    Slow(Duration),
    /// Columns without which nothing can be imported.
    #[error(
        "the query yields no column {}; add it to the query, with `as` if it has another name \
         there{hint}", columns.join(", ")
    )]
    Missing {
        /// All missing columns.
        columns: Vec<&'static str>,
        /// Suggestions of similar columns; may be empty.
        hint: String,
    },
    /// A column that occurs twice, or in the query and in the config.
    #[error("the column {0} comes twice; keep one (a `merchant` in the config counts as a column)")]
    Twice(&'static str),
    /// A source that amends names a column that it cannot amend.
    #[error(
        "the column {0} is of no use without borrower_id, amount, currency and due_date: such a query updates \
         paid_amount (with \
         currency) and status of instalments that are known; leave {0} out, or add the others"
    )]
    NotAmended(&'static str),
    /// A column of an unsupported type.
    #[error("the column {column} is of the type {found}; {advice}")]
    Type {
        /// The column.
        column: String,
        /// The database's word for the type.
        found: String,
        /// The advice on how to change the query.
        advice: &'static str,
    },
    /// A row without `updated_at`.
    #[error(
        "a row has no updated_at, or none that can be read as a time; leave such rows out, or give them one: \
         coalesce(updated_at, created_at)"
    )]
    NoUpdatedAt,
    /// A key that does not suit the parameter that it is compared with.
    #[error("the column {0} is not what the query compares with :after_key; yield that as row_key")]
    Key(&'static str),
    /// Rows before the place that was asked for, or not in order.
    #[error("the rows do not come in order; end the query with: order by updated_at, KEY limit :limit")]
    Disorder,
    /// A whole-number key that is not greater than the one before.
    #[error(
        "rows of one instant do not come in the order of the key that the query compares with :after_key, so a page \
         would skip some; end the query with: order by updated_at, KEY limit :limit, with the KEY that it compares and \
         yields as installment_id or row_key"
    )]
    KeyOrder,
    /// Two rows of one place.
    #[error(
        "two rows have the same updated_at and the same {0}, so a page would skip one; if a join repeats an \
         instalment, join one row, else yield a row_key that is unique and compare it with :after_key"
    )]
    SameKey(&'static str),
    /// More rows of an instant than the pages had.
    #[error(
        "the pages skip rows of one instant; the query must order by the key that it compares with :after_key, in the \
         same form (id and id::text have different orders), and the key must be unique"
    )]
    Skipped,
    /// The branches yield different columns.
    #[error("the column {0} is not in every branch; all branches yield the same columns")]
    OtherColumns(String),
    /// The answer of `freshness`.
    #[error(
        "the query `freshness` yields no time; write a query of one row with one column, a timestamp: select \
         max(updated_at) from heartbeat"
    )]
    Freshness,
    /// Rows of one order that do not have the order's time.
    #[error(
        "rows of one order_ref have different updated_at; with complete_per = \"order_ref\" every row of an order \
         carries the order's updated_at, as what comes of an order is taken for all of it"
    )]
    OrderTimes,
    /// Instalments of which nothing ever says that they are paid.
    #[error(
        "the query yields neither status nor paid_amount, so nothing ever tells that an instalment is paid; add one of \
         them, or write payments = \"elsewhere\" if another source or the API tells it"
    )]
    NoPayments,
    /// Whole orders without orders.
    #[error("complete_per = \"order_ref\" needs whole instalments with the column order_ref; add it to the query")]
    NoOrders,
    /// A full read of payments.
    #[error("full_read is of no use to a source of payments, which lists no instalments; leave it out")]
    NoInstallments,
    /// The same page again.
    #[error(
        "the same rows come again and again; the query must say: where updated_at >= :after and (updated_at > :after \
         or KEY > \
         :after_key), with the KEY that it yields as installment_id or row_key"
    )]
    Stuck,
    /// More rows than asked for.
    #[error("more rows come than the page holds; end the query with: limit :limit")]
    TooMany,
    /// Not built in.
    #[error("this dueherald was built without MySQL; build it with the feature `mysql`")]
    NotBuiltIn,
}

/// Classes of SQLSTATE whose messages speak of the query and of the server, never of a value: connections (08), writing
/// (25), users (28), database names (3D), syntax and names (42), resources (53, 54), locks (55), operators and
/// time-outs (57, 70).
const WORDED: [&str; 10] = ["08", "25", "28", "3D", "42", "53", "54", "55", "57", "70"];

/// Whether a time limit of the server ended a statement.
pub(super) fn is_time_out(error: &sqlx::Error) -> bool {
    let Some(database) = error.as_database_error() else { return false };
    #[cfg(feature = "mysql")]
    if let Some(mysql) = database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        // MariaDB's number, and MySQL's.
        return matches!(mysql.number(), 1969 | 3024);
    }
    database.code().as_deref() == Some("57014")
}

/// The error without any value that the database may have put into its words.
pub(super) fn plain(error: &sqlx::Error) -> String {
    let database = match error {
        sqlx::Error::Database(database) => database,
        // Its own text may quote what could not be read.
        sqlx::Error::ColumnDecode { index, .. } => return format!("the column {index} cannot be read"),
        sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => return "a value cannot be read".into(),
        other => return other.to_string(),
    };
    let code = database.code().unwrap_or_default();
    let is_sqlite = code.bytes().all(|byte| byte.is_ascii_digit()) && code.len() < 5;
    if is_sqlite || WORDED.iter().any(|class| code.starts_with(class)) {
        database.message().to_owned()
    } else {
        format!("error {code}")
    }
}
