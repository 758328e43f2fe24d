//! The table `borrower`.

use sqlx::FromRow;

use super::clauses::Clause;
use super::sealing::open_personal;
use super::value::Moment;
use crate::domain::{Borrower, BorrowerKey, EmailAddress, Hold, KeyRing, Locale, PersonName, Phone, VerifierHash};
use crate::store::{BorrowerSearch, StoreError};

/// The columns of a borrower `b`, without the key.
macro_rules! borrower_columns {
    () => {
        "b.name, b.phone, b.email, b.locale, b.time_zone, b.account_phone, b.sealed, b.verifier, b.hold_reason, \
         b.hold_until, \
         b.preferred_channel, b.preferred_hours"
    };
}
pub(in crate::store) use borrower_columns;

/// The written columns of a borrower, behind merchant and number: a column, its number among the arrays of PostgreSQL,
/// its index in a row of SQLite, and its type. The order is that in which `operations` binds.
macro_rules! with_borrower_columns {
    ($use:ident) => {
        $crate::store::sql::borrower::$use! {
            "name" "$3" "2" "text", "phone" "$4" "3" "text", "email" "$5" "4" "text",
            "email_key" "$6" "5" "text", "locale" "$7" "6" "text", "time_zone" "$8" "7" "text",
            "account_phone" "$9" "8" "text", "sealed" "$10" "9" "text", "verifier" "$11" "10" "text",
            "hold_reason" "$12" "11" "text", "hold_until" "$13" "12" "timestamptz",
            "preferred_channel" "$14" "13" "text", "preferred_hours" "$15" "14" "text",
            "name_key" "$16" "15" "text", "phone_tail" "$17" "16" "text"
        }
    };
}
pub(in crate::store) use with_borrower_columns;

macro_rules! postgres_borrowers {
    ($($column:literal $array:literal $place:literal $type:literal),+) => {
        concat!(
            "insert into borrower (merchant, borrower_id", $(", ", $column,)+
            ") select * from unnest($1::text[], $2::text[]", $(", ", $array, "::", $type, "[]",)+ ")"
        )
    };
}
pub(in crate::store) use postgres_borrowers;

macro_rules! sqlite_borrowers {
    ($($column:literal $array:literal $place:literal $type:literal),+) => {
        concat!(
            "insert into borrower (merchant, borrower_id", $(", ", $column,)+
            ") select value ->> 0, value ->> 1", $(", value ->> ", $place,)+ " from json_each($1) where true"
        )
    };
}
pub(in crate::store) use sqlite_borrowers;

macro_rules! overwritten_borrower {
    (
        $first:literal $first_array:literal $first_place:literal $first_type:literal,
        $($column:literal $array:literal $place:literal $type:literal),+
    ) => {
        concat!(
            " on conflict (borrower_id, merchant) do update set ", $first, " = excluded.", $first,
            $(", ", $column, " = excluded.", $column,)+
        )
    };
}
pub(in crate::store) use overwritten_borrower;

/// The search of a merchant's borrowers. Binds: merchant; name, end of the phone number, phone number and e-mail
/// address, as they are compared; limit.
pub(in crate::store) const SEARCH: [&str; 2] = [
    concat!("select b.merchant, b.borrower_id, ", borrower_columns!(), " from borrower b where b.merchant = $1"),
    " order by b.borrower_id limit $6",
];

/// Borrowers after one who may have a name or a phone number, and of whom it is not known what they are searched by.
/// Binds: number, merchant, limit.
pub(in crate::store) const WITHOUT_SEARCH_KEYS: &str = concat!(
    "select b.merchant, b.borrower_id, ",
    borrower_columns!(),
    r#" from borrower b where (b.borrower_id, b.merchant) > ($1, $2) and b.name_key is null and b.phone_tail is null
        and (b.name is not null or b.phone is not null or b.sealed is not null)
    order by b.borrower_id, b.merchant limit $3"#
);

/// Writes what one borrower is searched by, and nothing else of the row. Binds: number, merchant, name and end of the
/// phone number as they are compared.
pub(in crate::store) const SET_SEARCH_KEYS: &str =
    "update borrower set name_key = $3, phone_tail = $4 where borrower_id = $1 and merchant = $2";

/// The clauses of a search.
pub(in crate::store) fn narrow(search: &BorrowerSearch) -> [Clause; 4] {
    [
        (search.name.is_some(), "b.name_key = $2"),
        (search.phone_tail.is_some(), "b.phone_tail = $3"),
        (search.phone.is_some(), "b.phone = $4"),
        (search.email.is_some(), "b.email_key = $5"),
    ]
}

/// The key columns of a borrower.
#[derive(FromRow)]
pub(in crate::store) struct KeyRow {
    merchant: String,
    borrower_id: String,
}

impl KeyRow {
    pub(in crate::store) fn key(&self) -> Result<BorrowerKey, StoreError> {
        read_key(&self.merchant, &self.borrower_id)
    }

    pub(in crate::store) fn is(&self, key: &BorrowerKey) -> bool {
        (self.merchant.as_str(), self.borrower_id.as_str()) == (key.merchant.as_str(), key.id.as_str())
    }
}

/// A borrower, but for the key.
#[derive(FromRow)]
pub(in crate::store) struct BorrowerRow {
    name: Option<String>,
    phone: Option<String>,
    email: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    account_phone: Option<String>,
    sealed: Option<String>,
    verifier: Option<String>,
    hold_reason: Option<String>,
    hold_until: Option<Moment>,
    preferred_channel: Option<String>,
    preferred_hours: Option<String>,
}

impl BorrowerRow {
    pub(in crate::store) fn borrower(self, key: BorrowerKey, ring: Option<&KeyRing>) -> Result<Borrower, StoreError> {
        let until = self.hold_until.map(|until| until.0);
        let [name, phone, email, account_phone] = match self.sealed {
            Some(sealed) => open_personal(ring, &key, &sealed)?,
            None => [self.name, self.phone, self.email, self.account_phone],
        };
        Ok(Borrower {
            key,
            // Earlier versions took names that no message may show; such a row must not make a batch unreadable.
            name: name.and_then(|name| PersonName::new(&name).ok()),
            phone: read_if_known(phone, "borrower.phone", Phone::new)?,
            email: read_if_known(email, "borrower.email", EmailAddress::stored)?,
            locale: read_if_known(self.locale, "borrower.locale", Locale::new)?,
            time_zone: read_if_known(self.time_zone, "borrower.time_zone", str::parse)?,
            account_phone: read_if_known(account_phone, "borrower.account_phone", Phone::new)?,
            verifier: read_if_known(self.verifier, "borrower.verifier", VerifierHash::stored)?,
            preferred_channel: read_if_known(self.preferred_channel, "borrower.preferred_channel", str::parse)?,
            preferred_hours: read_if_known(self.preferred_hours, "borrower.preferred_hours", str::parse)?,
            hold: self.hold_reason.map(|reason| Hold { reason, until }),
        })
    }
}

/// A borrower with the key.
#[derive(FromRow)]
pub(in crate::store) struct KnownBorrowerRow {
    #[sqlx(flatten)]
    key: KeyRow,
    #[sqlx(flatten)]
    borrower: BorrowerRow,
}

impl KnownBorrowerRow {
    pub(in crate::store) fn borrower(self, ring: Option<&KeyRing>) -> Result<Borrower, StoreError> {
        self.borrower.borrower(self.key.key()?, ring)
    }

    /// Merchant and number.
    pub(in crate::store) fn key(&self) -> Result<BorrowerKey, StoreError> {
        self.key.key()
    }

    /// The encrypted part, if there is one.
    pub(in crate::store) fn sealed(&self) -> Option<&str> {
        self.borrower.sealed.as_deref()
    }
}

pub(in crate::store) fn read_key(merchant: &str, borrower: &str) -> Result<BorrowerKey, StoreError> {
    Ok(BorrowerKey {
        merchant: read(merchant, "borrower.merchant", str::parse)?,
        id: read(borrower, "borrower.borrower_id", str::parse)?,
    })
}

/// Reads what this version wrote; anything else is [`StoreError::Corrupt`].
pub(in crate::store) fn read<T, E>(
    text: &str,
    column: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    parse(text).map_err(|_| StoreError::Corrupt { column })
}

pub(in crate::store) fn read_if_known<T, E>(
    text: Option<String>,
    column: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| read(&text, column, parse)).transpose()
}
