//! One connection, to PostgreSQL itself or to a pooler before it.

use std::fmt;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{
    ConnectOptions, Connection as _, Describe, Either, Execute, Executor, PgConnection, Postgres, Row, SqlStr, raw_sql,
};

use super::connect;

/// Whether the settings that were asked for at the start are there. A pooler in transaction mode drops or refuses them.
const HAS_SETTINGS: &str = "select current_setting('plan_cache_mode') = 'force_generic_plan' \
                            and current_setting('enable_bitmapscan') = 'off'";

/// A commit waits for the disk: what is claimed must be on record before it is sent. A server, database or role may
/// have this off. The value is pinned, so that a changed default of the server does not reach an open session; a
/// stricter one stays as it is.
const WAIT_FOR_DISK: &str = "select set_config('synchronous_commit', case current_setting('synchronous_commit') \
                             when 'off' then 'on' else current_setting('synchronous_commit') end, false)";

/// Raises an error if a transaction was open before this message: `now()` is then that transaction's time. In a message
/// of the simple protocol both times are the same otherwise.
macro_rules! is_outside {
    () => {
        "select (case when now() = statement_timestamp() then '0' \
         else 'the connection was inside another transaction' end)::int"
    };
}
pub(super) use is_outside;

/// A connection that keeps no statement on the server by name if it is pooled: the next transaction has another
/// backend.
pub(super) struct Session {
    connection: PgConnection,
    is_pooled: bool,
    /// Its settings as it was opened with them. Empty behind a pooler, where no setting outlasts a transaction.
    settings: String,
}

impl Session {
    /// Opens a session with the settings of `direct` if there is no pooler in between, as far as is known.
    pub(super) async fn open_direct(direct: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = direct.connect().await?;
        let has_settings: bool = raw_sql(HAS_SETTINGS).fetch_one(&mut connection).await?.try_get(0)?;
        let mut session = Self { connection, is_pooled: !has_settings, settings: String::new() };
        if has_settings {
            session.settings = session.run_and_read_settings(WAIT_FOR_DISK).await?;
        }
        Ok(session)
    }

    /// Opens a session at a pooler.
    pub(super) async fn open_pooled(pooled: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        Ok(Self { connection: pooled.connect().await?, is_pooled: true, settings: String::new() })
    }

    /// Whether each transaction may have another backend.
    pub(super) fn is_pooled(&self) -> bool {
        self.is_pooled
    }

    /// The bare connection, on which a driver keeps statements by name: only for a session that is not pooled.
    pub(super) fn driver(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Begins a transaction: `begin` opens it, `rest` are settings for it alone.
    pub(super) async fn begin(&mut self, begin: &str, rest: &str) -> Result<(), sqlx::Error> {
        let settings = if self.is_pooled { connect::local_settings() } else { "" };
        let statement = format!("{begin}{settings}{rest}");
        // Made of constants of this crate.
        raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Commits or rolls back. `false` if the session no longer has the settings that it was opened with: the next
    /// operation needs another one.
    pub(super) async fn end(&mut self, statement: &'static str) -> Result<bool, sqlx::Error> {
        if self.is_pooled {
            raw_sql(statement).execute(&mut self.connection).await?;
            return Ok(true);
        }
        let settings = self.run_and_read_settings(statement).await?;
        Ok(settings == self.settings)
    }

    /// Whether it still answers, is outside any transaction and has its own settings. Reads what a statement that was
    /// given up has left.
    pub(super) async fn is_clean(&mut self) -> Result<bool, sqlx::Error> {
        if self.is_pooled {
            return self.connection.ping().await.map(|()| true);
        }
        let settings = self.run_and_read_settings(is_outside!()).await?;
        Ok(settings == self.settings)
    }

    /// Runs a statement and reads the settings after it, in one round trip.
    async fn run_and_read_settings(&mut self, statement: &'static str) -> Result<String, sqlx::Error> {
        // Made of constants of this crate.
        let statement = sqlx::AssertSqlSafe(format!("{statement}; {}", connect::read_settings()));
        let rows = raw_sql(statement).fetch_all(&mut self.connection).await?;
        rows.last().ok_or(sqlx::Error::RowNotFound)?.try_get(0)
    }

    /// Ends it politely.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        self.connection.close().await
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("is_pooled", &self.is_pooled).finish_non_exhaustive()
    }
}

impl<'c> Executor<'c> for &'c mut Session {
    type Database = Postgres;

    fn fetch_many<'e, 'q, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        'q: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.connection.fetch_many(Statement { query, is_pooled: self.is_pooled })
    }

    fn fetch_optional<'e, 'q, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        'q: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.connection.fetch_optional(Statement { query, is_pooled: self.is_pooled })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        if self.is_pooled {
            return async { Err(sqlx::Error::Protocol("a pooled session keeps no statement".into())) }.boxed();
        }
        self.connection.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        self.connection.describe(sql)
    }
}

/// A statement that the server is to forget at once, if the session is pooled.
struct Statement<E> {
    query: E,
    is_pooled: bool,
}

impl<'q, E: Execute<'q, Postgres>> Execute<'q, Postgres> for Statement<E> {
    fn sql(self) -> SqlStr {
        self.query.sql()
    }

    fn statement(&self) -> Option<&PgStatement> {
        self.query.statement()
    }

    fn take_arguments(&mut self) -> Result<Option<PgArguments>, BoxDynError> {
        self.query.take_arguments()
    }

    fn persistent(&self) -> bool {
        !self.is_pooled && self.query.persistent()
    }
}
