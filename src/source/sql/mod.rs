//! The lender's own database as a source: instalments, or payments for instalments that are known, by a query of the
//! lender's.
//!
//! The query yields the columns of an import by their names, and `updated_at`. It is asked in pages, in the order of
//! (`updated_at`, key), each from the place after the last row of the one before, so that many rows of one instant
//! neither stall nor are lost. The key is `installment_id`, or the column `row_key` if there is one. Nothing is ever
//! written there.

mod answer;
mod connection;
mod error;
mod field;
#[cfg(feature = "mysql")]
mod mysql;
mod postgres;
mod postgres_values;
mod query;
#[cfg(feature = "mysql")]
mod session_zone;
mod sqlite;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use futures_util::future::{Either, select};
use secrecy::{ExposeSecret, SecretString};

use super::check::Checker;
use super::fault::Faults;
use super::unknown::{UnknownColumn, UnknownNames};
use super::{RejectedRow, supersede};
use crate::clock::Clock;
use crate::domain::{Amendment, AmountUnit, LedgerRow, Merchant, MerchantId, RecordKind, SourceName};
use answer::{ResultColumns, ResultShape};
use connection::{CONNECT_TIMEOUT, Connection, STATEMENT_TIMEOUT, SqlFailure};
use error::plain;
use field::{Field, Key, PageCursor};
use postgres::PostgresSource;
use sqlite::SqliteSource;

pub use error::{Problem, SqlError};
pub use query::{Dialect, Query};

/// The settings of a source.
#[derive(Debug, Clone)]
pub struct SqlSettings {
    /// Its name, under which its cursor is kept.
    pub name: SourceName,
    /// The kind of database.
    pub dialect: Dialect,
    /// Its address; may contain a password.
    pub url: SecretString,
    /// The query.
    pub query: Query,
    /// The merchant of every row, if the query yields none.
    pub merchant: Option<MerchantId>,
    /// The unit of every row's amounts, if the query does not yield it; by default the merchant's.
    pub amount_unit: Option<AmountUnit>,
    /// The zone of times that have none, and the zone of the session, in which a query computes the day of an instant.
    /// If it is `None`, the session has the database's own zone, and times without a zone are UTC.
    pub zone: Option<Tz>,
    /// The most rows that are requested at once.
    pub page: u32,
}

/// A database that can be asked.
#[derive(Debug)]
pub struct SqlSource {
    settings: SqlSettings,
    clock: Arc<dyn Clock>,
}

impl SqlSource {
    /// Connects to nothing yet.
    #[must_use]
    pub fn new(settings: SqlSettings, clock: Arc<dyn Clock>) -> Self {
        Self { settings, clock }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &SourceName {
        &self.settings.name
    }

    /// Connects and lets the database look at the query, to read what was changed at `from` or later: all of it
    /// without.
    ///
    /// # Errors
    /// When there is no connection, or the query cannot be used; the text says why and what to do.
    pub async fn open(
        &self,
        merchants: &BTreeMap<MerchantId, Merchant>,
        from: Option<DateTime<Utc>>,
    ) -> Result<SqlPages, SqlError> {
        let asking = PullContext { name: self.settings.name.clone(), clock: Arc::clone(&self.clock) };
        let mut connection = asking.within(CONNECT_TIMEOUT, connect(&self.settings)).await?;
        let columns = asking.within(CONNECT_TIMEOUT, connection.prepare()).await?;
        let mut unknown = UnknownNames::default();
        let answer =
            ResultColumns::new(&columns, (self.settings.merchant.as_ref(), self.settings.amount_unit), &mut unknown);
        Ok(SqlPages {
            answer: answer.map_err(|problem| asking.error(problem))?,
            asking,
            connection,
            checker: Checker::new(merchants),
            unknown,
            zone: self.settings.zone.unwrap_or(Tz::UTC),
            read_to: None,
            limit: self.settings.page.max(1),
            after: PageCursor::Instant(from.unwrap_or(DateTime::UNIX_EPOCH)),
            key: Key::First,
            rows: 0,
            ended: false,
        })
    }
}

async fn connect(settings: &SqlSettings) -> Result<Box<dyn Connection>, SqlFailure> {
    let (url, query, zone) = (settings.url.expose_secret(), settings.query.clone(), settings.zone);
    let unreachable = |error: sqlx::Error| SqlFailure(Problem::Unreachable(plain(&error)));
    Ok(match settings.dialect {
        Dialect::Postgres => Box::new(PostgresSource::connect(url, query, zone).await.map_err(unreachable)?),
        Dialect::Sqlite => Box::new(SqliteSource::connect(url, query, zone).await.map_err(unreachable)?),
        #[cfg(feature = "mysql")]
        Dialect::MySql => Box::new(mysql::MySqlSource::connect(url, query, zone).await.map_err(unreachable)?),
        #[cfg(not(feature = "mysql"))]
        Dialect::MySql => return Err(Problem::NotBuiltIn.into()),
    })
}

/// The name of the source for errors, and the clock for time limits.
struct PullContext {
    name: SourceName,
    clock: Arc<dyn Clock>,
}

impl PullContext {
    fn error(&self, problem: Problem) -> SqlError {
        SqlError { name: self.name.clone(), problem }
    }

    /// Gives up after `patience`: a server that has gone quietly would else be waited for without end.
    async fn within<T>(
        &self,
        patience: Duration,
        answer: impl Future<Output = Result<T, SqlFailure>>,
    ) -> Result<T, SqlError> {
        match select(Box::pin(answer), self.clock.sleep(patience)).await {
            Either::Left((answer, _)) => answer.map_err(|trouble| self.error(trouble.0)),
            Either::Right(_) => Err(self.error(Problem::Slow(patience))),
        }
    }
}

/// The sound rows of a page, in their order.
#[derive(Debug)]
pub enum PullPage {
    /// The query yields instalments.
    Rows(Vec<LedgerRow>),
    /// The query yields amounts paid, or statuses, of known instalments.
    Amendments(Vec<Amendment>),
}

/// A page of a source.
#[derive(Debug)]
pub struct SqlPage {
    /// The rows that can be applied.
    pub pulled: PullPage,
    /// The rows that cannot.
    pub rejected: Vec<RejectedRow>,
    /// Rows that were taken without these cells.
    pub left_out: Vec<RejectedRow>,
    /// The last `updated_at` so far that is a time.
    pub read_to: Option<DateTime<Utc>>,
}

/// The pages of a source, one after the other.
pub struct SqlPages {
    asking: PullContext,
    connection: Box<dyn Connection>,
    answer: ResultColumns,
    checker: Checker,
    unknown: UnknownNames,
    zone: Tz,
    /// The last time that could be read.
    read_to: Option<DateTime<Utc>>,
    limit: u32,
    after: PageCursor,
    key: Key,
    rows: u64,
    ended: bool,
}

impl SqlPages {
    /// The columns that are passed over.
    #[must_use]
    pub fn unknown_columns(&self) -> &[UnknownColumn] {
        self.unknown.names()
    }

    /// The next page; `None` at the end, which is a page that is not full.
    ///
    /// # Errors
    /// When the database fails, or the rows are not those that were asked for.
    pub async fn next(&mut self) -> Result<Option<SqlPage>, SqlError> {
        if self.ended {
            return Ok(None);
        }
        // The database's own limit, and a little for the way.
        let patience = STATEMENT_TIMEOUT + Duration::from_secs(5);
        let asked = self.connection.page(&self.after, &self.key, self.limit.into());
        let rows = self.asking.within(patience, asked).await?;
        self.ended = rows.len() < self.limit as usize;
        if rows.is_empty() {
            return Ok(None);
        }
        let end = self.places_in_order(&rows).map_err(|problem| self.asking.error(problem))?;
        self.read_to = self.last_time(&rows).or(self.read_to);
        let page = self.check(&rows, self.read_to);
        if let Some(end) = end {
            (self.after, self.key) = end;
        }
        Ok(Some(page))
    }

    fn last_time(&self, rows: &[Vec<Field>]) -> Option<DateTime<Utc>> {
        rows.iter().rev().find_map(|row| PageCursor::of(self.answer.updated_at(row), self.zone).ok()??.time(self.zone))
    }

    /// The place of the last row that has one, if the rows go on from where they should and in their order. Keys are
    /// compared only for being the same: how texts sort is the database's business, and so is where it puts what is no
    /// time.
    fn places_in_order(&self, rows: &[Vec<Field>]) -> Result<Option<(PageCursor, Key)>, Problem> {
        if rows.len() > self.limit as usize {
            return Err(Problem::TooMany);
        }
        // The first page may begin a little earlier: SQLite is asked to the second.
        let mut before = self.after.time(self.zone).filter(|_| self.key != Key::First);
        let mut end = None;
        for row in rows {
            let Some(stamp) = PageCursor::of(self.answer.updated_at(row), self.zone)? else { continue };
            if let Some(time) = stamp.time(self.zone) {
                if before.is_some_and(|before| time < before - self.connection.repeated()) {
                    return Err(Problem::Disorder);
                }
                before = Some(time);
            }
            end = Some((stamp, row));
        }
        let Some((stamp, last)) = end else {
            // A page that is not full is the last one, and nothing has to go on from it.
            return if self.ended { Ok(None) } else { Err(Problem::NoUpdatedAt) };
        };
        let key = Key::of(self.answer.key(last)).ok_or(Problem::Key(self.answer.key_name()))?;
        if (&stamp, &key) == (&self.after, &self.key) {
            return Err(Problem::Stuck);
        }
        Ok(Some((stamp, key)))
    }

    fn check(&mut self, rows: &[Vec<Field>], read_to: Option<DateTime<Utc>>) -> SqlPage {
        let (mut whole, mut amendments) = (Vec::new(), Vec::new());
        let (mut rejected, mut left_out) = (Vec::new(), Vec::new());
        let kind = match self.answer.yields {
            ResultShape::Rows => RecordKind::Row,
            ResultShape::Amendments => RecordKind::Amendment,
        };
        for row in rows {
            self.rows += 1;
            let mut faults = Faults::default();
            let place = PageCursor::of(self.answer.updated_at(row), self.zone).ok().flatten();
            if place.and_then(|place| place.time(self.zone)).is_none() {
                faults.record("updated_at is not a time of the calendar");
            }
            let texts = self.answer.texts(row, &mut faults);
            let cells = texts.cells();
            let is_sound = match kind {
                RecordKind::Row => self.checker.row(&cells, &mut faults).map(|row| {
                    supersede(&mut rejected, |record| record.is_of(&row), |record| record.left_by(&row));
                    whole.push(row);
                }),
                RecordKind::Amendment => self.checker.amendment(&cells, &mut faults).map(|one| {
                    let key = Some((&one.merchant, &one.installment));
                    supersede(&mut rejected, |record| record.key() == key, |_| None);
                    amendments.push(one);
                }),
            };
            if is_sound.is_none() {
                let record = Checker::rejected(kind, Some(&self.asking.name), &cells, &faults);
                rejected.push(RejectedRow::row(self.rows, texts.key(), faults.0, Some(Box::new(record))));
            } else if !faults.is_empty() {
                left_out.push(RejectedRow::row(self.rows, texts.key(), faults.0, None));
            }
        }
        let pulled = match kind {
            RecordKind::Row => PullPage::Rows(whole),
            RecordKind::Amendment => PullPage::Amendments(amendments),
        };
        SqlPage { pulled, rejected, left_out, read_to }
    }

    /// Ends the connection.
    pub async fn close(self) {
        let end = self.connection.close();
        _ = select(end, self.asking.clock.sleep(CONNECT_TIMEOUT)).await;
    }
}
