//! Statements for stored addresses whose key is missing: PostgreSQL takes a batch as one array for each column.

/// Sets keys. Binds: merchants, numbers, keys.
pub(super) const SET_KEYS: &str = r#"
    update borrower b set email_key = k.email_key
    from unnest($1::text[], $2::text[], $3::text[]) as k (merchant, borrower_id, email_key)
    where b.borrower_id = k.borrower_id and b.merchant = k.merchant"#;

/// Suppressions of addresses that are not ASCII.
pub(super) const NOT_ASCII: &str = r#"
    select merchant, channel, address, sealed, reason, source, since, until from suppression
    where channel = 'email' and octet_length(address) <> char_length(address)"#;
