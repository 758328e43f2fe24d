//! The table `encryption`, and what encrypting a database and changing its keys reads and writes of other tables.

use sqlx::FromRow;

use super::borrower::borrower_columns;

/// By which the index key of an encrypted database is known; no row where it is not encrypted.
pub(in crate::store) const STATE: &str = "select index_check from encryption";

/// Records that the database is encrypted. Binds: check of the index key, now.
pub(in crate::store) const BEGIN: &str = "insert into encryption (index_check, at) values ($1, $2)";

/// Borrowers after one, in the order of their key. Binds: number, merchant, limit.
pub(in crate::store) const BORROWERS: &str = concat!(
    "select b.merchant, b.borrower_id, ",
    borrower_columns!(),
    r#" from borrower b where (b.borrower_id, b.merchant) > ($1, $2)
    order by b.borrower_id, b.merchant limit $3"#
);

/// How many there are, without a verifier, and sealed otherwise than with the first key. Binds: the first key's prefix.
pub(in crate::store) const COUNTS: &str = r#"
    select count(*) as borrowers,
        count(case when verifier is null then 1 end) as without_verifier,
        count(case when sealed is not null and substr(sealed, 1, length($1)) <> $1 then 1 end) as under_older_keys
    from borrower"#;

/// A table whose addresses are kept to show them.
pub(in crate::store) struct AddressTable {
    /// Reads the values that are not sealed with the first key. Binds: its prefix.
    pub(in crate::store) read: &'static str,
    /// Puts a blind index in the place of an address. Binds: channel, address, blind index, sealed.
    pub(in crate::store) cover: &'static str,
    /// Seals anew. Binds: channel, blind index, sealed.
    pub(in crate::store) renew: &'static str,
}

macro_rules! address_table {
    ($name:literal) => {
        AddressTable {
            read: concat!(
                "select distinct channel, address, sealed from ",
                $name,
                " where sealed is null or substr(sealed, 1, length($1)) <> $1"
            ),
            cover: concat!("update ", $name, " set address = $3, sealed = $4 where channel = $1 and address = $2"),
            renew: concat!("update ", $name, " set sealed = $3 where channel = $1 and address = $2"),
        }
    };
}

/// The tables that keep addresses to show them.
pub(in crate::store) const ADDRESS_TABLES: [AddressTable; 3] =
    [address_table!("suppression"), address_table!("reply"), address_table!("suppression_change_address")];

/// Addresses whose answers wait to be read.
pub(in crate::store) const TO_READ: &str =
    "select distinct channel, address from reply_to_read where address is not null";

/// Puts the compared form in the place of such an address. Binds: channel, address before, address now.
pub(in crate::store) const SET_TO_READ: &str =
    "update reply_to_read set address = $3 where channel = $1 and address = $2";

/// Rejected records that are not sealed with the first key. Binds: its prefix.
pub(in crate::store) const REJECTS: &str = r#"
    select id, installment_id, merchant, source, digest, cells from reject
    where substr(cells, 1, length($1)) <> $1"#;

/// Writes the cells and the digest of one. Binds: number, cells, digest.
pub(in crate::store) const SET_REJECT: &str = "update reject set cells = $2, digest = $3 where id = $1";

/// A row of [`AddressTable::read`].
#[derive(FromRow)]
pub(in crate::store) struct AddressRow {
    pub(in crate::store) channel: String,
    pub(in crate::store) address: String,
    pub(in crate::store) sealed: Option<String>,
}

/// A row of [`REJECTS`].
#[derive(FromRow)]
pub(in crate::store) struct CellsRow {
    pub(in crate::store) id: i64,
    pub(in crate::store) installment_id: String,
    pub(in crate::store) merchant: String,
    pub(in crate::store) source: String,
    pub(in crate::store) digest: String,
    pub(in crate::store) cells: String,
}

/// A row of [`COUNTS`].
#[derive(FromRow)]
pub(in crate::store) struct CountsRow {
    pub(in crate::store) borrowers: i64,
    pub(in crate::store) without_verifier: i64,
    pub(in crate::store) under_older_keys: i64,
}
