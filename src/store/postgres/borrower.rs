//! Statements on `borrower` that take a batch: PostgreSQL takes it as one array for each column.

use crate::store::sql::borrower::borrower_columns;

/// What is known of a batch's borrowers. Binds: merchants, numbers.
pub(super) const OF_BATCH: &str = concat!(
    "select b.merchant, b.borrower_id, ",
    borrower_columns!(),
    r#"
    from unnest($1::text[], $2::text[]) as k (merchant, borrower_id)
    join borrower b on b.borrower_id = k.borrower_id and b.merchant = k.merchant"#
);

/// Writes borrowers as an import has them; a hold is not the import's business. Binds: the columns in the order of the insert.
pub(super) const UPSERT: &str = r#"
    insert into borrower (merchant, borrower_id, name, phone, email, locale, time_zone, account_phone)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
    on conflict (borrower_id, merchant) do update set
        name = excluded.name, phone = excluded.phone, email = excluded.email, locale = excluded.locale,
        time_zone = excluded.time_zone, account_phone = excluded.account_phone"#;
