//! Statements for what is read beside a claim's reminders: SQLite takes a batch as JSON.

use crate::store::StoreError;
use crate::store::sql::contact::{contacts, following, shared};

use super::Tx;

/// Rows: the columns of the batch; then binds: since when, now.
pub(super) const CONTACTS: &str =
    contacts!("select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 from json_each($1)", "$2", "$3");

/// Rows: the columns of the batch.
pub(super) const FOLLOWING: &str =
    following!("select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 from json_each($1)");

/// Rows: address; then binds: how many one person would have.
pub(super) const SHARED_PHONES: &str = shared!("select value ->> 0 from json_each($1)", "phone", "$2");

/// Rows and binds: as of [`SHARED_PHONES`].
pub(super) const SHARED_EMAILS: &str = shared!("select value ->> 0 from json_each($1)", "email_key", "$2");

/// Nobody to wait for: the writing transaction is alone.
#[expect(clippy::unused_async, reason = "PostgreSQL has to lock")]
pub(super) async fn take_turns(_tx: &mut Tx, _people: &[String]) -> Result<(), StoreError> {
    Ok(())
}
