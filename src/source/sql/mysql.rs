use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlRow};
use sqlx::query::Query as Statement;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection as _, Executor, MySql, MySqlConnection, Row, SqlSafeStr,
    Statement as _, TypeInfo, ValueRef,
};

use super::connection::{Connection, STATEMENT_TIMEOUT, Trouble};
use super::error::Problem;
use super::field::{Answered, Field, Key, Kind, ROW_KEY, Stamp, UPDATED_AT};
use super::query::{Parameter, Query};

/// MySQL and MariaDB: the parameters are bound in the types of the columns `updated_at` and key.
pub(super) struct MySqlSource {
    connection: MySqlConnection,
    query: Query,
    zone: Tz,
    after: Kind,
    key: Kind,
}

impl MySqlSource {
    pub(super) async fn connect(url: &str, query: Query, zone: Tz) -> Result<Self, sqlx::Error> {
        let options: MySqlConnectOptions = url.parse()?;
        // sqlx sets the session's time zone to UTC, so that a `timestamp` is an instant.
        let mut connection = options.connect().await?;
        connection.execute("set session transaction read only").await?;
        // MariaDB counts in seconds under one name, MySQL in milliseconds under another.
        let seconds = STATEMENT_TIMEOUT.as_secs();
        let mariadb = format!("set session max_statement_time = {seconds}");
        if connection.execute(AssertSqlSafe(mariadb)).await.is_err() {
            let mysql = format!("set session max_execution_time = {}", seconds * 1000);
            connection.execute(AssertSqlSafe(mysql)).await?;
        }
        Ok(Self { connection, query, zone, after: Kind::Local, key: Kind::Text })
    }

    fn bind<'q>(
        &self,
        mut statement: Statement<'q, MySql, MySqlArguments>,
        after: &Stamp,
        key: &Key,
        limit: i64,
    ) -> Option<Statement<'q, MySql, MySqlArguments>> {
        for parameter in &self.query.binds {
            statement = match (parameter, self.after, self.key) {
                (Parameter::After, Kind::Instant, _) => statement.bind(after.instant(self.zone)),
                (Parameter::After, _, _) => statement.bind(after.local(self.zone)),
                (Parameter::AfterKey, _, Kind::Whole) => match key.whole::<i64>() {
                    Some(key) => statement.bind(key),
                    None => statement.bind(key.whole::<u64>()?),
                },
                (Parameter::AfterKey, _, _) => statement.bind(key.text()),
                (Parameter::Limit, _, _) => statement.bind(limit),
            };
        }
        Some(statement)
    }
}

#[async_trait]
impl Connection for MySqlSource {
    async fn prepare(&mut self) -> Result<Vec<Answered>, Trouble> {
        let prepared = self.connection.prepare(AssertSqlSafe(self.query.text.clone()).into_sql_str()).await?;
        let columns: Vec<_> = prepared
            .columns()
            .iter()
            .map(|column| Answered {
                name: column.name().to_owned(),
                kind: kind(column.type_info().name()),
                found: column.type_info().name().to_lowercase(),
            })
            .collect();
        let kind_of =
            |name| columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)).map(|column| column.kind);
        self.after = kind_of(UPDATED_AT).unwrap_or(Kind::Local);
        self.key = kind_of(ROW_KEY).or_else(|| kind_of("installment_id")).unwrap_or(Kind::Text);
        Ok(columns)
    }

    async fn page(&mut self, after: &Stamp, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, Trouble> {
        let statement = sqlx::query(AssertSqlSafe(self.query.text.clone()));
        let statement = self.bind(statement, after, key, limit).ok_or(Problem::Key(ROW_KEY))?;
        let rows = statement.fetch_all(&mut self.connection).await?;
        Ok(rows.iter().map(fields).collect())
    }

    async fn close(self: Box<Self>) {
        // Nothing is lost if it does not close nicely: it only read.
        _ = self.connection.close().await;
    }
}

fn kind(name: &str) -> Kind {
    match name {
        "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "ENUM" => Kind::Text,
        // `tinyint(1)` goes by the name of a truth value.
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => Kind::Whole,
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED" => {
            Kind::Whole
        }
        "DECIMAL" => Kind::Decimal,
        "FLOAT" | "DOUBLE" => Kind::Float,
        "DATE" => Kind::Date,
        "TIMESTAMP" => Kind::Instant,
        "DATETIME" => Kind::Local,
        // The constant null.
        "NULL" => Kind::Any,
        _ => Kind::Other,
    }
}

fn fields(row: &MySqlRow) -> Vec<Field> {
    (0..row.len()).map(|at| field(row, at).unwrap_or(Field::Unreadable)).collect()
}

fn field(row: &MySqlRow, at: usize) -> Result<Field, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Field::Null);
    }
    let info = value.type_info().into_owned();
    Ok(match kind(info.name()) {
        Kind::Text => Field::Text(row.try_get_unchecked(at)?),
        Kind::Whole if info.name().ends_with("UNSIGNED") => Field::Whole(row.try_get_unchecked::<u64, _>(at)?.into()),
        Kind::Whole => Field::Whole(row.try_get_unchecked::<i64, _>(at)?.into()),
        Kind::Decimal => Field::Decimal(row.try_get::<Decimal, _>(at)?.to_string()),
        Kind::Float => Field::Float,
        Kind::Date => Field::Date(row.try_get::<NaiveDate, _>(at)?),
        Kind::Instant => Field::Instant(row.try_get::<DateTime<Utc>, _>(at)?),
        Kind::Local => Field::Local(row.try_get::<NaiveDateTime, _>(at)?),
        Kind::Any | Kind::Other => Field::Unreadable,
    })
}
