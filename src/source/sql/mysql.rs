//! SQL sources on MySQL and MariaDB.

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use secrecy::ExposeSecret;
use sqlx::mysql::{MySqlArguments, MySqlConnectOptions, MySqlRow, MySqlTypeInfo};
use sqlx::query::Query as Statement;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection as _, Executor, MySql, MySqlConnection, Row, SqlSafeStr,
    Statement as _, Type, TypeInfo, ValueRef,
};

use super::SqlSettings;
use super::connection::{Connection, SqlFailure};
use super::error::Problem;
use super::field::{ColumnType, Field, Key, PageCursor, ROW_KEY, ResultColumn, UPDATED_AT};
use super::query::{Parameter, Query};
use super::session_zone::SessionZone;
use crate::database_host::{ForbiddenHost, check_host};

/// MySQL and MariaDB: the parameters are bound in the types of the columns `updated_at` and key.
pub(super) struct MySqlSource {
    connection: MySqlConnection,
    query: String,
    /// The parameters to bind, in this order.
    binds: Vec<Parameter>,
    zone: Tz,
    /// The time zone of the session: a `timestamp` is sent and received in it.
    session_zone: SessionZone,
    after: ColumnType,
    key: ColumnType,
}

impl MySqlSource {
    pub(super) async fn connect(settings: &SqlSettings) -> Result<Self, sqlx::Error> {
        let options: MySqlConnectOptions = settings.url.expose_secret().parse()?;
        // The query means what it means in the lender's own client: `||` above all.
        let options = options.pipes_as_concat(false).no_engine_substitution(false);
        if options.get_socket().is_none() {
            let forbidden = |error: ForbiddenHost| sqlx::Error::Configuration(error.into());
            check_host(options.get_host(), options.get_port()).await.map_err(forbidden)?;
        }
        let mut connection = options.connect().await?;
        let session_zone = session_zone(&mut connection, settings.zone).await?;
        connection.execute("set session transaction read only").await?;
        // MariaDB counts in seconds under one name, MySQL in milliseconds under another; 0 is no limit. A smaller limit
        // of the lender's stays.
        let ours = settings.statement_timeout.as_millis();
        let mariadb = format!(
            "set session max_statement_time = if(@@max_statement_time between 0.000001 and {ours} / 1000, \
             @@max_statement_time, {ours} / 1000)"
        );
        if connection.execute(AssertSqlSafe(mariadb)).await.is_err() {
            let mysql = format!(
                "set session max_execution_time = if(@@max_execution_time between 1 and {ours}, \
                 @@max_execution_time, {ours})"
            );
            connection.execute(AssertSqlSafe(mysql)).await?;
        }
        Ok(Self {
            connection,
            query: String::new(),
            binds: Vec::new(),
            zone: settings.zone.unwrap_or(Tz::UTC),
            session_zone,
            after: ColumnType::Local,
            key: ColumnType::Text,
        })
    }

    async fn ask(
        &mut self,
        statement: String,
        after: &PageCursor,
        key: &Key,
        limit: i64,
    ) -> Result<Vec<Vec<Field>>, SqlFailure> {
        let statement = sqlx::query(AssertSqlSafe(statement));
        let statement = self.bind(statement, after, key, limit).ok_or(Problem::Key(ROW_KEY))?;
        let rows = statement.fetch_all(&mut self.connection).await?;
        Ok(rows.iter().map(|row| fields(row, self.session_zone)).collect())
    }

    fn bind<'q>(
        &self,
        mut statement: Statement<'q, MySql, MySqlArguments>,
        after: &PageCursor,
        key: &Key,
        limit: i64,
    ) -> Option<Statement<'q, MySql, MySqlArguments>> {
        for parameter in &self.binds {
            statement = match (parameter, self.after, self.key) {
                (Parameter::After, ColumnType::Instant, _) => {
                    statement.bind(self.session_zone.local_not_after(after.instant(self.zone)))
                }
                (Parameter::After, _, _) => statement.bind(after.local(self.zone)),
                (Parameter::AfterKey, _, ColumnType::Whole) => match key.whole::<i64>() {
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
    async fn prepare(&mut self, query: &Query) -> Result<Vec<ResultColumn>, SqlFailure> {
        self.query.clone_from(&query.text);
        self.binds.clone_from(&query.binds);
        let prepared = self.connection.prepare(AssertSqlSafe(query.text.clone()).into_sql_str()).await?;
        let columns: Vec<_> = prepared
            .columns()
            .iter()
            .map(|column| ResultColumn {
                name: column.name().to_owned(),
                kind: kind(column.type_info()),
                found: column.type_info().name().to_lowercase(),
            })
            .collect();
        let kind_of =
            |name| columns.iter().find(|column| column.name.eq_ignore_ascii_case(name)).map(|column| column.kind);
        self.after = kind_of(UPDATED_AT).unwrap_or(ColumnType::Local);
        self.key = kind_of(ROW_KEY).or_else(|| kind_of("installment_id")).unwrap_or(ColumnType::Text);
        Ok(columns)
    }

    async fn page(&mut self, after: &PageCursor, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, SqlFailure> {
        self.ask(self.query.clone(), after, key, limit).await
    }

    async fn explain(&mut self, after: &PageCursor, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, SqlFailure> {
        self.ask(format!("explain {}", self.query), after, key, limit).await
    }

    async fn rows(&mut self, statement: &str) -> Result<Vec<Vec<Field>>, SqlFailure> {
        let rows = sqlx::query(AssertSqlSafe(statement.to_owned())).fetch_all(&mut self.connection).await?;
        Ok(rows.iter().map(|row| fields(row, self.session_zone)).collect())
    }

    fn is_repeated(&self, stamp: &PageCursor) -> bool {
        matches!(stamp, PageCursor::Instant(instant) if self.session_zone.is_repeated(*instant))
    }

    fn repeated(&self) -> TimeDelta {
        self.session_zone.repeated()
    }

    async fn close(self: Box<Self>) {
        // Nothing is lost if it does not close nicely: it only read.
        _ = self.connection.close().await;
    }
}

/// Gives the session the zone in which a query works out the day of an instant: the source's, else the server's own. A
/// zone whose clocks change is known to a server that has loaded its zones; one that has not stays at UTC, which is
/// logged.
async fn session_zone(connection: &mut MySqlConnection, zone: Option<Tz>) -> Result<SessionZone, sqlx::Error> {
    let wanted = match zone {
        Some(zone) => SessionZone::of(zone),
        None => {
            connection.execute("set time_zone = @@global.time_zone").await?;
            let minutes: i64 = sqlx::query_scalar("select timestampdiff(minute, utc_timestamp(), now())")
                .fetch_one(&mut *connection)
                .await?;
            SessionZone::of_minutes(minutes)
        }
    };
    let set = sqlx::query("set time_zone = ?").bind(wanted.to_string()).execute(&mut *connection).await;
    if set.is_ok() {
        return Ok(wanted);
    }
    tracing::warn!(
        time_zone = %wanted,
        "the server does not know the time zone; days that the query works out from instants are days of UTC, until \
         its zones are \
         loaded (mysql_tzinfo_to_sql /usr/share/zoneinfo | mysql mysql)"
    );
    connection.execute("set time_zone = '+00:00'").await?;
    Ok(SessionZone::of(Tz::UTC))
}

fn kind(info: &MySqlTypeInfo) -> ColumnType {
    match info.name() {
        // By its collation, not by its name: a text that is compared in binary goes by the name of binary data, and so
        // does the JSON of MariaDB.
        _ if <str as Type<MySql>>::compatible(info) => ColumnType::Text,
        "JSON" => ColumnType::Text,
        // `tinyint(1)` goes by the name of a truth value.
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => ColumnType::Whole,
        "TINYINT UNSIGNED" | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED" => {
            ColumnType::Whole
        }
        "DECIMAL" => ColumnType::Decimal,
        "FLOAT" | "DOUBLE" => ColumnType::Float,
        "DATE" => ColumnType::Date,
        "TIMESTAMP" => ColumnType::Instant,
        "DATETIME" => ColumnType::Local,
        // The constant null.
        "NULL" => ColumnType::Any,
        _ => ColumnType::Other,
    }
}

fn fields(row: &MySqlRow, zone: SessionZone) -> Vec<Field> {
    (0..row.len()).map(|at| field(row, at, zone).unwrap_or(Field::Unreadable)).collect()
}

fn field(row: &MySqlRow, at: usize, zone: SessionZone) -> Result<Field, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Field::Null);
    }
    let info = value.type_info().into_owned();
    Ok(match kind(&info) {
        ColumnType::Text => Field::Text(row.try_get_unchecked(at)?),
        ColumnType::Whole if info.name().ends_with("UNSIGNED") => {
            Field::Whole(row.try_get_unchecked::<u64, _>(at)?.into())
        }
        ColumnType::Whole => Field::Whole(row.try_get_unchecked::<i64, _>(at)?.into()),
        ColumnType::Decimal => Field::Decimal(row.try_get::<Decimal, _>(at)?.to_string()),
        ColumnType::Float => Field::Float,
        ColumnType::Date => Field::Date(row.try_get::<NaiveDate, _>(at)?),
        // Not as an instant by the driver, which takes every session's zone for UTC.
        ColumnType::Instant => Field::Instant(zone.instant(row.try_get_unchecked::<NaiveDateTime, _>(at)?)),
        ColumnType::Local => Field::Local(row.try_get::<NaiveDateTime, _>(at)?),
        ColumnType::Any | ColumnType::Other => Field::Unreadable,
    })
}
