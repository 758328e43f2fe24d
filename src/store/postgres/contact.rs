//! Statements for what is read beside a claim's reminders: PostgreSQL takes a batch as one array for each column.

use crate::store::StoreError;
use crate::store::sql::contact::{contacts, following, shared};

use super::Tx;

/// Binds: the columns of the batch, since when, now.
pub(super) const CONTACTS: &str =
    contacts!("select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])", "$6", "$7");

/// Binds: the columns of the batch.
pub(super) const FOLLOWING: &str =
    following!("select * from unnest($1::bigint[], $2::text[], $3::text[], $4::date[], $5::date[])");

/// Binds: addresses, how many one person would have.
pub(super) const SHARED_PHONES: &str = shared!("select * from unnest($1::text[])", "phone", "$2::bigint");

/// Binds: as of [`SHARED_PHONES`].
pub(super) const SHARED_EMAILS: &str = shared!("select * from unnest($1::text[])", "email_key", "$2::bigint");

/// Lets claims over the same person take turns until they end. In the order of the array, which is everybody's, so that
/// two cannot lock each other out. Binds: names of people.
const TURNS: &str = "select pg_advisory_xact_lock(hashtextextended(person, 0)) from unnest($1::text[]) as p (person)";

/// Waits for other claims over these people, which must be in order and each there once. What they did is seen by every
/// statement after this one.
pub(super) async fn take_turns(tx: &mut Tx, people: &[String]) -> Result<(), StoreError> {
    sqlx::query(TURNS).bind(people).execute(&mut **tx).await?;
    Ok(())
}
