//! Statements for stored addresses whose key is missing: SQLite takes a batch as JSON.

/// Sets keys. Rows: merchant, number, key.
pub(super) const SET_KEYS: &str = r#"
    update borrower set email_key = k.value ->> 2 from json_each($1) k
    where borrower.borrower_id = k.value ->> 1 and borrower.merchant = k.value ->> 0"#;

/// Suppressions of addresses that are not ASCII.
pub(super) const NOT_ASCII: &str = r#"
    select merchant, channel, address, sealed, reason, source, since, until from suppression
    where channel = 'email' and length(cast(address as blob)) <> length(address)"#;
