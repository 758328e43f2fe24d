//! The lender's own database as a source: instalments, or payments for instalments that are known, by a query of the
//! lender's.
//!
//! The query yields the columns of an import by their names, and `updated_at`. It is asked in pages, in the order of
//! (`updated_at`, key), each from the place after the last row of the one before, so that many rows of one instant
//! neither stall nor are lost. The key is `installment_id`, or the column `row_key` if there is one. A source may have
//! several queries, its branches, each with a place of its own. Nothing is ever written there.

mod answer;
mod connection;
mod error;
mod field;
#[cfg(feature = "mysql")]
mod mysql;
mod order;
mod plan;
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
use secrecy::SecretString;

use super::check::Checker;
use super::fault::Faults;
use super::unknown::{UnknownColumn, UnknownNames};
use super::{RejectedRow, supersede};
use crate::clock::Clock;
use crate::domain::{
    Amendment, AmountUnit, BranchName, InstallmentId, LedgerRow, Merchant, MerchantId, RecordKind, SourceName,
};
use answer::{ResultColumns, ResultShape};
use connection::{CONNECT_TIMEOUT, Connection, SqlFailure};
use error::plain;
use field::{Field, PageCursor};
use order::RowOrder;
use postgres::PostgresSource;
use sqlite::SqliteSource;

pub use error::{Problem, SqlError};
pub use plan::WholeRead;
pub use query::{Dialect, Query, checked_statement};

/// The settings of a source.
#[derive(Debug, Clone)]
pub struct SqlSettings {
    /// Its name, under which its cursors are kept.
    pub name: SourceName,
    /// The kind of database.
    pub dialect: Dialect,
    /// Its address; may contain a password.
    pub url: SecretString,
    /// The queries, at least one.
    pub branches: Vec<SqlBranch>,
    /// A statement that yields the newest instant that the lender's data has.
    pub freshness: Option<String>,
    /// The merchant of every row, if the query yields none.
    pub merchant: Option<MerchantId>,
    /// The unit of every row's amounts, if the query does not yield it; by default the merchant's.
    pub amount_unit: Option<AmountUnit>,
    /// The zone of times that have none, and the zone of the session, in which a query computes the day of an instant.
    /// If it is `None`, the session has the database's own zone, and times without a zone are UTC.
    pub zone: Option<Tz>,
    /// The most rows that are requested at once.
    pub page: u32,
    /// The query tells of no payment: another source, or the API, does.
    pub pays_elsewhere: bool,
    /// The time limit of a statement: the lender's database has other work to do. The database enforces it too, if it
    /// supports that, and a smaller limit of its own stays.
    pub statement_timeout: Duration,
}

/// A query of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlBranch {
    /// Its name, under which its cursor is kept; `None` for the only query of a source.
    pub name: Option<BranchName>,
    /// The query.
    pub query: Query,
    /// All rows of one `order_ref` have one `updated_at`, the order's: what the query yields of an order is all that
    /// there is of it.
    pub has_whole_orders: bool,
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

    /// The zone of times that have none, if the config says so.
    #[must_use]
    pub fn zone(&self) -> Option<Tz> {
        self.settings.zone
    }

    /// Its queries.
    #[must_use]
    pub fn branches(&self) -> &[SqlBranch] {
        &self.settings.branches
    }

    /// Connects.
    ///
    /// # Errors
    /// When there is no connection; the text says why and what to do.
    pub async fn connect(&self, merchants: &BTreeMap<MerchantId, Merchant>) -> Result<SqlReader, SqlError> {
        let pull = PullContext {
            name: self.settings.name.clone(),
            branch: None,
            statement_timeout: self.settings.statement_timeout,
            clock: Arc::clone(&self.clock),
        };
        let connection = pull.within(CONNECT_TIMEOUT, connect(&self.settings)).await?;
        Ok(SqlReader {
            pull,
            connection,
            checker: Checker::new(merchants),
            unknown: UnknownNames::default(),
            merchant: self.settings.merchant.clone(),
            amount_unit: self.settings.amount_unit,
            freshness: self.settings.freshness.clone(),
            dialect: self.settings.dialect,
            pays_elsewhere: self.settings.pays_elsewhere,
            zone: self.settings.zone.unwrap_or(Tz::UTC),
            limit: self.settings.page.max(1),
            rows: 0,
            first: None,
        })
    }
}

async fn connect(settings: &SqlSettings) -> Result<Box<dyn Connection>, SqlFailure> {
    let unreachable = |error: sqlx::Error| SqlFailure(Problem::Unreachable(plain(&error)));
    Ok(match settings.dialect {
        Dialect::Postgres => Box::new(PostgresSource::connect(settings).await.map_err(unreachable)?),
        Dialect::Sqlite => Box::new(SqliteSource::connect(settings).await.map_err(unreachable)?),
        #[cfg(feature = "mysql")]
        Dialect::MySql => Box::new(mysql::MySqlSource::connect(settings).await.map_err(unreachable)?),
        #[cfg(not(feature = "mysql"))]
        Dialect::MySql => return Err(Problem::NotBuiltIn.into()),
    })
}

/// The name of the source and of its branch for errors, and the clock for time limits.
struct PullContext {
    name: SourceName,
    branch: Option<BranchName>,
    statement_timeout: Duration,
    clock: Arc<dyn Clock>,
}

impl PullContext {
    fn error(&self, problem: Problem) -> SqlError {
        SqlError { name: self.name.clone(), branch: self.branch.clone(), problem }
    }

    /// The answer of a statement within the database's own limit, and a little for the way.
    async fn statement<T>(&self, answer: impl Future<Output = Result<T, SqlFailure>>) -> Result<T, SqlError> {
        self.within(self.statement_timeout + Duration::from_secs(5), answer).await
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
    /// Every row of the page, sound or not.
    pub seen: Vec<SeenRow>,
}

/// The identity of a row that a source yielded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRow {
    /// The merchant, if that can be read.
    pub merchant: Option<MerchantId>,
    /// The instalment; `None` if its merchant or number cannot be read.
    pub installment: Option<(MerchantId, InstallmentId)>,
    /// It says only that its order has no instalment.
    pub is_empty_order: bool,
    /// Its order; `None` if it has none, or none that can be read.
    pub order: Option<String>,
    /// Its `updated_at`; `None` if that is no time.
    pub updated_at: Option<DateTime<Utc>>,
}

/// A connection to a source, which reads its branches one after the other.
pub struct SqlReader {
    pull: PullContext,
    connection: Box<dyn Connection>,
    checker: Checker,
    unknown: UnknownNames,
    merchant: Option<MerchantId>,
    amount_unit: Option<AmountUnit>,
    freshness: Option<String>,
    dialect: Dialect,
    pays_elsewhere: bool,
    zone: Tz,
    limit: u32,
    rows: u64,
    /// The columns of the first branch.
    first: Option<ResultColumns>,
}

impl SqlReader {
    /// The columns that are passed over.
    #[must_use]
    pub fn unknown_columns(&self) -> &[UnknownColumn] {
        self.unknown.names()
    }

    /// The newest instant that the lender's data has; `None` if the source does not ask for it, or it has no data.
    ///
    /// # Errors
    /// When the database fails, or answers with anything but one time.
    pub async fn data_at(&mut self) -> Result<Option<DateTime<Utc>>, SqlError> {
        let Some(statement) = &self.freshness else { return Ok(None) };
        let rows = self.pull.statement(self.connection.rows(statement)).await?;
        let time = match rows.as_slice() {
            [row] => match row.as_slice() {
                [Field::Null] => return Ok(None),
                [field] => PageCursor::of(field, self.zone).ok().flatten().and_then(|stamp| stamp.time(self.zone)),
                _ => None,
            },
            _ => None,
        };
        time.map(Some).ok_or_else(|| self.pull.error(Problem::Freshness))
    }

    /// Lets the database look at the query of a branch, to read what was changed at `from` or later: all of it without.
    ///
    /// # Errors
    /// When the query cannot be used; the text says why and what to do.
    pub async fn begin(&mut self, branch: &SqlBranch, from: Option<DateTime<Utc>>) -> Result<SqlPages<'_>, SqlError> {
        self.pull.branch.clone_from(&branch.name);
        let columns = self.pull.within(CONNECT_TIMEOUT, self.connection.prepare(&branch.query)).await?;
        let answer = ResultColumns::new(&columns, (self.merchant.as_ref(), self.amount_unit), &mut self.unknown);
        let answer = answer.map_err(|problem| self.pull.error(problem))?;
        if let Some(column) = self.first.as_ref().and_then(|first| answer.difference(first)) {
            return Err(self.pull.error(Problem::OtherColumns(column.to_owned())));
        }
        if branch.has_whole_orders && !answer.has_orders() {
            return Err(self.pull.error(Problem::NoOrders));
        }
        if !self.pays_elsewhere && !answer.tells_of_payments() {
            return Err(self.pull.error(Problem::NoPayments));
        }
        if self.first.is_none() {
            self.first = Some(answer.clone());
        }
        Ok(SqlPages {
            order: RowOrder::new(from, self.zone, self.limit as usize, answer.key_name()),
            answer,
            reader: self,
            read_to: None,
            has_whole_orders: branch.has_whole_orders,
            ended: false,
        })
    }

    /// Ends the connection.
    pub async fn close(self) {
        let end = self.connection.close();
        _ = select(end, self.pull.clock.sleep(CONNECT_TIMEOUT)).await;
    }
}

/// The pages of a branch, one after the other.
pub struct SqlPages<'r> {
    reader: &'r mut SqlReader,
    answer: ResultColumns,
    order: RowOrder,
    /// The last time that could be read.
    read_to: Option<DateTime<Utc>>,
    has_whole_orders: bool,
    ended: bool,
}

impl SqlPages<'_> {
    /// Whether the query yields whole instalments.
    #[must_use]
    pub fn yields_installments(&self) -> bool {
        self.answer.yields == ResultShape::Rows
    }

    /// An error of this branch.
    #[must_use]
    pub fn error(&self, problem: Problem) -> SqlError {
        self.reader.pull.error(problem)
    }

    /// The next page; `None` at the end, which is a page that is not full.
    ///
    /// # Errors
    /// When the database fails, or the rows are not those that were asked for.
    pub async fn next(&mut self) -> Result<Option<SqlPage>, SqlError> {
        if self.ended {
            return Ok(None);
        }
        let limit = self.reader.limit as usize;
        let (after, key) = self.order.place();
        // One more row shows whether the page is the last, and whether it ends within rows of one instant.
        let asked = self.reader.connection.page(after, key, i64::from(self.reader.limit) + 1);
        let mut rows = self.reader.pull.statement(asked).await?;
        self.ended = rows.len() <= limit;
        let checked = self.order.advance(&rows, &self.answer, &*self.reader.connection);
        let ended_group = checked.map_err(|problem| self.reader.pull.error(problem))?;
        if let Some((stamp, count)) = ended_group {
            self.is_whole(&stamp, count).await?;
        }
        rows.truncate(limit);
        if rows.is_empty() {
            return Ok(None);
        }
        self.read_to = self.last_time(&rows).or(self.read_to);
        Ok(Some(self.check(&rows, self.read_to)))
    }

    /// The tables that the database reads whole for the next page, if the last one was full.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn whole_reads(&mut self) -> Result<Vec<WholeRead>, SqlError> {
        if self.ended {
            return Ok(Vec::new());
        }
        let (after, key) = self.order.place();
        let asked = self.reader.connection.explain(after, key, i64::from(self.reader.limit) + 1);
        let explained = self.reader.pull.statement(asked).await?;
        let mut found = plan::whole_reads(self.reader.dialect, &explained);
        for whole in found.iter_mut().filter(|whole| whole.rows.is_none()) {
            whole.rows = self.reader.connection.table_rows(&whole.table).await;
        }
        // SQLite tells no numbers: a table that fills a page of this size is no small one.
        found.retain(|whole| whole.rows.is_some() || self.reader.limit >= 1_000);
        Ok(found)
    }

    /// Whether the pages had all rows of an instant that more than one of them had rows of: the query may order by
    /// another key than it compares, which only the database can tell.
    async fn is_whole(&mut self, stamp: &PageCursor, count: usize) -> Result<(), SqlError> {
        let limit = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
        let asked = self.reader.connection.page(stamp, &field::Key::First, limit);
        let rows = self.reader.pull.statement(asked).await?;
        let zone = self.reader.zone;
        let is_of = |row: &&Vec<Field>| {
            PageCursor::of(self.answer.updated_at(row), zone).is_ok_and(|of| of.as_ref() == Some(stamp))
        };
        if rows.iter().filter(is_of).count() > count {
            return Err(self.reader.pull.error(Problem::Skipped));
        }
        Ok(())
    }

    fn last_time(&self, rows: &[Vec<Field>]) -> Option<DateTime<Utc>> {
        let zone = self.reader.zone;
        rows.iter().rev().find_map(|row| PageCursor::of(self.answer.updated_at(row), zone).ok()??.time(zone))
    }

    fn check(&mut self, rows: &[Vec<Field>], read_to: Option<DateTime<Utc>>) -> SqlPage {
        let (mut whole, mut amendments) = (Vec::new(), Vec::new());
        let (mut rejected, mut left_out, mut seen) = (Vec::new(), Vec::new(), Vec::new());
        let SqlReader { pull, checker, zone, rows: number, .. } = &mut *self.reader;
        let zone = *zone;
        let kind = match self.answer.yields {
            ResultShape::Rows => RecordKind::Row,
            ResultShape::Amendments => RecordKind::Amendment,
        };
        for row in rows {
            *number += 1;
            let mut faults = Faults::default();
            let place = PageCursor::of(self.answer.updated_at(row), zone).ok().flatten();
            let updated_at = place.and_then(|place| place.time(zone));
            if updated_at.is_none() {
                faults.record("updated_at is not a time of the calendar");
            }
            let texts = self.answer.texts(row, &mut faults);
            let cells = texts.cells();
            if self.has_whole_orders && texts.is_empty_order() {
                let (merchant, order) = (texts.merchant(), texts.order());
                seen.push(SeenRow { merchant, installment: None, is_empty_order: true, order, updated_at });
                continue;
            }
            let is_sound = match self.answer.yields {
                ResultShape::Rows => checker.row(&cells, &mut faults).map(|row| {
                    let row = LedgerRow { source: Some(pull.name.clone()), ..row };
                    let installment = Some((row.borrower.merchant.clone(), row.installment.clone()));
                    let order = row.order_ref.clone().apply_to(None);
                    let merchant = Some(row.borrower.merchant.clone());
                    seen.push(SeenRow { merchant, installment, is_empty_order: false, order, updated_at });
                    supersede(&mut rejected, |record| record.is_of(&row), |record| record.left_by(&row));
                    whole.push(row);
                }),
                ResultShape::Amendments => checker.amendment(&cells, &mut faults).map(|one| {
                    let key = Some((&one.merchant, &one.installment));
                    supersede(&mut rejected, |record| record.key() == key, |_| None);
                    amendments.push(one);
                }),
            };
            if is_sound.is_none() {
                let record = checker.rejected(kind, Some(&pull.name), &cells, &faults);
                seen.push(SeenRow {
                    merchant: record.merchant.clone(),
                    is_empty_order: false,
                    installment: record.key().map(|(merchant, id)| (merchant.clone(), id.clone())),
                    order: texts.order(),
                    updated_at,
                });
                rejected.push(
                    RejectedRow::row(*number, texts.key(), faults.0, Some(Box::new(record))).with_line(texts.line()),
                );
            } else if !faults.is_empty() {
                left_out.push(RejectedRow::row(*number, texts.key(), faults.0, None).with_line(texts.line()));
            }
        }
        let pulled = match self.answer.yields {
            ResultShape::Rows => PullPage::Rows(whole),
            ResultShape::Amendments => PullPage::Amendments(amendments),
        };
        SqlPage { pulled, rejected, left_out, read_to, seen }
    }
}
