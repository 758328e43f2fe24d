//! The values in a database's column, and their conversion to cells of an import.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::error::Problem;
use crate::source::Column;

/// The name of the column that the pages go by.
pub(super) const UPDATED_AT: &str = "updated_at";
/// The name of the column that tells rows of one instant apart, if it is not `installment_id`.
pub(super) const ROW_KEY: &str = "row_key";

/// The type of a column, as far as an import needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Text,
    Whole,
    Decimal,
    Float,
    Date,
    /// A time with a zone.
    Instant,
    /// A time without.
    Local,
    /// Of each value its own.
    Any,
    Other,
}

/// A column of the query's answer.
#[derive(Debug, Clone)]
pub(super) struct ResultColumn {
    pub(super) name: String,
    pub(super) kind: ColumnType,
    /// The database's word for its type.
    pub(super) found: String,
}

/// One value.
#[derive(Clone)]
pub(super) enum Field {
    Null,
    Text(String),
    Whole(i128),
    Decimal(String),
    Float,
    Date(NaiveDate),
    Instant(DateTime<Utc>),
    Local(NaiveDateTime),
    /// A time of PostgreSQL that is out of the calendar's range, above all infinity, as PostgreSQL counts it.
    OutOfRange(i64),
    /// Of a type that is not read, or a date that no calendar has.
    Unreadable,
}

impl Field {
    pub(super) fn kind(&self) -> ColumnType {
        match self {
            Self::Null => ColumnType::Any,
            Self::Text(_) => ColumnType::Text,
            Self::Whole(_) => ColumnType::Whole,
            Self::Decimal(_) => ColumnType::Decimal,
            Self::Float => ColumnType::Float,
            Self::Date(_) => ColumnType::Date,
            Self::Instant(_) => ColumnType::Instant,
            Self::Local(_) => ColumnType::Local,
            Self::OutOfRange(_) | Self::Unreadable => ColumnType::Other,
        }
    }

    /// As a cell; null is an empty one.
    pub(super) fn cell(&self) -> String {
        match self {
            Self::Text(text) | Self::Decimal(text) => text.trim().to_owned(),
            Self::Whole(number) => number.to_string(),
            Self::Date(date) => date.to_string(),
            _ => String::new(),
        }
    }
}

/// The advice for the query if the column cannot be of that kind; reads on from the name of the kind.
pub(super) fn unsuited(column: Column, kind: ColumnType) -> Option<&'static str> {
    let is_amount = matches!(column, Column::Amount | Column::PaidAmount);
    match (column, kind) {
        (_, ColumnType::Any | ColumnType::Text) | (Column::DueDate, ColumnType::Date) => None,
        // The day of an instant depends on the zone in which it is asked for.
        (Column::DueDate, ColumnType::Instant) => Some(
            "write its day where the lender is: (due_at at time zone 'Asia/Shanghai')::date in PostgreSQL, and in \
             MySQL date(due_at) \
             with the source's time_zone = \"Asia/Shanghai\"",
        ),
        (Column::DueDate, _) => Some("write cast(… as date), or a text such as 2026-03-31"),
        (_, ColumnType::Whole | ColumnType::Decimal) => None,
        _ if is_amount => Some("amounts must be exact: write cast(… as decimal(18, 2)), or a text such as 128.50"),
        _ => Some("write it as text: cast(… as char(64)), in PostgreSQL …::text"),
    }
}

/// The place of a row in the order of pages, in the database's own form, so that it compares equal to itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PageCursor {
    Instant(DateTime<Utc>),
    Local(NaiveDateTime),
    /// SQLite: with the text as it was read; `None` before the first row.
    Text(Option<String>, DateTime<Utc>),
    /// PostgreSQL: out of the calendar's range.
    OutOfRange(i64),
    /// SQLite: a text that is no time.
    NoTime(String),
}

impl PageCursor {
    /// The place of a row; `None` for a value that cannot be read, which cannot be gone on from either.
    pub(super) fn of(field: &Field, zone: Tz) -> Result<Option<Self>, Problem> {
        Ok(Some(match field {
            Field::Instant(instant) => Self::Instant(*instant),
            Field::Local(local) => Self::Local(*local),
            Field::Text(text) => match instant_of_text(text, zone) {
                Some(instant) => Self::Text(Some(text.clone()), instant),
                None => Self::NoTime(text.clone()),
            },
            Field::OutOfRange(raw) => Self::OutOfRange(*raw),
            Field::Unreadable => return Ok(None),
            _ => return Err(Problem::NoUpdatedAt),
        }))
    }

    /// The time, if it is one of the calendar.
    pub(super) fn time(&self, zone: Tz) -> Option<DateTime<Utc>> {
        match self {
            Self::Instant(instant) | Self::Text(_, instant) => Some(*instant),
            Self::Local(local) => Some(instant_of_local(*local, zone)),
            Self::OutOfRange(_) | Self::NoTime(_) => None,
        }
    }

    /// The time, for a database that has no others.
    pub(super) fn instant(&self, zone: Tz) -> DateTime<Utc> {
        self.time(zone).unwrap_or(DateTime::UNIX_EPOCH)
    }

    pub(super) fn local(&self, zone: Tz) -> NaiveDateTime {
        match self {
            Self::Local(local) => *local,
            other => other.instant(zone).with_timezone(&zone).naive_local(),
        }
    }

    /// For SQLite, which compares letter by letter. The first one is a little early rather than late, whatever form the
    /// column has.
    pub(super) fn text(&self, zone: Tz) -> String {
        match self {
            Self::Text(Some(text), _) | Self::NoTime(text) => text.clone(),
            other => other.local(zone).format("%Y-%m-%d %H:%M:%S").to_string(),
        }
    }
}

/// A local time that a change of clocks repeats is the first of the two, one that it leaves out the instant of the
/// change.
pub(super) fn instant_of_local(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&local) {
        LocalResult::Single(one) | LocalResult::Ambiguous(one, _) => one.to_utc(),
        LocalResult::None => local.and_utc() - chrono::Offset::fix(&zone.offset_from_utc_datetime(&local)),
    }
}

fn instant_of_text(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    if let Ok(zoned) = DateTime::parse_from_rfc3339(text) {
        return Some(zoned.to_utc());
    }
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    let local = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    Some(instant_of_local(local, zone))
}

/// The key that distinguishes the rows of one instant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// Before every other.
    First,
    Whole(i128),
    Text(String),
}

impl Key {
    pub(super) fn of(field: &Field) -> Option<Self> {
        match field {
            Field::Whole(number) => Some(Self::Whole(*number)),
            Field::Text(text) => Some(Self::Text(text.clone())),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::First => String::new(),
            Self::Whole(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    /// As a whole number of the parameter's size; `None` if it is none.
    pub(super) fn whole<T: TryFrom<i128> + DatabaseInteger>(&self) -> Option<T> {
        match self {
            Self::First => Some(T::LEAST),
            Self::Whole(number) => T::try_from(*number).ok(),
            Self::Text(text) => T::try_from(text.trim().parse().ok()?).ok(),
        }
    }
}

/// A whole number as databases have them.
pub(super) trait DatabaseInteger {
    const LEAST: Self;
}

macro_rules! bounded {
    ($($integer:ty),+) => { $(impl DatabaseInteger for $integer { const LEAST: Self = <$integer>::MIN; })+ };
}
bounded!(i16, i32, i64, u64);
