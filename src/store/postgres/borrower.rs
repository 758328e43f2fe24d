//! Statements on `borrower` that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::sql::borrower::borrower_columns;

/// The known borrowers of a batch. `offset 0` forces one lookup per borrower: a plan made while the table was empty
/// would read the whole table. Binds: merchants, numbers.
pub(super) const OF_BATCH: &str = concat!(
    "select b.merchant, b.borrower_id, ",
    borrower_columns!(),
    r#"
    from unnest($1::text[], $2::text[]) as k (merchant, borrower_id)
    cross join lateral (
        select * from borrower b where b.borrower_id = k.borrower_id and b.merchant = k.merchant offset 0
    ) b"#
);

/// Binds: the columns in the order of the insert.
macro_rules! rows {
    () => {
        r#"
    insert into borrower (merchant, borrower_id, name, phone, email, email_key, locale, time_zone, account_phone,
        sealed, verifier, hold_reason, hold_until,
        preferred_channel, preferred_hours, name_key, phone_tail)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
        $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::text[], $15::text[],
        $16::text[], $17::text[])"#
    };
}

/// Adds borrowers that are not known. Binds: the columns in the order of the insert.
pub(super) const ADD: &str = rows!();

/// Writes borrowers, known or not. Binds: the columns in the order of the insert.
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
