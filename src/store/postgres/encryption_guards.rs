//! Constraints that hold a database as a whole encrypted or not: a process that has other keys than the database, or
//! none, can write nothing of the other kind.

/// Ends those of a database that is not encrypted, as `0100_first.sql` makes them.
pub(super) const OF_PLAIN: &[&str] = &[
    "alter table borrower drop constraint encryption",
    "alter table suppression drop constraint encryption",
    "alter table reply drop constraint encryption",
    "alter table reply_to_read drop constraint encryption",
    "alter table suppression_change_address drop constraint encryption",
    "alter table reject drop constraint encryption",
];

/// Makes those of an encrypted one.
pub(super) const OF_ENCRYPTED: &[&str] = &[
    "alter table borrower add constraint encryption check (
        sealed is not null and name is null and email is null and account_phone is null
        and coalesce(name_key, ':') like ':%' and coalesce(phone_tail, ':') like ':%')",
    "alter table suppression add constraint encryption check (sealed is not null)",
    "alter table reply add constraint encryption check (sealed is not null)",
    "alter table reply_to_read add constraint encryption check (address like ':%')",
    "alter table suppression_change_address add constraint encryption check (sealed is not null)",
    "alter table reject add constraint encryption check (cells not like '{%')",
];
