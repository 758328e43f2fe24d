//! Values that sqlx has no common form for. PostgreSQL has native types for both; SQLite would make a float of an
//! amount, and texts of unequal length, which do not sort, of times.

use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Postgres, Sqlite, Type};

/// An instant: `timestamptz`, or RFC 3339 text in UTC that always has six decimals, so that it sorts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) struct Moment(pub(in crate::store) DateTime<Utc>);

impl Moment {
    fn text(self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    fn from_text(text: &str) -> Result<Self, BoxDynError> {
        Ok(Self(DateTime::parse_from_rfc3339(text)?.to_utc()))
    }
}

/// An amount without its currency: `numeric`, or the plain decimal text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Amount(pub(in crate::store) Decimal);

impl Amount {
    fn text(self) -> String {
        self.0.to_string()
    }

    fn from_text(text: &str) -> Result<Self, BoxDynError> {
        Ok(Self(Decimal::from_str_exact(text)?))
    }
}

/// Bytes of a column of a batch: `bytea`, or hexadecimal digits in JSON.
pub(in crate::store) struct Blob<'b>(pub(in crate::store) &'b [u8]);

impl Type<Postgres> for Blob<'_> {
    fn type_info() -> PgTypeInfo {
        <&[u8] as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Blob<'_> {
    fn array_type_info() -> PgTypeInfo {
        <&[u8] as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for Blob<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <&[u8] as Encode<'_, Postgres>>::encode_by_ref(&self.0, buffer)
    }
}

impl Serialize for Blob<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let digits =
            |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]));
        serializer.serialize_str(&self.0.iter().flat_map(digits).collect::<String>())
    }
}

/// An attempt's number as it is stored. Attempts are few: 2^31 of them are out of reach.
pub(in crate::store) fn stored_attempt(attempt: u32) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}

/// A gateway's place as it is stored. No channel has 2^15 gateways.
pub(in crate::store) fn stored_gateway_index(gateway_index: u16) -> i16 {
    i16::try_from(gateway_index).unwrap_or(i16::MAX)
}

/// Maps a value to `$native` on PostgreSQL and to its text on SQLite and in JSON.
macro_rules! native_or_text {
    ($value:ident, $native:ty) => {
        impl Type<Postgres> for $value {
            fn type_info() -> PgTypeInfo {
                <$native as Type<Postgres>>::type_info()
            }
        }

        impl PgHasArrayType for $value {
            fn array_type_info() -> PgTypeInfo {
                <$native as PgHasArrayType>::array_type_info()
            }
        }

        impl Encode<'_, Postgres> for $value {
            fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
                <$native as Encode<'_, Postgres>>::encode_by_ref(&self.0, buffer)
            }
        }

        impl<'r> Decode<'r, Postgres> for $value {
            fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
                <$native as Decode<'r, Postgres>>::decode(value).map(Self)
            }
        }

        impl Type<Sqlite> for $value {
            fn type_info() -> SqliteTypeInfo {
                <String as Type<Sqlite>>::type_info()
            }
        }

        impl Encode<'_, Sqlite> for $value {
            fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
                <String as Encode<'_, Sqlite>>::encode(self.text(), buffer)
            }
        }

        impl<'r> Decode<'r, Sqlite> for $value {
            fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
                Self::from_text(<&str as Decode<'r, Sqlite>>::decode(value)?)
            }
        }

        impl Serialize for $value {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.text())
            }
        }
    };
}

native_or_text!(Moment, DateTime<Utc>);
native_or_text!(Amount, Decimal);

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::Moment;

    #[test]
    fn texts_of_instants_sort_as_the_instants_do() {
        let start = DateTime::<Utc>::UNIX_EPOCH;
        let micros = [0, 1, 10, 999_999, 1_000_000, 1_000_001, 86_400_000_000];
        let texts: Vec<_> = micros.iter().map(|&micro| Moment(start + TimeDelta::microseconds(micro)).text()).collect();
        assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
        assert_eq!(texts[3], "1970-01-01T00:00:00.999999Z");
    }
}
