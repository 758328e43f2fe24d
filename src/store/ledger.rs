//! What goes into and comes out of the ledger operations of [`Store`](super::Store).

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::{BorrowerId, BorrowerKey, InstallmentId, ManualPreferences, MerchantId};
use crate::plan::Due;

/// What an import row was, compared with the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The instalment was not known.
    New,
    /// The instalment or its borrower was known otherwise.
    Changed,
    /// Nothing to write.
    Same,
}

/// Whether what is written is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// Written.
    Commit,
    /// Only compared, to tell what would be written.
    DryRun,
}

/// The place of a [`Due`] in the order of pages.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueCursor {
    /// The due date.
    pub due_date: NaiveDate,
    /// The borrower.
    pub borrower: BorrowerKey,
}

impl DueCursor {
    /// Where the next page begins when this is the last of a page.
    #[must_use]
    pub fn after(last: &Due) -> Self {
        Self { due_date: last.due_date, borrower: last.borrower.key.clone() }
    }
}

/// What a person put in by hand about a borrower, as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferencesRecord {
    /// When.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// What, in words: the text of [`ContactPreferences`](crate::domain::ContactPreferences).
    pub said: String,
}

impl From<&ManualPreferences> for PreferencesRecord {
    fn from(one: &ManualPreferences) -> Self {
        Self { at: one.at, actor: one.actor.clone(), said: one.preferences.to_string() }
    }
}

/// Which instalments to list. What is `None` does not narrow.
#[derive(Debug, Clone, Default)]
pub struct InstallmentFilter {
    /// Of this merchant.
    pub merchant: Option<MerchantId>,
    /// Owed by this borrower.
    pub borrower: Option<BorrowerId>,
    /// With this number.
    pub installment: Option<InstallmentId>,
    /// At most so many.
    pub limit: u32,
}
