//! SQL sources on SQLite.

use async_trait::async_trait;
use chrono_tz::Tz;
use secrecy::ExposeSecret;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection as _, Executor, Row, SqlSafeStr, SqliteConnection,
    Statement as _, TypeInfo, ValueRef,
};

use super::SqlSettings;
use super::connection::{Connection, SqlFailure};
use super::field::{ColumnType, Field, Key, PageCursor, ResultColumn};
use super::query::Query;

/// SQLite: each value has a type of its own, and so have the parameters.
pub(super) struct SqliteSource {
    connection: SqliteConnection,
    query: String,
    zone: Tz,
}

impl SqliteSource {
    pub(super) async fn connect(settings: &SqlSettings) -> Result<Self, sqlx::Error> {
        let options: SqliteConnectOptions = settings.url.expose_secret().parse()?;
        let options = options.read_only(true).busy_timeout(settings.statement_timeout).pragma("query_only", "on");
        let zone = settings.zone.unwrap_or(Tz::UTC);
        Ok(Self { connection: options.connect().await?, query: String::new(), zone })
    }
}

#[async_trait]
impl Connection for SqliteSource {
    async fn prepare(&mut self, query: &Query) -> Result<Vec<ResultColumn>, SqlFailure> {
        self.query.clone_from(&query.text);
        let prepared = self.connection.prepare(AssertSqlSafe(query.text.clone()).into_sql_str()).await?;
        let columns = prepared.columns().iter().map(|column| ResultColumn {
            name: column.name().to_owned(),
            kind: ColumnType::Any,
            found: column.type_info().name().to_lowercase(),
        });
        Ok(columns.collect())
    }

    async fn page(&mut self, after: &PageCursor, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, SqlFailure> {
        self.ask(self.query.clone(), after, key, limit).await
    }

    async fn explain(&mut self, after: &PageCursor, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, SqlFailure> {
        self.ask(format!("explain query plan {}", self.query), after, key, limit).await
    }

    async fn rows(&mut self, statement: &str) -> Result<Vec<Vec<Field>>, SqlFailure> {
        let rows = sqlx::query(AssertSqlSafe(statement.to_owned())).fetch_all(&mut self.connection).await?;
        Ok(rows.iter().map(fields).collect())
    }

    async fn close(self: Box<Self>) {
        // Nothing is lost if it does not close nicely: it only read.
        _ = self.connection.close().await;
    }
}

impl SqliteSource {
    async fn ask(
        &mut self,
        statement: String,
        after: &PageCursor,
        key: &Key,
        limit: i64,
    ) -> Result<Vec<Vec<Field>>, SqlFailure> {
        let statement = sqlx::query(AssertSqlSafe(statement)).bind(after.text(self.zone));
        let statement = match key {
            // Numbers come before texts.
            Key::First => statement.bind(i64::MIN),
            Key::Text(text) => statement.bind(text.clone()),
            Key::Whole(number) => statement.bind(i64::try_from(*number).unwrap_or(i64::MAX)),
        };
        let rows = statement.bind(limit).fetch_all(&mut self.connection).await?;
        Ok(rows.iter().map(fields).collect())
    }
}

fn fields(row: &SqliteRow) -> Vec<Field> {
    (0..row.len()).map(|at| field(row, at).unwrap_or(Field::Unreadable)).collect()
}

fn field(row: &SqliteRow, at: usize) -> Result<Field, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Field::Null);
    }
    let info = value.type_info().into_owned();
    Ok(match info.name() {
        "TEXT" => Field::Text(row.try_get_unchecked(at)?),
        "INTEGER" => Field::Whole(row.try_get_unchecked::<i64, _>(at)?.into()),
        "REAL" => Field::Float,
        _ => Field::Unreadable,
    })
}
