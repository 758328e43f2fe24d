//! Statements on `borrower` that take a batch: SQLite takes it as JSON. `cross join` keeps the batch the outer loop.

use crate::store::sql::borrower::borrower_columns;

/// The known borrowers of a batch. Rows: merchant, number.
pub(super) const OF_BATCH: &str = concat!(
    "select b.merchant, b.borrower_id, ",
    borrower_columns!(),
    r#"
    from json_each($1) k
    cross join borrower b on b.borrower_id = k.value ->> 1 and b.merchant = k.value ->> 0"#
);

/// Rows: the columns in the order of the insert.
macro_rules! rows {
    () => {
        r#"
    insert into borrower (merchant, borrower_id, name, phone, email, email_key, locale, time_zone, account_phone,
        sealed, verifier, hold_reason, hold_until,
        preferred_channel, preferred_hours, name_key, phone_tail)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
        value ->> 15, value ->> 16
    from json_each($1) where true"#
    };
}

/// Adds borrowers that are not known. Rows: the columns in the order of the insert.
pub(super) const ADD: &str = rows!();

/// Writes borrowers, known or not. Rows: the columns in the order of the insert.
pub(super) const UPSERT: &str = concat!(
    rows!(),
    r#"
    on conflict (borrower_id, merchant) do update set
        name = excluded.name, phone = excluded.phone, email = excluded.email,
        email_key = excluded.email_key, locale = excluded.locale,
        time_zone = excluded.time_zone, account_phone = excluded.account_phone, sealed = excluded.sealed,
            verifier = excluded.verifier,
        hold_reason = excluded.hold_reason, hold_until = excluded.hold_until,
        preferred_channel = excluded.preferred_channel, preferred_hours = excluded.preferred_hours,
        name_key = excluded.name_key, phone_tail = excluded.phone_tail"#
);
