//! Stored addresses whose compared form SQL cannot work out, as they are not ASCII: an upgrade leaves them to
//! `dueherald migrate`.

use sqlx::FromRow;

use crate::domain::{Suppression, SuppressionReason};

/// Borrowers whose e-mail address has no key yet. Binds: limit.
pub(in crate::store) const WITHOUT_KEY: &str = r#"
    select merchant, borrower_id, email from borrower where email is not null and email_key is null
    order by borrower_id, merchant limit $1"#;

/// A row of [`WITHOUT_KEY`].
#[derive(FromRow)]
pub(in crate::store) struct WithoutKeyRow {
    pub(in crate::store) merchant: String,
    pub(in crate::store) borrower_id: String,
    pub(in crate::store) email: String,
}

/// How strict a suppression is, so that the strictest of two spellings stays: as `0011_address_key.sql` has it.
pub(in crate::store) fn strictness(one: &Suppression) -> impl Ord + use<> {
    let reason = match one.reason {
        SuppressionReason::OptedOut => 3,
        SuppressionReason::Manual => 2,
        SuppressionReason::Complained => 1,
        SuppressionReason::Bounced => 0,
    };
    (one.until.is_none(), one.until, reason)
}
