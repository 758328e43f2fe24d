//! Values of PostgreSQL that the driver cannot decode, or panics at: infinity, and years beyond the calendar's.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Encode, Postgres, Type};

use super::field::Field;

/// From when PostgreSQL counts.
const EPOCH: NaiveDate = NaiveDate::from_ymd_opt(2000, 1, 1).expect("a day of the calendar");

/// A `date`: days since the epoch, the greatest and the least for infinity.
pub(super) fn date(value: &PgValueRef<'_>) -> Field {
    let days = raw::<4>(value).map(i32::from_be_bytes);
    let date = days.and_then(|days| EPOCH.checked_add_signed(TimeDelta::days(days.into())));
    date.map_or(Field::Unreadable, Field::Date)
}

/// A `timestamptz`: microseconds since the epoch.
pub(super) fn instant(value: &PgValueRef<'_>) -> Field {
    time(value, |local| Field::Instant(local.and_utc()))
}

/// A `timestamp`.
pub(super) fn local(value: &PgValueRef<'_>) -> Field {
    time(value, Field::Local)
}

fn time(value: &PgValueRef<'_>, field: impl FnOnce(NaiveDateTime) -> Field) -> Field {
    let Some(raw) = raw::<8>(value).map(i64::from_be_bytes) else { return Field::Unreadable };
    let time = EPOCH.and_time(NaiveTime::MIN).checked_add_signed(TimeDelta::microseconds(raw));
    // The ledger's databases have years of four digits.
    let time = time.filter(|time| (0..=9999).contains(&chrono::Datelike::year(time)));
    time.map_or(Field::OutOfRange(raw), field)
}

fn raw<const SIZE: usize>(value: &PgValueRef<'_>) -> Option<[u8; SIZE]> {
    if value.format() != PgValueFormat::Binary {
        return None;
    }
    value.as_bytes().ok()?.try_into().ok()
}

/// A time out of range, as a parameter.
pub(super) struct RawTime {
    /// As PostgreSQL counts it.
    pub(super) microseconds: i64,
    /// Whether the parameter has a zone.
    pub(super) has_zone: bool,
}

impl Type<Postgres> for RawTime {
    fn type_info() -> PgTypeInfo {
        <DateTime<Utc> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for RawTime {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<'_, Postgres>>::encode(self.microseconds, buffer)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        let without = <NaiveDateTime as Type<Postgres>>::type_info;
        Some(if self.has_zone { Self::type_info() } else { without() })
    }
}
