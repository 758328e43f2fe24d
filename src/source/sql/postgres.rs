//! SQL sources on PostgreSQL.

use std::str::FromStr;

use async_trait::async_trait;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use secrecy::ExposeSecret;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow, PgTypeKind};
use sqlx::query::Query as Statement;
use sqlx::{
    AssertSqlSafe, Column as _, ConnectOptions, Connection as _, Either, Executor, PgConnection, Postgres, Row,
    SqlSafeStr, Statement as _, TypeInfo, ValueRef, raw_sql,
};

use super::SqlSettings;
use super::connection::{Connection, SqlFailure};
use super::error::Problem;
use super::field::{ColumnType, Field, Key, PageCursor, ResultColumn};
use super::postgres_values::{self, RawTime};
use super::query::Query;
use crate::database_host::{ForbiddenHost, check_host};

/// A setting that nobody else makes: a session without it is behind a pooler in transaction mode, which drops or
/// refuses the settings of a session.
const MARK: (&str, &str) = ("dueherald.session", "direct");

/// Whether the session has [`MARK`], and its own time limit of a statement in milliseconds; 0 is none.
const OWN_SETTINGS: &str = "select current_setting('dueherald.session', true) is not distinct from 'direct', \
                            (select setting::bigint from pg_settings where name = 'statement_timeout')";

/// Takes out statements that the driver has named on this backend, or that another one has left there: they have the
/// same names.
const FORGET_STATEMENTS: &str = "do $$ declare one text; begin \
    for one in select name from pg_prepared_statements where name like 'sqlx\\_s\\_%' \
    loop execute format('deallocate %I', one); end loop; end $$";

/// The zone that the database or the user has for its sessions. The driver asks for UTC at the start, which hides it.
const OWN_ZONE: &str = "select split_part(one, '=', 2) from pg_db_role_setting, unnest(setconfig) one \
                        where lower(split_part(one, '=', 1)) = 'timezone' \
                        and setdatabase in (0, (select oid from pg_database where datname = current_database())) \
                        and setrole in (0, (select oid from pg_roles where rolname = session_user)) \
                        order by setrole desc, setdatabase desc limit 1";

/// PostgreSQL: it tells the types of the parameters, which are bound as it wants them.
pub(super) struct PostgresSource {
    connection: PgConnection,
    /// The next transaction may have another backend.
    is_pooled: bool,
    /// Gives the session or transaction the zone in which a query works out the day of an instant.
    set_zone: String,
    /// The same for the time limit of a statement.
    set_timeout: String,
    query: String,
    zone: Tz,
    after: ColumnType,
    key: String,
}

impl PostgresSource {
    pub(super) async fn connect(settings: &SqlSettings) -> Result<Self, sqlx::Error> {
        let (mut connection, is_pooled) = connect(settings.url.expose_secret()).await?;
        let session_zone = session_zone(&mut connection, settings.zone).await?.replace('\'', "''");
        let scope = if is_pooled { "local" } else { "session" };
        let set_zone = format!("set {scope} timezone = '{session_zone}'");
        let ours = i64::try_from(settings.statement_timeout.as_millis()).unwrap_or(i64::from(i32::MAX));
        let own: i64 = raw_sql(OWN_SETTINGS).fetch_one(&mut connection).await?.try_get(1)?;
        // A smaller limit of the lender's stays.
        let limit = if own > 0 { ours.min(own) } else { ours };
        let set_timeout = format!("set {scope} statement_timeout = {limit}");
        if !is_pooled {
            raw_sql(AssertSqlSafe(format!("{set_zone}; {set_timeout}"))).execute(&mut connection).await?;
        }
        let zone = settings.zone.unwrap_or(Tz::UTC);
        let (after, key, query) = (ColumnType::Instant, String::new(), String::new());
        Ok(Self { connection, is_pooled, set_zone, set_timeout, query, zone, after, key })
    }

    async fn begin(&mut self) -> Result<(), sqlx::Error> {
        if self.is_pooled {
            let begin = format!("begin read only; {}; {}", self.set_timeout, self.set_zone);
            raw_sql(AssertSqlSafe(begin)).execute(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn end(&mut self) -> Result<(), sqlx::Error> {
        if self.is_pooled {
            raw_sql("commit").execute(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn forget_statements(&mut self) -> Result<(), sqlx::Error> {
        if self.is_pooled {
            raw_sql(FORGET_STATEMENTS).execute(&mut self.connection).await?;
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        statement: String,
        after: &PageCursor,
        key: &Key,
        limit: i64,
    ) -> Result<Vec<Vec<Field>>, SqlFailure> {
        let statement = sqlx::query(AssertSqlSafe(statement)).persistent(!self.is_pooled);
        let statement = match (self.after, after) {
            (kind, PageCursor::OutOfRange(microseconds)) => {
                statement.bind(RawTime { microseconds: *microseconds, has_zone: kind != ColumnType::Local })
            }
            (ColumnType::Local, _) => statement.bind(after.local(self.zone)),
            (_, _) => statement.bind(after.instant(self.zone)),
        };
        let statement = self.bind_key(statement, key).ok_or(Problem::Key("row_key"))?.bind(limit);
        self.begin().await?;
        let rows = statement.fetch_all(&mut self.connection).await?;
        self.end().await?;
        Ok(rows.iter().map(fields).collect())
    }

    fn bind_key<'q>(
        &self,
        statement: Statement<'q, Postgres, PgArguments>,
        key: &Key,
    ) -> Option<Statement<'q, Postgres, PgArguments>> {
        Some(match self.key.as_str() {
            "INT2" => statement.bind(key.whole::<i16>()?),
            "INT4" => statement.bind(key.whole::<i32>()?),
            "INT8" => statement.bind(key.whole::<i64>()?),
            _ => statement.bind(key.text()),
        })
    }
}

#[async_trait]
impl Connection for PostgresSource {
    async fn prepare(&mut self, query: &Query) -> Result<Vec<ResultColumn>, SqlFailure> {
        self.query.clone_from(&query.text);
        self.begin().await?;
        self.forget_statements().await?;
        let prepared = self.connection.prepare(AssertSqlSafe(query.text.clone()).into_sql_str()).await?;
        self.forget_statements().await?;
        self.end().await?;
        if let Some(Either::Left([after, key, limit])) = prepared.parameters() {
            self.after = kind(after.name(), after.kind());
            if !matches!(self.after, ColumnType::Instant | ColumnType::Local) {
                let advice = "compare it with a timestamptz or a timestamp";
                return Err(wrong(":after", after.name(), advice));
            }
            if limit.name() != "INT8" {
                return Err(wrong(":limit", limit.name(), "write limit :limit and nothing more"));
            }
            self.key = key.name().to_owned();
            if !matches!(self.key.as_str(), "INT2" | "INT4" | "INT8" | "TEXT" | "VARCHAR" | "CHAR" | "NAME") {
                let advice = "compare it with a whole number or a text: KEY::text > :after_key";
                return Err(wrong(":after_key", key.name(), advice));
            }
        }
        let columns = prepared.columns().iter().map(|column| ResultColumn {
            name: column.name().to_owned(),
            kind: kind(column.type_info().name(), column.type_info().kind()),
            found: column.type_info().name().to_lowercase(),
        });
        Ok(columns.collect())
    }

    async fn page(&mut self, after: &PageCursor, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, SqlFailure> {
        self.ask(self.query.clone(), after, key, limit).await
    }

    async fn explain(&mut self, after: &PageCursor, key: &Key, limit: i64) -> Result<Vec<Vec<Field>>, SqlFailure> {
        self.ask(format!("explain {}", self.query), after, key, limit).await
    }

    async fn table_rows(&mut self, table: &str) -> Option<u64> {
        let table = table.replace('\'', "''");
        let statement = format!("select max(reltuples)::bigint from pg_class where relname = '{table}'");
        let rows = self.rows(&statement).await.ok()?;
        rows.first()?.first()?.cell().parse().ok()
    }
    async fn rows(&mut self, statement: &str) -> Result<Vec<Vec<Field>>, SqlFailure> {
        self.begin().await?;
        let statement = sqlx::query(AssertSqlSafe(statement.to_owned())).persistent(!self.is_pooled);
        let rows = statement.fetch_all(&mut self.connection).await?;
        self.end().await?;
        Ok(rows.iter().map(fields).collect())
    }

    fn compares_numbers(&self) -> bool {
        self.key.starts_with("INT")
    }

    async fn close(self: Box<Self>) {
        // Nothing is lost if it does not close nicely: it only read.
        _ = self.connection.close().await;
    }
}

/// Connects, and says whether a pooler is in front of the server.
async fn connect(url: &str) -> Result<(PgConnection, bool), sqlx::Error> {
    let options = PgConnectOptions::from_str(url)?.application_name("dueherald");
    if options.get_socket().is_none() && !options.get_host().starts_with('/') {
        let forbidden = |error: ForbiddenHost| sqlx::Error::Configuration(error.into());
        check_host(options.get_host(), options.get_port()).await.map_err(forbidden)?;
    }
    let settings = [("default_transaction_read_only", "on"), MARK];
    let direct = options.clone().options(settings);
    match direct.connect().await {
        Ok(mut connection) => {
            let is_direct: bool = raw_sql(OWN_SETTINGS).fetch_one(&mut connection).await?.try_get(0)?;
            if is_direct {
                return Ok((connection, false));
            }
            // Nothing is lost if it does not close nicely: it only asked.
            _ = connection.close().await;
        }
        Err(error) if refuses_settings(&error) => {}
        Err(error) => return Err(error),
    }
    Ok((options.extra_float_digits(None).statement_cache_capacity(0).connect().await?, true))
}

/// Whether somebody in between does not take the settings of a session: PgBouncer, unless it is told to ignore them.
fn refuses_settings(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.message().contains("unsupported startup parameter"))
}

/// The zone in which a query works out the day of an instant: the source's, else the database's own.
async fn session_zone(connection: &mut PgConnection, zone: Option<Tz>) -> Result<String, sqlx::Error> {
    if let Some(zone) = zone {
        return Ok(zone.name().to_owned());
    }
    let own = raw_sql(OWN_ZONE).fetch_optional(connection).await?.map(|row| row.try_get::<String, _>(0)).transpose()?;
    Ok(own.map_or_else(|| "UTC".to_owned(), |own| own.trim_matches('"').to_owned()))
}

fn wrong(parameter: &str, found: &str, advice: &'static str) -> SqlFailure {
    Problem::Type { column: parameter.into(), found: found.to_lowercase(), advice }.into()
}

fn kind(name: &str, kind: &PgTypeKind) -> ColumnType {
    match name {
        "TEXT" | "VARCHAR" | "CHAR" | "NAME" => ColumnType::Text,
        "INT2" | "INT4" | "INT8" => ColumnType::Whole,
        "NUMERIC" => ColumnType::Decimal,
        "FLOAT4" | "FLOAT8" => ColumnType::Float,
        "DATE" => ColumnType::Date,
        "TIMESTAMPTZ" => ColumnType::Instant,
        "TIMESTAMP" => ColumnType::Local,
        _ if matches!(kind, PgTypeKind::Enum(_)) => ColumnType::Text,
        _ => ColumnType::Other,
    }
}

fn fields(row: &PgRow) -> Vec<Field> {
    (0..row.len()).map(|at| field(row, at).unwrap_or(Field::Unreadable)).collect()
}

fn field(row: &PgRow, at: usize) -> Result<Field, sqlx::Error> {
    let value = row.try_get_raw(at)?;
    if value.is_null() {
        return Ok(Field::Null);
    }
    let info = value.type_info().into_owned();
    Ok(match kind(info.name(), info.kind()) {
        // Unchecked: a text of another type, such as an enumeration, comes as the same bytes.
        ColumnType::Text => Field::Text(row.try_get_unchecked(at)?),
        ColumnType::Whole => Field::Whole(match info.name() {
            "INT2" => row.try_get::<i16, _>(at)?.into(),
            "INT4" => row.try_get::<i32, _>(at)?.into(),
            _ => row.try_get::<i64, _>(at)?.into(),
        }),
        ColumnType::Decimal => Field::Decimal(row.try_get::<Decimal, _>(at)?.to_string()),
        ColumnType::Float => Field::Float,
        // Not by the driver, which panics at infinity.
        ColumnType::Date => postgres_values::date(&value),
        ColumnType::Instant => postgres_values::instant(&value),
        ColumnType::Local => postgres_values::local(&value),
        ColumnType::Any | ColumnType::Other => Field::Unreadable,
    })
}
